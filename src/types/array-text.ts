import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum, FormatSettings, TypeInstance} from './contract.ts';
import {PgArray} from './array-value.ts';

const MAX_DIMENSIONS = 6;

/** Reads an array literal with PostgreSQL's errors. */
export function parseArray(
  text: string,
  element: TypeInstance,
  typmod: number,
  settings: FormatSettings,
): PgArray {
  return new ArrayParser(text, element, typmod, settings).run();
}

class ArrayParser {
  readonly #text: string;
  readonly #element: TypeInstance;
  readonly #typmod: number;
  readonly #settings: FormatSettings;
  readonly #elements: Datum[] = [];
  readonly #dims: number[] = [];
  /** Depth at which elements stand, once the first is seen. */
  #leafDepth = 0;
  #at = 0;

  constructor(text: string, element: TypeInstance, typmod: number, settings: FormatSettings) {
    this.#text = text;
    this.#element = element;
    this.#typmod = typmod;
    this.#settings = settings;
  }

  run(): PgArray {
    this.#blanks();
    const bounds = this.#text[this.#at] === '[' ? this.#explicitBounds() : null;
    if (this.#text[this.#at] !== '{') {
      throw this.#malformed(
        bounds === null
          ? 'Array value must start with "{" or dimension information.'
          : 'Array contents must start with "{".',
      );
    }
    this.#level(1);
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#malformed('Junk after closing right brace.');
    return this.#finish(bounds);
  }

  #finish(bounds: {readonly lower: number[]; readonly size: number[]} | null): PgArray {
    if (this.#elements.length === 0) {
      if (bounds !== null)
        throw this.#malformed('Specified array dimensions do not match array contents.');
      return new PgArray([], [], []);
    }
    const dims = this.#dims;
    if (bounds === null)
      return new PgArray(
        this.#elements,
        dims,
        dims.map(() => 1),
      );
    const matches =
      bounds.size.length === dims.length && dims.every((size, i) => size === bounds.size[i]);
    if (!matches) throw this.#malformed('Specified array dimensions do not match array contents.');
    return new PgArray(this.#elements, dims, bounds.lower);
  }

  #explicitBounds(): {readonly lower: number[]; readonly size: number[]} {
    const lower: number[] = [];
    const size: number[] = [];
    const pattern = /\[\s*([+-]?\d+)(?:\s*:\s*([+-]?\d+))?\s*\]\s*/y;
    while (this.#text[this.#at] === '[') {
      pattern.lastIndex = this.#at;
      const match = pattern.exec(this.#text);
      if (match === null) throw this.#malformed(this.#boundsFault());
      if (lower.length >= MAX_DIMENSIONS) throw tooManyDimensions(lower.length + 1);
      const from = match[2] === undefined ? 1 : Number(match[1]);
      const to = Number(match[2] ?? match[1]);
      if (to < from) {
        throw new PgError(
          SqlState.arraySubscriptError,
          'upper bound cannot be less than lower bound',
        );
      }
      lower.push(from);
      size.push(to - from + 1);
      this.#at = pattern.lastIndex;
    }
    if (this.#text[this.#at] !== '=') throw this.#malformed('Missing "=" after array dimensions.');
    this.#at++;
    this.#blanks();
    return {lower, size};
  }

  #boundsFault(): string {
    const rest = this.#text.slice(this.#at + 1).trimStart();
    if (/^[+-]?\d+(\s*:\s*[+-]?\d+)?/.test(rest)) return 'Missing "]" after array dimensions.';
    return '"[" must introduce explicitly-specified array dimensions.';
  }

  #blanks(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  /** One `{…}`, standing at its brace; returns the number of its items. */
  #level(depth: number): number {
    if (depth > MAX_DIMENSIONS) throw tooManyDimensions(depth);
    this.#at++;
    this.#blanks();
    let count = 0;
    if (this.#text[this.#at] === '}') {
      if (depth > 1) throw this.#malformed('Unexpected "}" character.');
      this.#at++;
      return 0;
    }
    for (;;) {
      this.#item(depth);
      count++;
      this.#blanks();
      const next = this.#text[this.#at];
      this.#at++;
      if (next === '}') break;
      if (next === undefined) throw this.#malformed('Unexpected end of input.');
      if (next !== this.#element.delimiter) throw this.#malformed(this.#unexpected(next));
      this.#blanks();
    }
    const known = this.#dims[depth - 1];
    if (known === undefined) this.#dims[depth - 1] = count;
    else if (known !== count) throw this.#ragged();
    return count;
  }

  #unexpected(character: string): string {
    return character === '{' || character === '"' || character === '\\'
      ? `Unexpected "${character}" character.`
      : 'Unexpected array element.';
  }

  #item(depth: number): void {
    const character = this.#text[this.#at];
    if (character === '{') {
      if (this.#leafDepth !== 0 && depth >= this.#leafDepth) {
        throw this.#malformed('Unexpected "{" character.');
      }
      this.#level(depth + 1);
      return;
    }
    if (character === undefined) throw this.#malformed('Unexpected end of input.');
    if (this.#leafDepth === 0) this.#leafDepth = depth;
    else if (this.#leafDepth !== depth) throw this.#malformed('Unexpected array element.');
    if (character === '"') this.#elements.push(this.#read(this.#quoted()));
    else this.#bare(character);
  }

  #read(text: string): Datum {
    return this.#element.input(text, this.#typmod, this.#settings);
  }

  #quoted(): string {
    let result = '';
    let at = this.#at + 1;
    for (;;) {
      const character = this.#text[at];
      if (character === undefined) throw this.#malformed('Unexpected end of input.');
      if (character === '"') break;
      if (character === '\\') {
        at++;
        if (at >= this.#text.length) throw this.#malformed('Unexpected end of input.');
      }
      result += this.#text[at]!;
      at++;
    }
    this.#at = at + 1;
    this.#blanks();
    const next = this.#text[this.#at];
    if (next !== undefined && next !== '}' && next !== this.#element.delimiter) {
      throw this.#malformed('Unexpected array element.');
    }
    return result;
  }

  #bare(first: string): void {
    if (first === '}' || first === this.#element.delimiter) {
      throw this.#malformed(`Unexpected "${first}" character.`);
    }
    const from = this.#at;
    let at = from;
    let result = '';
    let kept = 0;
    let hasEscape = false;
    for (; at < this.#text.length; at++) {
      const character = this.#text[at]!;
      if (character === this.#element.delimiter || character === '}') break;
      if (character === '{') throw this.#malformed('Unexpected "{" character.');
      if (character === '"') throw this.#malformed('Unexpected array element.');
      if (character === '\\') {
        hasEscape = true;
        at++;
        if (at >= this.#text.length) throw this.#malformed('Unexpected end of input.');
        result += this.#text[at]!;
        kept = result.length;
        continue;
      }
      result += character;
      if (!isSpace(character.charCodeAt(0))) kept = result.length;
    }
    this.#at = at;
    const value = result.slice(0, kept);
    const isNull = !hasEscape && value.length === 4 && value.toLowerCase() === 'null';
    this.#elements.push(isNull ? null : this.#read(value));
  }

  #ragged(): PgError {
    return this.#malformed(
      'Multidimensional arrays must have sub-arrays with matching dimensions.',
    );
  }

  #malformed(detail: string): PgError {
    return new PgError(
      SqlState.invalidTextRepresentation,
      `malformed array literal: "${this.#text}"`,
      {detail},
    );
  }
}

