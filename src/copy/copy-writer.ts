// Hot path: COPY TO in text and CSV format.
import type {Vector} from '../columns/vector.ts';
import {datumAt} from '../columns/vector-builder.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import type {FormatSettings, TypeInstance} from '../types/contract.ts';
import type {CopyOptions} from './copy-options.ts';

/** Writes rows of COPY TO; each call appends one line with its end. */
export interface CopyWriter {
  writeHeader(columns: readonly string[], out: ByteWriter): void;
  /** A row of columns; texts that lie there as bytes do not become strings. */
  writeRow(vectors: readonly Vector[], row: number, out: ByteWriter): void;
}

/** The writer of a text or CSV COPY over columns of given types. */
export function createCopyWriter(
  options: CopyOptions,
  types: readonly TypeInstance[],
  settings: FormatSettings,
): CopyWriter {
  return options.format === 'csv'
    ? new CsvWriter(options, types, settings)
    : new TextWriter(options, types, settings);
}

/** Types that are written with digits, letters and these signs alone: bool, numbers without money, dates and times, uuid. */
const PLAIN_TYPES: ReadonlySet<number> = new Set([
  16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1700, 2950,
]);
/** Types that are written as their bytes are. */
const TEXT_TYPES: ReadonlySet<number> = new Set([25, 1042, 1043]);
const USUAL_DELIMITERS = ',\t;|';
const USUAL_NULLS: ReadonlySet<string> = new Set(['', '\\N']);

/** Whether no value of a type can hold a character that these options give a meaning. */
function needsNoLook(type: TypeInstance, options: CopyOptions): boolean {
  if (!PLAIN_TYPES.has(type.oid) || !USUAL_DELIMITERS.includes(options.delimiter)) return false;
  return options.quote === '"' && options.escape === '"' && USUAL_NULLS.has(options.nullText);
}

/** Writes the text of a value that is not NULL. */
function writeCell(
  vector: Vector,
  row: number,
  type: TypeInstance,
  settings: FormatSettings,
  out: ByteWriter,
): void {
  if (vector.kind === 'utf8' && TEXT_TYPES.has(type.oid))
    out.copy(vector.bytes, vector.offsets[row]!, vector.offsets[row + 1]!);
  else type.writeText(datumAt(vector, row)!, out, settings);
}

const escapeLetters: ReadonlyMap<number, number> = new Map([
  [8, 98],
  [9, 116],
  [10, 110],
  [11, 118],
  [12, 102],
  [13, 114],
  [92, 92],
]);

class TextWriter implements CopyWriter {
  readonly #types: readonly TypeInstance[];
  readonly #settings: FormatSettings;
  readonly #delimiter: number;
  readonly #nullText: string;
  /** By column: values need not be looked at. */
  readonly #isPlain: readonly boolean[];
  /** What follows the backslash by byte; 0 = stands for itself. */
  readonly #escapes = new Uint8Array(256);

