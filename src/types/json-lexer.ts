import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Kinds of JSON tokens; 'end' after the last. */
export type JsonToken =
  | 'string'
  | 'number'
  | 'true'
  | 'false'
  | 'null'
  | '{'
  | '}'
  | '['
  | ']'
  | ','
  | ':'
  | 'end';

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const wordPattern = /[A-Za-z0-9_\u0080-\uffff]*/y;
const plainPattern = /[^"\\\u0000-\u001f]*/y;

/** Tokens of a JSON text with PostgreSQL's errors (22P02, detail and context line). */
export class JsonLexer {
  readonly text: string;
  /** Whether string contents are wanted; \u0000 is refused only then. */
  readonly #needsText: boolean;
  token: JsonToken = 'end';
  start = 0;
  end = 0;
  /** Contents of the last string token. */
  value = '';

  constructor(text: string, needsText: boolean) {
    this.text = text;
    this.#needsText = needsText;
  }

  /** Moves to the next token. */
  advance(): JsonToken {
    const text = this.text;
    let at = this.end;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code !== 32 && code !== 10 && code !== 9 && code !== 13) break;
      at++;
    }
    this.start = at;
    this.token = at >= text.length ? this.#finish('end', at) : this.#lex(text.charCodeAt(at), at);
    return this.token;
  }

  #finish(token: JsonToken, end: number): JsonToken {
    this.end = end;
    return token;
  }

  #lex(code: number, at: number): JsonToken {
    switch (code) {
      case 0x22:
        return this.#string(at);
      case 0x7b:
        return this.#finish('{', at + 1);
      case 0x7d:
        return this.#finish('}', at + 1);
      case 0x5b:
        return this.#finish('[', at + 1);
      case 0x5d:
        return this.#finish(']', at + 1);
      case 0x2c:
        return this.#finish(',', at + 1);
      case 0x3a:
        return this.#finish(':', at + 1);
      default:
        return code === 45 || (code >= 48 && code <= 57) ? this.#number(at) : this.#word(at);
    }
  }

  #number(at: number): JsonToken {
    numberPattern.lastIndex = at;
    const match = numberPattern.exec(this.text);
    const end = match === null ? -1 : at + match[0].length;
    if (end !== -1 && !/[A-Za-z0-9_.+\u0080-\uffff-]/.test(this.text[end] ?? '')) {
      return this.#finish('number', end);
    }
    return this.#badNumber(at);
  }

  /** The part that PostgreSQL's lexer takes before it notices. */
  #badNumber(at: number): never {
    const part = /^-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d*)?[A-Za-z0-9_\u0080-\uffff]*/.exec(
      this.text.slice(at),
    )!;
    this.end = at + Math.max(part[0].length, 1);
    throw this.invalidToken();
  }

  #word(at: number): JsonToken {
    wordPattern.lastIndex = at;
    const word = wordPattern.exec(this.text)![0];
    this.end = at + Math.max(word.length, 1);
    if (word === 'true' || word === 'false' || word === 'null') return word;
    throw this.invalidToken();
  }

  #string(at: number): JsonToken {
    const text = this.text;
    let from = at + 1;
    let result = '';
    for (;;) {
      plainPattern.lastIndex = from;
      plainPattern.test(text);
      const stop = plainPattern.lastIndex;
      result += text.slice(from, stop);
      const code = text.charCodeAt(stop);
      if (code === 0x22) {
        this.value = result;
        return this.#finish('string', stop + 1);
      }
      if (code !== 0x5c) throw this.#badString(code, stop);
      const escape = this.#escape(stop + 1, result);
      result += escape;
      from = this.end;
    }
  }

  #badString(code: number, at: number): PgError {
    this.end = at;
    if (at >= this.text.length) return this.invalidToken();
    const hex = code.toString(16).padStart(2, '0');
    return this.error(`Character with value 0x${hex} must be escaped.`);
  }

  #escape(at: number, before: string): string {
    const letter = this.text[at];
    if (letter === undefined) {
      this.end = at;
      throw this.invalidToken();
    }
    if (letter === 'u') return this.#unicode(at + 1);
    if (isHigh(before, -1) && this.#needsText) throw this.#surrogate('low', at);
    const plain = escapes[letter];
    if (plain === undefined) {
      this.end = at + (this.text.codePointAt(at)! > 0xffff ? 2 : 1);
      throw this.error(
        `Escape sequence "\\${String.fromCodePoint(this.text.codePointAt(at)!)}" is invalid.`,
      );
    }
    this.end = at + 1;
    return plain;
  }

  #unicode(at: number): string {
    const digits = /^[0-9a-fA-F]{0,4}/.exec(this.text.slice(at, at + 4))![0];
    this.end = at + digits.length;
    if (digits.length < 4) {
      if (this.end < this.text.length) this.end++;
      throw this.error('"\\u" must be followed by four hexadecimal digits.');
    }
    if (!this.#needsText) return '';
    const unit = Number.parseInt(digits, 16);
    if (unit === 0) throw this.error('\\u0000 cannot be converted to text.', true);
    if ((unit & 0xfc00) === 0xdc00) throw this.#surrogate('low', this.end);
    if ((unit & 0xfc00) !== 0xd800) return String.fromCharCode(unit);
    return this.#pair(unit);
  }

  #pair(high: number): string {
    const at = this.end;
    const next = /^\\u([0-9a-fA-F]{4})/.exec(this.text.slice(at, at + 6));
    if (next === null) {
      throw this.#surrogate('low', Math.min(at + 1, this.text.length));
    }
    this.end = at + 6;
    const low = Number.parseInt(next[1]!, 16);
    if ((low & 0xfc00) === 0xd800) {
      throw this.error('Unicode high surrogate must not follow a high surrogate.');
    }
    if ((low & 0xfc00) !== 0xdc00) throw this.#surrogate('low', this.end);
    return String.fromCharCode(high, low);
  }

  #surrogate(_which: 'low', end: number): PgError {
    this.end = end;
    return this.error('Unicode low surrogate must follow a high surrogate.');
  }

  /** `Token "x" is invalid.` */
  invalidToken(): PgError {
    return this.error(`Token "${this.text.slice(this.start, this.end)}" is invalid.`);
  }

  /** An error at the current token; the context shows its line up to it. */
  error(detail: string, isUnicode = false): PgError {
    const upTo = this.text.slice(0, this.end);
    const lineStart = upTo.lastIndexOf('\n', this.start - 1) + 1;
    const line = (this.text.slice(0, lineStart).match(/\n/g)?.length ?? 0) + 1;
    let from = lineStart;
    const size = Buffer.byteLength(this.text.slice(lineStart, this.end));
    if (size >= 50) from = this.end - 49;
    if (from - lineStart <= 3) from = lineStart;
    const prefix = from > lineStart ? '...' : '';
    const next = this.text[this.end];
    const hasMore = this.token !== 'end' || this.end > this.start;
    const suffix = hasMore && next !== undefined && next !== '\n' && next !== '\r' ? '...' : '';
    return new PgError(
      isUnicode ? SqlState.untranslatableCharacter : SqlState.invalidTextRepresentation,
      isUnicode ? 'unsupported Unicode escape sequence' : 'invalid input syntax for type json',
      {
        detail,
        where: `JSON data, line ${line}: ${prefix}${this.text.slice(from, this.end)}${suffix}`,
      },
    );
  }

  /** The error of a token where another was due. */
  unexpected(expected: string): PgError {
    if (this.token === 'end') return this.error('The input string ended unexpectedly.');
    return this.error(
      `Expected ${expected}, but found "${this.text.slice(this.start, this.end)}".`,
    );
  }
}

function isHigh(text: string, at: number): boolean {
  return (text.charCodeAt(at < 0 ? text.length + at : at) & 0xfc00) === 0xd800;
}

const escapes: Readonly<Record<string, string | undefined>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
