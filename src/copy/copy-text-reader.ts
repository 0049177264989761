// Hot path: COPY FROM in text format.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {decodeUtf8} from '../types/text-compare.ts';
import type {CopyOptions, CopyTarget} from './copy-options.ts';
import type {CopyReader, CopyRow} from './copy-row.ts';
import {lineWhere, rowWhere, withWhere} from './copy-row.ts';
import {checkHeader} from './copy-header.ts';
import {FieldScanner} from './field-scanner.ts';
import {LineInput} from './line-input.ts';

const NEWLINE = 10;
const RETURN = 13;
const BACKSLASH = 92;

/** Reads COPY's text format. */
export class CopyTextReader implements CopyReader {
  readonly #options: CopyOptions;
  readonly #target: CopyTarget;
  readonly #input = new LineInput(BACKSLASH);
  #eol: 'unknown' | 'nl' | 'crnl' | 'cr' = 'unknown';
  readonly #fast: FieldScanner | null;
  #isHeaderDue: boolean;
  #isDone = false;
  line = 0;

  constructor(options: CopyOptions, target: CopyTarget) {
    this.#options = options;
    this.#target = target;
    this.#fast = FieldScanner.of(options, target.columns.length);
    this.#isHeaderDue = options.header !== 'none';
  }

  push(chunk: Buffer): void {
    if (!this.#isDone) this.#input.push(chunk);
  }

  end(): void {
    this.#input.isEnded = true;
  }

  get bytes(): Buffer {
    return this.#input.buffer;
  }

  nextFields(): FieldScanner | null {
    const fast = this.#fast;
    if (fast === null || this.#eol !== 'nl' || this.#isHeaderDue || this.#isDone) return null;
    if (this.#input.searched !== 0) return null;
    const input = this.#input;
    const next = fast.scan(input.buffer, input.at);
    if (next === -1) return null;
    input.at = next;
    this.line++;
    return fast;
  }

  next(): CopyRow | null {
    const text = this.#nextLine();
    if (text === null) return null;
    if (this.#isHeaderDue) {
      this.#isHeaderDue = false;
      if (this.#options.header === 'match') {
        checkHeader(
          this.#split(text, this.#options.nullText),
          this.#options,
          this.#target,
          rowWhere(this.#target, this.line, text),
        );
      }
      return this.next();
    }
    const fields = this.#split(text, this.#options.nullText);
    this.#checkCount(fields.length, text);
    return {fields, line: this.line, text};
  }

  #nextLine(): string | null {
    const input = this.#input;
    if (this.#isDone || input.isEmpty) return null;
    const {buffer, at} = input;
    const from = at + input.searched;
    let end = buffer.indexOf(this.#eol === 'cr' ? RETURN : NEWLINE, from);
    if (this.#eol === 'unknown' && !this.#detectEol(end)) return this.#unfinished();
    if (this.#eol === 'cr') end = buffer.indexOf(RETURN, from);
    if (end !== -1 && input.hasMarkBefore(end)) end = this.#unescapedEnd(end);
    if (end === -1) {
      if (!input.isEnded) return this.#unfinished();
      end = buffer.length;
    }
    input.searched = 0;
    this.line++;
    const hasReturn =
      this.#eol === 'crnl' && end < buffer.length && buffer[end - 1] === RETURN && end > at;
    if (this.#eol === 'crnl' && !hasReturn && end < buffer.length) {
      throw this.#error('literal newline found in data', null, 'Use "\\n" to represent newline.');
    }
    input.at = end + 1;
    return this.#lineText(at, hasReturn ? end - 1 : end);
  }

  /** No line's end is here yet; the last byte may be half of one. */
  #unfinished(): null {
    const {buffer, at} = this.#input;
    this.#input.searched = Math.max(0, buffer.length - at - 1);
    return null;
  }

  /** Learns the line ending from the first line; false when more input is needed. */
  #detectEol(newline: number): boolean {
    const {buffer, at, isEnded, searched} = this.#input;
    const cr = buffer.indexOf(RETURN, at + searched);
    if (cr === -1 || (newline !== -1 && newline < cr)) {
      if (newline === -1) return isEnded;
      this.#eol = 'nl';
      return true;
    }
    if (cr + 1 === buffer.length && !isEnded) return false;
    this.#eol = buffer[cr + 1] === NEWLINE ? 'crnl' : 'cr';
    return true;
  }

  /** A line end that no backslash takes away, from a first candidate on; -1 when it is not here yet. */
  #unescapedEnd(first: number): number {
    const {buffer, at} = this.#input;
    const byte = this.#eol === 'cr' ? RETURN : NEWLINE;
    let end = first;
    while (end !== -1) {
      let before = end - 1;
      if (this.#eol === 'crnl' && buffer[before] === RETURN) before--;
      let slashes = 0;
      while (before >= at && buffer[before] === BACKSLASH) {
        slashes++;
        before--;
      }
      if (slashes % 2 === 0) return end;
      end = buffer.indexOf(byte, end + 1);
    }
    return -1;
  }

  #lineText(at: number, stop: number): string | null {
    const {buffer} = this.#input;
    if (stop - at === 2 && buffer[at] === BACKSLASH && buffer[at + 1] === 46) {
      this.#isDone = true;
      return null;
    }
    let text: string;
    try {
      text = decodeUtf8(buffer, at, stop);
    } catch (error) {
      throw error instanceof PgError ? withWhere(error, lineWhere(this.#target, this.line)) : error;
    }
    this.#checkReturns(text);
    return text.includes('\\.') ? this.#endMark(text) : text;
  }

  /** `\.` within a line ends the data when the line ends with it, and is refused elsewhere. */
  #endMark(text: string): string {
    for (let at = text.indexOf('\\'); at !== -1; at = text.indexOf('\\', at + 2)) {
      if (text[at + 1] !== '.') continue;
      if (at + 2 < text.length) throw this.#error('end-of-copy marker corrupt', null);
      this.#isDone = true;
      return text.slice(0, at);
    }
    return text;
  }

  #checkReturns(text: string): void {
    const isReturn = this.#eol !== 'cr' && text.includes('\r');
    const isNewline = this.#eol === 'cr' && text.includes('\n');
    if (!isReturn && !isNewline) return;
    const bare = text.replace(/\\[^]/g, '');
    if (isReturn && bare.includes('\r')) {
      throw this.#error(
        'literal carriage return found in data',
        null,
        'Use "\\r" to represent carriage return.',
      );
    }
    if (isNewline && bare.includes('\n')) {
      throw this.#error('literal newline found in data', null, 'Use "\\n" to represent newline.');
    }
  }

  #error(message: string, text: string | null, hint?: string): PgError {
    const where =
      text === null ? lineWhere(this.#target, this.line) : rowWhere(this.#target, this.line, text);
    return new PgError(SqlState.badCopyFileFormat, message, {hint, where});
  }

  #checkCount(count: number, text: string): void {
    const expected = this.#target.columns.length;
    if (count === expected) return;
    if (count > expected) {
      if (expected === 0 && text === '') return;
      throw this.#error('extra data after last expected column', text);
    }
    throw this.#error(`missing data for column "${this.#target.columns[count]!}"`, text);
  }

  /** Fields of a line; null where a field is the null text. */
  #split(text: string, nullText: string | null): (string | null)[] {
    const {delimiter} = this.#options;
    const fields: (string | null)[] = text.split(delimiter);
    if (!text.includes('\\')) {
      if (nullText !== null) {
        for (let i = 0; i < fields.length; i++) if (fields[i] === nullText) fields[i] = null;
      }
      return fields;
    }
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      if (field === nullText) fields[i] = null;
      else if (field.includes('\\')) {
        if (i < fields.length - 1 && endsInEscape(field)) return this.#splitSlowly(text, nullText);
        fields[i] = this.#unescape(field, text);
      }
    }
    return fields;
  }

