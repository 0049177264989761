import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum} from '../types/contract.ts';
import {
  DATE_END,
  DATE_INFINITY,
  DATE_MIN,
  DATE_MINUS_INFINITY,
  daysFromDate,
  daysInMonth,
  isInfiniteTimestamp,
  isTimestampInRange,
  microsOfTimestamp,
  TIMESTAMP_INFINITY,
  TIMESTAMP_MINUS_INFINITY,
  timestampFromDay,
  timestampToFields,
  UNIX_EPOCH_MICROS,
} from '../types/datetime-calendar.ts';
import {
  dateFromTimestamp,
  intervalAdd,
  intervalDivide,
  intervalMultiply,
  intervalNegate,
  intervalSubtract,
  justifyDays,
  justifyHours,
  justifyInterval,
  localFromUtc,
  makeInterval,
  secondsOfTimestamp,
  timestampAddInterval,
  timestampFromDate,
  timestampSubtract,
  timestampTzAddInterval,
  utcFromLocal,
} from '../types/datetime-math.ts';
import {Interval} from '../types/interval-value.ts';
import {roundHalfEven} from '../types/numeric-convert.ts';
import {TimeTz} from '../types/timetz-value.ts';
import {applyIntervalTypmod} from '../types/time-types.ts';
import {roundTimestamp} from '../types/datetime-types.ts';
import type {EvalContext, FunctionCode} from './contract.ts';
import {
  binTimestamp,
  truncateInterval,
  truncateTimestamp,
  truncateTimestampTz,
} from './date-trunc.ts';
import {roundMicros, sessionZone} from './session-clock.ts';
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';
import {isoZone, zoneNamed, zoneOfInterval} from './zone-name.ts';

const DAY = 86_400_000_000n;
const overflow = (text: string): PgError => new PgError(SqlState.datetimeFieldOverflow, text);
const isInfiniteDate = (days: number): boolean =>
  days === DATE_INFINITY || days === DATE_MINUS_INFINITY;

function datePlus(days: number, count: number): number {
  if (isInfiniteDate(days)) return days;
  const result = days + count;
  if (result < DATE_MIN || result >= DATE_END) throw overflow('date out of range');
  return result;
}

function dateMinus(a: number, b: number): number {
  if (isInfiniteDate(a) || isInfiniteDate(b)) throw overflow('cannot subtract infinite dates');
  return a - b;
}

const modDay = (micros: bigint): bigint => ((micros % DAY) + DAY) % DAY;
const timePlus = (time: bigint, span: Interval): bigint => modDay(time + span.micros);
const timetzPlus = (time: TimeTz, span: Interval): TimeTz =>
  new TimeTz(modDay(time.micros + span.micros), time.zoneSeconds);

/** age(): a symbolic difference that borrows from the months of the earlier date. */
export function age(a: bigint, b: bigint): Interval {
  if (a === TIMESTAMP_MINUS_INFINITY || b === TIMESTAMP_MINUS_INFINITY)
    throw overflow('timestamp out of range');
  const left = timestampToFields(a);
  const right = timestampToFields(b);
  const isNegative = a < b;
  const sign = isNegative ? -1 : 1;
  let micros = (left.micros - right.micros) * sign;
  let days = (left.day - right.day) * sign;
  let months = ((left.year - right.year) * 12 + left.month - right.month) * sign;
  if (micros < 0) {
    micros += 86_400_000_000;
    days--;
  }
  while (days < 0) {
    const from = isNegative ? left : right;
    days += daysInMonth(from.year, from.month);
    months--;
  }
  return makeInterval(months * sign, days * sign, BigInt(micros * sign));
}

/** A timestamptz in the local time of the session. */
const toLocal = (utc: bigint, context: EvalContext): bigint =>
  localFromUtc(utc, sessionZone(context));
const toUtc = (local: bigint, context: EvalContext): bigint =>
  utcFromLocal(local, sessionZone(context));

function makeDate(
  year: number,
  month: number,
  day: number,
  shown = year < 0 ? year + 1 : year,
): number {
  const out = (): PgError =>
    overflow(
      `date field value out of range: ${shown}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`,
    );
  if (year === 0) throw out();
  const astronomical = year < 0 ? year + 1 : year;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(astronomical, month)) throw out();
  const days = daysFromDate(astronomical, month, day);
  if (days < DATE_MIN || days >= DATE_END)
    throw overflow(
      `date out of range: ${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`,
    );
  return days;
}

