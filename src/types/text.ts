import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeRow} from './base-type.ts';
import {asBuffer, BaseType, nativeForm, stringForm} from './base-type.ts';
import type {SqliteValue, TypeInstance, Value} from './contract.ts';
import {hashString} from './hash.ts';
import {writeKeyText} from './key-bytes.ts';
import {characterCount, compareText, cutUtf8, decodeUtf8, firstCharacters} from './text-compare.ts';
import {noComparison} from './type-errors.ts';

/** text and the string types that behave like it: refcursor, cstring, unknown. */
export class TextType extends BaseType {
  constructor(row: TypeRow, element: TypeInstance | null = null) {
    super(row, {physical: 'text', sqliteType: 'TEXT', parquet: stringForm}, element);
  }

  input(text: string, _typmod: number): Value {
    return text;
  }

  output(value: Value): string {
    return value as string;
  }

  override writeText(value: Value, out: ByteWriter): void {
    out.utf8(value as string);
  }

  receive(reader: ByteReader, typmod: number): Value {
    const {buffer, offset, end} = reader;
    reader.offset = end;
    return this.input(decodeUtf8(buffer, offset, end), typmod);
  }

  send(value: Value, out: ByteWriter): void {
    out.utf8(value as string);
  }

  override compare(a: Value, b: Value): number {
    return compareText(a as string, b as string);
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashString(value as string);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyText(value as string, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as string;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored as string;
  }
}

/** varchar(n): blanks beyond the limit are dropped, other characters raise 22001. */
export class VarcharType extends TextType {
  override input(text: string, typmod: number): Value {
    return typmod >= 4 ? varcharFit(text, typmod, false) : text;
  }
}

/** Fits text into varchar(n); an explicit cast cuts, anything else raises 22001. */
export function varcharFit(text: string, typmod: number, isExplicit: boolean): string {
  const limit = typmod - 4;
  if (typmod < 4 || text.length <= limit || characterCount(text) <= limit) return text;
  const kept = firstCharacters(text, limit);
  if (!isExplicit && !/^ *$/.test(text.slice(kept.length)))
    throw tooLong('character varying', limit);
  return kept;
}

/** Pads or cuts text to bpchar(n); an explicit cast cuts, anything else raises 22001 for more than blanks. */
export function bpcharFit(text: string, typmod: number, isExplicit: boolean): string {
  if (typmod < 4) return text;
  const limit = typmod - 4;
  const count = text.length === limit ? characterCount(text) : characterCount(text);
  if (count <= limit) return count === limit ? text : text + ' '.repeat(limit - count);
  const kept = firstCharacters(text, limit);
  if (!isExplicit && !/^ *$/.test(text.slice(kept.length))) throw tooLong('character', limit);
  return kept;
}

function tooLong(type: string, limit: number): PgError {
  return new PgError(
    SqlState.stringDataRightTruncation,
    `value too long for type ${type}(${limit})`,
  );
}

/** character(n): padded; trailing blanks do not count in comparison. */
export class BpcharType extends TextType {
  override input(text: string, typmod: number): Value {
    return bpcharFit(text, typmod, false);
  }

  override compare(a: Value, b: Value): number {
    if (a === b) return 0;
    return compareText(trimBlanks(a as string), trimBlanks(b as string));
  }

  override equals(a: Value, b: Value): boolean {
    return a === b || trimBlanks(a as string) === trimBlanks(b as string);
  }

  override hash(value: Value): number {
    return hashString(trimBlanks(value as string));
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyText(trimBlanks(value as string), out);
  }
}

/** Text without trailing blanks (bpchar to text). */
export function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** name: cut to 63 bytes. */
export class NameType extends TextType {
  override input(text: string): Value {
    return cutUtf8(text, 63);
  }

  override receive(reader: ByteReader, typmod: number): Value {
    if (reader.remaining > 63)
      throw new PgError(SqlState.nameTooLong, 'identifier too long', {
        detail: 'Identifier must be less than 64 characters.',
      });
    return super.receive(reader, typmod);
  }
}

/** "char": one byte, held as a string of one unit below 256 (empty for byte 0). */
export class CharType extends BaseType {
  constructor() {
    super(
      {oid: 18, name: 'char', arrayOid: 1002, category: 'Z', length: 1},
      {
        physical: 'text',
        sqliteType: 'TEXT',
        parquet: {
          ...nativeForm('BYTE_ARRAY', null),
          encode: value => Buffer.from(value as string, 'latin1'),
          decode: stored => asBuffer(stored as Uint8Array).toString('latin1'),
        },
      },
    );
  }

  input(text: string): Value {
    if (/^\\[0-3][0-7][0-7]$/.test(text)) return byteText(Number.parseInt(text.slice(1), 8));
    if (text === '') return '';
    const code = text.charCodeAt(0);
    return code < 128 ? text[0]! : byteText(Buffer.from(text, 'utf8')[0]!);
  }

  output(value: Value): string {
    const text = value as string;
    const code = charByte(text);
    return code < 128 ? text : `\\${code.toString(8)}`;
  }

  receive(reader: ByteReader): Value {
    return byteText(reader.byte());
  }

  send(value: Value, out: ByteWriter): void {
    out.byte(charByte(value as string));
  }

  override compare(a: Value, b: Value): number {
    return charByte(a as string) - charByte(b as string);
  }

  override hash(value: Value): number {
    return hashString(value as string);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    out.byte(charByte(value as string));
  }

  override toSqlite(value: Value): SqliteValue {
    return value as string;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored as string;
  }
}

function byteText(byte: number): string {
  return byte === 0 ? '' : String.fromCharCode(byte);
}

function charByte(text: string): number {
  return text === '' ? 0 : text.charCodeAt(0);
}

/** String types without any comparison: xml, and the base of json. */
export class UnorderedTextType extends TextType {
  override compare(_a: Value, _b: Value): number {
    throw noComparison(this.name);
  }

  override equals(_a: Value, _b: Value): boolean {
    throw noComparison(this.name);
  }

  override hash(_value: Value): number {
    throw noComparison(this.name);
  }

  override writeKey(_value: Value, _out: ByteWriter): void {
    throw noComparison(this.name);
  }
}

/** aclitem: equal or not, without an order. */
export class AclItemType extends UnorderedTextType {
  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashString(value as string);
  }
}
