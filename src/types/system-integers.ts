import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import type {TypeRow} from './base-type.ts';
import {BaseType, int64Conversion, nativeForm} from './base-type.ts';
import type {FormatSettings, SqliteValue, Value} from './contract.ts';
import {hashInt64, hashNumber} from './hash.ts';
import {parseCUnsigned, parseOid, writeDecimal} from './int-parse.ts';
import {writeKeyInt64, writeKeyUint32} from './key-bytes.ts';
import {invalidSyntax} from './type-errors.ts';

const oidForm = nativeForm(
  'INT64',
  {type: 'INTEGER', bitWidth: 64, isSigned: true},
  {encode: value => BigInt(value as number), decode: stored => Number(stored)},
);

/** Unsigned 32-bit types: oid, xid, cid and the base of reg*. */
export class Uint32Type extends BaseType {
  readonly #isLenient: boolean;

  constructor(row: TypeRow, isLenient: boolean) {
    super(row, {physical: 'float64', sqliteType: 'INTEGER', parquet: oidForm});
    this.#isLenient = isLenient;
  }

  input(text: string, _typmod: number, _settings: FormatSettings): Value {
    return this.#isLenient ? Number(parseCUnsigned(text, 32)) : parseOid(text);
  }

  output(value: Value, _settings: FormatSettings): string {
    return String(value as number);
  }

  override writeText(value: Value, out: ByteWriter, _settings: FormatSettings): void {
    writeDecimal(value as number, out);
  }

  receive(reader: ByteReader): Value {
    return reader.uint32();
  }

  send(value: Value, out: ByteWriter): void {
    out.int32((value as number) | 0);
  }

  override compare(a: Value, b: Value): number {
    return (a as number) - (b as number);
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashNumber(value as number);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyUint32(value as number, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return BigInt(value as number);
  }

  override fromSqlite(stored: SqliteValue): Value {
    return Number(stored);
  }
}

/** regclass and its kin: an OID that reads and prints names through FormatSettings.names. */
export class RegType extends Uint32Type {
  constructor(row: TypeRow) {
    super(row, false);
  }

  override input(text: string, typmod: number, settings: FormatSettings): Value {
    if (text === '-') return 0;
    if (/^\d+$/.test(text)) return parseOid(text);
    if (settings.names === null) return super.input(text, typmod, settings);
    return settings.names.regIn(this.name, text);
  }

  override output(value: Value, settings: FormatSettings): string {
    if (value === 0) return '-';
    if (settings.names === null) return String(value as number);
    return settings.names.regOut(this.name, value as number);
  }

  override writeText(value: Value, out: ByteWriter, settings: FormatSettings): void {
    out.utf8(this.output(value, settings));
  }
}

/** Unsigned 64-bit types and tid: boxed, since a vector of signed 64 bits would turn their upper half negative. */
export abstract class Uint64BasedType extends BaseType {
  constructor(row: TypeRow) {
    super(row, {
      physical: 'boxed',
      sqliteType: 'INTEGER',
      parquet: {
        ...nativeForm('INT64', {type: 'INTEGER', bitWidth: 64, isSigned: false}),
        encode: value => BigInt.asIntN(64, value as bigint),
        decode: stored => BigInt.asUintN(64, int64Conversion.decode(stored) as bigint),
      },
    });
  }

  receive(reader: ByteReader): Value {
    return BigInt.asUintN(64, reader.int64());
  }

  send(value: Value, out: ByteWriter): void {
    out.int64(BigInt.asIntN(64, value as bigint));
  }

  override compare(a: Value, b: Value): number {
    return (a as bigint) < (b as bigint) ? -1 : (a as bigint) > (b as bigint) ? 1 : 0;
  }

  override hash(value: Value): number {
    return hashInt64(value as bigint);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyInt64(BigInt.asIntN(64, (value as bigint) ^ (1n << 63n)), out);
  }

  override toSqlite(value: Value): SqliteValue {
    return BigInt.asIntN(64, value as bigint);
  }

  override fromSqlite(stored: SqliteValue): Value {
    return BigInt.asUintN(64, BigInt(stored as bigint));
  }
}

/** xid8. */
export class Xid8Type extends Uint64BasedType {
  constructor() {
    super({oid: 5069, name: 'xid8', arrayOid: 271, category: 'U', length: 8});
  }

  input(text: string): Value {
    return parseCUnsigned(text, 64);
  }

  output(value: Value): string {
    return (value as bigint).toString();
  }
}

/** pg_lsn: `16/B374D848`. */
export class PgLsnType extends Uint64BasedType {
  constructor() {
    super({oid: 3220, name: 'pg_lsn', arrayOid: 3221, category: 'U', length: 8});
  }

  input(text: string): Value {
    const match = /^([0-9a-fA-F]{1,8})\/([0-9a-fA-F]{1,8})$/.exec(text);
    if (match === null) throw invalidSyntax('pg_lsn', text);
    return (BigInt(`0x${match[1]!}`) << 32n) | BigInt(`0x${match[2]!}`);
  }

  output(value: Value): string {
    const lsn = value as bigint;
    const high = (lsn >> 32n).toString(16).toUpperCase();
    return `${high}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
  }
}

/** tid, held as block * 65536 + offset. */
export class TidType extends Uint64BasedType {
  constructor() {
    super({oid: 27, name: 'tid', arrayOid: 1010, category: 'U', length: 6});
  }

  input(text: string): Value {
    const match = /^[^(]*\(\s*(\d+)\s*,\s*(\d+)\s*\)/.exec(text);
    if (match === null) throw invalidSyntax('tid', text);
    const block = Number(match[1]);
    const offset = Number(match[2]);
    if (block > 0xffffffff || offset > 0xffff) throw invalidSyntax('tid', text);
    return (BigInt(block) << 16n) | BigInt(offset);
  }

  output(value: Value): string {
    return `(${(value as bigint) >> 16n},${(value as bigint) & 0xffffn})`;
  }

  override receive(reader: ByteReader): Value {
    const block = reader.uint32();
    return (BigInt(block) << 16n) | BigInt(reader.uint16());
  }

  override send(value: Value, out: ByteWriter): void {
    out.int32(Number((value as bigint) >> 16n) | 0);
    out.int16(Number((value as bigint) & 0xffffn));
  }
}
