import type {CatalogSnapshot} from '../catalog/contract.ts';
import {isRunConstant} from '../expr/analyze.ts';
import type {BoundExpr, CallExpr, ScalarArrayExpr} from '../expr/bound.ts';
import type {TableScanPlan} from '../sql/plan/plan.ts';
import type {TypeInstance} from '../types/contract.ts';
import {exprText} from './expr-text.ts';
import type {AccessKey} from './live-shape.ts';

/** An access key with the conjuncts that it does not answer. */
export interface FoundAccess {
  readonly access: AccessKey;
  readonly rest: readonly BoundExpr[];
}

/**
 * The equalities of a condition (over stored rows) that can be a hash key: the planner's key lookup, `column = value`
 * conjuncts, or one `column IN (...)`.
 */
export function findAccess(
  scan: TableScanPlan,
  conjuncts: readonly BoundExpr[],
  attnums: readonly number[],
  catalog: CatalogSnapshot,
): FoundAccess | null {
  return (
    fromLookup(scan, conjuncts, attnums, catalog) ??
    fromEqualities(conjuncts, attnums.length) ??
    fromList(conjuncts, attnums.length)
  );
}

function fromLookup(
  scan: TableScanPlan,
  conjuncts: readonly BoundExpr[],
  attnums: readonly number[],
  catalog: CatalogSnapshot,
): FoundAccess | null {
  const {lookup} = scan;
  if (lookup === null) return null;
  const index = catalog.indexesOf(scan.table).find(each => each.oid === lookup.index);
  if (
    index === undefined ||
    index.keys.some(key => key.attnum === 0) ||
    index.predicateText !== null
  )
    return null;
  const positions = index.keys.map(key => attnums.indexOf(key.attnum));
  const types = index.keys.map(key => catalog.typeByOid(scanType(scan, catalog, key.attnum))!);
  const access: AccessKey = {positions, types, keys: lookup.keys, list: null};
  if (lookup.keys.length !== 1) return {access, rest: conjuncts};
  // The conjuncts that the lookup was made from: their values are taken, so that a lifted constant stays one value.
  const keys = [...lookup.keys[0]!];
  const found = new Set<number>();
  const rest = conjuncts.filter(conjunct => {
    const equality = equalityOf(conjunct, attnums.length);
    const at = equality === null ? -1 : positions.indexOf(equality.position);
    if (at === -1 || found.has(at) || !isSameValue(keys[at]!, equality!.value)) return true;
    found.add(at);
    keys[at] = equality!.value;
    return false;
  });
  return {access: {...access, keys: [keys]}, rest};
}

/** A lookup's value and the one of the conjunct, whose constant may be a parameter already. */
function isSameValue(planned: BoundExpr, lifted: BoundExpr): boolean {
  return lifted.kind === 'param' && planned.kind === 'constant'
    ? planned.type.oid === lifted.type.oid
    : exprText(planned) === exprText(lifted);
}

function scanType(
  scan: TableScanPlan,
  catalog: CatalogSnapshot,
  attnum: number,
): TypeInstance['oid'] {
  return catalog.tableByOid(scan.table)!.columns.find(column => column.attnum === attnum)!.typeOid;
}

interface Equality {
  readonly position: number;
  readonly type: TypeInstance;
  readonly value: BoundExpr;
}

function fromEqualities(conjuncts: readonly BoundExpr[], storedCount: number): FoundAccess | null {
  const equalities: Equality[] = [];
  const rest: BoundExpr[] = [];
  for (const conjunct of conjuncts) {
    const equality = equalityOf(conjunct, storedCount);
    const isNew =
      equality !== null && !equalities.some(each => each.position === equality.position);
    if (isNew) equalities.push(equality);
    else rest.push(conjunct);
  }
  if (equalities.length === 0) return null;
  equalities.sort((a, b) => a.position - b.position);
  return {
    access: {
      positions: equalities.map(each => each.position),
      types: equalities.map(each => each.type),
      keys: [equalities.map(each => each.value)],
      list: null,
    },
    rest,
  };
}

function fromList(conjuncts: readonly BoundExpr[], storedCount: number): FoundAccess | null {
  for (const conjunct of conjuncts) {
    if (conjunct.kind !== 'scalarArray' || conjunct.isAll) continue;
    const found = listOf(conjunct, storedCount);
    if (found !== null) return {access: found, rest: conjuncts.filter(each => each !== conjunct)};
  }
  return null;
}

function listOf(expr: ScalarArrayExpr, storedCount: number): AccessKey | null {
  const column = columnPosition(expr.left, storedCount);
  const {element} = expr.array.type;
  if (column === -1 || element === null || !isFixed(expr.array)) return null;
  const isHashable =
    isIntegerPair(expr.source) ||
    (EQUALITIES.has(expr.source) && expr.left.type.oid === element.oid);
  return isHashable ? {positions: [column], types: [element], keys: [], list: expr.array} : null;
}

/** prosrc of equalities within one type that agree with the type's key bytes. */
const EQUALITIES: ReadonlySet<string> = new Set([
  'texteq',
  'nameeq',
  'bpchareq',
  'booleq',
  'chareq',
  'byteaeq',
  'uuid_eq',
  'date_eq',
  'time_eq',
  'timetz_eq',
  'timestamp_eq',
  'timestamptz_eq',
  'interval_eq',
  'numeric_eq',
  'float4eq',
  'float8eq',
  'enum_eq',
  'oideq',
]);

/** Integers of two widths are keys of one kind. */
function isIntegerPair(source: string): boolean {
  return /^int[248]{1,2}eq$/.test(source);
}

function equalityOf(expr: BoundExpr, storedCount: number): Equality | null {
  if (expr.kind !== 'call' || expr.args.length !== 2) return null;
  const [left, right] = expr.args as readonly [BoundExpr, BoundExpr];
  if (!isHashable(expr, left, right)) return null;
  const leftAt = columnPosition(left, storedCount);
  if (leftAt !== -1 && isFixed(right)) return {position: leftAt, type: right.type, value: right};
  const rightAt = columnPosition(right, storedCount);
  if (rightAt !== -1 && isFixed(left)) return {position: rightAt, type: left.type, value: left};
  return null;
}

function isHashable(call: CallExpr, left: BoundExpr, right: BoundExpr): boolean {
  return (
    isIntegerPair(call.source) || (EQUALITIES.has(call.source) && left.type.oid === right.type.oid)
  );
}

function columnPosition(expr: BoundExpr, storedCount: number): number {
  let inner = expr;
  while (inner.kind === 'relabel') inner = inner.arg;
  return inner.kind === 'column' && inner.index < storedCount ? inner.index : -1;
}

/** One value per subscription, known when it opens. */
function isFixed(expr: BoundExpr): boolean {
  return isRunConstant(expr);
}
