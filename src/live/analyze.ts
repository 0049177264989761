import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {TableDescriptor} from '../catalog/descriptors.ts';
import {assertNever} from '../common/errors.ts';
import {columnsOf} from '../expr/analyze.ts';
import type {BoundExpr, ColumnExpr} from '../expr/bound.ts';
import type {LimitPlan, Plan, QueryPlan, SortKey, TableScanPlan} from '../sql/plan/plan.ts';
import {type FoundAccess, findAccess} from './access-key.ts';
import {conjunction, conjunctsOf, replaceColumns} from './expr-columns.ts';
import {exprText} from './expr-text.ts';
import {ConstantLifter} from './lift-constants.ts';
import {type AnyShape, type LiveShape, PSEUDO_COLUMNS, type WindowShape} from './live-shape.ts';
import {checkExpression, hashOf, readsSession, unsupported, valuesOf} from './determinism.ts';
import {resultShape} from './analyze-result.ts';

/** Decides how a planned SELECT is kept live; 0A000 with the cause when it cannot be. */
export function analyzeLive(plan: QueryPlan, catalog: CatalogSnapshot): AnyShape {
  if (plan.kind !== 'select') throw unsupported(`${plan.kind.toUpperCase()} statements`);
  const below = unfold(plan.root);
  if ('cause' in below) return resultShape(plan, catalog, below.cause);
  if (catalog.tableByOid(below.scan.table) === undefined) throw unsupported('system relations');
  const cause = rowCause(below, catalog);
  if (cause !== null) return resultShape(plan, catalog, cause);
  const shape = rowShape(plan, catalog, below);
  return below.limit === null ? shape : windowShape(shape, below.limit);
}

function windowShape(shape: LiveShape, limit: LimitPlan): WindowShape {
  const id = hashOf([
    shape.queryId,
    'window',
    ...shape.order.map(key => `${exprText(key.expr)} ${key.descending} ${key.nullsFirst}`),
    limit.limit === null ? '' : exprText(limit.limit),
    limit.offset === null ? '' : exprText(limit.offset),
  ]);
  const bounds = [limit.limit, limit.offset].filter(expr => expr !== null);
  const values = new Map(
    [...shape.values, ...valuesOf([...bounds, ...shape.order.map(key => key.expr)])].map(value => [
      `${value.kind}${value.index}`,
      value,
    ]),
  );
  return {
    class: 'B',
    queryId: id,
    id: hashOf([id, shape.id]),
    inner: {...shape, id: hashOf([shape.id, id])},
    keys: shape.order,
    limit: limit.limit,
    offset: limit.offset,
    columns: shape.columns,
    values: [...values.values()],
    constants: shape.constants,
    parameterCount: shape.parameterCount,
    schemaVersion: shape.schemaVersion,
  };
}

/** Why a query of one table is not kept row by row: what it reads changes without a change of the row. Null when it is. */
function rowCause(below: Unfolded, catalog: CatalogSnapshot): string | null {
  const table = catalog.tableByOid(below.scan.table)!;
  const attnums = table.columns.filter(column => !column.isDropped).map(column => column.attnum);
  const overRow = scanToRow(below.scan, attnums);
  for (const condition of below.conditions) {
    for (const position of columnsOf([replaceColumns(condition, overRow)])) {
      const pseudo = PSEUDO_COLUMNS[position - attnums.length];
      // The old image does not know what its _seq was.
      if (pseudo === 'seq') return 'a condition on _seq';
      if (pseudo === 'ctid' || pseudo === 'rid') return 'a condition on ctid';
    }
  }
  return null;
}

