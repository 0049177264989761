import type {ByteReader} from '../common/byte-reader.ts';
import {ByteWriter} from '../common/byte-writer.ts';
import type {TypeRow} from './base-type.ts';
import {asBuffer, BaseType, nativeForm} from './base-type.ts';
import type {FormatSettings, SqliteValue, Value} from './contract.ts';
import {float4ToText, float8ToText, parseFloat4, parseFloat8} from './float-text.ts';
import {hashNumber} from './hash.ts';
import {writeDecimal} from './int-parse.ts';
import {writeKeyFloat64} from './key-bytes.ts';

/** Order of floats: NaN equals NaN and is larger than all. */
export function compareFloat(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return a === a ? -1 : b === b ? 1 : 0;
}

/** real and double precision. */
export class FloatType extends BaseType {
  readonly #isSingle: boolean;

  constructor(row: TypeRow) {
    super(row, {
      physical: 'float64',
      sqliteType: 'REAL',
      parquet: {...nativeForm(row.length === 4 ? 'FLOAT' : 'DOUBLE', null), isOrdered: true},
    });
    this.#isSingle = row.length === 4;
  }

  input(text: string): Value {
    return this.#isSingle ? parseFloat4(text) : parseFloat8(text);
  }

  output(value: Value, settings: FormatSettings): string {
    const digits = settings.extraFloatDigits;
    return this.#isSingle
      ? float4ToText(value as number, digits)
      : float8ToText(value as number, digits);
  }

  override writeText(value: Value, out: ByteWriter, settings: FormatSettings): void {
    const number = value as number;
    if ((number | 0) === number && number !== 0 && number < 100000 && number > -100000) {
      writeDecimal(number, out);
    } else {
      out.utf8(this.output(value, settings));
    }
  }

  receive(reader: ByteReader): Value {
    return this.#isSingle ? reader.float32() : reader.float64();
  }

  send(value: Value, out: ByteWriter): void {
    if (this.#isSingle) out.float32(value as number);
    else out.float64(value as number);
  }

  override compare(a: Value, b: Value): number {
    return compareFloat(a as number, b as number);
  }

  override equals(a: Value, b: Value): boolean {
    return a === b || (a !== a && b !== b);
  }

  override hash(value: Value): number {
    return hashNumber(value as number);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyFloat64(value as number, out);
  }

  /** SQLite turns NaN into NULL and may store -0.0 as integer 0: both lie as 8 bytes. */
  override toSqlite(value: Value): SqliteValue {
    const number = value as number;
    if (number === number && (number !== 0 || !Object.is(number, -0))) return number;
    const out = new ByteWriter(8);
    out.float64(number);
    return out.take();
  }

  override fromSqlite(stored: SqliteValue): Value {
    if (typeof stored === 'number') return stored;
    if (typeof stored === 'bigint') return Number(stored);
    return asBuffer(stored as Uint8Array).readDoubleBE(0);
  }
}

/** real. */
export function makeFloat4(): FloatType {
  return new FloatType({oid: 700, name: 'float4', arrayOid: 1021, category: 'N', length: 4});
}

/** double precision. */
export function makeFloat8(): FloatType {
  return new FloatType({
    oid: 701,
    name: 'float8',
    arrayOid: 1022,
    category: 'N',
    length: 8,
    isPreferred: true,
  });
}