function makeTime(hour: number, minute: number, second: number): bigint {
  const isOver =
    hour < 0 ||
    minute < 0 ||
    minute > 59 ||
    !(second >= 0) ||
    second > 60 ||
    hour > 24 ||
    (hour === 24 && (minute > 0 || second > 0));
  if (isOver) {
    const seconds = String(Number(second.toPrecision(6))).padStart(2, '0');
    throw overflow(
      `time field value out of range: ${hour}:${String(minute).padStart(2, '0')}:${seconds}`,
    );
  }
  return BigInt(hour * 3600 + minute * 60) * 1_000_000n + BigInt(roundHalfEven(second * 1e6));
}

function makeTimestamp(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): bigint {
  const timestamp = timestampFromDay(
    makeDate(year, month, day, year),
    Number(makeTime(hour, minute, second)),
  );
  if (!isTimestampInRange(timestamp)) throw overflow('timestamp out of range');
  return timestamp;
}

function intervalOf(...parts: [number, number, number, number, number, number, number]): Interval {
  const [years, months, weeks, days, hours, minutes, seconds] = parts;
  if (!Number.isFinite(seconds)) throw overflow('interval out of range');
  const micros =
    BigInt(hours) * 3_600_000_000n +
    BigInt(minutes) * 60_000_000n +
    BigInt(roundHalfEven(seconds * 1e6));
  return makeInterval(years * 12 + months, weeks * 7 + days, micros);
}

function fromUnix(seconds: number): bigint {
  if (Number.isNaN(seconds)) throw overflow('timestamp cannot be NaN');
  if (seconds === Infinity) return TIMESTAMP_INFINITY;
  if (seconds === -Infinity) return TIMESTAMP_MINUS_INFINITY;
  if (seconds < -210_866_803_200 || seconds >= 9_224_318_016_000)
    throw overflow(`timestamp out of range: "${seconds}"`);
  return BigInt(roundHalfEven((seconds - Number(UNIX_EPOCH_MICROS) / 1e6) * 1e6));
}

/** (s1, e1) OVERLAPS (s2, e2) with NULLs (9.9). */
function overlaps<T>(compare: (a: T, b: T) => number): FunctionCode {
  return {
    fn: (s1: T | null, e1: T | null, s2: T | null, e2: T | null): boolean | null => {
      const first = ordered(s1, e1, compare);
      const second = ordered(s2, e2, compare);
      if (first === null || second === null) return null;
      const order = compare(first[0], second[0]);
      if (order === 0) {
        if (first[1] === null || second[1] === null) return null;
        return true;
      }
      const [early, late] = order < 0 ? [first, second] : [second, first];
      if (early[1] === null) return null;
      if (compare(late[0], early[1]) < 0) return true;
      if (late[1] === null) return null;
      return false;
    },
  };
}

function ordered<T>(
  start: T | null,
  end: T | null,
  compare: (a: T, b: T) => number,
): readonly [T, T | null] | null {
  if (start === null) return end === null ? null : [end, null];
  if (end !== null && compare(start, end) > 0) return [end, start];
  return [start, end];
}

const bigOrder = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const timetzOrder = (a: TimeTz, b: TimeTz): number => {
  const left = a.micros + BigInt(a.zoneSeconds) * 1_000_000n;
  const right = b.micros + BigInt(b.zoneSeconds) * 1_000_000n;
  return bigOrder(left, right) || a.zoneSeconds - b.zoneSeconds;
};

/** Comparisons of two types after both became timestamps; dates out of timestamp's range stay comparable. */
function crossCompare(
  prefix: string,
  order: (a: never, b: never, context: EvalContext) => number,
): FunctionTable {
  const [left, right] = prefix.split(' ') as [string, string];
  const entry = (test: (order: number) => Datum): FunctionCode => ({
    fnCtx: (a: never, b: never, context: EvalContext) => test(order(a, b, context)),
  });
  return {
    [`${left}_eq_${right}`]: entry(value => value === 0),
    [`${left}_ne_${right}`]: entry(value => value !== 0),
    [`${left}_lt_${right}`]: entry(value => value < 0),
    [`${left}_le_${right}`]: entry(value => value <= 0),
    [`${left}_gt_${right}`]: entry(value => value > 0),
    [`${left}_ge_${right}`]: entry(value => value >= 0),
    [`${left}_cmp_${right}`]: entry(value => value),
  };
}

/** A date as a timestamp, beyond its range as just below infinity. */
function dateMoment(days: number): bigint {
  if (!isInfiniteDate(days) && timestampFromDay(days, 0) >= TIMESTAMP_INFINITY)
    return TIMESTAMP_INFINITY - 1n;
  return isInfiniteDate(days) ? timestampFromDate(days) : timestampFromDay(days, 0);
}

