import type {CustomStatement} from '../contract.ts';
import {storageDefinition} from './custom-storage-rules.ts';
import {inlineIndexes} from './inline-index.ts';
import type {SqlToken} from './tokens.ts';

/** A stretch of the text (UTF-16 offsets) and what stands there instead, padded with spaces. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What a rule found: the kind of statement and the edits that leave PostgreSQL's SQL. */
export interface Rewrite {
  readonly custom: CustomStatement;
  readonly edits: readonly Edit[];
}

type Rule = (tokens: readonly SqlToken[], text: string) => Rewrite | null;

/** Our own statements, tried in order on the tokens of one statement. */
export const customRules: readonly Rule[] = [
  createTable,
  namespace,
  argon2idPassword,
  storageCommand,
  storageDefinition,
  describe,
  subscribe,
  copySubscribe,
  declareSubscribe,
  fetchSubscribe,
  executeAs,
  showStats,
  showTables,
  createLiveQuery,
  dropLiveQuery,
  alterLiveQuery,
  showLiveQueries,
  kill,
  backup,
  userData,
];

const PLAIN_TABLE = ['create', 'global', 'local', 'temporary', 'temp', 'unlogged'];

function isWord(token: SqlToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text);
}

function startsWith(tokens: readonly SqlToken[], ...words: readonly string[]): boolean {
  return words.every((word, index) => isWord(tokens[index], word));
}

function cover(first: SqlToken, last: SqlToken, text = ''): Edit {
  return {start: first.start, end: last.end, text};
}

/** The whole statement replaced by an empty SELECT, so that it still counts as one statement. */
function replaceAll(tokens: readonly SqlToken[]): readonly Edit[] {
  return [cover(tokens[0]!, tokens.at(-1)!, 'SELECT')];
}

function createTable(tokens: readonly SqlToken[], text: string): Rewrite | null {
  if (!isWord(tokens[0], 'create')) return null;
  if (!isWord(tokens[1], 'user', 'shared', 'stream') || !isWord(tokens[2], 'table'))
    return plainTable(tokens, text);
  const edits = [cover(tokens[1]!, tokens[1]!)];
  let ttlSeconds: number | null = null;
  const ttl = tokens.findLastIndex(token => isWord(token, 'ttl'));
  const value = tokens[ttl + 1];
  if (
    ttl > 2 &&
    ttl === tokens.length - 2 &&
    value !== undefined &&
    (value.kind === 'number' || value.kind === 'string')
  ) {
    ttlSeconds = Number(value.text);
    edits.push(cover(tokens[ttl]!, value));
  }
  const inline = inlineIndexes(tokens, text);
  return {
    custom: {
      kind: 'createTable',
      tableKind: tokens[1]!.text as 'user' | 'shared' | 'stream',
      ttlSeconds,
      indexes: inline.indexes,
    },
    edits: [...edits, ...inline.edits],
  };
}

/** CREATE [TEMPORARY | UNLOGGED] TABLE with INDEX (...) clauses. */
function plainTable(tokens: readonly SqlToken[], text: string): Rewrite | null {
  const at = tokens.findIndex(token => !isWord(token, ...PLAIN_TABLE));
  if (at < 1 || !isWord(tokens[at], 'table')) return null;
  const {indexes, edits} = inlineIndexes(tokens, text);
  if (indexes.length === 0) return null;
  return {custom: {kind: 'createTable', tableKind: null, ttlSeconds: null, indexes}, edits};
}

function namespace(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'create', 'drop', 'alter') || !isWord(tokens[1], 'namespace')) return null;
  return {custom: {kind: 'namespace'}, edits: [cover(tokens[1]!, tokens[1]!, 'SCHEMA')]};
}

/** CREATE or ALTER ROLE ... PASSWORD 'secret' USING argon2id. */
function argon2idPassword(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'create', 'alter') || !isWord(tokens[1], 'role', 'user')) return null;
  const at = tokens.findIndex(
    (token, index) =>
      isWord(token, 'using') &&
      isWord(tokens[index + 1], 'argon2id') &&
      isWord(tokens[index - 2], 'password') &&
      tokens[index - 1]?.kind === 'string',
  );
  if (at < 0) return null;
  return {custom: {kind: 'argon2idPassword'}, edits: [cover(tokens[at]!, tokens[at + 1]!)]};
}