function tooManyDimensions(count: number): PgError {
  return new PgError(
    SqlState.programLimitExceeded,
    `number of array dimensions (${count}) exceeds the maximum allowed (${MAX_DIMENSIONS})`,
  );
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** Prints an array literal. */
export function arrayToText(
  array: PgArray,
  element: TypeInstance,
  settings: FormatSettings,
): string {
  const {dims, lowerBounds} = array;
  if (array.elements.length === 0) return '{}';
  const prefix = lowerBounds.some(bound => bound !== 1)
    ? `${dims.map((size, i) => `[${lowerBounds[i]!}:${lowerBounds[i]! + size - 1}]`).join('')}=`
    : '';
  const items = array.elements.map(value =>
    value === null ? 'NULL' : quoteElement(element.output(value, settings), element.delimiter),
  );
  return prefix + nest(items, dims, 0, 0, items.length, element.delimiter);
}

function nest(
  items: readonly string[],
  dims: readonly number[],
  depth: number,
  from: number,
  to: number,
  delimiter: string,
): string {
  if (depth === dims.length - 1) return `{${items.slice(from, to).join(delimiter)}}`;
  const step = (to - from) / dims[depth]!;
  const parts: string[] = [];
  for (let at = from; at < to; at += step) {
    parts.push(nest(items, dims, depth + 1, at, at + step, delimiter));
  }
  return `{${parts.join(delimiter)}}`;
}

const needsQuotes = /["\\{}\t\n\v\f\r ]/;

function quoteElement(text: string, delimiter: string): string {
  const isPlain =
    text !== '' && !needsQuotes.test(text) && !text.includes(delimiter) && !/^null$/i.test(text);
  return isPlain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}
