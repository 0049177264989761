import type {Oid} from '../common/ids.ts';
import type {Interval} from './interval-value.ts';
import type {JsonbValue} from './jsonb-value.ts';
import type {Numeric} from './numeric-value.ts';
import type {TimeTz} from './timetz-value.ts';

/**
 * A non-null SQL value as JavaScript holds it. By type:
 * bool: boolean. int2, int4, float4, float8, oid and reg*, xid, cid: number. int8, time, timestamp, timestamptz, money,
 * xid8, pg_lsn: bigint.
 * date: number of days since 2000-01-01 (infinity = 2147483647, -infinity = -2147483648).
 * timestamp(tz): microseconds since 2000-01-01 UTC (infinity = 2^63-1, -infinity = -2^63). time: microseconds since midnight.
 * text, varchar, bpchar (padded), name, "char", json (as typed), xml, unknown, cstring, enums (label): string. uuid:
 * lower-case 36-character string.
 * bytea: Uint8Array. tsvector, tsquery: Uint8Array, their binary form. numeric: Numeric. interval: Interval. timetz:
 * TimeTz. jsonb: JsonbValue. arrays, int2vector, oidvector: PgArray.
 * record, composites: PgRecord. ranges: RangeValue.
 */
export type Value =
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Numeric
  | Interval
  | TimeTz
  | JsonbValue
  | PgArray
  | PgRecord
  | RangeValue;

/** A SQL value; NULL is null, never undefined. */
export type Datum = Value | null;

/** A PostgreSQL array: row-major elements, dimension sizes and lower bounds (both empty for `{}`). Immutable. */
export class PgArray {
  readonly elements: readonly Datum[];
  readonly dims: readonly number[];
  readonly lowerBounds: readonly number[];

  constructor(elements: readonly Datum[], dims: readonly number[], lowerBounds: readonly number[]) {
    this.elements = elements;
    this.dims = dims;
    this.lowerBounds = lowerBounds;
  }

  /** A one-dimensional array with lower bound 1; no elements give `{}`. */
  static of(elements: readonly Datum[]): PgArray {
    return elements.length === 0
      ? new PgArray([], [], [])
      : new PgArray(elements, [elements.length], [1]);
  }
}

/** A row value: fields with their type OIDs; a composite's own type OID or 2249 (record). Immutable. */
export class PgRecord {
  readonly typeOid: Oid;
  readonly fieldTypes: readonly Oid[];
  readonly fields: readonly Datum[];
  /** Field names of an anonymous row that has some (a subquery's whole row); null = those of the type, or f1, f2, ... */
  readonly names: readonly string[] | null;
  /** Instances of the fields' types, where some are no built-in ones; null = found by their OIDs. */
  readonly instances: readonly {readonly oid: Oid}[] | null;

  constructor(
    typeOid: Oid,
    fieldTypes: readonly Oid[],
    fields: readonly Datum[],
    names: readonly string[] | null = null,
    instances: readonly {readonly oid: Oid}[] | null = null,
  ) {
    this.typeOid = typeOid;
    this.fieldTypes = fieldTypes;
    this.fields = fields;
    this.names = names;
    this.instances = instances;
  }
}

/** A range (canonical for discrete types) or, with `ranges` set, a multirange. Immutable. A NULL bound is infinite. */
export class RangeValue {
  readonly isEmpty: boolean;
  readonly lower: Datum;
  readonly upper: Datum;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly ranges: readonly RangeValue[] | null;

  constructor(
    isEmpty: boolean,
    lower: Datum,
    upper: Datum,
    flags: {
      readonly lowerInclusive: boolean;
      readonly upperInclusive: boolean;
      readonly ranges?: readonly RangeValue[] | null;
    },
  ) {
    this.isEmpty = isEmpty;
    this.lower = lower;
    this.upper = upper;
    this.lowerInclusive = flags.lowerInclusive;
    this.upperInclusive = flags.upperInclusive;
    this.ranges = flags.ranges ?? null;
  }
}
