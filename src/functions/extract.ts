import type {Datum} from '../types/contract.ts';
import {
  DATE_INFINITY,
  DATE_MINUS_INFINITY,
  dateFromDays,
  dayOfTimestamp,
  dayOfWeek,
  dayOfYear,
  EPOCH_JULIAN,
  isInfiniteTimestamp,
  isoWeek,
  TIMESTAMP_INFINITY,
  timestampToFields,
  UNIX_EPOCH_MICROS,
} from '../types/datetime-calendar.ts';
import {localFromUtc, secondsOfTimestamp, timestampFromDate} from '../types/datetime-math.ts';
import type {Interval} from '../types/interval-value.ts';
import {numericFromInt} from '../types/numeric-convert.ts';
import {numericAdd, numericDiv} from '../types/numeric-math.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {TimeTz} from '../types/timetz-value.ts';
import type {EvalContext} from './contract.ts';
import {sessionZone} from './session-clock.ts';
import type {FunctionTable} from './table.ts';
import type {TimeUnit} from './time-units.ts';
import {badUnit, findUnit} from './time-units.ts';

/** A field: digits * 10^-scale, an infinity, or undefined (the value is infinite and has no such field). */
type Field =
  | {readonly digits: bigint; readonly scale: number; readonly day?: number}
  | 'inf'
  | '-inf'
  | null;

const whole = (value: number): Field => ({digits: BigInt(value), scale: 0});
const DAY_MICROS = 86_400_000_000n;

/** Fields that a microsecond of the day has. */
function timeField(unit: TimeUnit, micros: number): Field | undefined {
  const inMinute = micros % 60_000_000;
  switch (unit) {
    case 'microseconds':
      return whole(inMinute);
    case 'milliseconds':
      return {digits: BigInt(inMinute), scale: 3};
    case 'second':
      return {digits: BigInt(inMinute), scale: 6};
    case 'minute':
      return whole(Math.trunc(micros / 60_000_000) % 60);
    case 'hour':
      return whole(Math.trunc(micros / 3_600_000_000));
    default:
      return undefined;
  }
}

/** Fields that a calendar day has. */
function dayField(unit: TimeUnit, days: number): Field | undefined {
  const {year, month, day} = dateFromDays(days);
  switch (unit) {
    case 'day':
      return whole(day);
    case 'month':
      return whole(month);
    case 'quarter':
      return whole(Math.trunc((month - 1) / 3) + 1);
    case 'week':
      return whole(isoWeek(days).week);
    case 'year':
      return whole(year > 0 ? year : year - 1);
    case 'decade':
      return whole(year >= 0 ? Math.trunc(year / 10) : -Math.trunc((8 - (year - 1)) / 10));
    case 'century':
      return whole(year > 0 ? Math.trunc((year + 99) / 100) : -Math.trunc((99 - (year - 1)) / 100));
    case 'millennium':
      return whole(
        year > 0 ? Math.trunc((year + 999) / 1000) : -Math.trunc((999 - (year - 1)) / 1000),
      );
    case 'isoyear': {
      const isoYear = isoWeek(days).year;
      return whole(isoYear > 0 ? isoYear : isoYear - 1);
    }
    case 'dow':
      return whole(dayOfWeek(days));
    case 'isodow':
      return whole(dayOfWeek(days) === 0 ? 7 : dayOfWeek(days));
    case 'doy':
      return whole(dayOfYear(days, year));
    default:
      return undefined;
  }
}

const endless: ReadonlySet<TimeUnit> = new Set([
  'year',
  'decade',
  'century',
  'millennium',
  'julian',
  'isoyear',
  'epoch',
]);
const bounded: ReadonlySet<TimeUnit> = new Set([
  'microseconds',
  'milliseconds',
  'second',
  'minute',
  'hour',
  'day',
  'month',
  'quarter',
  'week',
  'dow',
  'isodow',
  'doy',
  'timezone',
  'timezone_hour',
  'timezone_minute',
]);

function infiniteField(unit: TimeUnit, isPositive: boolean): Field | undefined {
  if (endless.has(unit)) return isPositive ? 'inf' : '-inf';
  return bounded.has(unit) ? null : undefined;
}

function timestampField(name: string, local: bigint, utc: bigint | null, offset: number): Field {
  const type = utc === null ? 'timestamp without time zone' : 'timestamp with time zone';
  const unit = findUnit(name);
  if (unit === undefined) throw badUnit(name, type);
  if (isInfiniteTimestamp(local)) {
    const field = infiniteField(unit, local === TIMESTAMP_INFINITY);
    if (field === undefined) throw badUnit(name, type);
    return field;
  }
  const {micros} = timestampToFields(local);
  const days = dayOfTimestamp(local);
  const field =
    timeField(unit, micros) ??
    dayField(unit, days) ??
    specialField(unit, {days, micros, epoch: (utc ?? local) + UNIX_EPOCH_MICROS});
  if (field !== undefined) return field;
  const zone = utc === null ? undefined : zoneField(unit, offset);
  if (zone === undefined) throw badUnit(name, type);
  return zone;
}

interface Moment {
  readonly days: number;
  readonly micros: number;
  readonly epoch: bigint;
}

function specialField(unit: TimeUnit, moment: Moment): Field | undefined {
  if (unit === 'epoch') return {digits: moment.epoch, scale: 6};
  if (unit === 'julian')
    return {digits: BigInt(moment.micros), scale: 0, day: moment.days + EPOCH_JULIAN};
  return undefined;
}

