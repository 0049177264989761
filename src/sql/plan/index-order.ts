import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {IndexDescriptor} from '../../catalog/descriptors.ts';
import {splitAnd} from '../bind/conjuncts.ts';
import type {Plan, SortKey, TableScanPlan} from './plan.ts';

const RANGE_OPS: ReadonlySet<string> = new Set(['=', '<', '<=', '>', '>=']);

/**
 * The index whose order a sort with a limit wants of its scan, or null. Only where the index also bounds every condition: else reading in
 * order could pass over the whole table, row by row, to find a few. Storage decides at execution whether it can (and whether it pays).
 */
export function indexOrder(
  catalog: CatalogSnapshot,
  input: Plan,
  keys: readonly SortKey[],
): TableScanPlan['order'] {
  if (input.kind !== 'tableScan' || input.lookup !== null || input.scope === 'all') return null;
  const table = catalog.tableByOid(input.table);
  if (table === undefined || keys.length === 0) return null;
  const {descending} = keys[0]!;
  const sorted: number[] = [];
  for (const key of keys) {
    if (key.expr.kind !== 'column' || key.descending !== descending) return null;
    const attnum = input.outputs[key.expr.index];
    if (typeof attnum !== 'number') return null;
    const column = table.columns.find(each => each.attnum === attnum);
    // Indexes have NULLs behind all values.
    if (column === undefined || (key.nullsFirst !== descending && !column.isNotNull)) return null;
    sorted.push(attnum);
  }
  const conditions = input.filter === null ? 0 : splitAnd(input.filter).length;
  const found = catalog
    .indexesOf(table.oid)
    .find(index => fits(index, input, sorted) && boundConditions(index, input) === conditions);
  return found === undefined ? null : {index: found.oid, descending};
}

/** Whether the sort columns follow each other in the index: from its start, or behind a first column that is fixed by equality. */
function fits(index: IndexDescriptor, input: TableScanPlan, sorted: readonly number[]): boolean {
  if (index.method !== 'btree' || index.predicateText !== null) return false;
  if (index.keys.some(key => key.attnum === 0)) return false;
  const isFixed = input.pushed.some(
    each => each.column === index.keys[0]!.attnum && each.op === '=' && !each.isArray,
  );
  const starts = isFixed ? [0, 1] : [0];
  return starts.some(start =>
    sorted.every((attnum, i) => index.keys[start + i]?.attnum === attnum),
  );
}

/** How many conditions the range on the first column of an index stands for. */
function boundConditions(index: IndexDescriptor, input: TableScanPlan): number {
  const {attnum} = index.keys[0]!;
  return input.pushed.filter(
    each => each.column === attnum && RANGE_OPS.has(each.op) && !each.isArray,
  ).length;
}
