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
    if (text.startsWith('P') && readIso(text, sum)) return sum.finish(false);
    return readFields(splitDateFields(text, true), range, isSql, sum);
  });
}

/** Adds amounts of units with PostgreSQL's carrying of fractions. */
class IntervalSum {
  #months = 0;
  #days = 0;
  #micros = 0n;

  addMonths(whole: number, fraction: number, scale: number): void {
    this.#months += whole * scale + roundEven(fraction * scale);
  }

  addDays(whole: number, fraction: number, scale: number): void {
    const extra = fraction * scale;
    const days = Math.trunc(extra);
    this.#days += whole * scale + days;
    this.addMicros(0n, extra - days, 86_400_000_000);
  }

  addMonthFraction(whole: number, fraction: number): void {
    this.#months += whole;
    this.addDays(0, fraction, 30);
  }

  addMicros(whole: bigint, fraction: number, scale: number): void {
    const extra = fraction * scale;
    let micros = Math.trunc(extra);
    const rest = extra - micros;
    if (rest > 0.5) micros++;
    else if (rest < -0.5) micros--;
    this.#micros += whole * BigInt(scale) + BigInt(micros);
  }

  add(unit: Unit, whole: number, fraction: number): void {
    switch (unit) {
      case 'microsecond':
        this.addMicros(BigInt(whole), fraction, 1);
        return;
      case 'millisecond':
        this.addMicros(BigInt(whole), fraction, 1000);
        return;
      case 'second':
        this.addMicros(BigInt(whole), fraction, 1_000_000);
        return;
      case 'minute':
        this.addMicros(BigInt(whole), fraction, 60_000_000);
        return;
      case 'hour':
        this.addMicros(BigInt(whole), fraction, 3_600_000_000);
        return;
      case 'day':
        this.addDays(whole, fraction, 1);
        return;
      case 'week':
        this.addDays(whole, fraction, 7);
        return;
      case 'month':
        this.addMonthFraction(whole, fraction);
        return;
      default:
        this.addMonths(whole, fraction, monthsOf[unit]);
    }
  }

  finish(isAgo: boolean): Interval {
    const sign = isAgo ? -1 : 1;
    const months = this.#months * sign;
    const days = this.#days * sign;
    const micros = isAgo ? -this.#micros : this.#micros;
    const isOver =
      Math.abs(months) >= 2147483648 * 12 ||
      Math.abs(days) > 2147483648 ||
      days === 2147483648 ||
      BigInt.asIntN(64, micros) !== micros;
    if (isOver) throw new DateFaultSignal('interval');
    if (months > 2147483647 || months < -2147483648) throw datetimeOutOfRange('interval');
    return new Interval(months === 0 ? 0 : months, days === 0 ? 0 : days, micros);
  }
}

const monthsOf: Readonly<Record<'year' | 'decade' | 'century' | 'millennium', number>> = {
  year: 12,
  decade: 120,
  century: 1200,
  millennium: 12000,
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
  let parts = [Number(match[2]), Number(match[3]), Number(match[4] ?? 0)] as [
    number,
    number,
    number,
  ];
  let fraction = match[5] ?? '';
  const isMinuteSecond = range === (intervalBits.minute | intervalBits.second);
  if (match[4] === undefined && (match[6] !== undefined || isMinuteSecond)) {
    parts = [0, parts[0], parts[1]];
    fraction = match[6] ?? '';
  }
  const [hour, minute, second] = parts;
  if (minute > 59 || second > 60) throw new DateFaultSignal('interval');
  const micros =
    BigInt(hour) * 3_600_000_000n +
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
    sum.addMonthFraction(sign * (Number(yearMonth[2]) * 12 + months), 0);
    return;
  }
  const match = /^([+-]?)(\d*)(\.\d*)?$/.exec(text);
  if (match === null || (match[2] === '' && match[3] === undefined))
    throw new DateFaultSignal('format');
  const sign = match[1] === '-' || (flip && match[1] === '') ? -1 : 1;
  const whole = Number(match[2]);
  if (whole > Number.MAX_SAFE_INTEGER) throw new DateFaultSignal('interval');
  const fraction = match[3] === undefined || match[3] === '.' ? 0 : Number(`0${match[3]}`);
  mark(seen, unit);
  if (unit === 'second' && fraction !== 0) {
    mark(seen, 'millisecond');
    mark(seen, 'microsecond');
  }
  sum.add(unit, sign * whole, sign * fraction);
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

const isoUnits = {Y: 'year', M: 'month', W: 'week', D: 'day'} as const;
const isoTimeUnits = {H: 'hour', M: 'minute', S: 'second'} as const;

/** ISO 8601 with designators (P1Y2DT3H) or the alternative form (P0001-02-03T04:05:06); false if it is neither. */
function readIso(text: string, sum: IntervalSum): boolean {
  const alternative = /^P(-?\d+)-(-?\d+)-(-?\d+)(?:T(-?\d+):(-?\d+)(?::(-?\d+)(\.\d*)?)?)?$/.exec(
    text,
  );
  if (alternative !== null) {
    const value = (index: number): number => Number(alternative[index] ?? 0);
    sum.add('year', value(1), 0);
    sum.add('month', value(2), 0);
    sum.add('day', value(3), 0);
    sum.add('hour', value(4), 0);
    sum.add('minute', value(5), 0);
    const fraction = alternative[7] === undefined ? 0 : Number(`0${alternative[7]}`);
    sum.add('second', value(6), alternative[6]?.startsWith('-') === true ? -fraction : fraction);
    return true;
  }
  const body = /^P((?:-?\d*\.?\d*[YMWD])*)(?:T((?:-?\d*\.?\d*[HMS])*))?$/.exec(text);
  if (body === null || (body[1] === '' && (body[2] ?? '') === '')) return false;
  addDesignated(body[1]!, isoUnits, sum);
  addDesignated(body[2] ?? '', isoTimeUnits, sum);
  return true;
}

function addDesignated(
  text: string,
  names: Readonly<Record<string, Unit | undefined>>,
  sum: IntervalSum,
): void {
  for (const part of text.match(/[^A-Z]*[A-Z]/g) ?? []) {
    const match = /^([+-]?)(\d*)(\.\d*)?([A-Z])$/.exec(part)!;
    if (match[2] === '' && (match[3] ?? '.') === '.') throw new DateFaultSignal('format');
    const sign = match[1] === '-' ? -1 : 1;
    const fraction = match[3] === undefined || match[3] === '.' ? 0 : Number(`0${match[3]}`);
    sum.add(names[match[4]!]!, sign * Number(match[2]), sign * fraction);
  }
}
