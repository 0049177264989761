import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {BaseType} from './base-type.ts';
import type {SqliteValue, Value} from './contract.ts';
import {combineHash, hashInt64, hashString} from './hash.ts';
import {applyNumericTypmod} from './numeric-convert.ts';
import {numericCompare} from './numeric-math.ts';
import {numericToText, parseNumeric, pow10} from './numeric-text.ts';
import {Numeric} from './numeric-value.ts';
import {invalidBinary} from './type-errors.ts';

const NEGATIVE = 0x4000;
const NAN = 0xc000;
const PLUS_INFINITY = 0xd000;
const MINUS_INFINITY = 0xf000;

/** numeric. */
export class NumericType extends BaseType {
  constructor() {
    super(
      {oid: 1700, name: 'numeric', arrayOid: 1231, category: 'N', length: -1},
      {physical: 'boxed', sqliteType: 'TEXT', parquet: null},
    );
  }

  input(text: string, typmod: number): Value {
    const value = parseNumeric(text);
    return typmod < 4 ? value : applyNumericTypmod(value, typmod);
  }

  output(value: Value): string {
    return numericToText(value as Numeric);
  }

  receive(reader: ByteReader, typmod: number): Value {
    const value = receiveNumeric(reader);
    return typmod < 4 ? value : applyNumericTypmod(value, typmod);
  }

  send(value: Value, out: ByteWriter): void {
    sendNumeric(value as Numeric, out);
  }

  override compare(a: Value, b: Value): number {
    return numericCompare(a as Numeric, b as Numeric);
  }

  override hash(value: Value): number {
    return hashNumeric(value as Numeric);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyNumeric(value as Numeric, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return numericToText(value as Numeric);
  }

  override fromSqlite(stored: SqliteValue): Value {
    return parseNumeric(String(stored));
  }
}

/** Hash that ignores the display scale. */
export function hashNumeric(value: Numeric): number {
  if (value.kind !== 'finite') return hashString(value.kind);
  let {digits, scale} = value;
  while (scale > 0 && digits % 10n === 0n) {
    digits /= 10n;
    scale--;
  }
  if (digits === 0n) return hashInt64(0n);
  const small = BigInt.asIntN(64, digits) === digits;
  const h = small ? hashInt64(digits) : hashString(digits.toString());
  return scale === 0 ? h : combineHash(h, scale);
}

/** Key bytes: class, exponent to base 100, digits to base 100 plus one, 00; complemented for negative numbers. */
export function writeKeyNumeric(value: Numeric, out: ByteWriter): void {
  switch (value.kind) {
    case '-inf':
      out.byte(0);
      return;
    case 'inf':
      out.byte(4);
      return;
    case 'nan':
      out.byte(5);
      return;
    case 'finite':
      writeKeyFinite(value, out);
  }
}

function writeKeyFinite(value: Numeric, out: ByteWriter): void {
  if (value.digits === 0n) {
    out.byte(2);
    return;
  }
  const isNegative = value.digits < 0n;
  let text = (isNegative ? -value.digits : value.digits).toString();
  let exponent = text.length - value.scale;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end--;
  text = text.slice(0, end);
  if ((exponent & 1) !== 0) {
    text = `0${text}`;
    exponent++;
  }
  if ((text.length & 1) !== 0) text += '0';
  out.ensure(text.length / 2 + 6);
  const {buffer} = out;
  let at = out.length;
  buffer[at++] = isNegative ? 1 : 3;
  const start = at;
  const biased = exponent / 2 + 0x800000;
  buffer[at++] = biased >> 16;
  buffer[at++] = biased >> 8;
  buffer[at++] = biased;
  for (let i = 0; i < text.length; i += 2) {
    buffer[at++] = (text.charCodeAt(i) - 48) * 10 + text.charCodeAt(i + 1) - 47;
  }
  buffer[at++] = 0;
  if (isNegative) for (let i = start; i < at; i++) buffer[i] = ~buffer[i]!;
  out.length = at;
}

/** numeric_send. */
export function sendNumeric(value: Numeric, out: ByteWriter): void {
  if (value.kind !== 'finite') {
    out.int16(0);
    out.int16(0);
    out.int16(value.kind === 'nan' ? NAN : value.kind === 'inf' ? PLUS_INFINITY : MINUS_INFINITY);
    out.int16(value.kind === 'nan' ? 0 : 0x20);
    return;
  }
  const isNegative = value.digits < 0n;
  const padding = (4 - (value.scale & 3)) & 3;
  let text = (isNegative ? -value.digits : value.digits).toString() + '0'.repeat(padding);
  const fractionGroups = (value.scale + padding) / 4;
  text = '0'.repeat((4 - (text.length & 3)) & 3) + text;
  let first = 0;
  let last = text.length / 4;
  let weight = last - fractionGroups - 1;
  while (first < last && isZeroGroup(text, first)) {
    first++;
    weight--;
  }
  while (last > first && isZeroGroup(text, last - 1)) last--;
  const isZero = first === last;
  out.int16(last - first);
  out.int16(isZero ? 0 : weight);
  out.int16(isNegative ? NEGATIVE : 0);
  out.int16(value.scale);
  for (let i = first; i < last; i++) out.int16(Number(text.slice(i * 4, i * 4 + 4)));
}

function isZeroGroup(text: string, group: number): boolean {
  const at = group * 4;
  for (let i = at; i < at + 4; i++) if (text.charCodeAt(i) !== 48) return false;
  return true;
}

/** numeric_recv. */
export function receiveNumeric(reader: ByteReader): Numeric {
  const count = reader.uint16();
  const weight = reader.int16();
  const sign = reader.uint16();
  const scale = reader.uint16();
  if (sign === NAN) return Numeric.nan;
  if (sign === PLUS_INFINITY) return Numeric.infinity;
  if (sign === MINUS_INFINITY) return Numeric.minusInfinity;
  if (sign !== 0 && sign !== NEGATIVE)
    throw invalidBinary('invalid sign in external "numeric" value');
  if (scale > 0x3fff) throw invalidBinary('invalid scale in external "numeric" value');
  if (count * 2 > reader.remaining) reader.bytes(count * 2);
  let digits = 0n;
  if (count <= 3) {
    let small = 0;
    for (let i = 0; i < count; i++) small = small * 10000 + receiveDigit(reader);
    digits = BigInt(small);
  } else {
    let text = '';
    for (let i = 0; i < count; i++) text += String(receiveDigit(reader)).padStart(4, '0');
    digits = BigInt(text);
  }
  const shift = scale - (count - weight - 1) * 4;
  digits = shift >= 0 ? digits * pow10(shift) : digits / pow10(-shift);
  return Numeric.of(sign === NEGATIVE ? -digits : digits, scale);
}

function receiveDigit(reader: ByteReader): number {
  const digit = reader.int16();
  if (digit < 0 || digit >= 10000) throw invalidBinary('invalid digit in external "numeric" value');
  return digit;
}