  /** With delimiters that a backslash takes away. */
  #splitSlowly(text: string, nullText: string | null): (string | null)[] {
    const {delimiter} = this.#options;
    const fields: (string | null)[] = [];
    let from = 0;
    for (let at = 0; ; at++) {
      const isEnd = at >= text.length;
      if (!isEnd && text[at] === '\\') {
        at++;
        continue;
      }
      if (!isEnd && text[at] !== delimiter) continue;
      const field = text.slice(from, at);
      fields.push(field === nullText ? null : this.#unescape(field, text));
      from = at + 1;
      if (isEnd) return fields;
    }
  }

  #unescape(field: string, text: string): string {
    try {
      return unescapeText(field);
    } catch (error) {
      throw error instanceof PgError
        ? withWhere(error, rowWhere(this.#target, this.line, text))
        : error;
    }
  }
}

function endsInEscape(field: string): boolean {
  let slashes = 0;
  while (field.charCodeAt(field.length - 1 - slashes) === BACKSLASH) slashes++;
  return slashes % 2 === 1;
}

const escapePattern = /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|([^])|$)/g;
const letters: Readonly<Record<string, string | undefined>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** A field without its backslash escapes; octal and hex ones are bytes, checked to be UTF-8. */
export function unescapeText(field: string): string {
  if (!field.includes('\\')) return field;
  let hasBytes = false;
  const result = field.replace(
    escapePattern,
    (_all, octal: string | undefined, hex: string | undefined, plain: string | undefined) => {
      if (plain !== undefined) return letters[plain] ?? plain;
      const text = octal ?? hex;
      if (text === undefined) return '\\';
      const byte = Number.parseInt(text, octal === undefined ? 16 : 8) & 0xff;
      if (byte === 0 || byte > 127) hasBytes = true;
      return String.fromCharCode(byte);
    },
  );
  return hasBytes ? unescapeBytes(field) : result;
}

function unescapeBytes(field: string): string {
  const parts: Buffer[] = [];
  let from = 0;
  for (const match of field.matchAll(escapePattern)) {
    parts.push(Buffer.from(field.slice(from, match.index)));
    from = match.index + match[0].length;
    const digits = match[1] ?? match[2];
    if (digits !== undefined) {
      parts.push(Buffer.from([Number.parseInt(digits, match[1] === undefined ? 16 : 8) & 0xff]));
    } else {
      const plain = match[3] ?? '\\';
      parts.push(Buffer.from(letters[plain] ?? plain));
    }
  }
  parts.push(Buffer.from(field.slice(from)));
  return decodeUtf8(Buffer.concat(parts));
}
