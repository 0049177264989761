// Hot path: every value of a merged segment is copied here.
import type {Datum, TypeInstance} from '../../../types/contract.ts';
import {ColumnBuilder, type ValueRange} from '../column-builder.ts';
import type {ColumnData, ColumnPlan} from '../column-plan.ts';
import type {FixedValues, StoredRows} from './stored-rows.ts';

const FIRST_ROWS = 1024;
const FIRST_BYTES = 16 * 1024;
/** Rows from which `set` is quicker than a loop. */
const MANY = 12;
/** Bytes from which it is. */
const LONG = 40;

/** One column of the rows that are written, a row group at a time. */
export interface MergedColumn {
  /** Bytes gathered for the running row group. */
  readonly size: number;
  /** Takes rows [position, position + count) of a column that is merged. */
  append(from: StoredRows, position: number, count: number): void;
  /** The gathered rows; it is empty afterwards. */
  take(): ColumnData;
  /** What is known of all values so far where the encoder cannot tell. */
  readonly range: ValueRange;
}

/** Values that are written as they are stored: nothing of them is looked at. */
export class CopiedColumn implements MergedColumn {
  readonly range: ValueRange = {min: null, max: null, isKnown: false};
  readonly #plan: ColumnPlan;
  #rows = 0;
  #capacity = 0;
  #values: FixedValues | null = null;
  #words: Int32Array | null = null;
  #nulls: Uint8Array | null = null;
  #offsets: Int32Array | null = null;
  #arena: Buffer = Buffer.alloc(0);
  #used = 0;
  /** What the row group before has needed: room for it is made at once, and is memory only where it is used. */
  #usedBefore = 0;

  constructor(plan: ColumnPlan) {
    this.#plan = plan;
  }

  get size(): number {
    return this.#used + (this.#values?.BYTES_PER_ELEMENT ?? 4) * this.#rows;
  }

  append(from: StoredRows, position: number, count: number): void {
    if (this.#rows + count > this.#capacity) this.#grow(this.#rows + count);
    let at = position;
    let left = count;
    while (left > 0) {
      if (at < from.from || at >= from.to) from.load(at);
      const take = Math.min(left, from.to - at);
      const row = at - from.from;
      if (from.nulls !== null) this.#copyNulls(from.nulls, row, take);
      if (this.#offsets !== null) this.#copyBytes(from, row, take);
      else this.#copyFixed(from, row, take);
      this.#rows += take;
      at += take;
      left -= take;
    }
  }

  take(): ColumnData {
    const data: ColumnData = {
      rows: this.#rows,
      nulls: this.#nulls,
      values: this.#values,
      arenas: this.#used > 0 ? [this.#arena] : [],
      arenaLengths: this.#used > 0 ? [this.#used] : [],
      offsets: this.#offsets,
      keyHashes: null,
    };
    this.#rows = 0;
    this.#capacity = 0;
    this.#values = null;
    this.#words = null;
    this.#nulls = null;
    this.#offsets = null;
    this.#arena = Buffer.alloc(0);
    this.#usedBefore = this.#used;
    this.#used = 0;
    return data;
  }

  #copyNulls(nulls: Uint8Array, row: number, count: number): void {
    for (let i = 0; i < count; i++) {
      if (nulls[row + i] === 0) continue;
      this.#nulls ??= new Uint8Array(this.#capacity);
      this.#nulls[this.#rows + i] = 1;
    }
  }

  #copyFixed(from: StoredRows, row: number, count: number): void {
    const at = this.#rows;
    if (count >= MANY) {
      this.#values!.set(from.values!.subarray(row, row + count) as never, at);
      return;
    }
    if (this.#words !== null) {
      const to = this.#words;
      const words = from.words!;
      for (let i = 0, source = row * 2, target = at * 2; i < count; i++) {
        to[target++] = words[source++]!;
        to[target++] = words[source++]!;
      }
      return;
    }
    const to = this.#values as Float64Array;
    const values = from.values as Float64Array;
    for (let i = 0; i < count; i++) to[at + i] = values[row + i]!;
  }

