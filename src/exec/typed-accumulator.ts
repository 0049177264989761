// Hot path: one call per batch, one typed loop per aggregate.
import type {Batch} from '../columns/batch.ts';
import type {Vector} from '../columns/vector.ts';
import {checkFloatSum, SAFE_FLOAT} from '../functions/float-sum.ts';
import type {Datum} from '../types/contract.ts';
import {type Accumulator, AggregateArguments, type AggregateParts} from './aggregate-parts.ts';
import type {RunContext} from './operator.ts';

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
export class TypedAccumulator implements Accumulator {
  readonly groupBytes = 16;
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
    // Arguments of no rows were not evaluated.
    if (batch.count === 0) return;
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
    } else if (groups === null) {
      this.#sumKnown(values, nulls!, selection, count);
    } else if (nulls === null && selection === null) {
      if (values instanceof Int32Array) addInts(values, groups, count, counts, sums);
      else addFloats(values, groups, count, counts, sums);
    } else {
      for (let i = 0; i < count; i++) {
        const row = selection === null ? i : selection[i]!;
        if (nulls !== null && nulls[row] === 1) continue;
        const group = groups[i]!;
        counts[group]!++;
        sums[group] = sums[group]! + values[row]!;
      }
    }
  }

  /** One group of values some of which are NULL. */
  #sumKnown(
    values: Int32Array | Float64Array,
    nulls: Uint8Array,
    selection: Int32Array | null,
    count: number,
  ): void {
    let sum = this.#sums[0]!;
    let known = 0;
    for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      if (nulls[row] === 1) continue;
      known++;
      sum += values[row]!;
    }
    this.#sums[0] = sum;
    this.#counts[0] = this.#counts[0]! + known;
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

  finals(from: number, to: number): Vector | null {
    const {fast} = this.#parts.run;
    if (fast === 'count') return this.#wholes(this.#counts, from, to);
    if (fast === 'sumInt32') return this.#wholes(this.#sums, from, to);
    if (fast === 'sumFloat64' || fast === 'avgFloat64') return this.#floats(from, to);
    return null;
  }

  /** 64-bit integers, written by halves; a count is never NULL, a sum of nothing is. */
  #wholes(from: Float64Array, start: number, end: number): Vector {
    const size = end - start;
    const values = new BigInt64Array(size);
    const halves = new Int32Array(values.buffer);
    for (let i = 0; i < size; i++) {
      const value = start + i < from.length ? from[start + i]! : 0;
      halves[2 * i] = value;
      halves[2 * i + 1] = Math.floor(value / 0x1_0000_0000);
    }
    for (const group of this.#big.keys())
      if (group >= start && group < end) values[group - start] = this.final(group) as bigint;
    return {kind: 'int64', values, nulls: from === this.#sums ? this.#empty(start, end) : null};
  }

  #floats(start: number, end: number): Vector {
    const values = new Float64Array(end - start);
    const nulls = this.#empty(start, end);
    for (let i = 0; i < values.length; i++) {
      const sum = this.#sums[start + i] ?? 0;
      values[i] = this.#isFloatAverage ? sum / (this.#counts[start + i] ?? 0) : sum;
    }
    return {kind: 'float64', values, nulls};
  }

  /** Groups without a value. */
  #empty(start: number, end: number): Uint8Array | null {
    let nulls: Uint8Array | null = null;
    for (let group = start; group < end; group++) {
      if ((this.#counts[group] ?? 0) !== 0) continue;
      nulls ??= new Uint8Array(end - start);
      nulls[group - start] = 1;
    }
    return nulls;
  }
}
