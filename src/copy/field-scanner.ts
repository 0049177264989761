// Hot path: lines of a usual form are cut into fields as bytes.
import {isUtf8} from 'node:buffer';
import type {CopyOptions} from './copy-options.ts';

const NEWLINE = 10;
const RETURN = 13;
const BACKSLASH = 92;

/** What a field's bytes are. */
export const PLAIN = 0;
export const NULL = 1;
/** Its text between quotes, with quotes doubled. */
export const DOUBLED = 2;

/**
 * Cuts one line after the other into fields where nothing in it is unusual: no carriage return, NUL, invalid UTF-8, other escapes than
 * \N, newline in quotes, wrong number of fields. What it does not take is left to the reader that knows it all.
 */
export class FieldScanner {
  /** Of each field: its bytes in the buffer that was scanned, and what they are. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly forms: Uint8Array;
  /** The line's bytes without its end. */
  lineStart = 0;
  lineEnd = 0;
  #isQuotedAscii = true;
  readonly #width: number;
  readonly #delimiter: number;
  /** -1 in text format. */
  readonly #quote: number;
  readonly #nullText: Buffer;
  /** Bytes that end a run of usual ones outside of quotes, and within. */
  readonly #stops = new Uint8Array(256);
  readonly #quotedStops = new Uint8Array(256);

  private constructor(options: CopyOptions, width: number) {
    this.#width = width;
    this.starts = new Int32Array(width);
    this.ends = new Int32Array(width);
    this.forms = new Uint8Array(width);
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#quote = options.format === 'csv' ? options.quote.charCodeAt(0) : -1;
    this.#nullText = Buffer.from(options.nullText);
    const special = this.#quote === -1 ? BACKSLASH : this.#quote;
    for (const byte of [0, NEWLINE, RETURN, special]) {
      this.#stops[byte] = 1;
      this.#quotedStops[byte] = 1;
    }
    this.#stops[this.#delimiter] = 1;
  }

  /** Null where the options ask for more than it knows. */
  static of(options: CopyOptions, width: number): FieldScanner | null {
    if (width === 0 || options.format === 'binary') return null;
    if (options.format === 'csv') {
      if (options.escape !== options.quote) return null;
      if (options.forceNull.includes(true) || options.forceNotNull.includes(true)) return null;
    }
    return new FieldScanner(options, width);
  }

  /** Scans the line at a position: the position behind its end, or -1 when it is unusual or not all there. */
  scan(buffer: Buffer, from: number): number {
    const width = this.#width;
    const quote = this.#quote;
    const stops = this.#stops;
    const size = buffer.length;
    let bits = 0;
    let at = from;
    for (let column = 0; column < width; column++) {
      let byte = 0;
      if (at < size && buffer[at] === quote) {
        const end = this.#quoted(buffer, at + 1, column);
        if (end === -1) return -1;
        if (!this.#isQuotedAscii) bits = 128;
        at = end + 1;
        if (at === size) return -1;
        byte = buffer[at]!;
      } else {
        const start = at;
        for (; at < size; at++) {
          byte = buffer[at]!;
          if (stops[byte] === 1) break;
          bits |= byte;
        }
        if (at === size) return -1;
        if (byte === BACKSLASH && quote === -1 && at === start && buffer[at + 1] === 78) {
          at += 2;
          if (at >= size) return -1;
          byte = buffer[at]!;
        }
        this.starts[column] = start;
        this.ends[column] = at;
        this.forms[column] = this.#isNull(buffer, start, at) ? NULL : PLAIN;
      }
      if (column === width - 1 ? byte !== NEWLINE : byte !== this.#delimiter) return -1;
      at++;
    }
    return this.#isUsual(buffer, from, at - 1, bits) ? at : -1;
  }

  /** The closing quote of a field, -1 when it is unusual or not there yet. */
  #quoted(buffer: Buffer, start: number, column: number): number {
    const quote = this.#quote;
    const stops = this.#quotedStops;
    const size = buffer.length;
    let form = PLAIN;
    let bits = 0;
    let at = start;
    for (; at < size; at++) {
      const byte = buffer[at]!;
      if (stops[byte] === 0) {
        bits |= byte;
        continue;
      }
      if (byte !== quote || at + 1 === size) return -1;
      if (buffer[at + 1] !== quote) break;
      form = DOUBLED;
      at++;
    }
    this.starts[column] = start;
    this.ends[column] = at;
    this.forms[column] = form;
    this.#isQuotedAscii = bits < 128;
    return at < size ? at : -1;
  }

  #isNull(buffer: Buffer, start: number, end: number): boolean {
    const text = this.#nullText;
    const {length} = text;
    if (end - start !== length) return false;
    for (let i = 0; i < length; i++) if (buffer[start + i] !== text[i]) return false;
    return true;
  }

  #isUsual(buffer: Buffer, start: number, end: number, bits: number): boolean {
    // The mark of the end of the data.
    if (end - start === 2 && buffer[start] === BACKSLASH && buffer[start + 1] === 46) return false;
    // An escape that is not the null text.
    if (this.#quote === -1 && this.#hasOtherEscape(buffer)) return false;
    this.lineStart = start;
    this.lineEnd = end;
    return bits < 128 || isUtf8(buffer.subarray(start, end));
  }

  #hasOtherEscape(buffer: Buffer): boolean {
    for (let column = 0; column < this.#width; column++)
      if (this.forms[column] !== NULL && buffer[this.starts[column]!] === BACKSLASH) return true;
    return false;
  }
}
