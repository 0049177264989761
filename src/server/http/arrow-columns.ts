// Hot path: every value of an Arrow result.
import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  makeData,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import type {Batch} from '../../columns/batch.ts';
import {datumAt} from '../../columns/vector-builder.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum, FormatSettings, TypeInstance} from '../../types/contract.ts';

/** Days and microseconds from 1970-01-01 to 2000-01-01. */
const epochDays = 10_957;
const epochMicros = 946_684_800_000_000n;
const greatest64 = 0x7fff_ffff_ffff_ffffn;
const greatest32 = 0x7fff_ffff;

/** What Arrow type a column gets: its own where Arrow has it, else the text form. */
export function arrowType(type: TypeInstance): DataType {
  if (type.base !== null) return arrowType(type.base);
  switch (type.oid as number) {
    case 16:
      return new Bool();
    case 21:
      return new Int16();
    case 23:
      return new Int32();
    case 20:
      return new Int64();
    case 700:
      return new Float32();
    case 701:
      return new Float64();
    case 1082:
      return new DateDay();
    case 1114:
      return new TimestampMicrosecond();
    case 1184:
      return new TimestampMicrosecond('UTC');
    case 17:
      return new Binary();
    default:
      return new Utf8();
  }
}

/** The live rows [from, to) of one column. */
export interface ColumnRange {
  readonly batch: Batch;
  readonly column: number;
  readonly from: number;
  readonly to: number;
}

/** A column of a batch as Arrow data. */
export function arrowData(type: TypeInstance, range: ColumnRange, settings: FormatSettings): Data {
  if (type.base !== null) return arrowData(type.base, range, settings);
  const {batch, column, from, to} = range;
  const length = to - from;
  const values: Datum[] = [];
  const nullBitmap = new Uint8Array((length + 7) >> 3);
  let nullCount = 0;
  for (let i = from; i < to; i++) {
    const at = batch.selection === null ? i : batch.selection[i]!;
    const value = datumAt(batch.vectors[column]!, at);
    values.push(value);
    const row = i - from;
    if (value === null) nullCount++;
    else nullBitmap[row >> 3]! |= 1 << (row & 7);
  }
  const base = {length, nullCount, nullBitmap: nullCount === 0 ? null : nullBitmap};
  switch (type.oid as number) {
    case 16:
      return makeData({type: new Bool(), ...base, data: bits(values)});
    case 21:
      return makeData({type: new Int16(), ...base, data: Int16Array.from(values, numberOf)});
    case 23:
      return makeData({type: new Int32(), ...base, data: Int32Array.from(values, numberOf)});
    case 20:
      return makeData({type: new Int64(), ...base, data: BigInt64Array.from(values, bigintOf)});
    case 700:
      return makeData({type: new Float32(), ...base, data: Float32Array.from(values, numberOf)});
    case 701:
      return makeData({type: new Float64(), ...base, data: Float64Array.from(values, numberOf)});
    case 1082:
      return makeData({type: new DateDay(), ...base, data: Int32Array.from(values, dayOf)});
    case 1114:
      return makeData({
        ...{type: new TimestampMicrosecond(), ...base},
        data: BigInt64Array.from(values, microsOf),
      });
    case 1184:
      return makeData({
        ...{type: new TimestampMicrosecond('UTC'), ...base},
        data: BigInt64Array.from(values, microsOf),
      });
    case 17:
      return makeData({type: new Binary(), ...base, ...joined(values, bytesOf)});
    default:
      return makeData({
        ...{type: new Utf8(), ...base},
        ...joined(values, value =>
          Buffer.from(
            typeof value === 'string' && type.physical === 'text'
              ? value
              : type.output(value!, settings),
          ),
        ),
      });
  }
}

function numberOf(value: Datum): number {
  return value === null ? 0 : (value as number);
}

function bigintOf(value: Datum): bigint {
  return value === null ? 0n : (value as bigint);
}

function bytesOf(value: Datum): Uint8Array {
  return value as Uint8Array;
}

function dayOf(value: Datum): number {
  if (value === null) return 0;
  const day = value as number;
  if (day >= greatest32 || day <= -greatest32) throw infinite('dates');
  return day + epochDays;
}

function microsOf(value: Datum): bigint {
  if (value === null) return 0n;
  const micros = value as bigint;
  if (micros >= greatest64 - epochMicros || micros <= -greatest64) throw infinite('timestamps');
  return micros + epochMicros;
}

function infinite(what: string): PgError {
  return new PgError(SqlState.datetimeFieldOverflow, `infinite ${what} have no Arrow form`, {
    hint: 'Cast the column to text, or ask for JSON.',
  });
}

function bits(values: readonly Datum[]): Uint8Array {
  const out = new Uint8Array((values.length + 7) >> 3);
  for (let i = 0; i < values.length; i++) if (values[i] === true) out[i >> 3]! |= 1 << (i & 7);
  return out;
}

function joined(
  values: readonly Datum[],
  encode: (value: Datum) => Uint8Array,
): {readonly valueOffsets: Int32Array; readonly data: Uint8Array} {
  const valueOffsets = new Int32Array(values.length + 1);
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== null) {
      const bytes = encode(value);
      parts.push(bytes);
      size += bytes.length;
    }
    valueOffsets[i + 1] = size;
  }
  return {valueOffsets, data: Buffer.concat(parts)};
}
