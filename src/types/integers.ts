import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import type {TypeLayout, TypeRow} from './base-type.ts';
import {BaseType, int64Conversion, nativeForm} from './base-type.ts';
import type {SqliteValue, Value} from './contract.ts';
import {hashInt32, hashInt64} from './hash.ts';
import {parseInt2, parseInt4, parseInt8, writeDecimal, writeDecimalBig} from './int-parse.ts';
import {writeKeyInt32, writeKeyInt64} from './key-bytes.ts';

/** Types that are a JavaScript number within 32 bits: int2, int4. */
export class SmallIntegerType extends BaseType {
  readonly #parse: (text: string) => number;

  constructor(row: TypeRow, bits: 16 | 32) {
    super(row, {
      physical: 'int32',
      sqliteType: 'INTEGER',
      parquet: nativeForm('INT32', {type: 'INTEGER', bitWidth: bits, isSigned: true}),
    });
    this.#parse = bits === 16 ? parseInt2 : parseInt4;
  }

  input(text: string): Value {
    return this.#parse(text);
  }

  output(value: Value): string {
    return String(value as number);
  }

  override writeText(value: Value, out: ByteWriter): void {
    writeDecimal(value as number, out);
  }

  receive(reader: ByteReader): Value {
    return this.length === 2 ? reader.int16() : reader.int32();
  }

  send(value: Value, out: ByteWriter): void {
    if (this.length === 2) out.int16(value as number);
    else out.int32(value as number);
  }

  override compare(a: Value, b: Value): number {
    return (a as number) - (b as number);
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashInt32(value as number);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyInt32(value as number, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return BigInt(value as number);
  }

  override fromSqlite(stored: SqliteValue): Value {
    return Number(stored);
  }
}

/** Layout of signed 64-bit values with a given Parquet form. */
export const int64Layout: TypeLayout = {
  physical: 'int64',
  sqliteType: 'INTEGER',
  parquet: nativeForm('INT64', {type: 'INTEGER', bitWidth: 64, isSigned: true}, int64Conversion),
};

/** Signed 64-bit values: int8, and the base of time, timestamp, money. */
export abstract class Int64BasedType extends BaseType {
  receive(reader: ByteReader, _typmod: number): Value {
    return reader.int64();
  }

  send(value: Value, out: ByteWriter): void {
    out.int64(value as bigint);
  }

  override compare(a: Value, b: Value): number {
    return (a as bigint) < (b as bigint) ? -1 : (a as bigint) > (b as bigint) ? 1 : 0;
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashInt64(value as bigint);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyInt64(value as bigint, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as bigint;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return typeof stored === 'bigint' ? stored : BigInt(stored as number);
  }
}

/** bigint. */
export class Int8Type extends Int64BasedType {
  constructor() {
    super({oid: 20, name: 'int8', arrayOid: 1016, category: 'N', length: 8}, int64Layout);
  }

  input(text: string): Value {
    return parseInt8(text);
  }

  output(value: Value): string {
    return (value as bigint).toString();
  }

  override writeText(value: Value, out: ByteWriter): void {
    writeDecimalBig(value as bigint, out);
  }
}

/** smallint. */
export function makeInt2(): SmallIntegerType {
  return new SmallIntegerType(
    {oid: 21, name: 'int2', arrayOid: 1005, category: 'N', length: 2},
    16,
  );
}

/** integer. */
export function makeInt4(): SmallIntegerType {
  return new SmallIntegerType(
    {oid: 23, name: 'int4', arrayOid: 1007, category: 'N', length: 4},
    32,
  );
}
