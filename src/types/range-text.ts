import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Text of a range's parts; a null bound is infinite. */
export interface RangeParts {
  readonly isEmpty: boolean;
  readonly lower: string | null;
  readonly upper: string | null;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  /** Position after the closing bracket. */
  readonly end: number;
}

const emptyParts = {
  isEmpty: true,
  lower: null,
  upper: null,
  lowerInclusive: false,
  upperInclusive: false,
} as const;

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (/[ \t\n\v\f\r]/.test(text[at] ?? '')) at++;
  return at;
}

/** Cuts a range literal that stands at `from`; `fail` makes the error of a detail. */
export function readRangeParts(
  text: string,
  from: number,
  fail: (detail: string) => PgError,
): RangeParts {
  let at = skipBlanks(text, from);
  if (text.slice(at, at + 5).toLowerCase() === 'empty') return {...emptyParts, end: at + 5};
  const open = text[at];
  if (open !== '[' && open !== '(') throw fail('Missing left parenthesis or bracket.');
  const lower = readBound(text, at + 1, fail);
  at = lower.end;
  if (text[at] !== ',') throw fail('Missing comma after lower bound.');
  const upper = readBound(text, at + 1, fail);
  at = upper.end;
  const close = text[at];
  if (close !== ']' && close !== ')') throw fail('Too many commas.');
  return {
    isEmpty: false,
    lower: lower.value,
    upper: upper.value,
    lowerInclusive: open === '[',
    upperInclusive: close === ']',
    end: at + 1,
  };
}

/** Parts of a text that is one range literal and nothing else. */
export function splitRange(text: string): RangeParts {
  const fail = (detail: string): PgError =>
    new PgError(SqlState.invalidTextRepresentation, `malformed range literal: "${text}"`, {detail});
  const parts = readRangeParts(text, 0, fail);
  if (skipBlanks(text, parts.end) < text.length) {
    throw fail(
      parts.isEmpty ? 'Junk after "empty" key word.' : 'Junk after right parenthesis or bracket.',
    );
  }
  return parts;
}

function readBound(
  text: string,
  start: number,
  fail: (detail: string) => PgError,
): {readonly value: string | null; readonly end: number} {
  let at = start;
  const first = text[at];
  if (first === ',' || first === ')' || first === ']') return {value: null, end: at};
  let value = '';
  let inQuote = false;
  for (;;) {
    const character = text[at];
    if (character === undefined) throw fail('Unexpected end of input.');
    if (!inQuote && (character === ',' || character === ')' || character === ']')) break;
    at++;
    if (character === '\\') {
      if (text[at] === undefined) throw fail('Unexpected end of input.');
      value += text[at++]!;
    } else if (character === '"') {
      if (inQuote && text[at] === '"') value += text[at++]!;
      else inQuote = !inQuote;
    } else {
      value += character;
    }
  }
  return {value, end: at};
}

/** Cuts a multirange literal into the parts of its ranges. */
export function splitMultirange(text: string): RangeParts[] {
  const fail = (detail: string): PgError =>
    new PgError(SqlState.invalidTextRepresentation, `malformed multirange literal: "${text}"`, {
      detail,
    });
  const ranges: RangeParts[] = [];
  let at = skipBlanks(text, 0);
  if (text[at] !== '{') throw fail('Missing left brace.');
  at = skipBlanks(text, at + 1);
  if (text[at] === '}') {
    at++;
  } else {
    for (;;) {
      if (at >= text.length) throw fail('Unexpected end of input.');
      if (!/[[(eE]/.test(text[at]!)) throw fail('Expected range start.');
      const parts = readRangeParts(text, at, fail);
      ranges.push(parts);
      at = skipBlanks(text, parts.end);
      const next = text[at];
      if (next === undefined) throw fail('Unexpected end of input.');
      if (next !== ',' && next !== '}') throw fail('Expected comma or end of multirange.');
      at = skipBlanks(text, at + 1);
      if (next === '}') break;
    }
  }
  if (skipBlanks(text, at) < text.length) throw fail('Junk after closing right brace.');
  return ranges;
}

/** A bound as range output quotes it. */
export function quoteBound(text: string): string {
  if (text !== '' && !/["\\()[\],\t\n\v\f\r ]/.test(text)) return text;
  return `"${text.replace(/["\\]/g, '$&$&')}"`;
}
