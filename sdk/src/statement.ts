import type {WadiError} from './errors.ts';
import type {Column, Notice, ServerMessage} from './protocol.ts';
import type {Request} from './requests.ts';
import {type Parsers, type Row, type RowMaker, rowMaker} from './values.ts';

/** The rows of a statement, as an array that knows more. */
export type Result<T = Row> = T[] & {
  readonly columns: readonly Column[];
  /** As PostgreSQL's command tag: `INSERT 0 1`. */
  readonly tag: string;
  /** Rows that the statement gave or changed. */
  readonly count: number;
  readonly notices: readonly Notice[];
  /** The commit of what the request has written, as `seq` in the changes of live queries; null when it committed no writes. */
  readonly seq: string | null;
};

/** One statement, or a script, and its results while they come. */
export class Statement implements Request {
  readonly id: number;
  readonly isLasting = true;
  readonly results: Promise<Result[]>;
  readonly #sql: string;
  readonly #params: readonly unknown[] | null;
  readonly #parsers: Parsers;
  readonly #results: Result[] = [];
  #rows: Row[] = [];
  #columns: readonly Column[] = [];
  #toRow: RowMaker = rowMaker([], {});
  #resolve: (results: Result[]) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(id: number, sql: string, params: readonly unknown[] | null, parsers: Parsers) {
    this.id = id;
    this.#sql = sql;
    this.#params = params;
    this.#parsers = parsers;
    this.results = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  message(): object {
    const message = {type: 'sql', id: this.id, sql: this.#sql};
    return this.#params === null ? message : {...message, params: this.#params};
  }

  onResult(message: Extract<ServerMessage, {type: 'result'}>): void {
    const {columns, rows, tag, notices = []} = message;
    if (columns !== undefined) {
      this.#columns = columns;
      this.#toRow = rowMaker(columns, this.#parsers);
      this.#rows = [];
    }
    for (const row of rows) this.#rows.push(this.#toRow(row));
    if (tag === undefined) return;
    const count = Number(/\d+$/.exec(tag)?.[0] ?? 0);
    this.#results.push(
      Object.assign(this.#rows, {columns: this.#columns, tag, count, notices, seq: null}),
    );
  }

  done(seq: string | null): void {
    for (const result of this.#results) (result as {seq: string | null}).seq = seq;
    this.#resolve(this.#results);
  }

  failed(error: WadiError): void {
    this.#reject(error);
  }
}