function storageCommand(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'storage') || !isWord(tokens[1], 'flush', 'compact', 'check')) return null;
  if (isWord(tokens[1], 'check')) {
    if (!isWord(tokens[2], 'table')) return null;
    return {custom: {kind: 'tableCheck'}, edits: [cover(tokens[0]!, tokens[1]!)]};
  }
  const kind = tokens[1]!.text === 'flush' ? 'storageFlush' : 'storageCompact';
  if (isWord(tokens[2], 'all')) return {custom: {kind, all: true}, edits: replaceAll(tokens)};
  if (!isWord(tokens[2], 'table')) return null;
  return {custom: {kind, all: false}, edits: [cover(tokens[0]!, tokens[1]!)]};
}

function describe(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'describe') || tokens.length < 2) return null;
  const edit = isWord(tokens[1], 'table')
    ? cover(tokens[0]!, tokens[0]!)
    : cover(tokens[0]!, tokens[0]!, 'TABLE');
  return {custom: {kind: 'describe'}, edits: [edit]};
}

function subscribe(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'subscribe') || tokens.length < 2) return null;
  const bodyAt = isWord(tokens[1], 'to') ? 2 : 1;
  const tail = trailingOptions(tokens);
  const edits = tail === null ? [] : [cover(tokens[tail.at]!, tokens.at(-1)!)];
  const custom = {kind: 'subscribe' as const, options: tail?.options ?? {}};
  const head = cover(tokens[0]!, tokens[bodyAt - 1]!);
  const body = tokens[bodyAt];
  if (body?.text === '(' || isWord(body, 'select', 'with', 'table', 'values'))
    return {custom, edits: [head, ...edits]};
  const isFiltered = tokens
    .slice(bodyAt, tail?.at ?? tokens.length)
    .some(token => isWord(token, 'where'));
  const text = isFiltered ? 'SELECT*FROM' : 'TABLE';
  if (head.end - head.start < text.length) return null;
  return {custom, edits: [{...head, text}, ...edits]};
}

/** COPY (SUBSCRIBE ...) TO STDOUT. */
function copySubscribe(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'copy') || tokens[1]?.text !== '(') return null;
  const close = closeOf(tokens, 1);
  const inner = close === -1 ? null : subscribe(tokens.slice(2, close));
  if (inner === null || inner.custom.kind !== 'subscribe') return null;
  return {custom: {...inner.custom, kind: 'copySubscribe'}, edits: inner.edits};
}

/** DECLARE c CURSOR FOR SUBSCRIBE ... */
function declareSubscribe(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'declare')) return null;
  const at = tokens.findIndex(
    (token, index) => isWord(token, 'for') && isWord(tokens[index + 1], 'subscribe'),
  );
  const inner = at === -1 ? null : subscribe(tokens.slice(at + 1));
  if (inner === null || inner.custom.kind !== 'subscribe') return null;
  return {custom: {...inner.custom, kind: 'declareSubscribe'}, edits: inner.edits};
}

/** FETCH n FROM c WITH (timeout = '1s'). */
function fetchSubscribe(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'fetch')) return null;
  const tail = trailingOptions(tokens);
  if (tail === null) return null;
  return {
    custom: {kind: 'fetchSubscribe', options: tail.options},
    edits: [cover(tokens[tail.at]!, tokens.at(-1)!)],
  };
}

