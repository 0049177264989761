// Hot path: dates and timestamps as text. ISO goes straight into the buffer; other styles are strings.
import type {ByteWriter} from '../common/byte-writer.ts';
import type {FormatSettings} from './contract.ts';
import {
  DATE_INFINITY,
  DATE_MINUS_INFINITY,
  dateFromDays,
  dayOfTimestamp,
  dayOfWeek,
  isInfiniteTimestamp,
  microsOfTimestamp,
  TIMESTAMP_INFINITY,
} from './datetime-calendar.ts';
import type {DateTimeFields} from './datetime-calendar.ts';
import {offsetText} from './datetime-zone.ts';

const monthNames = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
];
const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** `04:05:06.789`: seconds with a fraction only where it is not 0. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const hours = Math.floor(seconds / 3600);
  return `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${fractionText(micros % 1_000_000)}`;
}

/** `.789`, or nothing for 0. */
export function fractionText(micros: number): string {
  if (micros === 0) return '';
  let text = String(micros).padStart(6, '0');
  let end = 6;
  while (text.charCodeAt(end - 1) === 48) end--;
  text = text.slice(0, end);
  return `.${text}`;
}

/** Date under a DateStyle. */
export function dateToText(days: number, settings: FormatSettings): string {
  if (days === DATE_INFINITY) return 'infinity';
  if (days === DATE_MINUS_INFINITY) return '-infinity';
  const fields = dateFromDays(days);
  return calendarText(fields, settings) + eraText(fields);
}

function yearText(fields: DateTimeFields): string {
  const year = fields.year > 0 ? fields.year : 1 - fields.year;
  return year > 999 ? String(year) : String(year).padStart(4, '0');
}

function eraText(fields: DateTimeFields): string {
  return fields.year > 0 ? '' : ' BC';
}

function calendarText(fields: DateTimeFields, settings: FormatSettings): string {
  const year = yearText(fields);
  const month = two(fields.month);
  const day = two(fields.day);
  switch (settings.dateStyle) {
    case 'ISO':
      return `${year}-${month}-${day}`;
    case 'German':
      return `${day}.${month}.${year}`;
    case 'SQL':
      return settings.dateOrder === 'DMY' ? `${day}/${month}/${year}` : `${month}/${day}/${year}`;
    case 'Postgres':
      return settings.dateOrder === 'DMY' ? `${day}-${month}-${year}` : `${month}-${day}-${year}`;
  }
}

/** Timestamp under a DateStyle; `offset` and `abbreviation` are those of timestamptz, null without zone. `timestamp` is local. */
export function timestampToText(
  timestamp: bigint,
  settings: FormatSettings,
  offset: number | null,
  abbreviation: string | null,
): string {
  if (isInfiniteTimestamp(timestamp)) {
    return timestamp === TIMESTAMP_INFINITY ? 'infinity' : '-infinity';
  }
  const days = dayOfTimestamp(timestamp);
  const fields = dateFromDays(days);
  const time = timeText(microsOfTimestamp(timestamp));
  const era = eraText(fields);
  if (settings.dateStyle === 'ISO') {
    const zone = offset === null ? '' : offsetText(offset);
    return `${calendarText(fields, settings)} ${time}${zone}${era}`;
  }
  const zone = abbreviation === null ? '' : ` ${abbreviation}`;
  if (settings.dateStyle !== 'Postgres') {
    return `${calendarText(fields, settings)} ${time}${zone}${era}`;
  }
  const month = monthNames[fields.month - 1]!;
  const date =
    settings.dateOrder === 'DMY' ? `${two(fields.day)} ${month}` : `${month} ${two(fields.day)}`;
  return `${dayNames[dayOfWeek(days)]!} ${date} ${time} ${yearText(fields)}${zone}${era}`;
}

function put2(buffer: Buffer, at: number, value: number): void {
  const tens = (value / 10) | 0;
  buffer[at] = 48 + tens;
  buffer[at + 1] = 48 + value - tens * 10;
}

/** Writes `YYYY-MM-DD`; false (nothing written) when the year has not four digits. */
export function writeIsoDate(days: number, out: ByteWriter): boolean {
  if (days < -730119 || days > 2921939) return false;
  out.ensure(10);
  const {buffer, length} = out;
  // dateFromDays in 32-bit integers: all terms are positive in this range.
  const z = (days + 730425) | 0;
  const era = (z / 146097) | 0;
  const dayOfEra = z - era * 146097;
  const yearOfEra =
    ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36524) | 0) - ((dayOfEra / 146096) | 0)) /
      365) |
    0;
  const dayOfYear = dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0));
  const m = ((5 * dayOfYear + 2) / 153) | 0;
  const month = m < 10 ? m + 3 : m - 9;
  const day = dayOfYear - (((153 * m + 2) / 5) | 0) + 1;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const century = (year / 100) | 0;
  put2(buffer, length, century);
  put2(buffer, length + 2, year - century * 100);
  buffer[length + 4] = 45;
  put2(buffer, length + 5, month);
  buffer[length + 7] = 45;
  put2(buffer, length + 8, day);
  out.length = length + 10;
  return true;
}

/** Writes `HH:MM:SS[.ffffff]`. */
export function writeIsoTime(micros: number, out: ByteWriter): void {
  out.ensure(15);
  const {buffer, length} = out;
  const seconds = Math.floor(micros / 1_000_000);
  const hours = (seconds / 3600) | 0;
  const minutes = ((seconds - hours * 3600) / 60) | 0;
  put2(buffer, length, hours);
  buffer[length + 2] = 58;
  put2(buffer, length + 3, minutes);
  buffer[length + 5] = 58;
  put2(buffer, length + 6, seconds - hours * 3600 - minutes * 60);
  let at = length + 8;
  let rest = micros - seconds * 1_000_000;
  if (rest !== 0) {
    buffer[at++] = 46;
    for (let unit = 100_000; rest > 0; unit /= 10) {
      const digit = (rest / unit) | 0;
      buffer[at++] = 48 + digit;
      rest -= digit * unit;
    }
  }
  out.length = at;
}

/** Writes a finite timestamp in ISO style; false when its year has not four digits. */
export function writeIsoTimestamp(timestamp: bigint, out: ByteWriter): boolean {
  if (!writeIsoDate(dayOfTimestamp(timestamp), out)) return false;
  out.byte(32);
  writeIsoTime(microsOfTimestamp(timestamp), out);
  return true;
}
