// Hot path: pattern matching of 9.7. Each call site keeps its compiled patterns.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum} from '../types/contract.ts';
import {characterCount} from '../types/text-compare.ts';
import type {FunctionCode, SetFunctionCode} from './contract.ts';
import type {LikePattern} from './like.ts';
import {compileLike} from './like.ts';
import type {RegexMatch} from './regex.ts';
import {groupCount, groupText, invalidOption, RegexCache} from './regex.ts';
import {similarToRegex} from './similar.ts';
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';
import {lowerCase, sliceChars} from './text-chars.ts';

/** LIKE with the last pattern kept; `isFolded` for ILIKE. */
function like(isNegated: boolean, isFolded: boolean): FunctionCode {
  return {
    fnTyped: () => {
      let last: string | null = null;
      let compiled: LikePattern = compileLike('');
      return (text: string, pattern: string) => {
        if (pattern !== last) {
          compiled = compileLike(isFolded ? lowerCase(pattern) : pattern);
          last = pattern;
        }
        return compiled.test(isFolded ? lowerCase(text) : text) !== isNegated;
      };
    },
  };
}

const decode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function bytesLike(isNegated: boolean): FunctionCode {
  return {
    fn: (bytes: Uint8Array, pattern: Uint8Array) =>
      compileLike(decode(pattern)).test(decode(bytes)) !== isNegated,
  };
}

function regex(isNegated: boolean, flags: string): FunctionCode {
  return {
    fnTyped: types => {
      const cache = new RegexCache(types.context);
      return (text: string, pattern: string) => cache.test(text, pattern, flags) !== isNegated;
    },
  };
}

/** like_escape: the pattern with `escape` replaced by backslash. */
function likeEscape(pattern: string, escape: string): string {
  if (escape === '') return pattern.replaceAll('\\', '\\\\');
  if ([...escape].length !== 1) throw invalidEscape();
  if (escape === '\\') return pattern;
  let result = '';
  let isEscaped = false;
  for (const char of pattern) {
    if (char === escape && !isEscaped) {
      result += '\\';
      isEscaped = true;
    } else {
      result += char === '\\' && !isEscaped ? '\\\\' : char;
      isEscaped = false;
    }
  }
  return result;
}

/** 22025 of LIKE ... ESCAPE and SIMILAR TO ... ESCAPE. */
function invalidEscape(): PgError {
  return new PgError(SqlState.invalidEscapeSequence, 'invalid escape string', {
    hint: 'Escape string must be empty or one character.',
  });
}

interface Flags {
  readonly options: string;
  readonly isGlobal: boolean;
}

function parseFlags(flags: string): Flags {
  for (const letter of flags) if (!'gicnmpswxtqbe'.includes(letter)) throw invalidOption(letter);
  return {options: flags.replaceAll('g', ''), isGlobal: flags.includes('g')};
}

function noGlobal(flags: string, name: string): string {
  const {options, isGlobal} = parseFlags(flags);
  if (isGlobal)
    throw new PgError(
      SqlState.invalidParameterValue,
      `${name} does not support the "global" option`,
    );
  return options;
}

/** Every match; an empty one is not looked for where the one before ended. */
function* matchesOf(
  cache: RegexCache,
  text: string,
  pattern: string,
  options: string,
  start = 0,
): Generator<RegexMatch> {
  let at = start;
  for (;;) {
    const match = cache.find(text, pattern, options, at);
    if (match === null) return;
    yield match;
    const [from, end] = match.places as [number, number];
    const isWide = from === end && (text.codePointAt(end) ?? 0) > 0xffff;
    at = from < end ? end : isWide ? end + 2 : end + 1;
  }
}

function groupsOf(match: RegexMatch): PgArray {
  const count = groupCount(match);
  if (count === 0) return PgArray.of([groupText(match, 0)]);
  return PgArray.of(Array.from({length: count}, (_, index) => groupText(match, index + 1)));
}

function regexpMatch(cache: RegexCache, text: string, pattern: string, flags: string): Datum {
  const {options, isGlobal} = parseFlags(flags);
  if (isGlobal) {
    throw new PgError(
      SqlState.invalidParameterValue,
      'regexp_match() does not support the "global" option',
      {hint: 'Use the regexp_matches function instead.'},
    );
  }
  for (const match of matchesOf(cache, text, pattern, options)) return groupsOf(match);
  return null;
}

/** The replacement text: \1 to \9, \& and \\. */
function expand(replacement: string, match: RegexMatch): string {
  if (!replacement.includes('\\')) return replacement;
  return replacement.replace(/\\([1-9&\\])?/g, (whole, what: string | undefined) => {
    if (what === undefined) return whole;
    if (what === '\\') return '\\';
    return groupText(match, what === '&' ? 0 : Number(what)) ?? '';
  });
}

interface ReplaceOptions {
  readonly flags: string;
  readonly start: number;
  /** Which match is replaced; 0 = all. */
  readonly nth: number;
}

