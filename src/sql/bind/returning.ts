import type {Node} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {applySubqueries, type Block, type RangeItem} from './block.ts';
import {collectColumns} from './expr-map.ts';
import {freeColumnsOfQuery} from './logical-walk.ts';
import type {
  BoundQuery,
  DmlQuery,
  LogicalColumn,
  LogicalNode,
  OutputColumn,
  SubqueryExpr,
} from './logical.ts';
import {bindTargets} from './targets.ts';
import {throughView, type ViewRow} from './updatable-view.ts';

/** RETURNING as the changed row gives it, and what is computed above when it has subqueries. */
export interface BoundReturning {
  readonly exprs: readonly BoundExpr[];
  readonly columns: readonly OutputColumn[];
  readonly above: DmlQuery['above'];
}

/** RETURNING as expressions and output columns. */
export function bindReturning(
  block: Block,
  nodes: readonly Node[],
  seen: ViewRow | null = null,
): BoundReturning | null {
  if (nodes.length === 0) return null;
  const targets = block.within('RETURNING', () => bindTargets(block, nodes, true));
  const subqueries = block.takeSubqueries();
  const columns = targets.map(
    (target): OutputColumn => ({
      ...block.binding.newColumn(target.name, target.expr.type, target.expr.typmod),
      tableOid: target.tableOid,
      attnum: target.attnum,
    }),
  );
  if (seen !== null && seen.subqueries.length > 0)
    throw featureNotSupported('RETURNING of a view with subqueries is not supported');
  const exprs = targets.map(target => throughView(seen, target.expr));
  if (subqueries.length === 0) return {exprs, columns, above: null};
  const computed = [...(seen?.computed.values() ?? [])];
  const inputs = [...exprs, ...computed.map(item => item.expr)];
  const made = new Set(computed.map(item => item.column.id));
  const items = [...block.items, ...(seen?.items ?? [])];
  const read = columnsRead(items, made, inputs, subqueries);
  return {
    exprs: read.map(column => block.binding.columnExpr(column)),
    columns,
    above: {read, computed, subqueries, exprs},
  };
}

/** The columns of the changed row, and of FROM, that expressions and subqueries use; `made` are computed of them. */
function columnsRead(
  items: readonly RangeItem[],
  made: ReadonlySet<number>,
  exprs: readonly BoundExpr[],
  subqueries: readonly SubqueryExpr[],
): LogicalColumn[] {
  const used = new Set<number>();
  for (const expr of exprs) collectColumns(expr, used);
  for (const {query, test} of subqueries) {
    for (const id of freeColumnsOfQuery(query)) used.add(id);
    if (test !== null) {
      const own = new Set(query.columns.map(column => column.id));
      const inTest = new Set<number>();
      collectColumns(test, inTest);
      for (const id of inTest) if (!own.has(id)) used.add(id);
    }
  }
  for (const {column} of subqueries) used.delete(column.id);
  for (const id of made) used.delete(id);
  return [...used].map(id => {
    for (const item of items) {
      const found =
        item.columns.find(column => column.id === id) ??
        item.scan?.columns.find(column => column.id === id);
      if (found !== undefined)
        return {id, name: found.name, type: found.type, typmod: found.typmod};
    }
    throw featureNotSupported('this column in a subquery of RETURNING is not supported');
  });
}

/** A statement whose RETURNING has subqueries is a WITH query that they read: they see what the statement saw. */
export function withReturning(binding: Binding, query: DmlQuery): DmlQuery | BoundQuery {
  const above = query.above ?? null;
  if (above === null) return query;
  const id = binding.newCte();
  const name = 'returning';
  const origin = {tableOid: oid(0), attnum: 0};
  const changed: DmlQuery = {
    ctes: [],
    node: query.node,
    columns: above.read.map(column => ({...column, ...origin})),
  };
  const scan: LogicalNode = {kind: 'cteScan', cte: id, name, columns: above.read};
  const row: LogicalNode =
    above.computed.length === 0 ? scan : {kind: 'compute', input: scan, outputs: above.computed};
  const body: LogicalNode = {
    kind: 'compute',
    input: applySubqueries(row, above.subqueries),
    outputs: query.columns.map((column, index) => ({column, expr: above.exprs[index]!})),
  };
  const cte = {id, name, query: changed, isDataModifying: true, isMain: true};
  return {node: {kind: 'with', ctes: [...query.ctes, cte], body}, columns: query.columns};
}
