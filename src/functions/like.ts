import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** A LIKE pattern made ready. `literal` is set for the simple forms: %x% contains, x% prefix, %x suffix, x exact. */
export interface LikePattern {
  readonly form: 'contains' | 'prefix' | 'suffix' | 'exact' | 'general';
  readonly literal: string;
  test(text: string): boolean;
}

type Token = string | typeof ANY_CHAR | typeof ANY_RUN;
const ANY_CHAR = 1;
const ANY_RUN = 2;

/** Prepares a LIKE pattern; backslash quotes the next character. */
export function compileLike(pattern: string): LikePattern {
  const tokens = tokenize(pattern);
  if (tokens === null)
    return {form: 'general', literal: '', test: text => matchDanglingEscape(text, pattern)};
  if (tokens.includes(ANY_CHAR)) return compileGeneral(tokens);
  const parts = splitRuns(tokens);
  if (parts.length === 1) return simple('exact', parts[0]!);
  if (parts.length === 2 && parts[1] === '') return simple('prefix', parts[0]!);
  if (parts.length === 2 && parts[0] === '') return simple('suffix', parts[1]!);
  if (parts.length === 3 && parts[0] === '' && parts[2] === '')
    return simple('contains', parts[1]!);
  return {form: 'general', literal: '', test: text => matchParts(text, parts)};
}

function tokenize(pattern: string): Token[] | null {
  const tokens: Token[] = [];
  let index = 0;
  while (index < pattern.length) {
    const char = String.fromCodePoint(pattern.codePointAt(index)!);
    index += char.length;
    if (char === '\\') {
      if (index >= pattern.length) return null;
      const quoted = String.fromCodePoint(pattern.codePointAt(index)!);
      index += quoted.length;
      tokens.push(quoted);
    } else if (char === '%') {
      if (tokens.at(-1) !== ANY_RUN) tokens.push(ANY_RUN);
    } else tokens.push(char === '_' ? ANY_CHAR : char);
  }
  return tokens;
}

function splitRuns(tokens: readonly Token[]): string[] {
  const parts = [''];
  for (const token of tokens) {
    if (token === ANY_RUN) parts.push('');
    else parts[parts.length - 1] += token as string;
  }
  return parts;
}

function simple(form: 'contains' | 'prefix' | 'suffix' | 'exact', literal: string): LikePattern {
  switch (form) {
    case 'contains':
      return {form, literal, test: text => text.includes(literal)};
    case 'prefix':
      return {form, literal, test: text => text.startsWith(literal)};
    case 'suffix':
      return {form, literal, test: text => text.endsWith(literal)};
    case 'exact':
      return {form, literal, test: text => text === literal};
  }
}

/** First and last part are anchored; the leftmost place of each part between them is as good as any other. */
function matchParts(text: string, parts: readonly string[]): boolean {
  const first = parts[0]!;
  const last = parts[parts.length - 1]!;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const end = text.length - last.length;
  let from = first.length;
  for (let index = 1; index < parts.length - 1; index++) {
    const part = parts[index]!;
    const at = text.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}

function compileGeneral(tokens: readonly Token[]): LikePattern {
  const chars = tokens;
  return {form: 'general', literal: '', test: text => matchTokens(text, chars)};
}

/** Greedy matching with one point of return (the last %): linear for patterns without many runs. */
function matchTokens(text: string, tokens: readonly Token[]): boolean {
  let at = 0;
  let token = 0;
  let runToken = -1;
  let runAt = 0;
  for (;;) {
    const wanted = tokens[token];
    if (wanted === ANY_RUN) {
      runToken = token++;
      runAt = at;
      if (token === tokens.length) return true;
      continue;
    }
    if (wanted === undefined && at >= text.length) return true;
    if (wanted !== undefined && at < text.length) {
      const size = text.codePointAt(at)! > 0xffff ? 2 : 1;
      if (wanted === ANY_CHAR || text.startsWith(wanted, at)) {
        at += size;
        token++;
        continue;
      }
    }
    if (runToken === -1 || runAt >= text.length) return false;
    runAt += text.codePointAt(runAt)! > 0xffff ? 2 : 1;
    at = runAt;
    token = runToken + 1;
  }
}

/** A pattern that ends in its escape character is an error only for text that reaches it. */
function matchDanglingEscape(text: string, pattern: string): boolean {
  const tokens = tokenize(pattern.slice(0, -1))!;
  if (tokens.includes(ANY_RUN) || reaches(text, tokens)) {
    throw new PgError(
      SqlState.invalidEscapeSequence,
      'LIKE pattern must not end with escape character',
    );
  }
  return false;
}

function reaches(text: string, tokens: readonly Token[]): boolean {
  const chars = [...text];
  return (
    chars.length > tokens.length &&
    tokens.every((token, index) => token === ANY_CHAR || token === chars[index])
  );
}
