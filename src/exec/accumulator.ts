// Hot path: one call per batch, one typed loop per aggregate.
import type {Batch} from '../columns/batch.ts';
import type {Vector} from '../columns/vector.ts';
import {featureNotSupported} from '../common/errors.ts';
import type {AggregateRun} from '../functions/contract.ts';
import {type Accumulator, AggregateArguments, type AggregateParts} from './aggregate-parts.ts';
import {checkFloatSum, SAFE_FLOAT} from '../functions/float-sum.ts';
import type {AggregateCall} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import {CollectingAccumulator} from './collecting-accumulator.ts';
import {datumAt} from './column-store.ts';
import {DistinctAccumulator} from './distinct-accumulator.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';
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

/** 2^20 32-bit integers on top of a sum below 2^51 stay exact. */
const EXACT_ROWS = 1 << 20;
const LARGE_SUM = 2 ** 51;

// Integers and doubles have copies of their own: a loop that sees one kind of array is compiled better.
function sumInts(
  values: Int32Array,
  selection: Int32Array | null,
  count: number,
  start: number,
): number {
  let sum = start;
  if (selection === null) for (let i = 0; i < count; i++) sum += values[i]!;
  else for (let i = 0; i < count; i++) sum += values[selection[i]!]!;
  return sum;
}

function sumFloats(
  values: Float64Array,
  selection: Int32Array | null,
  count: number,
  start: number,
): number {
  let sum = start;
  if (selection === null) for (let i = 0; i < count; i++) sum += values[i]!;
  else for (let i = 0; i < count; i++) sum += values[selection[i]!]!;
  return sum;
}

function addInts(
  values: Int32Array,
  groups: Int32Array,
  count: number,
  counts: Float64Array,
  sums: Float64Array,
): void {
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    counts[group] = counts[group]! + 1;
    sums[group] = sums[group]! + values[i]!;
  }
}

function addFloats(
  values: Float64Array,
  groups: Int32Array,
  count: number,
  counts: Float64Array,
  sums: Float64Array,
): void {
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    counts[group] = counts[group]! + 1;
    sums[group] = sums[group]! + values[i]!;
  }
}

/** Whether a batch has a float with which sums could overflow; NULL's places may hold anything. */
function hasExtreme(values: Float64Array, selection: Int32Array | null, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const value = values[selection === null ? i : selection[i]!]!;
    if (!(value < SAFE_FLOAT && value > -SAFE_FLOAT)) return true;
  }
  return false;
}

/** Groups for which room is kept from one partition to the next. */
const KEPT_GROUPS = 1 << 17;

/** count, sum and avg of int4 and float8: sums are exact doubles that spill into BigInts before they could round. */
class TypedAccumulator implements Accumulator {
  readonly #parts: AggregateParts;
  readonly #args: AggregateArguments;
  readonly #sumsInts: boolean;
  readonly #sumsFloats: boolean;
  readonly #isFloatAverage: boolean;
  /** A float has been met with which sums could overflow. */
  #isExtreme = false;
  #counts = new Float64Array(16);
  #sums = new Float64Array(16);
  #groupCount = 0;
  #big = new Map<number, bigint>();
  /** Rows added since sums were last known to be small. */
  #rowsSince = 0;

  constructor(parts: AggregateParts) {
    this.#parts = parts;
    this.#args = new AggregateArguments(parts.call, parts.env);
    const {fast} = parts.run;
    this.#sumsInts = fast === 'sumInt32' || fast === 'avgInt32';
    this.#sumsFloats = fast === 'sumFloat64' || fast === 'avgFloat64';
    this.#isFloatAverage = fast === 'avgFloat64';
    this.#clearSums();
  }

