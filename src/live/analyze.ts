import {createHash} from 'node:crypto';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {TableDescriptor} from '../catalog/descriptors.ts';
import {featureNotSupported, type PgError} from '../common/errors.ts';
import {columnsOf} from '../expr/analyze.ts';
import type {BoundExpr, ColumnExpr} from '../expr/bound.ts';
import {walkExpr} from '../expr/children.ts';
import type {Plan, QueryPlan, TableScanPlan} from '../sql/plan/plan.ts';
import {type FoundAccess, findAccess} from './access-key.ts';
import {conjunction, conjunctsOf, replaceColumns} from './expr-columns.ts';
import {exprText} from './expr-text.ts';
import {ConstantLifter} from './lift-constants.ts';
import {type LiveShape, PSEUDO_COLUMNS, type ValueRef} from './live-shape.ts';

/** Decides how a planned SELECT is kept live; 0A000 with the cause when it cannot be. */
export function analyzeLive(plan: QueryPlan, catalog: CatalogSnapshot): LiveShape {
  if (plan.kind !== 'select') throw unsupported(`${plan.kind.toUpperCase()} statements`);
  const {scan, conditions, projection} = unfold(plan.root);
  const table = catalog.tableByOid(scan.table);
  if (table === undefined) throw unsupported('system relations');
  const attnums = table.columns.filter(column => !column.isDropped).map(column => column.attnum);
  const overRow = scanToRow(scan, attnums);
  const lifter = new ConstantLifter(plan.parameterTypes.length);
  const conjuncts = conditions.map(condition =>
    lifter.conjunct(replaceColumns(condition, overRow)),
  );
  const targets = projection.map(expr => replaceColumns(expr, overRow));
  for (const condition of conjuncts) checkCondition(condition, attnums.length);
  for (const target of targets) checkExpression(target);
  const found = liftedAccess(findAccess(scan, conjuncts, attnums, catalog), lifter);
  const filter = conjunction(conjuncts);
  const filterPositions = columnsOf([
    ...conjuncts,
    ...(scan.ownerEquals === null ? [] : [scan.ownerEquals]),
  ]);
  const accessPositions = found === null ? [] : found.access.positions;
  const projectionPositions = columnsOf(targets);
  const shape: Omit<LiveShape, 'id' | 'queryId'> = {
    class: 'A',
    table: scan.table,
    tableName: scan.tableName,
    scope: scan.scope,
    scan,
    filter,
    access: found === null ? null : found.access,
    residual: found === null ? filter : conjunction(found.rest),
    projection: targets,
    columns: plan.columns,
    attnums,
    filterPositions: [...new Set([...filterPositions, ...accessPositions])],
    projectionPositions,
    readsPseudo: [...filterPositions, ...projectionPositions].some(
      position => position >= attnums.length,
    ),
    keyPositions: primaryKey(scan, attnums, catalog),
    values: valuesOf([...conjuncts, ...targets, ...accessValues(found, scan)]),
    constants: lifter.values,
    parameterCount: plan.parameterTypes.length,
    schemaVersion: table.schemaVersion,
  };
  const queryId = hashOf([queryText(shape, table)]);
  return {...shape, queryId, id: hashOf([queryId, attnums.join(','), String(table.schemaVersion)])};
}

function primaryKey(
  scan: TableScanPlan,
  attnums: readonly number[],
  catalog: CatalogSnapshot,
): readonly number[] {
  const primary = catalog.indexesOf(scan.table).find(index => index.isPrimary);
  return primary === undefined ? [] : primary.keys.map(key => attnums.indexOf(key.attnum));
}

interface Unfolded {
  readonly scan: TableScanPlan;
  /** Over the scan's outputs. */
  readonly conditions: readonly BoundExpr[];
  readonly projection: readonly BoundExpr[];
}

/** Follows projections and filters down to the one scan, writing every expression over its outputs. */
function unfold(root: Plan): Unfolded {
  if (root.kind === 'tableScan') {
    return {
      scan: root,
      conditions: conjunctsOf(root.filter),
      projection: root.columns.map(
        (column, index): ColumnExpr => ({kind: 'column', index, ...column, location: -1}),
      ),
    };
  }
  if (root.kind === 'filter') {
    const below = unfold(root.input);
    const condition = replaceColumns(root.condition, column => below.projection[column.index]!);
    return {...below, conditions: [...below.conditions, ...conjunctsOf(condition)]};
  }
  if (root.kind === 'project') {
    const below = unfold(root.input);
    return {
      ...below,
      projection: root.exprs.map(expr =>
        replaceColumns(expr, column => below.projection[column.index]!),
      ),
    };
  }
  throw cause(root);
}

const CAUSES: Readonly<Record<Exclude<Plan['kind'], 'tableScan' | 'filter' | 'project'>, string>> =
  {
    systemScan: 'system relations',
    values: 'VALUES or without FROM',
    projectSet: 'set-returning functions',
    functionScan: 'functions in FROM',
    hashJoin: 'joins',
    nestedLoop: 'joins',
    apply: 'subqueries',
    sort: 'ORDER BY',
    limit: 'LIMIT or OFFSET',
    aggregate: 'aggregates or GROUP BY',
    window: 'window functions',
    distinct: 'DISTINCT',
    append: 'UNION',
    setOp: 'INTERSECT or EXCEPT',
    with: 'WITH',
    cteScan: 'WITH',
    recursiveUnion: 'WITH RECURSIVE',
    workTableScan: 'WITH RECURSIVE',
    lockRows: 'FOR UPDATE or FOR SHARE',
    insert: 'INSERT',
    update: 'UPDATE',
    delete: 'DELETE',
    merge: 'MERGE',
  };

