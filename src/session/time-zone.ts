import {findZone} from '../types/datetime-zone.ts';
import {invalid} from './setting-values.ts';

/**
 * Checks and canonicalises a time zone name: an IANA name, an abbreviation, or an offset in hours (POSIX sign in names,
 * ISO in numbers).
 */
export function checkTimeZone(value: string): string {
  const text = value.trim();
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return offsetName(Number(text) * 3600);
  const interval = /^([+-]?)(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (interval !== null) {
    const seconds =
      Number(interval[2]) * 3600 + Number(interval[3]) * 60 + Number(interval[4] ?? 0);
    return offsetName(interval[1] === '-' ? -seconds : seconds);
  }
  const lower = text.toLowerCase();
  if (lower === 'default' || lower === 'local') return 'UTC';
  const known = ianaName(text);
  if (known !== null) return known;
  if (findZone(text) !== null) return text.toUpperCase();
  throw invalid(`invalid value for parameter "TimeZone": "${value}"`);
}

/** PostgreSQL prints numeric zones as `<+05>-05`. */
function offsetName(seconds: number): string {
  const sign = seconds < 0 ? '-' : '+';
  const absolute = Math.abs(seconds);
  const hours = String(Math.floor(absolute / 3600)).padStart(2, '0');
  const minutes = Math.floor((absolute % 3600) / 60);
  const rest = minutes === 0 ? '' : `:${String(minutes).padStart(2, '0')}`;
  return `<${sign}${hours}${rest}>${sign === '-' ? '+' : '-'}${hours}${rest}`;
}

function ianaName(text: string): string | null {
  if (/^(utc|gmt|z|zulu|uct|universal)$/i.test(text))
    return /^(utc|gmt)$/i.test(text) ? text.toUpperCase() : text;
  if (!/^[a-z][\w+/-]*$/i.test(text)) return null;
  try {
    new Intl.DateTimeFormat('en', {timeZone: text});
  } catch {
    return null;
  }
  return canonicalCase(text);
}

/** Names keep PostgreSQL's spelling whatever case the client used. */
function canonicalCase(text: string): string {
  const lower = text.toLowerCase();
  for (const zone of Intl.supportedValuesOf('timeZone'))
    if (zone.toLowerCase() === lower) return zone;
  return text;
}
