import type {LogicalNode, RowRequery} from '../bind/logical.ts';
import {producedIds} from '../bind/logical-walk.ts';
import {type Layout, type OuterSlots, type PhysicalPlanner, unique} from './planner.ts';
import type {RowRequeryPlan} from './plan.ts';

/** Columns that the rows of `input` must carry for their requery. */
export function requeryColumns(requery: RowRequery | null, input: LogicalNode): number[] {
  if (requery === null) return [];
  const produced = producedIds(input);
  return unique(requery.values.map(value => value.of).filter(id => produced.has(id)));
}

/** The query that is asked again for one row of `layout`, whose columns it replaces. */
export function planRequery(
  planner: PhysicalPlanner,
  requery: RowRequery | null,
  layout: Layout,
  outer: OuterSlots,
): RowRequeryPlan | null {
  if (requery === null) return null;
  const slots = new Map(outer);
  const bindings: {readonly slot: number; readonly position: number}[] = [];
  const before: typeof bindings = [];
  for (const {id, of, isBefore} of requery.values) {
    const position = layout.get(of);
    if (position === undefined) continue;
    const slot = planner.state.newOuter();
    slots.set(id, slot);
    (isBefore ? before : bindings).push({slot, position});
  }
  const produced = producedIds(requery.node);
  const wanted = [...layout.keys()].filter(id => produced.has(id));
  const {plan, layout: made} = planner.plan(requery.node, wanted, slots);
  const targets = wanted.map(id => ({from: made.indexOf(id), to: layout.get(id)!}));
  return {plan, bindings, before, targets};
}
