// .datetime() of SQL/JSON paths (jsonpath_exec.c executeDateTimeMethod, compareDatetime).
import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  daysFromDate,
  daysInMonth,
  isLeapYear,
  timestampFromDay,
} from '../types/datetime-calendar.ts';
import {timeText} from '../types/datetime-format.ts';
import {utcFromLocal} from '../types/datetime-math.ts';
import type {Zone} from '../types/datetime-zone.ts';

/** Types of datetime items, as error texts name them. */
export type PathDateTimeKind = 'date' | 'time' | 'timetz' | 'timestamp' | 'timestamptz';

/** A datetime among the items of a path. */
export class PathDateTime {
  readonly kind: PathDateTimeKind;
  /** As it is printed. */
  readonly text: string;
  /** Local microseconds since 2000-01-01; of a time since midnight. */
  readonly local: bigint;
  /** Seconds east of UTC as given, 0 without. */
  readonly offset: number;

  constructor(kind: PathDateTimeKind, text: string, local: bigint, offset: number) {
    this.kind = kind;
    this.text = text;
    this.local = local;
    this.offset = offset;
  }
}

/** What .type() answers. */
export const datetimeTypeNames: Readonly<Record<PathDateTimeKind, string>> = {
  date: 'date',
  time: 'time without time zone',
  timetz: 'time with time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
};

interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  micros: number;
  isTwelveHour: boolean;
  isAfternoon: boolean;
  zoneSign: number;
  zoneHour: number;
  zoneMinute: number;
}

interface Field {
  readonly part: 'date' | 'time' | 'zone';
  /** Digits, where no separator follows. */
  readonly digits: number;
  set(fields: Fields, value: number, digits: number): void;
}

const fraction = (size: number): Field => ({
  part: 'time',
  digits: size,
  set: (fields, value, digits) => (fields.micros = Math.round(value * 10 ** (6 - digits))),
});
const hour: Field = {part: 'time', digits: 2, set: (fields, value) => (fields.hour = value)};
const twelve: Field = {
  part: 'time',
  digits: 2,
  set(fields, value) {
    fields.hour = value;
    fields.isTwelveHour = true;
  },
};

const FIELDS: Readonly<Record<string, Field>> = {
  YYYY: {part: 'date', digits: 4, set: (fields, value) => (fields.year = value)},
  MM: {part: 'date', digits: 2, set: (fields, value) => (fields.month = value)},
  DD: {part: 'date', digits: 2, set: (fields, value) => (fields.day = value)},
  HH24: hour,
  HH12: twelve,
  HH: twelve,
  MI: {part: 'time', digits: 2, set: (fields, value) => (fields.minute = value)},
  SS: {part: 'time', digits: 2, set: (fields, value) => (fields.second = value)},
  MS: fraction(3),
  US: fraction(6),
  FF1: fraction(1),
  FF2: fraction(2),
  FF3: fraction(3),
  FF4: fraction(4),
  FF5: fraction(5),
  FF6: fraction(6),
  TZH: {part: 'zone', digits: 2, set: (fields, value) => (fields.zoneHour = value)},
  TZM: {part: 'zone', digits: 2, set: (fields, value) => (fields.zoneMinute = value)},
};

/** A template as fields and separators, longest name first. */
const TOKEN = /YYYY|HH24|HH12|HH|MM|DD|MI|SS|MS|US|FF[1-6]|TZH|TZM|AM|PM|"[^"]*"|[-./,':; ]/gi;

const CLOCKS = ['HH24:MI:SS.USTZH:TZM', 'HH24:MI:SS.USTZH', 'HH24:MI:SSTZH:TZM', 'HH24:MI:SSTZH'];
const PLAIN_CLOCKS = ['HH24:MI:SS.US', 'HH24:MI:SS'];

/** What is tried without a template. */
const TEMPLATES: readonly string[] = [
  'YYYY-MM-DD',
  ...CLOCKS,
  ...PLAIN_CLOCKS,
  ...[...CLOCKS, ...PLAIN_CLOCKS].flatMap(clock => [
    `YYYY-MM-DD ${clock}`,
    `YYYY-MM-DD"T"${clock}`,
  ]),
];

const bad = (message: string): PgError => new PgError(SqlState.invalidDatetimeFormat, message);

/** The item of a text under a template; 22007 or 22008 when it has none. */
export function datetimeOf(text: string, template: string): PathDateTime {
  const tokens = tokensOf(template);
  const fields: Fields = {
    ...{year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0},
    ...{isTwelveHour: false, isAfternoon: false, zoneSign: 1, zoneHour: 0, zoneMinute: 0},
  };
  const parts = new Set<string>();
  let at = 0;
  tokens.forEach((token, index) => {
    const key = token.toUpperCase();
    const field = FIELDS[key];
    if (field !== undefined) {
      parts.add(field.part);
      at = readField(text, at, key, isField(tokens[index + 1]) ? field.digits : 0, fields);
    } else if (key === 'AM' || key === 'PM') {
      const word = text.slice(at, at + 2).toUpperCase();
      if (word !== 'AM' && word !== 'PM') throw bad(`invalid value "${word}" for "${token}"`);
      fields.isAfternoon = word === 'PM';
      at += 2;
    } else at = readLiteral(text, at, token.startsWith('"') ? token.slice(1, -1) : token);
  });
  if (at < text.length)
    throw bad('trailing characters remain in input string after datetime format');
  return made(text, fields, parts);
}

function isField(token: string | undefined): boolean {
  return token !== undefined && FIELDS[token.toUpperCase()] !== undefined;
}

