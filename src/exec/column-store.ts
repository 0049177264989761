// Hot path: materialised rows of hash joins, sorts and CTEs.
import type {Batch} from '../columns/batch.ts';
import type {TextDictionary, Vector} from '../columns/vector.ts';
import {BATCH_CAPACITY} from '../columns/vector.ts';
import {datumAt} from '../columns/vector-builder.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {StoreColumn} from './store-column.ts';
import {TextBytes} from './text-bytes.ts';

/** Rows kept in columns. Appends whole batches; gathers any rows back into batches. */
export class ColumnStore {
  readonly #columns: StoreColumn[];
  #size = 0;

  constructor(types: readonly TypeInstance[]) {
    this.#columns = types.map(type => new StoreColumn(type.physical));
  }

  /** A store of one text column that keeps its values as UTF-8. */
  static ofBytes(type: TypeInstance): ColumnStore {
    const store = new ColumnStore([]);
    store.#columns.push(new StoreColumn(type.physical, new TextBytes()));
    return store;
  }

  get size(): number {
    return this.#size;
  }

  get width(): number {
    return this.#columns.length;
  }

  reset(): void {
    for (const column of this.#columns) column.reset();
    this.#size = 0;
  }

  /** Appends the live rows [from, to) of a batch. */
  append(batch: Batch, from = 0, to = batch.count): void {
    const columns = this.#columns;
    for (let c = 0; c < columns.length; c++)
      columns[c]!.append(batch.vectors[c]!, batch.selection, from, to);
    this.#size += to - from;
  }

  appendRow(row: readonly Datum[]): void {
    const columns = this.#columns;
    for (let c = 0; c < columns.length; c++) columns[c]!.appendDatum(row[c]!);
    this.#size++;
  }

  /** Appends UTF-8 to the only column, which is of text. */
  appendBytes(bytes: Buffer, from: number, to: number): void {
    this.#columns[0]!.appendBytes(bytes, from, to);
    this.#size++;
  }

  /** The UTF-8 of a column that keeps it, else null. */
  texts(column: number): TextBytes | null {
    return this.#columns[column]!.texts;
  }

  at(row: number, column: number): Datum {
    return this.#columns[column]!.at(row);
  }

  row(row: number): Datum[] {
    const out: Datum[] = [];
    for (const column of this.#columns) out.push(column.at(row));
    return out;
  }

  /** One column's values at the given rows (-1 = NULL); see StoreColumn.gather. */
  gather(
    column: number,
    rows: Int32Array | null,
    from: number,
    to: number,
    reuse: Vector | null = null,
  ): Vector {
    return this.#columns[column]!.gather(rows, from, to, reuse);
  }

  /** Fills `out` with rows [from, to) of the first `width` columns in order of `rows`, or of the store when null. */
  fill(
    out: Batch,
    rows: Int32Array | null,
    from: number,
    to: number,
    width = this.#columns.length,
  ): void {
    const columns = this.#columns;
    const vectors: Vector[] = new Array<Vector>(width);
    for (let c = 0; c < width; c++) vectors[c] = columns[c]!.gather(rows, from, to, null);
    out.vectors = vectors;
    out.selection = null;
    out.count = to - from;
  }

  /** Typed contents of a column for compare loops; null where it is not of that kind. */
  ints(column: number): Int32Array | null {
    const store = this.#columns[column]!;
    return store.physical === 'int32' ? store.ints : null;
  }

  floats(column: number): Float64Array | null {
    return this.#columns[column]!.floats;
  }

  longs(column: number): BigInt64Array | null {
    return this.#columns[column]!.longs;
  }

  nulls(column: number): Uint8Array | null {
    return this.#columns[column]!.nulls;
  }

  bools(column: number): Uint8Array | null {
    return this.#columns[column]!.bools;
  }

  /** Dictionary codes of a text column whose every row came with one dictionary, else null. */
  codes(column: number): Int32Array | null {
    const store = this.#columns[column]!;
    return store.dictionary === null ? null : store.ints;
  }

  dictionary(column: number): TextDictionary | null {
    return this.#columns[column]!.dictionary;
  }

  /** Strings of a text column without a dictionary, else null. */
  strings(column: number): readonly string[] | null {
    const store = this.#columns[column]!;
    return store.physical === 'text' && store.dictionary === null && store.texts === null
      ? store.strings
      : null;
  }

  /** Rough bytes held, for work_mem. */
  get bytes(): number {
    let bytes = 0;
    for (const column of this.#columns)
      bytes += column.size * bytesPerRow(column) + column.textBytes;
    return bytes;
  }
}

function bytesPerRow(column: StoreColumn): number {
  switch (column.physical) {
    case 'int32':
      return 4;
    case 'bool':
      return 1;
    case 'float64':
    case 'int64':
      return 8;
    case 'text':
      return column.dictionary !== null || column.texts !== null ? 4 : 24;
    case 'boxed':
      return 72;
  }
}

/** Collects rows of Datums into a batch whose vectors are reused; capacity grows by demand. */
export class RowBatchBuilder {
  readonly #store: ColumnStore;
  readonly batch: Batch = {count: 0, selection: null, vectors: []};

  constructor(types: readonly TypeInstance[]) {
    this.#store = new ColumnStore(types);
  }

  get count(): number {
    return this.#store.size;
  }

  get isFull(): boolean {
    return this.#store.size >= BATCH_CAPACITY;
  }

  reset(): void {
    this.#store.reset();
  }

  push(row: readonly Datum[]): void {
    this.#store.appendRow(row);
  }

  finish(): Batch {
    this.#store.fill(this.batch, null, 0, this.#store.size);
    return this.batch;
  }
}

/** The live row `index` of a batch as Datums, written into `out`. */
export function readRow(batch: Batch, index: number, out: Datum[]): void {
  const row = batch.selection === null ? index : batch.selection[index]!;
  const vectors = batch.vectors;
  for (let c = 0; c < vectors.length; c++) out[c] = datumAt(vectors[c]!, row);
}

export {datumAt};
