import {Interval} from '../types/interval-value.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {roundHalfEven} from '../types/numeric-convert.ts';
import {divisionByZero} from './table.ts';

const DAYS_PER_MONTH = 30;
const SECS_PER_DAY = 86400;

/** 22008 of interval arithmetic. */
export function intervalOutOfRange(): PgError {
  return new PgError(SqlState.datetimeFieldOverflow, 'interval out of range');
}

/** An interval whose fields are checked. */
export function makeInterval(months: number, days: number, micros: bigint): Interval {
  if (months !== (months | 0) || days !== (days | 0) || BigInt.asIntN(64, micros) !== micros) throw intervalOutOfRange();
  return new Interval(months, days, micros);
}

/** Rounds to microseconds as PostgreSQL's TSROUND does. */
const roundSeconds = (seconds: number): number => roundHalfEven(seconds * 1e6) / 1e6;

/** interval * factor (interval_mul): fractions cascade to days and seconds. */
export function multiplyInterval(span: Interval, factor: number): Interval {
  return scaleInterval(span, value => value * factor, micros => Number(micros) * factor);
}

/** interval / divisor (interval_div). */
export function divideInterval(span: Interval, divisor: number): Interval {
  if (divisor === 0) throw divisionByZero();
  return scaleInterval(span, value => value / divisor, micros => Number(micros) / divisor);
}

function scaleInterval(span: Interval, scale: (value: number) => number, scaleMicros: (micros: bigint) => number): Interval {
  const exactMonths = scale(span.months);
  const exactDays = scale(span.days);
  const months = Math.trunc(exactMonths);
  let days = Math.trunc(exactDays);
  if (!(Math.abs(months) <= 2147483647) || !(Math.abs(days) <= 2147483647)) throw intervalOutOfRange();
  const monthRemainder = roundSeconds((exactMonths - months) * DAYS_PER_MONTH);
  let seconds = roundSeconds((exactDays - days + monthRemainder - Math.trunc(monthRemainder)) * SECS_PER_DAY);
  if (Math.abs(seconds) >= SECS_PER_DAY) {
    const whole = Math.trunc(seconds / SECS_PER_DAY);
    days += whole;
    seconds -= whole * SECS_PER_DAY;
  }
  days += Math.trunc(monthRemainder);
  const micros = roundHalfEven(scaleMicros(span.micros) + seconds * 1e6);
  if (!Number.isFinite(micros) || Math.abs(micros) >= 9.223372036854775e18) throw intervalOutOfRange();
  return makeInterval(months, days, BigInt(micros));
}
