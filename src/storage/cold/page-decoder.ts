// Hot path: turns a page's bytes into vectors' arrays.
import {unshifted32, unshifted64} from './integer-shift.ts';
import type {NullMask} from '../../columns/vector.ts';
import type {Reading} from './column-forms.ts';
import type {DecodedPage} from './decoded-page.ts';
import {
  DictPage,
  Int64Page,
  NumberPage,
  SegmentDictionary,
  Utf8Page,
  UuidPage,
} from './decoded-page.ts';
import type {Place} from './decodings.ts';
import {MalformedPage, readDeltaOffsets, readHybrid} from './decodings.ts';
import type {StoredValues} from './lazy-page.ts';
import {LazyPage} from './lazy-page.ts';
import {Encoding} from './parquet-format.ts';
import type {StoredColumn} from './layout-parts.ts';

/** Decodes a data page of `rows` rows from its uncompressed bytes, which must stay unchanged from now on. */
export function decodePage(
  bytes: Buffer,
  rows: number,
  column: StoredColumn,
  source: {
    readonly encoding: number;
    readonly dictionary: SegmentDictionary | null;
    readonly reading: Reading;
  },
): DecodedPage {
  const {reading} = source;
  const {stored, nulls} = decodeStored(bytes, rows, column, source);
  if (stored.kind !== 'codes') return pageOf(rows, stored, nulls, reading);
  if (reading.kind === 'text' || reading.kind === 'uuid')
    return new DictPage(stored.codes, nulls, stored.dictionary, reading);
  return new LazyPage(rows, stored, nulls, reading);
}

/** The values of a data page as they are stored, NULL rows included; `bytes` must stay unchanged from now on. */
export function decodeStored(
  bytes: Buffer,
  rows: number,
  column: StoredColumn,
  source: {readonly encoding: number; readonly dictionary: SegmentDictionary | null},
): {readonly stored: StoredValues; readonly nulls: NullMask} {
  const place: Place = {bytes, at: 0, end: bytes.length};
  const {dictionary} = source;
  const nulls = column.isNullable ? readNulls(place, bytes, rows) : null;
  if (source.encoding !== Encoding.rleDictionary)
    return {stored: readStored(place, bytes, rows, nulls, column), nulls};
  if (dictionary === null) throw new MalformedPage('the dictionary is missing');
  const codes = readCodes(place, rows, nulls, dictionary.size);
  return {stored: {kind: 'codes', codes, dictionary}, nulls};
}

function pageOf(
  rows: number,
  stored: StoredValues,
  nulls: NullMask,
  reading: Reading,
): DecodedPage {
  switch (reading.kind) {
    case 'int32':
      if (stored.kind === 'numbers') {
        const values = unshifted32(stored.values as Int32Array, Number(reading.shift));
        return new NumberPage('int32', values, nulls);
      }
      break;
    case 'int64':
      if (stored.kind === 'numbers') {
        const values = unshifted64(stored.values as BigInt64Array, reading.shift);
        return new Int64Page(cleared(values, nulls), nulls);
      }
      break;
    case 'float64':
      if (stored.kind === 'numbers') {
        return new NumberPage('float64', stored.values as Float64Array, nulls);
      }
      break;
    case 'bool':
      if (stored.kind === 'booleans') return new NumberPage('bool', stored.values, nulls);
      break;
    case 'text':
      if (stored.kind === 'bytes') return new Utf8Page(stored.data, stored.offsets, nulls);
      break;
    case 'uuid':
      if (stored.kind === 'fixed') return new UuidPage(stored.data, nulls);
      break;
    case 'convert':
      return new LazyPage(rows, stored, nulls, reading);
  }
  throw new MalformedPage('the page does not fit its column');
}

/** Definition levels to a null mask; null when no row is NULL. */
function readNulls(place: Place, bytes: Buffer, rows: number): NullMask {
  if (bytes.length < 4) throw new MalformedPage('the page is too short');
  const length = bytes.readInt32LE(0);
  if (length < 0 || length > bytes.length - 4) throw new MalformedPage('levels are cut off');
  const levels = new Uint8Array(rows);
  readHybrid({bytes, at: 4, end: 4 + length}, 1, levels, rows);
  place.at = 4 + length;
  if (!levels.includes(0)) return null;
  for (let i = 0; i < rows; i++) levels[i] = 1 - levels[i]!;
  return levels;
}

function countValues(rows: number, nulls: NullMask): number {
  if (nulls === null) return rows;
  let count = rows;
  for (let i = 0; i < rows; i++) count -= nulls[i]!;
  return count;
}

function readCodes(place: Place, rows: number, nulls: NullMask, size: number): Int32Array {
  const codes = new Int32Array(rows);
  const count = countValues(rows, nulls);
  if (place.at >= place.end) throw new MalformedPage('codes are missing');
  const width = place.bytes[place.at++]!;
  if (width > 0) readHybrid(place, width, codes, count);
  let max = 0;
  for (let i = 0; i < count; i++) if (codes[i]! > max) max = codes[i]!;
  if (count > 0 && max >= size) throw new MalformedPage('a code is not in the dictionary');
  if (nulls !== null) spread(codes, nulls, count);
  return codes;
}

