import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import type {Oid} from '../common/ids.ts';
import type {Datum, Value} from './datum.ts';

export type {Datum, Value};

/** How a column of a type is laid out in a Vector. 'text' vectors may be dictionary codes, UTF-8 bytes or JS strings. */
export type PhysicalKind = 'bool' | 'int32' | 'float64' | 'int64' | 'text' | 'boxed';

/** Session settings that change how values are read and written (PostgreSQL 20.11). */
export interface FormatSettings {
  readonly dateStyle: 'ISO' | 'SQL' | 'Postgres' | 'German';
  readonly dateOrder: 'MDY' | 'DMY' | 'YMD';
  readonly intervalStyle: 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601';
  /** IANA name or POSIX offset as SET TIME ZONE accepted it. */
  readonly timeZone: string;
  readonly extraFloatDigits: number;
  readonly byteaOutput: 'hex' | 'escape';
  /** Microseconds since 2000-01-01 UTC of the transaction's start; 'now', 'today' read it. */
  readonly transactionTimestamp: bigint;
  /** Resolves and prints names for reg* types; null outside a session. */
  readonly names: NameResolver | null;
}

/** What reg* input and output need from a catalog snapshot. */
export interface NameResolver {
  regIn(typeName: string, text: string): number;
  regOut(typeName: string, value: number): string;
}

/** A value that SQLite stores without loss. Integers are bigint (safe integers on). */
export type SqliteValue = bigint | number | string | Uint8Array | null;

/** How values of a type lie in Parquet. */
export interface ParquetForm {
  readonly physicalType:
    | 'BOOLEAN'
    | 'INT32'
    | 'INT64'
    | 'FLOAT'
    | 'DOUBLE'
    | 'BYTE_ARRAY'
    | 'FIXED_LEN_BYTE_ARRAY';
  /** Byte width of FIXED_LEN_BYTE_ARRAY, else 0. */
  readonly length: number;
  /**
   * Parquet's logical type, e.g. {type:'STRING'}, {type:'UUID'}, {type:'TIMESTAMP', isAdjustedToUTC:true,
   * unit:'MICROS'}; null for none.
   */
  readonly logicalType: Readonly<Record<string, unknown>> | null;
  /** True when min/max statistics in Parquet's order are in the order of `compare`. */
  readonly isOrdered: boolean;
  /** BOOLEAN: boolean. INT32, FLOAT, DOUBLE: number. INT64: bigint. BYTE_ARRAY, FIXED: Uint8Array (text types: string is allowed). */
  encode(value: Value): boolean | number | bigint | string | Uint8Array;
  decode(stored: boolean | number | bigint | string | Uint8Array): Value;
}

/** pg_type.typtype. */
export type TypeKind = 'b' | 'c' | 'd' | 'e' | 'm' | 'p' | 'r';

/**
 * Everything that Wadi knows of one type (a row of pg_type with its behaviour). Codecs are pure in (value, typmod, settings).
 * Found through a TypeLookup of the catalog snapshot; enums, domains, composites and their arrays are instances like any other.
 */
export interface TypeInstance {
  readonly oid: Oid;
  /** pg_type.typname. */
  readonly name: string;
  readonly kind: TypeKind;
  /** pg_type.typcategory. */
  readonly category: string;
  readonly isPreferred: boolean;
  /** pg_type.typlen: -1 varlena, -2 cstring. */
  readonly length: number;
  readonly delimiter: string;
  /** pg_type.typarray, 0 if none. */
  readonly arrayOid: Oid;
  /** Element type of true arrays and of int2vector, oidvector, name, point; null otherwise. */
  readonly element: TypeInstance | null;
  /** Base type and typmod of a domain; null otherwise. */
  readonly base: TypeInstance | null;
  readonly baseTypmod: number;
  /** Whether pg_type.typcollation is not 0. */
  readonly isCollatable: boolean;
  readonly physical: PhysicalKind;
  readonly parquet: ParquetForm;
  readonly sqliteType: 'INTEGER' | 'REAL' | 'TEXT' | 'BLOB';

  /** Text input; raises 22P02 and its kin with PostgreSQL's text. Applies typmod as a cast by input function does (explicit=false). */
  input(text: string, typmod: number, settings: FormatSettings): Value;
  /** Text output. */
  output(value: Value, settings: FormatSettings): string;
  /** Appends the text output as UTF-8 without an intermediate string where that is cheaper. */
  writeText(value: Value, out: ByteWriter, settings: FormatSettings): void;
  /** Binary input: reads exactly what remains in the reader; leftover is the caller's check (22P03). */
  receive(reader: ByteReader, typmod: number, settings: FormatSettings): Value;
  /** Binary output: appends the payload without its length. */
  send(value: Value, out: ByteWriter, settings: FormatSettings): void;
  /** Default btree order. Types without one raise 42883. */
  compare(a: Value, b: Value): number;
  /** Default equality, consistent with compare. */
  equals(a: Value, b: Value): boolean;
  /** 32-bit signed hash, equal for values that `equals` holds equal. */
  hash(value: Value): number;
  /** Appends canonical key bytes: equal values give equal bytes, byte order is `compare` order, self-delimiting (prefix-free). */
  writeKey(value: Value, out: ByteWriter): void;
  /** Lossless SQLite form; fromSqlite(toSqlite(v)) equals v, including -0, NaN, int64, scale. Not order-preserving in general. */
  toSqlite(value: Value): SqliteValue;
  fromSqlite(stored: SqliteValue): Value;
}

/** Finds types by OID; a catalog snapshot implements it over the built-in registry. */
export interface TypeLookup {
  /** Undefined when no such type exists. */
  typeByOid(oid: Oid): TypeInstance | undefined;
}
