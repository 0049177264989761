import {
  dateFromDays,
  dayOfWeek,
  daysFromDate,
  daysInMonth,
  isLeapYear,
} from './datetime-calendar.ts';

/** A day of the year, and the second of it, at which summer time begins or ends. */
interface Change {
  readonly kind: 'julian' | 'day' | 'month';
  readonly day: number;
  readonly week: number;
  readonly month: number;
  readonly seconds: number;
}

interface Summer {
  readonly abbreviation: string;
  readonly offset: number;
  readonly start: Change;
  readonly end: Change;
}

/** A time zone by its rules: `EST5EDT,M3.2.0,M11.1.0`. Offsets are seconds east of UTC. */
export class PosixZone {
  readonly name: string;
  readonly #offset: number;
  readonly #abbreviation: string;
  readonly #summer: Summer | null;

  constructor(name: string, abbreviation: string, offset: number, summer: Summer | null) {
    this.name = name;
    this.#abbreviation = abbreviation;
    this.#offset = offset;
    this.#summer = summer;
  }

  offsetAt(utcSeconds: number): number {
    return this.#isSummer(utcSeconds) ? this.#summer!.offset : this.#offset;
  }

  abbreviationAt(utcSeconds: number): string {
    return this.#isSummer(utcSeconds) ? this.#summer!.abbreviation : this.#abbreviation;
  }

  #isSummer(utcSeconds: number): boolean {
    if (this.#summer === null) return false;
    const {start, end, offset} = this.#summer;
    const {year} = dateFromDays(Math.floor((utcSeconds + this.#offset) / 86400));
    const from = changeIn(year, start) - this.#offset;
    const to = changeIn(year, end) - offset;
    return from < to
      ? utcSeconds >= from && utcSeconds < to
      : utcSeconds >= from || utcSeconds < to;
  }
}

/** Local seconds since 2000-01-01 of a change in a year (transtime of the time zone library). */
function changeIn(year: number, {kind, day, week, month, seconds}: Change): number {
  const first = daysFromDate(year, 1, 1);
  if (kind === 'day') return (first + day) * 86400 + seconds;
  if (kind === 'julian')
    return (first + day - 1 + (day >= 60 && isLeapYear(year) ? 1 : 0)) * 86400 + seconds;
  const start = daysFromDate(year, month, 1);
  const after = start + daysInMonth(year, month);
  let found = start + ((day - dayOfWeek(start) + 7) % 7);
  for (let i = 1; i < week && found + 7 < after; i++) found += 7;
  return found * 86400 + seconds;
}

/** What counts without rules. */
const DEFAULT_RULES = 'M3.2.0,M11.1.0';
const abbreviation = String.raw`<[^<>]+>|[^-+,:;\d<>]+`;
const time = String.raw`[+-]?\d{1,3}(?::\d{1,2}){0,2}`;
const form = new RegExp(
  `^(${abbreviation}|(?=[+-]))(${time})(?:(${abbreviation})(${time})?(?:[,;](.+))?)?$`,
);
const changeForm = new RegExp(
  String.raw`^(?:J(\d{1,3})|M(\d{1,2})\.(\d)\.(\d)|(\d{1,3}))(?:/(${time}))?$`,
);
const HOUR = 3600;

/** The zone that a POSIX string describes; null when it is none. */
export function posixZone(name: string): PosixZone | null {
  const parts = form.exec(name.toUpperCase());
  if (parts === null) return null;
  const west = secondsOf(parts[2]!);
  if (west === null) return null;
  const offset = 0 - west;
  const standard = plain(parts[1]!);
  if (parts[3] === undefined) return new PosixZone(name, standard, offset, null);
  const summerWest = parts[4] === undefined ? west - HOUR : secondsOf(parts[4]);
  const rules = (parts[5] ?? DEFAULT_RULES).split(',').map(changeOf);
  const [start, end] = rules;
  if (summerWest === null || rules.length !== 2 || start == null || end == null) return null;
  const summer = {abbreviation: plain(parts[3]), offset: 0 - summerWest, start, end};
  return new PosixZone(name, standard, offset, summer);
}

function plain(name: string): string {
  return name.startsWith('<') ? name.slice(1, -1) : name;
}

function secondsOf(text: string): number | null {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[+-]/, '').split(':').map(Number);
  if (hours > 167 || minutes > 59 || seconds > 60) return null;
  const size = hours * HOUR + minutes * 60 + seconds;
  return text.startsWith('-') ? 0 - size : size;
}

function changeOf(text: string): Change | null {
  const parts = changeForm.exec(text);
  if (parts === null) return null;
  const seconds = parts[6] === undefined ? 2 * HOUR : secondsOf(parts[6]);
  if (seconds === null) return null;
  const [julian, month, week, weekday, day] = parts.slice(1, 6).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const change = {day: 0, week: 0, month: 0, seconds};
  if (parts[1] !== undefined)
    return julian >= 1 && julian <= 365 ? {...change, kind: 'julian', day: julian} : null;
  if (parts[5] !== undefined) return day <= 365 ? {...change, kind: 'day', day} : null;
  const isValid = month >= 1 && month <= 12 && week >= 1 && week <= 5 && weekday <= 6;
  return isValid ? {kind: 'month', day: weekday, week, month, seconds} : null;
}
