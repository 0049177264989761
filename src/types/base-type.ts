import {ByteReader} from '../common/byte-reader.ts';
import {ByteWriter} from '../common/byte-writer.ts';
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
import {defaultFormatSettings} from './format-settings.ts';
import {noComparison} from './type-errors.ts';

/** The facts of pg_type that an instance is built from; absent ones have pg_type's commonest value. */
export interface TypeRow {
  readonly oid: number;
  readonly name: string;
  readonly arrayOid: number;
  readonly category: string;
  readonly length: number;
  readonly kind?: TypeKind;
  readonly isPreferred?: boolean;
  readonly delimiter?: string;
  readonly isCollatable?: boolean;
}

/** How values lie in vectors, SQLite and Parquet; a null Parquet form is the readable text form. */
export interface TypeLayout {
  readonly physical: PhysicalKind;
  readonly sqliteType: 'INTEGER' | 'REAL' | 'TEXT' | 'BLOB';
  readonly parquet: ParquetForm | null;
}

/** Boxed in memory, binary form in SQLite, text in Parquet: the layout of types without a native one. */
export const boxedLayout: TypeLayout = {physical: 'boxed', sqliteType: 'BLOB', parquet: null};

/** Common part of all type instances: facts, and behaviour that most families share. */
export abstract class BaseType implements TypeInstance {
  readonly oid: Oid;
  readonly name: string;
  readonly kind: TypeKind;
  readonly category: string;
  readonly isPreferred: boolean;
  readonly length: number;
  readonly delimiter: string;
  readonly arrayOid: Oid;
  readonly element: TypeInstance | null;
  readonly base: TypeInstance | null = null;
  readonly baseTypmod: number = -1;
  readonly isCollatable: boolean;
  readonly physical: PhysicalKind;
  readonly parquet: ParquetForm;
  readonly sqliteType: 'INTEGER' | 'REAL' | 'TEXT' | 'BLOB';

  constructor(row: TypeRow, layout: TypeLayout, element: TypeInstance | null = null) {
    this.oid = oid(row.oid);
    this.name = row.name;
    this.kind = row.kind ?? 'b';
    this.category = row.category;
    this.isPreferred = row.isPreferred ?? false;
    this.length = row.length;
    this.delimiter = row.delimiter ?? ',';
    this.arrayOid = oid(row.arrayOid);
    this.element = element;
    this.isCollatable = row.isCollatable ?? false;
    this.physical = layout.physical;
    this.sqliteType = layout.sqliteType;
    this.parquet = layout.parquet ?? textForm(this);
  }

  abstract input(text: string, typmod: number, settings: FormatSettings): Value;
  abstract output(value: Value, settings: FormatSettings): string;
  abstract receive(reader: ByteReader, typmod: number, settings: FormatSettings): Value;
  abstract send(value: Value, out: ByteWriter, settings: FormatSettings): void;

  writeText(value: Value, out: ByteWriter, settings: FormatSettings): void {
    out.utf8(this.output(value, settings));
  }

  compare(_a: Value, _b: Value): number {
    throw noComparison(this.name);
  }

  equals(a: Value, b: Value): boolean {
    return this.compare(a, b) === 0;
  }

  hash(_value: Value): number {
    throw noComparison(this.name);
  }

  writeKey(_value: Value, _out: ByteWriter): void {
    throw noComparison(this.name);
  }

  toSqlite(value: Value): SqliteValue {
    const out = new ByteWriter(64);
    this.send(value, out, defaultFormatSettings);
    return out.take();
  }

  fromSqlite(stored: SqliteValue): Value {
    return this.receive(new ByteReader(asBuffer(stored as Uint8Array)), -1, defaultFormatSettings);
  }
}

/** A Buffer over the same bytes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The string of a Parquet BYTE_ARRAY, however the reader gave it. */
export function storedText(stored: unknown): string {
  return typeof stored === 'string' ? stored : asBuffer(stored as Uint8Array).toString('utf8');
}

/** BYTE_ARRAY of the text output, unordered: readable anywhere. */
function textForm(type: BaseType): ParquetForm {
  return {
    physicalType: 'BYTE_ARRAY',
    length: 0,
    logicalType: {type: 'STRING'},
    isOrdered: false,
    encode: value => type.output(value, defaultFormatSettings),
    decode: stored => type.input(storedText(stored), -1, defaultFormatSettings),
  };
}

/** A Parquet form whose stored values are the very values, or need one conversion. */
export function nativeForm(
  physicalType: ParquetForm['physicalType'],
  logicalType: ParquetForm['logicalType'],
  conversion: Pick<ParquetForm, 'encode' | 'decode'> = identity,
): ParquetForm {
  return {physicalType, length: 0, logicalType, isOrdered: true, ...conversion};
}

const identity: Pick<ParquetForm, 'encode' | 'decode'> = {
  encode: value => value as number,
  decode: stored => stored,
};

/** INT64 with the logical type of signed 64-bit integers; tolerates readers that give numbers. */
export const int64Conversion: Pick<ParquetForm, 'encode' | 'decode'> = {
  encode: value => value as bigint,
  decode: stored => (typeof stored === 'bigint' ? stored : BigInt(stored as number)),
};

/** Text types: UTF-8 BYTE_ARRAY in byte order. */
export const stringForm: ParquetForm = {
  physicalType: 'BYTE_ARRAY',
  length: 0,
  logicalType: {type: 'STRING'},
  isOrdered: true,
  encode: value => value as string,
  decode: storedText,
};
