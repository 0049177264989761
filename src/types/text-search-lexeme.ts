import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Weights of positions by letter; D is none. */
const WEIGHTS: Readonly<Record<string, number>> = {A: 3, B: 2, C: 1, D: 0};
export const MAX_POSITION = 16383;

/** A word with its positions (weight in bits 14 and 15). */
export interface LexemeToken {
  readonly word: string;
  readonly positions: readonly number[];
}

/** Reads words of a tsvector or operands of a tsquery, as PostgreSQL's gettoken_tsvector does. */
export class LexemeReader {
  readonly #text: string;
  readonly #isQuery: boolean;
  at: number;

  constructor(text: string, isQuery: boolean) {
    this.#text = text;
    this.#isQuery = isQuery;
    this.at = 0;
  }

  get #typeName(): string {
    return this.#isQuery ? 'tsquery' : 'tsvector';
  }

  syntaxError(): PgError {
    return new PgError(SqlState.syntaxError, `syntax error in ${this.#typeName}: "${this.#text}"`);
  }

  skipSpaces(): void {
    while (isSpace(this.#text[this.at])) this.at++;
  }

  /** The next word; null at the end. Positions are read for a tsvector only. */
  next(): LexemeToken | null {
    this.skipSpaces();
    const first = this.#text[this.at];
    if (first === undefined) return null;
    if (this.#isQuery && isOperator(first)) throw this.syntaxError();
    const isQuoted = first === "'";
    const word = isQuoted ? this.#quoted() : this.#plain();
    if (this.#isQuery || this.#text[this.at] !== ':') return {word, positions: []};
    return {word, positions: this.#positions()};
  }

  #quoted(): string {
    let word = '';
    this.at++;
    for (;;) {
      const char = this.#text[this.at];
      if (char === undefined) throw this.syntaxError();
      if (char === "'") {
        if (this.#text[this.at + 1] !== "'") break;
        this.at++;
        word += "'";
      } else if (char === '\\') word += this.#escaped();
      else word += char;
      this.at++;
    }
    this.at++;
    if (word === '') throw this.syntaxError();
    return word;
  }

  #plain(): string {
    let word = '';
    for (; ; this.at++) {
      const char = this.#text[this.at];
      if (char === undefined || isSpace(char) || (this.#isQuery && word !== '' && isOperator(char)))
        break;
      if (char === ':' && word !== '') break;
      word += char === '\\' ? this.#escaped() : char;
    }
    return word;
  }

  #escaped(): string {
    const char = this.#text[++this.at];
    if (char !== undefined) return char;
    throw new PgError(SqlState.syntaxError, `there is no escaped character: "${this.#text}"`);
  }

  #positions(): number[] {
    const positions: number[] = [];
    do {
      this.at++;
      const digits = /^\d+/.exec(this.#text.slice(this.at, this.at + 20))?.[0];
      if (digits === undefined) throw this.syntaxError();
      const position = Math.min(Number(digits), MAX_POSITION);
      if (position === 0)
        throw new PgError(SqlState.syntaxError, `wrong position info in tsvector: "${this.#text}"`);
      this.at += digits.length;
      positions.push(position | (this.#weight() << 14));
    } while (this.#text[this.at] === ',');
    if (this.#text[this.at] !== undefined && !isSpace(this.#text[this.at]))
      throw this.syntaxError();
    return positions;
  }

  #weight(): number {
    const letter = this.#text[this.at]?.toUpperCase() ?? '';
    const weight = letter === '*' ? 3 : WEIGHTS[letter];
    if (weight === undefined) return 0;
    this.at++;
    return weight;
  }
}

function isSpace(char: string | undefined): boolean {
  return char !== undefined && /\s/.test(char);
}

function isOperator(char: string): boolean {
  return '!&|()<'.includes(char);
}

/** A word in quotes as both types print it. */
export function quoteLexeme(word: string): string {
  return `'${word.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
