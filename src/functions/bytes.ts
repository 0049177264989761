import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {escapeToBytes, hexToBytes} from '../types/bytea.ts';
import {decodeUtf8} from '../types/text-compare.ts';
import {asBuffer} from '../types/base-type.ts';
import type {FunctionTable} from './table.ts';

const negativeLength = (): PgError =>
  new PgError(SqlState.substringError, 'negative substring length not allowed');

function substr(bytes: Uint8Array, start: number, length: number | null): Uint8Array {
  const from = Math.max(start - 1, 0);
  if (length === null) return bytes.subarray(from);
  if (length < 0) throw negativeLength();
  return bytes.subarray(from, Math.max(start - 1 + length, from));
}

function overlay(bytes: Uint8Array, part: Uint8Array, start: number, length: number): Uint8Array {
  if (start <= 0) throw negativeLength();
  if (start + length > 2147483647)
    throw new PgError(SqlState.numericValueOutOfRange, 'integer out of range');
  return Buffer.concat([substr(bytes, 1, start - 1), part, substr(bytes, start + length, null)]);
}

function trim(bytes: Uint8Array, set: Uint8Array, atStart: boolean, atEnd: boolean): Uint8Array {
  let start = 0;
  let end = bytes.length;
  if (atStart) while (start < end && set.includes(bytes[start]!)) start++;
  if (atEnd) while (end > start && set.includes(bytes[end - 1]!)) end--;
  return bytes.subarray(start, end);
}

function checkIndex(index: number | bigint, size: number): number {
  if (index < 0 || index >= size)
    throw new PgError(
      SqlState.arraySubscriptError,
      `index ${index} out of valid range, 0..${size - 1}`,
    );
  return Number(index);
}

function getBit(bytes: Uint8Array, index: bigint): number {
  const at = checkIndex(index, bytes.length * 8);
  return (bytes[at >> 3]! >> (at & 7)) & 1;
}

function setBit(bytes: Uint8Array, index: bigint, bit: number): Uint8Array {
  const at = checkIndex(index, bytes.length * 8);
  if (bit !== 0 && bit !== 1)
    throw new PgError(SqlState.invalidParameterValue, 'new bit must be 0 or 1');
  const result = Uint8Array.from(bytes);
  result[at >> 3] =
    bit === 1 ? result[at >> 3]! | (1 << (at & 7)) : result[at >> 3]! & ~(1 << (at & 7));
  return Buffer.from(result);
}

function setByte(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const result = Buffer.from(bytes);
  result[checkIndex(index, bytes.length)] = value & 255;
  return result;
}

function bitCount(bytes: Uint8Array): bigint {
  let count = 0;
  for (let byte of bytes) for (; byte > 0; byte &= byte - 1) count++;
  return BigInt(count);
}

function unknownEncoding(name: string): PgError {
  return new PgError(SqlState.invalidParameterValue, `unrecognized encoding: "${name}"`);
}

function encode(bytes: Uint8Array, format: string): string {
  const buffer = asBuffer(bytes);
  switch (format.toLowerCase()) {
    case 'hex':
      return buffer.toString('hex');
    case 'base64':
      return buffer.toString('base64').replace(/.{76}(?=.)/g, '$&\n');
    case 'escape':
      return encodeEscape(bytes);
    default:
      throw unknownEncoding(format);
  }
}

/** encode(..., 'escape'): only zero bytes, high bytes and backslashes are escaped. */
function encodeEscape(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0 || byte >= 0x80) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += byte === 0x5c ? '\\\\' : String.fromCharCode(byte);
  }
  return text;
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex':
      return hexToBytes(text);
    case 'base64':
      return decodeBase64(text);
    case 'escape':
      return escapeToBytes(text);
    default:
      throw unknownEncoding(format);
  }
}

