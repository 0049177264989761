// Hot path: runs once per simple query before the plan cache is asked.
import type {LiteralToken, TokenKey} from '../contract.ts';

const maxLiterals = 64;
const maxKeyLength = 64 * 1024;

/**
 * The text with each plain literal replaced by a mark of its lexical class, and the literals. Null when only the full text may be
 * the key: E'', U&, B, X and dollar-quoted strings, comments, continued strings, too many literals (ENGINE.md 3.2).
 */
export function scanKey(text: string): TokenKey | null {
  if (text.length > maxKeyLength) return null;
  const literals: LiteralToken[] = [];
  let key = '';
  let copied = 0;
  let at = 0;
  let wide = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 39) {
      const end = endOfString(text, at);
      if (end === -1 || literals.length === maxLiterals) return null;
      const source = text.slice(at + 1, end);
      literals.push({
        kind: 'string',
        value: source.includes("''") ? source.replaceAll("''", "'") : source,
        location: at + wide,
      });
      key += `${text.slice(copied, at)}\u0001s`;
      wide += extraBytes(text, at, end);
      at = copied = end + 1;
      if (isContinued(text, at)) return null;
    } else if (isDigit(code) || (code === 46 && isDigit(text.charCodeAt(at + 1)))) {
      const end = endOfNumber(text, at);
      if (literals.length === maxLiterals) return null;
      const literal = numberLiteral(text.slice(at, end), at + wide);
      literals.push(literal);
      key += `${text.slice(copied, at)}\u0001${literal.kind === 'int4' ? 'i' : literal.kind === 'int8' ? 'l' : 'n'}`;
      at = copied = end;
      if (isWordPart(text.charCodeAt(at))) return null;
    } else if (isWordStart(code)) {
      const end = endOfWord(text, at);
      const next = text.charCodeAt(end);
      if (next === 39 || (next === 38 && (code | 32) === 117)) return null;
      wide += extraBytes(text, at, end);
      at = end;
    } else if (code === 34) {
      const end = text.indexOf('"', at + 1);
      if (end === -1) return null;
      wide += extraBytes(text, at, end);
      at = end + 1;
    } else if (code === 36) {
      if (!isDigit(text.charCodeAt(at + 1))) return null;
      at++;
      while (isDigit(text.charCodeAt(at))) at++;
    } else if (
      (code === 45 && text.charCodeAt(at + 1) === 45) ||
      (code === 47 && text.charCodeAt(at + 1) === 42)
    ) {
      return null;
    } else if (code === 1) return null;
    else at++;
  }
  return {key: literals.length === 0 ? text : key + text.slice(copied), literals};
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isWordStart(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code >= 128;
}

function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code) || code === 36;
}

function endOfWord(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && isWordPart(text.charCodeAt(at))) at++;
  return at;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    at = text.indexOf("'", at);
    if (at === -1) return -1;
    if (text.charCodeAt(at + 1) !== 39) return at;
    at += 2;
  }
}

/** Whether a string goes on after a line break: 'a' <newline> 'b' is one literal. */
function isContinued(text: string, start: number): boolean {
  let at = start;
  let hasBreak = false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || code === 13) hasBreak = true;
    else if (code !== 32 && code !== 9 && code !== 12 && code !== 11) break;
  }
  return hasBreak && text.charCodeAt(at) === 39;
}

function endOfNumber(text: string, start: number): number {
  let at = start;
  while (isDigit(text.charCodeAt(at))) at++;
  if (text.charCodeAt(at) === 46 && text.charCodeAt(at + 1) !== 46) {
    at++;
    while (isDigit(text.charCodeAt(at))) at++;
  }
  if ((text.charCodeAt(at) | 32) === 101) {
    const sign = text.charCodeAt(at + 1) === 43 || text.charCodeAt(at + 1) === 45 ? 2 : 1;
    if (isDigit(text.charCodeAt(at + sign))) {
      at += sign;
      while (isDigit(text.charCodeAt(at))) at++;
    }
  }
  return at;
}

function numberLiteral(value: string, location: number): LiteralToken {
  let isInteger = true;
  for (let at = 0; at < value.length; at++) if (!isDigit(value.charCodeAt(at))) isInteger = false;
  if (!isInteger) return {kind: 'numeric', value, location};
  if (value.length < 10 || Number(value) <= 2147483647) return {kind: 'int4', value, location};
  return {
    kind: value.length < 19 || BigInt(value) <= 9223372036854775807n ? 'int8' : 'numeric',
    value,
    location,
  };
}

function extraBytes(text: string, from: number, to: number): number {
  let extra = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    if (code < 0x800) extra += 1;
    else if (code >= 0xd800 && code < 0xe000) extra += 1;
    else extra += 2;
  }
  return extra;
}
