import type {FormatSettings} from './contract.ts';
import type {DateField} from './datetime-fields.ts';
import {DateFaultSignal, splitDateFields, withFaults} from './datetime-fields.ts';
import {Interval} from './interval-value.ts';
import {datetimeOutOfRange} from './type-errors.ts';

type Unit =
  | 'microsecond'
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium';

const spellings: Readonly<Record<Unit, string>> = {
  microsecond: 'microsecon us usec usecond useconds usecs',
  millisecond: 'millisecon ms msec msecond mseconds msecs',
  second: 's sec second seconds secs',
  minute: 'm min mins minute minutes',
  hour: 'h hour hours hr hrs',
  day: 'd day days',
  week: 'w week weeks',
  month: 'mon mons month months',
  year: 'y year years yr yrs',
  decade: 'dec decade decades decs',
  century: 'c cent centuries century',
  millennium: 'mil millennia millennium mils',
};

const units: ReadonlyMap<string, Unit> = new Map(
  Object.entries(spellings).flatMap(([unit, names]) =>
    names.split(' ').map((name): [string, Unit] => [name, unit as Unit]),
  ),
);

/** Bits of interval typmods (INTERVAL_MASK). */
export const intervalBits = {
  month: 2,
  year: 4,
  day: 8,
  hour: 1024,
  minute: 2048,
  second: 4096,
} as const;
const FULL_RANGE = 0x7fff;

/** `interval` from text; the range of the typmod says what a bare number means. */
export function parseInterval(text: string, range: number, settings: FormatSettings): Interval {
  return withFaults(text, 'interval', () => {
    const isSql = settings.intervalStyle === 'sql_standard';
    const sum = new IntervalSum();
    if (text.startsWith('P')) {
      readIso(text.slice(1), sum);
      return sum.finish(false);
    }
    return readFields(splitDateFields(text, true), range, isSql, sum);
  });
}

function overflow(): DateFaultSignal {
  return new DateFaultSignal('interval');
}

function int32(value: number): number {
  if (value > 2147483647 || value < -2147483648) throw overflow();
  return value;
}

/** Adds amounts of units with PostgreSQL's carrying of fractions, and its limits: each field is an integer of its own. */
class IntervalSum {
  #years = 0;
  #months = 0;
  #days = 0;
  #micros = 0n;

