// Hot path: a scan hands out the vectors made here, 1,024 rows at a time, without a copy.
import type {NullMask, TextDictionary, Vector} from '../../columns/vector.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {Reading} from './column-forms.ts';
import {storedBytes} from './column-plan.ts';
import type {Slot} from './page-cache.ts';
import {CacheEntry} from './page-cache.ts';
import {uuidText, writeUuidText} from './uuid-text.ts';

/** A decoded page of one column. Chunks are runs of `unit` rows: 1,024, or the whole page when it is smaller. */
export abstract class DecodedPage extends CacheEntry {
  readonly rows: number;
  readonly unit: number;
  readonly nulls: NullMask;
  readonly #chunks: (Vector | null)[];
  slot: Slot | null = null;

  constructor(rows: number, nulls: NullMask) {
    super();
    this.rows = rows;
    this.nulls = nulls;
    this.unit = Math.min(rows, BATCH_CAPACITY);
    this.#chunks = new Array<Vector | null>(Math.ceil(rows / BATCH_CAPACITY)).fill(null);
  }

  /** The rows from index * 1,024 on, as a vector that is kept. */
  chunk(index: number): Vector {
    const known = this.#chunks[index];
    if (known !== null && known !== undefined) return known;
    const from = index * BATCH_CAPACITY;
    const to = Math.min(this.rows, from + BATCH_CAPACITY);
    const made = this.vector(from, to, this.#nullsOf(from, to));
    this.#chunks[index] = made;
    return made;
  }

  /** The value of a row. */
  datum(row: number): Datum {
    return this.nulls !== null && this.nulls[row] === 1 ? null : this.valueAt(row);
  }

  /** Appends `base` + row for rows of [from, to) whose stored value is a value's stored form. */
  match(value: NonNullable<Datum>, from: number, to: number, base: number, into: number[]): void {
    const probe = this.probe(value);
    if (probe === null) return;
    for (let row = this.find(probe, from, to); row !== -1; row = this.find(probe, row + 1, to)) {
      if (this.nulls === null || this.nulls[row] === 0) into.push(base + row);
    }
  }

  /** The same by the type's own equality, for types whose equal values can be stored differently. */
  matchEqual(
    type: TypeInstance,
    value: NonNullable<Datum>,
    rows: {readonly from: number; readonly to: number; readonly base: number},
    into: number[],
  ): void {
    for (let row = rows.from; row < rows.to; row++) {
      const datum = this.datum(row);
      if (datum !== null && type.equals(datum, value)) into.push(rows.base + row);
    }
  }

  evict(): void {
    this.slot?.clear();
  }

  protected abstract vector(from: number, to: number, nulls: NullMask): Vector;
  protected abstract valueAt(row: number): Datum;
  /** A value in the form that `find` looks for; null when no row can have it. */
  protected abstract probe(value: NonNullable<Datum>): Datum;
  protected abstract find(probe: NonNullable<Datum>, from: number, to: number): number;

  #nullsOf(from: number, to: number): NullMask {
    if (this.nulls === null) return null;
    const mask = this.nulls.subarray(from, to);
    return mask.includes(1) ? mask : null;
  }
}

/** Numbers and booleans. */
export class NumberPage extends DecodedPage {
  readonly bytes: number;
  readonly #kind: 'int32' | 'float64' | 'bool';
  readonly #values: Int32Array | Float64Array | Uint8Array;

  constructor(
    kind: 'int32' | 'float64' | 'bool',
    values: Int32Array | Float64Array | Uint8Array,
    nulls: NullMask,
  ) {
    super(values.length, nulls);
    this.#kind = kind;
    this.#values = values;
    this.bytes = values.byteLength + (nulls?.length ?? 0) + 512;
  }

