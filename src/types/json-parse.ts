import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {JsonLexer} from './json-lexer.ts';
import type {JsonbNode} from './jsonb-value.ts';
import {JsonbObject} from './jsonb-value.ts';
import {parseNumeric} from './numeric-text.ts';

const MAX_DEPTH = 4000;

/** Checks that text is JSON as json input does; raises 22P02. */
export function checkJson(text: string): void {
  const lexer = new JsonLexer(text, false);
  lexer.advance();
  skipValue(lexer, 0);
  expectEnd(lexer);
}

/** The jsonb tree of a JSON text; raises 22P02, 22P05 and, for numbers beyond numeric, 22003. */
export function parseJsonb(text: string): JsonbNode {
  const lexer = new JsonLexer(text, true);
  lexer.advance();
  const node = parseValue(lexer, 0);
  expectEnd(lexer);
  return node;
}

function expectEnd(lexer: JsonLexer): void {
  if (lexer.token !== 'end') throw lexer.unexpected('end of input');
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded', {
      hint:
        'Increase the configuration parameter "max_stack_depth" (currently 2048kB), ' +
        "after ensuring the platform's stack depth limit is adequate.",
    });
  }
}

function skipValue(lexer: JsonLexer, depth: number): void {
  checkDepth(depth);
  const token = lexer.token;
  if (token === '{') {
    if (lexer.advance() !== '}') {
      for (let isFirst = true; ; isFirst = false) {
        skipKey(lexer, isFirst);
        skipValue(lexer, depth + 1);
        if (!isSeparated(lexer, '}')) break;
      }
    }
    lexer.advance();
  } else if (token === '[') {
    if (lexer.advance() !== ']') {
      do skipValue(lexer, depth + 1);
      while (isSeparated(lexer, ']'));
    }
    lexer.advance();
  } else {
    if (!scalarTokens.has(token)) throw lexer.unexpected('JSON value');
    lexer.advance();
  }
}

const scalarTokens: ReadonlySet<string> = new Set(['string', 'number', 'true', 'false', 'null']);

/** Takes `"key":` and stands at the value. */
function skipKey(lexer: JsonLexer, isFirst: boolean): string {
  if (lexer.token !== 'string') throw lexer.unexpected(isFirst ? 'string or "}"' : 'string');
  const key = lexer.value;
  if (lexer.advance() !== ':') throw lexer.unexpected('":"');
  lexer.advance();
  return key;
}

/** True after a comma (standing at the next element), false at the closing bracket. */
function isSeparated(lexer: JsonLexer, close: '}' | ']'): boolean {
  if (lexer.token === ',') {
    lexer.advance();
    return true;
  }
  if (lexer.token === close) return false;
  throw lexer.unexpected(`"," or "${close}"`);
}

function parseValue(lexer: JsonLexer, depth: number): JsonbNode {
  checkDepth(depth);
  let node: JsonbNode;
  switch (lexer.token) {
    case '{':
      node = parseObject(lexer, depth);
      break;
    case '[':
      node = parseArray(lexer, depth);
      break;
    case 'string':
      node = lexer.value;
      break;
    case 'number':
      node = parseNumeric(lexer.text.slice(lexer.start, lexer.end));
      break;
    case 'true':
    case 'false':
      node = lexer.token === 'true';
      break;
    case 'null':
      node = null;
      break;
    default:
      throw lexer.unexpected('JSON value');
  }
  lexer.advance();
  return node;
}

function parseArray(lexer: JsonLexer, depth: number): JsonbNode {
  const elements: JsonbNode[] = [];
  if (lexer.advance() === ']') return elements;
  do elements.push(parseValue(lexer, depth + 1));
  while (isSeparated(lexer, ']'));
  return elements;
}

function parseObject(lexer: JsonLexer, depth: number): JsonbObject {
  const keys: string[] = [];
  const values: JsonbNode[] = [];
  if (lexer.advance() === '}') return new JsonbObject(keys, values);
  for (let isFirst = true; ; isFirst = false) {
    keys.push(skipKey(lexer, isFirst));
    values.push(parseValue(lexer, depth + 1));
    if (!isSeparated(lexer, '}')) break;
  }
  return makeJsonbObject(keys, values);
}

/** An object of pairs in any order: sorted as jsonb sorts, the last of equal keys wins. */
export function makeJsonbObject(
  keys: readonly string[],
  values: readonly JsonbNode[],
): JsonbObject {
  if (keys.length < 2 || isSorted(keys)) return new JsonbObject(keys, values);
  const order = keys.map((_, index) => index);
  order.sort((a, b) => compareJsonbKeys(keys[a]!, keys[b]!) || a - b);
  const sortedKeys: string[] = [];
  const sortedValues: JsonbNode[] = [];
  for (const index of order) {
    const last = sortedKeys.length - 1;
    if (last >= 0 && sortedKeys[last] === keys[index]) {
      sortedValues[last] = values[index]!;
    } else {
      sortedKeys.push(keys[index]!);
      sortedValues.push(values[index]!);
    }
  }
  return new JsonbObject(sortedKeys, sortedValues);
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    if (compareJsonbKeys(keys[i - 1]!, keys[i]!) >= 0) return false;
  }
  return true;
}

/** jsonb's order of keys: by length in bytes, then by bytes. */
export function compareJsonbKeys(a: string, b: string): number {
  if (isAscii(a) && isAscii(b)) {
    return a.length - b.length || (a < b ? -1 : a === b ? 0 : 1);
  }
  const left = Buffer.from(a, 'utf8');
  const right = Buffer.from(b, 'utf8');
  return left.length - right.length || Buffer.compare(left, right);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
