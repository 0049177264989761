import type {BoundExpr} from '../../expr/bound.ts';
import {exprsOf, producedBy} from '../bind/logical-walk.ts';
import type {ColumnId, LogicalNode} from '../bind/logical.ts';
import {
  extend,
  ids,
  layoutOf,
  noLayout,
  type OuterSlots,
  type PhysicalPlanner,
  type Planned,
  type PlanState,
} from './planner.ts';
import type {Plan} from './plan.ts';

function planned(plan: Plan, layout: readonly ColumnId[]): Planned {
  return {plan, layout};
}

function baseOf(
  planner: PhysicalPlanner,
  node: LogicalNode,
  layout: readonly ColumnId[],
): ReturnType<PlanState['base']> {
  return planner.state.base(planner.state.describe(layout), planner.state.rows(node));
}

/** GROUP BY and aggregates; the output is keys, aggregates, groupings. */
export function planAggregate(
  planner: PhysicalPlanner,
  node: LogicalNode & {readonly kind: 'aggregate'},
  outer: OuterSlots,
): Planned {
  const exprs = exprsOf(node);
  const input = planner.under(node.input, extend([], exprs), outer, exprs);
  const layout = layoutOf(input.layout);
  const expr = (of: BoundExpr): BoundExpr => planner.state.expr(of, layout, outer);
  const output = [...node.keys, ...node.aggregates, ...node.groupings].map(item => item.column.id);
  const plan: Plan = {
    kind: 'aggregate',
    ...baseOf(planner, node, output),
    input: input.plan,
    keys: node.keys.map(key => expr(key.expr)),
    aggregates: node.aggregates.map(({call}) => ({
      ...call,
      args: call.args.map(expr),
      filter: call.filter === null ? null : expr(call.filter),
      orderBy: planner.state.keys(call.orderBy, layout, outer),
    })),
    groupingSets: node.groupingSets,
    groupings: node.groupings.map(item => item.keys),
  };
  return planned(plan, output);
}

/** One window with its calls. */
export function planWindow(
  planner: PhysicalPlanner,
  node: LogicalNode & {readonly kind: 'window'},
  needed: readonly ColumnId[],
  outer: OuterSlots,
): Planned {
  const made = new Set(node.calls.map(call => call.column.id));
  const input = planner.plan(
    node.input,
    extend(
      needed.filter(id => !made.has(id)),
      exprsOf(node),
    ),
    outer,
  );
  const layout = layoutOf(input.layout);
  const expr = (of: BoundExpr): BoundExpr => planner.state.expr(of, layout, outer);
  const optional = (of: BoundExpr | null): BoundExpr | null => (of === null ? null : expr(of));
  const output = [...input.layout, ...made];
  const {frame} = node;
  const plan: Plan = {
    kind: 'window',
    ...baseOf(planner, node, output),
    input: input.plan,
    partitionBy: node.partitionBy.map(expr),
    orderBy: planner.state.keys(node.orderBy, layout, outer),
    frame: {
      ...frame,
      start: {...frame.start, offset: optional(frame.start.offset)},
      end: {...frame.end, offset: optional(frame.end.offset)},
    },
    calls: node.calls.map(({call}) => ({
      ...call,
      args: call.args.map(expr),
      filter: optional(call.filter),
    })),
  };
  return planned(plan, output);
}

/** Set-returning functions of a target list. */
export function planProjectSet(
  planner: PhysicalPlanner,
  node: LogicalNode & {readonly kind: 'projectSet'},
  needed: readonly ColumnId[],
  outer: OuterSlots,
): Planned {
  const made = node.functions.flatMap(item => item.columns.map(column => column.id));
  const exprs = exprsOf(node);
  const input = planner.under(
    node.input,
    extend(
      needed.filter(id => !made.includes(id)),
      exprs,
    ),
    outer,
    exprs,
  );
  const layout = layoutOf(input.layout);
  const functions = node.functions.map(({call}) => ({
    ...call,
    args: call.args.map(arg => planner.state.expr(arg, layout, outer)),
  }));
  const output = [...input.layout, ...made];
  return planned(
    {kind: 'projectSet', ...baseOf(planner, node, output), input: input.plan, functions},
    output,
  );
}

/** Function(s) in FROM. */
export function planFunctionScan(
  planner: PhysicalPlanner,
  node: LogicalNode & {readonly kind: 'functionScan'},
  outer: OuterSlots,
): Planned {
  const output = ids(producedBy(node));
  const functions = node.functions.map(({call}) => ({
    ...call,
    args: call.args.map(arg => planner.state.expr(arg, noLayout, outer)),
    expr: call.expr === null ? null : planner.state.expr(call.expr, noLayout, outer),
  }));
  const plan: Plan = {
    kind: 'functionScan',
    ...baseOf(planner, node, output),
    functions,
    withOrdinality: node.ordinality !== null,
    filter: null,
  };
  return planned(plan, output);
}
