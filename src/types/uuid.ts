import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {asBuffer, BaseType} from './base-type.ts';
import type {SqliteValue, Value} from './contract.ts';
import {hashString} from './hash.ts';
import {invalidSyntax} from './type-errors.ts';

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const accepted = /^(\{?)(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}(\}?)$/i;

/** Lower-case 36-character form of any spelling that PostgreSQL reads. */
export function parseUuid(text: string): string {
  if (canonical.test(text)) return text;
  const match = accepted.exec(text);
  if (match === null || (match[1] === '') !== (match[2] === '')) throw invalidSyntax('uuid', text);
  return uuidFromHex(text.replace(/[{}-]/g, '').toLowerCase());
}

function uuidFromHex(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** uuid text of 16 bytes. */
export function uuidFromBytes(bytes: Uint8Array): string {
  return uuidFromHex(asBuffer(bytes).toString('hex'));
}

/** Appends the 16 bytes of a canonical uuid. */
export function writeUuid(text: string, out: ByteWriter): void {
  out.ensure(16);
  const {buffer} = out;
  let at = out.length;
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) i++;
    buffer[at++] = (hexDigit(text.charCodeAt(i)) << 4) | hexDigit(text.charCodeAt(i + 1));
  }
  out.length = at;
}

function hexDigit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/** uuid. */
export class UuidType extends BaseType {
  constructor() {
    super(
      {oid: 2950, name: 'uuid', arrayOid: 2951, category: 'U', length: 16},
      {
        physical: 'text',
        sqliteType: 'BLOB',
        parquet: {
          physicalType: 'FIXED_LEN_BYTE_ARRAY',
          length: 16,
          logicalType: {type: 'UUID'},
          isOrdered: true,
          encode: value => uuidBytes(value as string),
          decode: stored =>
            typeof stored === 'string' ? stored : uuidFromBytes(stored as Uint8Array),
        },
      },
    );
  }

  input(text: string): Value {
    return parseUuid(text);
  }

  output(value: Value): string {
    return value as string;
  }

  override writeText(value: Value, out: ByteWriter): void {
    out.ensure(36);
    out.length += out.buffer.latin1Write(value as string, out.length);
  }

  receive(reader: ByteReader): Value {
    return uuidFromBytes(reader.bytes(16));
  }

  send(value: Value, out: ByteWriter): void {
    writeUuid(value as string, out);
  }

  override compare(a: Value, b: Value): number {
    return (a as string) < (b as string) ? -1 : a === b ? 0 : 1;
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashString(value as string);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeUuid(value as string, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return uuidBytes(value as string);
  }

  override fromSqlite(stored: SqliteValue): Value {
    return uuidFromBytes(stored as Uint8Array);
  }
}
