import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  dateFromDays,
  dayOfTimestamp,
  dayOfWeek,
  dayOfYear,
  daysFromDate,
  EPOCH_JULIAN,
  isInfiniteTimestamp,
  isoWeek,
  microsOfTimestamp,
} from '../types/datetime-calendar.ts';
import {localFromUtc, secondsOfTimestamp} from '../types/datetime-math.ts';
import type {Interval} from '../types/interval-value.ts';
import type {EvalContext, FunctionCode} from './contract.ts';
import type {DateNode} from './format-date.ts';
import {dayNames, monthNames, parseDateFormat, romanMonths} from './format-date.ts';
import {ordinalSuffix} from './format-number.ts';
import {sessionZone} from './session-clock.ts';
import type {FunctionTable} from './table.ts';

/** Broken-down time as formats see it. */
interface Moment {
  readonly isInterval: boolean;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  readonly weekday: number;
  readonly yearDay: number;
  readonly days: number;
  /** Seconds east of UTC. */
  readonly offset: number;
  readonly zone: string | null;
}

function momentOf(local: bigint, offset: number, zone: string | null): Moment {
  const days = dayOfTimestamp(local);
  const {year, month, day} = dateFromDays(days);
  const micros = microsOfTimestamp(local);
  const seconds = Math.floor(micros / 1_000_000);
  return {
    isInterval: false,
    year,
    month,
    day,
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: micros % 1_000_000,
    weekday: dayOfWeek(days),
    yearDay: dayOfYear(days, year),
    days,
    offset,
    zone,
  };
}

function momentOfInterval(span: Interval): Moment {
  const year = Math.trunc(span.months / 12);
  const month = span.months % 12;
  const seconds = Number(span.micros / 1_000_000n);
  return {
    isInterval: true,
    year,
    month,
    day: span.days,
    hour: Math.trunc(seconds / 3600),
    minute: Math.trunc(seconds / 60) % 60,
    second: seconds % 60,
    micros: Number(span.micros % 1_000_000n),
    weekday: 0,
    yearDay: span.months * 30 + span.days,
    days: 0,
    offset: 0,
    zone: null,
  };
}

/** A whole number of at least `width` digits, sign counted apart, as %0*d with a width for the sign. */
function number(value: number, width: number, isFill: boolean): string {
  if (isFill) return String(value);
  return value < 0 ? `-${String(-value).padStart(width, '0')}` : String(value).padStart(width, '0');
}

/** As C's %0*d: the sign takes one of the places. */
function narrow(value: number, width: number, isFill: boolean): string {
  return value < 0 ? number(value, width - 1, isFill) : number(value, width, isFill);
}

function forbidden(): PgError {
  return new PgError(
    SqlState.invalidDatetimeFormat,
    'invalid format specification for an interval value',
    {hint: 'Intervals are not tied to specific calendar dates.'},
  );
}

const shownYear = (moment: Moment, year = moment.year): number =>
  moment.isInterval ? year : year <= 0 ? -(year - 1) : year;

function format(nodes: readonly DateNode[], moment: Moment): string {
  let result = '';
  for (const node of nodes)
    result += node.key === null ? node.text : withOrdinal(action(node, moment), node);
  return result;
}

function withOrdinal(text: string, node: DateNode): string {
  return node.ordinal === '' || !/\d$/.test(text)
    ? text
    : text + ordinalSuffix(text, node.ordinal === 'TH');
}

function action(node: DateNode, moment: Moment): string {
  const key = node.key!;
  const upper = key.toUpperCase();
  return (
    timePart(upper, node, moment) ??
    namePart(key, upper, node, moment) ??
    yearPart(upper, node, moment) ??
    dayPart(upper, node, moment) ??
    ''
  );
}