function rowShape(plan: QueryPlan, catalog: CatalogSnapshot, below: Unfolded): LiveShape {
  const {scan, conditions, projection, order} = below;
  const table = catalog.tableByOid(scan.table)!;
  const attnums = table.columns.filter(column => !column.isDropped).map(column => column.attnum);
  const overRow = scanToRow(scan, attnums);
  const lifter = new ConstantLifter(plan.parameterTypes.length);
  const conjuncts = conditions.map(condition =>
    lifter.conjunct(replaceColumns(condition, overRow)),
  );
  const targets = projection.map(expr => replaceColumns(expr, overRow));
  const keys = order.map(key => ({...key, expr: replaceColumns(key.expr, overRow)}));
  for (const expr of [...conjuncts, ...targets, ...keys.map(key => key.expr)])
    checkExpression(expr);
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
    order: keys,
    columns: plan.columns,
    attnums,
    filterPositions: [...new Set([...filterPositions, ...accessPositions])],
    projectionPositions: [
      ...new Set([...projectionPositions, ...columnsOf(keys.map(key => key.expr))]),
    ],
    readsPseudo: [...filterPositions, ...projectionPositions].some(
      position => position >= attnums.length,
    ),
    readsSession: readsSession([...conjuncts, ...targets, ...keys.map(key => key.expr)]),
    keyPositions: primaryKey(scan, attnums, catalog),
    values: valuesOf([
      ...conjuncts,
      ...targets,
      ...keys.map(key => key.expr),
      ...accessValues(found, scan),
    ]),
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
  readonly order: readonly SortKey[];
  readonly limit: LimitPlan | null;
}

interface Cause {
  readonly cause: string;
}

/** Follows a plan down to its one scan, writing every expression over that scan's outputs; else what is in the way. */
function unfold(root: Plan): Unfolded | Cause {
  if (root.kind === 'tableScan') return scanned(root);
  if (
    root.kind !== 'filter' &&
    root.kind !== 'project' &&
    root.kind !== 'sort' &&
    root.kind !== 'limit'
  )
    return {cause: CAUSES[root.kind] ?? root.kind};
  const below = unfold(root.input);
  if ('cause' in below) return below;
  const over = (expr: BoundExpr): BoundExpr =>
    replaceColumns(expr, column => below.projection[column.index]!);
  switch (root.kind) {
    case 'filter':
      if (below.limit !== null) return {cause: 'LIMIT in a subquery'};
      return {
        ...below,
        conditions: [...below.conditions, ...conjunctsOf(over(root.condition))],
      };
    case 'project':
      return {...below, projection: root.exprs.map(over)};
    case 'sort':
      if (below.limit !== null) return {cause: 'LIMIT in a subquery'};
      return {...below, order: root.keys.map(key => ({...key, expr: over(key.expr)}))};
    case 'limit':
      if (below.limit !== null) return {cause: 'LIMIT in a subquery'};
      if (root.tieKeys !== null) return {cause: 'WITH TIES'};
      return {...below, limit: root};
    default:
      return assertNever(root);
  }
}

function scanned(scan: TableScanPlan): Unfolded {
  return {
    scan,
    conditions: conjunctsOf(scan.filter),
    projection: scan.columns.map(
      (column, index): ColumnExpr => ({kind: 'column', index, ...column, location: -1}),
    ),
    order: [],
    limit: null,
  };
}

/** What makes a query one of class E, by plan node. */
const CAUSES: Readonly<Partial<Record<Plan['kind'], string>>> = {
  systemScan: 'system relations',
  values: 'VALUES or without FROM',
  projectSet: 'set-returning functions',
  functionScan: 'functions in FROM',
  hashJoin: 'joins',
  nestedLoop: 'joins',
  apply: 'subqueries',
  aggregate: 'aggregates or GROUP BY',
  window: 'window functions',
  distinct: 'DISTINCT',
  append: 'UNION',
  setOp: 'INTERSECT or EXCEPT',
  with: 'WITH',
  cteScan: 'WITH',
  recursiveUnion: 'WITH RECURSIVE',
  workTableScan: 'WITH RECURSIVE',
};

/** Columns of the scan's batches as columns of the stored row. */
function scanToRow(
  scan: TableScanPlan,
  attnums: readonly number[],
): (column: ColumnExpr) => BoundExpr {
  return column => {
    const output = scan.outputs[column.index]!;
    if (output === 'location') throw unsupported('row locations');
    if (typeof output === 'number') return {...column, index: attnums.indexOf(output)};
    return {...column, index: attnums.length + PSEUDO_COLUMNS.indexOf(output)};
  };
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
    ...shape.order.map(key => `${text(key.expr)} ${key.descending} ${key.nullsFirst}`),
    shape.columns.map(column => `${column.name} ${column.type.oid} ${column.typmod}`).join(','),
  ];
  return parts.join('\n');
}
