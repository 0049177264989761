// Hot path: every value of segments that are merged is read here, a page at a time, as it is stored.
import type {NullMask} from '../../../columns/vector.ts';
import type {Datum} from '../../../types/contract.ts';
import type {ColumnData} from '../column-plan.ts';

/** Values of fixed width, one per row. */
export type FixedValues = NonNullable<ColumnData['values']>;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * One column of rows that are merged: the page that is at hand, of rows [from, to). Values of fixed width are in `values`; others are bytes
 * [offsets[e], offsets[e + 1]) with e = codes[row], or the row itself where there are no codes.
 */
export abstract class StoredRows {
  from = 0;
  to = 0;
  nulls: NullMask = null;
  values: FixedValues | null = null;
  /** The halves of 64-bit values, low first: to be compared and copied without BigInts. */
  words: Int32Array | null = null;
  bytes: Buffer = NOTHING;
  offsets: Int32Array | null = null;
  codes: Int32Array | null = null;

  /** Makes the page of a row the one at hand. Positions never go back. */
  abstract load(position: number): void;

  /** The value of row `row` of the page at hand. */
  abstract datum(row: number): Datum;

  /** Gives memory back as soon as nobody reads on. */
  release(): void {
    this.values = null;
    this.words = null;
    this.bytes = NOTHING;
    this.offsets = null;
    this.codes = null;
    this.nulls = null;
    this.to = this.from;
  }

  protected setFixed(values: FixedValues): void {
    this.values = values;
    this.words =
      values instanceof BigInt64Array
        ? new Int32Array(values.buffer, values.byteOffset, values.length * 2)
        : null;
  }

  /** Where the bytes of a row begin. */
  startOf(row: number): number {
    return this.offsets![this.codes === null ? row : this.codes[row]!]!;
  }

  /** Where the bytes of a row end. */
  endOf(row: number): number {
    return this.offsets![(this.codes === null ? row : this.codes[row]!) + 1]!;
  }

  isNull(row: number): boolean {
    return this.nulls !== null && this.nulls[row] === 1;
  }
}

const CONSTANT_ROWS = 1024;

/** A column that a segment lacks: every row has the same value. */
export class ConstantRows extends StoredRows {
  readonly #value: Datum;

  /** `stored`: what the value is for the encoder, null for NULL; `value`: the same as a Datum, where it is asked for. */
  constructor(empty: FixedValues | null, stored: unknown, value: Datum) {
    super();
    this.#value = value;
    if (empty !== null) {
      const values = new (empty.constructor as new (size: number) => Float64Array)(CONSTANT_ROWS);
      if (stored !== null) values.fill(stored as number);
      this.setFixed(values);
    } else {
      this.bytes = bytesOf(stored);
      this.codes = new Int32Array(CONSTANT_ROWS);
      this.offsets = Int32Array.of(0, this.bytes.length);
    }
    if (stored === null) this.nulls = new Uint8Array(CONSTANT_ROWS).fill(1);
  }

  load(position: number): void {
    this.from = position - (position % CONSTANT_ROWS);
    this.to = this.from + CONSTANT_ROWS;
  }

  datum(): Datum {
    return this.#value;
  }
}

function bytesOf(stored: unknown): Buffer {
  if (stored === null) return NOTHING;
  if (typeof stored === 'string') return Buffer.from(stored);
  const bytes = stored as Uint8Array;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Rows that were gathered in memory, all of them one page. */
export class GatheredRows extends StoredRows {
  readonly #datumOf: (stored: unknown) => Datum;

  /** `datumOf`: what a value for the encoder is as a Datum. */
  constructor(data: ColumnData, datumOf: (stored: unknown) => Datum) {
    super();
    this.#datumOf = datumOf;
    this.to = data.rows;
    this.nulls = data.nulls;
    if (data.values !== null) this.setFixed(data.values);
    this.offsets = data.offsets;
    if (data.offsets !== null) this.bytes = joined(data);
  }

  load(): void {}

  datum(row: number): Datum {
    if (this.isNull(row)) return null;
    const value =
      this.values === null
        ? this.bytes.subarray(this.offsets![row], this.offsets![row + 1])
        : this.values[row];
    return this.#datumOf(value);
  }
}

function joined({arenas, arenaLengths}: ColumnData): Buffer {
  if (arenas.length === 1) return asBuffer(arenas[0]!);
  return Buffer.concat(arenas.map((arena, i) => arena.subarray(0, arenaLengths[i])));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
