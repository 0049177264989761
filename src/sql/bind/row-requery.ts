import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import type {LogicalColumn, LogicalNode, RowRequery, ScanNode} from './logical.ts';
import {producedBy} from './logical-walk.ts';

/**
 * What PostgreSQL evaluates again when a locked row was changed meanwhile (EvalPlanQual): the same query over one row of each FROM item.
 * Null when conditions over the row alone say it: items joined by inner joins, without subqueries and computed columns.
 */
export function requeryOf(binding: Binding, input: LogicalNode): RowRequery | null {
  if (isPlain(input)) return null;
  const values: {id: number; of: number}[] = [];
  const frozen = (node: LogicalNode, isNullable: boolean): LogicalNode =>
    oneRow(binding, node, isNullable, values);
  return {node: overOneRow(input, false, frozen), values};
}

function isPlain(node: LogicalNode): boolean {
  switch (node.kind) {
    case 'filter':
    case 'sort':
      return isPlain(node.input);
    case 'join':
      return node.joinType === 'inner' && isPlain(node.left) && isPlain(node.right);
    case 'apply':
    case 'compute':
      return false;
    default:
      return true;
  }
}

type Freeze = (node: LogicalNode, isNullable: boolean) => LogicalNode;

function overOneRow(node: LogicalNode, isNullable: boolean, frozen: Freeze): LogicalNode {
  switch (node.kind) {
    case 'filter':
    case 'compute':
      return {...node, input: overOneRow(node.input, isNullable, frozen)};
    case 'sort':
      return overOneRow(node.input, isNullable, frozen);
    case 'apply':
      return {
        ...node,
        input: overOneRow(node.input, isNullable, frozen),
        subquery: {...node.subquery},
      };
    case 'join': {
      const {joinType} = node;
      const isInner = joinType === 'semi' || joinType === 'anti';
      const left = isNullable || joinType === 'right' || joinType === 'full';
      const right = isNullable || joinType === 'left' || joinType === 'full';
      return {
        ...node,
        left: overOneRow(node.left, left, frozen),
        right: isInner ? node.right : overOneRow(node.right, right, frozen),
      };
    }
    default:
      return frozen(node, isNullable);
  }
}

/** The row that a FROM item had: values from outside; none where an outer join had none. */
function oneRow(
  binding: Binding,
  node: LogicalNode,
  isNullable: boolean,
  values: {id: number; of: number}[],
): LogicalNode {
  const outputs = producedBy(node).map(column => {
    const given = binding.newColumn(column.name, column.type, column.typmod);
    values.push({id: given.id, of: column.id});
    return {column, expr: binding.columnExpr(given)};
  });
  const row: LogicalNode = {
    kind: 'compute',
    input: {kind: 'values', rows: [[]], columns: []},
    outputs,
  };
  const rid = node.kind === 'scan' ? ridOf(node) : undefined;
  const there = rid === undefined ? outputs.map(({column}) => column) : [rid];
  if ((rid === undefined && !isNullable) || there.length === 0) return row;
  const tests = there.map((column): BoundExpr => isThere(binding, column));
  const base = {type: binding.boolType, typmod: -1, location: -1} as const;
  const condition: BoundExpr = tests.length === 1 ? tests[0]! : {kind: 'or', ...base, args: tests};
  return {kind: 'filter', input: row, conditions: [condition]};
}

function ridOf(scan: ScanNode): LogicalColumn | undefined {
  return scan.columns.find(column => column.source === 'rid');
}

function isThere(binding: Binding, column: LogicalColumn): BoundExpr {
  return {
    kind: 'nullTest',
    type: binding.boolType,
    typmod: -1,
    location: -1,
    arg: binding.columnExpr(column),
    negated: true,
    isRow: false,
  };
}
