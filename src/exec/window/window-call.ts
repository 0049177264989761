// Hot path: one value per row and call.
import {featureNotSupported} from '../../common/errors.ts';
import type {AggregateRun} from '../../functions/contract.ts';
import {windowFunctions, type WindowCode} from '../../functions/window.ts';
import type {WindowCall, WindowFrame} from '../../sql/plan/plan.ts';
import type {Datum, TypeInstance, Value} from '../../types/contract.ts';
import type {ExecEnv} from '../environment.ts';
import type {RunContext} from '../operator.ts';
import type {Partition} from './partition.ts';
import {userAggregateCode} from '../user-aggregate.ts';

/** One call of a window: `advance` until it is true, then `value` of the partition's current row. Rows come in order. */
export interface CallRun {
  open(run: RunContext): void;
  /** A new partition begins. */
  begin(): void;
  /** Does the work for the current row; false = not finished, call again for the same row. */
  advance(partition: Partition): boolean;
  value(partition: Partition): Datum;
}

/** Where a call finds its arguments and its FILTER condition (-1 = none) among the partition's columns. */
export interface CallColumns {
  readonly args: readonly number[];
  readonly filter: number;
}

/** Rows between two looks at the slice. */
const POLL = 1024;

/** Chooses how a call is computed. */
export function makeCall(
  call: WindowCall,
  columns: CallColumns,
  frame: WindowFrame,
  env: ExecEnv,
): CallRun {
  if (!call.isAggregate) {
    const code = windowFunctions[call.source];
    if (code === undefined)
      throw featureNotSupported(`window function ${call.name} is not supported`);
    return new FunctionCall(code, columns.args);
  }
  const holder: {run: RunContext | null} = {run: null};
  const aggregate =
    call.user === undefined
      ? (env.library.aggregate(call.name) ?? env.library.aggregate(call.source))
      : userAggregateCode(call.user, env, () => holder.run!);
  if (aggregate === undefined)
    throw featureNotSupported(`aggregate function ${call.name} is not supported`);
  const run = aggregate.create({
    args: call.args.map(arg => arg.type),
    result: call.type,
    lookup: env.types,
    context: () => holder.run!.context,
  });
  const parts = {run, columns, skipsNull: aggregate.skipsNull, holder};
  const isSliding = frame.start.kind !== 'unboundedPreceding';
  if (isSliding && frame.exclude === 'noOthers' && (run.fast === 'min' || run.fast === 'max')) {
    return new SlidingExtreme(parts, call.args[0]!.type, run.fast === 'min');
  }
  if ((isSliding || frame.exclude !== 'noOthers') && isPrefixKind(run.fast))
    return new PrefixAggregate(parts, run.fast);
  return new SteppedAggregate(parts);
}

type PrefixKind = 'count' | 'sumInt32' | 'avgInt32' | 'sumInt64';

function isPrefixKind(fast: AggregateRun['fast']): fast is PrefixKind {
  return fast === 'count' || fast === 'sumInt32' || fast === 'avgInt32' || fast === 'sumInt64';
}

interface Parts {
  readonly run: AggregateRun;
  readonly columns: CallColumns;
  readonly skipsNull: boolean;
  readonly holder: {run: RunContext | null};
}

/** row_number, rank, lag, first_value and their kin. */
class FunctionCall implements CallRun {
  readonly #code: WindowCode;
  readonly #args: readonly number[];

  constructor(code: WindowCode, args: readonly number[]) {
    this.#code = code;
    this.#args = args;
  }

  open(): void {}

  begin(): void {}

  advance(): boolean {
    return true;
  }

  value(partition: Partition): Datum {
    partition.args = this.#args;
    return this.#code.value(partition);
  }
}

