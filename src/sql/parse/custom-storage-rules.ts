import type {CustomStatement} from '../contract.ts';
import type {SqlToken} from './tokens.ts';

interface Rewrite {
  readonly custom: CustomStatement;
  readonly edits: readonly {readonly start: number; readonly end: number; readonly text: string}[];
}

type Options = readonly (readonly [string, string])[];

/** CREATE, ALTER, DROP STORAGE and STORAGE CHECK of a storage; an empty SELECT stands for each. */
export function storageDefinition(tokens: readonly SqlToken[]): Rewrite | null {
  const custom = read(tokens);
  if (custom === null) return null;
  return {custom, edits: [{start: tokens[0]!.start, end: tokens.at(-1)!.end, text: 'SELECT'}]};
}

function read(tokens: readonly SqlToken[]): CustomStatement | null {
  if (isWords(tokens, 0, 'create', 'storage')) return readCreate(tokens);
  if (isWords(tokens, 0, 'alter', 'storage')) return readAlter(tokens);
  if (isWords(tokens, 0, 'drop', 'storage')) return readDrop(tokens);
  return isWords(tokens, 0, 'storage', 'check') ? readCheck(tokens) : null;
}

function readCreate(tokens: readonly SqlToken[]): CustomStatement | null {
  const ifNotExists = isWords(tokens, 2, 'if', 'not', 'exists');
  const at = ifNotExists ? 5 : 2;
  const name = nameAt(tokens, at);
  const options = readOptions(tokens, at + 1);
  if (name === null || options === null) return null;
  return {kind: 'createStorage', name, ifNotExists, options};
}

function readAlter(tokens: readonly SqlToken[]): CustomStatement | null {
  const name = nameAt(tokens, 2);
  const options = isWords(tokens, 3, 'set') ? readOptions(tokens, 4) : null;
  return name === null || options === null || options.length === 0
    ? null
    : {kind: 'alterStorage', name, options};
}

function readDrop(tokens: readonly SqlToken[]): CustomStatement | null {
  const ifExists = isWords(tokens, 2, 'if', 'exists');
  const at = ifExists ? 4 : 2;
  const name = nameAt(tokens, at);
  return name === null || tokens.length !== at + 1 ? null : {kind: 'dropStorage', name, ifExists};
}

function readCheck(tokens: readonly SqlToken[]): CustomStatement | null {
  if (isWords(tokens, 2, 'table')) return null;
  const name = nameAt(tokens, 2);
  const extended = isWords(tokens, 3, 'extended');
  if (name === null || tokens.length !== (extended ? 4 : 3)) return null;
  return {kind: 'storageCheck', name, extended};
}

/** `KEYWORD [=] value`, with or without commas, SET before any of them. Null when it reads otherwise: a syntax error. */
function readOptions(tokens: readonly SqlToken[], from: number): Options | null {
  const options: (readonly [string, string])[] = [];
  for (let at = from; at < tokens.length; ) {
    if (tokens[at]!.text === ',' || isWords(tokens, at, 'set')) {
      at++;
      continue;
    }
    const key = tokens[at]!;
    const isAssigned = tokens[at + 1]?.text === '=' && tokens[at + 1]?.kind !== 'string';
    const value = tokens[at + (isAssigned ? 2 : 1)];
    if (key.kind !== 'word' || value === undefined) return null;
    if (value.kind !== 'string' && value.kind !== 'word' && value.kind !== 'number') return null;
    options.push([key.text, value.text]);
    at += isAssigned ? 3 : 2;
  }
  return options;
}

function nameAt(tokens: readonly SqlToken[], at: number): string | null {
  const token = tokens[at];
  return token?.kind === 'word' || token?.kind === 'quotedWord' ? token.text : null;
}

function isWords(tokens: readonly SqlToken[], at: number, ...words: readonly string[]): boolean {
  return words.every((word, i) => tokens[at + i]?.kind === 'word' && tokens[at + i]?.text === word);
}
