import {dateFromDays, daysFromDate} from './datetime-calendar.ts';
import {zoneAbbreviations} from './datetime-abbreviations.ts';
import {posixZone} from './posix-zone.ts';

/** Seconds are since 2000-01-01 UTC; offsets are seconds EAST of UTC. */
export interface Zone {
  readonly name: string;
  offsetAt(utcSeconds: number): number;
  /** `EST`, `+03`: what DateStyle SQL and Postgres print. */
  abbreviationAt(utcSeconds: number): string;
}

/** A constant offset. */
class FixedZone implements Zone {
  readonly name: string;
  readonly #offset: number;
  readonly #abbreviation: string;

  constructor(name: string, offset: number, abbreviation: string) {
    this.name = name;
    this.#offset = offset;
    this.#abbreviation = abbreviation;
  }

  offsetAt(): number {
    return this.#offset;
  }

  abbreviationAt(): string {
    return this.#abbreviation;
  }
}

interface YearOffsets {
  /** Starts (UTC seconds) of the periods of this year, and their offsets. */
  readonly starts: readonly number[];
  readonly offsets: readonly number[];
}

const SAMPLE_DAYS = 10;
const FIRST_YEAR = 1800;
const LAST_YEAR = 2400;
const MAX_YEARS = 700;
/** 1800-01-01, and a time after which no zone keeps local mean time. */
const EARLY = -73049 * 86400;
const LMT_END = -20000 * 86400;

/** An IANA zone, read through Intl, with the transitions of each used year kept. */
class IanaZone implements Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #years = new Map<number, YearOffsets>();
  #lastYear = NaN;
  #last: YearOffsets = {starts: [], offsets: []};
  #lastStart = Infinity;
  #lastEnd = -Infinity;

  constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name;
    this.#format = format;
  }

  offsetAt(utcSeconds: number): number {
    const known = this.#yearAt(utcSeconds);
    const at =
      utcSeconds >= this.#lastStart && utcSeconds < this.#lastEnd
        ? utcSeconds
        : this.#shift(utcSeconds);
    let index = known.starts.length - 1;
    while (index > 0 && known.starts[index]! > at) index--;
    return known.offsets[index]!;
  }

  abbreviationAt(utcSeconds: number): string {
    const offset = this.offsetAt(utcSeconds);
    if (offset % 60 !== 0 || (utcSeconds < 0 && offset === this.offsetAt(EARLY))) {
      if (utcSeconds < LMT_END) return 'LMT';
    }
    const {year} = dateFromDays(Math.floor(utcSeconds / 86400));
    const winter = this.offsetAt(daysFromDate(year, 1, 1) * 86400);
    const summer = this.offsetAt(daysFromDate(year, 7, 1) * 86400);
    const isSummer = winter !== summer && offset === Math.max(winter, summer);
    return abbreviationOf(this.name, offset, isSummer);
  }

  /** Years beyond Intl's sure range are mapped into it: LMT before, the 400-year cycle after. */
  #shift(utcSeconds: number): number {
    const {year} = dateFromDays(Math.floor(utcSeconds / 86400));
    if (year < FIRST_YEAR) return daysFromDate(FIRST_YEAR, 1, 1) * 86400;
    if (year < LAST_YEAR) return utcSeconds;
    const cycles = Math.floor((year - 2000) / 400);
    return utcSeconds - cycles * 146097 * 86400;
  }

  #yearAt(utcSeconds: number): YearOffsets {
    if (utcSeconds >= this.#lastStart && utcSeconds < this.#lastEnd) return this.#last;
    const at = this.#shift(utcSeconds);
    const {year} = dateFromDays(Math.floor(at / 86400));
    if (year !== this.#lastYear) {
      let known = this.#years.get(year);
      if (known === undefined) {
        if (this.#years.size >= MAX_YEARS) this.#years.clear();
        known = this.#readYear(year);
        this.#years.set(year, known);
      }
      this.#last = known;
      this.#lastYear = year;
    }
    const isDirect = at === utcSeconds;
    this.#lastStart = isDirect ? daysFromDate(year, 1, 1) * 86400 : Infinity;
    this.#lastEnd = isDirect ? daysFromDate(year + 1, 1, 1) * 86400 : -Infinity;
    return this.#last;
  }

  #readYear(year: number): YearOffsets {
    const first = daysFromDate(year, 1, 1) * 86400;
    const last = daysFromDate(year + 1, 1, 1) * 86400;
    const starts = [first];
    const offsets = [this.#ask(first)];
    for (let from = first; from < last; from += SAMPLE_DAYS * 86400) {
      const to = Math.min(from + SAMPLE_DAYS * 86400, last);
      const before = offsets[offsets.length - 1]!;
      const after = this.#ask(to);
      if (before === after) continue;
      starts.push(this.#findChange(from, to, before));
      offsets.push(after);
    }
    return {starts, offsets};
  }

  #findChange(from: number, to: number, before: number): number {
    let low = from;
    let high = to;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#ask(middle) === before) low = middle;
      else high = middle;
    }
    return high;
  }

  #ask(utcSeconds: number): number {
    const text = this.#format.format((utcSeconds + 946684800) * 1000);
    const [month, day, year, hour, minute, second] = text.match(/\d+/g)!.map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const local = daysFromDate(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return local - utcSeconds;
  }
}

