import type {IndexDescriptor} from '../../catalog/descriptors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {isVolatile} from '../../expr/analyze.ts';
import {coerceImplicit, relabel} from '../bind/coerce.ts';
import {baseType, coercionPath} from '../bind/coercion-path.ts';
import {joinAnd} from '../bind/conjuncts.ts';
import type {ColumnId, ScanColumn, ScanNode} from '../bind/logical.ts';
import {
  extend,
  idsIn,
  type PhysicalPlanner,
  layoutOf,
  noLayout,
  type OuterSlots,
  type Planned,
} from './planner.ts';
import type {Plan, PushedPredicate, TableScanPlan} from './plan.ts';

const maxLookupKeys = 1000;

/** A condition `column op value` whose value does not depend on the scanned row. */
interface Sargable {
  readonly condition: BoundExpr;
  readonly column: ScanColumn;
  readonly op: PushedPredicate['op'];
  readonly value: BoundExpr | null;
  readonly isArray: boolean;
}

/** A scan with the conditions on its columns: key lookup, pruning predicates and the filter. */
export function planScan(
  planner: PhysicalPlanner,
  scan: ScanNode,
  conditions: readonly BoundExpr[],
  needed: readonly ColumnId[],
  outer: OuterSlots,
): Planned {
  planner.state.know(scan.columns);
  const own = new Map(scan.columns.map(column => [column.id, column]));
  const sargable = conditions.flatMap(condition => sargableOf(planner, own, condition) ?? []);
  const lookup = scan.relation.kind === 'table' ? findLookup(planner, scan, sargable) : null;
  const consumed = new Set(lookup?.consumed.map(item => item.condition) ?? []);
  const filters = conditions.filter(condition => !consumed.has(condition));
  const layout = extend(
    needed.filter(id => own.has(id)),
    filters,
  ).filter(id => own.has(id));
  const positions = layoutOf(layout);
  const filter = joinAnd(filters.map(condition => planner.state.expr(condition, positions, outer)));
  const value = (expr: BoundExpr): BoundExpr => planner.state.expr(expr, noLayout, outer);
  const rows = planner.state.estimator.filtered(scan, conditions);
  const base = planner.state.base(planner.state.describe(layout), rows);
  if (scan.relation.kind === 'systemRelation') {
    const equals = systemLookup(sargable);
    const plan: Plan = {
      kind: 'systemScan',
      ...base,
      relation: scan.relation.oid,
      relationName: scan.relation.name,
      alias: scan.alias,
      asker: scan.asker,
      outputs: layout.map(id => own.get(id)!.source as number),
      filter,
      equals:
        equals === null
          ? null
          : {attnum: equals.column.source as number, value: value(equals.value!)},
    };
    return {plan, layout};
  }
  const owner = sargable.find(item => item.column.source === 'userId' && item.op === '=');
  const plan: TableScanPlan = {
    kind: 'tableScan',
    ...base,
    table: scan.relation.oid,
    tableName: scan.relation.name,
    alias: scan.alias,
    scope: scan.scope,
    outputs: layout.map(id => own.get(id)!.source),
    filter,
    pushed:
      lookup !== null
        ? []
        : sargable
            .filter(item => typeof item.column.source === 'number')
            .map(item => ({
              column: item.column.source as number,
              op: item.op,
              values: item.value === null ? [] : [value(item.value)],
              isArray: item.isArray,
            })),
    lookup:
      lookup === null
        ? null
        : {index: lookup.index.oid, keys: lookup.keys.map(key => key.map(value))},
    ownerEquals: owner === undefined ? null : value(owner.value!),
    order: null,
  };
  return {plan, layout};
}

