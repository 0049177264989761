import type {Datum, ParquetForm, TypeInstance, Value} from '../../types/contract.ts';
import type {SegmentColumn} from './contract.ts';

/** How values of a column travel from Datums to pages. */
export type ValueKind = 'bool' | 'int32' | 'int64' | 'float32' | 'float64' | 'bytes';

/** How a Datum becomes a stored value: as it is, by a fast path, or through ParquetForm. */
export type AcceptKind = 'direct' | 'text' | 'uuid' | 'encode';

/** What the encoder knows of a column: plain data, so that it can be sent to a worker thread. */
export interface ColumnPlan {
  readonly attnum: number;
  readonly name: string;
  readonly typeOid: number;
  readonly typeName: string;
  readonly typmod: number;
  readonly isNullable: boolean;
  readonly physicalType: ParquetForm['physicalType'];
  /** Byte width of FIXED_LEN_BYTE_ARRAY, else 0. */
  readonly length: number;
  readonly logicalType: Readonly<Record<string, unknown>> | null;
  readonly kind: ValueKind;
  /** Added to integers (dates and timestamps count from 1970 in Parquet); the two extremes stay as they are. */
  readonly shift: bigint;
  /** Whether min and max in Parquet's order are in the type's order. */
  readonly hasStats: boolean;
  /** Whether min and max are cut between characters. */
  readonly isText: boolean;
  /** False positive rate of a filter over stored values (readable by anyone), or null. */
  readonly valueBloom: number | null;
  /** False positive rate of a filter over canonical key bytes (types whose equal values can be stored differently), or null. */
  readonly keyBloom: number | null;
  /** The filter is sized for no more distinct values than this. */
  readonly bloomItems: number | null;
}

/** Columns of one row group on their way to the encoder: typed arrays and buffers only. */
export interface ColumnData {
  readonly rows: number;
  /** 1 = NULL; null when there is none. */
  readonly nulls: Uint8Array | null;
  /** Values of fixed width, zero where NULL; null for bytes. May be longer than `rows`. */
  readonly values: Uint8Array | Int32Array | BigInt64Array | Float32Array | Float64Array | null;
  /** Bytes of all values, one after another, in parts with their used lengths. */
  readonly arenas: readonly Uint8Array[];
  readonly arenaLengths: readonly number[];
  /** Row i is bytes [offsets[i], offsets[i + 1]) over all arenas; null for fixed width. */
  readonly offsets: Int32Array | null;
  /** Hashes of canonical keys as pairs (low, high), for keyBloom. */
  readonly keyHashes: Uint32Array | null;
}

const BPCHAR = 1042;

const KINDS: Readonly<Record<ParquetForm['physicalType'], ValueKind>> = {
  BOOLEAN: 'bool',
  INT32: 'int32',
  INT64: 'int64',
  FLOAT: 'float32',
  DOUBLE: 'float64',
  BYTE_ARRAY: 'bytes',
  FIXED_LEN_BYTE_ARRAY: 'bytes',
};

/** The plan of a column to be written. */
export function planColumn(column: SegmentColumn): ColumnPlan {
  const {type, bloom} = column;
  const form = type.parquet;
  const isUnsigned = form.logicalType?.['isSigned'] === false;
  const isCanonical = hasCanonicalForm(type);
  const fpp = bloom === null ? null : Math.min(0.5, Math.max(1e-6, bloom.fpp));
  return {
    attnum: column.attnum,
    name: column.name,
    typeOid: type.oid,
    typeName: type.name,
    typmod: column.typmod,
    isNullable: column.isNullable,
    physicalType: form.physicalType,
    length: form.length,
    logicalType: form.logicalType,
    kind: KINDS[form.physicalType],
    shift: integerShift(type) ?? 0n,
    hasStats: isCanonical && !isUnsigned && form.logicalType?.['type'] !== 'DECIMAL',
    isText: form.physicalType === 'BYTE_ARRAY' && form.logicalType !== null,
    valueBloom: isCanonical && form.physicalType !== 'BOOLEAN' ? fpp : null,
    keyBloom: isCanonical ? null : fpp,
    bloomItems: bloom?.numItems ?? null,
  };
}

/** Whether equal values are stored equally and in order. Blank-padded strings are not: trailing blanks do not count. */
export function hasCanonicalForm(type: TypeInstance): boolean {
  return type.parquet.isOrdered && type.oid !== BPCHAR && type.base?.oid !== BPCHAR;
}

/** How Datums of a type are handed over. */
export function acceptKind(type: TypeInstance): AcceptKind {
  const form = type.parquet;
  switch (form.physicalType) {
    case 'BOOLEAN':
      return type.physical === 'bool' ? 'direct' : 'encode';
    case 'INT32':
    case 'INT64':
      return integerShift(type) === null ? 'encode' : 'direct';
    case 'FLOAT':
    case 'DOUBLE':
      return type.physical === 'float64' ? 'direct' : 'encode';
    case 'BYTE_ARRAY':
      return isPlainText(type) ? 'text' : 'encode';
    case 'FIXED_LEN_BYTE_ARRAY':
      return isPlainUuid(type) ? 'uuid' : 'encode';
  }
}

/** Whether values are strings that are stored as their UTF-8 bytes. */
export function isPlainText(type: TypeInstance): boolean {
  const form = type.parquet;
  if (type.physical !== 'text' || form.physicalType !== 'BYTE_ARRAY') return false;
  const kind = form.logicalType?.['type'];
  return kind === 'STRING' || kind === 'JSON' || kind === 'ENUM';
}

/** Whether values are 36-character strings that are stored as 16 bytes. */
export function isPlainUuid(type: TypeInstance): boolean {
  const form = type.parquet;
  return type.physical === 'text' && form.length === 16 && form.logicalType?.['type'] === 'UUID';
}

/**
 * The constant that a type adds to its integers on the way to Parquet, or null when the form is not `value + constant` with fixed extremes.
 * Established by probing the codec, so that whole pages can be converted without calling it.
 */
export function integerShift(type: TypeInstance): bigint | null {
  const form = type.parquet;
  const is32 = form.physicalType === 'INT32' && type.physical === 'int32';
  const is64 = form.physicalType === 'INT64' && type.physical === 'int64';
  if (!is32 && !is64) return null;
  const bits = is32 ? 32 : 64;
  const valueOf = (wide: bigint): Value => (is32 ? Number(wide) : wide);
  const max = 2n ** BigInt(bits - 1) - 1n;
  try {
    const shift = BigInt(form.encode(valueOf(0n)) as number | bigint);
    const isShift = [1n, -1n, 12345n, -98765n, max / 4n, -max / 4n].every(
      probe =>
        BigInt(form.encode(valueOf(probe)) as number | bigint) === probe + shift &&
        form.decode(valueOf(probe + shift) as number | bigint) === valueOf(probe),
    );
    const keepsExtremes = [max, -max - 1n].every(
      probe =>
        form.encode(valueOf(probe)) === valueOf(probe) &&
        form.decode(valueOf(probe) as number | bigint) === valueOf(probe),
    );
    return isShift && keepsExtremes ? shift : null;
  } catch {
    return null;
  }
}

/** The stored bytes of a non-null value of a BYTE_ARRAY or FIXED column. */
export function storedBytes(form: ParquetForm, value: NonNullable<Datum>): Buffer {
  const stored = form.encode(value);
  if (typeof stored === 'string') return Buffer.from(stored);
  const bytes = stored as Uint8Array;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
