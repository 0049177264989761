import type {Value} from '../types/contract.ts';

/** Rows of a full batch. */
export const BATCH_CAPACITY = 1024;

/** One byte per physical row, 1 = NULL; null when the vector has no NULL. */
export type NullMask = Uint8Array | null;

/** int2, int4, date, oid (as signed bits are NOT used: oid uses Float64Vector). */
export interface Int32Vector {
  readonly kind: 'int32';
  values: Int32Array;
  nulls: NullMask;
}

/** float4, float8, oid and reg* types. */
export interface Float64Vector {
  readonly kind: 'float64';
  values: Float64Array;
  nulls: NullMask;
}

/** int8, time, timestamp, timestamptz and the other 64-bit integers. */
export interface Int64Vector {
  readonly kind: 'int64';
  values: BigInt64Array;
  nulls: NullMask;
}

/** 0 or 1 per row. */
export interface BoolVector {
  readonly kind: 'bool';
  values: Uint8Array;
  nulls: NullMask;
}

/** An append-only list of distinct strings shared by chunks; entries decode lazily from UTF-8 when made by a segment. */
export interface TextDictionary {
  /** Number of entries; codes are 0 .. size-1. May grow, never shrinks or changes. */
  readonly size: number;
  /** The string of a code. */
  get(code: number): string;
}

/** Text as dictionary codes. A result per code may be cached by (dictionary identity, code). */
export interface DictVector {
  readonly kind: 'dict';
  values: Int32Array;
  dictionary: TextDictionary;
  nulls: NullMask;
}

/** Text as UTF-8: row i is bytes[offsets[i] .. offsets[i+1]). */
export interface Utf8Vector {
  readonly kind: 'utf8';
  bytes: Buffer;
  offsets: Int32Array;
  nulls: NullMask;
}

/** JS strings (from SQLite, VALUES, functions). */
export interface StringVector {
  readonly kind: 'string';
  values: string[];
  nulls: NullMask;
}

/** Everything else: numeric, jsonb, arrays, rows, bytea, interval. NULL rows also hold null in `values`. */
export interface BoxedVector {
  readonly kind: 'boxed';
  values: (Value | null)[];
  nulls: NullMask;
}

/** A column of a batch. Which kind carries which type: TypeInstance.physical; 'text' may arrive as dict, utf8 or string. */
export type Vector =
  | Int32Vector
  | Float64Vector
  | Int64Vector
  | BoolVector
  | DictVector
  | Utf8Vector
  | StringVector
  | BoxedVector;

/** The discriminant of Vector. */
export type VectorKind = Vector['kind'];
