// Hot path of sorts that spilled.
import type {Batch} from '../../columns/batch.ts';
import type {ColumnStore} from '../column-store.ts';
import {datumAt} from '../column-store.ts';
import type {RowOrder} from '../row-order.ts';
import type {OrderKey} from '../row-order.ts';
import {END} from '../operator.ts';
import {compareDatums} from '../sort-keys.ts';
import {BLOCK_ROWS, type SpillFile, SpillReader} from './spill-file.ts';

/** A sorted run: its blocks in a file, in order. */
export type SortedRun = readonly number[];

/** Writes a store's rows in a given order as a run, in pieces. */
export class RunWriter {
  readonly #file: SpillFile;
  readonly #store: ColumnStore;
  readonly #rows: RowOrder['rows'];
  readonly #block: Batch = {count: 0, selection: null, vectors: []};
  readonly run: number[] = [];
  #at = 0;

  constructor(file: SpillFile, store: ColumnStore, rows: RowOrder['rows']) {
    this.#file = file;
    this.#store = store;
    this.#rows = rows;
  }

  step(shouldPause: () => boolean): boolean {
    while (this.#at < this.#rows.length) {
      const to = Math.min(this.#rows.length, this.#at + BLOCK_ROWS);
      this.#store.fill(this.#block, this.#rows, this.#at, to);
      this.run.push(this.#file.write(this.#block));
      this.#at = to;
      if (this.#at < this.#rows.length && shouldPause()) return false;
    }
    return true;
  }
}

/** Where a merge stands in one run. */
class RunCursor {
  readonly #reader: SpillReader;
  /** Place among the runs: of equal rows the earlier run's comes first. */
  readonly order: number;
  batch!: Batch;
  row = 0;

  constructor(reader: SpillReader, order: number) {
    this.#reader = reader;
    this.order = order;
  }

  /** Makes the next block current; false at the end. */
  load(): boolean {
    const batch = this.#reader.next();
    if (batch === END) return false;
    this.batch = batch;
    this.row = 0;
    return true;
  }
}

/** Merges sorted runs: a heap of cursors, the least row at its top. */
export class RunMerge {
  readonly #keys: readonly OrderKey[];
  readonly #heap: RunCursor[] = [];

  constructor(file: SpillFile, runs: readonly SortedRun[], keys: readonly OrderKey[]) {
    this.#keys = keys;
    runs.forEach((run, order) => {
      const cursor = new RunCursor(new SpillReader(file, run), order);
      if (cursor.load()) this.#heap.push(cursor);
    });
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** Appends up to `wanted` rows; fewer only at the end. */
  fill(store: ColumnStore, wanted: number): void {
    let left = wanted;
    while (left > 0 && this.#heap.length > 0) {
      const cursor = this.#heap[0]!;
      const from = cursor.row;
      const stop = Math.min(cursor.batch.count, from + left);
      const second = this.#second();
      do cursor.row++;
      while (cursor.row < stop && (second === null || this.#isBefore(cursor, second)));
      store.append(cursor.batch, from, cursor.row);
      left -= cursor.row - from;
      if (cursor.row === cursor.batch.count && !cursor.load()) {
        const last = this.#heap.pop()!;
        if (this.#heap.length > 0) this.#heap[0] = last;
      }
      if (this.#heap.length > 1) this.#sink(0);
    }
  }

  #second(): RunCursor | null {
    const heap = this.#heap;
    if (heap.length < 2) return null;
    if (heap.length === 2) return heap[1]!;
    return this.#isBefore(heap[1]!, heap[2]!) ? heap[1]! : heap[2]!;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const item = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (this.#isBefore(item, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = item;
  }

  #isBefore(a: RunCursor, b: RunCursor): boolean {
    for (let k = 0; k < this.#keys.length; k++) {
      const order = compareAt(a, b, this.#keys[k]!);
      if (order !== 0) return order < 0;
    }
    return a.order < b.order;
  }
}

function compareAt(a: RunCursor, b: RunCursor, key: OrderKey): number {
  const left = a.batch.vectors[key.column]!;
  const right = b.batch.vectors[key.column]!;
  if (
    left.kind === 'int32' &&
    right.kind === 'int32' &&
    left.nulls === null &&
    right.nulls === null
  ) {
    const order = left.values[a.row]! - right.values[b.row]!;
    return key.descending ? -order : order;
  }
  return compareDatums(
    key.type,
    datumAt(left, a.row),
    datumAt(right, b.row),
    key.descending,
    key.nullsFirst,
  );
}
