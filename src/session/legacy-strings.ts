import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {skipBlank, tokenAt} from '../sql/parse/tokens.ts';
import type {SessionContext} from './session-context.ts';

/** A text whose string constants are standard, and the warnings about those that were not. */
export interface StandardText {
  readonly text: string;
  /** Characters of the given text before which an E was put in. */
  readonly inserted: readonly number[];
  readonly warnings: readonly {
    readonly message: string;
    readonly hint: string;
    readonly at: number;
  }[];
}

/** The settings that decide how backslashes in string constants are read. */
export interface StringSettings {
  /** standard_conforming_strings. */
  readonly isStandard: boolean;
  /** backslash_quote = off. */
  readonly forbidsQuotes: boolean;
}

/**
 * The text with the string constants that standard_conforming_strings = off gives escapes written as E'...' (PostgreSQL 4.1.2.2).
 * 22P06 for \' under backslash_quote = off.
 */
export function standardStrings(sql: string, settings: StringSettings): StandardText {
  const inserted: number[] = [];
  const warnings: StandardText['warnings'][number][] = [];
  let text = '';
  let copied = 0;
  for (let at = 0; at < sql.length; ) {
    const blank = skipBlank(sql, at);
    if (blank !== at) {
      at = blank;
      continue;
    }
    const isPlain = sql[at] === "'";
    const isEscape = /[eE]/.test(sql[at]!) && sql[at + 1] === "'";
    if (/^[uU]&'/.test(sql.slice(at, at + 3)) && !settings.isStandard)
      throw unicodeEscapes(sql, at);
    if (!isEscape && (!isPlain || settings.isStandard)) {
      at = tokenAt(sql, at).end;
      continue;
    }
    const found = escapedString(sql, isPlain ? at : at + 1);
    if (found.hasQuote && settings.forbidsQuotes) throw unsafeQuote(sql, at);
    if (isPlain && found.first !== null) {
      text += `${sql.slice(copied, at)}E`;
      copied = at;
      inserted.push(characters(sql, at));
      warnings.push({...warningOf(found.first), at: characters(sql, at) + 1});
    }
    at = found.end;
  }
  return {text: text + sql.slice(copied), inserted, warnings};
}

/** As standardStrings under a session's settings; it is warned, and the positions of its errors will be those of the given text. */
export function readStrings(session: SessionContext, sql: string): string {
  const {isStandard, forbidsQuotes} = session.settings.ofStatements;
  session.insertedCharacters = NONE;
  if ((isStandard && !forbidsQuotes) || !/\\|[uU]&'/.test(sql)) return sql;
  const {text, inserted, warnings} = standardStrings(sql, {isStandard, forbidsQuotes});
  session.insertedCharacters = inserted;
  if (session.settings.boolean('escape_string_warning')) {
    for (const {message, hint, at} of warnings)
      session.notice('WARNING', SqlState.nonstandardUseOfEscapeCharacter, message, {
        hint,
        position: at,
      });
  }
  return text;
}

const NONE: readonly number[] = [];

/** Where a position in the standard text lies in the text that was given; both count characters from 1. */
export function originalPosition(position: number, inserted: readonly number[]): number {
  let moved = position;
  for (let i = inserted.length - 1; i >= 0; i--) if (inserted[i]! + i + 1 < position) moved--;
  return moved;
}

/** The same error at another position. */
export function movedError(error: PgError, position: number): PgError {
  const moved = new PgError(error.code, error.message, {...error.fields, position});
  if (error.stack !== undefined) moved.stack = error.stack;
  return moved;
}

interface EscapedString {
  readonly end: number;
  /** The character after the first backslash. */
  readonly first: string | null;
  /** Holds a quote after a backslash. */
  readonly hasQuote: boolean;
}

/** A string with escapes from its quote on, with the parts that go on after a line break. */
function escapedString(sql: string, quoteAt: number): EscapedString {
  let first: string | null = null;
  let hasQuote = false;
  let at = quoteAt + 1;
  for (; at < sql.length; at++) {
    const char = sql[at];
    if (char === '\\') {
      first ??= sql[at + 1] ?? '';
      hasQuote ||= sql[at + 1] === "'";
      at++;
    } else if (char === "'") {
      if (sql[at + 1] === "'") {
        at++;
        continue;
      }
      const next = /^[ \t\f\v]*[\r\n]\s*'/.exec(sql.slice(at + 1));
      if (next === null) return {end: at + 1, first, hasQuote};
      at += next[0].length;
    }
  }
  return {end: at, first, hasQuote};
}

function warningOf(escaped: string): {readonly message: string; readonly hint: string} {
  if (escaped === "'")
    return {
      message: "nonstandard use of \\' in a string literal",
      hint: "Use '' to write quotes in strings, or use the escape string syntax (E'...').",
    };
  if (escaped === '\\')
    return {
      message: 'nonstandard use of \\\\ in a string literal',
      hint: "Use the escape string syntax for backslashes, e.g., E'\\\\'.",
    };
  return {
    message: 'nonstandard use of escape in a string literal',
    hint: "Use the escape string syntax for escapes, e.g., E'\\r\\n'.",
  };
}

function unsafeQuote(sql: string, at: number): PgError {
  return new PgError(
    SqlState.nonstandardUseOfEscapeCharacter,
    "unsafe use of \\' in a string literal",
    {
      hint: "Use '' to write quotes in strings. \\' is insecure in client-only encodings.",
      position: characters(sql, at) + 1,
    },
  );
}

function unicodeEscapes(sql: string, at: number): PgError {
  return featureNotSupported('unsafe use of string constant with Unicode escapes', {
    detail:
      'String constants with Unicode escapes cannot be used when standard_conforming_strings is off.',
    position: characters(sql, at) + 1,
  });
}

/** Characters before an offset. */
function characters(sql: string, at: number): number {
  return [...sql.slice(0, at)].length;
}