function timePart(key: string, node: DateNode, moment: Moment): string | null {
  const {isFill} = node;
  switch (key) {
    case 'HH':
    case 'HH12':
      return number(moment.hour % 12 === 0 ? 12 : moment.hour % 12, 2, isFill);
    case 'HH24':
      return number(moment.hour, 2, isFill);
    case 'MI':
      return number(moment.minute, 2, isFill);
    case 'SS':
      return number(moment.second, 2, isFill);
    case 'MS':
    case 'FF3':
      return number(Math.trunc(moment.micros / 1000), 3, false);
    case 'US':
    case 'FF6':
      return number(moment.micros, 6, false);
    case 'FF1':
    case 'FF2':
    case 'FF4':
    case 'FF5': {
      const digits = Number(key[2]);
      return number(Math.trunc(moment.micros / 10 ** (6 - digits)), digits, false);
    }
    case 'SSSS':
    case 'SSSSS':
      return String(moment.hour * 3600 + moment.minute * 60 + moment.second);
    default:
      return zonePart(key, node, moment);
  }
}

function zonePart(key: string, node: DateNode, moment: Moment): string | null {
  const size = Math.abs(moment.offset);
  const sign = moment.offset >= 0 ? '+' : '-';
  switch (key) {
    case 'TZ':
      if (moment.isInterval) throw forbidden();
      return moment.zone === null
        ? ''
        : node.key === 'tz'
          ? moment.zone.toLowerCase()
          : moment.zone;
    case 'TZH':
      if (moment.isInterval) throw forbidden();
      return sign + number(Math.floor(size / 3600), 2, false);
    case 'TZM':
      if (moment.isInterval) throw forbidden();
      return number(Math.floor(size / 60) % 60, 2, false);
    case 'OF': {
      if (moment.isInterval) throw forbidden();
      const minutes = Math.floor(size / 60) % 60;
      const seconds = size % 60;
      let text = sign + number(Math.floor(size / 3600), 2, node.isFill);
      if (minutes !== 0 || seconds !== 0) text += `:${number(minutes, 2, false)}`;
      if (seconds !== 0) text += `:${number(seconds, 2, false)}`;
      return text;
    }
    default:
      return null;
  }
}

/** Text of a name in the case of its keyword, padded to nine characters unless FM. */
function cased(key: string, name: string, isPadded: boolean): string {
  const text =
    key === key.toUpperCase()
      ? name.toUpperCase()
      : key === key.toLowerCase()
        ? name.toLowerCase()
        : name;
  return isPadded ? text.padEnd(9) : text;
}

function namePart(key: string, upper: string, node: DateNode, moment: Moment): string | null {
  switch (upper) {
    case 'AM':
    case 'PM':
    case 'A.M.':
    case 'P.M.': {
      const isPm = moment.hour % 24 >= 12;
      const text = upper.includes('.') ? (isPm ? 'P.M.' : 'A.M.') : isPm ? 'PM' : 'AM';
      return key === upper ? text : text.toLowerCase();
    }
    case 'AD':
    case 'BC':
    case 'A.D.':
    case 'B.C.': {
      if (moment.isInterval) throw forbidden();
      const isBc = moment.year <= 0;
      const text = upper.includes('.') ? (isBc ? 'B.C.' : 'A.D.') : isBc ? 'BC' : 'AD';
      return key === upper ? text : text.toLowerCase();
    }
    case 'MONTH':
    case 'MON': {
      if (moment.isInterval) throw forbidden();
      if (moment.month === 0) return '';
      const name = monthNames[moment.month - 1]!;
      return cased(
        key,
        upper === 'MON' ? name.slice(0, 3) : name,
        upper === 'MONTH' && !node.isFill && !node.isTranslated,
      );
    }
    case 'DAY':
    case 'DY': {
      if (moment.isInterval) throw forbidden();
      const name = dayNames[moment.weekday]!;
      return cased(
        key,
        upper === 'DY' ? name.slice(0, 3) : name,
        upper === 'DAY' && !node.isFill && !node.isTranslated,
      );
    }
    case 'RM':
      return romanMonth(key, node, moment);
    default:
      return null;
  }
}

function romanMonth(key: string, node: DateNode, moment: Moment): string {
  if (moment.month === 0 && moment.year === 0) return '';
  const index =
    moment.month === 0
      ? moment.year >= 0
        ? 11
        : 0
      : moment.month < 0
        ? 12 + moment.month
        : moment.month - 1;
  const name = romanMonths[moment.month < 0 ? (index - 1 < 0 ? 11 : index) : index] ?? '';
  const text = key === 'rm' ? name.toLowerCase() : name;
  return node.isFill ? text : text.padEnd(4);
}

