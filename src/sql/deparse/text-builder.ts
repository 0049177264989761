const INDENT_LIMIT = 40;

/** Text being printed with PostgreSQL's indentation (ruleutils' deparse_context). */
export class TextBuilder {
  /** Whether line breaks and indentation are printed. */
  readonly isIndented: boolean;
  indentLevel: number;
  #text = '';

  constructor(isIndented: boolean, indentLevel = 0) {
    this.isIndented = isIndented;
    this.indentLevel = indentLevel;
  }

  get text(): string {
    return this.#text;
  }

  append(text: string): void {
    this.#text += text;
  }

  /** What `work` prints, taken out of the text. */
  capture(work: () => void): string {
    const before = this.#text;
    this.#text = '';
    try {
      work();
      return this.#text;
    } finally {
      this.#text = before;
    }
  }

  /** The line being printed. */
  get currentLine(): string {
    return this.#text.slice(this.#text.lastIndexOf('\n') + 1);
  }

  trimSpaces(): void {
    this.#text = this.#text.replace(/ +$/, '');
  }

  /** A word that starts a line when indentation is on (appendContextKeyword). */
  keyword(word: string, before: number, after: number, plus: number): void {
    if (!this.isIndented) {
      this.#text += word;
      return;
    }
    this.indentLevel += before;
    this.trimSpaces();
    this.#text += `\n${' '.repeat(indentation(this.indentLevel) + plus)}${word}`;
    this.indentLevel = Math.max(this.indentLevel + after, 0);
  }
}

function indentation(level: number): number {
  if (level < INDENT_LIMIT) return Math.max(level, 0);
  return (INDENT_LIMIT + Math.trunc((level - INDENT_LIMIT) / 4)) % INDENT_LIMIT;
}
