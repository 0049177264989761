import {quoteIdentifier} from '../catalog/quote.ts';
import {type Described, outer, type PlanNames, type Property, type Shape} from './explain-types.ts';
import type {AggregateCall, AggregatePlan, WindowPlan} from './plan/plan.ts';

/** Aggregate, HashAggregate and grouping sets. */
export function aggregateShape(describer: PlanNames, plan: AggregatePlan, input: Described): Shape {
  const keys = plan.keys.map(key => describer.print(key, input.names));
  const calls = plan.aggregates.map(call => callText(describer, call, input.names));
  const groupings = plan.groupings.map(args => `GROUPING(${args.map(at => keys[at]).join(', ')})`);
  const isHashed = keys.length > 0;
  const isMixed = plan.groupingSets !== null && plan.groupingSets.length > 1;
  return {
    label: isMixed ? 'MixedAggregate' : isHashed ? 'HashAggregate' : 'Aggregate',
    type: 'Aggregate',
    facts: [
      ['Strategy', isMixed ? 'Mixed' : isHashed ? 'Hashed' : 'Plain'],
      ['Partial Mode', 'Simple'],
    ],
    properties: groupKeys(plan, keys),
    children: [outer(input.node)],
    names: [...keys, ...calls, ...groupings],
  };
}

function groupKeys(plan: AggregatePlan, keys: readonly string[]): Property[] {
  if (plan.groupingSets === null) return keys.length === 0 ? [] : [['Group Key', keys]];
  return plan.groupingSets.map(
    (set): Property =>
      set.length === 0 ? ['Group Key', '()'] : ['Hash Key', set.map(at => keys[at]!)],
  );
}

function callText(describer: PlanNames, call: AggregateCall, names: readonly string[]): string {
  const args = call.args.map(arg => describer.print(arg, names));
  const order = call.orderBy.map(key => describer.sortKey(key, names)).join(', ');
  const filter =
    call.filter === null ? '' : ` FILTER (WHERE ${describer.print(call.filter, names)})`;
  const name = quoteIdentifier(call.name);
  if (call.kind !== 'n')
    return `${name}(${args.slice(0, call.directArgCount).join(', ')}) WITHIN GROUP (ORDER BY ${order})${filter}`;
  const inner = args.length === 0 ? '*' : `${call.isDistinct ? 'DISTINCT ' : ''}${args.join(', ')}`;
  return `${name}(${inner}${order === '' ? '' : ` ORDER BY ${order}`})${filter}`;
}

/** WindowAgg, which sorts its input itself. */
export function windowShape(describer: PlanNames, plan: WindowPlan, input: Described): Shape {
  const {names} = input;
  const calls = plan.calls.map(call => {
    const args = call.args.map(arg => describer.print(arg, names)).join(', ');
    return `${quoteIdentifier(call.name)}(${call.isAggregate && call.args.length === 0 ? '*' : args}) OVER (?)`;
  });
  const keys = [
    ...plan.partitionBy.map(expr => describer.print(expr, names)),
    ...plan.orderBy.map(key => describer.sortKey(key, names)),
  ];
  return {
    label: 'WindowAgg',
    type: 'WindowAgg',
    properties: keys.length === 0 ? [] : [['Sort Key', keys]],
    children: [outer(input.node)],
    names: [...names, ...calls],
  };
}
