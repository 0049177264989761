// Hot path: COPY FROM.
import type {SingleByteEncoding} from '../../common/client-encoding.ts';
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {CopyOptions, CopyTarget} from '../../copy/copy-options.ts';
import {lineWhere, withWhere} from '../../copy/copy-row.ts';
import {type CopyColumn, CopyRows} from '../../copy/copy-rows.ts';
import type {RowCode} from '../../expr/compile.ts';
import type {Operator, RunContext} from '../../exec/operator.ts';
import {END, PAUSE} from '../../exec/operator.ts';
import type {RowFeed} from '../../exec/operators/insert.ts';
import type {Datum} from '../../types/contract.ts';
import type {CopyInReceiver} from '../contract.ts';

/** Bytes taken from the client before it is asked to wait. */
const BUFFER_LIMIT = 1024 * 1024;

/** The rows of a COPY FROM STDIN as an operator: pauses while the client sends, ends with CopyDone. */
export class CopySource implements Operator, CopyInReceiver, RowFeed {
  readonly #target: CopyTarget;
  readonly #encoding: SingleByteEncoding | null;
  readonly #rows: CopyRows;
  readonly #batch: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #buffered = 0;
  #hasEnded = false;
  #error: PgError | null = null;
  /** What is wrong with the line behind the rows of the batch; told once these are found to be right. */
  #failure: unknown = null;
  #arrival: {readonly promise: Promise<void>; readonly resolve: () => void} | null = null;
  #room: {readonly promise: Promise<void>; readonly resolve: () => void} | null = null;

  /** `encoding` is the client's, null = UTF-8. */
  constructor(
    target: CopyTarget,
    columns: readonly CopyColumn[],
    options: CopyOptions,
    encoding: SingleByteEncoding | null,
  ) {
    this.#encoding = encoding;
    this.#target = target;
    this.#rows = new CopyRows(target, columns, options);
  }

  // --- what the client sends

  data(chunk: Buffer): Promise<void> | undefined {
    if (this.#error !== null) return undefined;
    // The chunk is the connection's own memory: kept only as a copy, which readers of text make themselves.
    const kept =
      this.#encoding !== null
        ? Buffer.from(this.#encoding.decode(chunk))
        : this.#rows.isBinary
          ? Buffer.from(chunk)
          : chunk;
    this.#rows.push(kept);
    this.#buffered += kept.length;
    this.#wake();
    if (this.#buffered < BUFFER_LIMIT) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  done(): void {
    this.#rows.end();
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

  #wake(): void {
    this.#arrival?.resolve();
    this.#arrival = null;
  }

  // --- what the INSERT pulls

  open(run: RunContext): void {
    this.#run = run;
    this.#rows.start(run.context.format);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const rows = this.#rows;
    const batch = this.#batch;
    rows.reset();
    if (this.#failure === null) this.#fill(Math.min(wanted, BATCH_CAPACITY));
    if (rows.count > 0) {
      rows.vectors(batch.vectors);
      batch.count = rows.count;
      return batch;
    }
    this.prepared();
    if (this.#error !== null) throw withWhere(this.#error, lineWhere(this.#target, rows.line + 1));
    if (this.#hasEnded) return END;
    this.#arrival ??= Promise.withResolvers<void>();
    this.#run.pause = this.#arrival.promise;
    return PAUSE;
  }

  #fill(limit: number): void {
    const rows = this.#rows;
    try {
      while (rows.count < limit && rows.read());
    } catch (error) {
      this.#failure = error;
    }
    if (rows.count === limit) return;
    this.#buffered = 0;
    this.#room?.resolve();
    this.#room = null;
  }

  // --- what the INSERT asks and tells

  /** WHERE; null = all rows. */
  condition: RowCode | null = null;

  get takesAll(): boolean {
    return this.condition === null;
  }

  accepts(run: RunContext, row: readonly Datum[]): boolean {
    return this.condition === null || this.condition(run, row)[0] === true;
  }

  prepared(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** CONTEXT of an error about a row of the batch; null = about none of them. */
  where(row: number | null, hasText: boolean): string {
    if (row === null) return lineWhere(this.#target, this.#rows.line + 1);
    return this.#rows.where(row, hasText);
  }

  close(): void {
    this.#room?.resolve();
    this.#room = null;
  }
}
