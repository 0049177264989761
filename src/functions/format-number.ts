// to_char for numbers: PostgreSQL's formatting.c step by step, since its corner cases are its specification.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** Actions of a number format. */
export type NumberKey =
  | '9'
  | '0'
  | '.'
  | 'D'
  | ','
  | 'G'
  | 'B'
  | 'C'
  | 'EEEE'
  | 'FM'
  | 'L'
  | 'MI'
  | 'PL'
  | 'PR'
  | 'RN'
  | 'rn'
  | 'SG'
  | 'SP'
  | 'S'
  | 'TH'
  | 'th'
  | 'V';

/** A node of a parsed format: an action or literal text. */
export type NumberNode =
  | {readonly key: NumberKey; readonly text: ''}
  | {readonly key: null; readonly text: string};

/** What a number format says. */
export interface NumberFormat {
  readonly nodes: readonly NumberNode[];
  pre: number;
  post: number;
  multi: number;
  zeroStart: number;
  zeroEnd: number;
  preSign: number;
  sign: 'none' | 'pre' | 'post';
  hasZero: boolean;
  hasDecimal: boolean;
  isFill: boolean;
  hasSign: boolean;
  hasBracket: boolean;
  hasMinus: boolean;
  hasPlus: boolean;
  isRoman: boolean;
  hasMulti: boolean;
  isScientific: boolean;
}

const keys: readonly NumberKey[] = [
  'EEEE',
  'FM',
  'MI',
  'PL',
  'PR',
  'RN',
  'SG',
  'SP',
  'TH',
  'B',
  'C',
  'D',
  'G',
  'L',
  'S',
  'V',
  '9',
  '0',
  '.',
  ',',
];
const bad = (text: string, detail?: string): PgError =>
  new PgError(SqlState.syntaxError, text, detail === undefined ? {} : {detail});

function keyAt(format: string, at: number): readonly [NumberKey, number] | null {
  const two = format.slice(at, at + 2);
  if (two === 'rn' || two === 'th') return [two, 2];
  for (const key of keys)
    if (format.slice(at, at + key.length).toUpperCase() === key) return [key, key.length];
  return null;
}

/** Cuts a format into actions and literals; `"..."` and backslash quote. */
function tokenize(format: string): NumberNode[] {
  const nodes: NumberNode[] = [];
  let at = 0;
  while (at < format.length) {
    const found = keyAt(format, at);
    if (found !== null) {
      nodes.push({key: found[0], text: ''});
      at += found[1];
    } else if (format[at] === '"') {
      at++;
      let text = '';
      while (at < format.length && format[at] !== '"') {
        if (format[at] === '\\' && at + 1 < format.length) at++;
        text += format[at++];
      }
      at++;
      nodes.push({key: null, text});
    } else {
      if (format[at] === '\\' && format[at + 1] === '"') at++;
      const char = String.fromCodePoint(format.codePointAt(at)!);
      nodes.push({key: null, text: char});
      at += char.length;
    }
  }
  return nodes;
}

/** Parses a number format; 42601 for what does not go together. */
export function parseNumberFormat(format: string): NumberFormat {
  const result: NumberFormat = {
    nodes: tokenize(format),
    pre: 0,
    post: 0,
    multi: 0,
    zeroStart: 0,
    zeroEnd: 0,
    preSign: 0,
    sign: 'none',
    hasZero: false,
    hasDecimal: false,
    isFill: false,
    hasSign: false,
    hasBracket: false,
    hasMinus: false,
    hasPlus: false,
    isRoman: false,
    hasMulti: false,
    isScientific: false,
  };
  for (const node of result.nodes) if (node.key !== null) apply(result, node.key);
  return result;
}

function apply(format: NumberFormat, key: NumberKey): void {
  if (format.isScientific && key !== 'EEEE') throw bad('"EEEE" must be the last pattern used');
  switch (key) {
    case '9':
      if (format.hasBracket) throw bad('"9" must be ahead of "PR"');
      if (format.hasMulti) format.multi++;
      else if (format.hasDecimal) format.post++;
      else format.pre++;
      return;
    case '0':
      if (format.hasBracket) throw bad('"0" must be ahead of "PR"');
      if (!format.hasZero && !format.hasDecimal) {
        format.hasZero = true;
        format.zeroStart = format.pre + 1;
      }
      if (format.hasDecimal) format.post++;
      else format.pre++;
      format.zeroEnd = format.pre + format.post;
      return;
    case '.':
    case 'D':
      if (format.hasDecimal) throw bad('multiple decimal points');
      if (format.hasMulti) throw bad('cannot use "V" and decimal point together');
      format.hasDecimal = true;
      return;
    case 'FM':
      format.isFill = true;
      return;
    default:
      applySign(format, key);
  }
}

