import type {Oid} from '../common/ids.ts';
import type {Batch} from '../columns/batch.ts';
import {RowBatchBuilder} from '../exec/column-store.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import type {KeptView} from '../storage/contract.ts';
import type {ResultShape} from './contract.ts';

/** complete: all rows are out. suspended: the row limit was reached first. */
export type RunResult = 'complete' | 'suspended';

/** Where rows go: the client, a COPY, a cursor's FETCH, or nowhere. */
export interface RowReceiver {
  rows(batch: Batch): void;
  /** True while the receiver cannot take more; `drained` tells when it can. */
  readonly isFull: boolean;
  drained(): Promise<void>;
}

/** A statement being executed: run, perhaps in several portions, then closed. */
export interface Execution {
  readonly shape: ResultShape | null;
  /** Takes the locks of its tables before its columns are told; a promise when others hold them, and then `shape` may change. */
  lock?(): Promise<void> | undefined;
  /** Fixes what it reads, and as whom, without reading: DECLARE; `view` is what it sees, if not the newest. Its tables are locked. */
  start?(view?: KeptView): void;
  /** WITH HOLD at COMMIT: reads what is left, so that nothing of the transaction is needed. */
  hold?(): Promise<void>;
  /** Whether it holds a table open until it is closed: DDL on it is then refused (55006). */
  reads?(table: Oid): boolean;
  /** Types of $n in a command that takes parameters (SUBSCRIBE). */
  readonly parameterTypes?: readonly TypeInstance[];
  /** Pulls up to `maxRows` rows (Infinity = all) into the receiver. */
  run(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult>;
  /** Command tag for the rows of the last `run`. */
  tag(rowCount: number): string;
  /** Rows sent by the last `run`. */
  readonly sent: number;
  close(): void;
}

/** Rows that a command computes: SHOW, EXPLAIN, DESCRIBE. Nothing is done before the first `run`. */
export class RowsExecution implements Execution {
  readonly shape: ResultShape;
  readonly #load: () => RowList | Promise<RowList>;
  readonly #tag: string | null;
  readonly #builder: RowBatchBuilder;
  #rows: RowList | null = null;
  #position = 0;
  sent = 0;

  /** `tag` null: `SELECT n`. */
  constructor(shape: ResultShape, load: () => RowList | Promise<RowList>, tag: string | null) {
    this.shape = shape;
    this.#load = load;
    this.#tag = tag;
    this.#builder = new RowBatchBuilder(shape.fields.map(field => field.type));
  }

  run(maxRows: number, receiver: RowReceiver): RunResult | Promise<RunResult> {
    this.sent = 0;
    if (this.#rows !== null) return this.#emit(this.#rows, maxRows, receiver);
    const rows = this.#load();
    if (rows instanceof Promise) {
      return rows.then(list => {
        this.#rows = list;
        return this.#emit(list, maxRows, receiver);
      });
    }
    this.#rows = rows;
    return this.#emit(rows, maxRows, receiver);
  }

  #emit(rows: RowList, maxRows: number, receiver: RowReceiver): RunResult {
    while (this.#position < rows.length && this.sent < maxRows) {
      const count = Math.min(rows.length - this.#position, maxRows - this.sent, 1024);
      this.#builder.reset();
      for (let i = 0; i < count; i++) this.#builder.push(rows[this.#position + i]!);
      const batch = this.#builder.finish();
      batch.count = count;
      receiver.rows(batch);
      this.#position += count;
      this.sent += count;
    }
    return this.sent >= maxRows ? 'suspended' : 'complete';
  }

  tag(rowCount: number): string {
    return this.#tag ?? `SELECT ${rowCount}`;
  }

  close(): void {}
}

type RowList = readonly (readonly Datum[])[];

/** A command without rows. */
export class CommandExecution implements Execution {
  readonly shape = null;
  readonly sent = 0;
  readonly #work: () => string | Promise<string>;
  #tag = '';

  /** `work` does the command and returns its tag. */
  constructor(work: () => string | Promise<string>) {
    this.#work = work;
  }

  run(): RunResult | Promise<RunResult> {
    const tag = this.#work();
    if (typeof tag === 'string') {
      this.#tag = tag;
      return 'complete';
    }
    return tag.then(text => {
      this.#tag = text;
      return 'complete' as const;
    });
  }

  tag(): string {
    return this.#tag;
  }

  close(): void {}
}

/** Takes rows and does nothing with them. */
export const discardRows: RowReceiver = {
  rows: () => {},
  isFull: false,
  drained: () => Promise.resolve(),
};
