import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import type {Oid} from '../common/ids.ts';
import {oid} from '../common/ids.ts';
import type {
  FormatSettings,
  ParquetForm,
  PhysicalKind,
  SqliteValue,
  TypeInstance,
  TypeKind,
  Value,
} from './contract.ts';

/** A domain: its base type's behaviour under its own name. Its constraints are checked by whoever coerces to it. */
export class DomainType implements TypeInstance {
  readonly oid: Oid;
  readonly name: string;
  readonly kind: TypeKind = 'd';
  readonly category: string;
  readonly isPreferred = false;
  readonly length: number;
  readonly delimiter: string;
  readonly arrayOid: Oid;
  readonly element: TypeInstance | null = null;
  readonly base: TypeInstance;
  readonly baseTypmod: number;
  readonly isCollatable: boolean;
  readonly physical: PhysicalKind;
  readonly parquet: ParquetForm;
  readonly sqliteType: 'INTEGER' | 'REAL' | 'TEXT' | 'BLOB';

  constructor(
    row: {readonly oid: number; readonly name: string; readonly arrayOid: number},
    base: TypeInstance,
    baseTypmod: number,
  ) {
    this.oid = oid(row.oid);
    this.name = row.name;
    this.arrayOid = oid(row.arrayOid);
    this.category = base.category;
    this.length = base.length;
    this.delimiter = base.delimiter;
    this.base = base;
    this.baseTypmod = baseTypmod;
    this.isCollatable = base.isCollatable;
    this.physical = base.physical;
    this.parquet = base.parquet;
    this.sqliteType = base.sqliteType;
  }

  input(text: string, _typmod: number, settings: FormatSettings): Value {
    return this.base.input(text, this.baseTypmod, settings);
  }

  output(value: Value, settings: FormatSettings): string {
    return this.base.output(value, settings);
  }

  writeText(value: Value, out: ByteWriter, settings: FormatSettings): void {
    this.base.writeText(value, out, settings);
  }

  receive(reader: ByteReader, _typmod: number, settings: FormatSettings): Value {
    return this.base.receive(reader, this.baseTypmod, settings);
  }

  send(value: Value, out: ByteWriter, settings: FormatSettings): void {
    this.base.send(value, out, settings);
  }

  compare(a: Value, b: Value): number {
    return this.base.compare(a, b);
  }

  equals(a: Value, b: Value): boolean {
    return this.base.equals(a, b);
  }

  hash(value: Value): number {
    return this.base.hash(value);
  }

  writeKey(value: Value, out: ByteWriter): void {
    this.base.writeKey(value, out);
  }

  toSqlite(value: Value): SqliteValue {
    return this.base.toSqlite(value);
  }

  fromSqlite(stored: SqliteValue): Value {
    return this.base.fromSqlite(stored);
  }
}

/** A domain over a base type (which may itself be a domain). */
export function makeDomainType(
  row: {readonly oid: number; readonly name: string; readonly arrayOid: number},
  base: TypeInstance,
  baseTypmod: number,
): DomainType {
  return new DomainType(row, base, baseTypmod);
}