  #copyBytes(from: StoredRows, row: number, count: number): void {
    const offsets = this.#offsets!;
    let at = this.#rows;
    if (from.codes === null) {
      const source = from.offsets!;
      const start = source[row]!;
      const by = this.#used - start;
      this.#copySpan(from.bytes, start, source[row + count]!);
      for (let i = 1; i <= count; i++) offsets[++at] = source[row + i]! + by;
      return;
    }
    for (let i = row; i < row + count; i++) {
      if (from.nulls === null || from.nulls[i] === 0)
        this.#copySpan(from.bytes, from.startOf(i), from.endOf(i));
      offsets[++at] = this.#used;
    }
  }

  #copySpan(bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    if (this.#used + size > this.#arena.length) this.#growArena(this.#used + size);
    const arena = this.#arena;
    let to = this.#used;
    if (size < LONG) for (let i = start; i < end; i++) arena[to++] = bytes[i]!;
    else bytes.copy(arena, to, start, end);
    this.#used += size;
  }

  #growArena(bytes: number): void {
    let size = Math.max(FIRST_BYTES, this.#arena.length, this.#usedBefore * 1.1);
    while (size < bytes) size *= 2;
    size = Math.ceil(size);
    const arena = Buffer.allocUnsafeSlow(size);
    arena.set(this.#arena.subarray(0, this.#used));
    if (this.#arena.byteLength > FIRST_BYTES) (this.#arena.buffer as ArrayBuffer).transfer(0);
    this.#arena = arena;
  }

  #grow(rows: number): void {
    let capacity = Math.max(FIRST_ROWS, this.#capacity);
    while (capacity < rows) capacity *= 2;
    this.#capacity = capacity;
    if (this.#plan.kind === 'bytes') {
      const offsets = new Int32Array(capacity + 1);
      if (this.#offsets !== null) offsets.set(this.#offsets.subarray(0, this.#rows + 1));
      this.#offsets = offsets;
    } else {
      const values = newFixed(this.#plan.kind, capacity);
      if (this.#values !== null) values.set(this.#values.subarray(0, this.#rows) as never);
      this.#values = values;
      this.#words = values instanceof BigInt64Array ? new Int32Array(values.buffer) : null;
    }
    if (this.#nulls !== null) {
      const nulls = new Uint8Array(capacity);
      nulls.set(this.#nulls.subarray(0, this.#rows));
      this.#nulls = nulls;
    }
  }
}

/** Values that are made and written anew: their type, or what is known of their order, asks for it. */
export class ValueColumn implements MergedColumn {
  readonly #builder: ColumnBuilder;
  #data: Datum[] = [];

  constructor(plan: ColumnPlan, type: TypeInstance) {
    this.#builder = new ColumnBuilder(plan, type);
  }

  get size(): number {
    return this.#builder.size;
  }

  get range(): ValueRange {
    return this.#builder.range;
  }

  append(from: StoredRows, position: number, count: number): void {
    const data = this.#data;
    data.length = 0;
    for (let at = position; at < position + count; at++) {
      if (at < from.from || at >= from.to) from.load(at);
      data.push(from.datum(at - from.from));
    }
    this.#builder.append(data, 0, count);
  }

  take(): ColumnData {
    this.#data = [];
    return this.#builder.take();
  }
}

/** Room for values of fixed width; null for bytes. */
export function newFixed(kind: Exclude<ColumnPlan['kind'], 'bytes'>, size: number): FixedValues {
  switch (kind) {
    case 'int32':
      return new Int32Array(size);
    case 'int64':
      return new BigInt64Array(size);
    case 'float32':
      return new Float32Array(size);
    case 'float64':
      return new Float64Array(size);
    case 'bool':
      return new Uint8Array(size);
  }
}
