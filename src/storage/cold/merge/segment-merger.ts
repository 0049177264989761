// Hot path: every row of merged segments passes here.
import type {TypeInstance} from '../../../types/contract.ts';
import type {Datum} from '../../../types/contract.ts';
import {FileReader} from '../file-reader.ts';
import {PageSink} from '../page-sink.ts';
import {SegmentEncoder} from '../segment-encoder.ts';
import type {MergeFile} from './merge-file.ts';
import {JobSegment, keyKinds, keyRows, type MergeInput, mergeInput} from './merge-input.ts';
import type {MergeJob, MergeOutcome, SentRange, SentValue} from './merge-job.ts';
import {CopiedColumn, type MergedColumn, ValueColumn} from './merged-columns.ts';
import {compareRows, type KeyKind} from './row-order.ts';
import {SortedRuns} from './sorted-runs.ts';

/** Bytes of pages of all inputs that may be at hand together. */
const PAGE_BYTES = 24 * 1024 * 1024;
/** Files that are open together. */
const MAX_FILES = 128;
const BATCH_ROWS = 2048;
const MIN_BLOCK_BYTES = 8 * 1024 * 1024;
const MAX_BLOCK_BYTES = 32 * 1024 * 1024;

/** A merge was told to end. */
export class MergeStopped extends Error {}

/**
 * Merges sorted segments into one: a page of each column of each input is in memory, a row group of the new file, and what becomes of each
 * position. A step of the generator takes about a millisecond, but for the sorting of a block.
 */
export class SegmentMerger {
  readonly #job: MergeJob;
  readonly #types: readonly TypeInstance[];
  readonly #blockRows: number;
  readonly #kinds: readonly KeyKind[];
  readonly #files = new FileReader();
  readonly #encoder: SegmentEncoder;
  readonly #columns: readonly MergedColumn[];
  #runs: SortedRuns | null = null;
  #heap: MergeInput[] = [];
  #positions: Int32Array<ArrayBuffer>[] = [];
  /** Rows that are chosen and not yet copied. */
  readonly #chosen: MergeInput[] = [];
  readonly #from = new Int32Array(BATCH_ROWS);
  readonly #counts = new Int32Array(BATCH_ROWS);
  #chosenRows = 0;
  #batchRows = BATCH_ROWS;
  #rows = 0;
  #groupRows = 0;