function tokensOf(template: string): string[] {
  const tokens = template.match(TOKEN) ?? [];
  if (tokens.join('') !== template)
    throw featureNotSupported(`the datetime template "${template}" is not supported in a jsonpath`);
  return tokens;
}

function readLiteral(text: string, at: number, literal: string): number {
  if (at >= text.length) throw bad('input string is too short for datetime format');
  if (text.startsWith(literal, at)) return at + literal.length;
  throw bad(`unmatched format separator "${literal[0] ?? ''}"`);
}

/** Digits of a field: all that follow, or at most as many as it has where another field follows at once. */
function readField(text: string, from: number, key: string, limit: number, fields: Fields): number {
  let at = from;
  const {digits: own, set} = FIELDS[key]!;
  if (at >= text.length) throw bad('input string is too short for datetime format');
  if (key === 'TZH') {
    const sign = text[at];
    if (sign === '+' || sign === '-' || sign === ' ') at++;
    fields.zoneSign = sign === '-' ? -1 : 1;
  }
  const isFraction = key === 'US' || key === 'MS' || key.startsWith('FF');
  const isZone = key === 'TZH' || key === 'TZM';
  const most = limit > 0 || isFraction || isZone ? own : 20;
  const digits = /^\d*/.exec(text.slice(at, at + most))?.[0] ?? '';
  if (digits === '') throw bad(`invalid value "${text.slice(at, at + own)}" for "${key}"`);
  set(fields, Number(digits), digits.length);
  return at + digits.length;
}

function made(text: string, fields: Fields, parts: ReadonlySet<string>): PathDateTime {
  const {year, month, day, minute, second, micros, zoneSign, zoneHour, zoneMinute} = fields;
  let {hour} = fields;
  if (fields.isTwelveHour) {
    if (hour < 1 || hour > 12) throw bad(`hour "${hour}" is invalid for the 12-hour clock`);
    hour = (hour % 12) + (fields.isAfternoon ? 12 : 0);
  }
  const isDated = parts.has('date');
  const isTimed = parts.has('time');
  const isZoned = parts.has('zone');
  const days = month === 2 && isLeapYear(year) ? 29 : daysInMonth(year, month);
  const isWrongDate = isDated && (month < 1 || month > 12 || day < 1 || day > days);
  if (isWrongDate || hour > 23 || minute > 59 || second > 59 || zoneHour > 15 || zoneMinute > 59)
    throw new PgError(
      SqlState.datetimeFieldOverflow,
      `date/time field value out of range: "${text}"`,
    );
  if (!isDated && !isTimed) throw bad('datetime format is not dated and not timed');
  if (isZoned && !isTimed) throw bad('datetime format is zoned but not timed');
  const offset = isZoned ? zoneSign * (zoneHour * 3600 + zoneMinute * 60) : 0;
  const clock = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
  const local = isDated ? timestampFromDay(daysFromDate(year, month, day), clock) : BigInt(clock);
  const date = isDated ? dateText(year, month, day) : '';
  const time = isTimed ? timeText(clock) : '';
  const zone = isZoned ? zoneText(offset) : '';
  if (!isDated) return new PathDateTime(isZoned ? 'timetz' : 'time', time + zone, local, offset);
  if (!isTimed) return new PathDateTime('date', date, local, 0);
  return new PathDateTime(
    isZoned ? 'timestamptz' : 'timestamp',
    `${date}T${time}${zone}`,
    local,
    offset,
  );
}

function dateText(year: number, month: number, day: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

function zoneText(offset: number): string {
  const minutes = Math.abs(offset) / 60;
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** The item of a text in one of the forms of ISO 8601; null when it has none of them. */
export function recognisedDatetime(text: string): PathDateTime | null {
  for (const template of TEMPLATES) {
    try {
      return datetimeOf(text, template);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
    }
  }
  return null;
}

const isTime = (item: PathDateTime): boolean => item.kind === 'time' || item.kind === 'timetz';
const isZonedKind = (item: PathDateTime): boolean => item.kind.endsWith('tz');

/**
 * The order of two datetimes, null when they have none. What has no zone is local in `zone` beside what has one; null: the function
 * knows no zone (0A000).
 */
export function compareDatetimes(
  a: PathDateTime,
  b: PathDateTime,
  zone: Zone | null,
): number | null {
  if (isTime(a) !== isTime(b)) return null;
  if (isZonedKind(a) !== isZonedKind(b) && zone === null) {
    const [from, to] = isZonedKind(a) ? [b, a] : [a, b];
    throw featureNotSupported(
      `cannot convert value from ${from.kind} to ${to.kind} without time zone usage`,
      {hint: 'Use *_tz() function for time zone support.'},
    );
  }
  const isAbsolute = isZonedKind(a) || isZonedKind(b);
  const left = isAbsolute ? absolute(a, zone) : a.local;
  const right = isAbsolute ? absolute(b, zone) : b.local;
  if (left !== right) return left < right ? -1 : 1;
  // Times of one moment are ordered by their zones, west of UTC last.
  return a.kind === 'timetz' && b.kind === 'timetz' ? Math.sign(b.offset - a.offset) : 0;
}

function absolute(item: PathDateTime, zone: Zone | null): bigint {
  if (isZonedKind(item)) return item.local - BigInt(item.offset) * 1_000_000n;
  if (zone === null) return item.local;
  if (!isTime(item)) return utcFromLocal(item.local, zone);
  return item.local - BigInt(zone.offsetAt(0)) * 1_000_000n;
}