function applySign(format: NumberFormat, key: NumberKey): void {
  switch (key) {
    case 'S':
      if (format.hasSign) throw bad('cannot use "S" twice');
      if (format.hasPlus || format.hasMinus || format.hasBracket)
        throw bad('cannot use "S" and "PL"/"MI"/"SG"/"PR" together');
      if (!format.hasDecimal) {
        format.sign = 'pre';
        format.preSign = format.pre;
      } else if (format.sign === 'none') format.sign = 'post';
      format.hasSign = true;
      return;
    case 'MI':
      if (format.hasSign) throw bad('cannot use "S" and "MI" together');
      format.hasMinus = true;
      return;
    case 'PL':
      if (format.hasSign) throw bad('cannot use "S" and "PL" together');
      format.hasPlus = true;
      return;
    case 'SG':
      if (format.hasSign) throw bad('cannot use "S" and "SG" together');
      format.hasMinus = true;
      format.hasPlus = true;
      return;
    case 'PR':
      if (format.hasSign || format.hasPlus || format.hasMinus)
        throw bad('cannot use "PR" and "S"/"PL"/"MI"/"SG" together');
      format.hasBracket = true;
      return;
    case 'RN':
    case 'rn':
      format.isRoman = true;
      return;
    case 'V':
      if (format.hasDecimal) throw bad('cannot use "V" and decimal point together');
      format.hasMulti = true;
      return;
    case 'EEEE':
      applyScientific(format);
      return;
    default:
  }
}

function applyScientific(format: NumberFormat): void {
  if (format.isScientific) throw bad('cannot use "EEEE" twice');
  if (
    format.isFill ||
    format.hasSign ||
    format.hasBracket ||
    format.hasMinus ||
    format.hasPlus ||
    format.isRoman ||
    format.hasMulti
  ) {
    throw bad(
      '"EEEE" is incompatible with other formats',
      '"EEEE" may only be used together with digit and decimal point patterns.',
    );
  }
  format.isScientific = true;
}

/** A number ready to be laid out: digits with an optional point, its sign, and blanks before it. */
export interface NumberText {
  readonly digits: string;
  readonly sign: '+' | '-';
  readonly blanks: number;
}

/** Fits digits into the places of a format; too many become #. */
export function fitDigits(format: NumberFormat, text: string): NumberText {
  const sign = text.startsWith('-') ? '-' : '+';
  const digits = text.replace(/^-/, '');
  const point = digits.indexOf('.');
  const size = point === -1 ? digits.length : point;
  if (size <= format.pre) return {digits, sign, blanks: format.pre - size};
  return {digits: `${'#'.repeat(format.pre)}.${'#'.repeat(format.post)}`, sign, blanks: 0};
}

/** Lays out a number (NUM_processor). */
export function layOutNumber(format: NumberFormat, number: NumberText): string {
  return new Layout(format, number).run();
}

class Layout {
  readonly #format: NumberFormat;
  readonly #digits: string;
  readonly #sign: '+' | '-';
  readonly #blanks: number;
  readonly #zeroStart: number;
  readonly #count: number;
  readonly #lastRelevant: number;
  #out = '';
  #at = 0;
  #current = 0;
  #isInNumber = false;
  #isSignWritten: boolean;
  #signPlace: NumberFormat['sign'];
  #hasBracket: boolean;

