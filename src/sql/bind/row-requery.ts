import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {HeldPartners} from './held-partners.ts';
import type {ColumnId, LogicalColumn, LogicalNode, RowRequery, ScanNode} from './logical.ts';
import {producedBy} from './logical-walk.ts';

/**
 * What PostgreSQL evaluates again when a locked row was changed meanwhile (EvalPlanQual): the same query over one row of each FROM item.
 * Null when conditions over the row alone say it: items joined by inner joins, without subqueries and computed columns.
 */
export function requeryOf(binding: Binding, input: LogicalNode): RowRequery | null {
  if (isPlain(input)) return null;
  const values: RequeryValue[] = [];
  const frozen = (node: LogicalNode, isNullable: boolean): LogicalNode =>
    oneRow(binding, node, isNullable, values);
  const node = overOneRow(input, false, {
    frozen,
    held: new HeldPartners(input),
    before: asFound(binding, input, values),
  });
  return {node, values};
}

/** Columns with what the row held when it was found, made when they are asked for. */
function asFound(
  binding: Binding,
  input: LogicalNode,
  values: RequeryValue[],
): (column: ColumnId) => BoundExpr | null {
  const columns = new Map(
    itemsIn(input)
      .flatMap(producedBy)
      .map(column => [column.id, column]),
  );
  const made = new Map<ColumnId, BoundExpr>();
  return id => {
    const column = columns.get(id);
    if (column === undefined) return null;
    let expr = made.get(id);
    if (expr === undefined) {
      const given = binding.newColumn(column.name, column.type, column.typmod);
      values.push({id: given.id, of: id, isBefore: true});
      expr = binding.columnExpr(given);
      made.set(id, expr);
    }
    return expr;
  };
}

/** The FROM items whose rows are values from outside. */
function itemsIn(node: LogicalNode): readonly LogicalNode[] {
  switch (node.kind) {
    case 'filter':
    case 'compute':
    case 'sort':
    case 'apply':
      return itemsIn(node.input);
    case 'join':
      return node.joinType === 'semi' || node.joinType === 'anti'
        ? itemsIn(node.left)
        : [...itemsIn(node.left), ...itemsIn(node.right)];
    default:
      return [node];
  }
}

type RequeryValue = RowRequery['values'][number];

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

interface OneRow {
  frozen(node: LogicalNode, isNullable: boolean): LogicalNode;
  readonly held: HeldPartners;
  before(column: ColumnId): BoundExpr | null;
}

function overOneRow(node: LogicalNode, isNullable: boolean, one: OneRow): LogicalNode {
  switch (node.kind) {
    case 'filter':
      return {
        ...node,
        input: overOneRow(node.input, isNullable, one),
        conditions: one.held.conditions(node.conditions),
      };
    case 'compute':
      return {...node, input: overOneRow(node.input, isNullable, one)};
    case 'sort':
      return overOneRow(node.input, isNullable, one);
    case 'apply': {
      const input = overOneRow(node.input, isNullable, one);
      const subquery = one.held.subquery(node.subquery, id => one.before(id));
      return subquery === null ? input : {...node, input, subquery};
    }
    case 'join': {
      const {joinType} = node;
      const isInner = joinType === 'semi' || joinType === 'anti';
      const left = isNullable || joinType === 'right' || joinType === 'full';
      const right = isNullable || joinType === 'left' || joinType === 'full';
      return {
        ...node,
        left: overOneRow(node.left, left, one),
        right: isInner ? node.right : overOneRow(node.right, right, one),
        on: one.held.conditions(node.on),
      };
    }
    default:
      return one.frozen(node, isNullable);
  }
}

/** The row that a FROM item had: values from outside; none where an outer join had none. */
function oneRow(
  binding: Binding,
  node: LogicalNode,
  isNullable: boolean,
  values: RequeryValue[],
): LogicalNode {
  const outputs = producedBy(node).map(column => {
    const given = binding.newColumn(column.name, column.type, column.typmod);
    values.push({id: given.id, of: column.id, isBefore: false});
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
