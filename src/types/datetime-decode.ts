import type {ZoneAbbreviation} from './datetime-abbreviations.ts';
import {abbreviations} from './datetime-abbreviations.ts';
import {
  dateFromDays,
  daysFromDate,
  daysInMonth,
  EPOCH_JULIAN,
  MICROS_PER_DAY,
} from './datetime-calendar.ts';
import type {DateField} from './datetime-fields.ts';
import {DateFaultSignal, splitDateFields} from './datetime-fields.ts';
import {decodeOffset, fractionMicros, namedZone} from './datetime-offset.ts';
import type {DateWord, SpecialDate} from './datetime-words.ts';
import {dateWords} from './datetime-words.ts';
import type {Zone} from './datetime-zone.ts';
import {findZone} from './datetime-zone.ts';

/** A zone given in date input: seconds EAST of UTC, or a named zone whose offset depends on the moment. */
export type GivenZone = number | Zone | null;

/** What date input says. `special` excludes the other fields except time and zone after today and its kin. */
export interface DecodedDate {
  special: SpecialDate | null;
  hasDate: boolean;
  hasTime: boolean;
  /** Astronomical year: 0 is 1 BC. */
  year: number;
  month: number;
  day: number;
  /** Microseconds since midnight; may be a whole day (24:00). */
  micros: number;
  zone: GivenZone;
}

const YEAR = 1;
const MONTH = 2;
const DAY = 4;
const DATE = 7;
const TIME = 8;
const ZONE = 16;

/** Reads date and time input; `timeOnly` is the grammar of time and timetz. */
export function decodeDateTime(
  text: string,
  order: 'MDY' | 'DMY' | 'YMD',
  timeOnly: boolean,
): DecodedDate {
  return new Decoder(order, timeOnly).run(splitDateFields(text));
}

type Pending = 'julian' | 'isotime' | 'y' | 'm' | 'd' | 'h' | 'mm' | 's' | null;

class Decoder {
  readonly #order: 'MDY' | 'DMY' | 'YMD';
  readonly #timeOnly: boolean;
  #mask = 0;
  #year = 0;
  #month = 0;
  #day = 0;
  #dayOfYear = 0;
  #hour = 0;
  #minute = 0;
  #seconds = 0;
  #micros = 0;
  #isTwoDigit = false;
  #isBc = false;
  #isPm: boolean | null = null;
  #isJulian = false;
  #hasTextMonth = false;
  #pending: Pending = null;
  #special: SpecialDate | null = null;
  #zone: GivenZone = null;
  #dst = false;

  constructor(order: 'MDY' | 'DMY' | 'YMD', timeOnly: boolean) {
    this.#order = order;
    this.#timeOnly = timeOnly;
  }

