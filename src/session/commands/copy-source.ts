// Hot path: COPY FROM.
import {ByteReader} from '../../common/byte-reader.ts';
import type {SingleByteEncoding} from '../../common/client-encoding.ts';
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {CopyBinaryReader} from '../../copy/copy-binary.ts';
import {CopyCsvReader} from '../../copy/copy-csv-reader.ts';
import type {CopyOptions, CopyTarget} from '../../copy/copy-options.ts';
import {
  fieldWhere,
  lineWhere,
  withWhere,
  type CopyReader,
  type CopyRow,
} from '../../copy/copy-row.ts';
import {CopyTextReader} from '../../copy/copy-text-reader.ts';
import {RowBatchBuilder} from '../../exec/column-store.ts';
import type {Operator, RunContext} from '../../exec/operator.ts';
import {END, PAUSE} from '../../exec/operator.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {CopyInReceiver} from '../contract.ts';

/** A column that COPY fills. */
export interface CopyColumn {
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** Bytes taken from the client before it is asked to wait. */
const BUFFER_LIMIT = 1024 * 1024;

/** The rows of a COPY FROM STDIN as an operator: pauses while the client sends, ends with CopyDone. */
export class CopySource implements Operator, CopyInReceiver {
  readonly #target: CopyTarget;
  readonly #encoding: SingleByteEncoding | null;
  readonly #columns: readonly CopyColumn[];
  readonly #text: CopyReader | null;
  readonly #binary: CopyBinaryReader | null;
  readonly #builder: RowBatchBuilder;
  readonly #row: Datum[];
  #run!: RunContext;
  #buffered = 0;
  #hasEnded = false;
  #error: PgError | null = null;
  #arrival: {readonly promise: Promise<void>; readonly resolve: () => void} | null = null;
  #room: {readonly promise: Promise<void>; readonly resolve: () => void} | null = null;
  #rowNumber = 0;

  /** `encoding` is the client's, null = UTF-8. */
  constructor(
    target: CopyTarget,
    columns: readonly CopyColumn[],
    options: CopyOptions,
    encoding: SingleByteEncoding | null,
  ) {
    this.#encoding = encoding;
    this.#target = target;
    this.#columns = columns;
    this.#binary = options.format === 'binary' ? new CopyBinaryReader(target) : null;
    this.#text =
      options.format === 'binary'
        ? null
        : options.format === 'csv'
          ? new CopyCsvReader(options, target)
          : new CopyTextReader(options, target);
    this.#builder = new RowBatchBuilder(columns.map(column => column.type));
    this.#row = new Array<Datum>(columns.length).fill(null);
  }

  // --- what the client sends

  data(chunk: Buffer): Promise<void> | undefined {
    if (this.#error !== null) return undefined;
    // The chunk is the connection's own memory: kept only as a copy, which readers of text make themselves.
    const kept =
      this.#encoding !== null
        ? Buffer.from(this.#encoding.decode(chunk))
        : this.#binary !== null
          ? Buffer.from(chunk)
          : chunk;
    (this.#text ?? this.#binary)!.push(kept);
    this.#buffered += kept.length;
    this.#wake();
    if (this.#buffered < BUFFER_LIMIT) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  done(): void {
    (this.#text ?? this.#binary)!.end();
    this.#hasEnded = true;
    this.#wake();
  }

  fail(message: string): void {
    this.abort(new PgError(SqlState.queryCanceled, `COPY from stdin failed: ${message}`));
  }

  abort(error: PgError): void {
    this.#error = error;
    this.#wake();
  }

  /** Number of the line (binary: row) that was read last. */
  get line(): number {
    return this.#text === null ? this.#rowNumber : this.#text.line;
  }

  #wake(): void {
    this.#arrival?.resolve();
    this.#arrival = null;
  }

  // --- what the INSERT pulls

  open(run: RunContext): void {
    this.#run = run;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    this.#builder.reset();
    const limit = Math.min(wanted, BATCH_CAPACITY);
    while (this.#builder.count < limit && this.#readRow()) this.#builder.push(this.#row);
    const count = this.#builder.count;
    if (count < limit) {
      this.#buffered = 0;
      this.#room?.resolve();
      this.#room = null;
    }
    if (count > 0) {
      const batch = this.#builder.finish();
      batch.count = count;
      return batch;
    }
    if (this.#error !== null) throw withWhere(this.#error, lineWhere(this.#target, this.line + 1));
    if (this.#hasEnded) return END;
    this.#arrival ??= Promise.withResolvers<void>();
    this.#run.pause = this.#arrival.promise;
    return PAUSE;
  }

  #readRow(): boolean {
    return this.#text === null ? this.#readBinary(this.#binary!) : this.#readText(this.#text);
  }

  #readText(reader: CopyReader): boolean {
    const row = reader.next();
    if (row === null) return false;
    const settings = this.#run.context.format;
    for (let c = 0; c < this.#columns.length; c++) {
      const field = row.fields[c]!;
      const {type, typmod} = this.#columns[c]!;
      if (field === null) {
        this.#row[c] = null;
        continue;
      }
      try {
        this.#row[c] = type.input(field, typmod, settings);
      } catch (error) {
        throw this.#fieldError(error, row, c);
      }
    }
    return true;
  }

  #fieldError(error: unknown, row: CopyRow, column: number): unknown {
    return error instanceof PgError
      ? withWhere(error, fieldWhere(this.#target, row, column))
      : error;
  }

  #readBinary(reader: CopyBinaryReader): boolean {
    const row = this.#nextBinary(reader);
    if (row === null) return false;
    this.#rowNumber++;
    const settings = this.#run.context.format;
    for (let c = 0; c < this.#columns.length; c++) {
      const field = row.fields[c] ?? null;
      const {type, typmod} = this.#columns[c]!;
      if (field === null) {
        this.#row[c] = null;
        continue;
      }
      const input = new ByteReader(Buffer.from(field.buffer, field.byteOffset, field.length));
      try {
        this.#row[c] = type.receive(input, typmod, settings);
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

  close(): void {
    this.#room?.resolve();
    this.#room = null;
  }
}
