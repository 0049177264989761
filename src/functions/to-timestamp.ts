import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  DATE_END,
  DATE_MIN,
  dateFromDays,
  dayOfWeek,
  daysFromDate,
  daysInMonth,
  EPOCH_JULIAN,
  isLeapYear,
  isTimestampInRange,
  timestampFromDay,
} from '../types/datetime-calendar.ts';
import {utcFromLocal} from '../types/datetime-math.ts';
import type {EvalContext, FunctionCode} from './contract.ts';
import {parseDateFormat} from './format-date.ts';
import type {DateFields} from './read-date.ts';
import {DateReader} from './read-date.ts';
import {sessionZone} from './session-clock.ts';
import type {FunctionTable} from './table.ts';

interface Result {
  readonly days: number;
  readonly micros: number;
  /** Seconds east of UTC when the format had a zone. */
  readonly offset: number | null;
}

interface Calendar {
  year: number;
  month: number;
  day: number;
  hasYear: boolean;
  hasMonth: boolean;
  hasDay: boolean;
}

const overflow = (text: string): PgError =>
  new PgError(SqlState.datetimeFieldOverflow, `date/time field value out of range: "${text}"`);
const badFormat = (text: string, hint?: string): PgError =>
  new PgError(SqlState.invalidDatetimeFormat, text, hint === undefined ? {} : {hint});

function readMoment(text: string, pattern: string): Result {
  const fields = new DateReader(text, parseDateFormat(pattern)).read();
  const clock = clockOf(fields);
  const calendar = calendarOf(fields);
  if (!isValidDate(calendar)) throw overflow(text);
  const {hour, minute, second, micros} = clock;
  if (
    hour < 0 ||
    hour >= 24 ||
    minute < 0 ||
    minute >= 60 ||
    second < 0 ||
    second >= 60 ||
    micros < 0 ||
    micros >= 1_000_000
  )
    throw overflow(text);
  let offset: number | null = null;
  if (fields.zoneSign !== 0) {
    if (
      fields.zoneHour < 0 ||
      fields.zoneHour > 15 ||
      fields.zoneMinute < 0 ||
      fields.zoneMinute >= 60
    )
      throw overflow(text);
    offset = fields.zoneSign * (fields.zoneHour * 3600 + fields.zoneMinute * 60);
  }
  const days = daysFromDate(calendar.year, calendar.month, calendar.day);
  return {days, micros: ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros, offset};
}

function clockOf(fields: DateFields): {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
} {
  let hour = Math.trunc(fields.ssss / 3600);
  const minute = fields.mi !== 0 ? fields.mi : Math.trunc((fields.ssss % 3600) / 60);
  const second = fields.ss !== 0 ? fields.ss : fields.ssss % 60;
  if (fields.hh !== 0) hour = fields.hh;
  if (fields.isTwelveHour) {
    if (hour < 1 || hour > 12)
      throw badFormat(
        `hour "${hour}" is invalid for the 12-hour clock`,
        'Use the 24-hour clock, or give an hour between 1 and 12.',
      );
    if (fields.pm === 1 && hour < 12) hour += 12;
    else if (fields.pm === 0 && hour === 12) hour = 0;
  }
  return {hour, minute, second, micros: fields.ms * 1000 + fields.us};
}

function calendarOf(fields: DateFields): Calendar {
  const calendar: Calendar = {
    year: 0,
    month: 1,
    day: 1,
    hasYear: false,
    hasMonth: false,
    hasDay: false,
  };
  setYear(fields, calendar);
  if (fields.j !== 0) setDays(calendar, fields.j - EPOCH_JULIAN);
  if (fields.ww !== 0) {
    if (fields.mode === 'iso')
      setDays(
        calendar,
        isoWeekStart(calendar.year, fields.ww) + (fields.d === 0 ? 0 : (fields.d + 5) % 7),
      );
    else fields.ddd = (fields.ww - 1) * 7 + 1;
  }
  if (fields.w !== 0) fields.dd = (fields.w - 1) * 7 + 1;
  if (fields.dd !== 0) {
    calendar.day = fields.dd;
    calendar.hasDay = true;
  }
  if (fields.mm !== 0) {
    calendar.month = fields.mm;
    calendar.hasMonth = true;
  }
  if (fields.ddd !== 0 && (calendar.month <= 1 || calendar.day <= 1))
    setDayOfYear(fields, calendar);
  return calendar;
}

