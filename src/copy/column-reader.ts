// Hot path: fields of COPY become columns without strings between where the type allows it.
import type {Vector} from '../columns/vector.ts';
import {BATCH_CAPACITY} from '../columns/vector.ts';
import {createVectorBuilder, type VectorBuilder} from '../columns/vector-builder.ts';
import type {Datum, FormatSettings, TypeInstance} from '../types/contract.ts';
import {isHalfwaySingle} from '../types/single.ts';
import {IsoTimes} from './iso-times.ts';

/** Collects the fields of one column. What `bytes` does not take has to come as a datum. */
export interface ColumnReader {
  /** Appends the value that these bytes (valid UTF-8) write; false when they are for the type's own input to read. */
  bytes(buffer: Buffer, start: number, end: number): boolean;
  append(datum: Datum): void;
  /** What was appended, valid until `reset`. */
  readonly vector: Vector;
  reset(): void;
}

/** The reader of a column's fields: at most BATCH_CAPACITY rows between resets. */
export function createColumnReader(
  type: TypeInstance,
  typmod: number,
  settings: FormatSettings,
): ColumnReader {
  switch (type.oid as number) {
    case 21:
      return new Int32Reader(32767);
    case 23:
      return new Int32Reader(2147483647);
    case 20:
      return new Int64Reader();
    case 700:
    case 701:
      return new FloatReader(type.oid === 700);
    case 16:
      return new BoolReader();
    case 1082:
      return new DateReader();
    case 1114:
    case 1184:
      if (typmod >= 0 && typmod < 6) break;
      return new TimestampReader(type.oid === 1184, settings.timeZone === 'UTC');
    case 25:
      return new TextReader(Infinity);
    case 1043:
      return new TextReader(typmod >= 4 ? typmod - 4 : Infinity);
    case 2950:
      return new UuidReader();
    default:
  }
  return new DatumReader(createVectorBuilder(type.physical));
}

/** Types that are read from strings. */
class DatumReader implements ColumnReader {
  readonly #builder: VectorBuilder;

  constructor(builder: VectorBuilder) {
    this.#builder = builder;
  }

  bytes(): boolean {
    return false;
  }

  append(datum: Datum): void {
    this.#builder.append(datum);
  }

  get vector(): Vector {
    return this.#builder.vector;
  }

  reset(): void {
    this.#builder.reset();
  }
}

/** NULL flags of the fixed number of rows. */
class Nulls {
  readonly #flags = new Uint8Array(BATCH_CAPACITY);
  isUsed = false;

  mark(row: number): void {
    this.isUsed = true;
    this.#flags[row] = 1;
  }

  get mask(): Uint8Array | null {
    return this.isUsed ? this.#flags : null;
  }

  reset(): void {
    if (this.isUsed) this.#flags.fill(0);
    this.isUsed = false;
  }
}

