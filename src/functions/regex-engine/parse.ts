import {invalidRegex} from '../regex-options.ts';
import type {RegexOptions} from '../regex-options.ts';
import {BracketReader} from './bracket.ts';
import {anyChar, oneChar} from './char-set.ts';
import type {CharSet} from './char-set.ts';
import {classEscapes, readCharEscape} from './escapes.ts';
import type {AnchorName, Assertion, ParsedRegex, Preference, Syntax} from './syntax.ts';

/** Most repetitions of a bound (DUPMAX). */
const MOST_REPEATS = 255;
/** Assertions are bits of a number. */
const MOST_ASSERTIONS = 31;
const MOST_DEPTH = 500;

/** Parses the body of a regular expression (9.7.3.1 to 9.7.3.6), after its options. */
export function parseRegex(pattern: string, options: RegexOptions): ParsedRegex {
  return new Parser(pattern, options).parse();
}

const anchors: Readonly<Record<string, AnchorName>> = {
  A: 'textStart',
  Z: 'textEnd',
  m: 'wordStart',
  M: 'wordEnd',
  y: 'wordEdge',
  Y: 'notWordEdge',
};

class Parser {
  readonly #text: string;
  readonly #options: RegexOptions;
  readonly #sets: CharSet[] = [];
  readonly #setNumbers = new Map<string, number>();
  readonly #assertions: Assertion[] = [];
  /** By number; null while the group is open. */
  readonly #groups: (Syntax | null)[] = [null];
  #at = 0;
  #depth = 0;
  #lookDepth = 0;
  #hasBackReference = false;

  constructor(text: string, options: RegexOptions) {
    this.#text = text;
    this.#options = options;
  }

  parse(): ParsedRegex {
    const syntax = this.#options.isLiteral ? this.#literal() : this.#choice(true);
    return {
      syntax,
      sets: this.#sets,
      assertions: this.#assertions,
      captureCount: this.#groups.length - 1,
      hasBackReference: this.#hasBackReference,
      isCaseInsensitive: this.#options.isCaseInsensitive,
    };
  }

  #literal(): Syntax {
    return {
      kind: 'sequence',
      items: Array.from(this.#text, char => this.#char(char.codePointAt(0)!)),
    };
  }

