import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {BaseType, nativeForm} from './base-type.ts';
import type {FormatSettings, SqliteValue, Value} from './contract.ts';
import {invalidSyntax} from './type-errors.ts';

const words: readonly (readonly [word: string, shortest: number, value: boolean])[] = [
  ['true', 1, true],
  ['false', 1, false],
  ['yes', 1, true],
  ['no', 1, false],
  ['on', 2, true],
  ['off', 2, false],
  ['1', 1, true],
  ['0', 1, false],
];

/** The boolean that a (case-insensitive, unambiguous) prefix of a word spells, as PostgreSQL's parse_bool; null if none. */
export function parseBool(text: string): boolean | null {
  const word = text.toLowerCase();
  for (const [full, shortest, value] of words) {
    if (word.length >= shortest && full.startsWith(word)) return value;
  }
  return null;
}

/** boolean. */
export class BoolType extends BaseType {
  constructor() {
    super(
      {oid: 16, name: 'bool', arrayOid: 1000, category: 'B', length: 1, isPreferred: true},
      {
        physical: 'bool',
        sqliteType: 'INTEGER',
        parquet: nativeForm('BOOLEAN', null),
      },
    );
  }

  input(text: string): Value {
    if (text === 't' || text === 'true') return true;
    if (text === 'f' || text === 'false') return false;
    const value = parseBool(text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, ''));
    if (value === null) throw invalidSyntax('boolean', text);
    return value;
  }

  output(value: Value): string {
    return value === true ? 't' : 'f';
  }

  override writeText(value: Value, out: ByteWriter): void {
    out.byte(value === true ? 0x74 : 0x66);
  }

  receive(reader: ByteReader): Value {
    return reader.byte() !== 0;
  }

  send(value: Value, out: ByteWriter, _settings: FormatSettings): void {
    out.byte(value === true ? 1 : 0);
  }

  override compare(a: Value, b: Value): number {
    return a === b ? 0 : a === true ? 1 : -1;
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return value === true ? 0x27d4eb2f : 0x165667b1;
  }

  override writeKey(value: Value, out: ByteWriter): void {
    out.byte(value === true ? 1 : 0);
  }

  override toSqlite(value: Value): SqliteValue {
    return value === true ? 1n : 0n;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored === 1n || stored === 1;
  }
}