function decodeBase64(text: string): Uint8Array {
  const compact = text.replace(/[ \t\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/=]/u.exec(compact);
  if (bad !== null)
    throw new PgError(
      SqlState.invalidParameterValue,
      `invalid symbol "${bad[0]}" found while decoding base64 sequence`,
    );
  if (compact.length % 4 !== 0) {
    throw new PgError(SqlState.invalidParameterValue, 'invalid base64 end sequence', {
      hint: 'Input data is missing padding, is truncated, or is otherwise corrupted.',
    });
  }
  if (/=.*[^=]/.test(compact))
    throw new PgError(
      SqlState.invalidParameterValue,
      'unexpected "=" while decoding base64 sequence',
    );
  return Buffer.from(compact, 'base64');
}

const utf8Names = new Set(['utf8', 'utf-8', 'unicode']);
const latin1Names = new Set(['latin1', 'iso88591', 'iso-8859-1', 'iso_8859_1', 'iso8859-1']);

function encodingOf(
  name: string,
  role: 'source ' | 'destination ' | '',
): 'utf8' | 'latin1' | 'ascii' {
  const key = name.toLowerCase();
  if (utf8Names.has(key)) return 'utf8';
  if (latin1Names.has(key)) return 'latin1';
  if (key === 'sql_ascii') return 'ascii';
  throw new PgError(SqlState.invalidParameterValue, `invalid ${role}encoding name "${name}"`);
}

function convertFrom(
  bytes: Uint8Array,
  encoding: string,
  role: 'source ' | '' = 'source ',
): string {
  if (encodingOf(encoding, role) !== 'latin1') return decodeUtf8(asBuffer(bytes));
  if (bytes.includes(0))
    throw new PgError(
      SqlState.characterNotInRepertoire,
      'invalid byte sequence for encoding "LATIN1": 0x00',
    );
  return asBuffer(bytes).toString('latin1');
}

function convertTo(text: string, encoding: string): Uint8Array {
  if (encodingOf(encoding, 'destination ') !== 'latin1') return Buffer.from(text, 'utf8');
  for (const char of text) {
    if (char.codePointAt(0)! > 255) {
      const hex = [...Buffer.from(char, 'utf8')]
        .map(byte => `0x${byte.toString(16).padStart(2, '0')}`)
        .join(' ');
      throw new PgError(
        SqlState.untranslatableCharacter,
        `character with byte sequence ${hex} in encoding "UTF8" has no equivalent in encoding "LATIN1"`,
      );
    }
  }
  return Buffer.from(text, 'latin1');
}

/** bytea: 9.5. */
export const bytesFunctions: FunctionTable = {
  byteacat: {fn: (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b])},
  byteaoctetlen: {fn: (a: Uint8Array) => a.length},
  bytea_substr: {fn: substr},
  bytea_substr_no_len: {fn: (a: Uint8Array, start: number) => substr(a, start, null)},
  byteaoverlay: {fn: overlay},
  byteaoverlay_no_len: {
    fn: (a: Uint8Array, part: Uint8Array, start: number) => overlay(a, part, start, part.length),
  },
  byteapos: {fn: (a: Uint8Array, part: Uint8Array) => asBuffer(a).indexOf(part) + 1},
  byteatrim: {fn: (a: Uint8Array, set: Uint8Array) => trim(a, set, true, true)},
  bytealtrim: {fn: (a: Uint8Array, set: Uint8Array) => trim(a, set, true, false)},
  byteartrim: {fn: (a: Uint8Array, set: Uint8Array) => trim(a, set, false, true)},
  byteaGetByte: {fn: (a: Uint8Array, index: number) => a[checkIndex(index, a.length)]!},
  byteaGetBit: {fn: getBit},
  byteaSetByte: {fn: setByte},
  byteaSetBit: {fn: setBit},
  bytea_bit_count: {fn: bitCount},
  binary_encode: {fn: encode},
  binary_decode: {fn: decode},
  pg_convert_from: {fn: convertFrom},
  pg_convert_to: {fn: convertTo},
  pg_convert: {
    fn: (a: Uint8Array, from: string, to: string) => convertTo(convertFrom(a, from), to),
  },
  length_in_encoding: {
    fn: (a: Uint8Array, encoding: string) => [...convertFrom(a, encoding, '')].length,
  },
};