function zoneField(unit: TimeUnit, offset: number): Field | undefined {
  switch (unit) {
    case 'timezone':
      return whole(offset);
    case 'timezone_hour':
      return whole(Math.trunc(offset / 3600));
    case 'timezone_minute':
      return whole(Math.trunc(offset / 60) % 60);
    default:
      return undefined;
  }
}

function dateField(name: string, days: number): Field {
  const unit = findUnit(name);
  if (unit === undefined) throw badUnit(name, 'date');
  if (days === DATE_INFINITY || days === DATE_MINUS_INFINITY) {
    const field =
      timeField(unit, 0) !== undefined || unit.startsWith('timezone')
        ? undefined
        : infiniteField(unit, days === DATE_INFINITY);
    if (field === undefined) throw badUnit(name, 'date');
    return field;
  }
  const field = dayField(unit, days);
  if (field !== undefined) return field;
  if (unit === 'julian') return whole(days + EPOCH_JULIAN);
  if (unit === 'epoch')
    return {digits: (BigInt(days) * DAY_MICROS + UNIX_EPOCH_MICROS) / 1_000_000n, scale: 0};
  throw badUnit(name, 'date');
}

function timeOnlyField(name: string, micros: bigint, zone: TimeTz | null): Field {
  const type = zone === null ? 'time without time zone' : 'time with time zone';
  const unit = findUnit(name);
  if (unit === undefined) throw badUnit(name, type);
  const field = timeField(unit, Number(micros));
  if (field !== undefined) return field;
  if (unit === 'epoch')
    return {digits: micros + BigInt(zone?.zoneSeconds ?? 0) * 1_000_000n, scale: 6};
  const offset = zone === null ? undefined : zoneField(unit, -zone.zoneSeconds);
  if (offset === undefined) throw badUnit(name, type);
  return offset;
}

/** Seconds of a year of 365.25 days, as PostgreSQL counts an interval's epoch. */
function intervalEpoch(span: Interval): Field {
  const years = Math.trunc(span.months / 12);
  const seconds =
    BigInt(years) * 31_557_600n +
    BigInt(span.months % 12) * 2_592_000n +
    BigInt(span.days) * 86_400n;
  return {digits: seconds * 1_000_000n + span.micros, scale: 6};
}

function intervalField(name: string, span: Interval): Field {
  const unit = findUnit(name);
  if (unit === undefined) throw badUnit(name, 'interval');
  const years = Math.trunc(span.months / 12);
  const field =
    unit === 'hour'
      ? whole(Math.trunc(Number(span.micros / 3_600_000_000n)))
      : timeField(unit, Number(span.micros));
  if (field !== undefined) return field;
  switch (unit) {
    case 'day':
      return whole(span.days);
    case 'month':
      return whole(span.months % 12);
    case 'quarter':
      return whole(Math.trunc((span.months % 12) / 3) + 1);
    case 'year':
      return whole(years);
    case 'decade':
      return whole(Math.trunc(years / 10));
    case 'century':
      return whole(Math.trunc(years / 100));
    case 'millennium':
      return whole(Math.trunc(years / 1000));
    case 'epoch':
      return intervalEpoch(span);
    default:
      throw badUnit(name, 'interval');
  }
}

/** extract(): numeric. */
function asNumeric(field: Field): Datum {
  if (field === null) return null;
  if (field === 'inf') return Numeric.infinity;
  if (field === '-inf') return Numeric.minusInfinity;
  if (field.day === undefined) return Numeric.of(field.digits, field.scale);
  return numericAdd(
    numericFromInt(field.day),
    numericDiv(numericFromInt(field.digits), numericFromInt(DAY_MICROS)),
  );
}

/** date_part(): double precision. */
function asFloat(field: Field): Datum {
  if (field === null) return null;
  if (field === 'inf') return Infinity;
  if (field === '-inf') return -Infinity;
  if (field.day !== undefined) return field.day + Number(field.digits) / 86_400_000_000;
  const value = Number(field.digits) / 10 ** field.scale;
  return value === 0 ? 0 : value;
}

function fieldOfTz(name: string, utc: bigint, context: EvalContext): Field {
  const zone = sessionZone(context);
  const offset = isInfiniteTimestamp(utc) ? 0 : zone.offsetAt(secondsOfTimestamp(utc));
  return timestampField(name, localFromUtc(utc, zone), utc, offset);
}

function family(convert: (field: Field) => Datum, name: (type: string) => string): FunctionTable {
  return {
    [name('timestamp')]: {
      fn: (unit: string, value: bigint) => convert(timestampField(unit, value, null, 0)),
    },
    [name('timestamptz')]: {
      fnCtx: (unit: string, value: bigint, context: EvalContext) =>
        convert(fieldOfTz(unit, value, context)),
    },
    [name('time')]: {
      fn: (unit: string, value: bigint) => convert(timeOnlyField(unit, value, null)),
    },
    [name('timetz')]: {
      fn: (unit: string, value: TimeTz) => convert(timeOnlyField(unit, value.micros, value)),
    },
    [name('interval')]: {
      fn: (unit: string, value: Interval) => convert(intervalField(unit, value)),
    },
  };
}

/** extract and date_part (9.9.1). */
export const extractFunctions: FunctionTable = {
  ...family(asNumeric, type => `extract_${type}`),
  ...family(asFloat, type => `${type}_part`),
  extract_date: {fn: (unit: string, value: number) => asNumeric(dateField(unit, value))},
  date_part: {
    fn: (unit: string, value: number) =>
      asFloat(timestampField(unit, timestampFromDate(value), null, 0)),
  },
};