  constructor(format: NumberFormat, number: NumberText) {
    this.#format = format;
    this.#digits = number.digits;
    this.#sign = number.sign;
    this.#blanks = format.isRoman ? 0 : number.blanks;
    this.#zeroStart = format.zeroStart > 0 ? format.zeroStart - 1 : 0;
    this.#signPlace = format.sign;
    this.#hasBracket = format.hasBracket;
    if (format.hasPlus || format.hasMinus)
      this.#isSignWritten = !(format.hasPlus && !format.hasMinus);
    else {
      if (this.#sign !== '-' && format.isFill) this.#hasBracket = false;
      this.#isSignWritten = this.#sign === '+' && format.isFill && !format.hasSign;
      if (this.#signPlace === 'pre' && format.pre === format.preSign) this.#signPlace = 'post';
    }
    this.#lastRelevant = this.#findLastRelevant();
    this.#count =
      format.post + format.pre - 1 + (!this.#isSignWritten && this.#blanks === 0 ? 1 : 0);
  }

  /** Index of the last fraction digit that FM keeps, -1 when all are kept. */
  #findLastRelevant(): number {
    const format = this.#format;
    if (!format.isFill || !format.hasDecimal) return -1;
    const point = this.#digits.indexOf('.');
    if (point === -1) return -1;
    let last = point;
    for (let index = point + 1; index < this.#digits.length; index++)
      if (this.#digits[index] !== '0') last = index;
    if (format.zeroEnd > this.#blanks)
      last = Math.max(last, Math.min(this.#digits.length - 1, format.zeroEnd - this.#blanks));
    return last;
  }

  run(): string {
    for (const node of this.#format.nodes) {
      if (node.key === null) this.#out += node.text;
      else this.#action(node.key);
    }
    return this.#out;
  }

  #action(key: NumberKey): void {
    const {isFill, isRoman, hasDecimal} = this.#format;
    switch (key) {
      case '9':
      case '0':
      case '.':
      case 'D':
        if (!isRoman) this.#place(key);
        return;
      case ',':
      case 'G':
        if (this.#isInNumber) this.#out += ',';
        else if (!isFill) this.#out += ' ';
        return;
      case 'L':
        this.#out += ' ';
        return;
      case 'RN':
      case 'rn': {
        const text = key === 'rn' ? this.#digits.toLowerCase() : this.#digits;
        this.#out += isFill ? text : text.padStart(15);
        return;
      }
      case 'TH':
      case 'th':
        if (isRoman || this.#digits.startsWith('#') || this.#sign === '-' || hasDecimal) return;
        this.#out += ordinalSuffix(this.#digits, key === 'TH');
        return;
      case 'MI':
        this.#out += this.#sign === '-' ? '-' : isFill ? '' : ' ';
        return;
      case 'PL':
        this.#out += this.#sign === '+' ? '+' : isFill ? '' : ' ';
        return;
      case 'SG':
        this.#out += this.#sign;
        return;
      default:
    }
  }

  #isBlankBeforePoint(): boolean {
    return (
      !this.#format.hasZero &&
      this.#at === 0 &&
      this.#digits.startsWith('0') &&
      this.#format.post !== 0
    );
  }

  #isPointLast(): boolean {
    return this.#lastRelevant !== -1 && this.#digits[this.#lastRelevant] === '.';
  }

  /** One place of the number (NUM_numpart_to_char). */
  #place(key: NumberKey): void {
    const format = this.#format;
    this.#isInNumber = false;
    const isStarting =
      this.#current >= this.#blanks || (format.hasZero && this.#zeroStart === this.#current);
    if (!this.#isSignWritten && isStarting && (!this.#isBlankBeforePoint() || this.#isPointLast()))
      this.#writeSign();
    if (this.#current < this.#blanks && (this.#zeroStart > this.#current || !format.hasZero)) {
      if (!format.isFill) this.#out += ' ';
    } else if (format.hasZero && this.#current < this.#blanks && this.#zeroStart <= this.#current) {
      this.#out += '0';
      this.#isInNumber = true;
    } else this.#writeDigit(key);
    this.#finishSign();
    this.#current++;
  }

  #writeSign(): void {
    if (this.#format.hasSign) {
      if (this.#signPlace !== 'pre') return;
      this.#out += this.#sign;
    } else if (this.#hasBracket) this.#out += this.#sign === '+' ? ' ' : '<';
    else if (this.#sign === '+') this.#out += this.#format.isFill ? '' : ' ';
    else this.#out += '-';
    this.#isSignWritten = true;
  }

  #writeDigit(key: NumberKey): void {
    const char = this.#digits[this.#at];
    if (char === '.') this.#out += '.';
    else if (this.#lastRelevant !== -1 && this.#at > this.#lastRelevant && key !== '0')
      this.#out += '';
    else if (this.#isBlankBeforePoint()) {
      if (!this.#format.isFill) this.#out += ' ';
      else if (this.#isPointLast()) this.#out += '0';
    } else if (char !== undefined) {
      this.#out += char;
      this.#isInNumber = true;
    }
    if (char !== undefined) this.#at++;
  }

  #finishSign(): void {
    let end = this.#count + (this.#blanks > 0 ? 1 : 0) + (this.#format.hasDecimal ? 1 : 0);
    if (this.#lastRelevant !== -1 && this.#lastRelevant === this.#at) end = this.#current;
    if (this.#current + 1 !== end) return;
    if (this.#isSignWritten && this.#hasBracket) this.#out += this.#sign === '+' ? ' ' : '>';
    else if (this.#format.hasSign && this.#signPlace === 'post') this.#out += this.#sign;
  }
}

/** st, nd, rd or th. */
export function ordinalSuffix(digits: string, isUpper: boolean): string {
  const last = digits.at(-1);
  const isTeen = digits.length > 1 && digits.at(-2) === '1';
  const suffix = isTeen
    ? 'th'
    : last === '1'
      ? 'st'
      : last === '2'
        ? 'nd'
        : last === '3'
          ? 'rd'
          : 'th';
  return isUpper ? suffix.toUpperCase() : suffix;
}

const romanDigits: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];

/** Roman numeral of 1 to 3999, else fifteen #. */
export function romanNumeral(value: number): string {
  if (!(value >= 1 && value <= 3999)) return '#'.repeat(15);
  let rest = value;
  let text = '';
  for (const [size, digits] of romanDigits) {
    while (rest >= size) {
      text += digits;
      rest -= size;
    }
  }
  return text;
}
