import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {ProjectSetPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {PgRecord} from '../../types/record-value.ts';
import {RowBatchBuilder, readRow} from '../column-store.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {makeSetFunction, type SetFunctionRun} from '../set-function.ts';
import {nextWithoutWait} from '../waiting.ts';

/** Set-returning functions of a target list: each input row is repeated as long as any of them yields; shorter ones give NULL. */
export class ProjectSet implements Operator {
  readonly #plan: ProjectSetPlan;
  readonly #input: Operator;
  readonly #functions: readonly SetFunctionRun[];
  readonly #builder: RowBatchBuilder;
  readonly #row: Datum[] = [];
  #run!: RunContext;
  #batch: Batch | null = null;
  #at = 0;
  #iterators: (Iterator<Datum | readonly Datum[]> | null)[] | null = null;

  constructor(plan: ProjectSetPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    this.#functions = plan.functions.map(call => makeSetFunction(call, env));
    this.#builder = new RowBatchBuilder(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#batch = null;
    this.#iterators = null;
    this.#builder.reset();
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const limit = Math.min(wanted, BATCH_CAPACITY);
    this.#builder.reset();
    while (this.#builder.count < limit) {
      if (this.#iterators === null && !this.#startRow()) {
        const input =
          this.#batch === null
            ? this.#input.next(limit === BATCH_CAPACITY ? limit : 1)
            : this.#batch;
        if (input === PAUSE) {
          if (this.#builder.count > 0) break;
          return PAUSE;
        }
        if (input === END) break;
        this.#batch = input;
        this.#at = 0;
        if (this.#builder.count === 0 && this.#run.sliceUsed()) return PAUSE;
        continue;
      }
      this.#emit();
    }
    const count = this.#builder.count;
    if (count === 0) return END;
    const batch = this.#builder.finish();
    batch.count = count;
    return batch;
  }

  /** Starts the functions over the next input row of the current batch; false when it is used up. */
  #startRow(): boolean {
    if (this.#batch === null) return false;
    if (this.#at >= this.#batch.count) {
      this.#batch = null;
      return false;
    }
    readRow(this.#batch, this.#at++, this.#row);
    this.#row.length = this.#plan.input.columns.length;
    this.#iterators = this.#functions.map(fn => fn.start(this.#run, this.#row));
    return true;
  }

  #emit(): void {
    const iterators = this.#iterators!;
    const out = this.#row.slice(0, this.#plan.input.columns.length);
    let isAlive = false;
    for (let f = 0; f < iterators.length; f++) {
      const step = nextWithoutWait(iterators[f]);
      if (step === undefined || step.done === true) {
        iterators[f] = null;
        out.push(null);
        continue;
      }
      isAlive = true;
      out.push(this.#value(f, step.value));
    }
    if (isAlive) this.#builder.push(out);
    else this.#iterators = null;
  }

  #value(f: number, value: Datum | readonly Datum[]): Datum {
    const call = this.#plan.functions[f]!;
    if (!call.returnsRow || value === null) return value as Datum;
    const type = this.#plan.columns[this.#plan.input.columns.length + f]!.type;
    return new PgRecord(
      type.oid,
      call.columns.map(column => column.type.oid),
      value as readonly Datum[],
      null,
      call.columns.map(column => column.type),
    );
  }

  close(): void {
    this.#input.close();
  }
}