const dateUtc = (days: number, context: EvalContext): bigint => {
  const local = dateMoment(days);
  if (isInfiniteTimestamp(local)) return local;
  const zone = sessionZone(context);
  return local - BigInt(zone.offsetAt(secondsOfTimestamp(local))) * 1_000_000n;
};

function timetzAt(time: TimeTz, offset: number): TimeTz {
  const utc = time.micros + BigInt(time.zoneSeconds) * 1_000_000n;
  return new TimeTz(modDay(utc + BigInt(offset) * 1_000_000n), -offset);
}

const operators: FunctionTable = {
  date_pli: {fn: datePlus},
  date_mii: {fn: (days: number, count: number) => datePlus(days, -count)},
  date_mi: {fn: dateMinus},
  date_pl_interval: {
    fn: (days: number, span: Interval) => timestampAddInterval(timestampFromDate(days), span),
  },
  date_mi_interval: {
    fn: (days: number, span: Interval) =>
      timestampAddInterval(timestampFromDate(days), intervalNegate(span)),
  },
  datetime_timestamp: {
    fn: (days: number, time: bigint) =>
      isInfiniteDate(days) ? timestampFromDate(days) : timestampFromDate(days) + time,
  },
  datetimetz_timestamptz: {
    fn: (days: number, time: TimeTz) =>
      isInfiniteDate(days)
        ? timestampFromDate(days)
        : timestampFromDate(days) + time.micros + BigInt(time.zoneSeconds) * 1_000_000n,
  },
  time_pl_interval: {fn: timePlus},
  time_mi_interval: {fn: (time: bigint, span: Interval) => modDay(time - span.micros)},
  time_mi_time: {fn: (a: bigint, b: bigint) => new Interval(0, 0, a - b)},
  timetz_pl_interval: {fn: timetzPlus},
  timetz_mi_interval: {
    fn: (time: TimeTz, span: Interval) => timetzPlus(time, new Interval(0, 0, -span.micros)),
  },
  timestamp_pl_interval: {fn: timestampAddInterval},
  timestamp_mi_interval: {
    fn: (local: bigint, span: Interval) => timestampAddInterval(local, intervalNegate(span)),
  },
  timestamptz_pl_interval: {
    fnCtx: (utc: bigint, span: Interval, context: EvalContext) =>
      timestampTzAddInterval(utc, span, sessionZone(context)),
  },
  timestamptz_mi_interval: {
    fnCtx: (utc: bigint, span: Interval, context: EvalContext) =>
      timestampTzAddInterval(utc, intervalNegate(span), sessionZone(context)),
  },
  timestamp_mi: {fn: timestampSubtract},
  interval_pl: {fn: intervalAdd},
  interval_mi: {fn: intervalSubtract},
  interval_um: {fn: intervalNegate},
  interval_mul: {fn: intervalMultiply},
  mul_d_interval: {fn: (factor: number, span: Interval) => intervalMultiply(span, factor)},
  interval_div: {fn: intervalDivide},
  interval_justify_days: {fn: justifyDays},
  interval_justify_hours: {fn: justifyHours},
  interval_justify_interval: {fn: justifyInterval},
  timestamp_age: {fn: age},
  timestamptz_age: {
    fnCtx: (a: bigint, b: bigint, context: EvalContext) =>
      age(toLocal(a, context), toLocal(b, context)),
  },
};

const casts: FunctionTable = {
  date_timestamp: {fn: timestampFromDate},
  date_timestamptz: {
    fnCtx: (days: number, context: EvalContext) => toUtc(timestampFromDate(days), context),
  },
  timestamp_date: {fn: dateFromTimestamp},
  timestamptz_date: {
    fnCtx: (utc: bigint, context: EvalContext) => dateFromTimestamp(toLocal(utc, context)),
  },
  timestamp_time: {
    fn: (local: bigint) => (isInfiniteTimestamp(local) ? null : BigInt(microsOfTimestamp(local))),
  },
  timestamptz_time: {
    fnCtx: (utc: bigint, context: EvalContext) =>
      isInfiniteTimestamp(utc) ? null : BigInt(microsOfTimestamp(toLocal(utc, context))),
  },
  timestamptz_timetz: {
    fnCtx: (utc: bigint, context: EvalContext) =>
      isInfiniteTimestamp(utc)
        ? null
        : new TimeTz(
            BigInt(microsOfTimestamp(toLocal(utc, context))),
            -sessionZone(context).offsetAt(secondsOfTimestamp(utc)),
          ),
  },
  timestamp_timestamptz: {fnCtx: toUtc},
  timestamptz_timestamp: {fnCtx: toLocal},
  time_interval: {fn: (time: bigint) => new Interval(0, 0, time)},
  interval_time: {fn: (span: Interval) => modDay(span.micros)},
  timetz_time: {fn: (time: TimeTz) => time.micros},
  time_timetz: {
    fnCtx: (time: bigint, context: EvalContext) =>
      new TimeTz(
        time,
        -sessionZone(context).offsetAt(secondsOfTimestamp(context.clock.transactionTimestamp())),
      ),
  },
  timestamp_scale: {fn: roundTimestamp},
  timestamptz_scale: {fn: roundTimestamp},
  time_scale: {fn: roundMicros},
  timetz_scale: {
    fn: (time: TimeTz, precision: number) =>
      new TimeTz(roundMicros(time.micros, precision), time.zoneSeconds),
  },
  interval_scale: {fn: applyIntervalTypmod},
  float8_timestamptz: {fn: fromUnix},
};

