// Hot path: order of strings by their UTF-8 bytes, without encoding them.
import {isUtf8} from 'node:buffer';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Order by UTF-8 bytes (collation C). JavaScript's own order differs only where surrogates meet U+E000..FFFF. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const size = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < size; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) {
      if (left >= 0xd800 && right >= 0xd800) return orderOf(left) - orderOf(right);
      return left - right;
    }
  }
  return a.length - b.length;
}

/** Moves surrogates above U+E000..FFFF. */
function orderOf(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** Number of characters (code points). */
export function characterCount(text: string): number {
  const size = text.length;
  let count = size;
  for (let i = 0; i < size; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--;
  }
  return count;
}

/** The first `count` characters (code points). */
export function firstCharacters(text: string, count: number): string {
  if (text.length <= count) return text;
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left--) {
    at += (text.charCodeAt(at) & 0xfc00) === 0xd800 ? 2 : 1;
  }
  return text.slice(0, at);
}

/** Cuts to at most `limit` UTF-8 bytes without splitting a character, as identifiers are cut to 63. */
export function cutUtf8(text: string, limit: number): string {
  if (text.length * 3 <= limit) return text;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= limit) return text;
  let end = limit;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** UTF-8 bytes as a string; refuses what is no UTF-8 and NUL (22021, PostgreSQL's text). */
export function decodeUtf8(bytes: Buffer, start = 0, end = bytes.length): string {
  const text = bytes.utf8Slice(start, end);
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) {
    throw invalidUtf8(bytes, start, end);
  }
  if (text.includes('\0')) throw encodingError('0x00');
  return text;
}

function invalidUtf8(bytes: Buffer, start: number, end: number): PgError {
  let at = start;
  while (at < end) {
    const size = sequenceLength(bytes[at]!);
    if (at + size > end || !isUtf8(bytes.subarray(at, at + size))) {
      const bad = bytes.subarray(at, Math.min(at + size, end));
      return encodingError(
        [...bad].map(byte => `0x${byte.toString(16).padStart(2, '0')}`).join(' '),
      );
    }
    at += size;
  }
  return encodingError('');
}

function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if ((lead & 0xe0) === 0xc0) return 2;
  if ((lead & 0xf0) === 0xe0) return 3;
  return (lead & 0xf8) === 0xf0 ? 4 : 1;
}

function encodingError(bytes: string): PgError {
  return new PgError(
    SqlState.characterNotInRepertoire,
    `invalid byte sequence for encoding "UTF8": ${bytes}`,
  );
}
