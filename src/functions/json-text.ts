import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {JsonLexer} from '../types/json-lexer.ts';

/** A part of a JSON text: its source and, of a string, its contents. */
export interface JsonPart {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';
  readonly text: string;
  readonly value: string;
}

/** One member of an object, in the order of the text. */
export interface JsonMember {
  readonly key: string;
  readonly part: JsonPart;
}

const kinds: Readonly<Record<string, JsonPart['kind']>> = {
  '{': 'object',
  '[': 'array',
  string: 'string',
  number: 'number',
  true: 'boolean',
  false: 'boolean',
  null: 'null',
};

/** What a JSON text is. */
export function jsonPart(text: string): JsonPart {
  const lexer = new JsonLexer(text, true);
  lexer.advance();
  return readPart(lexer);
}

/** Reads the value at the lexer's token and moves behind it. */
function readPart(lexer: JsonLexer): JsonPart {
  const kind = kinds[lexer.token]!;
  const {start} = lexer;
  const value = lexer.token === 'string' ? lexer.value : '';
  let end = lexer.end;
  if (kind === 'object' || kind === 'array') {
    let depth = 0;
    for (;;) {
      if (lexer.token === '{' || lexer.token === '[') depth++;
      else if (lexer.token === '}' || lexer.token === ']') depth--;
      if (depth === 0) break;
      lexer.advance();
    }
    end = lexer.end;
  }
  lexer.advance();
  return {kind, text: lexer.text.slice(start, end), value};
}

/** Members of an object's text. */
export function membersOf(text: string): JsonMember[] {
  const lexer = new JsonLexer(text, true);
  const members: JsonMember[] = [];
  lexer.advance();
  if (lexer.advance() === '}') return members;
  for (;;) {
    const key = lexer.value;
    lexer.advance();
    lexer.advance();
    members.push({key, part: readPart(lexer)});
    if ((lexer.token as string) !== ',') return members;
    lexer.advance();
  }
}

/** Elements of an array's text. */
export function elementsOf(text: string): JsonPart[] {
  const lexer = new JsonLexer(text, true);
  const parts: JsonPart[] = [];
  lexer.advance();
  if (lexer.advance() === ']') return parts;
  for (;;) {
    parts.push(readPart(lexer));
    if ((lexer.token as string) !== ',') return parts;
    lexer.advance();
  }
}

/** `->` by key; the last of equal keys wins. */
export function memberOf(part: JsonPart, key: string): JsonPart | null {
  if (part.kind !== 'object') return null;
  let found: JsonPart | null = null;
  for (const member of membersOf(part.text)) if (member.key === key) found = member.part;
  return found;
}

/** `->` by index; negative ones count from the end. */
export function elementAt(part: JsonPart, index: number): JsonPart | null {
  if (part.kind !== 'array') return null;
  const parts = elementsOf(part.text);
  return parts[index < 0 ? parts.length + index : index] ?? null;
}

/** `->>`: contents of strings, NULL for null, else the text. */
export function partText(part: JsonPart | null): string | null {
  if (part === null || part.kind === 'null') return null;
  return part.kind === 'string' ? part.value : part.text;
}

/** 22023 of a function that wants an object or array. */
export function wrongKind(text: string): PgError {
  return new PgError(SqlState.invalidParameterValue, text);
}

/** An index of a JSON path, or null when the text is none. */
export function pathIndex(text: string): number | null {
  if (!/^\s*[+-]?\d+$/.test(text)) return null;
  const value = Number(text);
  return value === (value | 0) ? value : null;
}

/** json_strip_nulls and the like: text rebuilt without null members. */
export function stripNulls(text: string): string {
  const part = jsonPart(text);
  if (part.kind === 'array')
    return `[${elementsOf(text)
      .map(each => stripNulls(each.text))
      .join(',')}]`;
  if (part.kind !== 'object') return part.text;
  const kept = membersOf(text).filter(member => member.part.kind !== 'null');
  return `{${kept.map(member => `${JSON.stringify(member.key)}:${stripNulls(member.part.text)}`).join(',')}}`;
}
