import type {BoundExpr} from '../../expr/bound.ts';
import {isVolatile} from '../../expr/analyze.ts';
import {coerceImplicit, relabel} from '../bind/coerce.ts';
import {baseType} from '../bind/coercion-path.ts';
import {joinAnd, splitAnd} from '../bind/conjuncts.ts';
import {freeColumns, producedIds} from '../bind/logical-walk.ts';
import type {ColumnId, JoinNode, LogicalNode, ScanNode} from '../bind/logical.ts';
import {isEquality} from './estimate.ts';
import {
  extend,
  idsIn,
  type PhysicalPlanner,
  unique,
  layoutOf,
  type OuterSlots,
  type Planned,
} from './planner.ts';
import type {Plan} from './plan.ts';
import {filtered} from './push-down.ts';

interface EquiKey {
  readonly condition: BoundExpr;
  readonly left: BoundExpr;
  readonly right: BoundExpr;
}

/** A join as hash join, nested loop with bindings (LATERAL, index lookups) or plain nested loop. */
export function planJoin(
  planner: PhysicalPlanner,
  node: JoinNode,
  needed: readonly ColumnId[],
  outer: OuterSlots,
): Planned {
  const leftIds = producedIds(node.left);
  const lateral = [...freeColumns(node.right)].filter(id => leftIds.has(id));
  if (lateral.length > 0) return nestedLoop(planner, node, needed, outer, lateral);
  const rightIds = producedIds(node.right);
  const keys = node.on
    .flatMap(splitAnd)
    .flatMap(condition => equiKey(planner, condition, leftIds, rightIds) ?? []);
  if (keys.length === 0) return nestedLoop(planner, node, needed, outer, []);
  const looped = asLookupLoop(planner, node, keys);
  if (looped !== null) return planJoin(planner, looped, needed, outer);
  const swapped =
    node.joinType === 'inner' && planner.state.rows(node.left) < planner.state.rows(node.right);
  if (swapped) {
    const turned = keys.map(key => ({condition: key.condition, left: key.right, right: key.left}));
    return hashJoin(planner, {...node, left: node.right, right: node.left}, needed, outer, turned);
  }
  return hashJoin(planner, node, needed, outer, keys);
}

/** left expression = right expression with both sides of one type. */
function equiKey(
  planner: PhysicalPlanner,
  condition: BoundExpr,
  leftIds: ReadonlySet<number>,
  rightIds: ReadonlySet<number>,
): EquiKey | null {
  if (!isEquality(condition) || condition.kind !== 'call' || isVolatile(condition)) return null;
  const [first, second] = condition.args as [BoundExpr, BoundExpr];
  const firstIds = idsIn([first]);
  const secondIds = idsIn([second]);
  const within = (
    ids: readonly number[],
    set: ReadonlySet<number>,
    other: ReadonlySet<number>,
  ): boolean => ids.some(id => set.has(id)) && !ids.some(id => other.has(id));
  const pair =
    within(firstIds, leftIds, rightIds) && within(secondIds, rightIds, leftIds)
      ? [first, second]
      : within(firstIds, rightIds, leftIds) && within(secondIds, leftIds, rightIds)
        ? [second, first]
        : null;
  if (pair === null) return null;
  const unified = unify(planner, pair[0]!, pair[1]!);
  return unified === null ? null : {condition, left: unified[0], right: unified[1]};
}

const integerWidth: Readonly<Record<number, number>> = {21: 2, 23: 4, 20: 8};

function unify(
  planner: PhysicalPlanner,
  left: BoundExpr,
  right: BoundExpr,
): [BoundExpr, BoundExpr] | null {
  const a = baseType(left.type);
  const b = baseType(right.type);
  if (a.category === 'G') return null;
  if (a.oid === b.oid) return [left, right];
  const widthA = integerWidth[a.oid];
  const widthB = integerWidth[b.oid];
  if (widthA !== undefined && widthB !== undefined) {
    return widthA < widthB
      ? [coerceImplicit(planner.state.binding, left, b), right]
      : [left, coerceImplicit(planner.state.binding, right, a)];
  }
  const strings = [25, 1043, 19];
  if (strings.includes(a.oid) && strings.includes(b.oid)) {
    const text = planner.state.binding.type(25 as never);
    return [relabel(left, text), relabel(right, text)];
  }
  return null;
}

function hashJoin(
  planner: PhysicalPlanner,
  node: JoinNode,
  needed: readonly ColumnId[],
  outer: OuterSlots,
  keys: readonly EquiKey[],
): Planned {
  const on = node.on.flatMap(splitAnd);
  const residual = on.filter(condition => !keys.some(key => key.condition === condition));
  const sides = planSides(
    planner,
    node,
    extend(needed, [...residual, ...keys.flatMap(key => [key.left, key.right])]),
    outer,
    outer,
  );
  const both = layoutOf([...sides.left.layout, ...sides.right.layout]);
  const leftLayout = layoutOf(sides.left.layout);
  const rightLayout = layoutOf(sides.right.layout);
  const plan: Plan = {
    kind: 'hashJoin',
    ...planner.state.base(planner.state.describe(sides.output), planner.state.rows(node)),
    joinType: node.joinType,
    left: sides.left.plan,
    right: sides.right.plan,
    leftKeys: keys.map(key => planner.state.expr(key.left, leftLayout, outer)),
    rightKeys: keys.map(key => planner.state.expr(key.right, rightLayout, outer)),
    condition: joinAnd(residual.map(condition => planner.state.expr(condition, both, outer))),
    isNullAware: node.isNullAware,
  };
  return {plan, layout: sides.output};
}

