import {createHash} from 'node:crypto';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {characterCount, firstCharacters} from '../types/text-compare.ts';
import {trimBlanks} from '../types/text.ts';
import type {FunctionCode} from './contract.ts';
import {initCap, lowerCase, sliceChars, upperCase} from './text-chars.ts';
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';

const MAX_SIZE = 0x3fffffff;
const tooLarge = (): PgError =>
  new PgError(SqlState.programLimitExceeded, 'requested length too large');
const negativeLength = (): PgError =>
  new PgError(SqlState.substringError, 'negative substring length not allowed');

/** substring(text from start for length). */
export function substring(text: string, start: number, length: number | null): string {
  if (length === null) return sliceChars(text, Math.max(start - 1, 0), text.length);
  const end = start - 1 + length;
  if (length < 0) {
    if (end > 2147483646) return sliceChars(text, Math.max(start - 1, 0), text.length);
    throw negativeLength();
  }
  return sliceChars(text, Math.max(start - 1, 0), Math.max(end, 0));
}

function overlay(text: string, replacement: string, start: number, length: number): string {
  if (start <= 0) throw negativeLength();
  if (start + length > 2147483647)
    throw new PgError(SqlState.numericValueOutOfRange, 'integer out of range');
  return substring(text, 1, start - 1) + replacement + substring(text, start + length, null);
}

/** Pads or cuts to `size` characters on one side. */
export function pad(text: string, size: number, fill: string, isLeft: boolean): string {
  const wanted = Math.max(size, 0);
  if (wanted * 4 > MAX_SIZE) throw tooLarge();
  const count = characterCount(text);
  if (count >= wanted) return firstCharacters(text, wanted);
  if (fill === '') return text;
  const fillCount = characterCount(fill);
  const missing = wanted - count;
  const padding = firstCharacters(fill.repeat(Math.ceil(missing / fillCount)), missing);
  return isLeft ? padding + text : text + padding;
}

/** Removes characters of `set` from the chosen ends. */
export function trimSet(text: string, set: string, atStart: boolean, atEnd: boolean): string {
  if (set === ' ' && !atStart) return trimBlanks(text);
  const members = new Set(set);
  let start = 0;
  let end = text.length;
  while (atStart && start < end) {
    const char = String.fromCodePoint(text.codePointAt(start)!);
    if (!members.has(char)) break;
    start += char.length;
  }
  while (atEnd && end > start) {
    const isPair = end - start > 1 && text.codePointAt(end - 2)! > 0xffff;
    const char = text.slice(end - (isPair ? 2 : 1), end);
    if (!members.has(char)) break;
    end -= char.length;
  }
  return text.slice(start, end);
}

/** strpos: 1-based, in characters; 0 when absent. */
export function position(text: string, part: string): number {
  const at = text.indexOf(part);
  return at === -1 ? 0 : characterCount(text.slice(0, at)) + 1;
}

/** Characters that are turned round at once. */
const SOME = 65_536;

/** The characters from last to first. */
function reversed(text: string): string {
  let result = '';
  let end = text.length;
  while (end > 0) {
    let start = Math.max(0, end - SOME);
    // A pair of surrogates stays together.
    if (start > 0 && text.codePointAt(start - 1)! > 0xffff) start--;
    result += [...text.slice(start, end)].reverse().join('');
    end = start;
  }
  return result;
}

function translate(text: string, from: string, to: string): string {
  const targets = [...to];
  const map = new Map<string, string>();
  [...from].forEach((char, index) => {
    if (!map.has(char)) map.set(char, targets[index] ?? '');
  });
  let result = '';
  for (const char of text) result += map.get(char) ?? char;
  return result;
}

/** split_part: the n-th field, from the end when negative. */
export function splitPart(text: string, delimiter: string, field: number): string {
  if (field === 0)
    throw new PgError(SqlState.invalidParameterValue, 'field position must not be zero');
  if (text === '') return '';
  if (delimiter === '') return field === 1 || field === -1 ? text : '';
  const parts = text.split(delimiter);
  return parts[field > 0 ? field - 1 : parts.length + field] ?? '';
}

function chr(code: number): string {
  if (code < 0)
    throw new PgError(SqlState.invalidParameterValue, 'character number must be positive');
  if (code === 0) throw new PgError(SqlState.programLimitExceeded, 'null character not permitted');
  if (code > 0x10ffff)
    throw new PgError(
      SqlState.programLimitExceeded,
      `requested character too large for encoding: ${code}`,
    );
  if (code >= 0xd800 && code <= 0xdfff) {
    throw new PgError(
      SqlState.programLimitExceeded,
      `requested character not valid for encoding: ${code}`,
    );
  }
  return String.fromCodePoint(code);
}

function repeat(text: string, count: number): string {
  if (count <= 0 || text === '') return '';
  if (Buffer.byteLength(text) * count + 4 > MAX_SIZE) throw tooLarge();
  return text.repeat(count);
}

