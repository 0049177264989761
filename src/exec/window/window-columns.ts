import {featureNotSupported} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {
  Plan,
  PlanColumn,
  ProjectPlan,
  SortKey,
  WindowCall,
  WindowPlan,
} from '../../sql/plan/plan.ts';
import type {CallColumns} from './window-call.ts';

/** Which expressions a window needs of its input: the input's columns, then keys, arguments and filters that are not plain columns. */
export class WindowColumns {
  readonly exprs: BoundExpr[];
  readonly partition: readonly number[];
  readonly order: readonly number[];
  readonly calls: readonly CallColumns[];
  readonly #plan: WindowPlan;

  constructor(plan: WindowPlan) {
    this.#plan = plan;
    this.exprs = plan.input.columns.map((column, index) => columnExpr(column, index));
    this.partition = plan.partitionBy.map(expr => this.#slot(expr));
    this.order = plan.orderBy.map(key => this.#slot(key.expr));
    this.calls = plan.calls.map(call => this.#call(call));
  }

  #slot(expr: BoundExpr): number {
    if (expr.kind === 'column') return expr.index;
    return this.exprs.push(expr) - 1;
  }

  #call(call: WindowCall): CallColumns {
    const {filter} = call;
    if (filter === null) return {args: call.args.map(arg => this.#slot(arg)), filter: -1};
    if (!call.isAggregate)
      throw featureNotSupported('FILTER is not implemented for non-aggregate window functions');
    // Arguments are not evaluated for rows that the filter drops.
    const guarded = call.args.map((arg): BoundExpr => {
      if (arg.kind === 'column' || arg.kind === 'constant') return arg;
      const base = {type: arg.type, typmod: arg.typmod, location: arg.location};
      return {
        kind: 'case',
        whens: [{condition: filter, result: arg}],
        otherwise: {kind: 'constant', value: null, ...base},
        ...base,
      };
    });
    return {filter: this.#slot(filter), args: guarded.map(arg => this.#slot(arg))};
  }

  /** The input with those columns, sorted by partition and order keys. */
  plan(): Plan {
    const {input, partitionBy, orderBy, id, estimatedRows} = this.#plan;
    const columns = this.exprs.map(
      (expr, index): PlanColumn => ({name: `w${index}`, type: expr.type, typmod: expr.typmod}),
    );
    const base = {id: -id - 1, columns, estimatedRows};
    const projected: Plan =
      this.exprs.length === input.columns.length
        ? input
        : ({kind: 'project', input, exprs: this.exprs, ...base} satisfies ProjectPlan);
    const keys: SortKey[] = [];
    partitionBy.forEach((expr, i) =>
      keys.push({expr: columnExpr(expr, this.partition[i]!), descending: false, nullsFirst: false}),
    );
    orderBy.forEach((key, i) => keys.push({...key, expr: columnExpr(key.expr, this.order[i]!)}));
    return keys.length === 0
      ? projected
      : {kind: 'sort', input: projected, keys, limit: null, ...base};
  }
}

function columnExpr(
  from: {readonly type: PlanColumn['type']; readonly typmod: number},
  index: number,
): BoundExpr {
  return {kind: 'column', index, type: from.type, typmod: from.typmod, location: -1};
}
