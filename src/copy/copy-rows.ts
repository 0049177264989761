// Hot path: COPY FROM, from bytes to columns.
import {ByteReader} from '../common/byte-reader.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Vector} from '../columns/vector.ts';
import {BATCH_CAPACITY} from '../columns/vector.ts';
import type {Datum, FormatSettings, TypeInstance} from '../types/contract.ts';
import {type ColumnReader, createColumnReader} from './column-reader.ts';
import {CopyBinaryReader} from './copy-binary.ts';
import {CopyCsvReader} from './copy-csv-reader.ts';
import type {CopyOptions, CopyTarget} from './copy-options.ts';
import type {CopyReader} from './copy-row.ts';
import {fieldWhere, lineWhere, rowWhere, withWhere} from './copy-row.ts';
import {CopyTextReader} from './copy-text-reader.ts';
import {DOUBLED, type FieldScanner, NULL} from './field-scanner.ts';

/** A column that COPY fills. */
export interface CopyColumn {
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
  /** Raises an error for values, and NULL, that the column's domain does not have. */
  readonly check: ((value: Datum) => void) | null;
}

/** The rows of COPY FROM as columns, a batch at a time; knows for each the line that it came from. */
export class CopyRows {
  readonly #target: CopyTarget;
  readonly #columns: readonly CopyColumn[];
  readonly #text: CopyReader | null;
  readonly #binary: CopyBinaryReader | null;
  readonly #readers: ColumnReader[] = [];
  readonly #hasChecks: boolean;
  #settings!: FormatSettings;
  /** Rows since `reset`. */
  count = 0;
  #rowNumber = 0;
  /** Of each row: its line, and where its text lies in `#bytes`; -1 where it is in `#texts`. */
  readonly #lines = new Int32Array(BATCH_CAPACITY);
  readonly #starts = new Int32Array(BATCH_CAPACITY);
  readonly #ends = new Int32Array(BATCH_CAPACITY);
  readonly #texts: string[] = [];
  #bytes: Buffer | null = null;
  #scratch: Buffer = Buffer.alloc(0);

  constructor(target: CopyTarget, columns: readonly CopyColumn[], options: CopyOptions) {
    this.#target = target;
    this.#columns = columns;
    this.#hasChecks = columns.some(column => column.check !== null);
    this.#binary = options.format === 'binary' ? new CopyBinaryReader(target) : null;
    this.#text = this.#binary === null ? textReader(options, target) : null;
  }