function yearPart(key: string, node: DateNode, moment: Moment): string | null {
  const year =
    key.startsWith('I') && !moment.isInterval && key !== 'ID' && key !== 'IDDD' && key !== 'IW'
      ? isoWeek(moment.days).year
      : moment.year;
  const shown = shownYear(moment, year);
  switch (key) {
    case 'Y,YYY': {
      const thousands = Math.trunc(shown / 1000);
      return `${thousands},${number(shown - thousands * 1000, 3, false)}`;
    }
    case 'YYYY':
    case 'IYYY':
      return number(shown, 4, node.isFill);
    case 'YYY':
    case 'IYY':
      return number(shown % 1000, 3, node.isFill);
    case 'YY':
    case 'IY':
      return number(shown % 100, 2, node.isFill);
    case 'Y':
    case 'I':
      return number(shown % 10, 1, node.isFill);
    case 'CC': {
      const century = moment.isInterval
        ? Math.trunc(moment.year / 100)
        : moment.year > 0
          ? Math.trunc((moment.year - 1) / 100) + 1
          : Math.trunc(moment.year / 100) - 1;
      return Math.abs(century) <= 99 ? number(century, 2, node.isFill) : String(century);
    }
    default:
      return null;
  }
}

function dayPart(key: string, node: DateNode, moment: Moment): string | null {
  const {isFill} = node;
  switch (key) {
    case 'MM':
      return number(moment.month, 2, isFill);
    case 'DD':
      return narrow(moment.day, 2, isFill);
    case 'DDD':
      return narrow(moment.yearDay, 3, isFill);
    case 'IDDD':
      return number(isoYearDay(moment), 3, isFill);
    case 'D':
      if (moment.isInterval) throw forbidden();
      return String(moment.weekday + 1);
    case 'ID':
      if (moment.isInterval) throw forbidden();
      return String(moment.weekday === 0 ? 7 : moment.weekday);
    case 'WW':
      return narrow(Math.trunc((moment.yearDay - 1) / 7) + 1, 2, isFill);
    case 'IW':
      return number(isoWeek(moment.days).week, 2, isFill);
    case 'W':
      return String(Math.trunc((moment.day - 1) / 7) + 1);
    case 'Q':
      return moment.month === 0 ? '' : String(Math.trunc((moment.month - 1) / 3) + 1);
    case 'J':
      return String(moment.isInterval ? julianOf(moment) : moment.days + EPOCH_JULIAN);
    default:
      return null;
  }
}

function julianOf(moment: Moment): number {
  return daysFromDate(moment.year, moment.month, moment.day) + EPOCH_JULIAN;
}

function isoYearDay(moment: Moment): number {
  const {week} = isoWeek(moment.days);
  return (week - 1) * 7 + (moment.weekday === 0 ? 7 : moment.weekday);
}

/** Keeps the parsed format of the last call. */
function formatted(
  convert: (nodes: readonly DateNode[], value: never, context: EvalContext) => string | null,
): FunctionCode {
  return {
    fnTyped: types => {
      let last: string | null = null;
      let nodes: readonly DateNode[] = [];
      return (value: never, text: string) => {
        if (text === '') return null;
        if (text !== last) {
          nodes = parseDateFormat(text);
          last = text;
        }
        return convert(nodes, value, types.context());
      };
    },
  };
}

/** to_char of dates and times. */
export const toCharDateFunctions: FunctionTable = {
  timestamp_to_char: formatted((nodes, local: bigint) =>
    isInfiniteTimestamp(local) ? null : format(nodes, momentOf(local, 0, null)),
  ),
  timestamptz_to_char: formatted((nodes, utc: bigint, context) => {
    if (isInfiniteTimestamp(utc)) return null;
    const zone = sessionZone(context);
    const seconds = secondsOfTimestamp(utc);
    return format(
      nodes,
      momentOf(localFromUtc(utc, zone), zone.offsetAt(seconds), zone.abbreviationAt(seconds)),
    );
  }),
  interval_to_char: formatted((nodes, span: Interval) => format(nodes, momentOfInterval(span))),
};
