import {invalidRegex} from '../regex-options.ts';
import type {RegexOptions} from '../regex-options.ts';
import type {CharSet} from './char-set.ts';
import {classEscapes, classTests, readCharEscape} from './escapes.ts';

/** Names of characters that [. .] knows (regc_locale.c), beside the characters themselves. */
const names: Readonly<Record<string, number>> = {
  NUL: 0,
  alert: 7,
  backspace: 8,
  tab: 9,
  newline: 10,
  'vertical-tab': 11,
  'form-feed': 12,
  'carriage-return': 13,
  space: 32,
  'exclamation-mark': 33,
  'quotation-mark': 34,
  'number-sign': 35,
  'dollar-sign': 36,
  'percent-sign': 37,
  ampersand: 38,
  apostrophe: 39,
  'left-parenthesis': 40,
  'right-parenthesis': 41,
  asterisk: 42,
  'plus-sign': 43,
  comma: 44,
  hyphen: 45,
  'hyphen-minus': 45,
  period: 46,
  'full-stop': 46,
  slash: 47,
  solidus: 47,
  zero: 48,
  one: 49,
  two: 50,
  three: 51,
  four: 52,
  five: 53,
  six: 54,
  seven: 55,
  eight: 56,
  nine: 57,
  colon: 58,
  semicolon: 59,
  'less-than-sign': 60,
  'equals-sign': 61,
  'greater-than-sign': 62,
  'question-mark': 63,
  'commercial-at': 64,
  'left-square-bracket': 91,
  backslash: 92,
  'reverse-solidus': 92,
  'right-square-bracket': 93,
  circumflex: 94,
  'circumflex-accent': 94,
  underscore: 95,
  'low-line': 95,
  'grave-accent': 96,
  'left-brace': 123,
  'left-curly-bracket': 123,
  'vertical-line': 124,
  'right-brace': 125,
  'right-curly-bracket': 125,
  tilde: 126,
  DEL: 127,
};

/** Reads a bracket expression (9.7.3.2) from after its [. */
export class BracketReader {
  readonly #text: string;
  readonly #options: RegexOptions;
  readonly #ranges: number[] = [];
  readonly #classes: RegExp[] = [];
  /** Where the reader stands; after read(), behind the ]. */
  at: number;

  constructor(text: string, at: number, options: RegexOptions) {
    this.#text = text;
    this.#options = options;
    this.at = at;
  }

  read(): CharSet {
    const isNegated = this.#text[this.at] === '^';
    if (isNegated) this.at++;
    for (let isFirst = true; ; isFirst = false) {
      const char = this.#text[this.at];
      if (char === undefined) throw invalidRegex('brackets [] not balanced');
      if (char === ']' && !isFirst) break;
      this.#item(isFirst);
    }
    this.at++;
    return {
      ranges: this.#ranges,
      classes: this.#classes,
      isNegated,
      foldsCase: this.#options.isCaseInsensitive,
      excludesNewline: isNegated && this.#options.dotStopsAtNewline,
    };
  }

  #item(isFirst: boolean): void {
    const {at} = this;
    const named = /^\[:(.*?):\]/s.exec(this.#text.slice(at, at + 40));
    if (named !== null) {
      this.#class(named[1]!);
      this.at += named[0].length;
      return;
    }
    if (this.#text.startsWith('[:', at)) throw invalidRegex('invalid character class');
    if (this.#text.startsWith('[=', at)) {
      const code = this.#element('=');
      this.#ranges.push(code, code);
      return;
    }
    if (this.#text[at] === '\\' && this.#isAdvanced()) {
      const escape = classEscapes[this.#text[at + 1] ?? ''];
      if (escape !== undefined) {
        this.at += 2;
        this.#classes.push(escape.isNegated ? complement(escape) : escape.classes[0]!);
        return;
      }
    }
    if (this.#text[at] === '-' && !isFirst && this.#text[at + 1] !== ']')
      throw invalidRegex('invalid character range');
    const from = this.#char();
    if (this.#text[this.at] !== '-' || this.#text[this.at + 1] === ']') {
      this.#ranges.push(from, from);
      return;
    }
    this.at++;
    this.#rangeTo(from);
  }

  #rangeTo(from: number): void {
    if (this.#text[this.at] === undefined) throw invalidRegex('brackets [] not balanced');
    if (this.#text.startsWith('[:', this.at) || this.#text.startsWith('[=', this.at))
      throw invalidRegex('invalid character range');
    if (this.#isAdvanced() && /^\\[dDsSwW]/.test(this.#text.slice(this.at, this.at + 2)))
      throw invalidRegex('invalid character range');
    const to = this.#char();
    if (from > to) throw invalidRegex('invalid character range');
    this.#ranges.push(from, to);
  }

  #isAdvanced(): boolean {
    return !this.#options.isBasic && !this.#options.isExtended;
  }

  #class(name: string): void {
    const isCase = name === 'upper' || name === 'lower';
    const test = classTests[isCase && this.#options.isCaseInsensitive ? 'alpha' : name];
    if (test === undefined) throw invalidRegex('invalid character class');
    this.#classes.push(test);
  }

  #char(): number {
    if (this.#text.startsWith('[.', this.at)) return this.#element('.');
    const code = this.#text.codePointAt(this.at);
    if (code === undefined) throw invalidRegex('brackets [] not balanced');
    this.at += code > 0xffff ? 2 : 1;
    if (code !== 92 || !this.#isAdvanced()) return code;
    if (/[AZmMyY1-9]/.test(this.#text[this.at] ?? ''))
      throw invalidRegex('invalid escape \\ sequence');
    const [escaped, length] = readCharEscape(this.#text, this.at);
    this.at += length;
    return escaped;
  }

  /** [.x.] or [=x=]. */
  #element(mark: '.' | '='): number {
    const end = this.#text.indexOf(`${mark}]`, this.at + 2);
    if (end === -1) throw invalidRegex('brackets [] not balanced');
    const name = this.#text.slice(this.at + 2, end);
    this.at = end + 2;
    const code = name.codePointAt(0);
    if (code !== undefined && name.length === (code > 0xffff ? 2 : 1)) return code;
    const named = names[name];
    if (named === undefined) throw invalidRegex('invalid collating element');
    return named;
  }
}

function complement(set: CharSet): RegExp {
  const {source} = set.classes[0]!;
  const inner = source.slice(1, -1).replace(/^\[|\]$/g, '');
  return new RegExp(`^[^${inner}]$`, 'u');
}
