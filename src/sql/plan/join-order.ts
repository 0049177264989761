import type {BoundExpr} from '../../expr/bound.ts';
import {collectColumns} from '../bind/expr-map.ts';
import {freeColumns, producedIds} from '../bind/logical-walk.ts';
import type {ColumnId, LogicalNode} from '../bind/logical.ts';
import {type Estimator, isEquality} from './estimate.ts';

interface Leaf {
  readonly node: LogicalNode;
  readonly ids: ReadonlySet<ColumnId>;
  /** Ids of other leaves that it needs (LATERAL). */
  readonly needs: ReadonlySet<ColumnId>;
  readonly rows: number;
}

/** Joins the leaves of a group of inner joins in a greedy order: the smallest first, then whatever keeps the result small. */
export function orderJoins(
  nodes: readonly LogicalNode[],
  conditions: readonly BoundExpr[],
  estimator: Estimator,
): LogicalNode {
  const all = new Set<ColumnId>();
  for (const node of nodes) for (const id of producedIds(node)) all.add(id);
  const leaves = nodes.map((node): Leaf => {
    const ids = producedIds(node);
    const needs = new Set([...freeColumns(node)].filter(id => all.has(id) && !ids.has(id)));
    return {node, ids, needs, rows: estimator.rows(node)};
  });
  const open = conditions.map(condition => {
    const used = new Set<ColumnId>();
    collectColumns(condition, used);
    return {condition, used: new Set([...used].filter(id => all.has(id)))};
  });
  const starts = leaves.filter(leaf => leaf.needs.size === 0);
  if (starts.length < 2 || starts.length === leaves.length || leaves.length > MAX_TRIED)
    return joinedFrom(pickFirst(leaves, open), leaves, open, estimator);
  // Who needs whom decides more than the sizes: each beginning is tried.
  const tried = starts.map(start => joinedFrom(start, leaves, open, estimator));
  return smallest(tried, node => joinCost(node, estimator));
}

/** Leaves up to which every beginning is tried where some are LATERAL. */
const MAX_TRIED = 12;

/** Rows of all joins of a chain, with the pairs that a join without a condition looks at. */
function joinCost(node: LogicalNode, estimator: Estimator): number {
  if (node.kind === 'filter') return joinCost(node.input, estimator);
  if (node.kind !== 'join') return 0;
  const pairs = node.on.some(isEquality)
    ? 0
    : estimator.rows(node.left) * estimator.rows(node.right);
  return estimator.rows(node) + pairs + joinCost(node.left, estimator);
}

/** The chain of joins that begins with a leaf and goes on with whatever keeps the result small. */
function joinedFrom(
  first: Leaf,
  leaves: readonly Leaf[],
  conditions: readonly OpenCondition[],
  estimator: Estimator,
): LogicalNode {
  const pending = leaves.filter(leaf => leaf !== first);
  const open = [...conditions];
  let node = first.node;
  const have = new Set(first.ids);
  while (pending.length > 0) {
    const next = pickNext(pending, have, open, node, estimator);
    pending.splice(pending.indexOf(next), 1);
    for (const id of next.ids) have.add(id);
    const on = open.filter(item => isSubset(item.used, have)).map(item => item.condition);
    for (let index = open.length - 1; index >= 0; index--)
      if (isSubset(open[index]!.used, have)) open.splice(index, 1);
    node = {kind: 'join', joinType: 'inner', left: node, right: next.node, on, isNullAware: false};
  }
  return open.length === 0
    ? node
    : {kind: 'filter', input: node, conditions: open.map(item => item.condition)};
}

interface OpenCondition {
  readonly condition: BoundExpr;
  readonly used: ReadonlySet<ColumnId>;
}

function pickFirst(leaves: readonly Leaf[], open: readonly OpenCondition[]): Leaf {
  const free = leaves.filter(leaf => leaf.needs.size === 0);
  const candidates = free.length > 0 ? free : leaves;
  const isConnected = (leaf: Leaf): boolean =>
    open.some(item => [...item.used].some(id => leaf.ids.has(id)));
  const connected = candidates.filter(isConnected);
  return smallest(connected.length > 0 ? connected : candidates, leaf => leaf.rows);
}

function pickNext(
  pending: readonly Leaf[],
  have: ReadonlySet<ColumnId>,
  open: readonly OpenCondition[],
  node: LogicalNode,
  estimator: Estimator,
): Leaf {
  const ready = pending.filter(leaf => isSubset(leaf.needs, have));
  const candidates = ready.length > 0 ? ready : pending;
  const leftRows = estimator.rows(node);
  return smallest(candidates, leaf => {
    const joined = new Set([...have, ...leaf.ids]);
    const usable = open.filter(
      item => isSubset(item.used, joined) && [...item.used].some(id => leaf.ids.has(id)),
    );
    if (usable.length === 0)
      return leaf.needs.size > 0 ? leftRows * leaf.rows : 1e12 + leftRows * leaf.rows;
    const equals = usable.filter(item => isEquality(item.condition)).length;
    return equals > 0
      ? Math.max(leftRows, leaf.rows) / 3 ** (equals - 1)
      : leftRows * leaf.rows * 0.3;
  });
}

function smallest<T extends object>(items: readonly T[], cost: (item: T) => number): T {
  let best = items[0]!;
  let bestCost = cost(best);
  for (const item of items.slice(1)) {
    const value = cost(item);
    if (value < bestCost) {
      best = item;
      bestCost = value;
    }
  }
  return best;
}

function isSubset(part: ReadonlySet<ColumnId>, whole: ReadonlySet<ColumnId>): boolean {
  for (const id of part) if (!whole.has(id)) return false;
  return true;
}