  /** To be called before the first row is read. */
  start(settings: FormatSettings): void {
    this.#settings = settings;
    for (const {type, typmod} of this.#columns)
      this.#readers.push(createColumnReader(type, typmod, settings));
  }

  /** Text is copied, binary is not. */
  push(chunk: Buffer): void {
    this.#bytes = null;
    (this.#text ?? this.#binary)!.push(chunk);
  }

  end(): void {
    (this.#text ?? this.#binary)!.end();
  }

  get isBinary(): boolean {
    return this.#binary !== null;
  }

  /** Number of the line (binary: row) that was read last. */
  get line(): number {
    return this.#text === null ? this.#rowNumber : this.#text.line;
  }

  reset(): void {
    this.count = 0;
    for (const reader of this.#readers) reader.reset();
  }

  /** The columns of the rows since `reset`, valid until then. */
  vectors(into: Vector[]): void {
    for (let c = 0; c < this.#readers.length; c++) into[c] = this.#readers[c]!.vector;
  }

  /** Adds one row, of at most BATCH_CAPACITY; false when more input is needed, or all is read. */
  read(): boolean {
    const isRead =
      this.#text === null ? this.#readBinary(this.#binary!) : this.#readText(this.#text);
    if (isRead) this.#lines[this.count++] = this.line;
    return isRead;
  }

  /** CONTEXT of an error about a row of the batch; with the line's text while it is still at hand. */
  where(row: number, hasText: boolean): string {
    const line = this.#lines[row]!;
    const text = hasText ? this.#lineText(row) : null;
    return text === null ? lineWhere(this.#target, line) : rowWhere(this.#target, line, text);
  }

  #lineText(row: number): string | null {
    if (this.#text === null) return null;
    if (this.#starts[row] === -1) return this.#texts[row]!;
    return this.#bytes?.utf8Slice(this.#starts[row]!, this.#ends[row]!) ?? null;
  }

  #readText(reader: CopyReader): boolean {
    const fields = reader.nextFields();
    return fields === null ? this.#readStrings(reader) : this.#readFields(reader, fields);
  }

  #readFields(
    reader: CopyReader,
    {starts, ends, forms, lineStart, lineEnd}: FieldScanner,
  ): boolean {
    const {bytes} = reader;
    this.#bytes = bytes;
    this.#starts[this.count] = lineStart;
    this.#ends[this.count] = lineEnd;
    const readers = this.#readers;
    for (let c = 0; c < readers.length; c++) {
      const start = starts[c]!;
      const end = ends[c]!;
      const form = forms[c]!;
      if (form === NULL) this.#readNull(c);
      else if (form === DOUBLED) this.#readDoubled(bytes, start, end, c);
      else if (!readers[c]!.bytes(bytes, start, end))
        this.#readString(bytes.utf8Slice(start, end), c);
    }
    return true;
  }

  /** A field with doubled quotes: every second one goes. */
  #readDoubled(bytes: Buffer, start: number, end: number, column: number): void {
    if (this.#scratch.length < end - start)
      this.#scratch = Buffer.allocUnsafeSlow(2 * (end - start));
    const scratch = this.#scratch;
    // The byte before is the opening quote.
    const quote = bytes[start - 1]!;
    let to = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      scratch[to++] = byte;
      if (byte === quote) at++;
    }
    if (!this.#readers[column]!.bytes(scratch, 0, to))
      this.#readString(scratch.utf8Slice(0, to), column);
  }

  #readStrings(reader: CopyReader): boolean {
    const row = reader.next();
    if (row === null) return false;
    this.#starts[this.count] = -1;
    this.#texts[this.count] = row.text;
    for (let c = 0; c < this.#columns.length; c++) {
      const field = row.fields[c]!;
      if (field === null) this.#readNull(c);
      else this.#readString(field, c);
    }
    return true;
  }

  #readNull(column: number): void {
    this.#readers[column]!.append(null);
    if (!this.#hasChecks) return;
    try {
      this.#columns[column]!.check?.(null);
    } catch (error) {
      throw this.#fieldError(error, null, column);
    }
  }

  #readString(field: string, column: number): void {
    const {type, typmod, check} = this.#columns[column]!;
    try {
      const value = type.input(field, typmod, this.#settings);
      check?.(value);
      this.#readers[column]!.append(value);
    } catch (error) {
      throw this.#fieldError(error, field, column);
    }
  }

  #fieldError(error: unknown, field: string | null, column: number): unknown {
    return error instanceof PgError
      ? withWhere(error, fieldWhere(this.#target, this.line, column, field))
      : error;
  }

  #readBinary(reader: CopyBinaryReader): boolean {
    const row = this.#nextBinary(reader);
    if (row === null) return false;
    this.#rowNumber++;
    for (let c = 0; c < this.#columns.length; c++) {
      const field = row.fields[c] ?? null;
      const {type, typmod, check} = this.#columns[c]!;
      if (field === null) {
        this.#readNull(c);
        continue;
      }
      const input = new ByteReader(Buffer.from(field.buffer, field.byteOffset, field.length));
      try {
        const value = type.receive(input, typmod, this.#settings);
        check?.(value);
        this.#readers[c]!.append(value);
        if (input.remaining > 0)
          throw new PgError(SqlState.invalidBinaryRepresentation, 'incorrect binary data format');
      } catch (error) {
        throw this.#binaryError(error, `, column ${this.#target.columns[c] ?? ''}`, 0);
      }
    }
    return true;
  }

  #nextBinary(reader: CopyBinaryReader): ReturnType<CopyBinaryReader['next']> {
    try {
      return reader.next();
    } catch (error) {
      throw this.#binaryError(error, '', 1);
    }
  }

  #binaryError(error: unknown, place: string, ahead: number): unknown {
    if (!(error instanceof PgError)) return error;
    return withWhere(error, `${lineWhere(this.#target, this.line + ahead)}${place}`);
  }
}

function textReader(options: CopyOptions, target: CopyTarget): CopyReader {
  return options.format === 'csv'
    ? new CopyCsvReader(options, target)
    : new CopyTextReader(options, target);
}