const flipped: Readonly<Record<string, PushedPredicate['op']>> = {
  '=': '=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

function sargableOf(
  planner: PhysicalPlanner,
  own: ReadonlyMap<ColumnId, ScanColumn>,
  condition: BoundExpr,
): Sargable | null {
  if (isVolatile(condition)) return null;
  if (condition.kind === 'nullTest' && !condition.isRow) {
    const column = columnOf(own, condition.arg);
    return column === null
      ? null
      : {
          condition,
          column,
          op: condition.negated ? 'isNotNull' : 'isNull',
          value: null,
          isArray: false,
        };
  }
  if (condition.kind === 'scalarArray' && condition.operatorName === '=' && !condition.isAll) {
    const column = columnOf(own, condition.left);
    if (column === null || dependsOn(own, condition.array)) return null;
    const element = baseType(condition.array.type).element;
    if (element === null || !isSameStorage(baseType(column.type).oid, baseType(element).oid))
      return null;
    return {condition, column, op: 'in', value: condition.array, isArray: true};
  }
  if (condition.kind !== 'call' || condition.args.length !== 2) return null;
  const op = flipped[condition.operatorName];
  if (op === undefined) return null;
  const [left, right] = condition.args as [BoundExpr, BoundExpr];
  for (const [side, other, actual] of [
    [left, right, condition.operatorName as PushedPredicate['op']],
    [right, left, op],
  ] as const) {
    const column = columnOf(own, side);
    if (column === null || dependsOn(own, other)) continue;
    const value = asColumnType(planner, other, column);
    return value === null ? null : {condition, column, op: actual, value, isArray: false};
  }
  return null;
}

function columnOf(own: ReadonlyMap<ColumnId, ScanColumn>, expr: BoundExpr): ScanColumn | null {
  const inner = expr.kind === 'relabel' ? expr.arg : expr;
  return inner.kind === 'column' ? (own.get(inner.index) ?? null) : null;
}

function dependsOn(own: ReadonlyMap<ColumnId, ScanColumn>, expr: BoundExpr): boolean {
  return idsIn([expr]).some(id => own.has(id)) || isVolatile(expr);
}

/** text, varchar and name hold the same values; so do oid and its aliases. */
function isSameStorage(left: number, right: number): boolean {
  if (left === right) return true;
  const strings = [25, 1043, 19];
  const oids = [26, 24, 2202, 2203, 2204, 2205, 2206];
  return (
    (strings.includes(left) && strings.includes(right)) ||
    (oids.includes(left) && oids.includes(right))
  );
}

const integerWidth: Readonly<Record<number, number>> = {21: 2, 23: 4, 20: 8};

/** The value in the column's type; null when the conversion could change the comparison. */
function asColumnType(
  planner: PhysicalPlanner,
  value: BoundExpr,
  column: ScanColumn,
): BoundExpr | null {
  const target = baseType(column.type);
  const source = baseType(value.type);
  if (source.oid === target.oid)
    return value.type.oid === target.oid ? value : relabel(value, target);
  if (isSameStorage(source.oid, target.oid)) return relabel(value, target);
  const from = integerWidth[source.oid];
  const to = integerWidth[target.oid];
  if (from === undefined || to === undefined || from > to) return null;
  return coercionPath(planner.state.binding, source, target, 'implicit') === null
    ? null
    : coerceImplicit(planner.state.binding, value, target);
}

interface Lookup {
  readonly index: IndexDescriptor;
  readonly keys: readonly (readonly BoundExpr[])[];
  readonly consumed: readonly Sargable[];
}

/** An index all of whose keys are bound by equality (one of them may be an IN list). */
function findLookup(
  planner: PhysicalPlanner,
  scan: ScanNode,
  sargable: readonly Sargable[],
): Lookup | null {
  const {catalog} = planner.state.binding.context;
  let best: Lookup | null = null;
  for (const index of catalog.indexesOf(scan.relation.oid)) {
    if (
      index.predicateText !== null ||
      index.method === 'bloom' ||
      index.keys.some(key => key.attnum === 0)
    )
      continue;
    const lookup = bindKeys(index, sargable);
    if (lookup !== null && (best === null || (index.isUnique && !best.index.isUnique)))
      best = lookup;
  }
  return best;
}

function bindKeys(index: IndexDescriptor, sargable: readonly Sargable[]): Lookup | null {
  let keys: BoundExpr[][] = [[]];
  const consumed: Sargable[] = [];
  for (const key of index.keys) {
    const equal = sargable.find(item => item.column.source === key.attnum && item.op === '=');
    if (equal !== undefined) {
      keys = keys.map(prefix => [...prefix, equal.value!]);
      consumed.push(equal);
      continue;
    }
    const list = sargable.find(
      item => item.column.source === key.attnum && item.op === 'in' && item.value!.kind === 'array',
    );
    if (list === undefined || list.value!.kind !== 'array' || list.value!.isMultiDimensional)
      return null;
    const elements = list.value!.elements;
    if (elements.length * keys.length > maxLookupKeys) return null;
    const type = list.column.type;
    if (
      elements.some(
        element =>
          baseType(element.type).oid !== baseType(type).oid &&
          !isSameStorage(baseType(element.type).oid, baseType(type).oid),
      )
    )
      return null;
    keys = keys.flatMap(prefix =>
      elements.map(element => [...prefix, relabel(element, baseType(type))]),
    );
    if (keys.length === 1) consumed.push(list);
  }
  return {index, keys, consumed};
}

const lookupNames = [
  'oid',
  'attrelid',
  'indexrelid',
  'indrelid',
  'conrelid',
  'contypid',
  'adrelid',
  'objoid',
  'conname',
  'relname',
  'typname',
  'nspname',
  'proname',
  'rolname',
  'datname',
  'relnamespace',
  'enumtypid',
  'seqrelid',
  'typrelid',
  'indexrelid',
];

/** The equality by which a system relation is best looked up. */
function systemLookup(sargable: readonly Sargable[]): Sargable | null {
  const equal = sargable.filter(item => item.op === '=');
  for (const name of lookupNames) {
    const found = equal.find(item => item.column.name === name);
    if (found !== undefined) return found;
  }
  return equal[0] ?? null;
}