/** Decimal digits with a sign, at most 15 of them; NaN for anything else. */
function integer(buffer: Buffer, start: number, end: number): number {
  const first = buffer[start];
  let at = first === 45 ? start + 1 : start;
  if (at === end || end - at > 15) return NaN;
  let value = 0;
  for (; at < end; at++) {
    const digit = buffer[at]! - 48;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return first === 45 ? 0 - value : value;
}

/** A column whose values are elements of one array. */
abstract class FixedReader<Values extends Int32Array | Float64Array | Uint8Array>
  implements ColumnReader
{
  protected readonly values: Values;
  protected count = 0;
  readonly #nulls = new Nulls();

  constructor(values: Values) {
    this.values = values;
  }

  abstract bytes(buffer: Buffer, start: number, end: number): boolean;
  abstract readonly vector: Vector;

  append(datum: Datum): void {
    if (datum === null) this.#nulls.mark(this.count++);
    else this.values[this.count++] = Number(datum);
  }

  protected get nulls(): Uint8Array | null {
    return this.#nulls.mask;
  }

  reset(): void {
    this.count = 0;
    this.#nulls.reset();
  }
}

class Int32Reader extends FixedReader<Int32Array> {
  readonly #most: number;

  constructor(most: number) {
    super(new Int32Array(BATCH_CAPACITY));
    this.#most = most;
  }

  bytes(buffer: Buffer, start: number, end: number): boolean {
    const value = integer(buffer, start, end);
    if (!(value <= this.#most && value >= -1 - this.#most)) return false;
    this.values[this.count++] = value;
    return true;
  }

  get vector(): Vector {
    return {kind: 'int32', values: this.values, nulls: this.nulls};
  }
}

const TWO_32 = 4294967296;

/** 64-bit integers, written as halves so that none becomes a bigint. */
class Longs {
  readonly values = new BigInt64Array(BATCH_CAPACITY);
  readonly nulls = new Nulls();
  readonly #halves = new Int32Array(this.values.buffer);
  count = 0;

  /** A safe integer. */
  push(value: number): void {
    const at = 2 * this.count++;
    this.#halves[at] = value;
    this.#halves[at + 1] = Math.floor(value / TWO_32);
  }

  append(datum: Datum): void {
    if (datum === null) this.nulls.mark(this.count++);
    else this.values[this.count++] = datum as bigint;
  }

  get vector(): Vector {
    return {kind: 'int64', values: this.values, nulls: this.nulls.mask};
  }

  reset(): void {
    this.count = 0;
    this.nulls.reset();
  }
}

class Int64Reader extends Longs implements ColumnReader {
  bytes(buffer: Buffer, start: number, end: number): boolean {
    const value = integer(buffer, start, end);
    if (value !== value) return false;
    this.push(value);
    return true;
  }
}

class TimestampReader extends Longs implements ColumnReader {
  readonly #times = new IsoTimes();
  readonly #hasZone: boolean;
  readonly #isUtc: boolean;

  constructor(hasZone: boolean, isUtc: boolean) {
    super();
    this.#hasZone = hasZone;
    this.#isUtc = isUtc;
  }

  bytes(buffer: Buffer, start: number, end: number): boolean {
    const times = this.#times;
    const local = times.timestamp(buffer, start, end);
    if (local !== local) return false;
    if (!this.#hasZone) {
      // A zone is read and forgotten, but not looked at by every form of the date: left to the type.
      if (times.isZoned) return false;
    } else if (!times.isZoned && !this.#isUtc) return false;
    const value = this.#hasZone ? local - times.zone * 1_000_000 : local;
    if (!Number.isSafeInteger(value)) return false;
    this.push(value);
    return true;
  }
}

class DateReader extends FixedReader<Int32Array> {
  readonly #times = new IsoTimes();

  constructor() {
    super(new Int32Array(BATCH_CAPACITY));
  }

  bytes(buffer: Buffer, start: number, end: number): boolean {
    if (end - start !== 10) return false;
    const days = this.#times.days(buffer, start);
    if (days !== days) return false;
    this.values[this.count++] = days;
    return true;
  }

  get vector(): Vector {
    return {kind: 'int32', values: this.values, nulls: this.nulls};
  }
}

/** Powers of ten that a double holds exactly. */
const POWERS: readonly number[] = Array.from({length: 16}, (_, i) => 10 ** i);

class FloatReader extends FixedReader<Float64Array> {
  readonly #isSingle: boolean;

  constructor(isSingle: boolean) {
    super(new Float64Array(BATCH_CAPACITY));
    this.#isSingle = isSingle;
  }

  /** At most 15 digits with a point: both parts are exact, and so their quotient is the nearest double. */
  bytes(buffer: Buffer, start: number, end: number): boolean {
    const isNegative = buffer[start] === 45;
    let at = isNegative ? start + 1 : start;
    if (at === end || end - at > 16) return false;
    let value = 0;
    let digits = 0;
    let point = -1;
    for (; at < end; at++) {
      const byte = buffer[at]!;
      if (byte === 46 && point === -1) {
        point = digits;
        continue;
      }
      if (byte < 48 || byte > 57) return false;
      value = value * 10 + (byte - 48);
      digits++;
    }
    if (digits === 0 || digits > 15) return false;
    if (point !== -1) value /= POWERS[digits - point]!;
    if (isNegative) value = -value;
    if (this.#isSingle) {
      // Halfway between two of them the decimal itself decides.
      if (isHalfwaySingle(value)) return false;
      value = Math.fround(value);
    }
    this.values[this.count++] = value;
    return true;
  }

  get vector(): Vector {
    return {kind: 'float64', values: this.values, nulls: this.nulls};
  }
}

class BoolReader extends FixedReader<Uint8Array> {
  constructor() {
    super(new Uint8Array(BATCH_CAPACITY));
  }

  bytes(buffer: Buffer, start: number, end: number): boolean {
    if (end - start !== 1) return false;
    const byte = buffer[start]!;
    if (byte !== 116 && byte !== 102) return false;
    this.values[this.count++] = byte === 116 ? 1 : 0;
    return true;
  }

  get vector(): Vector {
    return {kind: 'bool', values: this.values, nulls: this.nulls};
  }
}

/** Bytes that are copied one by one rather than by a call. */
const SHORT = 48;

/** Texts one behind the other as UTF-8. */
class Texts {
  readonly #nulls = new Nulls();
  readonly #offsets = new Int32Array(BATCH_CAPACITY + 1);
  #bytes = Buffer.allocUnsafeSlow(16 * 1024);
  #used = 0;
  #count = 0;

  /** Makes room for a text and gives the place where it is to be written. */
  room(size: number): Buffer {
    if (this.#bytes.length - this.#used < size) {
      const next = Buffer.allocUnsafeSlow(Math.max(this.#used + size, this.#bytes.length * 2));
      this.#bytes.copy(next, 0, 0, this.#used);
      this.#bytes = next;
    }
    return this.#bytes;
  }

  get used(): number {
    return this.#used;
  }

  /** The text that was written to `room` ends here. */
  wrote(size: number): void {
    this.#used += size;
    this.#offsets[++this.#count] = this.#used;
  }

  push(buffer: Buffer, start: number, end: number): void {
    const size = end - start;
    const bytes = this.room(size);
    if (size <= SHORT) {
      let to = this.#used;
      for (let at = start; at < end; at++) bytes[to++] = buffer[at]!;
    } else buffer.copy(bytes, this.#used, start, end);
    this.wrote(size);
  }

  append(datum: Datum): void {
    if (datum === null) {
      this.#nulls.mark(this.#count);
      this.wrote(0);
      return;
    }
    const text = datum as string;
    const bytes = this.room(text.length * 3);
    this.wrote(bytes.utf8Write(text, this.#used));
  }

  get vector(): Vector {
    return {
      kind: 'utf8',
      bytes: this.#bytes,
      offsets: this.#offsets,
      nulls: this.#nulls.mask,
    };
  }

  reset(): void {
    this.#used = 0;
    this.#count = 0;
    this.#nulls.reset();
  }
}

class TextReader extends Texts implements ColumnReader {
  /** Longest text in characters. */
  readonly #most: number;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  bytes(buffer: Buffer, start: number, end: number): boolean {
    // No text has more characters than bytes.
    if (end - start > this.#most) return false;
    this.push(buffer, start, end);
    return true;
  }
}

class UuidReader extends Texts implements ColumnReader {
  /** The usual form of 36 characters; it is kept in small letters. */
  bytes(buffer: Buffer, start: number, end: number): boolean {
    if (end - start !== 36) return false;
    const bytes = this.room(36);
    const to = this.used;
    for (let i = 0; i < 36; i++) {
      const byte = buffer[start + i]!;
      if (i === 8 || i === 13 || i === 18 || i === 23) {
        if (byte !== 45) return false;
        bytes[to + i] = 45;
        continue;
      }
      const low = byte | 32;
      if (byte >= 48 && byte <= 57) bytes[to + i] = byte;
      else if (low >= 97 && low <= 102) bytes[to + i] = low;
      else return false;
    }
    this.wrote(36);
    return true;
  }
}
