import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  dayOfTimestamp,
  dayOfWeek,
  daysFromDate,
  isInfiniteTimestamp,
  isTimestampInRange,
  microsOfTimestamp,
  dateFromDays,
  timestampFromDay,
} from '../types/datetime-calendar.ts';
import {localFromUtc, makeInterval, utcFromLocal} from '../types/datetime-math.ts';
import type {Zone} from '../types/datetime-zone.ts';
import type {Interval} from '../types/interval-value.ts';
import {badUnit, findUnit} from './time-units.ts';

const sizes: Readonly<Record<string, number>> = {
  microseconds: 1,
  milliseconds: 1000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
};

/** date_trunc of a local timestamp. */
export function truncateTimestamp(
  name: string,
  local: bigint,
  type = 'timestamp without time zone',
): bigint {
  if (isInfiniteTimestamp(local)) return local;
  const unit = findUnit(name);
  if (unit === undefined) throw badUnit(name, type, true);
  const days = dayOfTimestamp(local);
  const size = sizes[unit];
  if (size !== undefined) {
    const micros = microsOfTimestamp(local);
    return timestampFromDay(days, micros - (micros % size));
  }
  const start = truncateDay(unit, days);
  if (start === null) throw badUnit(name, type, true);
  return timestampFromDay(start, 0);
}

function truncateDay(unit: string, days: number): number | null {
  const {year, month} = dateFromDays(days);
  switch (unit) {
    case 'day':
      return days;
    case 'week':
      return days - ((dayOfWeek(days) + 6) % 7);
    case 'month':
      return daysFromDate(year, month, 1);
    case 'quarter':
      return daysFromDate(year, month - ((month - 1) % 3), 1);
    case 'year':
      return daysFromDate(year, 1, 1);
    case 'decade':
      return daysFromDate(
        year > 0 ? Math.trunc(year / 10) * 10 : -Math.trunc((8 - (year - 1)) / 10) * 10,
        1,
        1,
      );
    case 'century':
      return daysFromDate(
        year > 0
          ? Math.trunc((year + 99) / 100) * 100 - 99
          : -Math.trunc((99 - (year - 1)) / 100) * 100 + 1,
        1,
        1,
      );
    case 'millennium':
      return daysFromDate(
        year > 0
          ? Math.trunc((year + 999) / 1000) * 1000 - 999
          : -Math.trunc((999 - (year - 1)) / 1000) * 1000 + 1,
        1,
        1,
      );
    default:
      return null;
  }
}

/** date_trunc of a timestamptz in a zone. */
export function truncateTimestampTz(name: string, utc: bigint, zone: Zone): bigint {
  if (isInfiniteTimestamp(utc)) return utc;
  const unit = findUnit(name);
  if (unit === undefined) throw badUnit(name, 'timestamp with time zone', true);
  const local = localFromUtc(utc, zone);
  const cut = truncateTimestamp(name, local, 'timestamp with time zone');
  if (sizes[unit] !== undefined) return utc - (local - cut);
  return utcFromLocal(cut, zone);
}

/** date_trunc of an interval. */
export function truncateInterval(name: string, span: Interval): Interval {
  const unit = findUnit(name);
  if (unit === undefined) throw badUnit(name, 'interval', true);
  const size = sizes[unit];
  if (size !== undefined)
    return makeInterval(span.months, span.days, span.micros - (span.micros % BigInt(size)));
  const months: Readonly<Record<string, number>> = {
    month: 1,
    quarter: 3,
    year: 12,
    decade: 120,
    century: 1200,
    millennium: 12000,
  };
  if (unit === 'day') return makeInterval(span.months, span.days, 0n);
  const group = months[unit];
  if (group === undefined) {
    const error = badUnit(name, 'interval', true);
    throw unit === 'week' ? error.with({detail: 'Months usually have fractional weeks.'}) : error;
  }
  return makeInterval(span.months - (span.months % group), 0, 0n);
}

/** date_bin: the start of the stride-long bin that holds the timestamp. */
export function binTimestamp(stride: Interval, timestamp: bigint, origin: bigint): bigint {
  if (isInfiniteTimestamp(timestamp)) return timestamp;
  if (isInfiniteTimestamp(origin))
    throw new PgError(SqlState.datetimeFieldOverflow, 'origin out of range');
  if (stride.months !== 0) {
    throw new PgError(
      SqlState.featureNotSupported,
      'timestamps cannot be binned into intervals containing months or years',
    );
  }
  const size = BigInt(stride.days) * 86_400_000_000n + stride.micros;
  const outOfRange = (what: string): PgError =>
    new PgError(SqlState.datetimeFieldOverflow, `${what} out of range`);
  if (BigInt.asIntN(64, size) !== size) throw outOfRange('interval');
  if (size <= 0n)
    throw new PgError(SqlState.datetimeFieldOverflow, 'stride must be greater than zero');
  const distance = timestamp - origin;
  if (BigInt.asIntN(64, distance) !== distance) throw outOfRange('interval');
  const rest = distance % size;
  const start = origin + distance - rest;
  if (rest >= 0n) return start;
  if (!isTimestampInRange(start - size)) throw outOfRange('timestamp');
  return start - size;
}
