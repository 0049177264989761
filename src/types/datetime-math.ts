import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  DATE_INFINITY,
  DATE_MINUS_INFINITY,
  dateFromDays,
  daysFromDate,
  daysInMonth,
  dayOfTimestamp,
  isInfiniteTimestamp,
  isTimestampInRange,
  microsOfTimestamp,
  TIMESTAMP_END,
  TIMESTAMP_INFINITY,
  TIMESTAMP_MINUS_INFINITY,
  timestampFromDay,
} from './datetime-calendar.ts';
import {datetimeOutOfRange} from './type-errors.ts';
import type {Zone} from './datetime-zone.ts';
import {offsetOfLocal} from './datetime-zone.ts';
import {Interval} from './interval-value.ts';

/** Whole seconds since 2000-01-01, toward minus infinity. */
export function secondsOfTimestamp(timestamp: bigint): number {
  const value = Number(timestamp);
  if (Number.isSafeInteger(value)) return Math.floor(value / 1_000_000);
  const seconds = timestamp / 1_000_000n;
  return Number(timestamp < seconds * 1_000_000n ? seconds - 1n : seconds);
}

/** Local timestamp of a timestamptz in a zone (AT TIME ZONE); infinities stay. */
export function localFromUtc(utc: bigint, zone: Zone): bigint {
  if (isInfiniteTimestamp(utc)) return utc;
  const offset = zone.offsetAt(secondsOfTimestamp(utc));
  return offset === 0 ? utc : utc + BigInt(offset * 1_000_000);
}

/** timestamptz of a local timestamp in a zone; infinities stay. */
export function utcFromLocal(local: bigint, zone: Zone): bigint {
  if (isInfiniteTimestamp(local)) return local;
  const offset = offsetOfLocal(zone, secondsOfTimestamp(local));
  const utc = offset === 0 ? local : local - BigInt(offset * 1_000_000);
  if (!isTimestampInRange(utc)) throw datetimeOutOfRange('timestamp');
  return utc;
}

/** Rounds a timestamp, time or interval microsecond count to `precision` fraction digits, half away from zero. */
export function roundMicros(micros: bigint, precision: number): bigint {
  if (precision < 0 || precision >= 6) return micros;
  const unit = 10n ** BigInt(6 - precision);
  const half = unit / 2n;
  return micros >= 0n ? ((micros + half) / unit) * unit : -(((-micros + half) / unit) * unit);
}

/** timestamp from a date; infinities map, far dates raise 22008. */
export function timestampFromDate(days: number): bigint {
  if (days === DATE_INFINITY) return TIMESTAMP_INFINITY;
  if (days === DATE_MINUS_INFINITY) return TIMESTAMP_MINUS_INFINITY;
  const timestamp = timestampFromDay(days, 0);
  if (timestamp >= TIMESTAMP_END) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'date out of range for timestamp');
  }
  return timestamp;
}

/** date of a local timestamp. */
export function dateFromTimestamp(local: bigint): number {
  if (local === TIMESTAMP_INFINITY) return DATE_INFINITY;
  if (local === TIMESTAMP_MINUS_INFINITY) return DATE_MINUS_INFINITY;
  return dayOfTimestamp(local);
}

/** Day number plus calendar months; the day is cut to the month's length. */
export function addMonths(days: number, months: number): number {
  const fields = dateFromDays(days);
  const total = fields.year * 12 + fields.month - 1 + months;
  const year = Math.floor(total / 12);
  const month = total - year * 12 + 1;
  return daysFromDate(year, month, Math.min(fields.day, daysInMonth(year, month)));
}

/** timestamp + interval. */
export function timestampAddInterval(local: bigint, span: Interval): bigint {
  if (isInfiniteTimestamp(local)) return local;
  let result = local;
  if (span.months !== 0 || span.days !== 0) {
    const day = dayOfTimestamp(result);
    const moved = (span.months === 0 ? day : addMonths(day, span.months)) + span.days;
    result = timestampFromDay(moved, microsOfTimestamp(result));
  }
  result += span.micros;
  if (!isTimestampInRange(result)) throw datetimeOutOfRange('timestamp');
  return result;
}

/** timestamptz + interval: months and days move the local time of the zone. */
export function timestampTzAddInterval(utc: bigint, span: Interval, zone: Zone): bigint {
  if (isInfiniteTimestamp(utc)) return utc;
  let result = utc;
  if (span.months !== 0) {
    const local = localFromUtc(result, zone);
    const day = addMonths(dayOfTimestamp(local), span.months);
    result = utcFromLocal(timestampFromDay(day, microsOfTimestamp(local)), zone);
  }
  if (span.days !== 0) {
    const local = localFromUtc(result, zone);
    result = utcFromLocal(
      timestampFromDay(dayOfTimestamp(local) + span.days, microsOfTimestamp(local)),
      zone,
    );
  }
  result += span.micros;
  if (!isTimestampInRange(result)) throw datetimeOutOfRange('timestamp');
  return result;
}