function replaceMatches(
  cache: RegexCache,
  text: string,
  pattern: string,
  replacement: string,
  how: ReplaceOptions,
): string {
  let result = '';
  let from = 0;
  let number = 0;
  for (const match of matchesOf(cache, text, pattern, how.flags, offsetOf(text, how.start))) {
    number++;
    if (how.nth !== 0 && number < how.nth) continue;
    result += text.slice(from, match.places[0]) + expand(replacement, match);
    from = match.places[1]!;
    if (how.nth !== 0) break;
  }
  return result + text.slice(from);
}

/** UTF-16 offset of a 1-based character position. */
function offsetOf(text: string, start: number): number {
  return start <= 1
    ? 0
    : start - 1 > characterCount(text)
      ? text.length + 1
      : sliceChars(text, 0, start - 1).length;
}

function checkAtLeast(name: string, value: number, least: number): void {
  if (value < least)
    throw new PgError(
      SqlState.invalidParameterValue,
      `invalid value for parameter "${name}": ${value}`,
    );
}

const withCache = (make: (cache: RegexCache) => (...args: never[]) => Datum): FunctionCode => ({
  fnTyped: types => make(new RegexCache(types.context)),
});

function replaceFlagged(
  cache: RegexCache,
): (text: string, pattern: string, replacement: string, flags: string) => string {
  return (text, pattern, replacement, flags) => {
    if (/^[0-9]/.test(flags)) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `invalid regular expression option: "${flags[0]}"`,
        {
          hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
        },
      );
    }
    const {options, isGlobal} = parseFlags(flags);
    return replaceMatches(cache, text, pattern, replacement, {
      flags: options,
      start: 1,
      nth: isGlobal ? 0 : 1,
    });
  };
}

function replaceExtended(
  cache: RegexCache,
): (
  text: string,
  pattern: string,
  replacement: string,
  start: number,
  nth?: number,
  flags?: string,
) => string {
  return (text, pattern, replacement, start, nth = 1, flags = '') => {
    checkAtLeast('start', start, 1);
    checkAtLeast('n', nth, 0);
    const {options} = parseFlags(flags);
    return replaceMatches(cache, text, pattern, replacement, {flags: options, start, nth});
  };
}

function count(
  cache: RegexCache,
): (text: string, pattern: string, start?: number, flags?: string) => number {
  return (text, pattern, start = 1, flags = '') => {
    checkAtLeast('start', start, 1);
    const options = noGlobal(flags, 'regexp_count()');
    let found = 0;
    for (const match of matchesOf(cache, text, pattern, options, offsetOf(text, start)))
      found += match === null ? 0 : 1;
    return found;
  };
}

function instr(
  cache: RegexCache,
): (...args: [string, string, number?, number?, number?, string?, number?]) => number {
  return (text, pattern, start = 1, nth = 1, end = 0, flags = '', subexpr = 0) => {
    checkAtLeast('start', start, 1);
    checkAtLeast('n', nth, 1);
    if (end !== 0 && end !== 1) checkAtLeast('endoption', end === 0 ? 1 : -Math.abs(end), 0);
    checkAtLeast('subexpr', subexpr, 0);
    const found = nthMatch(cache, text, pattern, {
      flags: noGlobal(flags, 'regexp_instr()'),
      start,
      nth,
    });
    if (found === null) return 0;
    const count = groupCount(found);
    const group = count === 0 && subexpr === 1 ? 0 : subexpr;
    if (group > count) return 0;
    const place = found.places[2 * group + (end === 1 ? 1 : 0)]!;
    return place === -1 ? 0 : characterCount(text.slice(0, place)) + 1;
  };
}

function nthMatch(
  cache: RegexCache,
  text: string,
  pattern: string,
  how: ReplaceOptions,
): RegexMatch | null {
  let number = 0;
  for (const match of matchesOf(cache, text, pattern, how.flags, offsetOf(text, how.start)))
    if (++number === how.nth) return match;
  return null;
}

function substr(
  cache: RegexCache,
): (...args: [string, string, number?, number?, string?, number?]) => string | null {
  return (text, pattern, start = 1, nth = 1, flags = '', group = 0) => {
    checkAtLeast('start', start, 1);
    checkAtLeast('n', nth, 1);
    checkAtLeast('subexpr', group, 0);
    const found = nthMatch(cache, text, pattern, {
      flags: noGlobal(flags, 'regexp_substr()'),
      start,
      nth,
    });
    if (found === null) return null;
    return groupText(found, groupCount(found) === 0 && group === 1 ? 0 : group);
  };
}

/** regexp_split: empty matches at the start, at the end or just after a match do not split. */
function split(
  cache: RegexCache,
  text: string,
  pattern: string,
  flags: string,
  name: string,
): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const match of matchesOf(cache, text, pattern, noGlobal(flags, name))) {
    const [start, end] = match.places as [number, number];
    if (start === end && (start === 0 || start >= text.length || start === from)) continue;
    parts.push(text.slice(from, start));
    from = end;
  }
  parts.push(text.slice(from));
  return parts;
}

