import {PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {readRow} from '../../exec/column-store.ts';
import {END, PAUSE} from '../../exec/operator.ts';
import type {Datum} from '../../types/contract.ts';
import type {SnapshotRows} from '../subscription-types.ts';

/** What becomes of a run. Exactly one of the first two is called, also by `begin`. */
export interface RunReceiver {
  /** All rows as of `seq`; `workMs` is the time that it held the loop. */
  done(seq: Seq, rows: readonly (readonly Datum[])[], workMs: number): void;
  failed(error: unknown): void;
  /** A later turn. */
  later(step: () => void): void;
}

/** Why a read that failed is to be begun anew: a table took another form, or the snapshot was given up meanwhile; null = it is not. */
export function staleReason(error: unknown): 'schema' | 'retention' | null {
  if (!(error instanceof PgError)) return null;
  if (error.code === SqlState.serializationFailure) return 'schema';
  return error.code === SqlState.snapshotTooOld ? 'retention' : null;
}

/** Rows are read for so long in a turn. */
const SLICE_MS = 2;

/** Reads all rows of a query, a few ms a turn, so that nobody else waits for it. */
export class QueryRun {
  readonly #rows: SnapshotRows;
  readonly #maxRows: number;
  readonly #receiver: RunReceiver;
  readonly #found: Datum[][] = [];
  #workMs = 0;
  #isOver = false;

  /** `maxRows`: more are an error (54000). */
  constructor(rows: SnapshotRows, maxRows: number, receiver: RunReceiver) {
    this.#rows = rows;
    this.#maxRows = maxRows;
    this.#receiver = receiver;
  }

  /** Reads the first batch. Call it once. */
  begin(): void {
    this.#step();
  }

  get seq(): Seq {
    return this.#rows.seq;
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#rows.close();
  }

  #later(): void {
    this.#receiver.later(() => this.#step());
  }

  #step(): void {
    if (this.#isOver) return;
    const startedAt = performance.now();
    try {
      // A small result is read in one turn: nothing of it stays open.
      let isMore = this.#readBatch(startedAt);
      while (isMore && performance.now() - startedAt < SLICE_MS)
        isMore = this.#readBatch(startedAt);
      if (isMore) this.#later();
    } catch (error) {
      this.#fail(error);
    }
    this.#workMs += performance.now() - startedAt;
  }

  /** False when that was all for now. */
  #readBatch(startedAt: number): boolean {
    const batch = this.#rows.next(1024);
    if (batch === END) {
      this.close();
      this.#receiver.done(this.seq, this.#found, this.#workMs + performance.now() - startedAt);
      return false;
    }
    if (batch === PAUSE) {
      this.#waitFor(this.#rows.pause);
      return false;
    }
    for (let i = 0; i < batch.count; i++) {
      const row: Datum[] = [];
      readRow(batch, i, row);
      this.#found.push(row);
    }
    if (this.#found.length > this.#maxRows) throw tooManyRows(this.#maxRows);
    return true;
  }

  #waitFor(pause: Promise<unknown> | null): void {
    if (pause === null) this.#later();
    else
      pause.then(
        () => this.#later(),
        error => this.#fail(error),
      );
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.close();
    this.#receiver.failed(error);
  }
}

function tooManyRows(max: number): PgError {
  return new PgError(
    SqlState.programLimitExceeded,
    `result of a live query exceeds live_max_result_rows (${max})`,
    {hint: 'Add a LIMIT or a narrower condition, or raise live_max_result_rows.'},
  );
}
