import type {RawStmt} from '@pgsql/types';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {tokenize} from './tokens.ts';

/**
 * Rejects what libpg_query accepts beyond PostgreSQL: parameters where the grammar wants a literal (SET x = $1, interval $1,
 * extract($1 from x), PASSWORD $1), `$1junk`, and MERGE as later versions have it. Costs two searches when the text has none of them.
 */
export function rejectLeniencies(text: string, statements: readonly RawStmt[]): void {
  if (/\bmerge\b/i.test(text)) rejectLaterMerge(text);
  if (!text.includes('$')) return;
  if (/\$\d+[A-Za-z_\u0080-\uffff]/.test(text)) rejectJunk(text);
  for (const {stmt} of statements) {
    if (stmt === undefined) continue;
    if ('VariableSetStmt' in stmt || 'CreateRoleStmt' in stmt || 'AlterRoleStmt' in stmt)
      rejectAnyParameter(text);
  }
  const before = /\b(interval|date|time|timestamp|timestamptz|extract\s*\()\s*\$\d/i.exec(text);
  if (before !== null) rejectAfter(text, before[1]!.toLowerCase());
}

function rejectJunk(text: string): void {
  const tokens = tokenize(text);
  for (let index = 1; index < tokens.length; index++) {
    const token = tokens[index]!;
    const previous = tokens[index - 1]!;
    if (previous.kind === 'param' && token.kind === 'word' && token.start === previous.end) {
      const junk = text.slice(previous.start, token.start + 1);
      throw near(text, previous.start, junk, 'trailing junk after parameter');
    }
  }
}

/** WHEN NOT MATCHED BY ... and RETURNING of MERGE, which PostgreSQL 15 does not have. */
function rejectLaterMerge(text: string): void {
  let depth = 0;
  let inside = -1;
  let before = '';
  for (const token of tokenize(text)) {
    if (token.kind === 'punctuation') {
      if (token.text === '(') depth++;
      else if (token.text === ')') depth--;
      if (token.text === ';' || depth < inside) inside = -1;
    }
    const isWord = token.kind === 'word';
    if (isWord && before === 'merge' && token.text === 'into') inside = depth;
    else if (isWord && inside === depth) {
      const isLater = token.text === 'returning' || (token.text === 'by' && before === 'matched');
      if (isLater)
        throw near(text, token.start, text.slice(token.start, token.end), 'syntax error');
    }
    before = isWord ? token.text : '';
  }
}

function rejectAnyParameter(text: string): void {
  const token = tokenize(text).find(candidate => candidate.kind === 'param');
  if (token !== undefined) throw near(text, token.start, token.text, 'syntax error');
}

function rejectAfter(text: string, word: string): void {
  const tokens = tokenize(text);
  const head = word.replace(/\s*\($/, '');
  for (let index = 1; index < tokens.length; index++) {
    if (tokens[index]!.kind !== 'param') continue;
    const previous = tokens[index - 1]!;
    const isCall =
      previous.text === '(' &&
      tokens[index - 2]?.text === 'extract' &&
      tokens[index + 1]?.text === 'from';
    const isTyped =
      previous.kind === 'word' &&
      previous.text === head &&
      head !== 'extract' &&
      tokens[index - 2]?.text !== 'as' &&
      tokens[index - 2]?.text !== '.' &&
      tokens[index - 2]?.text !== ',';
    if (isCall || isTyped)
      throw near(text, tokens[index]!.start, tokens[index]!.text, 'syntax error');
  }
}

function near(text: string, unit: number, shown: string, what: string): PgError {
  const position = [...text.slice(0, unit)].length + 1;
  return new PgError(SqlState.syntaxError, `${what} at or near "${shown}"`, {position});
}
