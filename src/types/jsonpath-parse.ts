import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {JsonbNode} from './jsonb-value.ts';
import {numericNegate} from './numeric-math.ts';
import {parseNumeric} from './numeric-text.ts';
import {Numeric} from './numeric-value.ts';

/** A parsed SQL/JSON path: expressions and, in the same tree, predicates. */
export type PathNode =
  | {readonly kind: 'root' | 'current' | 'last'}
  | {readonly kind: 'variable'; readonly name: string}
  | {readonly kind: 'literal'; readonly value: JsonbNode}
  | {readonly kind: 'unary'; readonly op: '+' | '-'; readonly arg: PathNode}
  | {
      readonly kind: 'binary';
      readonly op: '+' | '-' | '*' | '/' | '%';
      readonly left: PathNode;
      readonly right: PathNode;
    }
  | {
      readonly kind: 'compare';
      readonly op: '==' | '!=' | '<' | '<=' | '>' | '>=';
      readonly left: PathNode;
      readonly right: PathNode;
    }
  | {readonly kind: 'and' | 'or'; readonly left: PathNode; readonly right: PathNode}
  | {readonly kind: 'not' | 'isUnknown' | 'exists'; readonly arg: PathNode}
  | {readonly kind: 'startsWith'; readonly arg: PathNode; readonly prefix: PathNode}
  | {
      readonly kind: 'likeRegex';
      readonly arg: PathNode;
      readonly pattern: string;
      readonly flags: string;
    }
  | {readonly kind: 'access'; readonly arg: PathNode; readonly step: PathStep};

/** One accessor of a path. */
export type PathStep =
  | {readonly kind: 'key'; readonly name: string}
  | {readonly kind: 'anyKey' | 'anyElement'}
  | {readonly kind: 'anyLevel'; readonly from: number; readonly to: number}
  | {
      readonly kind: 'subscripts';
      readonly list: readonly {readonly from: PathNode; readonly to: PathNode | null}[];
    }
  | {readonly kind: 'filter'; readonly condition: PathNode}
  | {readonly kind: 'method'; readonly name: string; readonly template: string | null};

/** A path with its mode. */
export interface JsonPath {
  readonly isStrict: boolean;
  readonly root: PathNode;
}

const predicates: ReadonlySet<PathNode['kind']> = new Set([
  'compare',
  'and',
  'or',
  'not',
  'isUnknown',
  'exists',
  'startsWith',
  'likeRegex',
]);

/** Whether a node is a predicate. */
export function isPredicate(node: PathNode): boolean {
  return predicates.has(node.kind);
}

const tokenPattern =
  /\s*(?:(\/\*[^]*?\*\/)|("(?:[^"\\]|\\[^])*")|(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(\$"(?:[^"\\]|\\[^])*"|\$[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)|(\*\*|&&|\|\||==|!=|<>|<=|>=|[-+*/%()[\]{}.,?@$<>!])|((?:[A-Za-z_\u0080-\uffff]|\\[^])(?:[\w\u0080-\uffff]|\\u\{[0-9a-fA-F]*\}|\\[^])*))/y;

interface Token {
  readonly kind: 'string' | 'number' | 'variable' | 'symbol' | 'word' | 'end';
  readonly text: string;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (/\S/.test(text.slice(at))) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(text);
    if (match === null) throw syntaxError(text, text.slice(at).trim()[0]!);
    at = tokenPattern.lastIndex;
    const [, comment, quoted, number, variable, symbol, word] = match;
    if (comment !== undefined) continue;
    if (quoted !== undefined) tokens.push({kind: 'string', text: unquote(quoted)});
    else if (number !== undefined) {
      const after = text.charAt(at);
      if (/[A-Za-z_\\\u0080-\uffff]/.test(after))
        throw new PgError(
          SqlState.syntaxError,
          `trailing junk after numeric literal at or near "${number}${after}" of jsonpath input`,
        );
      tokens.push({kind: 'number', text: number});
    } else if (variable !== undefined)
      tokens.push({
        kind: 'variable',
        text: variable.startsWith('$"') ? unquote(variable.slice(1)) : variable.slice(1),
      });
    else if (symbol !== undefined) tokens.push({kind: 'symbol', text: symbol});
    else tokens.push({kind: 'word', text: unescape(word!)});
  }
  tokens.push({kind: 'end', text: 'end of input'});
  return tokens;
}

const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function unquote(quoted: string): string {
  return unescape(quoted.slice(1, -1));
}