/** Any aggregate by its step function: goes on from the row before while the frame only grew at its end, else starts again. */
class SteppedAggregate implements CallRun {
  readonly #parts: Parts;
  readonly #values: Datum[] = [];
  #state: unknown = null;
  #row = -1;
  #start = -1;
  /** Frame rows added so far. */
  #added = 0;
  #hadHole = false;
  #value: Datum = null;
  #isCurrent = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  open(run: RunContext): void {
    this.#parts.holder.run = run;
  }

  begin(): void {
    this.#row = -1;
    this.#start = -1;
    this.#state = null;
  }

  advance(partition: Partition): boolean {
    if (this.#row !== partition.row) this.#startRow(partition);
    const size = partition.frameSize;
    if (this.#added === size) return true;
    this.#isCurrent = false;
    const run = this.#parts.holder.run!;
    while (this.#added < size) {
      this.#step(partition, partition.frameRow(this.#added++));
      if ((this.#added & (POLL - 1)) === 0 && this.#added < size && run.sliceUsed()) return false;
    }
    return true;
  }

  #startRow(partition: Partition): void {
    this.#row = partition.row;
    const {hasHole, frameStart, frameSize} = partition;
    if (hasHole || this.#hadHole || frameStart !== this.#start || frameSize < this.#added) {
      this.#state = this.#parts.run.init();
      this.#start = frameStart;
      this.#added = 0;
      this.#isCurrent = false;
    }
    this.#hadHole = hasHole;
  }

  #step(partition: Partition, row: number): void {
    const {columns, skipsNull, run} = this.#parts;
    const {store} = partition;
    if (columns.filter !== -1 && store.at(row, columns.filter) !== true) return;
    const {args} = columns;
    for (let i = 0; i < args.length; i++) {
      const value = store.at(row, args[i]!);
      if (value === null && skipsNull) return;
      this.#values[i] = value;
    }
    this.#state = run.step(this.#state, this.#values);
  }

  value(): Datum {
    if (!this.#isCurrent) {
      this.#value = this.#parts.run.final(this.#state);
      this.#isCurrent = true;
    }
    return this.#value;
  }
}

/** Sums of 32-bit integers stay exact as doubles below this many rows. */
const EXACT_ROWS = 1 << 22;

/** count, and sum and avg of integers over sliding frames: differences of running totals. */
class PrefixAggregate implements CallRun {
  readonly #parts: Parts;
  readonly #kind: PrefixKind;
  #counts = new Float64Array(64);
  #sums = new Float64Array(64);
  #bigSums: bigint[] = [];
  #isBig = false;
  #built = 0;

  constructor(parts: Parts, kind: PrefixKind) {
    this.#parts = parts;
    this.#kind = kind;
  }

  open(run: RunContext): void {
    this.#parts.holder.run = run;
  }

  begin(): void {
    this.#built = 0;
    this.#bigSums = [];
  }

  advance(partition: Partition): boolean {
    if (this.#built === 0) this.#reserve(partition.rowCount);
    const run = this.#parts.holder.run!;
    while (this.#built < partition.frameEnd) {
      this.#add(partition, this.#built++);
      if ((this.#built & (POLL - 1)) === 0 && run.sliceUsed()) return false;
    }
    return true;
  }

  #reserve(rows: number): void {
    this.#isBig = this.#kind === 'sumInt64' || rows > EXACT_ROWS;
    if (this.#counts.length <= rows) this.#counts = new Float64Array(rows + 1);
    if (this.#isBig) this.#bigSums[0] = 0n;
    else if (this.#sums.length <= rows) this.#sums = new Float64Array(rows + 1);
  }

  #add(partition: Partition, row: number): void {
    const {columns, skipsNull} = this.#parts;
    const {store} = partition;
    let counts = columns.filter === -1 || store.at(row, columns.filter) === true;
    let value: Datum = 0;
    if (counts && columns.args.length > 0) {
      value = store.at(row, columns.args[0]!);
      if (value === null && skipsNull) counts = false;
    }
    this.#counts[row + 1] = this.#counts[row]! + (counts ? 1 : 0);
    if (this.#kind === 'count') return;
    if (this.#isBig)
      this.#bigSums[row + 1] =
        this.#bigSums[row]! + (counts ? BigInt(value as number | bigint) : 0n);
    else this.#sums[row + 1] = this.#sums[row]! + (counts ? (value as number) : 0);
  }

  value(partition: Partition): Datum {
    const {frameStart, frameEnd, holeStart, holeEnd, kept} = partition;
    const counts = this.#counts;
    let count = counts[frameEnd]! - counts[frameStart]! - counts[holeEnd]! + counts[holeStart]!;
    if (kept !== -1) count += counts[kept + 1]! - counts[kept]!;
    if (this.#kind === 'count') return this.#parts.run.final({count});
    let small = 0;
    let big = 0n;
    if (this.#isBig) {
      const sums = this.#bigSums;
      big = sums[frameEnd]! - sums[frameStart]! - sums[holeEnd]! + sums[holeStart]!;
      if (kept !== -1) big += sums[kept + 1]! - sums[kept]!;
    } else {
      const sums = this.#sums;
      small = sums[frameEnd]! - sums[frameStart]! - sums[holeEnd]! + sums[holeStart]!;
      if (kept !== -1) small += sums[kept + 1]! - sums[kept]!;
    }
    return this.#parts.run.final({count, small, big});
  }
}

/** min and max over a frame whose ends only move forward: a queue of rows that can still become the answer. */
class SlidingExtreme implements CallRun {
  readonly #parts: Parts;
  readonly #type: TypeInstance;
  readonly #isMin: boolean;
  #queue = new Int32Array(64);
  #head = 0;
  #tail = 0;
  #added = 0;

  constructor(parts: Parts, type: TypeInstance, isMin: boolean) {
    this.#parts = parts;
    this.#type = type;
    this.#isMin = isMin;
  }

  open(run: RunContext): void {
    this.#parts.holder.run = run;
  }

  begin(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#added = 0;
  }

  advance(partition: Partition): boolean {
    if (this.#queue.length < partition.rowCount) this.#queue = new Int32Array(partition.rowCount);
    const run = this.#parts.holder.run!;
    while (this.#added < partition.frameEnd) {
      this.#push(partition, this.#added++);
      if ((this.#added & (POLL - 1)) === 0 && run.sliceUsed()) return false;
    }
    while (this.#head < this.#tail && this.#queue[this.#head]! < partition.frameStart) this.#head++;
    return true;
  }

  #push(partition: Partition, row: number): void {
    const {store} = partition;
    const {args, filter} = this.#parts.columns;
    if (filter !== -1 && store.at(row, filter) !== true) return;
    const value = store.at(row, args[0]!);
    if (value === null) return;
    while (this.#tail > this.#head) {
      const order = this.#type.compare(
        store.at(this.#queue[this.#tail - 1]!, args[0]!) as Value,
        value,
      );
      if (this.#isMin ? order <= 0 : order >= 0) break;
      this.#tail--;
    }
    this.#queue[this.#tail++] = row;
  }

  value(partition: Partition): Datum {
    if (this.#head === this.#tail || partition.frameStart >= partition.frameEnd) return null;
    return partition.store.at(this.#queue[this.#head]!, this.#parts.columns.args[0]!);
  }
}
