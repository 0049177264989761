import type {ColumnPlan} from './column-plan.ts';
import {hasWrapped} from './integer-shift.ts';

/** A stored value as statistics hold it. */
export type StoredValue = number | bigint | Uint8Array;

const LOWEST = -0x8000000000000000n;

/** Longest min or max that is written whole. */
export const MAX_STAT_BYTES = 64;

/** Smallest and largest stored value of a page or chunk, in Parquet's order; null when there is none. */
export interface StoredRange {
  min: StoredValue | null;
  max: StoredValue | null;
  /** Values outside of Parquet's order are among them: NaN, or a timestamp that has wrapped. */
  hasNan: boolean;
}

/** Compares stored values in Parquet's order: signed numbers, unsigned bytes. */
export function compareStored(a: StoredValue, b: StoredValue): number {
  if (typeof a === 'object') return Buffer.compare(a, b as Uint8Array);
  return a < (b as number) ? -1 : a > (b as number) ? 1 : 0;
}

/** Widens `into` by another range. */
export function mergeRange(into: StoredRange, other: StoredRange): void {
  if (other.hasNan) into.hasNan = true;
  if (other.min !== null && (into.min === null || compareStored(other.min, into.min) < 0)) {
    into.min = other.min;
  }
  if (other.max !== null && (into.max === null || compareStored(other.max, into.max) > 0)) {
    into.max = other.max;
  }
}

/** Range of dense (no NULL) stored numbers, `shift` from their values; NaN is left out and flagged, a wrapped value flagged. */
export function rangeOfNumbers(
  values: ArrayLike<number> | ArrayLike<bigint>,
  shift: bigint,
): StoredRange {
  const range: StoredRange = {min: null, max: null, hasNan: false};
  if (values.length === 0) return range;
  if (values instanceof BigInt64Array) return rangeOfInt64(values, shift);
  const numbers = values as ArrayLike<number>;
  let min = Infinity;
  let max = -Infinity;
  let seen = 0;
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i]!;
    if (value !== value) continue;
    seen++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  range.hasNan = seen < numbers.length;
  if (seen > 0) {
    range.min = min;
    range.max = max;
  }
  return range;
}

function rangeOfInt64(values: BigInt64Array, shift: bigint): StoredRange {
  let min = values[0]!;
  let max = min;
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return {min, max, hasNan: min <= LOWEST + shift && hasWrapped(values, shift)};
}

/** Min and max as they lie in footers and page indexes, cut to MAX_STAT_BYTES. */
export interface StatBytes {
  readonly min: Uint8Array;
  readonly max: Uint8Array;
  readonly isMinExact: boolean;
  readonly isMaxExact: boolean;
}

/** Encodes a range, or null when nothing can be said of it (no values, NaN among them, a max that cannot be rounded up). */
export function statBytes(plan: ColumnPlan, range: StoredRange): StatBytes | null {
  if (range.min === null || range.max === null || range.hasNan) return null;
  if (typeof range.min === 'object') {
    return cutRange(range.min, range.max as Uint8Array, plan.isText);
  }
  // The specification wants -0 as a smallest and +0 as a largest zero.
  const min = range.min === 0 && plan.kind !== 'int32' ? -0 : range.min;
  const max = range.max === 0 ? 0 : range.max;
  const exact = {isMinExact: true, isMaxExact: true};
  return {min: fixedBytes(plan, min), max: fixedBytes(plan, max as number | bigint), ...exact};
}

function cutRange(min: Uint8Array, max: Uint8Array, isText: boolean): StatBytes | null {
  const cut = max.length > MAX_STAT_BYTES ? roundedUp(max, isText) : max;
  if (cut === null) return null;
  return {
    min: copyOf(min, min.length > MAX_STAT_BYTES ? cutAt(min, isText) : min.length),
    max: copyOf(cut, cut.length),
    isMinExact: min.length <= MAX_STAT_BYTES,
    isMaxExact: max.length <= MAX_STAT_BYTES,
  };
}

/** A buffer's own `slice` would be a view that keeps a whole row group in memory. */
function copyOf(bytes: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(0, length));
}

function cutAt(bytes: Uint8Array, isText: boolean): number {
  let at = MAX_STAT_BYTES;
  while (isText && at > 0 && (bytes[at]! & 0xc0) === 0x80) at--;
  return at;
}

/** A short byte string that is greater than every string with this one's beginning; text stays valid UTF-8. */
function roundedUp(bytes: Uint8Array, isText: boolean): Uint8Array | null {
  const head = copyOf(bytes, cutAt(bytes, isText));
  if (!isText) {
    let last = head.length - 1;
    while (last >= 0 && head[last] === 0xff) last--;
    if (last < 0) return null;
    head[last]!++;
    return head.subarray(0, last + 1);
  }
  const characters = [...Buffer.from(head).toString('utf8')];
  for (let last = characters.length - 1; last >= 0; last--) {
    let next = characters[last]!.codePointAt(0)! + 1;
    if (next >= 0xd800 && next <= 0xdfff) next = 0xe000;
    if (next > 0x10ffff) continue;
    return Buffer.from(characters.slice(0, last).join('') + String.fromCodePoint(next));
  }
  return null;
}

/** The PLAIN encoding of one value of fixed width. */
export function fixedBytes(plan: Pick<ColumnPlan, 'physicalType'>, value: number | bigint): Buffer {
  const out = Buffer.alloc(8);
  switch (plan.physicalType) {
    case 'BOOLEAN':
      out[0] = Number(value);
      return out.subarray(0, 1);
    case 'INT32':
      out.writeInt32LE(Number(value));
      return out.subarray(0, 4);
    case 'FLOAT':
      out.writeFloatLE(Number(value));
      return out.subarray(0, 4);
    case 'DOUBLE':
      out.writeDoubleLE(Number(value));
      return out;
    default:
      out.writeBigInt64LE(BigInt(value));
      return out;
  }
}

/** Reads what `fixedBytes` wrote, or the bytes themselves. */
export function storedValue(
  physicalType: ColumnPlan['physicalType'],
  bytes: Uint8Array,
): StoredValue {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (physicalType) {
    case 'BOOLEAN':
      return view[0]!;
    case 'INT32':
      return view.readInt32LE();
    case 'INT64':
      return view.readBigInt64LE();
    case 'FLOAT':
      return view.readFloatLE();
    case 'DOUBLE':
      return view.readDoubleLE();
    default:
      return view;
  }
}