/** Moves dense values to their rows, from the end. */
function spread(
  values: Int32Array | Float64Array | Uint8Array,
  nulls: Uint8Array,
  count: number,
): void {
  let from = count;
  for (let row = nulls.length - 1; row >= 0; row--)
    values[row] = nulls[row] === 1 ? 0 : values[--from]!;
}

function readStored(
  place: Place,
  bytes: Buffer,
  rows: number,
  nulls: NullMask,
  column: StoredColumn,
): StoredValues {
  const count = countValues(rows, nulls);
  const need = (size: number): Buffer => {
    if (place.at + size !== place.end) throw new MalformedPage('the page has the wrong length');
    return bytes.subarray(place.at, place.end);
  };
  switch (column.physicalType) {
    case 'BOOLEAN':
      return {kind: 'booleans', values: readBooleans(need((count + 7) >> 3), rows, nulls, count)};
    case 'INT32':
      return {
        kind: 'numbers',
        values: readFixed(new Int32Array(rows), need(count * 4), nulls, count),
      };
    case 'INT64':
      return {
        kind: 'numbers',
        values: readFixed(new BigInt64Array(rows), need(count * 8), nulls, count),
      };
    case 'DOUBLE':
      return {
        kind: 'numbers',
        values: readFixed(new Float64Array(rows), need(count * 8), nulls, count),
      };
    case 'FLOAT': {
      const singles = readFixed(new Float32Array(rows), need(count * 4), nulls, count);
      return {kind: 'numbers', values: Float64Array.from(singles)};
    }
    case 'FIXED_LEN_BYTE_ARRAY':
      return {
        kind: 'fixed',
        data: spreadFixed(need(count * column.length), rows, nulls, column.length),
        width: column.length,
      };
    case 'BYTE_ARRAY':
      return readBytes(place, bytes, rows, nulls, count);
  }
}

function readFixed<A extends Int32Array | BigInt64Array | Float64Array | Float32Array>(
  values: A,
  from: Buffer,
  nulls: NullMask,
  count: number,
): A {
  new Uint8Array(values.buffer).set(from);
  if (nulls !== null) {
    if (values instanceof BigInt64Array) spread64(values, nulls, count);
    else spread(values as Float64Array, nulls, count);
  }
  return values;
}

function spread64(values: BigInt64Array, nulls: Uint8Array, count: number): void {
  let from = count;
  for (let row = nulls.length - 1; row >= 0; row--)
    values[row] = nulls[row] === 1 ? 0n : values[--from]!;
}

function spreadFixed(dense: Buffer, rows: number, nulls: NullMask, width: number): Buffer {
  if (nulls === null) return dense;
  const all = Buffer.alloc(rows * width);
  for (let row = 0, from = 0; row < rows; row++) {
    if (nulls[row] === 1) continue;
    dense.copy(all, row * width, from, from + width);
    from += width;
  }
  return all;
}

function readBooleans(from: Buffer, rows: number, nulls: NullMask, count: number): Uint8Array {
  const values = new Uint8Array(rows);
  for (let i = 0; i < count; i++) values[i] = (from[i >> 3]! >> (i & 7)) & 1;
  if (nulls !== null) spread(values, nulls, count);
  return values;
}

function readBytes(
  place: Place,
  bytes: Buffer,
  rows: number,
  nulls: NullMask,
  count: number,
): StoredValues {
  const offsets = new Int32Array(rows + 1);
  if (readDeltaOffsets(place, offsets) !== count) throw new MalformedPage('lengths are missing');
  const data = bytes.subarray(place.at, place.end);
  if (offsets[count] !== data.length) throw new MalformedPage('values are cut off');
  if (nulls !== null) {
    let from = count;
    for (let row = rows - 1; row >= 0; row--) {
      offsets[row + 1] = offsets[from]!;
      if (nulls[row] === 0) from--;
    }
  }
  return {kind: 'bytes', data, offsets};
}

/** NULL rows hold zero, also after a shift. */
function cleared(values: BigInt64Array, nulls: NullMask): BigInt64Array {
  if (nulls !== null) for (let i = 0; i < values.length; i++) if (nulls[i] === 1) values[i] = 0n;
  return values;
}

/** Decodes a dictionary page from its uncompressed bytes, which must stay unchanged from now on. */
export function decodeDictionary(
  bytes: Buffer,
  count: number,
  column: StoredColumn,
): SegmentDictionary {
  const offsets = new Int32Array(count + 1);
  if (column.length > 0) {
    if (bytes.length !== count * column.length)
      throw new MalformedPage('the dictionary has the wrong length');
    for (let i = 0; i <= count; i++) offsets[i] = i * column.length;
    return new SegmentDictionary(bytes, offsets, column.length === 16);
  }
  const data = Buffer.allocUnsafeSlow(Math.max(0, bytes.length - count * 4));
  let at = 0;
  for (let code = 0, to = 0; code < count; code++) {
    if (at + 4 > bytes.length) throw new MalformedPage('the dictionary is cut off');
    const length = bytes.readInt32LE(at);
    at += 4;
    if (length < 0 || at + length > bytes.length)
      throw new MalformedPage('the dictionary is cut off');
    bytes.copy(data, to, at, at + length);
    at += length;
    to += length;
    offsets[code + 1] = to;
  }
  return new SegmentDictionary(data, offsets, false);
}