  /** `types`: of the job's indexes. `blockRows`: rows that may be sorted in one step. */
  constructor(job: MergeJob, types: readonly TypeInstance[], file: MergeFile, blockRows: number) {
    this.#job = job;
    this.#types = types;
    this.#blockRows = blockRows;
    this.#kinds = keyKinds(job);
    this.#columns = job.columns.map(({plan, type}) =>
      type === null ? new CopiedColumn(plan) : new ValueColumn(plan, types[type]!),
    );
    const plans = job.columns.map(({plan}) => plan);
    const sink = new PageSink(parts => file.write(parts));
    this.#encoder = new SegmentEncoder(plans, job.metadata, sink);
  }

  /** What is written is not yet synced at the end. */
  *run(): Generator<void, MergeOutcome> {
    yield* this.#openInputs();
    while (this.#heap.length > 0) {
      const top = this.#heap[0]!;
      this.#choose(top, this.#runLength(top));
      if (this.#chosenRows >= this.#batchRows) yield* this.#copy();
      skipDeleted(top);
      if (top.at >= top.to) {
        // Its pages go: what was chosen of them comes first.
        yield* this.#copy();
        if (top.at >= top.rows) {
          this.#removeTop();
          continue;
        }
        loadKeys(top);
      }
      this.#siftDown();
    }
    yield* this.#copy();
    if (this.#groupRows > 0) yield* this.#endGroup();
    const encoded = this.#rows === 0 ? null : this.#encoder.finish();
    return {
      encoded,
      ranges: this.#columns.map((column, i) => this.#range(column, i)),
      positions: this.#positions,
    };
  }

  /** To be called in any case. */
  close(): void {
    this.#runs?.drop();
    this.#files.close();
  }

  *#openInputs(): Generator<void, void> {
    const segments: JobSegment[] = [];
    const limits: number[] = [];
    let bytes = 0;
    let files = 0;
    for (let i = 0; i < this.#job.inputs.length; i++) {
      const segment = new JobSegment(this.#job, this.#types, i, this.#files);
      const page = segment.pageBytes;
      const block = blockBytes(segment.unpackedBytes, page);
      const parts = segment.input.isSorted ? 1 : Math.ceil(segment.unpackedBytes / block);
      bytes += page * parts;
      files += parts;
      if (i > 1 && (bytes > PAGE_BYTES || files > MAX_FILES)) break;
      segments.push(segment);
      this.#batchRows = segment.stepRows(this.#batchRows);
      limits.push(block);
    }
    for (const [i, segment] of segments.entries()) {
      this.#positions.push(new Int32Array(segment.input.meta.rows).fill(-1));
      if (segment.input.isSorted) {
        this.#add(this.#sorted(segment));
        continue;
      }
      const sizes = {bytes: limits[i]!, rows: this.#blockRows};
      this.#runs = new SortedRuns(segment, this.#files, sizes);
      for (const run of yield* this.#watched(this.#runs.run())) this.#add(run);
    }
  }

  #sorted(segment: JobSegment): MergeInput {
    const {job, types, index, input, deletions} = segment;
    const columns = segment.columns();
    const keys = keyRows(job, types, columns);
    return mergeInput({index, columns, keys, origin: null, rows: input.meta.rows, deletions});
  }

  *#watched<T>(work: Generator<void, T>): Generator<void, T> {
    for (;;) {
      const step = work.next();
      if (step.done === true) return step.value;
      this.#check();
      yield;
    }
  }

  #check(): void {
    if (Atomics.load(this.#job.stop, 0) !== 0) throw new MergeStopped();
  }

  #add(input: MergeInput): void {
    skipDeleted(input);
    if (input.at >= input.rows) return;
    loadKeys(input);
    const heap = this.#heap;
    heap.push(input);
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.#order(heap[parent]!, heap[at]!) <= 0) return;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  }

  #removeTop(): void {
    const heap = this.#heap;
    const top = heap[0]!;
    for (const column of top.columns) column.release();
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    this.#siftDown();
  }

  #siftDown(): void {
    const heap = this.#heap;
    const moved = heap[0]!;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#order(heap[child + 1]!, heap[child]!) < 0) child++;
      if (this.#order(moved, heap[child]!) <= 0) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
  }

  #order(a: MergeInput, b: MergeInput): number {
    return compareRows(this.#kinds, a.keys, a.at, b.keys, b.at);
  }

  /** How many rows of the first input come before all others, as far as its keys are at hand. */
  #runLength(top: MergeInput): number {
    const {at} = top;
    const limit = Math.min(Math.min(top.to, top.deleted) - at, this.#batchRows - this.#chosenRows);
    const heap = this.#heap;
    if (heap.length === 1) return limit;
    const second = heap.length > 2 && this.#order(heap[2]!, heap[1]!) < 0 ? heap[2]! : heap[1]!;
    let known = 1;
    for (let step = 1; known < limit; step *= 2) {
      const probe = Math.min(limit, known + step) - 1;
      if (this.#isBefore(top, at + probe, second)) {
        known = probe + 1;
        continue;
      }
      let high = probe;
      while (known < high) {
        const middle = (known + high) >> 1;
        if (this.#isBefore(top, at + middle, second)) known = middle + 1;
        else high = middle;
      }
      return known;
    }
    return limit;
  }

  #isBefore(top: MergeInput, row: number, second: MergeInput): boolean {
    return compareRows(this.#kinds, top.keys, row, second.keys, second.at) <= 0;
  }

  #choose(input: MergeInput, count: number): void {
    const at = this.#chosen.length;
    this.#from[at] = input.at;
    this.#counts[at] = count;
    this.#chosen.push(input);
    this.#chosenRows += count;
    input.at += count;
  }

  /** Copies what is chosen, column by column, and notes where each row has come to lie. */
  *#copy(): Generator<void, void> {
    const chosen = this.#chosen;
    if (chosen.length === 0) return;
    this.#check();
    for (let i = 0; i < chosen.length; i++)
      this.#place(chosen[i]!, this.#from[i]!, this.#counts[i]!);
    let size = 0;
    for (let column = 0; column < this.#columns.length; column++) {
      const into = this.#columns[column]!;
      for (let i = 0; i < chosen.length; i++)
        into.append(chosen[i]!.columns[column]!, this.#from[i]!, this.#counts[i]!);
      size += into.size;
    }
    this.#groupRows += this.#chosenRows;
    this.#chosenRows = 0;
    chosen.length = 0;
    const {groupRows, groupBytes} = this.#job;
    if (this.#groupRows >= groupRows || size >= groupBytes) yield* this.#endGroup();
    else yield;
  }

  #place({index, origin}: MergeInput, from: number, count: number): void {
    const positions = this.#positions[index]!;
    if (origin === null) {
      for (let i = 0; i < count; i++) positions[from + i] = this.#rows++;
      return;
    }
    for (let at = from; at < from + count; at++) {
      if (at < origin.from || at >= origin.to) origin.load(at);
      positions[(origin.values as Int32Array)[at - origin.from]!] = this.#rows++;
    }
  }

  *#endGroup(): Generator<void, void> {
    this.#groupRows = 0;
    yield* this.#encoder.group(this.#columns.map(column => column.take()));
  }

  #range({range}: MergedColumn, column: number): SentRange {
    const {type} = this.#job.columns[column]!;
    if (type === null) return {min: null, max: null, isKnown: range.isKnown};
    const send = (value: Datum): SentValue =>
      value === null ? null : this.#types[type]!.parquet.encode(value);
    return {min: send(range.min), max: send(range.max), isKnown: range.isKnown};
  }
}

/** Moves on to the next live row. */
function skipDeleted(input: MergeInput): void {
  while (input.at === input.deleted) {
    input.at++;
    input.deleted = input.deletions.next(input.at);
  }
}

/** Brings the keys of the next row to hand, and of as many more as lie in the same pages. */
function loadKeys(input: MergeInput): void {
  const {at} = input;
  let to = input.rows;
  for (const key of input.keys) {
    if (at < key.from || at >= key.to) key.load(at);
    if (key.to < to) to = key.to;
  }
  input.to = to;
}

/** Larger blocks make fewer runs, whose pages then take less memory together. */
function blockBytes(bytes: number, pageBytes: number): number {
  return Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, Math.sqrt((bytes * pageBytes) / 3)));
}
