import {assertNever} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {SortKey} from '../plan/plan.ts';
import {collectColumns} from './expr-map.ts';
import type {BoundQuery, ColumnId, DmlNode, LogicalColumn, LogicalNode} from './logical.ts';

/** Nodes directly below a node, subqueries of Apply included. */
export function inputsOf(node: LogicalNode): readonly LogicalNode[] {
  switch (node.kind) {
    case 'scan':
    case 'values':
    case 'functionScan':
    case 'cteScan':
    case 'workTable':
      return [];
    case 'join':
      return [node.left, node.right];
    case 'apply':
      return [node.input, node.subquery.query.node];
    case 'append':
      return node.inputs.map(input => input.node);
    case 'setOp':
      return [node.left.node, node.right.node];
    case 'recursive':
      return [node.initial.node, node.recursive.node];
    case 'with':
      return [
        ...node.ctes.flatMap(cte =>
          isDml(cte.query.node) ? dmlInputs(cte.query.node) : [cte.query.node],
        ),
        node.body,
      ];
    case 'filter':
    case 'compute':
    case 'aggregate':
    case 'window':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'projectSet':
      return [node.input];
    case 'lock':
      return node.requery === null ? [node.input] : [node.input, node.requery.node];
    default:
      return assertNever(node);
  }
}

/** Whether a WITH query changes data. */
export function isDml(node: LogicalNode | DmlNode): node is DmlNode {
  return node.kind === 'insert' || node.kind === 'modify' || node.kind === 'merge';
}

/** The relational input of INSERT, UPDATE, DELETE, MERGE. */
export function dmlInputs(node: DmlNode): readonly LogicalNode[] {
  if (node.kind === 'insert') return [node.source.node];
  return node.requery === null ? [node.input] : [node.input, node.requery.node];
}

/** Expressions that a node itself evaluates. */
export function exprsOf(node: LogicalNode): readonly BoundExpr[] {
  const keys = (list: readonly SortKey[]): BoundExpr[] => list.map(key => key.expr);
  switch (node.kind) {
    case 'scan':
    case 'cteScan':
    case 'workTable':
    case 'append':
    case 'setOp':
    case 'recursive':
    case 'with':
    case 'lock':
      return [];
    case 'values':
      return node.rows.flat();
    case 'functionScan':
      return node.functions.flatMap(({call}) => (call.expr === null ? call.args : [call.expr]));
    case 'join':
      return node.on;
    case 'apply':
      return [node.subquery.test, node.subquery.guard].filter(expr => expr !== null);
    case 'filter':
      return node.conditions;
    case 'compute':
      return node.outputs.map(output => output.expr);
    case 'aggregate':
      return [
        ...node.keys.map(key => key.expr),
        ...node.aggregates.flatMap(({call}) => [
          ...call.args,
          ...(call.filter === null ? [] : [call.filter]),
          ...keys(call.orderBy),
        ]),
      ];
    case 'window':
      return [
        ...node.partitionBy,
        ...keys(node.orderBy),
        ...node.calls.flatMap(({call}) => [
          ...call.args,
          ...(call.filter === null ? [] : [call.filter]),
        ]),
        ...[node.frame.start.offset, node.frame.end.offset].filter(expr => expr !== null),
      ];
    case 'sort':
      return keys(node.keys);
    case 'limit':
      return [node.limit, node.offset]
        .filter(expr => expr !== null)
        .concat(keys(node.tieKeys ?? []));
    case 'distinct':
      return node.on ?? [];
    case 'projectSet':
      return node.functions.flatMap(({call}) => call.args);
    default:
      return assertNever(node);
  }
}

/** Columns that a node hands up. */
export function producedBy(node: LogicalNode): readonly LogicalColumn[] {
  switch (node.kind) {
    case 'scan':
    case 'values':
    case 'cteScan':
    case 'workTable':
    case 'append':
    case 'setOp':
    case 'recursive':
      return node.columns;
    case 'functionScan':
      return [
        ...node.functions.flatMap(call => call.columns),
        ...(node.ordinality === null ? [] : [node.ordinality]),
      ];
    case 'join':
      return node.joinType === 'semi' || node.joinType === 'anti'
        ? producedBy(node.left)
        : [...producedBy(node.left), ...producedBy(node.right)];
    case 'apply':
      return [...producedBy(node.input), node.subquery.column];
    case 'compute':
      return [...producedBy(node.input), ...node.outputs.map(output => output.column)];
    case 'aggregate':
      return [...node.keys, ...node.aggregates, ...node.groupings].map(item => item.column);
    case 'window':
      return [...producedBy(node.input), ...node.calls.map(call => call.column)];
    case 'projectSet':
      return [...producedBy(node.input), ...node.functions.flatMap(call => call.columns)];
    case 'with':
      return producedBy(node.body);
    case 'distinct':
      return node.on === null ? node.columns : producedBy(node.input);
    case 'filter':
    case 'sort':
    case 'limit':
    case 'lock':
      return producedBy(node.input);
    default:
      return assertNever(node);
  }
}

/** Ids of the columns that a node hands up. */
export function producedIds(node: LogicalNode): Set<ColumnId> {
  return new Set(producedBy(node).map(column => column.id));
}

/** Ids that a tree uses but does not produce: columns of enclosing query levels. */
export function freeColumns(node: LogicalNode): Set<ColumnId> {
  const used = new Set<number>();
  const made = new Set<number>();
  const visit = (current: LogicalNode): void => {
    for (const expr of exprsOf(current)) collectColumns(expr, used);
    for (const column of producedBy(current)) made.add(column.id);
    if (current.kind === 'apply') {
      for (const column of producedBy(current.subquery.query.node)) made.add(column.id);
      addOutputs(current.subquery.query, used);
    }
    if (current.kind === 'setOp')
      for (const side of [current.left, current.right]) addOutputs(side, used);
    if (current.kind === 'recursive')
      for (const side of [current.initial, current.recursive]) addOutputs(side, used);
    if (current.kind === 'append') for (const input of current.inputs) addOutputs(input, used);
    if (current.kind === 'lock') for (const {id} of current.requery?.values ?? []) made.add(id);
    if (current.kind === 'with') {
      for (const cte of current.ctes) {
        addOutputs(cte.query, used);
        if (isDml(cte.query.node)) addDml(cte.query.node, used, made);
      }
    }
    for (const input of inputsOf(current)) visit(input);
  };
  visit(node);
  for (const id of made) used.delete(id);
  return used;
}

function addOutputs(query: {readonly columns: readonly LogicalColumn[]}, used: Set<number>): void {
  for (const column of query.columns) used.add(column.id);
}

function addDml(node: DmlNode, used: Set<number>, made: Set<number>): void {
  for (const column of node.newRow.columns) made.add(column.id);
  if (node.kind !== 'insert') for (const {id} of node.requery?.values ?? []) made.add(id);
  for (const expr of node.returning ?? []) collectColumns(expr, used);
  if (node.kind === 'modify') for (const item of node.set) collectColumns(item.expr, used);
}

/** Free columns of a query, its outputs counted as used. */
export function freeColumnsOfQuery(query: BoundQuery): Set<ColumnId> {
  const free = freeColumns(query.node);
  const made = producedIds(query.node);
  for (const column of query.columns) if (!made.has(column.id)) free.add(column.id);
  return free;
}