  run(fields: readonly DateField[]): DecodedDate {
    if (fields.length === 0) throw new DateFaultSignal('format');
    fields.forEach((field, index) => {
      const mask = this.#decode(field, fields[index + 1]);
      if ((this.#mask & mask) !== 0) throw new DateFaultSignal('format');
      this.#mask |= mask;
    });
    if (this.#pending !== null) throw new DateFaultSignal('format');
    return this.#finish();
  }

  #decode(field: DateField, next: DateField | undefined): number {
    switch (field.kind) {
      case 'date':
        return this.#date(field.text);
      case 'time':
        if (this.#pending !== null && this.#pending !== 'isotime')
          throw new DateFaultSignal('format');
        this.#pending = null;
        return this.#time(field.text);
      case 'tz':
        this.#zone = decodeOffset(field.text);
        return ZONE;
      case 'number':
        return this.#number(field.text, next);
      default:
        return this.#word(field.text, next);
    }
  }

  #date(text: string): number {
    if (this.#pending === 'julian') {
      this.#pending = null;
      this.#setJulian(Number.parseInt(text, 10));
      const rest = /^\d+([+-].*)$/.exec(text);
      if (rest === null) return DATE;
      this.#zone = decodeOffset(rest[1]!);
      return DATE | ZONE;
    }
    // With month and day given it is a zone: `mmm dd hh:mm:ss zone year` is an old form.
    const hasDay = (this.#mask & (MONTH | DAY)) === (MONTH | DAY);
    if (hasDay || this.#pending !== null || this.#timeOnly) {
      return this.#timeWithZone(text);
    }
    return this.#splitDate(text);
  }

  /** `hhmmss-zz`, `America/New_York` after a date, or a date within time-only input. */
  #timeWithZone(text: string): number {
    if (/^\d/.test(text) || this.#pending !== null) {
      if (this.#pending !== null && this.#pending !== 'isotime')
        throw new DateFaultSignal('format');
      const cut = /^([\d.]+)([-+].+)$/.exec(text);
      if (
        cut === null ||
        (this.#timeOnly && /^\d+-\d+-\d+$/.test(text) && this.#pending === null)
      ) {
        if (this.#timeOnly && (this.#mask & DATE) === 0) return this.#splitDate(text);
        throw new DateFaultSignal('format');
      }
      this.#pending = null;
      this.#zone = decodeOffset(cut[2]!);
      return this.#concatenated(cut[1]!) | ZONE;
    }
    if (this.#timeOnly && findZone(text) === null && (this.#mask & DATE) === 0) {
      return this.#splitDate(text);
    }
    this.#zone = namedZone(text);
    return ZONE;
  }

  /** A date with separators: text month first, then the numbers in order. */
  #splitDate(text: string): number {
    const parts = text.match(/\d+|[a-z\u0080-\uffff]+/g) ?? [];
    if (parts.length === 0 || parts.length > 3) throw new DateFaultSignal('format');
    let mask = 0;
    const rest: string[] = [];
    for (const part of parts) {
      const word = /^\d/.test(part) ? undefined : dateWords.get(part.slice(0, 10));
      if (/^\d/.test(part)) rest.push(part);
      else if (word?.kind === 'month') {
        if ((mask & MONTH) !== 0) throw new DateFaultSignal('format');
        this.#month = word.value;
        this.#hasTextMonth = true;
        mask |= MONTH;
      } else if (word?.kind !== 'ignore') throw new DateFaultSignal('format');
    }
    for (const part of rest) {
      const got = this.#dateNumber(part, this.#mask | mask);
      if ((mask & got) !== 0) throw new DateFaultSignal('format');
      mask |= got;
    }
    if (((this.#mask | mask) & DATE) !== DATE) throw new DateFaultSignal('format');
    return mask;
  }

  #number(text: string, next: DateField | undefined): number {
    const pending = this.#pending;
    if (pending !== null) {
      this.#pending = null;
      return this.#pendingNumber(pending, text);
    }
    const point = text.indexOf('.');
    const hasDate = (this.#mask & DATE) === DATE;
    if (
      this.#timeOnly &&
      !hasDate &&
      (point !== -1 || text.length >= 4 || next?.kind !== 'string')
    ) {
      if (point === -1 && text.length < 4 && (this.#mask & DATE) !== 0) {
        return this.#dateNumber(text, this.#mask);
      }
      return this.#concatenated(text);
    }
    if (point !== -1 && (this.#mask & DATE) === 0) return this.#splitDate(text);
    if (point > 2) return this.#concatenated(text);
    if (point === -1 && text.length >= 6 && (!hasDate || (this.#mask & TIME) === 0)) {
      return this.#concatenated(text);
    }
    if (hasDate) return this.#concatenated(text);
    if (point !== -1) throw new DateFaultSignal('format');
    return this.#dateNumber(text, this.#mask);
  }

  #pendingNumber(pending: Exclude<Pending, null>, text: string): number {
    const value = Number.parseInt(text, 10);
    switch (pending) {
      case 'julian':
        this.#setJulian(value);
        if (!text.includes('.')) return DATE;
        this.#setMicros(Math.round(Number(`0${text.slice(text.indexOf('.'))}`) * MICROS_PER_DAY));
        return DATE | TIME;
      case 'isotime':
        return this.#concatenated(text) | 0;
      case 'y':
        this.#year = value;
        this.#isTwoDigit = text.length <= 2;
        return YEAR;
      case 'm':
        this.#month = value;
        return MONTH;
      case 'd':
        this.#day = value;
        return DAY;
      default:
        throw new DateFaultSignal('format');
    }
  }

  #setJulian(julian: number): void {
    if (!(julian >= 0 && julian < 2 ** 31)) throw new DateFaultSignal('overflow');
    const fields = dateFromDays(julian - EPOCH_JULIAN);
    this.#year = fields.year;
    this.#month = fields.month;
    this.#day = fields.day;
    this.#isJulian = true;
  }

  /** One number of a date, by what is known so far and DateOrder (DecodeNumber). */
  #dateNumber(text: string, mask: number): number {
    const value = Number(text);
    const isLong = text.length >= 3;
    const known = mask & DATE;
    if (text.length === 3 && known === YEAR && value >= 1 && value <= 366) {
      this.#dayOfYear = value;
      return MONTH | DAY;
    }
    switch (known) {
      case 0:
        if (isLong || this.#order === 'YMD') return this.#setYear(value, text);
        return this.#order === 'DMY' ? this.#setDay(value) : this.#setMonth(value);
      case YEAR:
      case DAY:
        return this.#setMonth(value);
      case MONTH:
        if (this.#hasTextMonth && (isLong || this.#order === 'YMD'))
          return this.#setYear(value, text);
        return this.#setDay(value);
      case YEAR | MONTH:
        if (this.#hasTextMonth && isLong && this.#isTwoDigit) {
          this.#day = this.#year;
          this.#setYear(value, text);
          return DAY;
        }
        return this.#setDay(value);
      case MONTH | DAY:
        return this.#setYear(value, text);
      default:
        return this.#concatenated(text);
    }
  }

  #setYear(value: number, text: string): number {
    this.#year = value;
    this.#isTwoDigit = text.length <= 2;
    return YEAR;
  }

  #setMonth(value: number): number {
    this.#month = value;
    return MONTH;
  }

  #setDay(value: number): number {
    this.#day = value;
    return DAY;
  }

  /** Run-together digits: yymmdd, yyyymmdd, hhmm, hhmmss[.fff] (DecodeNumberField). */
  #concatenated(text: string): number {
    const point = text.indexOf('.');
    const body = point === -1 ? text : text.slice(0, point);
    if (
      point === -1 &&
      (this.#mask & DATE) !== DATE &&
      body.length >= 6 &&
      !(this.#timeOnly && body.length === 6)
    ) {
      const split = body.length - 4;
      this.#setYear(Number(body.slice(0, split)), body.slice(0, split));
      this.#month = Number(body.slice(split, split + 2));
      this.#day = Number(body.slice(split + 2));
      return DATE;
    }
    if ((this.#mask & TIME) !== 0 || (body.length !== 6 && body.length !== 4)) {
      throw new DateFaultSignal('format');
    }
    this.#hour = Number(body.slice(0, 2));
    this.#minute = Number(body.slice(2, 4));
    this.#seconds = body.length === 6 ? Number(body.slice(4)) : 0;
    this.#micros = point === -1 ? 0 : fractionMicros(text.slice(point));
    this.#checkTime();
    return TIME;
  }

  #time(text: string): number {
    const match = /^(\d+):(\d*)(?::(\d*)(\.\d*)?)?$/.exec(text);
    if (match === null) {
      const short = /^(\d+):(\d+)(\.\d*)$/.exec(text);
      if (short === null) throw new DateFaultSignal('format');
      this.#hour = 0;
      this.#minute = Number(short[1]);
      this.#seconds = Number(short[2]);
      this.#micros = fractionMicros(short[3]!);
    } else {
      this.#hour = Number(match[1]);
      this.#minute = Number(match[2]);
      this.#seconds = Number(match[3] ?? 0);
      this.#micros = match[4] === undefined ? 0 : fractionMicros(match[4]);
    }
    this.#checkTime();
    return TIME;
  }

  #checkTime(): void {
    const isOver =
      this.#minute > 59 ||
      this.#seconds > 60 ||
      ((this.#hour * 60 + this.#minute) * 60 + this.#seconds) * 1_000_000 + this.#micros >
        86_400_000_000;
    if (isOver) throw new DateFaultSignal('overflow');
  }

  #setMicros(micros: number): void {
    this.#hour = 0;
    this.#minute = 0;
    this.#seconds = 0;
    this.#micros = micros;
  }

  #word(text: string, next: DateField | undefined): number {
    const zone = abbreviations.get(text);
    const word = zone === undefined ? dateWords.get(text.slice(0, 10)) : undefined;
    if (zone !== undefined) return this.#abbreviation(zone);
    if (word === undefined) {
      this.#zone = findZone(text);
      if (this.#zone === null) throw new DateFaultSignal('format');
      return ZONE;
    }
    return this.#meaning(word, next);
  }

  #abbreviation(zone: ZoneAbbreviation): number {
    this.#zone = zone.kind === 'fixed' ? zone.offset : findZone(zone.zone);
    return ZONE;
  }

  #meaning(word: DateWord, next: DateField | undefined): number {
    switch (word.kind) {
      case 'month':
        return this.#textMonth(word.value);
      case 'dow':
      case 'ignore':
        return 0;
      case 'ampm':
        this.#isPm = word.isPm;
        return 0;
      case 'era':
        this.#isBc = word.isBc;
        return 0;
      case 'dst':
        if (typeof this.#zone === 'number') this.#zone += 3600;
        this.#dst = true;
        return 0;
      case 'isotime':
        if (!this.#timeOnly && (this.#mask & DATE) !== DATE) throw new DateFaultSignal('format');
        if (next === undefined || !['number', 'time', 'date'].includes(next.kind)) {
          throw new DateFaultSignal('format');
        }
        this.#pending = 'isotime';
        return 0;
      case 'julian':
        this.#pending = 'julian';
        return 0;
      case 'unit':
        if (this.#timeOnly && word.unit !== 'd') throw new DateFaultSignal('format');
        this.#pending = word.unit;
        return 0;
      case 'special':
        return this.#specialDate(word.name);
    }
  }

  #textMonth(value: number): number {
    const isMonthKnown = (this.#mask & MONTH) !== 0;
    if (
      isMonthKnown &&
      !this.#hasTextMonth &&
      (this.#mask & DAY) === 0 &&
      this.#month >= 1 &&
      this.#month <= 31
    ) {
      this.#day = this.#month;
      this.#mask &= ~MONTH;
      this.#mask |= DAY;
    }
    this.#hasTextMonth = true;
    return this.#setMonth(value);
  }

  #specialDate(name: SpecialDate): number {
    if (name === 'allballs') {
      this.#setMicros(0);
      this.#zone = 0;
      return TIME | ZONE;
    }
    this.#special = name;
    switch (name) {
      case 'now':
        return DATE | TIME | ZONE;
      case 'today':
      case 'tomorrow':
      case 'yesterday':
        return DATE;
      default:
        return DATE | TIME | ZONE;
    }
  }

  #finish(): DecodedDate {
    const hasDate = (this.#mask & DATE) === DATE;
    const hasTime = (this.#mask & TIME) !== 0;
    if (this.#special === null) {
      this.#validateDate();
      if (!this.#timeOnly && !hasDate) throw new DateFaultSignal('format');
      if (this.#timeOnly && !hasTime) throw new DateFaultSignal('format');
    }
    if (this.#dst && this.#zone === null) throw new DateFaultSignal('format');
    this.#applyHalfDay();
    return {
      special: this.#special,
      hasDate,
      hasTime,
      year: this.#year,
      month: this.#month,
      day: this.#day,
      micros: ((this.#hour * 60 + this.#minute) * 60 + this.#seconds) * 1_000_000 + this.#micros,
      zone: this.#zone,
    };
  }

  #applyHalfDay(): void {
    if (this.#isPm === null) return;
    if (this.#hour > 12) throw new DateFaultSignal('overflow');
    if (!this.#isPm && this.#hour === 12) this.#hour = 0;
    else if (this.#isPm && this.#hour !== 12) this.#hour += 12;
  }

  #validateDate(): void {
    const mask = this.#mask;
    if (!this.#isJulian && (mask & YEAR) !== 0) {
      if (this.#isBc) {
        if (this.#year <= 0) throw new DateFaultSignal('overflow');
        this.#year = -(this.#year - 1);
      } else if (this.#isTwoDigit) {
        this.#year += this.#year < 70 ? 2000 : this.#year < 100 ? 1900 : 0;
      } else if (this.#year <= 0) throw new DateFaultSignal('overflow');
    }
    if (this.#dayOfYear > 0) {
      const fields = dateFromDays(daysFromDate(this.#year, 1, this.#dayOfYear));
      this.#month = fields.month;
      this.#day = fields.day;
    }
    const isMonthBad = (mask & MONTH) !== 0 && (this.#month < 1 || this.#month > 12);
    const isDayBad = (mask & DAY) !== 0 && (this.#day < 1 || this.#day > 31);
    if (isMonthBad || isDayBad) throw new DateFaultSignal('monthDay');
    if ((mask & DATE) === DATE && this.#day > daysInMonth(this.#year, this.#month)) {
      throw new DateFaultSignal('overflow');
    }
  }
}