function trailingOptions(
  tokens: readonly SqlToken[],
): {readonly at: number; readonly options: Record<string, string>} | null {
  if (tokens.at(-1)?.text !== ')') return null;
  const at = tokens.findLastIndex(
    (token, index) => isWord(token, 'options', 'with') && tokens[index + 1]?.text === '(',
  );
  if (at < 2 || closeOf(tokens, at + 1) !== tokens.length - 1) return null;
  const options: Record<string, string> = {};
  let index = at + 2;
  while (index < tokens.length - 1) {
    const name = tokens[index]!.text;
    index += tokens[index + 1]?.text === '=' ? 2 : 1;
    let value = tokens[index]?.text ?? '';
    if (value === '-') value += tokens[++index]?.text ?? '';
    options[name] = value;
    index += tokens[index + 1]?.text === ',' ? 2 : 1;
  }
  return {at, options};
}

/** Index of the parenthesis that closes the one at `open`, or -1. */
function closeOf(tokens: readonly SqlToken[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    if (tokens[index]!.kind !== 'punctuation') continue;
    if (tokens[index]!.text === '(') depth++;
    if (tokens[index]!.text === ')' && --depth === 0) return index;
  }
  return -1;
}

function executeAs(tokens: readonly SqlToken[]): Rewrite | null {
  const name = tokens[3];
  if (!startsWith(tokens, 'execute', 'as', 'user') || name === undefined || tokens.length < 5)
    return null;
  if (name.kind !== 'string' && name.kind !== 'word' && name.kind !== 'quotedWord') return null;
  const custom = {kind: 'executeAs' as const, user: name.text};
  const isWrapped = tokens[4]!.text === '(' && closeOf(tokens, 4) === tokens.length - 1;
  if (!isWrapped) return {custom, edits: [cover(tokens[0]!, name)]};
  return {custom, edits: [cover(tokens[0]!, tokens[4]!), cover(tokens.at(-1)!, tokens.at(-1)!)]};
}

function showStats(tokens: readonly SqlToken[]): Rewrite | null {
  if (!startsWith(tokens, 'show', 'stats', 'for') || tokens.length < 4) return null;
  const edit = isWord(tokens[3], 'table')
    ? cover(tokens[0]!, tokens[2]!)
    : cover(tokens[0]!, tokens[2]!, 'TABLE');
  return {custom: {kind: 'showStats'}, edits: [edit]};
}

function showTables(tokens: readonly SqlToken[]): Rewrite | null {
  if (
    !startsWith(tokens, 'show', 'tables') ||
    !isWord(tokens[2], 'in', 'from') ||
    tokens.length < 4
  )
    return null;
  const nameAt = isWord(tokens[3], 'schema', 'namespace') && tokens.length > 4 ? 4 : 3;
  if (tokens.length !== nameAt + 1) return null;
  return {custom: {kind: 'showTables', schema: tokens[nameAt]!.text}, edits: replaceAll(tokens)};
}

function createLiveQuery(tokens: readonly SqlToken[], text: string): Rewrite | null {
  if (!isWord(tokens[0], 'create')) return null;
  const replace = isWord(tokens[1], 'or') && isWord(tokens[2], 'replace');
  const at = replace ? 3 : 1;
  if (!isWord(tokens[at], 'live') || !isWord(tokens[at + 1], 'query')) return null;
  const edits = [cover(tokens[at]!, tokens[at + 1]!, 'VIEW')];
  const open = tokens.findIndex(
    (token, index) => index > at + 1 && (token.text === '(' || isWord(token, 'as')),
  );
  const args: {name: string; type: string}[] = [];
  if (open !== -1 && tokens[open]!.text === '(') {
    const close = closeOf(tokens, open);
    if (close === -1) return null;
    edits.push(cover(tokens[open]!, tokens[close]!));
    collectArguments(tokens, open + 1, close, text, args);
  }
  return {custom: {kind: 'createLiveQuery', args, replace}, edits};
}

function collectArguments(
  tokens: readonly SqlToken[],
  from: number,
  to: number,
  text: string,
  args: {name: string; type: string}[],
): void {
  let start = from;
  let depth = 0;
  for (let index = from; index <= to; index++) {
    const token = tokens[index]!;
    if (token.text === '(') depth++;
    if (token.text === ')') depth--;
    if (index !== to && !(token.text === ',' && depth === 0)) continue;
    const name = tokens[start];
    const typeAt = tokens[start + 1];
    if (index > start + 1 && name !== undefined && typeAt !== undefined) {
      args.push({name: name.text, type: text.slice(typeAt.start, tokens[index - 1]!.end)});
    }
    start = index + 1;
  }
}