/** timestamp - timestamp: days and time, justified by 24 hours. */
export function timestampSubtract(a: bigint, b: bigint): Interval {
  if (isInfiniteTimestamp(a) || isInfiniteTimestamp(b)) {
    throw new PgError(SqlState.datetimeFieldOverflow, 'cannot subtract infinite timestamps');
  }
  return justifyHours(new Interval(0, 0, a - b));
}

const DAY = 86_400_000_000n;

/** Whole 24 hours of the time become days, signs made equal (justify_hours). */
export function justifyHours(span: Interval): Interval {
  const carried = Number(span.micros / DAY);
  let days = span.days + carried;
  let micros = span.micros % DAY;
  if (days > 0 && micros < 0n) {
    micros += DAY;
    days--;
  } else if (days < 0 && micros > 0n) {
    micros -= DAY;
    days++;
  }
  return makeInterval(span.months, days, micros);
}

/** Whole 30 days become months (justify_days). */
export function justifyDays(span: Interval): Interval {
  let months = span.months + Math.trunc(span.days / 30);
  let days = span.days % 30;
  if (months > 0 && days < 0) {
    days += 30;
    months--;
  } else if (months < 0 && days > 0) {
    days -= 30;
    months++;
  }
  return makeInterval(months, days, span.micros);
}

/** justify_interval: all three fields with one sign. */
export function justifyInterval(span: Interval): Interval {
  let {months} = span;
  let days = span.days + Number(span.micros / DAY);
  let micros = span.micros % DAY;
  months += Math.trunc(days / 30);
  days %= 30;
  if (months > 0 && (days < 0 || (days === 0 && micros < 0n))) {
    days += 30;
    months--;
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0n))) {
    days -= 30;
    months++;
  }
  if (days > 0 && micros < 0n) {
    micros += DAY;
    days--;
  } else if (days < 0 && micros > 0n) {
    micros -= DAY;
    days++;
  }
  return makeInterval(months, days, micros);
}

/** An interval of checked fields; 22008 `interval out of range`. */
export function makeInterval(months: number, days: number, micros: bigint): Interval {
  const isOver =
    months > 2147483647 || months < -2147483648 || days > 2147483647 || days < -2147483648;
  if (isOver || BigInt.asIntN(64, micros) !== micros) throw datetimeOutOfRange('interval');
  return new Interval(months === 0 ? 0 : months, days === 0 ? 0 : days, micros);
}

/** Total microseconds with months of 30 days and days of 24 hours: the order of intervals. */
export function intervalSpan(span: Interval): bigint {
  return span.micros + BigInt(span.months * 30 + span.days) * DAY;
}

/** Btree order of intervals. */
export function intervalCompare(a: Interval, b: Interval): number {
  const left = intervalSpan(a);
  const right = intervalSpan(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** a + b. */
export function intervalAdd(a: Interval, b: Interval): Interval {
  return makeInterval(a.months + b.months, a.days + b.days, a.micros + b.micros);
}

/** -a. */
export function intervalNegate(a: Interval): Interval {
  return makeInterval(-a.months, -a.days, -a.micros);
}

/** a - b. */
export function intervalSubtract(a: Interval, b: Interval): Interval {
  return makeInterval(a.months - b.months, a.days - b.days, a.micros - b.micros);
}

/** interval * double precision: fractions of months cascade to days, of days to time. */
export function intervalMultiply(span: Interval, factor: number): Interval {
  const months = Math.trunc(span.months * factor);
  const days = Math.trunc(span.days * factor);
  const isOver = !(
    Math.abs(span.months * factor) < 2147483648 && Math.abs(span.days * factor) < 2147483648
  );
  if (isOver) throw datetimeOutOfRange('interval');
  return cascade(span, months, days, factor, value => value * factor);
}

/** interval / double precision. */
export function intervalDivide(span: Interval, factor: number): Interval {
  if (factor === 0) throw new PgError(SqlState.divisionByZero, 'division by zero');
  const months = Math.trunc(span.months / factor);
  const days = Math.trunc(span.days / factor);
  return cascade(span, months, days, factor, value => value / factor);
}

/** PostgreSQL's TSROUND: to whole microseconds of a second. */
function roundSeconds(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function cascade(
  span: Interval,
  months: number,
  wholeDays: number,
  _factor: number,
  scale: (value: number) => number,
): Interval {
  const monthRest = roundSeconds((scale(span.months) - months) * 30);
  let seconds = roundSeconds(
    (scale(span.days) - wholeDays + monthRest - Math.trunc(monthRest)) * 86400,
  );
  let days = wholeDays;
  if (Math.abs(seconds) >= 86400) {
    const carried = Math.trunc(seconds / 86400);
    days += carried;
    seconds -= carried * 86400;
  }
  days += Math.trunc(monthRest);
  const micros = scale(Number(span.micros)) + seconds * 1_000_000;
  if (!(Math.abs(micros) < 2 ** 63)) throw datetimeOutOfRange('interval');
  return makeInterval(months, days, BigInt(roundEven(micros)));
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
