import {invalidRegex} from '../regex-options.ts';
import type {CharSet} from './char-set.ts';

/** Named classes of characters, as one-character tests. */
export const classTests: Readonly<Record<string, RegExp>> = {
  alpha: /^\p{L}$/u,
  digit: /^[0-9]$/u,
  alnum: /^[\p{L}\p{N}]$/u,
  upper: /^\p{Lu}$/u,
  lower: /^\p{Ll}$/u,
  space: /^\s$/u,
  blank: /^[ \t]$/u,
  punct: /^[!-/:-@[-`{-~\p{P}\p{S}]$/u,
  print: /^\P{Cc}$/u,
  graph: /^[!-~\p{L}\p{N}\p{P}\p{S}]$/u,
  cntrl: /^\p{Cc}$/u,
  xdigit: /^[0-9A-Fa-f]$/u,
  ascii: /^[\0-\x7f]$/u,
  word: /^[\p{L}\p{N}_]$/u,
};

function named(name: string, isNegated: boolean): CharSet {
  const classes = [classTests[name]!];
  return {ranges: [], classes, isNegated, foldsCase: false, excludesNewline: false};
}

/** Escapes that stand for a class. */
export const classEscapes: Readonly<Record<string, CharSet>> = {
  d: named('digit', false),
  D: named('digit', true),
  s: named('space', false),
  S: named('space', true),
  w: named('word', false),
  W: named('word', true),
};

const characters: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  B: 92,
  e: 27,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};

/** The character that an escape stands for, and the length of the escape, which begins after its backslash. */
export function readCharEscape(text: string, at: number): [code: number, length: number] {
  const code = text.codePointAt(at);
  if (code === undefined) throw invalidRegex('invalid escape \\ sequence');
  const char = String.fromCodePoint(code);
  const rest = text.slice(at, at + 300);
  const hex = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,255}))/.exec(rest);
  if (hex !== null) {
    const value = Number.parseInt((hex[1] ?? hex[2] ?? hex[3])!, 16);
    if (value > 0x10ffff) throw invalidRegex('invalid escape \\ sequence');
    return [value, hex[0].length];
  }
  if (char === 'c' && rest.length > 1) return [rest.charCodeAt(1) & 31, 2];
  const octal = /^[0-7]{1,3}/.exec(rest);
  if (octal !== null) return [Number.parseInt(octal[0], 8), octal[0].length];
  const named = characters[char];
  if (named !== undefined) return [named, 1];
  if (/[0-9\p{L}]/u.test(char)) throw invalidRegex('invalid escape \\ sequence');
  return [code, char.length];
}
