import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {FormatSettings} from './contract.ts';
import {
  DATE_END,
  DATE_INFINITY,
  DATE_MIN,
  DATE_MINUS_INFINITY,
  daysFromDate,
  daysInMonth,
  dayOfTimestamp,
  isTimestampInRange,
  MICROS_PER_DAY,
  microsOfTimestamp,
  TIMESTAMP_INFINITY,
  TIMESTAMP_MINUS_INFINITY,
  timestampFromDay,
  UNIX_EPOCH_DAYS,
} from './datetime-calendar.ts';
import type {DecodedDate, GivenZone} from './datetime-decode.ts';
import {decodeDateTime} from './datetime-decode.ts';
import {datetimeError, withFaults} from './datetime-fields.ts';
import {localFromUtc, utcFromLocal} from './datetime-math.ts';
import {offsetOfLocal, zoneOf} from './datetime-zone.ts';

/** `date` from text. */
export function parseDate(text: string, settings: FormatSettings): number {
  const fast = isoDays(text);
  if (fast !== null && text.length === 10) return fast;
  const decoded = decode(text, 'date', settings, false);
  switch (decoded.special) {
    case 'infinity':
      return DATE_INFINITY;
    case '-infinity':
      return DATE_MINUS_INFINITY;
    case 'epoch':
      return -UNIX_EPOCH_DAYS;
    case null:
      break;
    default:
      return dayOfTimestamp(startOf(decoded, settings));
  }
  const days = daysFromDate(decoded.year, decoded.month, decoded.day);
  if (days < DATE_MIN || days >= DATE_END) throw outOfRange('date', text);
  return days;
}

function outOfRange(what: string, text: string): PgError {
  return new PgError(SqlState.datetimeFieldOverflow, `${what} out of range: "${text}"`);
}

function decode(
  text: string,
  type: string,
  settings: FormatSettings,
  timeOnly: boolean,
): DecodedDate {
  return withFaults(text, type, () => decodeDateTime(text, settings.dateOrder, timeOnly));
}

/** Local timestamp of now, today, tomorrow, yesterday (with a given time). */
function startOf(decoded: DecodedDate, settings: FormatSettings): bigint {
  const now = localFromUtc(settings.transactionTimestamp, zoneOf(settings.timeZone));
  if (decoded.special === 'now') return now;
  const shift = decoded.special === 'tomorrow' ? 1 : decoded.special === 'yesterday' ? -1 : 0;
  return timestampFromDay(dayOfTimestamp(now) + shift, decoded.micros);
}

/** `timestamp` from text, without typmod. */
export function parseTimestamp(text: string, settings: FormatSettings): bigint {
  const fast = isoTimestamp(text);
  if (fast !== null && fast.zone === null) return fast.local;
  const decoded = decode(text, 'timestamp', settings, false);
  return localOf(decoded, text, settings);
}

function localOf(decoded: DecodedDate, text: string, settings: FormatSettings): bigint {
  switch (decoded.special) {
    case 'infinity':
      return TIMESTAMP_INFINITY;
    case '-infinity':
      return TIMESTAMP_MINUS_INFINITY;
    case 'epoch':
      return timestampFromDay(-UNIX_EPOCH_DAYS, 0);
    case null:
      break;
    default:
      return startOf(decoded, settings);
  }
  const days = daysFromDate(decoded.year, decoded.month, decoded.day);
  const local = timestampFromDay(days, decoded.micros);
  if (!isTimestampInRange(local)) throw outOfRange('timestamp', text);
  return local;
}

/** `timestamptz` from text, without typmod. */
export function parseTimestampTz(text: string, settings: FormatSettings): bigint {
  const fast = isoTimestamp(text);
  if (fast !== null) {
    return fast.zone === null
      ? utcFromLocal(fast.local, zoneOf(settings.timeZone))
      : fast.local - BigInt(fast.zone * 1_000_000);
  }
  const decoded = decode(text, 'timestamp with time zone', settings, false);
  switch (decoded.special) {
    case 'infinity':
    case '-infinity':
    case 'epoch':
      return localOf(decoded, text, settings);
    case 'now':
      return settings.transactionTimestamp;
    default: {
      const local = localOf(decoded, text, settings);
      const utc = toUtc(local, decoded.zone, settings);
      if (!isTimestampInRange(utc)) throw outOfRange('timestamp', text);
      return utc;
    }
  }
}

function toUtc(local: bigint, zone: GivenZone, settings: FormatSettings): bigint {
  if (typeof zone === 'number') return local - BigInt(zone * 1_000_000);
  return utcFromLocal(local, zone ?? zoneOf(settings.timeZone));
}

