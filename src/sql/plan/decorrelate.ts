import type {BoundExpr} from '../../expr/bound.ts';
import {isVolatile} from '../../expr/analyze.ts';
import type {Binding} from '../bind/binding.ts';
import {splitAnd} from '../bind/conjuncts.ts';
import {collectColumns} from '../bind/expr-map.ts';
import {freeColumns, producedIds} from '../bind/logical-walk.ts';
import type {JoinNode, LogicalNode, SubqueryExpr} from '../bind/logical.ts';
import {isEquality} from './estimate.ts';

/** Input and conditions of a filter after EXISTS and IN subqueries became semi and anti joins. */
export interface Decorrelated {
  readonly node: LogicalNode;
  readonly conditions: readonly BoundExpr[];
}

/** Turns conditions that are a lone [NOT] EXISTS or [NOT] IN subquery into joins where that is legal; the rest stay Apply. */
export function decorrelate(
  _binding: Binding,
  input: LogicalNode,
  conditions: readonly BoundExpr[],
): Decorrelated {
  let node = input;
  let rest = [...conditions];
  for (const condition of conditions) {
    const isNegated = condition.kind === 'not';
    const column = isNegated ? condition.arg : condition;
    if (column.kind !== 'column') continue;
    const subquery = findApply(node, column.index);
    if (subquery === null || countUses(rest, column.index) !== 1) continue;
    if (appliesUse(node, column.index)) continue;
    const joined = asJoin(removeApply(node, subquery), subquery, isNegated);
    if (joined === null) continue;
    node = joined;
    rest = rest.filter(other => other !== condition);
  }
  return {node, conditions: rest};
}

function findApply(node: LogicalNode, id: number): SubqueryExpr | null {
  if (node.kind === 'apply')
    return node.subquery.column.id === id ? node.subquery : findApply(node.input, id);
  if (node.kind === 'join' && (node.joinType === 'semi' || node.joinType === 'anti'))
    return findApply(node.left, id);
  return null;
}

function removeApply(node: LogicalNode, subquery: SubqueryExpr): LogicalNode {
  if (node.kind === 'apply') {
    return node.subquery === subquery
      ? node.input
      : {...node, input: removeApply(node.input, subquery)};
  }
  if (node.kind === 'join') return {...node, left: removeApply(node.left, subquery)};
  return node;
}

function countUses(conditions: readonly BoundExpr[], id: number): number {
  return conditions.filter(condition => columnsOf(condition).has(id)).length;
}

/** Whether another Apply above uses the column (in its guard, test or query). */
function appliesUse(node: LogicalNode, id: number): boolean {
  if (node.kind !== 'apply') return false;
  if (node.subquery.column.id !== id) {
    const {test, guard, query} = node.subquery;
    if (
      [test, guard].some(expr => expr !== null && columnsOf(expr).has(id)) ||
      freeColumns(query.node).has(id)
    )
      return true;
  }
  return appliesUse(node.input, id);
}

function columnsOf(expr: BoundExpr): Set<number> {
  const used = new Set<number>();
  collectColumns(expr, used);
  return used;
}

function asJoin(left: LogicalNode, subquery: SubqueryExpr, isNegated: boolean): LogicalNode | null {
  const leftIds = producedIds(left);
  if (subquery.mode !== 'exists' && subquery.mode !== 'any') return null;
  const test = subquery.test === null ? [] : splitAnd(subquery.test);
  if (subquery.mode === 'any' && !test.every(term => isEquality(term) && !isVolatile(term)))
    return null;
  const isNotIn = subquery.mode === 'any' && isNegated;
  const start =
    subquery.mode === 'exists' ? stripForExists(subquery.query.node) : subquery.query.node;
  const {node: right, conditions} = isNotIn
    ? {node: start, conditions: []}
    : pullCorrelated(start, leftIds);
  const free = freeColumns(right);
  for (const id of leftIds) if (free.has(id)) return null;
  const on = [...test, ...conditions];
  if (on.length === 0 || on.some(isVolatile)) return null;
  // A test that does not mention the outer row is decided once: Apply runs it once.
  if (!on.some(term => [...columnsOf(term)].some(id => leftIds.has(id)))) return null;
  if (isNotIn && test.length !== 1) return null;
  const join: JoinNode = {
    kind: 'join',
    joinType: isNegated ? 'anti' : 'semi',
    left,
    right,
    on,
    isNullAware: isNotIn,
  };
  return join;
}

/** What EXISTS does not look at: outputs, order, DISTINCT. */
function stripForExists(node: LogicalNode): LogicalNode {
  switch (node.kind) {
    case 'compute':
      return node.outputs.some(output => isVolatile(output.expr))
        ? node
        : stripForExists(node.input);
    case 'sort':
      return stripForExists(node.input);
    case 'distinct':
      return stripForExists(node.input);
    default:
      return node;
  }
}

/** Takes conditions that mention the outer row out of the filters at the top of a subquery. */
function pullCorrelated(node: LogicalNode, outer: ReadonlySet<number>): Decorrelated {
  const isCorrelated = (condition: BoundExpr): boolean =>
    [...columnsOf(condition)].some(id => outer.has(id));
  switch (node.kind) {
    case 'filter': {
      const conditions = node.conditions.flatMap(splitAnd);
      const inner = pullCorrelated(node.input, outer);
      const local = conditions.filter(condition => !isCorrelated(condition));
      const pulled = conditions.filter(isCorrelated);
      const kept: LogicalNode =
        local.length === 0 ? inner.node : {...node, input: inner.node, conditions: local};
      return {node: kept, conditions: [...inner.conditions, ...pulled]};
    }
    case 'compute':
    case 'sort': {
      const inner = pullCorrelated(node.input, outer);
      return {node: {...node, input: inner.node}, conditions: inner.conditions};
    }
    case 'apply': {
      const inner = pullCorrelated(node.input, outer);
      return {node: {...node, input: inner.node}, conditions: inner.conditions};
    }
    case 'join': {
      if (node.joinType !== 'inner') return {node, conditions: []};
      const left = pullCorrelated(node.left, outer);
      const right = pullCorrelated(node.right, outer);
      const on = node.on.flatMap(splitAnd);
      return {
        node: {
          ...node,
          left: left.node,
          right: right.node,
          on: on.filter(condition => !isCorrelated(condition)),
        },
        conditions: [...left.conditions, ...right.conditions, ...on.filter(isCorrelated)],
      };
    }
    default:
      return {node, conditions: []};
  }
}