function dropLiveQuery(tokens: readonly SqlToken[]): Rewrite | null {
  if (!startsWith(tokens, 'drop', 'live', 'query')) return null;
  return {custom: {kind: 'dropLiveQuery'}, edits: [cover(tokens[1]!, tokens[2]!, 'VIEW')]};
}

/** ALTER LIVE QUERY ..., COMMENT ON LIVE QUERY ... */
function alterLiveQuery(tokens: readonly SqlToken[]): Rewrite | null {
  const isComment = startsWith(tokens, 'comment', 'on', 'live', 'query');
  if (!isComment && !startsWith(tokens, 'alter', 'live', 'query')) return null;
  const at = isComment ? 2 : 1;
  const edits = [cover(tokens[at]!, tokens[at + 1]!, 'VIEW')];
  return {custom: {kind: isComment ? 'commentLiveQuery' : 'alterLiveQuery'}, edits};
}

function showLiveQueries(tokens: readonly SqlToken[]): Rewrite | null {
  if (!startsWith(tokens, 'show', 'live', 'queries') || tokens.length !== 3) return null;
  return {custom: {kind: 'showLiveQueries'}, edits: replaceAll(tokens)};
}

function kill(tokens: readonly SqlToken[]): Rewrite | null {
  if (!isWord(tokens[0], 'kill')) return null;
  const isJob = isWord(tokens[1], 'job');
  if (!isJob && !(isWord(tokens[1], 'live') && isWord(tokens[2], 'query'))) return null;
  const ids = tokens.slice(isJob ? 2 : 3);
  if (ids.length === 0) return null;
  const id = ids.map(token => token.text).join('');
  return {custom: {kind: isJob ? 'killJob' : 'killLiveQuery', id}, edits: replaceAll(tokens)};
}

/** BACKUP DATABASE TO 'path', RESTORE DATABASE FROM 'path'. */
function backup(tokens: readonly SqlToken[]): Rewrite | null {
  const kind = isWord(tokens[0], 'backup') ? 'backup' : 'restore';
  if (!startsWith(tokens, kind, 'database', kind === 'backup' ? 'to' : 'from')) return null;
  const path = tokens[3];
  if (path?.kind !== 'string' || tokens.length !== 4) return null;
  return {custom: {kind, path: path.text}, edits: replaceAll(tokens)};
}

const USER_DATA: Readonly<Record<string, 'exportUserData' | 'importUserData' | 'dropUserData'>> = {
  export: 'exportUserData',
  import: 'importUserData',
  drop: 'dropUserData',
};

/** EXPORT | IMPORT | DROP USER DATA with its clauses in any order: FOR user, TO path (export), FROM path (import). */
function userData(tokens: readonly SqlToken[]): Rewrite | null {
  const verb = tokens[0]?.text ?? '';
  const kind = Object.hasOwn(USER_DATA, verb) ? USER_DATA[verb] : undefined;
  if (kind === undefined || !startsWith(tokens, verb, 'user', 'data')) return null;
  let user: string | null = null;
  let path: string | null = null;
  for (let at = 3; at < tokens.length; at += 2) {
    const value = tokens[at + 1];
    if (value === undefined) return null;
    const isName = value.kind === 'string' || value.kind === 'word' || value.kind === 'quotedWord';
    if (isWord(tokens[at], 'for') && isName && user === null) user = value.text;
    else if (value.kind !== 'string' || path !== null) return null;
    else if (kind === 'exportUserData' && isWord(tokens[at], 'to')) path = value.text;
    else if (kind === 'importUserData' && isWord(tokens[at], 'from')) path = value.text;
    else return null;
  }
  if (kind === 'importUserData' && path === null) return null;
  if (kind === 'dropUserData' && user === null) return null;
  return {custom: {kind, user, path}, edits: replaceAll(tokens)};
}
