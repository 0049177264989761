import type {BoundExpr} from '../expr/bound.ts';
import type {AggregatePlan, Plan, PlanColumn, SortPlan} from '../sql/plan/plan.ts';
import {cannotWaitHere, mayWait} from './waiting.ts';

/** Rewrites a node so that calls that may wait stand in Project, Filter, Values or FunctionScan only, which evaluate them row by row. */
export function splitWaiting(plan: Plan): Plan {
  if (!ownExprs(plan).some(mayWait)) return plan;
  switch (plan.kind) {
    case 'project':
    case 'filter':
    case 'values':
      return plan;
    case 'tableScan':
    case 'systemScan':
    case 'functionScan':
      return splitScan(plan);
    case 'sort':
      return splitSort(plan);
    case 'aggregate':
      return splitAggregate(plan);
    case 'hashJoin':
    case 'nestedLoop':
      if (plan.joinType !== 'inner' || plan.condition === null) throw cannotWaitHere();
      return filterOver({...plan, condition: null}, plan.condition, plan);
    case 'update':
      // Evaluated row by row with a Replay in any case.
      if (ownExprs({...plan, set: [], generated: [], recheck: null}).some(mayWait))
        throw cannotWaitHere();
      return plan;
    case 'lockRows':
      // Its conditions are evaluated with a Replay; it has no other expressions.
      return plan;
    case 'delete':
      if (ownExprs({...plan, recheck: null}).some(mayWait)) throw cannotWaitHere();
      return plan;
    case 'merge':
      if (ownExprs({...plan, actions: [], recheck: null}).some(mayWait)) throw cannotWaitHere();
      return plan;
    default:
      throw cannotWaitHere();
  }
}

function filterOver(input: Plan, condition: BoundExpr, like: Plan): Plan {
  if (ownExprs(input).some(mayWait)) throw cannotWaitHere();
  return {
    kind: 'filter',
    input,
    condition,
    id: like.id,
    columns: like.columns,
    estimatedRows: like.estimatedRows,
  };
}

function splitScan(plan: Extract<Plan, {kind: 'tableScan' | 'systemScan' | 'functionScan'}>): Plan {
  if (plan.filter === null || !mayWait(plan.filter)) {
    if (plan.kind === 'functionScan') return plan;
    throw cannotWaitHere();
  }
  const bare = {...plan, filter: null};
  if (bare.kind !== 'functionScan' && ownExprs(bare).some(mayWait)) throw cannotWaitHere();
  return {
    kind: 'filter',
    input: bare,
    condition: plan.filter,
    id: plan.id,
    columns: plan.columns,
    estimatedRows: plan.estimatedRows,
  };
}

/** Appends expressions to a plan's columns; `use` gives the column that stands for one. */
class Extended {
  readonly #input: Plan;
  readonly #exprs: BoundExpr[];

  constructor(input: Plan) {
    this.#input = input;
    this.#exprs = input.columns.map((column, index) => columnOf(column, index));
  }

  use(expr: BoundExpr): BoundExpr {
    if (!mayWait(expr)) return expr;
    const index = this.#exprs.push(expr) - 1;
    return columnOf(expr, index);
  }

  plan(id: number): Plan {
    const columns = this.#exprs.map(
      (expr, index): PlanColumn => ({name: `w${index}`, type: expr.type, typmod: expr.typmod}),
    );
    return {
      kind: 'project',
      input: this.#input,
      exprs: this.#exprs,
      id,
      columns,
      estimatedRows: this.#input.estimatedRows,
    };
  }
}

function splitSort(plan: SortPlan): Plan {
  if (plan.limit !== null && mayWait(plan.limit)) throw cannotWaitHere();
  const input = new Extended(plan.input);
  const keys = plan.keys.map(key => ({...key, expr: input.use(key.expr)}));
  const projected = input.plan(-plan.id - 1);
  const sorted: Plan = {...plan, input: projected, keys, columns: projected.columns};
  return {
    kind: 'project',
    input: sorted,
    exprs: plan.columns.map((column, index) => columnOf(column, index)),
    id: -plan.id - 1,
    columns: plan.columns,
    estimatedRows: plan.estimatedRows,
  };
}

function splitAggregate(plan: AggregatePlan): Plan {
  const input = new Extended(plan.input);
  const keys = plan.keys.map(key => input.use(key));
  const aggregates = plan.aggregates.map(call => ({
    ...call,
    args: call.args.map(arg => input.use(arg)),
    filter: call.filter === null ? null : input.use(call.filter),
    orderBy: call.orderBy.map(key => ({...key, expr: input.use(key.expr)})),
  }));
  return {...plan, keys, aggregates, input: input.plan(-plan.id - 1)};
}

function columnOf(
  from: {readonly type: PlanColumn['type']; readonly typmod: number},
  index: number,
): BoundExpr {
  return {kind: 'column', index, type: from.type, typmod: from.typmod, location: -1};
}

/** Every expression of a node itself, its inputs' left out: found by shape, so that a new kind of node is not forgotten. */
function ownExprs(plan: Plan): BoundExpr[] {
  const found: BoundExpr[] = [];
  for (const value of Object.values(plan)) collect(value, found);
  return found;
}

function collect(value: unknown, found: BoundExpr[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found);
    return;
  }
  // Inputs are plans: they have columns of their own. A bound expression has a type and a place in the text.
  if ('columns' in value && 'estimatedRows' in value) return;
  if ('location' in value && 'typmod' in value && 'kind' in value) {
    found.push(value as BoundExpr);
    return;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return;
  for (const [name, item] of Object.entries(value)) if (name !== 'type') collect(item, found);
}
