import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {asBuffer, BaseType, nativeForm} from './base-type.ts';
import type {FormatSettings, SqliteValue, Value} from './contract.ts';
import {hashBytes} from './hash.ts';
import {writeKeyBytes} from './key-bytes.ts';

/** Order of byte strings. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** `\x` hex of bytes. */
export function bytesToHex(value: Uint8Array): string {
  return `\\x${asBuffer(value).toString('hex')}`;
}

/** bytea's escape format. */
export function bytesToEscape(value: Uint8Array): string {
  let text = '';
  for (const byte of value) {
    if (byte === 0x5c) text += '\\\\';
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

/** Hex digits (blanks allowed between pairs) as decode(…, 'hex') reads them. */
export function hexToBytes(digits: string): Buffer {
  const compact = /[ \n\t\r]/.test(digits) ? joinPairs(digits) : digits;
  const bad = /[^0-9a-fA-F]/u.exec(compact);
  if (bad !== null) {
    throw new PgError(SqlState.invalidParameterValue, `invalid hexadecimal digit: "${bad[0]}"`);
  }
  if (compact.length % 2 === 1) {
    throw new PgError(
      SqlState.invalidParameterValue,
      'invalid hexadecimal data: odd number of digits',
    );
  }
  return Buffer.from(compact, 'hex');
}

/** Blanks may stand between pairs of digits, not within one. */
function joinPairs(digits: string): string {
  let joined = '';
  for (let i = 0; i < digits.length; i++) {
    if (/[ \n\t\r]/.test(digits[i]!)) continue;
    joined += digits.slice(i, i + 2);
    i++;
  }
  return joined;
}

/** Escape format to bytes. */
export function escapeToBytes(text: string): Buffer {
  if (!text.includes('\\')) return Buffer.from(text, 'utf8');
  const source = Buffer.from(text, 'utf8');
  const result = Buffer.allocUnsafe(source.length);
  let size = 0;
  for (let i = 0; i < source.length; ) {
    if (source[i] !== 0x5c) {
      result[size++] = source[i++]!;
    } else if (source[i + 1] === 0x5c) {
      result[size++] = 0x5c;
      i += 2;
    } else if (
      isOctal(source, i + 1, 3) &&
      isOctal(source, i + 2, 7) &&
      isOctal(source, i + 3, 7)
    ) {
      result[size++] =
        ((source[i + 1]! - 48) << 6) | ((source[i + 2]! - 48) << 3) | (source[i + 3]! - 48);
      i += 4;
    } else {
      throw new PgError(SqlState.invalidTextRepresentation, 'invalid input syntax for type bytea');
    }
  }
  return result.subarray(0, size);
}

function isOctal(bytes: Buffer, at: number, highest: number): boolean {
  const byte = bytes[at];
  return byte !== undefined && byte >= 48 && byte <= 48 + highest;
}

/** bytea. */
export class ByteaType extends BaseType {
  constructor() {
    super(
      {oid: 17, name: 'bytea', arrayOid: 1001, category: 'U', length: -1},
      {physical: 'boxed', sqliteType: 'BLOB', parquet: nativeForm('BYTE_ARRAY', null)},
    );
  }

  input(text: string): Value {
    return text.startsWith('\\x') ? hexToBytes(text.slice(2)) : escapeToBytes(text);
  }

  output(value: Value, settings: FormatSettings): string {
    const bytes = value as Uint8Array;
    return settings.byteaOutput === 'hex' ? bytesToHex(bytes) : bytesToEscape(bytes);
  }

  receive(reader: ByteReader): Value {
    return Buffer.from(reader.bytes(reader.remaining));
  }

  send(value: Value, out: ByteWriter): void {
    out.bytes(value as Uint8Array);
  }

  override compare(a: Value, b: Value): number {
    return compareBytes(a as Uint8Array, b as Uint8Array);
  }

  override hash(value: Value): number {
    return hashBytes(value as Uint8Array);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyBytes(value as Uint8Array, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as Uint8Array;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored as Uint8Array;
  }
}