function setYear(fields: DateFields, calendar: Calendar): void {
  const century = fields.bc === 1 ? -fields.cc : fields.cc;
  if (fields.year !== 0) {
    if (fields.cc !== 0 && fields.yearDigits <= 2) {
      const year = fields.year % 100;
      if (year !== 0)
        calendar.year = century >= 0 ? year + (century - 1) * 100 : (century + 1) * 100 - year + 1;
      else calendar.year = century * 100 + (century >= 0 ? 0 : 1);
    } else {
      const year = fields.bc === 1 ? -fields.year : fields.year;
      calendar.year = year < 0 ? year + 1 : year;
    }
    calendar.hasYear = true;
  } else if (fields.cc !== 0) {
    calendar.year = century >= 0 ? (century - 1) * 100 + 1 : century * 100 + 1;
    calendar.hasYear = true;
  }
}

function setDays(calendar: Calendar, days: number): void {
  const {year, month, day} = dateFromDays(days);
  Object.assign(calendar, {year, month, day, hasYear: true, hasMonth: true, hasDay: true});
}

/** Monday of an ISO week. */
function isoWeekStart(year: number, week: number): number {
  const fourth = daysFromDate(year, 1, 4);
  return fourth - ((dayOfWeek(fourth) + 6) % 7) + (week - 1) * 7;
}

function setDayOfYear(fields: DateFields, calendar: Calendar): void {
  if (calendar.year === 0 && fields.bc === 0)
    throw badFormat('cannot calculate day of year without year information');
  if (fields.mode === 'iso') {
    setDays(calendar, isoWeekStart(calendar.year, 1) - 1 + fields.ddd);
    return;
  }
  let month = 1;
  let before = 0;
  while (month <= 12 && fields.ddd > before + daysInMonth(calendar.year, month))
    before += daysInMonth(calendar.year, month++);
  if (calendar.month <= 1) calendar.month = month;
  if (calendar.day <= 1) calendar.day = fields.ddd - before;
  calendar.hasMonth = true;
  calendar.hasDay = true;
}

function isValidDate({year, month, day, hasYear, hasMonth, hasDay}: Calendar): boolean {
  if (hasMonth && (month < 1 || month > 12)) return false;
  if (hasDay && (day < 1 || day > 31)) return false;
  const limit =
    month === 2 && isLeapYear(year)
      ? 29
      : month >= 1 && month <= 12
        ? daysInMonth(year, month)
        : 31;
  return !(hasYear && hasMonth && hasDay) || day <= limit;
}

const toDate: FunctionCode = {
  fn: (text: string, pattern: string) => {
    const {days} = readMoment(text, pattern);
    if (days < DATE_MIN || days >= DATE_END)
      throw new PgError(SqlState.datetimeFieldOverflow, `date out of range: "${text}"`);
    return days;
  },
};

/** to_date and to_timestamp. */
export const toTimestampFunctions: FunctionTable = {
  to_date: toDate,
  to_timestamp: {
    fnCtx: (text: string, pattern: string, context: EvalContext) => {
      const {days, micros, offset} = readMoment(text, pattern);
      const local = timestampFromDay(days, micros);
      if (!isTimestampInRange(local))
        throw new PgError(SqlState.datetimeFieldOverflow, 'timestamp out of range');
      return offset === null
        ? utcFromLocal(local, sessionZone(context))
        : local - BigInt(offset) * 1_000_000n;
    },
  },
};
