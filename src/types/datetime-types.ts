import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {BaseType, nativeForm} from './base-type.ts';
import type {FormatSettings, ParquetForm, SqliteValue, Value} from './contract.ts';
import {
  DATE_END,
  DATE_INFINITY,
  DATE_MIN,
  DATE_MINUS_INFINITY,
  isInfiniteTimestamp,
  isTimestampInRange,
  TIMESTAMP_INFINITY,
  TIMESTAMP_MINUS_INFINITY,
  UNIX_EPOCH_DAYS,
  UNIX_EPOCH_MICROS,
} from './datetime-calendar.ts';
import {dateToText, timestampToText, writeIsoDate, writeIsoTimestamp} from './datetime-format.ts';
import {parseDate, parseTimestamp, parseTimestampTz} from './datetime-input.ts';
import {roundMicros, secondsOfTimestamp} from './datetime-math.ts';
import {zoneOf} from './datetime-zone.ts';
import {hashInt32} from './hash.ts';
import {Int64BasedType} from './integers.ts';
import {writeKeyInt32} from './key-bytes.ts';
import {datetimeOutOfRange} from './type-errors.ts';

/** Extreme values stay as they are, so that infinity is the extreme in Parquet, too. */
const dateForm: ParquetForm = nativeForm(
  'INT32',
  {type: 'DATE'},
  {
    encode: value => {
      const days = value as number;
      return days === DATE_INFINITY || days === DATE_MINUS_INFINITY ? days : days + UNIX_EPOCH_DAYS;
    },
    decode: stored => {
      const days = storedDays(stored);
      return days === DATE_INFINITY || days === DATE_MINUS_INFINITY ? days : days - UNIX_EPOCH_DAYS;
    },
  },
);

/** Some Parquet readers give dates as Date. */
function storedDays(stored: unknown): number {
  return stored instanceof Date ? Math.round(stored.getTime() / 86_400_000) : (stored as number);
}

/** date: days since 2000-01-01. */
export class DateType extends BaseType {
  constructor() {
    super(
      {oid: 1082, name: 'date', arrayOid: 1182, category: 'D', length: 4},
      {physical: 'int32', sqliteType: 'INTEGER', parquet: dateForm},
    );
  }

  input(text: string, _typmod: number, settings: FormatSettings): Value {
    return parseDate(text, settings);
  }

  output(value: Value, settings: FormatSettings): string {
    return dateToText(value as number, settings);
  }

  override writeText(value: Value, out: ByteWriter, settings: FormatSettings): void {
    if (settings.dateStyle === 'ISO' && writeIsoDate(value as number, out)) return;
    out.utf8(dateToText(value as number, settings));
  }

  receive(reader: ByteReader): Value {
    const days = reader.int32();
    const isFinite = days !== DATE_INFINITY && days !== DATE_MINUS_INFINITY;
    if (isFinite && (days < DATE_MIN || days >= DATE_END)) throw datetimeOutOfRange('date');
    return days;
  }

