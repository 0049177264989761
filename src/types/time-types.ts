import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {BaseType, boxedLayout, int64Conversion, nativeForm} from './base-type.ts';
import type {FormatSettings, Value} from './contract.ts';
import {timeText, writeIsoTime} from './datetime-format.ts';
import {parseTime, parseTimeTz} from './datetime-input.ts';
import {intervalCompare, intervalSpan, roundMicros} from './datetime-math.ts';
import {offsetText} from './datetime-zone.ts';
import {combineHash, hashInt64, hashNumber} from './hash.ts';
import {Int64BasedType} from './integers.ts';
import {intervalBits, parseInterval} from './interval-input.ts';
import {intervalToText} from './interval-text.ts';
import {Interval} from './interval-value.ts';
import {writeKeyInt32, writeKeyInt64} from './key-bytes.ts';
import {TimeTz} from './timetz-value.ts';
import {datetimeOutOfRange} from './type-errors.ts';

/** time without time zone: microseconds since midnight. */
export class TimeType extends Int64BasedType {
  constructor() {
    super(
      {oid: 1083, name: 'time', arrayOid: 1183, category: 'D', length: 8},
      {
        physical: 'int64',
        sqliteType: 'INTEGER',
        parquet: nativeForm(
          'INT64',
          {type: 'TIME', isAdjustedToUTC: false, unit: 'MICROS'},
          int64Conversion,
        ),
      },
    );
  }

  input(text: string, typmod: number, settings: FormatSettings): Value {
    return roundMicros(parseTime(text, settings), typmod);
  }

  output(value: Value): string {
    return timeText(Number(value as bigint));
  }

  override writeText(value: Value, out: ByteWriter): void {
    writeIsoTime(Number(value as bigint), out);
  }

  override receive(reader: ByteReader, typmod: number): Value {
    const micros = reader.int64();
    if (micros < 0n || micros > 86_400_000_000n) throw datetimeOutOfRange('time');
    return roundMicros(micros, typmod);
  }
}

/** UTC moment of a timetz within its day, which it is ordered by first. */
function utcMicros(value: TimeTz): bigint {
  return value.micros + BigInt(value.zoneSeconds) * 1_000_000n;
}

/** time with time zone. */
export class TimeTzType extends BaseType {
  constructor() {
    super({oid: 1266, name: 'timetz', arrayOid: 1270, category: 'D', length: 12}, boxedLayout);
  }

  input(text: string, typmod: number, settings: FormatSettings): Value {
    const {micros, offset} = parseTimeTz(text, settings);
    return new TimeTz(roundMicros(BigInt(micros), typmod), offset === 0 ? 0 : -offset);
  }

  output(value: Value): string {
    const {micros, zoneSeconds} = value as TimeTz;
    return timeText(Number(micros)) + offsetText(zoneSeconds === 0 ? 0 : -zoneSeconds);
  }

  receive(reader: ByteReader, typmod: number): Value {
    const micros = reader.int64();
    if (micros < 0n || micros > 86_400_000_000n) throw datetimeOutOfRange('time');
    const zoneSeconds = reader.int32();
    if (Math.abs(zoneSeconds) >= 57600) throw datetimeOutOfRange('time zone displacement');
    return new TimeTz(roundMicros(micros, typmod), zoneSeconds);
  }

  send(value: Value, out: ByteWriter): void {
    out.int64((value as TimeTz).micros);
    out.int32((value as TimeTz).zoneSeconds);
  }

  override compare(a: Value, b: Value): number {
    const left = utcMicros(a as TimeTz);
    const right = utcMicros(b as TimeTz);
    if (left !== right) return left < right ? -1 : 1;
    return (a as TimeTz).zoneSeconds - (b as TimeTz).zoneSeconds;
  }

  override hash(value: Value): number {
    return combineHash(hashInt64(utcMicros(value as TimeTz)), (value as TimeTz).zoneSeconds);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyInt64(utcMicros(value as TimeTz), out);
    writeKeyInt32((value as TimeTz).zoneSeconds, out);
  }
}

const FULL_PRECISION = 0xffff;
const FULL_RANGE = 0x7fff;

/** Cuts an interval to the fields and fraction digits of its typmod. */
export function applyIntervalTypmod(span: Interval, typmod: number): Interval {
  if (typmod < 0) return span;
  const range = (typmod >> 16) & FULL_RANGE;
  const precision = typmod & FULL_PRECISION;
  const cut = range === FULL_RANGE ? span : cutFields(span, range);
  if (precision === FULL_PRECISION) return cut;
  return new Interval(cut.months, cut.days, roundMicros(cut.micros, precision));
}

function cutFields(span: Interval, range: number): Interval {
  const {months, days, micros} = span;
  const {year, month, day, hour, minute, second} = intervalBits;
  if ((range & second) !== 0) return span;
  if ((range & minute) !== 0) return new Interval(months, days, micros - (micros % 60_000_000n));
  if ((range & hour) !== 0) return new Interval(months, days, micros - (micros % 3_600_000_000n));
  if ((range & day) !== 0) return new Interval(months, days, 0n);
  if ((range & month) !== 0) return new Interval(months, 0, 0n);
  return (range & year) !== 0 ? new Interval(months - (months % 12), 0, 0n) : span;
}

/** interval. */
export class IntervalType extends BaseType {
  constructor() {
    super(
      {oid: 1186, name: 'interval', arrayOid: 1187, category: 'T', length: 16, isPreferred: true},
      boxedLayout,
    );
  }

  input(text: string, typmod: number, settings: FormatSettings): Value {
    const range = typmod < 0 ? FULL_RANGE : (typmod >> 16) & FULL_RANGE;
    return applyIntervalTypmod(parseInterval(text, range, settings), typmod);
  }

  output(value: Value, settings: FormatSettings): string {
    return intervalToText(value as Interval, settings);
  }

  receive(reader: ByteReader, typmod: number): Value {
    const micros = reader.int64();
    const days = reader.int32();
    return applyIntervalTypmod(new Interval(reader.int32(), days, micros), typmod);
  }

  send(value: Value, out: ByteWriter): void {
    const {months, days, micros} = value as Interval;
    out.int64(micros);
    out.int32(days);
    out.int32(months);
  }

  override compare(a: Value, b: Value): number {
    return intervalCompare(a as Interval, b as Interval);
  }

  override hash(value: Value): number {
    const span = intervalSpan(value as Interval);
    return combineHash(hashInt64(BigInt.asIntN(64, span)), hashNumber(Number(span >> 64n)));
  }

  override writeKey(value: Value, out: ByteWriter): void {
    const span = intervalSpan(value as Interval);
    writeKeyInt64(span >> 64n, out);
    out.int64(BigInt.asIntN(64, span));
  }
}