function left(text: string, count: number): string {
  return firstCharacters(text, count >= 0 ? count : Math.max(characterCount(text) + count, 0));
}

function right(text: string, count: number): string {
  if (count === -2147483648) return text;
  const size = characterCount(text);
  return sliceChars(text, count >= 0 ? Math.max(size - count, 0) : -count, text.length);
}

const forms = ['NFC', 'NFD', 'NFKC', 'NFKD'];

function normalize(text: string, form: string): string {
  const name = form.toUpperCase();
  if (!forms.includes(name))
    throw new PgError(SqlState.invalidParameterValue, `invalid normalization form: ${form}`);
  return text.normalize(name);
}

function unistr(text: string): string {
  const bad = (): PgError =>
    new PgError(SqlState.syntaxError, 'invalid Unicode escape', {
      hint: 'Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.',
    });
  return text.replace(
    /\\(?:\\|([0-9a-fA-F]{4})|u([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|U([0-9a-fA-F]{8})|)/g,
    (whole, a, b, c, d) => {
      if (whole === '\\\\') return '\\';
      const hex = (a ?? b ?? c ?? d) as string | undefined;
      if (hex === undefined) throw bad();
      const code = Number.parseInt(hex, 16);
      if (code > 0x10ffff)
        throw new PgError(SqlState.syntaxError, 'invalid Unicode code point: ' + hex.toUpperCase());
      return code >= 0x10000 ? String.fromCodePoint(code) : String.fromCharCode(code);
    },
  );
}

/** Digest of text or bytes as lower-case hex. */
const md5 = (value: string | Uint8Array): string => createHash('md5').update(value).digest('hex');
const sha = (name: string): FunctionCode => ({
  fn: (value: Uint8Array): Uint8Array => createHash(name).update(value).digest(),
});
const text1 = (helper: (text: string) => unknown): FunctionCode => ({
  emit: a => `h.run(${a})`,
  helpers: {run: helper},
});
const utf8Length = (text: string): number => Buffer.byteLength(text, 'utf8');

function toHex(value: number | bigint): string {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value).toString(16);
  return (value >>> 0).toString(16);
}

/** Strings of 9.4, without patterns. */
export const textFunctions: FunctionTable = {
  textcat: {emit: (a, b) => `(${a} + ${b})`, isTotal: true},
  textlen: text1(characterCount),
  bpcharlen: text1((text: string) => characterCount(trimBlanks(text))),
  textoctetlen: text1(utf8Length),
  bpcharoctetlen: text1(utf8Length),
  lower: text1(lowerCase),
  upper: text1(upperCase),
  initcap: text1(initCap),
  lpad: {fn: (text: string, size: number, fill: string) => pad(text, size, fill, true)},
  rpad: {fn: (text: string, size: number, fill: string) => pad(text, size, fill, false)},
  ltrim: {fn: (text: string, set: string) => trimSet(text, set, true, false)},
  rtrim: {fn: (text: string, set: string) => trimSet(text, set, false, true)},
  btrim: {fn: (text: string, set: string) => trimSet(text, set, true, true)},
  ltrim1: {fn: (text: string) => text.replace(/^ +/, '')},
  rtrim1: {fn: trimBlanks},
  btrim1: {fn: (text: string) => trimBlanks(text).replace(/^ +/, '')},
  ascii: {fn: (text: string) => text.codePointAt(0) ?? 0},
  chr: {fn: chr},
  repeat: {fn: repeat},
  replace_text: {
    fn: (text: string, from: string, to: string) =>
      from === '' ? text : text.replaceAll(from, () => to),
  },
  translate: {fn: translate},
  split_part: {fn: splitPart},
  text_left: {fn: left},
  text_right: {fn: right},
  text_reverse: {fn: (text: string) => reversed(text)},
  textpos: {fn: position},
  text_substr: {fn: substring},
  text_substr_no_len: {fn: (text: string, start: number) => substring(text, start, null)},
  textoverlay: {fn: overlay},
  textoverlay_no_len: {
    fn: (text: string, part: string, start: number) =>
      overlay(text, part, start, characterCount(part)),
  },
  text_starts_with: {fn: (text: string, prefix: string) => text.startsWith(prefix)},
  ...alias(['md5_text', 'md5_bytea'], {fn: md5}),
  sha224_bytea: sha('sha224'),
  sha256_bytea: sha('sha256'),
  sha384_bytea: sha('sha384'),
  sha512_bytea: sha('sha512'),
  ...alias(['to_hex32', 'to_hex64'], {fn: toHex}),
  unistr: {fn: unistr},
  unicode_normalize_func: {fn: normalize},
  unicode_is_normalized: {fn: (text: string, form: string) => normalize(text, form) === text},
  nameconcatoid: {
    fn: (name: string, oid: number) => `${name.slice(0, 63 - `_${oid}`.length)}_${oid}`,
  },
};