function cause(plan: Exclude<Plan, {kind: 'tableScan' | 'filter' | 'project'}>): PgError {
  return unsupported(CAUSES[plan.kind]);
}

function unsupported(what: string): PgError {
  return featureNotSupported(`live queries with ${what} are not supported yet`, {
    hint: 'A live query selects from one table, with a WHERE clause and expressions over the columns of that table.',
  });
}

/** Columns of the scan's batches as columns of the stored row. */
function scanToRow(
  scan: TableScanPlan,
  attnums: readonly number[],
): (column: ColumnExpr) => BoundExpr {
  return column => {
    const output = scan.outputs[column.index]!;
    if (typeof output === 'number') return {...column, index: attnums.indexOf(output)};
    if (output === 'location') throw unsupported('row locations');
    return {...column, index: attnums.length + PSEUDO_COLUMNS.indexOf(output)};
  };
}

function checkCondition(condition: BoundExpr, storedCount: number): void {
  checkExpression(condition);
  for (const position of columnsOf([condition])) {
    const pseudo = PSEUDO_COLUMNS[position - storedCount];
    // The old image does not know what its _seq was.
    if (pseudo === 'seq') throw unsupported('a condition on _seq');
    if (pseudo === 'ctid' || pseudo === 'rid') throw unsupported('a condition on ctid');
  }
}

/** STABLE functions whose result depends on settings only, which a subscription keeps as they were at its start. */
const SETTING_ONLY: readonly RegExp[] = [
  /^(text_concat|text_format|textanycat|anytextcat|concat|array_to_text|format_type)/,
  /^(to_json|row_to_json|array_to_json|jsonb?_build)/,
  /^(\w+_to_char|to_timestamp|to_date|cash_)/,
  /^(timestamptz_(?!age)|timestamp_timestamptz|date_timestamptz|extract_timestamptz)/,
  /^(date|timestamp)_(eq|ne|lt|le|gt|ge|cmp)_timestamptz/,
  /^(record_|enum_|array_(eq|ne|lt|le|gt|ge))/,
];

function checkExpression(expr: BoundExpr): void {
  walkExpr(expr, node => {
    if (node.kind === 'outer') throw unsupported('outer references');
    if (
      node.kind === 'sessionValue' &&
      (node.name.startsWith('current_') || node.name.startsWith('local'))
    ) {
      if (/date|time/.test(node.name)) throw unsupported(`${node.name.toUpperCase()}`);
    }
    if (node.kind !== 'call' || node.volatility === 'i') return;
    if (node.volatility === 'v') throw unsupported(`the volatile function ${node.functionName}()`);
    if (!SETTING_ONLY.some(known => known.test(node.source)))
      throw unsupported(`the function ${node.functionName}(), which is not immutable,`);
  });
}

/** The constants of a planned key lookup are lifted, too; those of conjuncts are already. */
function liftedAccess(found: FoundAccess | null, lifter: ConstantLifter): FoundAccess | null {
  if (found === null) return null;
  return {
    ...found,
    access: {
      ...found.access,
      keys: found.access.keys.map(key => key.map(part => lifter.value(part))),
    },
  };
}

function accessValues(found: FoundAccess | null, scan: TableScanPlan): readonly BoundExpr[] {
  const keys = found === null ? [] : found.access.keys.flat();
  return scan.ownerEquals === null ? keys : [...keys, scan.ownerEquals];
}

function valuesOf(exprs: readonly BoundExpr[]): ValueRef[] {
  const found = new Map<string, ValueRef>();
  for (const expr of exprs) {
    walkExpr(expr, node => {
      if (node.kind !== 'param' && node.kind !== 'slot') return;
      const key = `${node.kind}${node.index}`;
      if (!found.has(key)) found.set(key, {kind: node.kind, index: node.index, type: node.type});
    });
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** What the query means, with columns by attnum: equal before and after a change of the table that it does not notice. */
function queryText(shape: Omit<LiveShape, 'id' | 'queryId'>, table: TableDescriptor): string {
  const {attnums, access, scan} = shape;
  const byAttnum = (column: ColumnExpr): ColumnExpr => ({
    ...column,
    index: attnums[column.index] ?? attnums.length - column.index - 1,
  });
  const text = (expr: BoundExpr): string => exprText(replaceColumns(expr, byAttnum));
  const parts = [
    String(table.oid),
    shape.scope,
    shape.filter === null ? '' : text(shape.filter),
    scan.ownerEquals === null ? '' : exprText(scan.ownerEquals),
    access === null
      ? ''
      : `${access.positions.map(position => attnums[position]).join(',')}=${access.keys.flat().map(exprText).join(',')}`,
    ...shape.projection.map(text),
    shape.columns.map(column => `${column.name} ${column.type.oid} ${column.typmod}`).join(','),
  ];
  return parts.join('\n');
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 22);
}
