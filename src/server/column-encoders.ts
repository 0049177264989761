// Hot path: one value of a DataRow, from its vector into the buffer, its length in front.
import type {ByteWriter} from '../common/byte-writer.ts';
import type {DictVector, Utf8Vector, Vector} from '../columns/vector.ts';
import type {FormatSettings, TypeInstance, Value} from '../types/contract.ts';

const million = 1_000_000;
const maxSafe = 9_007_199_254_740_991;
const shortText = 24;

/** An integer of at most 2^53 in decimal. */
export function writeIntegerText(out: ByteWriter, value: number): void {
  out.ensure(24);
  const {buffer, length: start} = out;
  let at = start + 4;
  let rest = value;
  if (rest < 0) {
    buffer[at++] = 45;
    rest = -rest;
  }
  if (rest > 4_294_967_295) {
    const high = Math.floor(rest / million);
    at = high > 4_294_967_295 ? putLong(buffer, at, high) : putDigits(buffer, at, high >>> 0);
    at = putSixDigits(buffer, at, rest - high * million);
  } else {
    at = putDigits(buffer, at, rest >>> 0);
  }
  const size = at - start - 4;
  buffer[start] = 0;
  buffer[start + 1] = 0;
  buffer[start + 2] = 0;
  buffer[start + 3] = size;
  out.length = at;
}

/** int8 in decimal. */
export function writeInt64Text(out: ByteWriter, value: bigint): void {
  const number = Number(value);
  if (number <= maxSafe && number >= -maxSafe) {
    writeIntegerText(out, number);
    return;
  }
  writeString(out, value.toString());
}

/** int2 or int4, binary. */
export function writeInt32Binary(out: ByteWriter, value: number, isInt2: boolean): void {
  if (isInt2) {
    out.int32(2);
    out.int16(value);
    return;
  }
  out.ensure(8);
  const {length} = out;
  out.setInt32(length, 4);
  out.setInt32(length + 4, value);
  out.length = length + 8;
}

/** The 64-bit types, binary. */
export function writeInt64Binary(out: ByteWriter, value: bigint): void {
  out.int32(8);
  out.int64(value);
}

/** float4, float8, and oid (unsigned), binary. */
export function writeNumberBinary(out: ByteWriter, value: number, typeOid: number): void {
  if (typeOid === 701) {
    out.int32(8);
    out.float64(value);
    return;
  }
  out.int32(4);
  if (typeOid === 700) out.float32(value);
  else out.int32(value | 0);
}

/** bool. */
export function writeBool(out: ByteWriter, value: boolean, format: number): void {
  out.int32(1);
  if (format === 1) out.byte(value ? 1 : 0);
  else out.byte(value ? 0x74 : 0x66);
}

/** Text from UTF-8 bytes. */
export function writeUtf8(out: ByteWriter, vector: Utf8Vector, row: number): void {
  const from = vector.offsets[row]!;
  const to = vector.offsets[row + 1]!;
  const size = to - from;
  out.ensure(size + 4);
  out.setInt32(out.length, size);
  const {bytes} = vector;
  const {buffer} = out;
  let at = out.length + 4;
  out.length = at + size;
  if (size > shortText) {
    bytes.copy(buffer, at, from, to);
    return;
  }
  for (let i = from; i < to; i++) buffer[at++] = bytes[i]!;
}

/** Text from a dictionary. */
export function writeDict(out: ByteWriter, vector: DictVector, row: number): void {
  writeString(out, vector.dictionary.get(vector.values[row]!));
}

/** Text from a string. */
export function writeString(out: ByteWriter, text: string): void {
  out.ensure(4);
  const at = out.length;
  out.length = at + 4;
  out.utf8(text);
  out.setInt32(at, out.length - at - 4);
}

/** Any value through its type. */
export function writeGeneric(
  out: ByteWriter,
  vector: Vector,
  row: number,
  type: TypeInstance,
  format: number,
  settings: FormatSettings,
): void {
  const value = valueAt(vector, row);
  out.ensure(4);
  const at = out.length;
  if (value === null) {
    out.int32(-1);
    return;
  }
  out.length = at + 4;
  if (format === 1) type.send(value, out, settings);
  else type.writeText(value, out, settings);
  out.setInt32(at, out.length - at - 4);
}

function valueAt(vector: Vector, row: number): Value | null {
  switch (vector.kind) {
    case 'bool':
      return vector.values[row] !== 0;
    case 'utf8':
      return vector.bytes.utf8Slice(vector.offsets[row]!, vector.offsets[row + 1]!);
    case 'dict':
      return vector.dictionary.get(vector.values[row]!);
    default:
      return vector.values[row]!;
  }
}

/** Writes an unsigned 32-bit integer; returns the position behind it. */
function putDigits(buffer: Buffer, start: number, value: number): number {
  let end = start + digitCount(value);
  const after = end;
  let rest = value;
  while (rest >= 10) {
    const quotient = (rest / 10) >>> 0;
    buffer[--end] = 48 + rest - quotient * 10;
    rest = quotient;
  }
  buffer[--end] = 48 + rest;
  return after;
}

function putSixDigits(buffer: Buffer, start: number, value: number): number {
  let rest = value;
  for (let at = start + 5; at >= start; at--) {
    const quotient = (rest / 10) >>> 0;
    buffer[at] = 48 + rest - quotient * 10;
    rest = quotient;
  }
  return start + 6;
}

function putLong(buffer: Buffer, start: number, value: number): number {
  const high = Math.floor(value / million);
  return putSixDigits(buffer, putDigits(buffer, start, high >>> 0), value - high * million);
}

function digitCount(value: number): number {
  if (value < 100_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    return value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  }
  if (value < 10_000_000) return value < million ? 6 : 7;
  return value < 100_000_000 ? 8 : value < 1_000_000_000 ? 9 : 10;
}