/** Zones by lower-case name; a pure cache, bounded by the number of IANA names and a limit for POSIX ones. */
class ZoneCache {
  readonly #zones = new Map<string, Zone | null>();
  #lastName = '';
  #last: Zone | null = null;

  find(name: string): Zone | null {
    if (name === this.#lastName) return this.#last;
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      if (this.#zones.size > 2000) this.#zones.clear();
      zone = openZone(name);
      this.#zones.set(name, zone);
    }
    this.#lastName = name;
    this.#last = zone;
    return zone;
  }
}

const cache = new ZoneCache();

/** The zone of an IANA name (any case) or a POSIX string such as `<+05:30>-05:30` or `EST5EDT,M3.2.0,M11.1.0`; null if unknown. */
export function findZone(name: string): Zone | null {
  return cache.find(name);
}

/** The zone of a session's setting; an unknown one counts as UTC. */
export function zoneOf(name: string): Zone {
  return cache.find(name) ?? utc;
}

const utc: Zone = new FixedZone('UTC', 0, 'UTC');
const utcNames = /^(?:etc\/)?(utc|uct|zulu|universal|gmt|gmt0|greenwich)$/i;

function openZone(name: string): Zone | null {
  const universal = utcNames.exec(name);
  if (universal !== null) {
    const abbreviation = /^g/i.test(universal[1]!) ? 'GMT' : 'UTC';
    return new FixedZone(name, 0, abbreviation);
  }
  if (/^[A-Za-z]/.test(name)) {
    const iana = openIana(name);
    if (iana !== null) return iana;
  }
  return posixZone(name);
}

function openIana(name: string): Zone | null {
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      calendar: 'gregory',
      numberingSystem: 'latn',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    return new IanaZone(canonicalCase(name), format);
  } catch {
    return null;
  }
}

function canonicalCase(name: string): string {
  const lower = name.toLowerCase();
  return Intl.supportedValuesOf('timeZone').find(known => known.toLowerCase() === lower) ?? name;
}

/** What SET TIME ZONE stores for a name or a number of hours east; null when PostgreSQL would refuse it (22023). */
export function zoneSettingName(text: string): string | null {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) return zoneOfHours(Number(text));
  return findZone(text)?.name ?? null;
}

/** `<-05>+05`: the POSIX name of a constant offset in hours east of UTC. */
export function zoneOfHours(hours: number): string | null {
  const seconds = Math.trunc(hours * 3600);
  if (Math.abs(seconds) > 167 * 3600) return null;
  const east = offsetText(seconds);
  const west = offsetText(seconds === 0 ? 0 : -seconds);
  return `<${east}>${seconds === 0 ? '-00' : west}`;
}

/** Offset (seconds east) of a local time given as seconds since 2000-01-01: in a gap the one before, in an overlap the one after. */
export function offsetOfLocal(zone: Zone, localSeconds: number): number {
  const before = zone.offsetAt(localSeconds - 86400);
  const after = zone.offsetAt(localSeconds + 86400);
  if (before === after) {
    const direct = zone.offsetAt(localSeconds - before);
    if (direct === before) return before;
  }
  const isAfter = zone.offsetAt(localSeconds - after) === after;
  const isBefore = zone.offsetAt(localSeconds - before) === before;
  if (isAfter) return after;
  if (isBefore) return before;
  return before;
}

/** Alphabetic abbreviation of a zone's offset where one is known, else `+03`. */
function abbreviationOf(name: string, offset: number, isSummer: boolean): string {
  for (const [pattern, standard, summer] of zoneAbbreviations) {
    if (pattern.test(name)) {
      const found = isSummer ? summer[offset] : standard[offset];
      if (found !== undefined) return found;
    }
  }
  return offsetText(offset);
}

/** `+05:30`, `-03`, `-03:30:52`. */
export function offsetText(offset: number): string {
  const size = Math.abs(offset);
  const hours = Math.floor(size / 3600);
  const minutes = Math.floor(size / 60) % 60;
  const seconds = size % 60;
  let text = (offset < 0 ? '-' : '+') + two(hours);
  if (minutes !== 0 || seconds !== 0) text += `:${two(minutes)}`;
  if (seconds !== 0) text += `:${two(seconds)}`;
  return text;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
