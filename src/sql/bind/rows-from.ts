import {oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import type {BoundQuery, LogicalColumn, LogicalNode, LogicalSetCall} from './logical.ts';
import {comparison} from './operators.ts';
import {TypeOid} from './type-oids.ts';

/** A function of FROM: a query in its place, or the call. */
export interface RowsPart {
  readonly query: BoundQuery | null;
  readonly call: LogicalSetCall;
}

interface Numbered {
  readonly node: LogicalNode;
  readonly number: LogicalColumn;
  readonly columns: readonly LogicalColumn[];
}

/** ROWS FROM (f(), g()) [WITH ORDINALITY] where some are queries: their numbered rows side by side, shorter ones filled with NULL. */
export function rowsFrom(
  binding: Binding,
  parts: readonly RowsPart[],
  ordinality: LogicalColumn | null,
): {readonly node: LogicalNode; readonly columns: readonly LogicalColumn[]} {
  const [first, ...others] = parts.map(part => numbered(binding, part));
  let rows = first!;
  for (const part of others) rows = beside(binding, rows, part);
  if (others.length > 0) {
    const expr = binding.columnExpr(rows.number);
    const keys = [{expr, descending: false, nullsFirst: false}];
    rows = {...rows, node: {kind: 'sort', input: rows.node, keys}};
  }
  if (ordinality === null) return rows;
  const outputs = [{column: ordinality, expr: binding.columnExpr(rows.number)}];
  return {
    node: {kind: 'compute', input: rows.node, outputs},
    columns: [...rows.columns, ordinality],
  };
}

function numbered(binding: Binding, {query, call}: RowsPart): Numbered {
  const type = binding.type(TypeOid.int8);
  const number = binding.newColumn('ordinality', type, -1);
  if (query === null)
    return {
      node: {kind: 'functionScan', alias: '', functions: [call], ordinality: number},
      number,
      columns: call.columns,
    };
  const row = binding.context.catalog.builtin.functionByOid(oid(3100))!;
  const numbering = {
    ...{function: row.oid, source: row.source, name: row.name, type},
    ...{isAggregate: false, args: [], filter: null},
  };
  const node: LogicalNode = {
    kind: 'window',
    input: query.node,
    partitionBy: [],
    orderBy: [],
    frame: {
      mode: 'range',
      start: {kind: 'unboundedPreceding', offset: null},
      end: {kind: 'currentRow', offset: null},
      exclude: 'noOthers',
    },
    calls: [{column: number, call: numbering}],
  };
  return {node, number, columns: query.columns};
}

function beside(binding: Binding, left: Numbered, right: Numbered): Numbered {
  const [a, b] = [binding.columnExpr(left.number), binding.columnExpr(right.number)];
  const number = binding.newColumn('ordinality', left.number.type, -1);
  const either: BoundExpr = {
    ...{kind: 'coalesce', type: left.number.type, typmod: -1, location: -1},
    args: [a, b],
  };
  const node: LogicalNode = {
    kind: 'join',
    joinType: 'full',
    left: left.node,
    right: right.node,
    on: [comparison(binding, '=', a, b, -1)],
    isNullAware: false,
  };
  return {
    node: {kind: 'compute', input: node, outputs: [{column: number, expr: either}]},
    number,
    columns: [...left.columns, ...right.columns],
  };
}
