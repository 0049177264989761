import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {InlineIndex} from '../contract.ts';
import type {SqlToken} from './tokens.ts';

/** The INDEX clauses of a CREATE TABLE, and the edits that take them out of its text. */
export interface InlineIndexes {
  readonly indexes: readonly InlineIndex[];
  readonly edits: readonly {readonly start: number; readonly end: number; readonly text: string}[];
}

/** Finds INDEX (columns) USING method [ASC | DESC] [(options)] among the elements of a CREATE TABLE; 42601 inside of such a clause. */
export function inlineIndexes(tokens: readonly SqlToken[], text: string): InlineIndexes {
  const indexes: InlineIndex[] = [];
  const edits: {start: number; end: number; text: string}[] = [];
  const elements = tableElements(tokens);
  let hasOther = false;
  elements.forEach(([from, to], at) => {
    if (!isClause(tokens, from, to)) {
      hasOther = true;
      return;
    }
    indexes.push(new ClauseReader(tokens, text, from, to).read());
    const isLast = at === elements.length - 1;
    const first = hasOther ? tokens[from - 1]! : tokens[from]!;
    const last = hasOther || isLast ? tokens[to - 1]! : tokens[to]!;
    const {start} = first;
    edits.push({start, end: last.end, text: blanks(text.slice(start, last.end))});
  });
  return {indexes, edits};
}

/** Token ranges between the commas of the element list; none for CREATE TABLE AS and for a list with an empty element. */
function tableElements(tokens: readonly SqlToken[]): (readonly [from: number, to: number])[] {
  const elements: [number, number][] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < tokens.length; at++) {
    const {kind, text} = tokens[at]!;
    if (kind === 'word' && depth === 0 && text === 'as') return [];
    if (kind !== 'punctuation') continue;
    if (text === '(' && ++depth === 1 && from === 0) from = at + 1;
    if (text === ')') depth--;
    const isEnd = (text === ')' && depth === 0) || (text === ',' && depth === 1);
    if (!isEnd || from <= 0) continue;
    if (at === from) return [];
    elements.push([from, at]);
    from = text === ',' ? at + 1 : -1;
  }
  return elements;
}

/** INDEX ( ... ) USING: no column definition starts so. */
function isClause(tokens: readonly SqlToken[], from: number, to: number): boolean {
  if (!isWord(tokens[from], 'index') || !isMark(tokens[from + 1], '(')) return false;
  for (let at = from + 2; at < to - 1; at++)
    if (isMark(tokens[at], ')')) return isWord(tokens[at + 1], 'using');
  return false;
}

/** Spaces and, inside a comment, what is not ASCII: positions of errors count both bytes and characters. */
function blanks(source: string): string {
  const isAscii = source.length === Buffer.byteLength(source);
  if (isAscii) return '';
  return `/*${source.slice(2, -2).replaceAll(/[\u0000-\u007f]/g, ' ')}*/`;
}

function isWord(token: SqlToken | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text === word;
}

function isMark(token: SqlToken | undefined, text: string): boolean {
  return (token?.kind === 'punctuation' || token?.kind === 'operator') && token.text === text;
}

/** Reads one clause, token by token. */
class ClauseReader {
  readonly #tokens: readonly SqlToken[];
  readonly #text: string;
  readonly #to: number;
  #at: number;

  constructor(tokens: readonly SqlToken[], text: string, from: number, to: number) {
    this.#tokens = tokens;
    this.#text = text;
    this.#at = from + 1;
    this.#to = to;
  }

  read(): InlineIndex {
    const columns = this.#list(() => {
      const position = [...this.#text.slice(0, this.#tokens[this.#at]!.start)].length + 1;
      return {name: this.#name(), position};
    });
    this.#at++;
    const method = this.#name();
    const order = this.#order();
    const options = this.#next('(') ? this.#list(() => this.#option()) : [];
    if (this.#at < this.#to) throw this.#unexpected();
    return {columns, method, order, options};
  }

  #list<T>(item: () => T): T[] {
    const items: T[] = [];
    do {
      this.#at++;
      items.push(item());
    } while (this.#next(','));
    if (!this.#next(')')) throw this.#unexpected();
    this.#at++;
    return items;
  }

  #next(mark: string): boolean {
    return this.#at < this.#to && isMark(this.#tokens[this.#at], mark);
  }

  #name(): string {
    const token = this.#tokens[this.#at];
    if (this.#at >= this.#to || (token?.kind !== 'word' && token?.kind !== 'quotedWord'))
      throw this.#unexpected();
    this.#at++;
    if (token.kind === 'quotedWord') return token.text;
    return this.#text
      .slice(token.start, token.end)
      .replaceAll(/[A-Z]/g, each => each.toLowerCase());
  }

  #order(): InlineIndex['order'] {
    if (this.#at >= this.#to) return null;
    const token = this.#tokens[this.#at];
    if (!isWord(token, 'asc') && !isWord(token, 'desc')) return null;
    this.#at++;
    return token!.text === 'asc' ? 'asc' : 'desc';
  }

  #option(): readonly [string, string] {
    const name = this.#name();
    if (!this.#next('=')) throw this.#unexpected();
    this.#at++;
    const sign = this.#next('-') ? '-' : '';
    if (sign !== '') this.#at++;
    const token = this.#tokens[this.#at];
    const isValue = token?.kind === 'number' || (sign === '' && token?.kind !== 'punctuation');
    if (this.#at >= this.#to || !isValue) throw this.#unexpected();
    this.#at++;
    return [name.toLowerCase(), `${sign}${token!.text}`];
  }

  #unexpected(): PgError {
    const {start, end} = this.#tokens[this.#at]!;
    const position = [...this.#text.slice(0, start)].length + 1;
    const near = this.#text.slice(start, end);
    return new PgError(SqlState.syntaxError, `syntax error at or near "${near}"`, {position});
  }
}
