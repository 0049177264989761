import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Options of a regular expression (9.7.3.4) after flags and embedded options. */
export interface RegexOptions {
  isCaseInsensitive: boolean;
  isLiteral: boolean;
  isExpanded: boolean;
  /** . and negated brackets do not match a newline. */
  dotStopsAtNewline: boolean;
  /** ^ and $ match at lines. */
  anchorsAtLines: boolean;
  isBasic: boolean;
}

/** 2201B with PostgreSQL's wording. */
export function invalidRegex(what: string): PgError {
  return new PgError(SqlState.invalidRegularExpression, `invalid regular expression: ${what}`);
}

/** The options before any letter is read. */
export function defaultOptions(): RegexOptions {
  return {
    isCaseInsensitive: false,
    isLiteral: false,
    isExpanded: false,
    dotStopsAtNewline: false,
    anchorsAtLines: false,
    isBasic: false,
  };
}

/** Applies one option letter; false when it is unknown. */
export function applyOption(options: RegexOptions, letter: string): boolean {
  switch (letter) {
    case 'i':
      options.isCaseInsensitive = true;
      return true;
    case 'c':
      options.isCaseInsensitive = false;
      return true;
    case 'n':
    case 'm':
      options.dotStopsAtNewline = true;
      options.anchorsAtLines = true;
      return true;
    case 'p':
      options.dotStopsAtNewline = true;
      options.anchorsAtLines = false;
      return true;
    case 'w':
      options.dotStopsAtNewline = false;
      options.anchorsAtLines = true;
      return true;
    case 's':
      options.dotStopsAtNewline = false;
      options.anchorsAtLines = false;
      return true;
    case 'x':
      options.isExpanded = true;
      return true;
    case 't':
      options.isExpanded = false;
      return true;
    case 'q':
      options.isLiteral = true;
      return true;
    case 'b':
      options.isBasic = true;
      return true;
    case 'e':
      return true;
    default:
      return false;
  }
}

/** What differs between the two forms of a translated expression. */
interface Dialect {
  readonly classes: Readonly<Record<string, string>>;
  readonly atoms: Readonly<Record<string, string>>;
  readonly constraints: Readonly<Record<string, string>>;
  readonly notWordInBracket: string;
  readonly isAscii: boolean;
}

const classes: Readonly<Record<string, string>> = {
  alpha: '\\p{L}',
  digit: '0-9',
  alnum: '\\p{L}\\p{N}',
  upper: '\\p{Lu}',
  lower: '\\p{Ll}',
  space: '\\s',
  blank: ' \\t',
  punct: '!-\\/:-@\\[-`\\{-~\\p{P}\\p{S}',
  print: '\\P{Cc}',
  graph: '!-~\\p{L}\\p{N}\\p{P}\\p{S}',
  cntrl: '\\p{Cc}',
  xdigit: '0-9A-Fa-f',
  word: '\\p{L}\\p{N}_',
};
const WORD = '[\\p{L}\\p{N}_]';
const atomEscapes: Readonly<Record<string, string>> = {
  d: '[0-9]',
  D: '[^0-9]',
  w: WORD,
  W: '[^\\p{L}\\p{N}_]',
  s: '\\s',
  S: '\\S',
};
const constraints: Readonly<Record<string, string>> = {
  A: '(?:^)',
  Z: '(?:$)',
  m: `(?<!${WORD})(?=${WORD})`,
  M: `(?<=${WORD})(?!${WORD})`,
  y: `(?:(?<!${WORD})(?=${WORD})|(?<=${WORD})(?!${WORD}))`,
  Y: `(?:(?<!${WORD})(?!${WORD})|(?<=${WORD})(?=${WORD}))`,
};
const unicodeDialect: Dialect = {
  classes,
  atoms: atomEscapes,
  constraints,
  notWordInBracket: '\\P{L}',
  isAscii: false,
};
/** For subjects of ASCII only: no lookbehind, no Unicode flag, so that V8 can leave a runaway search for its linear engine. */
const asciiDialect: Dialect = {
  classes: {
    ...classes,
    alpha: 'A-Za-z',
    alnum: 'A-Za-z0-9',
    upper: 'A-Z',
    lower: 'a-z',
    punct: '!-\\/:-@\\[-`\\{-~',
    print: ' -~',
    graph: '!-~',
    cntrl: '\\x00-\\x1f\\x7f',
    word: '\\w',
  },
  atoms: {...atomEscapes, w: '\\w', W: '\\W'},
  constraints: {...constraints, m: '\\b(?=\\w)', M: '\\b(?<=\\w)', y: '\\b', Y: '\\B'},
  notWordInBracket: '\\W',
  isAscii: true,
};
const characters: Readonly<Record<string, string>> = {
  a: '\\x07',
  b: '\\x08',
  B: '\\\\',
  e: '\\x1b',
  f: '\\f',
  n: '\\n',
  r: '\\r',
  t: '\\t',
  v: '\\v',
};