const textSubstring = withCache(cache => (text: string, pattern: string): Datum => {
  for (const match of matchesOf(cache, text, pattern, ''))
    return groupText(match, groupCount(match) > 0 ? 1 : 0);
  return null;
});

/** LIKE, SIMILAR TO and regular expressions. */
export const patternFunctions: FunctionTable = {
  ...alias(['textlike', 'namelike', 'bpcharlike'], like(false, false)),
  ...alias(['textnlike', 'namenlike', 'bpcharnlike'], like(true, false)),
  ...alias(['texticlike', 'nameiclike', 'bpchariclike'], like(false, true)),
  ...alias(['texticnlike', 'nameicnlike', 'bpcharicnlike'], like(true, true)),
  bytealike: bytesLike(false),
  byteanlike: bytesLike(true),
  like_escape: {fn: likeEscape},
  ...alias(['textregexeq', 'nameregexeq', 'bpcharregexeq'], regex(false, '')),
  ...alias(['textregexne', 'nameregexne', 'bpcharregexne'], regex(true, '')),
  ...alias(['texticregexeq', 'nameicregexeq', 'bpcharicregexeq'], regex(false, 'i')),
  ...alias(['texticregexne', 'nameicregexne', 'bpcharicregexne'], regex(true, 'i')),
  similar_to_escape_1: {fn: (pattern: string) => similarToRegex(pattern, '\\')},
  similar_to_escape_2: {fn: similarToRegex},
  similar_escape: {
    fn: (pattern: string | null, escape: string | null) =>
      pattern === null ? null : similarToRegex(pattern, escape ?? '\\'),
  },
  textregexsubstr: textSubstring,
  regexp_match: withCache(
    cache => (text: string, pattern: string, flags: string) =>
      regexpMatch(cache, text, pattern, flags),
  ),
  regexp_match_no_flags: withCache(
    cache => (text: string, pattern: string) => regexpMatch(cache, text, pattern, ''),
  ),
  regexp_like: withCache(
    cache => (text: string, pattern: string, flags: string) =>
      cache.test(text, pattern, noGlobal(flags, 'regexp_like()')),
  ),
  regexp_like_no_flags: withCache(
    cache => (text: string, pattern: string) => cache.test(text, pattern, ''),
  ),
  textregexreplace: withCache(replaceFlagged),
  textregexreplace_noopt: withCache(
    cache => (text: string, pattern: string, replacement: string) =>
      replaceMatches(cache, text, pattern, replacement, {flags: '', start: 1, nth: 1}),
  ),
  ...alias(
    [
      'textregexreplace_extended',
      'textregexreplace_extended_no_flags',
      'textregexreplace_extended_no_n',
    ],
    withCache(replaceExtended),
  ),
  ...alias(['regexp_count', 'regexp_count_no_flags', 'regexp_count_no_start'], withCache(count)),
  ...alias(
    [
      'regexp_instr',
      'regexp_instr_no_endoption',
      'regexp_instr_no_flags',
      'regexp_instr_no_n',
      'regexp_instr_no_start',
      'regexp_instr_no_subexpr',
    ],
    withCache(instr),
  ),
  ...alias(
    [
      'regexp_substr',
      'regexp_substr_no_flags',
      'regexp_substr_no_n',
      'regexp_substr_no_start',
      'regexp_substr_no_subexpr',
    ],
    withCache(substr),
  ),
  regexp_split_to_array: withCache(
    cache => (text: string, pattern: string, flags: string) =>
      PgArray.of(split(cache, text, pattern, flags, 'regexp_split_to_array()')),
  ),
  regexp_split_to_array_no_flags: withCache(
    cache => (text: string, pattern: string) =>
      PgArray.of(split(cache, text, pattern, '', 'regexp_split_to_array()')),
  ),
};

const matches: SetFunctionCode = {
  create: () => {
    // Rows are pulled one by one: nobody repeats a pull.
    const cache = new RegexCache();
    return function* rows(args): Generator<Datum> {
      const [text, pattern, flags] = args as [string, string, string?];
      const {options, isGlobal} = parseFlags(flags ?? '');
      for (const match of matchesOf(cache, text, pattern, options)) {
        yield groupsOf(match);
        if (!isGlobal) return;
      }
    };
  },
};

const splitTable: SetFunctionCode = {
  create: () => {
    // Rows are pulled one by one: nobody repeats a pull.
    const cache = new RegexCache();
    return args =>
      split(
        cache,
        args[0] as string,
        args[1] as string,
        (args[2] as string | undefined) ?? '',
        'regexp_split_to_table()',
      ).values();
  },
};

/** Set-returning functions over patterns. */
export const patternSets: Readonly<Record<string, SetFunctionCode>> = {
  regexp_matches: matches,
  regexp_matches_no_flags: matches,
  regexp_split_to_table: splitTable,
  regexp_split_to_table_no_flags: splitTable,
};