interface Sides {
  readonly left: Planned;
  readonly right: Planned;
  readonly output: readonly ColumnId[];
}

function planSides(
  planner: PhysicalPlanner,
  node: JoinNode,
  wanted: readonly ColumnId[],
  outer: OuterSlots,
  inner: OuterSlots,
): Sides {
  const leftIds = producedIds(node.left);
  const rightIds = producedIds(node.right);
  const left = planner.plan(
    node.left,
    wanted.filter(id => leftIds.has(id)),
    outer,
  );
  const right = planner.plan(
    node.right,
    wanted.filter(id => rightIds.has(id)),
    inner,
  );
  const isLeftOnly = node.joinType === 'semi' || node.joinType === 'anti';
  return {left, right, output: isLeftOnly ? left.layout : [...left.layout, ...right.layout]};
}

function notFalse(arg: BoundExpr): BoundExpr {
  const base = {type: arg.type, typmod: -1, location: -1};
  return {kind: 'booleanTest', ...base, arg, test: 'false', negated: true};
}

function nestedLoop(
  planner: PhysicalPlanner,
  node: JoinNode,
  needed: readonly ColumnId[],
  outer: OuterSlots,
  lateral: readonly ColumnId[],
): Planned {
  // NOT IN: neither a match nor NULL may come of any row.
  const on = node.isNullAware ? node.on.map(notFalse) : node.on.flatMap(splitAnd);
  const inner = new Map(outer);
  const slots = lateral.map(id => {
    const slot = planner.state.newOuter();
    inner.set(id, slot);
    return {id, slot};
  });
  const wanted = unique([...extend(needed, on), ...lateral]);
  const sides = planSides(planner, node, wanted, outer, inner);
  const both = layoutOf([...sides.left.layout, ...sides.right.layout]);
  const leftLayout = layoutOf(sides.left.layout);
  const bindings = slots.map(({id, slot}) => {
    const column = planner.state.columns.get(id)!;
    const expr: BoundExpr = {
      kind: 'column',
      type: column.type,
      typmod: column.typmod,
      location: -1,
      index: id,
    };
    return {slot, expr: planner.state.expr(expr, leftLayout, outer)};
  });
  const plan: Plan = {
    kind: 'nestedLoop',
    ...planner.state.base(planner.state.describe(sides.output), planner.state.rows(node)),
    joinType: node.joinType,
    left: sides.left.plan,
    right: sides.right.plan,
    condition: joinAnd(on.map(condition => planner.state.expr(condition, both, outer))),
    bindings,
  };
  return {plan, layout: sides.output};
}

/** A small left side and a right side with an index on the join columns: look each left row up instead of reading all. */
function asLookupLoop(
  planner: PhysicalPlanner,
  node: JoinNode,
  keys: readonly EquiKey[],
): JoinNode | null {
  if (node.isNullAware || node.joinType === 'full' || node.joinType === 'right') return null;
  const direct = loopOver(planner, node, keys);
  if (direct !== null) return direct;
  if (node.joinType !== 'inner') return null;
  const turned = keys.map(key => ({condition: key.condition, left: key.right, right: key.left}));
  return loopOver(planner, {...node, left: node.right, right: node.left}, turned);
}

function loopOver(
  planner: PhysicalPlanner,
  node: JoinNode,
  keys: readonly EquiKey[],
): JoinNode | null {
  const scan = scanOf(node.right);
  if (scan === null) return null;
  const leftRows = planner.state.rows(node.left);
  const isSystem = scan.relation.kind === 'systemRelation';
  const rightRows = planner.state.estimator.scanRows(scan);
  if (isSystem ? leftRows > 20 : leftRows * 20 > rightRows) return null;
  if (!hasUsableIndex(planner, scan, node.right, keys)) return null;
  const on = node.on.flatMap(splitAnd);
  const pushed = keys.map(key => key.condition);
  return {
    ...node,
    right: filtered(node.right, pushed),
    on: on.filter(condition => !pushed.includes(condition)),
  };
}

function scanOf(node: LogicalNode): ScanNode | null {
  if (node.kind === 'scan') return node;
  return node.kind === 'filter' && node.input.kind === 'scan' ? node.input : null;
}

const systemKeys: ReadonlySet<string> = new Set([
  'oid',
  'attrelid',
  'indexrelid',
  'indrelid',
  'conrelid',
  'adrelid',
  'objoid',
]);

function hasUsableIndex(
  planner: PhysicalPlanner,
  scan: ScanNode,
  right: LogicalNode,
  keys: readonly EquiKey[],
): boolean {
  const bound = new Set<number>();
  const names = new Set<string>();
  const note = (expr: BoundExpr): void => {
    const inner = expr.kind === 'relabel' ? expr.arg : expr;
    if (inner.kind !== 'column') return;
    const column = scan.columns.find(candidate => candidate.id === inner.index);
    if (column === undefined || typeof column.source !== 'number') return;
    bound.add(column.source);
    names.add(column.name);
  };
  for (const key of keys) note(key.right);
  if (bound.size === 0) return false;
  if (scan.relation.kind === 'systemRelation') return [...names].some(name => systemKeys.has(name));
  if (scan.scope === 'all') return false;
  if (right.kind === 'filter')
    for (const condition of right.conditions)
      if (isEquality(condition) && condition.kind === 'call') condition.args.forEach(note);
  return planner.state.binding.context.catalog
    .indexesOf(scan.relation.oid)
    .some(
      index =>
        index.predicateText === null &&
        index.method !== 'bloom' &&
        index.keys.every(key => key.attnum !== 0 && bound.has(key.attnum)),
    );
}
