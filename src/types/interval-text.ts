import type {FormatSettings} from './contract.ts';
import {fractionText} from './datetime-format.ts';
import type {Interval} from './interval-value.ts';

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  micros: number;
}

function partsOf(span: Interval): Parts {
  const seconds = Number(span.micros / 1_000_000n);
  const hour = Math.trunc(seconds / 3600);
  const inHour = seconds - hour * 3600;
  const minute = Math.trunc(inHour / 60);
  return {
    year: Math.trunc(span.months / 12),
    month: span.months % 12,
    day: span.days,
    hour,
    minute,
    second: inHour - minute * 60,
    micros: Number(span.micros % 1_000_000n),
  };
}

/** Interval under an IntervalStyle. */
export function intervalToText(span: Interval, settings: FormatSettings): string {
  const parts = partsOf(span);
  switch (settings.intervalStyle) {
    case 'postgres':
      return postgresText(parts);
    case 'postgres_verbose':
      return verboseText(parts);
    case 'sql_standard':
      return standardText(parts);
    case 'iso_8601':
      return isoText(parts);
  }
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function clock(parts: Parts): string {
  const second = two(Math.abs(parts.second)) + fractionText(Math.abs(parts.micros));
  return `${two(Math.abs(parts.minute))}:${second}`;
}

function isTimeNegative(parts: Parts): boolean {
  return parts.hour < 0 || parts.minute < 0 || parts.second < 0 || parts.micros < 0;
}

function hasTime(parts: Parts): boolean {
  return parts.hour !== 0 || parts.minute !== 0 || parts.second !== 0 || parts.micros !== 0;
}

function postgresText(parts: Parts): string {
  let text = '';
  let isBefore = false;
  const units = [
    [parts.year, 'year'],
    [parts.month, 'mon'],
    [parts.day, 'day'],
  ] as const;
  for (const [value, unit] of units) {
    if (value === 0) continue;
    const sign = isBefore && value > 0 ? '+' : '';
    text += `${text === '' ? '' : ' '}${sign}${value} ${unit}${value === 1 ? '' : 's'}`;
    isBefore = value < 0;
  }
  if (text !== '' && !hasTime(parts)) return text;
  const sign = isTimeNegative(parts) ? '-' : isBefore ? '+' : '';
  return `${text}${text === '' ? '' : ' '}${sign}${two(Math.abs(parts.hour))}:${clock(parts)}`;
}

function verboseText(parts: Parts): string {
  let text = '@';
  let isBefore: boolean | null = null;
  const units = [
    [parts.year, 'year'],
    [parts.month, 'mon'],
    [parts.day, 'day'],
    [parts.hour, 'hour'],
    [parts.minute, 'min'],
  ] as const;
  for (const [value, unit] of units) {
    if (value === 0) continue;
    isBefore ??= value < 0;
    const shown = isBefore ? -value : value;
    text += ` ${shown} ${unit}${shown === 1 ? '' : 's'}`;
  }
  if (parts.second !== 0 || parts.micros !== 0) {
    const isNegative = parts.second < 0 || parts.micros < 0;
    isBefore ??= isNegative;
    const sign = isNegative === isBefore ? '' : '-';
    const body = `${Math.abs(parts.second)}${fractionText(Math.abs(parts.micros))}`;
    text += ` ${sign}${body} sec${Math.abs(parts.second) !== 1 || parts.micros !== 0 ? 's' : ''}`;
  }
  if (text === '@') return '@ 0';
  return isBefore === true ? `${text} ago` : text;
}

function standardText(source: Parts): string {
  const values = [
    source.year,
    source.month,
    source.day,
    source.hour,
    source.minute,
    source.second,
    source.micros,
  ];
  const hasNegative = values.some(value => value < 0);
  const hasPositive = values.some(value => value > 0);
  const hasYearMonth = source.year !== 0 || source.month !== 0;
  const hasDayTime = source.day !== 0 || hasTime(source);
  if (!hasNegative && !hasPositive) return '0';
  if ((hasNegative && hasPositive) || (hasYearMonth && hasDayTime)) {
    const yearSign = source.year < 0 || source.month < 0 ? '-' : '+';
    const daySign = source.day < 0 ? '-' : '+';
    const timeSign = isTimeNegative(source) ? '-' : '+';
    const yearMonth = `${yearSign}${Math.abs(source.year)}-${Math.abs(source.month)}`;
    return `${yearMonth} ${daySign}${Math.abs(source.day)} ${timeSign}${Math.abs(source.hour)}:${clock(source)}`;
  }
  const sign = hasNegative ? '-' : '';
  if (hasYearMonth) return `${sign}${Math.abs(source.year)}-${Math.abs(source.month)}`;
  const time = `${Math.abs(source.hour)}:${clock(source)}`;
  return source.day !== 0 ? `${sign}${Math.abs(source.day)} ${time}` : sign + time;
}

function isoText(parts: Parts): string {
  let text = 'P';
  if (parts.year !== 0) text += `${parts.year}Y`;
  if (parts.month !== 0) text += `${parts.month}M`;
  if (parts.day !== 0) text += `${parts.day}D`;
  if (hasTime(parts)) {
    text += 'T';
    if (parts.hour !== 0) text += `${parts.hour}H`;
    if (parts.minute !== 0) text += `${parts.minute}M`;
    if (parts.second !== 0 || parts.micros !== 0) {
      const sign = parts.second < 0 || parts.micros < 0 ? '-' : '';
      text += `${sign}${Math.abs(parts.second)}${fractionText(Math.abs(parts.micros))}S`;
    }
  }
  return text === 'P' ? 'PT0S' : text;
}
