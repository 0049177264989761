import {oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import type {LogicalColumn, LogicalNode, LogicalSetCall} from './logical.ts';
import {binaryOperator} from './operators.ts';
import {TypeOid} from './type-oids.ts';

const ROW_NUMBER = {function: oid(3100), source: 'window_row_number', name: 'row_number'};

interface Numbered {
  readonly node: LogicalNode;
  readonly number: LogicalColumn;
}

/** Rows of several queries side by side in their order, as ROWS FROM has them: the shorter ones are filled up with NULL. */
export function rowsTogether(binding: Binding, queries: readonly LogicalNode[]): LogicalNode {
  const [first, ...others] = queries.map(node => numbered(binding, node));
  const joined = others.reduce((left, right) => beside(binding, left, right), first!);
  const key = {expr: binding.columnExpr(joined.number), descending: false, nullsFirst: false};
  return {kind: 'sort', input: joined.node, keys: [key]};
}

/** Calls of a target list's functions with code of their own as a query. */
export function functionRows(functions: readonly LogicalSetCall[]): LogicalNode {
  return {kind: 'projectSet', input: {kind: 'values', rows: [[]], columns: []}, functions};
}

function numbered(binding: Binding, input: LogicalNode): Numbered {
  const type = binding.type(TypeOid.int8);
  const number = binding.newColumn('ordinality', type, -1);
  const call = {...ROW_NUMBER, type, isAggregate: false, args: [], filter: null};
  const node: LogicalNode = {
    kind: 'window',
    input,
    partitionBy: [],
    orderBy: [],
    frame: {
      mode: 'range',
      start: {kind: 'unboundedPreceding', offset: null},
      end: {kind: 'currentRow', offset: null},
      exclude: 'noOthers',
    },
    calls: [{column: number, call}],
  };
  return {node, number};
}

function beside(binding: Binding, left: Numbered, right: Numbered): Numbered {
  const sides = [binding.columnExpr(left.number), binding.columnExpr(right.number)] as const;
  const joined: LogicalNode = {
    kind: 'join',
    joinType: 'full',
    left: left.node,
    right: right.node,
    on: [binaryOperator(binding, '=', sides[0], sides[1], -1)],
    isNullAware: false,
  };
  const {type} = left.number;
  const either: BoundExpr = {kind: 'coalesce', type, typmod: -1, location: -1, args: sides};
  const number = binding.newColumn('ordinality', type, -1);
  const outputs = [{column: number, expr: either}];
  return {node: {kind: 'compute', input: joined, outputs}, number};
}