  #choice(isTop: boolean): Syntax {
    if (++this.#depth > MOST_DEPTH) throw invalidRegex('regular expression is too complex');
    const branches: Syntax[] = [this.#branch(isTop)];
    while (this.#peek() === '|' && !this.#options.isBasic) {
      this.#at++;
      branches.push(this.#branch(isTop));
    }
    this.#depth--;
    return branches.length === 1 ? branches[0]! : {kind: 'choice', branches};
  }

  #branch(isTop: boolean): Syntax {
    const items: Syntax[] = [];
    for (;;) {
      this.#skipBlank();
      const char = this.#peek();
      if (char === undefined || (char === '|' && !this.#options.isBasic)) break;
      if (this.#options.isBasic && this.#text.startsWith('\\)', this.#at) && !isTop) break;
      if (char === ')' && !this.#options.isBasic) {
        if (!isTop) break;
        if (!this.#options.isExtended) throw invalidRegex('parentheses () not balanced');
      }
      items.push(this.#piece(items.length === 0));
    }
    return items.length === 1 ? items[0]! : {kind: 'sequence', items};
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #skipBlank(): void {
    if (this.#options.isBasic || this.#options.isExtended) return;
    for (;;) {
      if (this.#text.startsWith('(?#', this.#at)) {
        const end = this.#text.indexOf(')', this.#at);
        this.#at = end === -1 ? this.#text.length : end + 1;
      } else if (this.#options.isExpanded && /\s/.test(this.#peek() ?? '')) this.#at++;
      else if (this.#options.isExpanded && this.#peek() === '#') {
        const end = this.#text.indexOf('\n', this.#at);
        this.#at = end === -1 ? this.#text.length : end;
      } else return;
    }
  }

  #piece(isFirst: boolean): Syntax {
    if (!this.#options.isBasic && this.#isQuantifier())
      throw invalidRegex('quantifier operand invalid');
    const atom = this.#atom(isFirst);
    if (atom.kind === 'assertion') return atom;
    this.#skipBlank();
    const repeated = this.#quantified(atom);
    this.#skipBlank();
    if (repeated !== atom && this.#isQuantifier()) throw invalidRegex('quantifier operand invalid');
    return repeated;
  }

  #isQuantifier(): boolean {
    const char = this.#peek();
    if (this.#options.isBasic) return char === '*' || this.#text.startsWith('\\{', this.#at);
    return char === '*' || char === '+' || char === '?' || (char === '{' && this.#isBound());
  }

  #isBound(): boolean {
    return /[0-9]/.test(this.#text[this.#at + 1] ?? '');
  }

  #quantified(item: Syntax): Syntax {
    if (!this.#isQuantifier()) return item;
    const char = this.#peek()!;
    this.#at++;
    let least = char === '+' ? 1 : 0;
    let most = char === '?' ? 1 : Number.POSITIVE_INFINITY;
    let hasPreference = true;
    if (char === '{' || char === '\\') {
      if (char === '\\') this.#at++;
      [least, most, hasPreference] = this.#bound();
    }
    let preference: Preference = hasPreference ? 1 : 0;
    if (!this.#options.isBasic && !this.#options.isExtended && this.#peek() === '?') {
      this.#at++;
      if (hasPreference) preference = 2;
    }
    return {kind: 'repeat', item, least, most, preference};
  }

  #bound(): [least: number, most: number, hasPreference: boolean] {
    const closing = this.#options.isBasic ? '\\}' : '}';
    const match = /^(\d+)(,(\d*))?/.exec(this.#text.slice(this.#at, this.#at + 20));
    if (match === null) throw invalidRegex('invalid repetition count(s)');
    const least = Number(match[1]);
    const hasRange = match[2] !== undefined;
    const most = !hasRange ? least : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (least > MOST_REPEATS || (most > MOST_REPEATS && most !== Number.POSITIVE_INFINITY))
      throw invalidRegex('invalid repetition count(s)');
    this.#at += match[0].length;
    if (this.#peek() === undefined) throw invalidRegex('braces {} not balanced');
    if (!this.#text.startsWith(closing, this.#at) || least > most)
      throw invalidRegex('invalid repetition count(s)');
    this.#at += closing.length;
    return [least, most, hasRange];
  }

  #atom(isFirst: boolean): Syntax {
    const code = this.#text.codePointAt(this.#at)!;
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    switch (char) {
      case '[':
        return this.#bracket();
      case '.':
        return this.#set(anyChar(this.#options.dotStopsAtNewline));
      case '^':
        if (this.#options.isBasic && !isFirst) return this.#char(code);
        return this.#anchor(this.#options.anchorsAtLines ? 'lineStart' : 'textStart');
      case '$':
        if (this.#options.isBasic && !this.#endsBasic()) return this.#char(code);
        return this.#anchor(this.#options.anchorsAtLines ? 'lineEnd' : 'textEnd');
      case '(':
        return this.#options.isBasic ? this.#char(code) : this.#group(')');
      case '\\':
        return this.#options.isBasic
          ? this.#basicEscape()
          : this.#options.isExtended
            ? this.#plainEscape()
            : this.#escape();
      default:
        return this.#char(code);
    }
  }

  #endsBasic(): boolean {
    return this.#peek() === undefined || this.#text.startsWith('\\)', this.#at);
  }

  #group(closing: string): Syntax {
    const isAdvanced = !this.#options.isBasic && !this.#options.isExtended;
    if (isAdvanced && this.#peek() === '?') return this.#specialGroup();
    if (this.#lookDepth > 0) return this.#groupBody(closing, 0);
    const capture = this.#groups.push(null) - 1;
    const group = this.#groupBody(closing, capture);
    this.#groups[capture] = group;
    return group;
  }

  #groupBody(closing: string, capture: number): Syntax {
    const item = this.#choice(false);
    if (!this.#text.startsWith(closing, this.#at))
      throw invalidRegex('parentheses () not balanced');
    this.#at += closing.length;
    return {kind: 'group', item, capture};
  }

  #specialGroup(): Syntax {
    const opening = /^\?(?:<=|<!|:|=|!)/.exec(this.#text.slice(this.#at, this.#at + 3))?.[0];
    if (opening === undefined) throw invalidRegex('quantifier operand invalid');
    this.#at += opening.length;
    if (opening === '?:') return this.#groupBody(')', 0);
    this.#lookDepth++;
    const body = this.#groupBody(')', 0);
    this.#lookDepth--;
    return this.#assertion({
      kind: 'look',
      isBehind: opening.startsWith('?<'),
      isNegated: opening.endsWith('!'),
      body,
    });
  }

  #basicEscape(): Syntax {
    const char = this.#peek();
    if (char === undefined) throw invalidRegex('invalid escape \\ sequence');
    if (/[1-9]/.test(char)) {
      this.#at++;
      return this.#backReference(Number(char));
    }
    if (char === '(') {
      this.#at++;
      return this.#group('\\)');
    }
    if (char === ')') throw invalidRegex('parentheses () not balanced');
    if (char === '<' || char === '>') {
      this.#at++;
      return this.#anchor(char === '<' ? 'wordStart' : 'wordEnd');
    }
    return this.#plainEscape();
  }

  #plainEscape(): Syntax {
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) throw invalidRegex('invalid escape \\ sequence');
    this.#at += code > 0xffff ? 2 : 1;
    return this.#char(code);
  }

  #escape(): Syntax {
    const char = this.#peek();
    if (char === undefined) throw invalidRegex('invalid escape \\ sequence');
    const anchor = anchors[char];
    if (anchor !== undefined) {
      this.#at++;
      return this.#anchor(anchor);
    }
    const named = classEscapes[char];
    if (named !== undefined) {
      this.#at++;
      return this.#set(named);
    }
    if (/[1-9]/.test(char)) {
      const digits = /^[0-9]+/.exec(this.#text.slice(this.#at, this.#at + 10))![0];
      const number = Number(digits);
      if (digits.length === 1 || number < this.#groups.length) {
        this.#at += digits.length;
        return this.#backReference(number);
      }
    }
    const [code, length] = readCharEscape(this.#text, this.#at);
    this.#at += length;
    return this.#char(code);
  }

  #backReference(capture: number): Syntax {
    const target = this.#groups[capture];
    if (target === undefined || target === null || this.#lookDepth > 0)
      throw invalidRegex('invalid backreference number');
    this.#hasBackReference = true;
    return {kind: 'backReference', capture, target};
  }

  #bracket(): Syntax {
    for (const [opening, anchor] of [
      ['[:<:]]', 'wordStart'],
      ['[:>:]]', 'wordEnd'],
    ] as const) {
      if (!this.#text.startsWith(opening, this.#at)) continue;
      this.#at += opening.length;
      return this.#anchor(anchor);
    }
    const reader = new BracketReader(this.#text, this.#at, this.#options);
    const set = reader.read();
    this.#at = reader.at;
    return this.#set(set);
  }

  #char(code: number): Syntax {
    return this.#set(oneChar(code, this.#options.isCaseInsensitive));
  }

  #set(set: CharSet): Syntax {
    return {kind: 'set', set: this.#setNumber(set)};
  }

  #setNumber(set: CharSet): number {
    const {ranges, classes, isNegated, foldsCase, excludesNewline} = set;
    const key = `${ranges.join(',')}/${classes.join(',')}/${isNegated}${foldsCase}${excludesNewline}`;
    let number = this.#setNumbers.get(key);
    if (number === undefined) {
      number = this.#sets.push(set) - 1;
      this.#setNumbers.set(key, number);
    }
    return number;
  }

  #anchor(name: AnchorName): Syntax {
    const known = this.#assertions.findIndex(each => each.kind === 'anchor' && each.name === name);
    return known === -1
      ? this.#assertion({kind: 'anchor', name})
      : {kind: 'assertion', assertion: known};
  }

  #assertion(assertion: Assertion): Syntax {
    if (this.#assertions.length >= MOST_ASSERTIONS)
      throw invalidRegex('regular expression is too complex');
    return {kind: 'assertion', assertion: this.#assertions.push(assertion) - 1};
  }
}