  constructor(options: CopyOptions, types: readonly TypeInstance[], settings: FormatSettings) {
    this.#types = types;
    this.#isPlain = types.map(type => needsNoLook(type, options));
    this.#settings = settings;
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#nullText = options.nullText;
    for (const [byte, letter] of escapeLetters) this.#escapes[byte] = letter;
    this.#escapes[this.#delimiter] = escapeLetters.get(this.#delimiter) ?? this.#delimiter;
    if (this.#delimiter === 9) this.#escapes[9] = 116;
  }

  writeHeader(columns: readonly string[], out: ByteWriter): void {
    columns.forEach((column, i) => {
      if (i > 0) out.byte(this.#delimiter);
      const start = out.length;
      out.utf8(column);
      this.#escapeFrom(start, out);
    });
    out.byte(10);
  }

  writeRow(vectors: readonly Vector[], row: number, out: ByteWriter): void {
    for (let i = 0; i < vectors.length; i++) {
      if (i > 0) out.byte(this.#delimiter);
      const vector = vectors[i]!;
      if (vector.nulls !== null && vector.nulls[row] === 1) {
        out.utf8(this.#nullText);
        continue;
      }
      const start = out.length;
      writeCell(vector, row, this.#types[i]!, this.#settings, out);
      if (!this.#isPlain[i]!) this.#escapeFrom(start, out);
    }
    out.byte(10);
  }

  #escapeFrom(start: number, out: ByteWriter): void {
    const escapes = this.#escapes;
    const end = out.length;
    const written = out.buffer;
    let extra = 0;
    for (let i = start; i < end; i++) if (escapes[written[i]!]! !== 0) extra++;
    if (extra === 0) return;
    out.ensure(extra);
    const {buffer} = out;
    let to = end + extra;
    out.length = to;
    for (let from = end - 1; from >= start; from--) {
      const byte = buffer[from]!;
      const letter = escapes[byte]!;
      buffer[--to] = letter === 0 ? byte : letter;
      if (letter !== 0) buffer[--to] = 92;
    }
  }
}

class CsvWriter implements CopyWriter {
  readonly #types: readonly TypeInstance[];
  readonly #settings: FormatSettings;
  readonly #options: CopyOptions;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #escape: number;
  readonly #nullText: string;
  /** By column: values need not be looked at. */
  readonly #isPlain: readonly boolean[];
  /** 1 = asks for quotes, 2 = is doubled or escaped. */
  readonly #marks = new Uint8Array(256);

  constructor(options: CopyOptions, types: readonly TypeInstance[], settings: FormatSettings) {
    this.#types = types;
    this.#settings = settings;
    this.#options = options;
    this.#isPlain = types.map(
      (type, i) => options.forceQuote[i] !== true && needsNoLook(type, options),
    );
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#quote = options.quote.charCodeAt(0);
    this.#escape = options.escape.charCodeAt(0);
    this.#nullText = options.nullText;
    for (const byte of [this.#quote, this.#delimiter, 10, 13]) this.#marks[byte] = 1;
    this.#marks[this.#escape]! |= 2;
    this.#marks[this.#quote]! |= 2;
  }

  writeHeader(columns: readonly string[], out: ByteWriter): void {
    columns.forEach((column, i) => {
      if (i > 0) out.byte(this.#delimiter);
      const start = out.length;
      out.utf8(column);
      this.#quoteFrom(start, out, false, columns.length === 1);
    });
    out.byte(10);
  }

  writeRow(vectors: readonly Vector[], row: number, out: ByteWriter): void {
    const isOnly = vectors.length === 1;
    for (let i = 0; i < vectors.length; i++) {
      if (i > 0) out.byte(this.#delimiter);
      const vector = vectors[i]!;
      if (vector.nulls !== null && vector.nulls[row] === 1) {
        out.utf8(this.#nullText);
        continue;
      }
      const start = out.length;
      writeCell(vector, row, this.#types[i]!, this.#settings, out);
      if (!this.#isPlain[i]!)
        this.#quoteFrom(start, out, this.#options.forceQuote[i] === true, isOnly);
    }
    out.byte(10);
  }

  /** Puts quotes around what was written from `start` on, where CSV asks for them. */
  #quoteFrom(start: number, out: ByteWriter, isForced: boolean, isOnly: boolean): void {
    const end = out.length;
    let isNeeded =
      isForced || this.#isNullText(start, out) || (isOnly && this.#isEndMark(start, out));
    let extra = 0;
    const marks = this.#marks;
    const written = out.buffer;
    for (let i = start; i < end; i++) {
      const mark = marks[written[i]!]!;
      if (mark === 0) continue;
      if ((mark & 2) !== 0) extra++;
      if ((mark & 1) !== 0) isNeeded = true;
    }
    if (!isNeeded) return;
    out.ensure(extra + 2);
    const {buffer} = out;
    let to = end + extra + 2;
    out.length = to;
    buffer[--to] = this.#quote;
    for (let from = end - 1; from >= start; from--) {
      const byte = buffer[from]!;
      buffer[--to] = byte;
      if (byte === this.#quote || byte === this.#escape) buffer[--to] = this.#escape;
    }
    buffer[--to] = this.#quote;
  }

  #isNullText(start: number, out: ByteWriter): boolean {
    const text = this.#nullText;
    if (text === '') return out.length === start;
    return (
      out.length - start <= text.length * 3 && out.buffer.utf8Slice(start, out.length) === text
    );
  }

  #isEndMark(start: number, out: ByteWriter): boolean {
    return out.length - start === 2 && out.buffer[start] === 92 && out.buffer[start + 1] === 46;
  }
}
