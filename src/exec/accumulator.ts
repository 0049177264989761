// Hot path: one call per batch, one typed loop per aggregate.
import type {Batch} from '../columns/batch.ts';
import {featureNotSupported} from '../common/errors.ts';
import type {AggregateRun} from '../functions/contract.ts';
import {
  type Accumulator,
  AggregateArguments,
  type AggregateParts,
  STATE_BYTES,
} from './aggregate-parts.ts';
import type {AggregateCall} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import {CollectingAccumulator} from './collecting-accumulator.ts';
import {datumAt} from './column-store.ts';
import {DistinctAccumulator} from './distinct-accumulator.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';
import {TypedAccumulator} from './typed-accumulator.ts';
import {userAggregateCode} from './user-aggregate.ts';

/** The accumulator of a call: typed arrays where the aggregate is a plain count, sum or average, else its step function per row. */
export function makeAccumulator(call: AggregateCall, env: ExecEnv): Accumulator {
  let context: RunContext | null = null;
  const code =
    call.user === undefined
      ? (env.library.aggregate(call.name) ?? env.library.aggregate(call.source))
      : userAggregateCode(call.user, env, () => context!);
  if (code === undefined)
    throw featureNotSupported(`aggregate function ${call.name} is not supported`);
  const run = code.create({
    args: call.args.map(arg => arg.type),
    result: call.type,
    lookup: env.types,
    orderBy: call.orderBy,
    context: () => context!.context,
  });
  const isPlain = !call.isDistinct && call.orderBy.length === 0 && call.kind === 'n';
  const common = {
    run,
    call,
    env,
    skipsNull: code.skipsNull,
    setRun: (r: RunContext) => void (context = r),
  };
  if (
    isPlain &&
    run.fast !== null &&
    run.fast !== 'min' &&
    run.fast !== 'max' &&
    run.fast !== 'sumInt64'
  )
    return new TypedAccumulator(common);
  if (isPlain) return new StepAccumulator(common);
  return isOrderFree(call, run)
    ? new DistinctAccumulator(common)
    : new CollectingAccumulator(common);
}

/** Whether DISTINCT values may be taken in the order in which they come. */
function isOrderFree(call: AggregateCall, {fast}: AggregateRun): boolean {
  const isExact = fast !== null && fast !== 'sumFloat64' && fast !== 'avgFloat64';
  return isExact && call.isDistinct && call.orderBy.length === 0 && call.args.length === 1;
}

/** Any aggregate by its step function, one state object per group. */
class StepAccumulator implements Accumulator {
  readonly groupBytes = STATE_BYTES;
  readonly #parts: AggregateParts;
  readonly #args: AggregateArguments;
  readonly #values: Datum[] = [];
  #states: unknown[] = [];

  constructor(parts: AggregateParts) {
    this.#parts = parts;
    this.#args = new AggregateArguments(parts.call, parts.env);
  }

  reset(run: RunContext): void {
    this.#parts.setRun(run);
    this.#states = [];
  }

  accumulate(run: RunContext, input: Batch, groups: Int32Array | null): void {
    this.#args.evaluate(run, input, groups);
    const {batch, groups: rowGroups} = this.#args;
    const {vectors, selection, count} = batch;
    const argCount = this.#parts.call.args.length;
    const {skipsNull} = this.#parts;
    const aggregate = this.#parts.run;
    const values = this.#values;
    const states = this.#states;
    rows: for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      for (let c = 0; c < argCount; c++) {
        const value = datumAt(vectors[c]!, row);
        if (value === null && skipsNull) continue rows;
        values[c] = value;
      }
      const group = rowGroups === null ? 0 : rowGroups[i]!;
      const state = states[group];
      states[group] = aggregate.step(state === undefined ? aggregate.init() : state, values);
    }
  }

  prepare(): boolean {
    return true;
  }

  final(group: number): Datum {
    const state = this.#states[group];
    return this.#parts.run.final(state === undefined ? this.#parts.run.init() : state);
  }

  finals(): null {
    return null;
  }
}
