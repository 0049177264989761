import {assert} from '../common/errors.ts';
import {oid} from '../common/ids.ts';
import {columnsOf} from '../expr/analyze.ts';
import type {BoundExpr, ColumnExpr} from '../expr/bound.ts';
import type {Plan, PlanColumn, SortKey, TableScanPlan} from '../sql/plan/plan.ts';
import type {TableStorage} from '../storage/contract.ts';
import type {TypeLookup} from '../types/contract.ts';
import {replaceColumns} from './expr-columns.ts';
import {type LiveShape, PSEUDO_COLUMNS} from './live-shape.ts';

/** What a snapshot of a subscription reads. */
export interface SnapshotPlanOptions {
  /** Target list over the stored row. */
  readonly projection: readonly BoundExpr[];
  readonly table: TableStorage;
  readonly types: TypeLookup;
  /** Only the newest rows by commit, oldest of them first; null = all. */
  readonly lastRows: number | null;
  /** Only so many in the order of the query, ties by row id. */
  readonly limit?: number;
}

/** The plan of a live query's first rows: the same scan, with the columns that matching reads. */
export function snapshotPlan(shape: LiveShape, options: SnapshotPlanOptions): Plan {
  const {projection, table} = options;
  const filters = shape.filter === null ? [] : [shape.filter];
  const sortExprs = shape.order.map(key => key.expr);
  const positions = columnsOf([...filters, ...projection, ...sortExprs]);
  const outputs = positions.map(position => outputAt(shape, position));
  const columns = positions.map(position => columnAt(shape, position, options));
  const seqAt = outputs.length;
  if (options.lastRows !== null) {
    outputs.push('seq');
    columns.push({name: '_seq', type: typeOf(options.types, 20), typmod: -1});
  }
  if (outputs.length === 0) {
    outputs.push('rid');
    columns.push({name: 'rid', type: typeOf(options.types, 20), typmod: -1});
  }
  const toOutput = (column: ColumnExpr): ColumnExpr => ({
    ...column,
    index: positions.indexOf(column.index),
  });
  const scan: TableScanPlan = {
    ...shape.scan,
    outputs,
    columns,
    filter: shape.filter === null ? null : replaceColumns(shape.filter, toOutput),
    order: null,
  };
  assert(table.oid === shape.table, 'the snapshot reads the table of the query');
  const newest =
    options.lastRows === null ? scan : newestRows(scan, seqAt, options.lastRows, options.types);
  const keys = shape.order.map(key => ({...key, expr: replaceColumns(key.expr, toOutput)}));
  const input = sortedRows(newest, keys, ridKey(shape, positions, options), options);
  return {
    kind: 'project',
    id: -1,
    estimatedRows: scan.estimatedRows,
    columns: projection.map((expr, index) => ({
      name: shape.columns[index]?.name ?? '?column?',
      type: expr.type,
      typmod: expr.typmod,
    })),
    input,
    exprs: projection.map(expr => replaceColumns(expr, toOutput)),
  };
}

function outputAt(shape: LiveShape, position: number): TableScanPlan['outputs'][number] {
  return shape.attnums[position] ?? PSEUDO_COLUMNS[position - shape.attnums.length]!;
}

function columnAt(shape: LiveShape, position: number, options: SnapshotPlanOptions): PlanColumn {
  const attnum = shape.attnums[position];
  if (attnum !== undefined) {
    const column = options.table.columns.find(
      each => (each.catalogAttnum ?? each.attnum) === attnum,
    )!;
    return {name: column.name, type: column.type, typmod: column.typmod};
  }
  const name = PSEUDO_COLUMNS[position - shape.attnums.length]!;
  return {name, type: typeOf(options.types, PSEUDO_TYPES[name]), typmod: -1};
}

/** Types of the pseudo columns in a scan's batches: int8, oid, text. */
const PSEUDO_TYPES: Readonly<Record<(typeof PSEUDO_COLUMNS)[number], number>> = {
  rid: 20,
  seq: 20,
  owner: 26,
  userId: 25,
  tableoid: 26,
  ctid: 27,
};

function typeOf(types: TypeLookup, wanted: number): PlanColumn['type'] {
  const type = types.typeByOid(oid(wanted));
  assert(type !== undefined, 'a built-in type exists');
  return type;
}

/** The row id as the last sort key, where the projection has it. */
function ridKey(
  shape: LiveShape,
  positions: readonly number[],
  options: SnapshotPlanOptions,
): SortKey | null {
  const index = positions.indexOf(shape.attnums.length + PSEUDO_COLUMNS.indexOf('rid'));
  if (index === -1) return null;
  const type = typeOf(options.types, 20);
  const expr: BoundExpr = {kind: 'column', index, type, typmod: -1, location: -1};
  return {expr, descending: false, nullsFirst: false};
}

function sortedRows(
  input: Plan,
  keys: readonly SortKey[],
  rid: SortKey | null,
  options: SnapshotPlanOptions,
): Plan {
  const all = rid === null || options.limit === undefined ? keys : [...keys, rid];
  if (all.length === 0) return input;
  const {columns} = input;
  const limit = options.limit === undefined ? null : int8Constant(options.limit, options.types);
  const estimatedRows = options.limit ?? input.estimatedRows;
  const sorted: Plan = {kind: 'sort', id: -5, columns, estimatedRows, input, keys: all, limit};
  if (limit === null) return sorted;
  return {
    ...{kind: 'limit', id: -6, columns, estimatedRows},
    ...{input: sorted, limit, offset: null, tieKeys: null},
  };
}

function int8Constant(value: number, types: TypeLookup): BoundExpr {
  const type = typeOf(types, 20);
  return {kind: 'constant', value: BigInt(value), type, typmod: -1, location: -1};
}

function newestRows(scan: TableScanPlan, seqAt: number, count: number, types: TypeLookup): Plan {
  const int8 = typeOf(types, 20);
  const seq: BoundExpr = {kind: 'column', index: seqAt, type: int8, typmod: -1, location: -1};
  const limit = int8Constant(count, types);
  const base = {columns: scan.columns, estimatedRows: count};
  const newestFirst: SortKey[] = [{expr: seq, descending: true, nullsFirst: false}];
  const oldestFirst: SortKey[] = [{expr: seq, descending: false, nullsFirst: false}];
  const sorted: Plan = {kind: 'sort', id: -2, ...base, input: scan, keys: newestFirst, limit};
  const limited: Plan = {
    kind: 'limit',
    id: -3,
    ...base,
    input: sorted,
    limit,
    offset: null,
    tieKeys: null,
  };
  return {kind: 'sort', id: -4, ...base, input: limited, keys: oldestFirst, limit: null};
}