const zones: FunctionTable = {
  timestamptz_zone: {
    fn: (zone: string, utc: bigint) =>
      isInfiniteTimestamp(utc) ? utc : localFromUtc(utc, zoneNamed(zone)),
  },
  timestamp_zone: {
    fn: (zone: string, local: bigint) =>
      isInfiniteTimestamp(local) ? local : utcFromLocal(local, zoneNamed(zone)),
  },
  timestamptz_izone: {
    fn: (zone: Interval, utc: bigint) =>
      isInfiniteTimestamp(utc) ? utc : localFromUtc(utc, zoneOfInterval(zone)),
  },
  timestamp_izone: {
    fn: (zone: Interval, local: bigint) =>
      isInfiniteTimestamp(local) ? local : utcFromLocal(local, zoneOfInterval(zone)),
  },
  timetz_zone: {
    fnCtx: (zone: string, time: TimeTz, context: EvalContext) =>
      timetzAt(
        time,
        zoneNamed(zone).offsetAt(secondsOfTimestamp(context.clock.transactionTimestamp())),
      ),
  },
  timetz_izone: {
    fn: (zone: Interval, time: TimeTz) => timetzAt(time, zoneOfInterval(zone).offsetAt(0)),
  },
};

/** Date and time: operators, casts, 9.9. */
export const datetimeFunctions: FunctionTable = {
  ...operators,
  ...casts,
  ...zones,
  ...crossCompare('date timestamp', (a: number, b: bigint) => bigOrder(dateMoment(a), b)),
  ...crossCompare('timestamp date', (a: bigint, b: number) => bigOrder(a, dateMoment(b))),
  ...crossCompare('date timestamptz', (a: number, b: bigint, context) =>
    bigOrder(dateUtc(a, context), b),
  ),
  ...crossCompare('timestamptz date', (a: bigint, b: number, context) =>
    bigOrder(a, dateUtc(b, context)),
  ),
  ...crossCompare('timestamp timestamptz', (a: bigint, b: bigint, context) =>
    bigOrder(toUtc(a, context), b),
  ),
  ...crossCompare('timestamptz timestamp', (a: bigint, b: bigint, context) =>
    bigOrder(a, toUtc(b, context)),
  ),
  timestamp_trunc: {fn: (unit: string, local: bigint) => truncateTimestamp(unit, local)},
  timestamptz_trunc: {
    fnCtx: (unit: string, utc: bigint, context: EvalContext) =>
      truncateTimestampTz(unit, utc, sessionZone(context)),
  },
  timestamptz_trunc_zone: {
    fn: (unit: string, utc: bigint, zone: string) =>
      isInfiniteTimestamp(utc) ? utc : truncateTimestampTz(unit, utc, zoneNamed(zone)),
  },
  interval_trunc: {fn: truncateInterval},
  ...alias(['timestamp_bin', 'timestamptz_bin'], {fn: binTimestamp}),
  date_finite: {fn: (days: number) => !isInfiniteDate(days)},
  timestamp_finite: {fn: (value: bigint) => !isInfiniteTimestamp(value)},
  interval_finite: {fn: () => true},
  make_date: {fn: makeDate},
  make_time: {fn: makeTime},
  make_timestamp: {fn: makeTimestamp},
  make_timestamptz: {
    fnCtx: (...args: unknown[]) =>
      toUtc(
        makeTimestamp(...(args.slice(0, 6) as [number, number, number, number, number, number])),
        args[6] as EvalContext,
      ),
  },
  make_timestamptz_at_timezone: {
    fn: (...args: [number, number, number, number, number, number, string]) =>
      utcFromLocal(
        makeTimestamp(...(args.slice(0, 6) as [number, number, number, number, number, number])),
        isoZone(args[6]),
      ),
  },
  make_interval: {fn: intervalOf},
  overlaps_time: overlaps(bigOrder),
  overlaps_timestamp: overlaps(bigOrder),
  overlaps_timetz: overlaps(timetzOrder),
};
