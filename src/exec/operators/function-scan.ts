import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {WaitSignal} from '../../common/wait-signal.ts';
import type {FunctionScanPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {RowBatchBuilder} from '../column-store.ts';
import type {CompiledFilter} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {makeSetFunction, type SetFunctionRun} from '../set-function.ts';
import {cannotWaitHere, mayWait, waitingCode, type Replay} from '../waiting.ts';
import {selected} from './filter.ts';

const NO_ROW: readonly never[] = [];

/** Functions in FROM, side by side to the longest (ROWS FROM), with an ordinal when asked. */
export class FunctionScan implements Operator {
  readonly #functions: readonly SetFunctionRun[];
  readonly #widths: readonly number[];
  readonly #withOrdinality: boolean;
  readonly #filter: CompiledFilter | null;
  readonly #builder: RowBatchBuilder;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  /** Where the arguments may wait. */
  readonly #replay: Replay | null;
  #run!: RunContext;
  #iterators: (Iterator<Datum | readonly Datum[]> | null)[] | null = null;
  #ordinal = 0n;

  constructor(plan: FunctionScanPlan, env: ExecEnv) {
    const exprs = plan.functions.flatMap(call => (call.expr === null ? call.args : [call.expr]));
    const waiting = exprs.some(mayWait) ? waitingCode(exprs, env) : null;
    this.#replay = waiting === null ? null : waiting.replay;
    this.#functions = plan.functions.map(call => makeSetFunction(call, env, waiting?.compiler));
    this.#widths = plan.functions.map(call => call.columns.length);
    this.#withOrdinality = plan.withOrdinality;
    this.#filter = plan.filter === null ? null : env.compiler.filter(plan.filter);
    this.#builder = new RowBatchBuilder(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#iterators = null;
    this.#ordinal = 0n;
    this.#replay?.clear();
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#iterators === null && !this.#start()) return PAUSE;
    for (;;) {
      this.#builder.reset();
      const limit = Math.min(wanted, BATCH_CAPACITY);
      const isWaiting = !this.#fill(limit);
      const count = this.#builder.count;
      if (count === 0) return isWaiting ? PAUSE : END;
      const batch = this.#builder.finish();
      batch.count = count;
      if (this.#filter === null) return batch;
      const kept = this.#filter.select(this.#run, batch, this.#selection);
      if (kept > 0) return selected(this.#out, batch, this.#selection, kept);
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  /** Starts the functions; false = waiting. */
  #start(): boolean {
    const start = (): ReturnType<SetFunctionRun['start']>[] =>
      this.#functions.map(fn => fn.start(this.#run, NO_ROW));
    const started = this.#replay === null ? start() : this.#replay.attempt(this.#run, start);
    if (started === undefined) return false;
    this.#iterators = started;
    return true;
  }

  /** Rows up to a limit; false = the next one is waited for. */
  #fill(limit: number): boolean {
    try {
      while (this.#builder.count < limit) {
        const row = this.#nextRow(this.#iterators!);
        if (row === null) break;
        this.#builder.push(row);
      }
      return true;
    } catch (error) {
      if (!(error instanceof WaitSignal)) throw error;
      // What the other functions gave for this row would be lost.
      if (this.#functions.length > 1) throw cannotWaitHere();
      this.#run.pause = error.promise;
      return false;
    }
  }

  #nextRow(iterators: (Iterator<Datum | readonly Datum[]> | null)[]): Datum[] | null {
    const row: Datum[] = [];
    let isAlive = false;
    for (let f = 0; f < iterators.length; f++) {
      const step = iterators[f]?.next();
      const isDone = step === undefined || step.done === true;
      if (isDone) iterators[f] = null;
      else isAlive = true;
      pushColumns(
        row,
        isDone ? null : step.value,
        this.#widths[f]!,
        this.#functions[f]!.returnsRow,
      );
    }
    if (!isAlive) return null;
    if (this.#withOrdinality) row.push(++this.#ordinal);
    return row;
  }

  close(): void {
    this.#iterators = null;
  }
}

/** Appends a function's value as its columns; NULLs when it has ended. */
export function pushColumns(
  row: Datum[],
  value: Datum | readonly Datum[],
  width: number,
  returnsRow: boolean,
): void {
  if (value === null) {
    for (let i = 0; i < width; i++) row.push(null);
  } else if (returnsRow) {
    const fields = value as readonly Datum[];
    for (let i = 0; i < width; i++) row.push(fields[i] ?? null);
  } else {
    row.push(value as Datum);
  }
}