  protected vector(from: number, to: number, nulls: NullMask): Vector {
    return {kind: this.#kind, values: this.#values.subarray(from, to), nulls} as Vector;
  }

  protected valueAt(row: number): Datum {
    const value = this.#values[row]!;
    return this.#kind === 'bool' ? value === 1 : value;
  }

  protected probe(value: NonNullable<Datum>): Datum {
    return Number(value);
  }

  protected find(probe: NonNullable<Datum>, from: number, to: number): number {
    if (probe !== probe) {
      for (let row = from; row < to; row++) if (this.#values[row] !== this.#values[row]) return row;
      return -1;
    }
    const row = this.#values.indexOf(probe as number, from);
    return row < to ? row : -1;
  }
}

/** 64-bit integers. */
export class Int64Page extends DecodedPage {
  readonly bytes: number;
  readonly #values: BigInt64Array;
  #isSorted: boolean | null = null;

  constructor(values: BigInt64Array, nulls: NullMask) {
    super(values.length, nulls);
    this.#values = values;
    this.bytes = values.byteLength + (nulls?.length ?? 0) + 512;
  }

  protected vector(from: number, to: number, nulls: NullMask): Vector {
    return {kind: 'int64', values: this.#values.subarray(from, to), nulls};
  }

  protected valueAt(row: number): Datum {
    return this.#values[row]!;
  }

  protected probe(value: NonNullable<Datum>): Datum {
    return value;
  }

  protected find(probe: NonNullable<Datum>, from: number, to: number): number {
    this.#isSorted ??= this.nulls === null && isAscending(this.#values);
    if (!this.#isSorted) {
      const row = this.#values.indexOf(probe as bigint, from);
      return row < to ? row : -1;
    }
    const values = this.#values;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle]! < (probe as bigint)) low = middle + 1;
      else high = middle;
    }
    return low < to && values[low] === probe ? low : -1;
  }
}

function isAscending(values: BigInt64Array): boolean {
  for (let i = 1; i < values.length; i++) if (values[i]! < values[i - 1]!) return false;
  return true;
}

/** Distinct values of a chunk; strings are made when first asked for. */
export class SegmentDictionary extends CacheEntry implements TextDictionary {
  readonly size: number;
  readonly bytes: number;
  /** Entry i is bytes [offsets[i], offsets[i + 1]) of data, as they are stored. */
  readonly data: Buffer;
  readonly offsets: Int32Array;
  readonly #isUuid: boolean;
  #strings: (string | null)[] | null = null;
  #codes: Map<string, number> | null = null;
  #memo: (Datum | undefined)[] | null = null;
  #memoReading: Reading | null = null;
  slot: Slot | null = null;

  constructor(data: Buffer, offsets: Int32Array, isUuid: boolean) {
    super();
    this.data = data;
    this.offsets = offsets;
    this.#isUuid = isUuid;
    this.size = offsets.length - 1;
    this.bytes = data.length * 2 + this.size * 32;
  }

  get(code: number): string {
    this.#strings ??= new Array<string | null>(this.size).fill(null);
    const known = this.#strings[code];
    if (known !== null && known !== undefined) return known;
    const from = this.offsets[code]!;
    const made = this.#isUuid
      ? uuidText(this.data, from)
      : this.data.utf8Slice(from, this.offsets[code + 1]);
    this.#strings[code] = made;
    return made;
  }

  stored(code: number): Buffer {
    return this.data.subarray(this.offsets[code], this.offsets[code + 1]);
  }

  /** The converted value of an entry, kept. */
  value(code: number, reading: Reading): Datum {
    if (this.#memo === null || this.#memoReading !== reading) {
      this.#memo = new Array<Datum | undefined>(this.size).fill(undefined);
      this.#memoReading = reading;
    }
    const known = this.#memo[code];
    if (known !== undefined) return known;
    const made = reading.convert(this.stored(code));
    this.#memo[code] = made;
    return made;
  }

  /** The code of stored bytes, or -1. */
  find(bytes: Uint8Array): number {
    if (this.#codes === null) {
      this.#codes = new Map();
      for (let code = 0; code < this.size; code++) {
        this.#codes.set(this.stored(code).latin1Slice(), code);
      }
    }
    return (
      this.#codes.get(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).latin1Slice()) ?? -1
    );
  }

  evict(): void {
    this.slot?.clear();
  }
}

/** Dictionary codes of text or uuid. */
export class DictPage extends DecodedPage {
  readonly bytes: number;
  readonly #codes: Int32Array;
  readonly #dictionary: SegmentDictionary;
  readonly #reading: Reading;

  constructor(codes: Int32Array, nulls: NullMask, dictionary: SegmentDictionary, reading: Reading) {
    super(codes.length, nulls);
    this.#codes = codes;
    this.#dictionary = dictionary;
    this.#reading = reading;
    this.bytes = codes.byteLength + (nulls?.length ?? 0) + 512;
  }

  protected vector(from: number, to: number, nulls: NullMask): Vector {
    const values = this.#codes.subarray(from, to);
    return {kind: 'dict', values, dictionary: this.#dictionary, nulls};
  }

  protected valueAt(row: number): Datum {
    return this.#dictionary.get(this.#codes[row]!);
  }

  protected probe(value: NonNullable<Datum>): Datum {
    const code = this.#dictionary.find(storedBytes(this.#reading.type.parquet, value));
    return code === -1 ? null : code;
  }

  protected find(probe: NonNullable<Datum>, from: number, to: number): number {
    const row = this.#codes.indexOf(probe as number, from);
    return row < to ? row : -1;
  }
}

/** Text as it lies in the page. */
export class Utf8Page extends DecodedPage {
  readonly bytes: number;
  readonly #data: Buffer;
  readonly #offsets: Int32Array;

  constructor(data: Buffer, offsets: Int32Array, nulls: NullMask) {
    super(offsets.length - 1, nulls);
    this.#data = data;
    this.#offsets = offsets;
    this.bytes = data.length + offsets.byteLength + (nulls?.length ?? 0) + 512;
  }

  protected vector(from: number, to: number, nulls: NullMask): Vector {
    const offsets = this.#offsets.subarray(from, to + 1);
    return {kind: 'utf8', bytes: this.#data, offsets, nulls};
  }

  protected valueAt(row: number): Datum {
    return this.#data.utf8Slice(this.#offsets[row], this.#offsets[row + 1]);
  }

  protected probe(value: NonNullable<Datum>): Datum {
    return Buffer.from(value as string);
  }

  protected find(probe: NonNullable<Datum>, from: number, to: number): number {
    const wanted = probe as Uint8Array;
    const size = wanted.length;
    const offsets = this.#offsets;
    const data = this.#data;
    for (let row = from; row < to; row++) {
      const start = offsets[row]!;
      if (offsets[row + 1]! - start !== size) continue;
      let i = 0;
      while (i < size && data[start + i] === wanted[i]) i++;
      if (i === size) return row;
    }
    return -1;
  }
}

/** Uuids of 16 bytes each; their text is made by the chunk. */
export class UuidPage extends DecodedPage {
  readonly bytes: number;
  readonly #data: Buffer;

  /** `data` has 16 bytes for every row, also for NULL. */
  constructor(data: Buffer, nulls: NullMask) {
    super(data.length >> 4, nulls);
    this.#data = data;
    this.bytes = data.length * 4 + (nulls?.length ?? 0) + 512;
  }

  protected vector(from: number, to: number, nulls: NullMask): Vector {
    const bytes = Buffer.allocUnsafeSlow((to - from) * 36);
    const offsets = new Int32Array(to - from + 1);
    for (let row = from, at = 0; row < to; row++, at += 36) {
      writeUuidText(this.#data, row << 4, bytes, at);
      offsets[row - from + 1] = at + 36;
    }
    return {kind: 'utf8', bytes, offsets, nulls};
  }

  protected valueAt(row: number): Datum {
    return uuidText(this.#data, row << 4);
  }

  protected probe(value: NonNullable<Datum>): Datum {
    return Buffer.from((value as string).replaceAll('-', ''), 'hex');
  }

  protected find(probe: NonNullable<Datum>, from: number, to: number): number {
    const data = this.#data;
    const end = to << 4;
    let at = data.indexOf(probe as Uint8Array, from << 4);
    while (at !== -1 && at < end) {
      if ((at & 15) === 0) return at >> 4;
      at = data.indexOf(probe as Uint8Array, at + 1);
    }
    return -1;
  }
}
