import type {DmlCheck} from '../bind/logical.ts';
import {freeColumnsOfQuery} from '../bind/logical-walk.ts';
import type {Layout, OuterSlots, PhysicalPlanner} from './planner.ts';
import type {RowCheck} from './plan.ts';

/** Checks over the new row, whose columns `row` places. One with subqueries is a plan that has the new row as outer values. */
export function planChecks(
  planner: PhysicalPlanner,
  checks: readonly DmlCheck[],
  row: Layout,
  outer: OuterSlots,
): RowCheck[] {
  return checks.map(check => planCheck(planner, check, row, outer));
}

function planCheck(
  planner: PhysicalPlanner,
  check: DmlCheck,
  row: Layout,
  outer: OuterSlots,
): RowCheck {
  const {state} = planner;
  const {name} = check;
  const isView = check.isView === true;
  const isPolicy = check.isPolicy === true;
  const query = check.query ?? null;
  if (query === null) {
    const condition = state.expr(check.condition, row, outer);
    return {name, isView, isPolicy, condition, query: null};
  }
  const slots = new Map(outer);
  const bindings: {readonly slot: number; readonly position: number}[] = [];
  for (const id of freeColumnsOfQuery(query)) {
    const position = row.get(id);
    if (position === undefined) continue;
    const slot = state.newOuter();
    slots.set(id, slot);
    bindings.push({slot, position});
  }
  const condition = state.binding.constant(state.binding.boolType, true);
  const plan = planner.outputs(query, slots);
  return {name, isView, isPolicy, condition, query: {plan, bindings}};
}
