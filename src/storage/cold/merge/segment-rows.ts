// Hot path: every page of segments that are merged is decoded here.
import type {Datum} from '../../../types/contract.ts';
import type {Reading, StoredScalar} from '../column-forms.ts';
import type {SegmentDictionary} from '../decoded-page.ts';
import {corrupt} from '../file-errors.ts';
import type {FileReader} from '../file-reader.ts';
import {unshifted32, unshifted64} from '../integer-shift.ts';
import type {StoredValues} from '../lazy-page.ts';
import {readPageBody} from '../page-body.ts';
import {decodeDictionary, decodeStored} from '../page-decoder.ts';
import {Encoding, PageType} from '../parquet-format.ts';
import type {ChunkLayout} from '../layout-parts.ts';
import type {SegmentLayout} from '../segment-layout.ts';
import {StoredRows} from './stored-rows.ts';
import {PgError} from '../../../common/errors.ts';

/** Buffers of this size are given back at once. */
const LARGE = 32 * 1024;

/** A file and what is known of it. */
export interface OpenSegment {
  readonly path: string;
  readonly files: FileReader;
  readonly layout: SegmentLayout;
}

/** How a column is read. */
export interface RowsReading {
  /** Taken off stored integers. */
  readonly shift: bigint;
  /** What NULL stands for: the seq of rows that were written before their commit. */
  readonly nullAs: bigint | null;
  /** For `datum`; it takes what is stored, so the shift is 0 where it is used. */
  readonly reading: Reading | null;
}

/** One column of a segment, front to back. */
export class SegmentRows extends StoredRows {
  readonly #segment: OpenSegment;
  readonly #column: number;
  readonly #how: RowsReading;
  #group = 0;
  #dictionaryOf: ChunkLayout | null = null;
  #dictionary: SegmentDictionary | null = null;
  #stored: StoredValues['kind'] = 'numbers';

  constructor(segment: OpenSegment, column: number, how: RowsReading) {
    super();
    this.#segment = segment;
    this.#column = column;
    this.#how = how;
  }

  load(position: number): void {
    const {layout, path} = this.#segment;
    while (position >= layout.groups[this.#group]!.firstRow + layout.groups[this.#group]!.rows)
      this.#group++;
    const group = layout.groups[this.#group]!;
    const {firstRow} = group;
    const chunk = group.chunk(this.#column);
    const {step} = layout.pagesOf(chunk, layout.columns[this.#column]!);
    const page = Math.floor((position - firstRow) / step);
    this.#free();
    try {
      this.#read(chunk, page);
    } catch (error) {
      if (error instanceof PgError) throw error;
      const what = `page ${page} of column ${this.#column + 1} in row group ${this.#group + 1}`;
      throw corrupt(path, `${what}: ${(error as Error).message}`, error);
    }
    this.from = firstRow + page * step;
    this.to = Math.min(this.from + step, firstRow + chunk.rows);
  }

  datum(row: number): Datum {
    if (this.isNull(row)) return null;
    const reading = this.#how.reading!;
    if (this.#stored === 'codes') return this.#dictionary!.value(this.codes![row]!, reading);
    return reading.convert(this.#scalar(row));
  }

  override release(): void {
    this.#free();
    super.release();
    this.#dictionary = null;
    this.#dictionaryOf = null;
  }

  #scalar(row: number): StoredScalar {
    const {values} = this;
    if (values === null) return this.bytes.subarray(this.startOf(row), this.endOf(row));
    return this.#stored === 'booleans' ? values[row] === 1 : values[row]!;
  }

  #read(chunk: ChunkLayout, page: number): void {
    const {layout, files, path} = this.#segment;
    const column = layout.columns[this.#column]!;
    const index = layout.pagesOf(chunk, column);
    const rows = Math.min(index.step, chunk.rows - page * index.step);
    const dictionary = this.#dictionaryFor(chunk);
    const {bytes} = readPageBody(files, path, [index.offsets[page]!, index.sizes[page]!], {
      type: PageType.data,
      encoding: chunk.encoding,
      count: rows,
    });
    const {stored, nulls} = decodeStored(bytes, rows, column, {
      encoding: chunk.encoding,
      dictionary,
    });
    this.nulls = nulls;
    this.#stored = stored.kind;
    this.codes = null;
    switch (stored.kind) {
      case 'numbers':
        this.setFixed(this.#unshifted(stored.values));
        return;
      case 'booleans':
        this.setFixed(stored.values);
        return;
      case 'bytes':
        this.bytes = stored.data;
        this.offsets = stored.offsets;
        return;
      case 'fixed':
        this.bytes = stored.data;
        this.offsets = Int32Array.from({length: rows + 1}, (_, i) => i * stored.width);
        // NULL has bytes here, and none where it is written: rows are taken one by one then.
        if (nulls !== null) this.codes = Int32Array.from({length: rows}, (_, i) => i);
        return;
      case 'codes':
        this.codes = stored.codes;
        this.bytes = stored.dictionary.data;
        this.offsets = stored.dictionary.offsets;
    }
  }

  #unshifted(
    values: Int32Array | Float64Array | BigInt64Array,
  ): Int32Array | Float64Array | BigInt64Array {
    const {shift, nullAs} = this.#how;
    if (!(values instanceof BigInt64Array))
      return values instanceof Int32Array ? unshifted32(values, Number(shift)) : values;
    if (nullAs !== null && this.nulls !== null) {
      for (let i = 0; i < values.length; i++) if (this.nulls[i] === 1) values[i] = nullAs;
      this.nulls = null;
    }
    return unshifted64(values, shift);
  }

  #dictionaryFor(chunk: ChunkLayout): SegmentDictionary | null {
    if (chunk.encoding !== Encoding.rleDictionary) return null;
    if (this.#dictionaryOf === chunk) return this.#dictionary;
    const {layout, files, path} = this.#segment;
    const size = chunk.dataOffset - chunk.dictionaryOffset;
    const body = readPageBody(files, path, [chunk.dictionaryOffset, size], {
      type: PageType.dictionary,
      encoding: Encoding.plain,
      count: -1,
    });
    this.#dictionary = decodeDictionary(body.bytes, body.count, layout.columns[this.#column]!);
    this.#dictionaryOf = chunk;
    return this.#dictionary;
  }

  /** The page at hand is read no more: what is large goes back without waiting for the collector of garbage. Datums may be views of it. */
  #free(): void {
    if (this.#how.reading !== null) return;
    if (this.#stored !== 'codes' && this.bytes.byteLength > LARGE) free(this.bytes.buffer);
    if (this.values !== null && this.values.byteLength > LARGE) free(this.values.buffer);
  }
}

function free(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