  reset(run: RunContext): void {
    this.#parts.setRun(run);
    const {length} = this.#counts;
    if (length === 16 || (length <= KEPT_GROUPS && this.#groupCount * 8 >= length)) {
      this.#counts.fill(0);
      this.#sums.fill(0);
    } else {
      this.#counts = new Float64Array(16);
      this.#sums = new Float64Array(16);
    }
    this.#groupCount = 0;
    this.#clearSums();
    this.#isExtreme = false;
    this.#big.clear();
    this.#rowsSince = 0;
  }

  accumulate(run: RunContext, input: Batch, groups: Int32Array | null, groupCount: number): void {
    this.#groupCount = groupCount;
    if (groupCount > this.#counts.length) this.#grow(groupCount);
    this.#args.evaluate(run, input, groups);
    const batch = this.#args.batch;
    const rowGroups = this.#args.groups;
    const vector = this.#parts.call.args.length === 0 ? null : batch.vectors[0]!;
    if (this.#sumsInts || this.#sumsFloats) this.#sum(vector!, batch, rowGroups);
    else this.#count(vector === null ? null : vector.nulls, batch, rowGroups);
  }

  /** The sum of negative zeros is one: float sums begin with -0, averages (float8_accum) with 0. */
  #clearSums(): void {
    if (this.#sumsFloats && !this.#isFloatAverage) this.#sums.fill(-0);
  }

  #grow(size: number): void {
    const capacity = Math.max(size, this.#counts.length * 2);
    const counts = new Float64Array(capacity);
    counts.set(this.#counts);
    this.#counts = counts;
    const sums = new Float64Array(capacity);
    if (this.#sumsFloats && !this.#isFloatAverage) sums.fill(-0);
    sums.set(this.#sums);
    this.#sums = sums;
  }

  #count(nulls: Uint8Array | null, batch: Batch, groups: Int32Array | null): void {
    const counts = this.#counts;
    if (nulls === null) {
      if (groups === null) counts[0] = counts[0]! + batch.count;
      else for (let i = 0; i < batch.count; i++) counts[groups[i]!]!++;
      return;
    }
    const {selection, count} = batch;
    for (let i = 0; i < count; i++) {
      if (nulls[selection === null ? i : selection[i]!] === 0)
        counts[groups === null ? 0 : groups[i]!]!++;
    }
  }

  #sum(vector: Vector, batch: Batch, groups: Int32Array | null): void {
    const values = (vector as {values: Int32Array | Float64Array}).values;
    const {selection, count} = batch;
    const {nulls} = vector;
    const counts = this.#counts;
    const sums = this.#sums;
    if (this.#sumsInts) this.#keepExact(count);
    this.#isExtreme ||= values instanceof Float64Array && hasExtreme(values, selection, count);
    if (this.#isExtreme) this.#sumChecked(values, vector, batch, groups);
    else if (groups === null && nulls === null) {
      sums[0] =
        values instanceof Int32Array
          ? sumInts(values, selection, count, sums[0]!)
          : sumFloats(values, selection, count, sums[0]!);
      counts[0] = counts[0]! + count;
    } else if (groups !== null && nulls === null && selection === null) {
      if (values instanceof Int32Array) addInts(values, groups, count, counts, sums);
      else addFloats(values, groups, count, counts, sums);
    } else {
      for (let i = 0; i < count; i++) {
        const row = selection === null ? i : selection[i]!;
        if (nulls !== null && nulls[row] === 1) continue;
        const group = groups === null ? 0 : groups[i]!;
        counts[group]!++;
        sums[group] = sums[group]! + values[row]!;
      }
    }
  }

  #sumChecked(
    values: Int32Array | Float64Array,
    vector: Vector,
    batch: Batch,
    groups: Int32Array | null,
  ): void {
    const {selection, count} = batch;
    const {nulls} = vector;
    const counts = this.#counts;
    const sums = this.#sums;
    for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      if (nulls !== null && nulls[row] === 1) continue;
      const group = groups === null ? 0 : groups[i]!;
      const value = values[row]!;
      counts[group]!++;
      checkFloatSum(sums[group]!, value, counts[group]!, this.#isFloatAverage);
      sums[group] = sums[group]! + value;
    }
  }

  /** Doubles hold sums exactly up to 2^53: before they could pass it, large ones move into BigInts. */
  #keepExact(count: number): void {
    this.#rowsSince += count;
    if (this.#rowsSince <= EXACT_ROWS) return;
    this.#rowsSince = count;
    const sums = this.#sums;
    for (let group = 0; group < sums.length; group++) {
      if (sums[group]! < LARGE_SUM && sums[group]! > -LARGE_SUM) continue;
      this.#big.set(group, (this.#big.get(group) ?? 0n) + BigInt(sums[group]!));
      sums[group] = 0;
    }
  }

  prepare(): boolean {
    return true;
  }

  final(group: number): Datum {
    const count = this.#counts[group] ?? 0;
    const sum = this.#sums[group] ?? 0;
    const state = this.#sumsInts
      ? {count, small: sum, big: this.#big.get(group) ?? 0n}
      : {count, sum};
    return this.#parts.run.final(state);
  }
}

/** Any aggregate by its step function, one state object per group. */
class StepAccumulator implements Accumulator {
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
}