  send(value: Value, out: ByteWriter): void {
    out.int32(value as number);
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

function timestampForm(isAdjustedToUTC: boolean): ParquetForm {
  return nativeForm(
    'INT64',
    {type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS'},
    {encode: value => encodeTimestamp(value as bigint), decode: decodeTimestamp},
  );
}

/**
 * From the year 294247 on the count from 1970 leaves 64 bits: it wraps, into values that no early timestamp has. Two more keep it off
 * the infinities.
 */
function encodeTimestamp(value: bigint): bigint {
  if (isInfiniteTimestamp(value)) return value;
  const stored = value + UNIX_EPOCH_MICROS;
  return stored < TIMESTAMP_INFINITY ? stored : BigInt.asIntN(64, stored + 2n);
}

function decodeTimestamp(stored: unknown): Value {
  if (stored instanceof Date) return BigInt(stored.getTime()) * 1000n - UNIX_EPOCH_MICROS;
  const value = typeof stored === 'bigint' ? stored : BigInt(stored as number);
  if (value === TIMESTAMP_INFINITY || value === TIMESTAMP_MINUS_INFINITY) return value;
  const isWrapped = value <= TIMESTAMP_MINUS_INFINITY + UNIX_EPOCH_MICROS;
  return BigInt.asIntN(64, value - UNIX_EPOCH_MICROS - (isWrapped ? 2n : 0n));
}

function receiveTimestamp(reader: ByteReader, typmod: number): bigint {
  const value = reader.int64();
  if (isInfiniteTimestamp(value)) return value;
  if (!isTimestampInRange(value)) throw datetimeOutOfRange('timestamp');
  return roundMicros(value, typmod);
}

/** Rounds a timestamp to its typmod's fraction digits; infinities stay. */
export function roundTimestamp(value: bigint, typmod: number): bigint {
  return typmod < 0 || isInfiniteTimestamp(value) ? value : roundMicros(value, typmod);
}

/** timestamp without time zone. */
export class TimestampType extends Int64BasedType {
  constructor() {
    super(
      {oid: 1114, name: 'timestamp', arrayOid: 1115, category: 'D', length: 8},
      {physical: 'int64', sqliteType: 'INTEGER', parquet: timestampForm(false)},
    );
  }

  input(text: string, typmod: number, settings: FormatSettings): Value {
    return roundTimestamp(parseTimestamp(text, settings), typmod);
  }

  output(value: Value, settings: FormatSettings): string {
    return timestampToText(value as bigint, settings, null, null);
  }

  override writeText(value: Value, out: ByteWriter, settings: FormatSettings): void {
    const timestamp = value as bigint;
    const isPlain = settings.dateStyle === 'ISO' && !isInfiniteTimestamp(timestamp);
    if (isPlain && writeIsoTimestamp(timestamp, out)) return;
    out.utf8(timestampToText(timestamp, settings, null, null));
  }

  override receive(reader: ByteReader, typmod: number): Value {
    return receiveTimestamp(reader, typmod);
  }
}

/** timestamp with time zone: UTC, shown in the session's zone. */
export class TimestampTzType extends Int64BasedType {
  constructor() {
    super(
      {oid: 1184, name: 'timestamptz', arrayOid: 1185, category: 'D', length: 8, isPreferred: true},
      {physical: 'int64', sqliteType: 'INTEGER', parquet: timestampForm(true)},
    );
  }

  input(text: string, typmod: number, settings: FormatSettings): Value {
    return roundTimestamp(parseTimestampTz(text, settings), typmod);
  }

  output(value: Value, settings: FormatSettings): string {
    const utc = value as bigint;
    if (isInfiniteTimestamp(utc)) return timestampToText(utc, settings, 0, null);
    const zone = zoneOf(settings.timeZone);
    const seconds = secondsOfTimestamp(utc);
    const offset = zone.offsetAt(seconds);
    const abbreviation = settings.dateStyle === 'ISO' ? null : zone.abbreviationAt(seconds);
    return timestampToText(utc + BigInt(offset * 1_000_000), settings, offset, abbreviation);
  }

  override writeText(value: Value, out: ByteWriter, settings: FormatSettings): void {
    const utc = value as bigint;
    if (settings.dateStyle === 'ISO' && !isInfiniteTimestamp(utc)) {
      const isUtc = settings.timeZone === 'UTC';
      const offset = isUtc ? 0 : zoneOf(settings.timeZone).offsetAt(secondsOfTimestamp(utc));
      const local = offset === 0 ? utc : utc + BigInt(offset * 1_000_000);
      if (offset % 3600 === 0 && writeIsoTimestamp(local, out)) {
        const hours = Math.abs(offset) / 3600;
        out.ensure(3);
        const {buffer, length} = out;
        buffer[length] = offset < 0 ? 45 : 43;
        buffer[length + 1] = 48 + ((hours / 10) | 0);
        buffer[length + 2] = 48 + (hours % 10);
        out.length = length + 3;
        return;
      }
    }
    out.utf8(this.output(value, settings));
  }

  override receive(reader: ByteReader, typmod: number): Value {
    return receiveTimestamp(reader, typmod);
  }
}
