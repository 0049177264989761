// Hot path: dates and times of COPY, read from bytes.
import {daysFromDate, daysInMonth, MICROS_PER_DAY} from '../types/datetime-calendar.ts';

/** Reads `YYYY-MM-DD[( |T)HH:MM:SS[.ffffff][Z|+HH[:MM]]]`, the form that PostgreSQL and drivers write; NaN for anything else. */
export class IsoTimes {
  /** Of the timestamp that was read last: whether it has a zone, and its seconds east of UTC. */
  isZoned = false;
  zone = 0;
  /** Days follow each other in most files. */
  #knownDate = -1;
  #knownDays = 0;

  /** Days since 2000-01-01 of the ten bytes at a position. */
  days(buffer: Buffer, at: number): number {
    if (buffer[at + 4] !== 45 || buffer[at + 7] !== 45) return NaN;
    const year = twoDigits(buffer, at) * 100 + twoDigits(buffer, at + 2);
    const month = twoDigits(buffer, at + 5);
    const day = twoDigits(buffer, at + 8);
    // NaN in any part makes the whole NaN.
    const date = (year * 100 + month) * 100 + day;
    if (date === this.#knownDate) return this.#knownDays;
    if (!(year > 0 && month >= 1 && month <= 12 && day >= 1)) return NaN;
    if (day > daysInMonth(year, month)) return NaN;
    this.#knownDate = date;
    this.#knownDays = daysFromDate(year, month, day);
    return this.#knownDays;
  }

  /** Microseconds since 2000-01-01 00:00 as written, without regard to the zone. */
  timestamp(buffer: Buffer, start: number, end: number): number {
    this.isZoned = false;
    const size = end - start;
    if (size < 10) return NaN;
    const days = this.days(buffer, start);
    if (size === 10) return days * MICROS_PER_DAY;
    const separator = buffer[start + 10];
    if (size < 19 || (separator !== 32 && separator !== 84)) return NaN;
    if (buffer[start + 13] !== 58 || buffer[start + 16] !== 58) return NaN;
    const hour = twoDigits(buffer, start + 11);
    const minute = twoDigits(buffer, start + 14);
    const second = twoDigits(buffer, start + 17);
    if (!(hour <= 23 && minute <= 59 && second <= 59)) return NaN;
    let at = start + 19;
    let micros = 0;
    if (at < end && buffer[at] === 46) {
      let unit = 100_000;
      for (at++; at < end; at++) {
        const digit = buffer[at]! - 48;
        if (digit < 0 || digit > 9) break;
        if (unit < 1) return NaN;
        micros += digit * unit;
        unit /= 10;
      }
    }
    if (at < end) {
      this.isZoned = true;
      this.zone = zoneOf(buffer, at, end);
      if (this.zone !== this.zone) return NaN;
    }
    return days * MICROS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
  }
}

/** Seconds east of UTC of `Z`, `+HH` or `+HH:MM` up to the end. */
function zoneOf(buffer: Buffer, at: number, end: number): number {
  const sign = buffer[at];
  if (sign === 90) return at + 1 === end ? 0 : NaN;
  if (sign !== 43 && sign !== 45) return NaN;
  const hours = twoDigits(buffer, at + 1);
  let minutes = 0;
  if (end === at + 6 && buffer[at + 3] === 58) minutes = twoDigits(buffer, at + 4);
  else if (end !== at + 3) return NaN;
  if (!(hours <= 15 && minutes <= 59)) return NaN;
  const size = hours * 3600 + minutes * 60;
  return sign === 45 ? 0 - size : size;
}

function twoDigits(buffer: Buffer, at: number): number {
  const tens = buffer[at]! - 48;
  const ones = buffer[at + 1]! - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}
