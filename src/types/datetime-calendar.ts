// Hot path: days, microseconds and calendar fields. Epoch 2000-01-01; proleptic Gregorian; year 0 is 1 BC.

export const MICROS_PER_SECOND = 1_000_000;
export const MICROS_PER_DAY = 86_400_000_000;
export const MICROS_PER_DAY_BIG = 86_400_000_000n;
/** infinity and -infinity of timestamp and timestamptz. */
export const TIMESTAMP_INFINITY = 2n ** 63n - 1n;
export const TIMESTAMP_MINUS_INFINITY = -(2n ** 63n);
/** First timestamp, and the first beyond the last. */
export const TIMESTAMP_MIN = -211_813_488_000_000_000n;
export const TIMESTAMP_END = 9_223_371_331_200_000_000n;
/** infinity and -infinity of date, first date, and the first beyond the last. */
export const DATE_INFINITY = 2147483647;
export const DATE_MINUS_INFINITY = -2147483648;
export const DATE_MIN = -2451545;
export const DATE_END = 2147483494 - 2451545;
/** Julian day of 2000-01-01, and days from 1970-01-01 to it. */
export const EPOCH_JULIAN = 2451545;
export const UNIX_EPOCH_DAYS = 10957;
export const UNIX_EPOCH_MICROS = 946_684_800_000_000n;

/** Calendar fields of a moment; `micros` is the microsecond within the day. */
export interface DateTimeFields {
  year: number;
  month: number;
  day: number;
  micros: number;
}

/** Days since 2000-01-01 of a calendar date (month and day may be out of range by carry). */
export function daysFromDate(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const m = month > 2 ? month - 3 : month + 9;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * m + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 730425;
}

/** Calendar date of days since 2000-01-01; micros is 0. */
export function dateFromDays(days: number): DateTimeFields {
  const z = days + 730425;
  const era = Math.floor(z / 146097);
  const dayOfEra = z - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36524) -
      Math.floor(dayOfEra / 146096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const m = Math.floor((5 * dayOfYear + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return {year, month, day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1, micros: 0};
}

/** Whether a year (0 = 1 BC) is a leap year. */
export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Days of a month 1..12. */
export function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : monthLengths[month - 1]!;
}

/** Day number of a finite timestamp, toward minus infinity. */
export function dayOfTimestamp(timestamp: bigint): number {
  const value = Number(timestamp);
  if (Number.isSafeInteger(value)) return Math.floor(value / MICROS_PER_DAY);
  const days = timestamp / MICROS_PER_DAY_BIG;
  return Number(timestamp < days * MICROS_PER_DAY_BIG ? days - 1n : days);
}

/** Microsecond within the day of a finite timestamp. */
export function microsOfTimestamp(timestamp: bigint): number {
  const value = Number(timestamp);
  if (Number.isSafeInteger(value)) {
    return value - Math.floor(value / MICROS_PER_DAY) * MICROS_PER_DAY;
  }
  const rest = Number(timestamp % MICROS_PER_DAY_BIG);
  return rest < 0 ? rest + MICROS_PER_DAY : rest;
}

/** Calendar fields of a finite timestamp. */
export function timestampToFields(timestamp: bigint): DateTimeFields {
  const fields = dateFromDays(dayOfTimestamp(timestamp));
  fields.micros = microsOfTimestamp(timestamp);
  return fields;
}

/** Timestamp of a day number and a microsecond within the day (which may carry). */
export function timestampFromDay(days: number, micros: number): bigint {
  const value = days * MICROS_PER_DAY + micros;
  return Number.isSafeInteger(value)
    ? BigInt(value)
    : BigInt(days) * MICROS_PER_DAY_BIG + BigInt(micros);
}

/** Timestamp of calendar fields. */
export function timestampFromFields(fields: DateTimeFields): bigint {
  return timestampFromDay(daysFromDate(fields.year, fields.month, fields.day), fields.micros);
}

/** Whether a timestamp is neither infinite nor out of range. */
export function isTimestampInRange(timestamp: bigint): boolean {
  return timestamp >= TIMESTAMP_MIN && timestamp < TIMESTAMP_END;
}

/** Whether a timestamp is infinity or -infinity. */
export function isInfiniteTimestamp(timestamp: bigint): boolean {
  return timestamp === TIMESTAMP_INFINITY || timestamp === TIMESTAMP_MINUS_INFINITY;
}

/** Day of the week, 0 = Sunday. */
export function dayOfWeek(days: number): number {
  const day = (days + 6) % 7;
  return day < 0 ? day + 7 : day;
}

/** Day of the year, from 1. */
export function dayOfYear(days: number, year: number): number {
  return days - daysFromDate(year, 1, 1) + 1;
}

/** ISO 8601 week number and its year. */
export function isoWeek(days: number): {readonly year: number; readonly week: number} {
  const thursday = days - ((dayOfWeek(days) + 6) % 7) + 3;
  const {year} = dateFromDays(thursday);
  return {year, week: Math.floor((thursday - daysFromDate(year, 1, 1)) / 7) + 1};
}