/** Quotes one character for JavaScript in Unicode mode. */
export function quoteChar(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

/**
 * Translates the body of an advanced regular expression into JavaScript's syntax: for flags u or iu, or, for subjects of
 * ASCII only, for no flags at all.
 */
export function translateRegex(pattern: string, options: RegexOptions, isAscii = false): string {
  return new Translator(pattern, options, isAscii ? asciiDialect : unicodeDialect).translate();
}

class Translator {
  readonly #text: string;
  readonly #options: RegexOptions;
  readonly #dialect: Dialect;
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(text: string, options: RegexOptions, dialect: Dialect) {
    this.#text = text;
    this.#options = options;
    this.#dialect = dialect;
  }

  translate(): string {
    const result = this.#alternatives();
    if (this.#at < this.#text.length) throw invalidRegex('parentheses () not balanced');
    return result;
  }

  #alternatives(): string {
    const branches: string[] = [this.#branch()];
    while (this.#text[this.#at] === '|') {
      this.#at++;
      branches.push(this.#branch());
    }
    return orderBranches(branches).join('|');
  }

  #branch(): string {
    let result = '';
    for (;;) {
      this.#skipBlank();
      const char = this.#text[this.#at];
      if (char === undefined || char === '|') return result;
      if (char === ')') {
        if (this.#depth > 0) return result;
        throw invalidRegex('parentheses () not balanced');
      }
      if (char === '*' || char === '+' || char === '?' || (char === '{' && this.#isBound()))
        throw invalidRegex('quantifier operand invalid');
      const atom = this.#atom();
      result += this.#quantified(atom);
    }
  }

  #skipBlank(): void {
    for (;;) {
      if (this.#text.startsWith('(?#', this.#at)) {
        const end = this.#text.indexOf(')', this.#at);
        this.#at = end === -1 ? this.#text.length : end + 1;
      } else if (this.#options.isExpanded && /\s/.test(this.#text[this.#at] ?? '')) this.#at++;
      else if (this.#options.isExpanded && this.#text[this.#at] === '#') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end === -1 ? this.#text.length : end + 1;
      } else return;
    }
  }

  #isBound(): boolean {
    return /[0-9]/.test(this.#text[this.#at + 1] ?? '');
  }

  /** An atom with its quantifier; a constraint takes none. */
  #quantified(atom: {readonly source: string; readonly isConstraint: boolean}): string {
    this.#skipBlank();
    const char = this.#text[this.#at];
    let quantifier = '';
    if (char === '*' || char === '+' || char === '?') {
      quantifier = char;
      this.#at++;
    } else if (char === '{' && this.#isBound()) quantifier = this.#bound();
    if (quantifier === '') return atom.source;
    if (atom.isConstraint) throw invalidRegex('quantifier operand invalid');
    if (this.#text[this.#at] === '?') {
      quantifier += '?';
      this.#at++;
    }
    this.#skipBlank();
    const next = this.#text[this.#at];
    if (next === '*' || next === '+' || next === '?' || (next === '{' && this.#isBound()))
      throw invalidRegex('quantifier operand invalid');
    return atom.source + quantifier;
  }

  #bound(): string {
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#text.slice(this.#at));
    if (match === null) {
      const isClosed = this.#text.indexOf('}', this.#at) !== -1;
      throw invalidRegex(isClosed ? 'invalid repetition count(s)' : 'braces {} not balanced');
    }
    const least = Number(match[1]);
    const most = match[3] === undefined || match[3] === '' ? least : Number(match[3]);
    if (least > 255 || most > 255 || least > most)
      throw invalidRegex('invalid repetition count(s)');
    this.#at += match[0].length;
    return match[0];
  }

  #atom(): {source: string; isConstraint: boolean} {
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    this.#at += char.length;
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return this.#bracket();
      case '.':
        return {source: this.#options.dotStopsAtNewline ? '[^\\n]' : '[^]', isConstraint: false};
      case '^':
        return {
          source: this.#options.anchorsAtLines ? '(?:^|(?<=\\n))' : '(?:^)',
          isConstraint: true,
        };
      case '$':
        return {
          source: this.#options.anchorsAtLines ? '(?:$|(?=\\n))' : '(?:$)',
          isConstraint: true,
        };
      case '\\':
        return this.#escape();
      default:
        return {source: this.#letter(quoteChar(char)), isConstraint: false};
    }
  }

  #group(): {source: string; isConstraint: boolean} {
    const opening = /^\?(?:<=|<!|:|=|!)/.exec(this.#text.slice(this.#at, this.#at + 3))?.[0] ?? '';
    if (opening === '' && this.#text[this.#at] === '?')
      throw invalidRegex('quantifier operand invalid');
    this.#at += opening.length;
    if (opening === '') this.#groups++;
    this.#depth++;
    const body = this.#alternatives();
    this.#depth--;
    if (this.#text[this.#at] !== ')') throw invalidRegex('parentheses () not balanced');
    this.#at++;
    const isConstraint = opening !== '' && opening !== '?:';
    return {source: `(${opening}${body})`, isConstraint};
  }

  #escape(): {source: string; isConstraint: boolean} {
    const char = this.#text[this.#at];
    if (char === undefined) throw invalidRegex('invalid escape \\ sequence');
    if (this.#dialect.constraints[char] !== undefined) {
      this.#at++;
      return {source: this.#dialect.constraints[char], isConstraint: true};
    }
    if (/[1-9]/.test(char)) {
      const digits = /^[0-9]+/.exec(this.#text.slice(this.#at))![0];
      const number = Number(digits);
      if (digits.length === 1 || number <= this.#groups) {
        if (number > this.#groups) throw invalidRegex('invalid backreference number');
        this.#at += digits.length;
        return {source: `(?:\\${number})`, isConstraint: false};
      }
    }
    if (this.#dialect.atoms[char] !== undefined) {
      this.#at++;
      return {source: this.#dialect.atoms[char], isConstraint: false};
    }
    return {source: this.#characterEscape(), isConstraint: false};
  }

  /** An escape that stands for one character, after its backslash. */
  #characterEscape(): string {
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    const rest = this.#text.slice(this.#at);
    const coded =
      /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]+)|c([^])|(0[0-7]{0,2}))/.exec(rest);
    if (coded !== null) {
      this.#at += coded[0].length;
      const hex = coded[1] ?? coded[2] ?? coded[3];
      if (hex !== undefined) return hexChar(hex, this.#dialect.isAscii);
      if (coded[4] !== undefined)
        return `\\x${(coded[4].charCodeAt(0) & 31).toString(16).padStart(2, '0')}`;
      return `\\x${Number.parseInt(coded[5]!, 8).toString(16).padStart(2, '0')}`;
    }
    if (characters[char] !== undefined) {
      this.#at++;
      return characters[char];
    }
    if (/[0-9A-Za-z]/.test(char)) throw invalidRegex('invalid escape \\ sequence');
    this.#at += char.length;
    return quoteChar(char);
  }

  #bracket(): {source: string; isConstraint: boolean} {
    if (this.#text.startsWith('[:<:]]', this.#at)) return this.#wordBracket('m');
    if (this.#text.startsWith('[:>:]]', this.#at)) return this.#wordBracket('M');
    const isNegated = this.#text[this.#at] === '^';
    if (isNegated) this.#at++;
    let body = isNegated && this.#options.dotStopsAtNewline ? '\\n' : '';
    let isFirst = true;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) throw invalidRegex('brackets [] not balanced');
      if (char === ']' && !isFirst) break;
      isFirst = false;
      body += this.#bracketItem();
    }
    this.#at++;
    return {source: `[${isNegated ? '^' : ''}${body}]`, isConstraint: false};
  }

  #wordBracket(name: 'm' | 'M'): {source: string; isConstraint: boolean} {
    this.#at += 6;
    return {source: this.#dialect.constraints[name]!, isConstraint: true};
  }

  #bracketItem(): string {
    const named = /^\[([:.=])(.*?)\1\]/s.exec(this.#text.slice(this.#at));
    if (named !== null && named[1] === ':') {
      const source = this.#className(named[2]!);
      if (source === undefined) throw invalidRegex('invalid character class');
      this.#at += named[0].length;
      return source;
    }
    if (this.#text[this.#at] === '\\') {
      const source = this.#dialect.atoms[this.#text[this.#at + 1] ?? ''];
      if (source !== undefined) {
        this.#at += 2;
        return source.startsWith('[^')
          ? source === '[^0-9]'
            ? '\\D'
            : this.#dialect.notWordInBracket
          : source.replace(/^\[|\]$/g, '');
      }
    }
    const from = this.#bracketChar();
    if (
      this.#text[this.#at] !== '-' ||
      this.#text[this.#at + 1] === ']' ||
      this.#text[this.#at + 1] === undefined
    )
      return this.#foldsCase() ? from + swappedRange(codeOf(from), codeOf(from)) : from;
    this.#at++;
    const to = this.#bracketChar();
    if (codeOf(from) > codeOf(to)) throw invalidRegex('invalid character range');
    const range = `${from}-${to}`;
    return this.#foldsCase() ? range + swappedRange(codeOf(from), codeOf(to)) : range;
  }

  /** Whether letters are written in both cases, since the ASCII form has no flag for it. */
  #foldsCase(): boolean {
    return this.#dialect.isAscii && this.#options.isCaseInsensitive;
  }

  #className(name: string): string | undefined {
    if (this.#foldsCase() && (name === 'upper' || name === 'lower')) return 'A-Za-z';
    return this.#dialect.classes[name];
  }

  #letter(source: string): string {
    if (!this.#foldsCase() || !/^[A-Za-z]$/.test(source)) return source;
    return `[${source.toLowerCase()}${source.toUpperCase()}]`;
  }

  #bracketChar(): string {
    const named = /^\[([.=])(.*?)\1\]/s.exec(this.#text.slice(this.#at));
    if (named !== null) {
      if ([...named[2]!].length !== 1) throw invalidRegex('invalid collating element');
      this.#at += named[0].length;
      return quoteInBracket(named[2]!);
    }
    if (this.#text[this.#at] === undefined) throw invalidRegex('brackets [] not balanced');
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    this.#at += char.length;
    if (char !== '\\') return quoteInBracket(char);
    if (this.#text[this.#at] === undefined) throw invalidRegex('invalid escape \\ sequence');
    return this.#characterEscape();
  }
}

/** The same letters in the other case, of a range of codes. */
function swappedRange(from: number, to: number): string {
  let result = '';
  for (const [first, last, shift] of [
    [65, 90, 32],
    [97, 122, -32],
  ] as const) {
    const low = Math.max(from, first);
    const high = Math.min(to, last);
    if (low <= high)
      result += `${String.fromCharCode(low + shift)}-${String.fromCharCode(high + shift)}`;
  }
  return result;
}

function hexChar(hex: string, isAscii: boolean): string {
  const code = Number.parseInt(hex, 16);
  if (code > 0x10ffff) throw invalidRegex('invalid escape \\ sequence');
  if (isAscii) {
    const units = [...String.fromCodePoint(code)].flatMap(char => char.split(''));
    return units.map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  }
  return `\\u{${code.toString(16)}}`;
}

function quoteInBracket(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char;
}

function codeOf(source: string): number {
  const match = /^\\(?:(?:u\{|u)([0-9a-f]+)\}?|x([0-9a-f]{2})|([^]))$/i.exec(source);
  if (match === null) return source.codePointAt(0)!;
  if (match[3] === undefined) return Number.parseInt((match[1] ?? match[2])!, 16);
  return {n: 10, t: 9, r: 13, f: 12, v: 11}[match[3]] ?? match[3].codePointAt(0)!;
}

/** Leftmost-longest: among plain literals the longest is tried first. */
function orderBranches(branches: string[]): string[] {
  const plain = (branch: string): string => branch.replace(/\[([a-z])[A-Z]\]/g, '$1');
  const isLiteral = (branch: string): boolean => !/[\\[\](){}*+?.^$]/.test(plain(branch));
  if (branches.length < 2 || !branches.every(isLiteral)) return branches;
  return branches.slice().sort((a, b) => plain(b).length - plain(a).length);
}
