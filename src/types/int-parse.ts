// Hot path: integers from text and to text.
import type {ByteWriter} from '../common/byte-writer.ts';
import {invalidSyntax, valueOutOfRange} from './type-errors.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Parses as pg_strtoint32/16: blanks around, optional sign, decimal digits. `type` names the type in errors. */
export function parseSmallInteger(
  text: string,
  type: 'integer' | 'smallint',
  lowest: number,
  highest: number,
): number {
  const size = text.length;
  let at = 0;
  while (at < size && isBlank(text.charCodeAt(at))) at++;
  let isNegative = false;
  const sign = text.charCodeAt(at);
  if (sign === 45 || sign === 43) {
    isNegative = sign === 45;
    at++;
  }
  const start = at;
  let value = 0;
  for (; at < size; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (at === start) throw invalidSyntax(type, text);
  if (value > -lowest) throw valueOutOfRange(type, text);
  while (at < size && isBlank(text.charCodeAt(at))) at++;
  if (at < size) throw invalidSyntax(type, text);
  if (isNegative) return value === 0 ? 0 : -value;
  if (value > highest) throw valueOutOfRange(type, text);
  return value;
}

/** `integer` from text. */
export function parseInt4(text: string): number {
  return parseSmallInteger(text, 'integer', -2147483648, 2147483647);
}

/** `smallint` from text. */
export function parseInt2(text: string): number {
  return parseSmallInteger(text, 'smallint', -32768, 32767);
}

/** `bigint` from text. */
export function parseInt8(text: string): bigint {
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)([ \t\n\v\f\r]*)/.exec(text);
  if (match === null) throw invalidSyntax('bigint', text);
  const digits = match[2]!;
  const magnitude = digits.length <= 15 ? BigInt(Number(digits)) : BigInt(digits);
  const value = match[1] === '-' ? -magnitude : magnitude;
  if (magnitude > -INT64_MIN) throw valueOutOfRange('bigint', text);
  if (match[0].length < text.length) throw invalidSyntax('bigint', text);
  if (value > INT64_MAX) throw valueOutOfRange('bigint', text);
  return value;
}

/** `oid` from text: strtoul's range, a negative 32-bit number wraps. */
export function parseOid(text: string, type = 'oid'): number {
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)[ \t\n\v\f\r]*$/.exec(text);
  if (match === null) throw invalidSyntax(type, text);
  const magnitude = Number(match[2]);
  const isNegative = match[1] === '-';
  if (magnitude > (isNegative ? 2147483648 : 4294967295)) throw valueOutOfRange(type, text);
  return isNegative ? -magnitude >>> 0 : magnitude;
}

/** The leading unsigned number in C syntax (0x, 0 octal) as strtoul(…, 0) reads it; 0 when there is none. */
export function parseCUnsigned(text: string, bits: 32 | 64): bigint {
  const match = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text);
  if (match === null) return 0n;
  const body = match[2]!;
  const magnitude =
    body.length > 1 && body[0] === '0' && /^0\d/.test(body) ? BigInt(`0o${body}`) : BigInt(body);
  const limit = 2n ** 64n - 1n;
  const clamped = magnitude > limit ? limit : magnitude;
  return BigInt.asUintN(bits, match[1] === '-' ? -clamped : clamped);
}

/** Whether a UTF-16 unit is C's isspace. */
export function isBlank(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** Writes an integer within +-2^53 as decimal digits straight into the buffer. */
export function writeDecimal(value: number, out: ByteWriter): void {
  out.ensure(20);
  const buffer = out.buffer;
  let at = out.length;
  let rest = value;
  if (rest < 0) {
    buffer[at++] = 45;
    rest = -rest;
  }
  if (rest < 10) {
    buffer[at++] = 48 + rest;
    out.length = at;
    return;
  }
  let end = at + decimalWidth(rest);
  out.length = end;
  while (rest > 0x7fffffff) {
    const next = Math.floor(rest / 10);
    buffer[--end] = 48 + (rest - next * 10);
    rest = next;
  }
  while (rest >= 10) {
    const next = (rest / 10) | 0;
    buffer[--end] = 48 + (rest - next * 10);
    rest = next;
  }
  buffer[--end] = 48 + rest;
}

function decimalWidth(value: number): number {
  let width = 1;
  for (let limit = 10; value >= limit && width < 17; limit *= 10) width++;
  return width;
}

/** Writes a 64-bit integer as decimal digits. */
export function writeDecimalBig(value: bigint, out: ByteWriter): void {
  const small = Number(value);
  if (small <= 9007199254740991 && small >= -9007199254740991) writeDecimal(small, out);
  else out.utf8(value.toString());
}