  #addYears(whole: bigint, fraction: number, scale: number): void {
    this.#years = int32(this.#years + int32(Number(whole) * scale));
    this.#months = int32(this.#months + roundEven(fraction * scale * 12));
  }

  #addDays(whole: bigint, fraction: number, scale: number): void {
    const extra = fraction * scale;
    const days = Math.trunc(extra);
    this.#days = int32(this.#days + int32(Number(whole) * scale));
    this.#days = int32(this.#days + days);
    this.addMicros(0n, extra - days, 86_400_000_000);
  }

  addMonths(whole: bigint, fraction: number): void {
    this.#months = int32(this.#months + int32(Number(whole)));
    this.#addDays(0n, fraction, 30);
  }

  addMicros(whole: bigint, fraction: number, scale: number): void {
    const extra = fraction * scale;
    let micros = Math.trunc(extra);
    const rest = extra - micros;
    if (rest > 0.5) micros++;
    else if (rest < -0.5) micros--;
    const sum = this.#micros + whole * BigInt(scale) + BigInt(micros);
    if (BigInt.asIntN(64, sum) !== sum) throw overflow();
    this.#micros = sum;
  }

  add(unit: Unit, whole: bigint, fraction: number): void {
    const scale = microsOf[unit];
    if (scale !== undefined) this.addMicros(whole, fraction, scale);
    else if (unit === 'day') this.#addDays(whole, fraction, 1);
    else if (unit === 'week') this.#addDays(whole, fraction, 7);
    else if (unit === 'month') this.addMonths(whole, fraction);
    else this.#addYears(whole, fraction, yearsOf[unit] ?? 1);
  }

  finish(isAgo: boolean): Interval {
    const sign = isAgo ? -1 : 1;
    const years = int32(this.#years * sign);
    const days = int32(this.#days * sign);
    const micros = isAgo ? -this.#micros : this.#micros;
    if (BigInt.asIntN(64, micros) !== micros) throw overflow();
    const months = years * 12 + int32(this.#months * sign);
    if (months > 2147483647 || months < -2147483648) throw datetimeOutOfRange('interval');
    return new Interval(months === 0 ? 0 : months, days === 0 ? 0 : days, micros);
  }
}

const microsOf: Readonly<Partial<Record<Unit, number>>> = {
  microsecond: 1,
  millisecond: 1000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
};
const yearsOf: Readonly<Partial<Record<Unit, number>>> = {
  decade: 10,
  century: 100,
  millennium: 1000,
};

function roundEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(value);
}

/** Reads fields from the end, so that a unit is known when its number comes (DecodeInterval). */
function readFields(
  fields: readonly DateField[],
  range: number,
  isSql: boolean,
  sum: IntervalSum,
): Interval {
  let unit: Unit | null = null;
  let isAgo = false;
  let isAny = false;
  const seen = new Set<Unit | 'time'>();
  const flip = isSql && isAllNegative(fields);
  for (let i = fields.length - 1; i >= 0; i--) {
    const {kind, text} = fields[i]!;
    if (kind === 'string' || kind === 'special') {
      if (text === 'ago') isAgo = true;
      else {
        unit = units.get(text.slice(0, 10)) ?? fail('format');
      }
      continue;
    }
    isAny = true;
    if (text.includes(':')) {
      markTime(seen);
      readClock(text, flip, range, sum);
      unit = 'day';
      continue;
    }
    const used: Unit = unit ?? bareUnit(range);
    readNumber(text, used, flip, seen, sum);
    const isYearMonth = text.includes('-', 1);
    unit = isYearMonth ? 'month' : used === 'hour' ? 'day' : used;
  }
  if (!isAny) throw new DateFaultSignal('format');
  return sum.finish(isAgo);
}

function fail(fault: 'format'): never {
  throw new DateFaultSignal(fault);
}

/** SQL standard style: one leading minus applies to all fields. */
function isAllNegative(fields: readonly DateField[]): boolean {
  if (fields[0]?.text.startsWith('-') !== true) return false;
  return fields.slice(1).every(field => !/^[-+]/.test(field.text));
}

function markTime(seen: Set<Unit | 'time'>): void {
  for (const part of ['hour', 'minute', 'second', 'millisecond', 'microsecond'] as const) {
    if (seen.has(part)) throw new DateFaultSignal('format');
    seen.add(part);
  }
}

function readClock(text: string, flip: boolean, range: number, sum: IntervalSum): void {
  const match = /^([+-]?)(\d+):(\d*)(?::(\d*)(\.\d*)?)?(\.\d*)?$/.exec(text);
  if (match === null) throw new DateFaultSignal('format');
  const isNegative = match[1] === '-' || (flip && match[1] === '');
  let parts: [bigint, number, number] = [
    BigInt(match[2]!),
    Number(match[3]),
    Number(match[4] ?? 0),
  ];
  let fraction = match[5] ?? '';
  const isMinuteSecond = range === (intervalBits.minute | intervalBits.second);
  if (match[4] === undefined && (match[6] !== undefined || isMinuteSecond)) {
    parts = [0n, Number(parts[0]), parts[1]];
    fraction = match[6] ?? '';
  }
  const [hour, minute, second] = parts;
  if (minute > 59 || second > 60) throw new DateFaultSignal('interval');
  const micros =
    hour * 3_600_000_000n +
    BigInt((minute * 60 + second) * 1_000_000) +
    BigInt(fraction.length > 1 ? Math.round(Number(`0${fraction}`) * 1_000_000) : 0);
  sum.addMicros(isNegative ? -micros : micros, 0, 1);
}

function readNumber(
  text: string,
  unit: Unit,
  flip: boolean,
  seen: Set<Unit | 'time'>,
  sum: IntervalSum,
): void {
  const yearMonth = /^([+-]?)(\d+)-(\d*)$/.exec(text);
  if (yearMonth !== null) {
    const sign = yearMonth[1] === '-' || (flip && yearMonth[1] === '') ? -1 : 1;
    const months = Number(yearMonth[3]);
    if (months >= 12) throw new DateFaultSignal('interval');
    mark(seen, 'month');
    sum.add('year', BigInt(yearMonth[2]!) * BigInt(sign), 0);
    sum.add('month', BigInt(months * sign), 0);
    return;
  }
  const match = /^([+-]?)(\d*)(\.\d*)?$/.exec(text);
  if (match === null || (match[2] === '' && match[3] === undefined))
    throw new DateFaultSignal('format');
  const sign = match[1] === '-' || (flip && match[1] === '') ? -1 : 1;
  const whole = BigInt(match[2] === '' ? 0 : match[2]!) * BigInt(sign);
  if (BigInt.asIntN(64, whole) !== whole) throw overflow();
  const fraction = match[3] === undefined || match[3] === '.' ? 0 : Number(`0${match[3]}`);
  mark(seen, unit);
  if (unit === 'second' && fraction !== 0) {
    mark(seen, 'millisecond');
    mark(seen, 'microsecond');
  }
  sum.add(unit, whole, sign * fraction);
}

function mark(seen: Set<Unit | 'time'>, unit: Unit): void {
  if (seen.has(unit)) throw new DateFaultSignal('format');
  seen.add(unit);
}

/** What a number without unit means under `interval hour to minute` and its kin. */
function bareUnit(range: number): Unit {
  if (range === FULL_RANGE) return 'second';
  const {year, month, day, hour, minute, second} = intervalBits;
  if ((range & second) !== 0) return 'second';
  if ((range & minute) !== 0) return 'minute';
  if ((range & hour) !== 0) return 'hour';
  if ((range & day) !== 0) return 'day';
  if ((range & month) !== 0) return 'month';
  return (range & year) !== 0 ? 'year' : 'second';
}

const isoUnits: Readonly<Record<string, Unit>> = {Y: 'year', M: 'month', W: 'week', D: 'day'};
const isoTimeUnits: Readonly<Record<string, Unit>> = {H: 'hour', M: 'minute', S: 'second'};

interface IsoNumber {
  readonly whole: bigint;
  readonly fraction: number;
  /** Digits before the point. */
  readonly width: number;
}

/** The rest of an ISO 8601 interval: numbers, each followed by a designator. */
class IsoReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get next(): string {
    return this.#text[this.#at] ?? '';
  }

  skip(): string {
    return this.#text[this.#at++] ?? '';
  }

  number(): IsoNumber {
    const match = /^-?(\d*)(?:\.\d*)?(?:[eE][-+]?\d+)?/.exec(this.#text.slice(this.#at));
    const value = match === null || match[0] === '' ? NaN : Number(match[0]);
    if (Number.isNaN(value) || !/\d/.test(match![0])) throw new DateFaultSignal('format');
    if (Math.abs(value) > 1e15) throw overflow();
    this.#at += match![0].length;
    const whole = Math.trunc(value);
    return {whole: BigInt(whole), fraction: value - whole, width: match![1]!.length};
  }
}

/** ISO 8601 with designators (P1Y2DT3H) or in the alternative form (P0001-02-03T04:05:06, P00010203), as DecodeISO8601Interval reads it. */
function readIso(text: string, sum: IntervalSum): void {
  const reader = new IsoReader(text);
  if (text === '') throw new DateFaultSignal('format');
  let isTime = false;
  let hasField = false;
  while (reader.next !== '') {
    if (reader.next === 'T') {
      reader.skip();
      isTime = true;
      hasField = false;
      continue;
    }
    const number = reader.number();
    const unit = (isTime ? isoTimeUnits : isoUnits)[reader.next];
    if (unit !== undefined) {
      reader.skip();
      sum.add(unit, number.whole, number.fraction);
      hasField = true;
      continue;
    }
    if (hasField && reader.next !== 'T' && reader.next !== '') throw new DateFaultSignal('format');
    if (isTime) readIsoTime(reader, number, hasField, sum);
    else readIsoDate(reader, number, hasField, sum);
    hasField = false;
  }
}

/** Numbers without designators: a whole of `width` digits, or parts with a separator between them. */
function readIsoParts(
  reader: IsoReader,
  first: IsoNumber,
  separator: string,
  parts: readonly Unit[],
  sum: IntervalSum,
): void {
  sum.add(parts[0]!, first.whole, first.fraction);
  for (const unit of parts.slice(1)) {
    if (reader.next === '' || (reader.next === 'T' && separator === '-')) return;
    if (reader.skip() !== separator) throw new DateFaultSignal('format');
    const {whole, fraction} = reader.number();
    sum.add(unit, whole, fraction);
  }
  const isEnd = reader.next === '' || (reader.next === 'T' && separator === '-');
  if (!isEnd) throw new DateFaultSignal('format');
}

function readIsoDate(
  reader: IsoReader,
  number: IsoNumber,
  hasField: boolean,
  sum: IntervalSum,
): void {
  if (hasField) throw new DateFaultSignal('format');
  if (number.width === 8 && reader.next !== '-') {
    sum.add('year', number.whole / 10000n, 0);
    sum.add('month', (number.whole / 100n) % 100n, 0);
    sum.add('day', number.whole % 100n, number.fraction);
    return;
  }
  readIsoParts(reader, number, '-', ['year', 'month', 'day'], sum);
}

function readIsoTime(
  reader: IsoReader,
  number: IsoNumber,
  hasField: boolean,
  sum: IntervalSum,
): void {
  if (hasField) throw new DateFaultSignal('format');
  if (number.width === 6 && reader.next === '') {
    sum.add('hour', number.whole / 10000n, 0);
    sum.add('minute', (number.whole / 100n) % 100n, 0);
    sum.add('second', number.whole % 100n, number.fraction);
    return;
  }
  readIsoParts(reader, number, ':', ['hour', 'minute', 'second'], sum);
}
