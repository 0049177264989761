// Hot path: COPY FROM in CSV format.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {decodeUtf8} from '../types/text-compare.ts';
import {checkHeader} from './copy-header.ts';
import type {CopyOptions, CopyTarget} from './copy-options.ts';
import type {CopyReader, CopyRow} from './copy-row.ts';
import {lineWhere, rowWhere, withWhere} from './copy-row.ts';
import {FieldScanner} from './field-scanner.ts';
import {LineInput} from './line-input.ts';

const NEWLINE = 10;
const RETURN = 13;

/** Reads COPY's CSV format. */
export class CopyCsvReader implements CopyReader {
  readonly #options: CopyOptions;
  readonly #target: CopyTarget;
  readonly #quote: number;
  readonly #escape: number;
  readonly #input: LineInput;
  readonly #hasForce: boolean;
  #eol: 'unknown' | 'nl' | 'crnl' | 'cr' = 'unknown';
  readonly #fast: FieldScanner | null;
  #isHeaderDue: boolean;
  #isDone = false;
  /** Where the scan of an unfinished record stands, relative to its start. */
  #scanned = 0;
  #inQuote = false;
  /** Whether the search for the first line's end stands within quotes. */
  #isEolQuoted = false;
  #extraLines = 0;
  line = 0;

  constructor(options: CopyOptions, target: CopyTarget) {
    this.#options = options;
    this.#target = target;
    this.#quote = options.quote.charCodeAt(0);
    this.#escape = options.escape.charCodeAt(0);
    this.#input = new LineInput(this.#quote);
    this.#hasForce = options.forceNull.includes(true) || options.forceNotNull.includes(true);
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
    if (this.#scanned !== 0) return null;
    const input = this.#input;
    const next = fast.scan(input.buffer, input.at);
    if (next === -1) return null;
    input.at = next;
    this.line++;
    return fast;
  }

  next(): CopyRow | null {
    const text = this.#nextRecord();
    if (text === null) return null;
    if (this.#isHeaderDue) {
      this.#isHeaderDue = false;
      if (this.#options.header === 'match') {
        checkHeader(
          this.#split(text),
          this.#options,
          this.#target,
          rowWhere(this.#target, this.line, text),
        );
      }
      return this.next();
    }
    const fields = this.#split(text);
    this.#checkCount(fields.length, text);
    return {fields, line: this.line, text};
  }

  #nextRecord(): string | null {
    const input = this.#input;
    if (this.#isDone || input.isEmpty) return null;
    if (this.#eol === 'unknown' && !this.#detectEol()) return null;
    const {buffer, at} = input;
    const byte = this.#eol === 'cr' ? RETURN : NEWLINE;
    let end = this.#scanned === 0 ? buffer.indexOf(byte, at) : -1;
    const isSimple = this.#scanned === 0 && end !== -1 && !input.hasMarkBefore(end);
    if (!isSimple) end = this.#scanQuoted(byte);
    if (end === -1) {
      if (!input.isEnded) return null;
      end = buffer.length;
    }
    this.line += 1 + this.#extraLines;
    const isOpen = this.#inQuote;
    this.#scanned = 0;
    this.#inQuote = false;
    this.#extraLines = 0;
    const hasReturn =
      this.#eol === 'crnl' && end > at && end < buffer.length && buffer[end - 1] === RETURN;
    if (this.#eol === 'crnl' && !hasReturn && end < buffer.length) {
      const hint = 'Use quoted CSV field to represent newline.';
      throw this.#error('unquoted newline found in data', null, hint);
    }
    input.at = end + 1;
    return this.#recordText(at, hasReturn ? end - 1 : end, isOpen);
  }

  /** Learns the line ending from the first one outside of quotes; false when more input is needed. */
  #detectEol(): boolean {
    const {buffer, at, isEnded, searched} = this.#input;
    const [quote, escape] = [this.#quote, this.#escape];
    let inQuote = this.#isEolQuoted;
    let i = at + searched;
    for (; i < buffer.length; i++) {
      const byte = buffer[i]!;
      if (inQuote && byte === escape && escape !== quote) {
        if (i + 1 === buffer.length && !isEnded) break;
        if (buffer[i + 1] === escape || buffer[i + 1] === quote) i++;
      } else if (byte === quote) {
        inQuote = !inQuote;
      } else if (byte === NEWLINE && !inQuote) {
        this.#eol = 'nl';
        return true;
      } else if (byte === RETURN && !inQuote) {
        if (i + 1 === buffer.length && !isEnded) break;
        this.#eol = buffer[i + 1] === NEWLINE ? 'crnl' : 'cr';
        return true;
      }
    }
    this.#input.searched = i - at;
    this.#isEolQuoted = inQuote;
    return isEnded;
  }

  /** End of a record with quotes; goes on where it stopped for lack of input. */
  #scanQuoted(eol: number): number {
    const {buffer, at, isEnded} = this.#input;
    const [quote, escape] = [this.#quote, this.#escape];
    let inQuote = this.#inQuote;
    let i = at + this.#scanned;
    for (; i < buffer.length; i++) {
      const byte = buffer[i]!;
      if (inQuote && byte === escape && escape !== quote) {
        if (i + 1 >= buffer.length && !isEnded) break;
        const next = buffer[i + 1];
        if (next === escape || next === quote) i++;
        continue;
      }
      if (byte === quote) inQuote = !inQuote;
      else if (byte === eol) {
        if (!inQuote) {
          this.#inQuote = false;
          return i;
        }
        // PostgreSQL counts lines within quotes only once it knows the line ending.
        if (this.line > 0) this.#extraLines++;
      }
    }
    this.#scanned = i - at;
    this.#inQuote = inQuote;
    return -1;
  }

  #recordText(at: number, stop: number, isOpen: boolean): string | null {
    const {buffer} = this.#input;
    if (stop - at === 2 && buffer[at] === 92 && buffer[at + 1] === 46) {
      this.#isDone = true;
      return null;
    }
    let text: string;
    try {
      text = decodeUtf8(buffer, at, stop);
    } catch (error) {
      throw error instanceof PgError ? withWhere(error, lineWhere(this.#target, this.line)) : error;
    }
    if (isOpen) throw this.#error('unterminated CSV quoted field', text);
    return text;
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

  #split(text: string): (string | null)[] {
    const {delimiter, quote, nullText} = this.#options;
    if (this.#eol !== 'cr' && text.includes('\r')) this.#checkBare(text, '\r', 'carriage return');
    if (this.#eol === 'cr' && text.includes('\n')) this.#checkBare(text, '\n', 'newline');
    if (text.includes(quote)) return this.#splitQuoted(text);
    const fields: (string | null)[] = text.split(delimiter);
    for (let i = 0; i < fields.length; i++) {
      if (fields[i] === nullText && !(this.#hasForce && this.#options.forceNotNull[i] === true)) {
        fields[i] = null;
      }
    }
    return fields;
  }

  #checkBare(text: string, character: string, name: string): void {
    const {quote, escape} = this.#options;
    let inQuote = false;
    for (let i = 0; i < text.length; i++) {
      const one = text[i]!;
      if (inQuote && one === escape && escape !== quote) {
        if (text[i + 1] === escape || text[i + 1] === quote) i++;
      } else if (one === quote) {
        inQuote = !inQuote;
      } else if (one === character && !inQuote) {
        throw this.#error(
          `unquoted ${name} found in data`,
          null,
          `Use quoted CSV field to represent ${name}.`,
        );
      }
    }
  }

  #splitQuoted(text: string): (string | null)[] {
    const {delimiter, nullText, forceNull, forceNotNull} = this.#options;
    const fields: (string | null)[] = [];
    let at = 0;
    for (;;) {
      const field = this.#readField(text, at);
      const column = fields.length;
      const isNull =
        field.value === nullText &&
        (field.isQuoted ? forceNull[column] === true : forceNotNull[column] !== true);
      fields.push(isNull ? null : field.value);
      if (text[field.end] !== delimiter) return fields;
      at = field.end + 1;
    }
  }

  #readField(text: string, start: number): {value: string; isQuoted: boolean; end: number} {
    const {delimiter, quote, escape} = this.#options;
    let value = '';
    let isQuoted = false;
    let inQuote = false;
    let from = start;
    let at = start;
    for (; at < text.length; at++) {
      const character = text[at]!;
      if (!inQuote) {
        if (character === delimiter) break;
        if (character !== quote) continue;
        value += text.slice(from, at);
        from = at + 1;
        isQuoted = true;
        inQuote = true;
      } else if (character === escape && (text[at + 1] === quote || text[at + 1] === escape)) {
        value += text.slice(from, at) + text[at + 1]!;
        at++;
        from = at + 1;
      } else if (character === quote) {
        value += text.slice(from, at);
        from = at + 1;
        inQuote = false;
      }
    }
    return {value: value + text.slice(from, at), isQuoted, end: at};
  }
}