/** `time` from text, without typmod: microseconds since midnight. */
export function parseTime(text: string, settings: FormatSettings): bigint {
  const decoded = decode(text, 'time', settings, true);
  if (decoded.special === null) {
    checkZoneless(decoded, text, 'time');
    return BigInt(decoded.micros);
  }
  return BigInt(nowMicros(decoded, text, 'time', settings));
}

function checkZoneless(decoded: DecodedDate, text: string, type: string): void {
  const isDynamic = decoded.zone !== null && typeof decoded.zone !== 'number';
  if (isDynamic && !decoded.hasDate) throw datetimeError('format', text, type);
}

function nowMicros(
  decoded: DecodedDate,
  text: string,
  type: string,
  settings: FormatSettings,
): number {
  if (decoded.special !== 'now') throw datetimeError('format', text, type);
  return microsOfTimestamp(startOf(decoded, settings));
}

/** `timetz` from text, without typmod: microseconds since midnight and seconds EAST of UTC. */
export function parseTimeTz(
  text: string,
  settings: FormatSettings,
): {readonly micros: number; readonly offset: number} {
  const type = 'time with time zone';
  const decoded = decode(text, type, settings, true);
  const zone = decoded.zone;
  if (decoded.special === null && typeof zone !== 'number') checkZoneless(decoded, text, type);
  const micros =
    decoded.special === null ? decoded.micros : nowMicros(decoded, text, type, settings);
  if (typeof zone === 'number') return {micros, offset: zone};
  const now = localFromUtc(settings.transactionTimestamp, zoneOf(settings.timeZone));
  const days =
    decoded.hasDate && decoded.special === null
      ? daysFromDate(decoded.year, decoded.month, decoded.day)
      : dayOfTimestamp(now);
  const local = days * 86400 + Math.floor(micros / 1_000_000);
  return {micros, offset: offsetOfLocal(zone ?? zoneOf(settings.timeZone), local)};
}

/** Days of a valid `YYYY-MM-DD` at the start of text; null for anything else. */
function isoDays(text: string): number | null {
  if (text.length < 10 || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return null;
  const century = twoDigits(text, 0);
  const yearOfCentury = twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (century < 0 || yearOfCentury < 0 || month < 1 || month > 12 || day < 1) return null;
  const year = century * 100 + yearOfCentury;
  if (year === 0 || day > daysInMonth(year, month)) return null;
  return daysFromDate(year, month, day);
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

/** `YYYY-MM-DD[( |T)HH:MM:SS[.ffffff][Z|+HH[:MM]]]`, the form that drivers send; null for anything else. */
function isoTimestamp(text: string): {readonly local: bigint; readonly zone: number | null} | null {
  const days = isoDays(text);
  if (days === null) return null;
  const size = text.length;
  if (size === 10) return {local: timestampFromDay(days, 0), zone: null};
  const separator = text.charCodeAt(10);
  if (size < 19 || (separator !== 32 && separator !== 84)) return null;
  if (text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return null;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return null;
  let at = 19;
  let micros = 0;
  if (text.charCodeAt(at) === 46) {
    let unit = 100_000;
    for (at++; at < size; at++) {
      const digit = text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) break;
      if (unit < 1) return null;
      micros += digit * unit;
      unit /= 10;
    }
  }
  const zone = at === size ? null : isoZone(text, at);
  if (zone !== null && zone !== zone) return null;
  const seconds = (hour * 60 + minute) * 60 + second;
  const local = days * MICROS_PER_DAY + seconds * 1_000_000 + micros;
  return {
    local: Number.isSafeInteger(local)
      ? BigInt(local)
      : timestampFromDay(days, seconds * 1_000_000 + micros),
    zone,
  };
}

/** Seconds east of `Z`, `+HH`, `+HH:MM` up to the end; NaN for anything else. */
function isoZone(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if (sign === 90) return at + 1 === text.length ? 0 : NaN;
  if (sign !== 43 && sign !== 45) return NaN;
  const hours = twoDigits(text, at + 1);
  let minutes = 0;
  if (text.length === at + 6 && text.charCodeAt(at + 3) === 58) minutes = twoDigits(text, at + 4);
  else if (text.length !== at + 3) return NaN;
  if (hours < 0 || hours > 15 || minutes < 0 || minutes > 59) return NaN;
  const size = hours * 3600 + minutes * 60;
  return sign === 45 && size !== 0 ? -size : size;
}