/** Text with its escapes read: \n, \x41, \u0041, \u{41}, and any other character for itself. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  const form = /\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([^]))|([^])/gu;
  let result = '';
  let high = 0;
  for (const match of text.matchAll(form)) {
    const [, braced, four, two, char, plain] = match;
    const {index} = match;
    const hex = braced ?? four ?? two;
    if (hex === undefined) {
      if (high !== 0) throw badSurrogate('Unicode low surrogate must follow a high surrogate.');
      if (char === 'u' || char === 'x') throw brokenEscape(text.slice(index));
      result += plain ?? escapes[char!] ?? char;
      continue;
    }
    const code = Number.parseInt(hex, 16);
    if (code === 0)
      throw new PgError(SqlState.untranslatableCharacter, 'unsupported Unicode escape sequence', {
        detail: '\\u0000 cannot be converted to text.',
      });
    const isHigh = code >= 0xd800 && code < 0xdc00;
    if (isHigh && high !== 0)
      throw badSurrogate('Unicode high surrogate must not follow a high surrogate.');
    const isLow = code >= 0xdc00 && code < 0xe000;
    if (isLow !== (high !== 0))
      throw badSurrogate('Unicode low surrogate must follow a high surrogate.');
    if (!isHigh) result += isLow ? String.fromCharCode(high, code) : String.fromCodePoint(code);
    high = isHigh ? code : 0;
  }
  if (high !== 0) throw badSurrogate('Unicode low surrogate must follow a high surrogate.');
  return result;
}

/** An escape that breaks off: `\\u00g`. */
function brokenEscape(text: string): PgError {
  const near = /^\\(?:u\{[0-9a-fA-F]*|u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?)/.exec(text)![0];
  const what = near[1] === 'u' ? 'unicode sequence' : 'hex character sequence';
  return new PgError(
    SqlState.syntaxError,
    `invalid ${what} at or near "${near}" of jsonpath input`,
  );
}

function badSurrogate(detail: string): PgError {
  return new PgError(SqlState.invalidTextRepresentation, 'invalid input syntax for type jsonpath', {
    detail,
  });
}

function syntaxError(text: string, near: string): PgError {
  if (text.trim() === '')
    return new PgError(
      SqlState.invalidTextRepresentation,
      `invalid input syntax for type jsonpath: "${text}"`,
    );
  const place =
    near === 'end of input' ? 'at end of jsonpath input' : `at or near "${near}" of jsonpath input`;
  return new PgError(SqlState.syntaxError, `syntax error ${place}`);
}

function notAllowed(message: string): PgError {
  return new PgError(SqlState.syntaxError, message);
}

/** Parses a path; 42601 or 22P02 for what is none. */
export function parseJsonPath(text: string): JsonPath {
  return new Parser(text).parse();
}

const methods: ReadonlySet<string> = new Set([
  'type',
  'size',
  'double',
  'ceiling',
  'floor',
  'abs',
  'datetime',
  'keyvalue',
]);

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  /** How many filters, and array subscripts, the parser is in. */
  #filters = 0;
  #subscriptDepth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  parse(): JsonPath {
    let isStrict = false;
    if (this.#takeWord('strict')) isStrict = true;
    else this.#takeWord('lax');
    const root = this.#or();
    if (this.#token().kind !== 'end') throw this.#unexpected();
    return {isStrict, root};
  }

  #token(): Token {
    return this.#tokens[this.#at]!;
  }

  #unexpected(): PgError {
    return syntaxError(this.#text, this.#token().text);
  }

  #take(symbol: string): boolean {
    const token = this.#token();
    if (token.kind !== 'symbol' || token.text !== symbol) return false;
    this.#at++;
    return true;
  }

  #takeWord(word: string): boolean {
    const token = this.#token();
    if (token.kind !== 'word' || token.text.toLowerCase() !== word) return false;
    this.#at++;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) throw this.#unexpected();
  }

  #or(): PathNode {
    let left = this.#and();
    while (this.#take('||')) left = {kind: 'or', left, right: this.#and()};
    return left;
  }

  #and(): PathNode {
    let left = this.#not();
    while (this.#take('&&')) left = {kind: 'and', left, right: this.#not()};
    return left;
  }

  #not(): PathNode {
    if (this.#take('!')) return {kind: 'not', arg: this.#not()};
    return this.#comparison();
  }

  #comparison(): PathNode {
    const left = this.#sum();
    const token = this.#token();
    if (token.kind === 'symbol') {
      const op = token.text === '<>' ? '!=' : token.text;
      if (op === '==' || op === '!=' || op === '<' || op === '<=' || op === '>' || op === '>=') {
        this.#at++;
        return {kind: 'compare', op, left, right: this.#sum()};
      }
    }
    if (this.#takeWord('starts')) {
      if (!this.#takeWord('with')) throw this.#unexpected();
      return {kind: 'startsWith', arg: left, prefix: this.#primary()};
    }
    if (this.#takeWord('like_regex')) return this.#likeRegex(left);
    if (this.#takeWord('is')) {
      if (!this.#takeWord('unknown')) throw this.#unexpected();
      return {kind: 'isUnknown', arg: left};
    }
    return left;
  }

  #string(): string {
    const token = this.#token();
    if (token.kind !== 'string') throw this.#unexpected();
    this.#at++;
    return token.text;
  }

  #likeRegex(arg: PathNode): PathNode {
    const pattern = this.#string();
    const flags = this.#takeWord('flag') ? this.#string() : '';
    for (const flag of flags) {
      if (!'ismxq'.includes(flag)) {
        throw new PgError(SqlState.syntaxError, 'invalid input syntax for type jsonpath', {
          detail: `Unrecognized flag character "${flag}" in LIKE_REGEX predicate.`,
        });
      }
    }
    if (flags.includes('x') && !flags.includes('q'))
      throw featureNotSupported(
        'XQuery "x" flag (expanded regular expressions) is not implemented',
      );
    return {kind: 'likeRegex', arg, pattern, flags};
  }

  #sum(): PathNode {
    let left = this.#product();
    for (;;) {
      if (this.#take('+')) left = {kind: 'binary', op: '+', left, right: this.#product()};
      else if (this.#take('-')) left = {kind: 'binary', op: '-', left, right: this.#product()};
      else return left;
    }
  }

  #product(): PathNode {
    let left = this.#unary();
    for (;;) {
      if (this.#take('*')) left = {kind: 'binary', op: '*', left, right: this.#unary()};
      else if (this.#take('/')) left = {kind: 'binary', op: '/', left, right: this.#unary()};
      else if (this.#take('%')) left = {kind: 'binary', op: '%', left, right: this.#unary()};
      else return left;
    }
  }

  #unary(): PathNode {
    const op = this.#take('+') ? '+' : this.#take('-') ? '-' : null;
    if (op === null) return this.#path();
    const arg = this.#unary();
    // A sign before a number is part of it.
    if (arg.kind !== 'literal' || !(arg.value instanceof Numeric)) return {kind: 'unary', op, arg};
    return op === '+' ? arg : {kind: 'literal', value: numericNegate(arg.value)};
  }

  #path(): PathNode {
    let node = this.#primary();
    for (;;) {
      const step = this.#step();
      if (step === null) return node;
      node = {kind: 'access', arg: node, step};
    }
  }

  #primary(): PathNode {
    const token = this.#token();
    this.#at++;
    switch (token.kind) {
      case 'string':
        return {kind: 'literal', value: token.text};
      case 'number':
        return {kind: 'literal', value: parseNumeric(token.text)};
      case 'variable':
        return {kind: 'variable', name: token.text};
      case 'word':
        return this.#wordValue(token);
      default:
    }
    if (token.text === '$') return {kind: 'root'};
    if (token.text === '@') {
      if (this.#filters === 0) throw notAllowed('@ is not allowed in root expressions');
      return {kind: 'current'};
    }
    if (token.text === '(' && token.kind === 'symbol') {
      const inner = this.#or();
      this.#expect(')');
      return inner;
    }
    this.#at--;
    throw this.#unexpected();
  }

  #wordValue(token: Token): PathNode {
    switch (token.text.toLowerCase()) {
      case 'true':
        return {kind: 'literal', value: true};
      case 'false':
        return {kind: 'literal', value: false};
      case 'null':
        return {kind: 'literal', value: null};
      case 'last':
        if (this.#subscriptDepth === 0)
          throw notAllowed('LAST is allowed only in array subscripts');
        return {kind: 'last'};
      case 'exists': {
        this.#expect('(');
        const arg = this.#or();
        this.#expect(')');
        return {kind: 'exists', arg};
      }
      default:
        this.#at--;
        throw this.#unexpected();
    }
  }

  #step(): PathStep | null {
    if (this.#take('.')) return this.#member();
    if (this.#take('[')) return this.#subscripts();
    if (this.#take('?')) {
      this.#expect('(');
      this.#filters++;
      const condition = this.#or();
      this.#filters--;
      this.#expect(')');
      return {kind: 'filter', condition};
    }
    return null;
  }

  #member(): PathStep {
    if (this.#take('*')) return {kind: 'anyKey'};
    if (this.#take('**')) return this.#levels();
    const token = this.#token();
    if (token.kind !== 'word' && token.kind !== 'string' && token.kind !== 'variable')
      throw this.#unexpected();
    this.#at++;
    if (token.kind === 'word' && methods.has(token.text) && this.#take('(')) {
      const hasTemplate = token.text === 'datetime' && this.#token().kind === 'string';
      const template = hasTemplate ? this.#string() : null;
      this.#expect(')');
      return {kind: 'method', name: token.text, template};
    }
    return {kind: 'key', name: token.kind === 'variable' ? `$${token.text}` : token.text};
  }

  #levels(): PathStep {
    if (!this.#take('{')) return {kind: 'anyLevel', from: 0, to: Infinity};
    const from = this.#level();
    const to = this.#takeWord('to') ? this.#level() : from;
    this.#expect('}');
    return {kind: 'anyLevel', from, to};
  }

  #level(): number {
    if (this.#takeWord('last')) return Infinity;
    const token = this.#token();
    if (token.kind !== 'number') throw this.#unexpected();
    this.#at++;
    return Number(token.text);
  }

  #subscripts(): PathStep {
    if (this.#take('*')) {
      this.#expect(']');
      return {kind: 'anyElement'};
    }
    const list: {from: PathNode; to: PathNode | null}[] = [];
    this.#subscriptDepth++;
    do {
      const from = this.#sum();
      list.push({from, to: this.#takeWord('to') ? this.#sum() : null});
    } while (this.#take(','));
    this.#subscriptDepth--;
    this.#expect(']');
    return {kind: 'subscripts', list};
  }
}
