import {internalError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {WaitSignal} from '../common/wait-signal.ts';
import type {SetFunctionCode} from '../functions/contract.ts';
import type {Datum} from '../types/contract.ts';
import {SessionEvalContext} from './eval-context.ts';
import {returnsRows, sqlFunctionRows} from './sql-function.ts';

/** Set-returning functions about the session itself, by prosrc. */
export const SESSION_SET_FUNCTIONS: ReadonlyMap<string, SetFunctionCode> = new Map([
  [
    'pg_listening_channels',
    {
      create: () => (_args: readonly Datum[], context) => {
        const channels =
          context instanceof SessionEvalContext ? [...context.boundSession.listening] : [];
        return channels[Symbol.iterator]();
      },
    } satisfies SetFunctionCode,
  ],
  [
    'sql_function',
    {
      create: () => (args: readonly Datum[], context) => {
        if (!(context instanceof SessionEvalContext)) throw internalError('no session to run in');
        const {boundSession: session} = context;
        const [fn, ...values] = args;
        const rows = sqlFunctionRows(session, fn as Oid, values);
        return new BodyRows(rows, returnsRows(session, fn as Oid));
      },
    } satisfies SetFunctionCode,
  ],
]);

/** Rows of a function whose body the session runs: waited for before the first. */
class BodyRows implements Iterator<Datum | readonly Datum[]> {
  readonly #pending: Promise<void>;
  readonly #isRow: boolean;
  #rows: readonly (readonly Datum[])[] | null = null;
  #error: unknown = null;
  #at = 0;

  constructor(rows: Promise<readonly (readonly Datum[])[]>, isRow: boolean) {
    this.#isRow = isRow;
    this.#pending = rows.then(
      list => void (this.#rows = list),
      (error: unknown) => void (this.#error = error),
    );
  }

  next(): IteratorResult<Datum | readonly Datum[], undefined> {
    if (this.#error !== null) throw this.#error;
    if (this.#rows === null) throw new WaitSignal(this.#pending);
    const row = this.#rows[this.#at++];
    if (row === undefined) return {done: true, value: undefined};
    return {done: false, value: this.#isRow ? [...row] : row[0]!};
  }
}
