import type {NumberFormat, NumberKey} from './format-number.ts';

const isDigit = (char: string | undefined): boolean =>
  char !== undefined && char >= '0' && char <= '9';

/** Reads a number by a format (formatting.c, the input half of NUM_processor). Positions move as PostgreSQL moves them. */
export class NumberReader {
  readonly #text: string;
  readonly #format: NumberFormat;
  #at = 0;
  #sign = ' ';
  #digits = '';
  #hasPoint = false;
  #wholeDigits = 0;
  fractionDigits = 0;

  constructor(text: string, format: NumberFormat) {
    this.#text = text;
    this.#format = format;
  }

  /** Sign and digits as numeric input takes them. */
  read(): string {
    for (const node of this.#format.nodes) {
      if (this.#isOver()) break;
      if (node.key === null) this.#at += [...node.text].length;
      else if (this.#action(node.key)) this.#at++;
    }
    return this.#sign + this.#digits.replace(/\.$/, '');
  }

  #isOver(): boolean {
    return this.#at >= this.#text.length;
  }

  #here(): string | undefined {
    return this.#text[this.#at];
  }

  /** True when the caller must step over the current character. */
  #action(key: NumberKey): boolean {
    switch (key) {
      case '9':
      case '0':
      case '.':
      case 'D':
        this.#place(key);
        return true;
      case ',':
      case 'G':
        return !this.#format.isFill && this.#here() === ',';
      case 'L':
        this.#skipOther(1);
        return false;
      case 'TH':
      case 'th':
        this.#skipOther(2);
        return false;
      case 'MI':
        return this.#signOr('-');
      case 'PL':
        return this.#signOr('+');
      case 'SG':
        return this.#signOr('+-');
      default:
        return false;
    }
  }

  #signOr(wanted: string): boolean {
    const char = this.#here()!;
    if (wanted.includes(char)) {
      this.#sign = char;
      return true;
    }
    this.#skipOther(1);
    return false;
  }

  /** Skips characters that cannot belong to a number. */
  #skipOther(count: number): void {
    for (let left = count; left > 0 && !this.#isOver(); left--) {
      if ('0123456789.,+-'.includes(this.#here()!)) return;
      this.#at++;
    }
  }

  #readCount(): number {
    return this.#wholeDigits + this.fractionDigits;
  }

  #place(key: NumberKey): void {
    if (this.#here() === ' ') this.#at++;
    if (this.#isOver()) return;
    if (this.#sign === ' ' && (key === '0' || key === '9') && this.#readCount() === 0)
      this.#leadingSign();
    if (this.#isOver()) return;
    let isRead = false;
    const char = this.#here();
    if (isDigit(char)) {
      if (this.#hasPoint && this.fractionDigits === this.#format.post) return;
      this.#digits += char;
      if (this.#hasPoint) this.fractionDigits++;
      else this.#wholeDigits++;
      isRead = true;
    } else if (this.#format.hasDecimal && !this.#hasPoint && char === '.') {
      this.#digits += '.';
      this.#hasPoint = true;
      isRead = true;
    }
    if (this.#sign === ' ' && this.#readCount() > 0) this.#trailingSign(isRead);
  }

  #leadingSign(): void {
    const char = this.#here();
    const {hasSign, sign, hasBracket} = this.#format;
    if (hasSign && sign !== 'pre') {
      if (char !== '-' && char !== '+') return;
    } else if (char !== '-' && char !== '+' && !(hasBracket && char === '<')) return;
    this.#sign = char === '+' ? '+' : '-';
    this.#at++;
  }

  #trailingSign(isRead: boolean): void {
    const {hasSign, hasPlus, hasMinus} = this.#format;
    if (
      hasSign &&
      isRead &&
      this.#at + 1 < this.#text.length &&
      !isDigit(this.#text[this.#at + 1])
    ) {
      const next = this.#text[this.#at + 1];
      if (next !== '-' && next !== '+') return;
      this.#at++;
      this.#sign = next;
    } else if (!isRead && !hasSign && (hasPlus || hasMinus)) {
      const char = this.#here();
      if (char === '-' || char === '+') this.#sign = char;
    }
  }
}
