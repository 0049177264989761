import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {CompiledRow} from '../compiler.ts';
import type {ValuesPlan} from '../../sql/plan/plan.ts';
import {RowBatchBuilder} from '../column-store.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {Repeats} from '../repeat.ts';
import {mayWait, waitingCode, type Replay} from '../waiting.ts';

const NO_ROW: readonly never[] = [];

/** VALUES lists; one row without columns for a SELECT without FROM. Each row is evaluated when it is wanted. */
export class Values implements Operator {
  readonly #rows: readonly CompiledRow[];
  readonly #builder: RowBatchBuilder;
  readonly #repeats: Repeats | null;
  #run!: RunContext;
  #position = 0;
  /** Where a row may wait: rows are then evaluated one by one. */
  readonly #replay: Replay | null;

  constructor(plan: ValuesPlan, env: ExecEnv) {
    const exprs = plan.rows.flat();
    const waiting = exprs.some(mayWait) ? waitingCode(exprs, env) : null;
    const compiler = waiting === null ? env.compiler : waiting.compiler;
    this.#replay = waiting === null ? null : waiting.replay;
    this.#repeats = Repeats.of(exprs);
    this.#rows = plan.rows.map(row => compiler.row(row));
    this.#builder = new RowBatchBuilder(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#position = 0;
    this.#replay?.clear();
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const to = Math.min(this.#rows.length, this.#position + Math.min(wanted, BATCH_CAPACITY));
    if (this.#position === to) return END;
    this.#builder.reset();
    if (this.#replay !== null) return this.#waitingRow(this.#replay);
    if (this.#repeats === null) this.#evaluate(to);
    else {
      this.#repeats.begin(this.#run);
      try {
        this.#evaluate(to);
        this.#repeats.end(this.#run);
      } catch (error) {
        return this.#repeats.failed(this.#run, error);
      }
    }
    const count = to - this.#position;
    this.#position = to;
    const batch = this.#builder.finish();
    batch.count = count;
    return batch;
  }

  #evaluate(to: number): void {
    for (let i = this.#position; i < to; i++) this.#builder.push(this.#rows[i]!(this.#run, NO_ROW));
  }

  #waitingRow(replay: Replay): Batch | typeof PAUSE {
    const row = replay.attempt(this.#run, () => this.#rows[this.#position]!(this.#run, NO_ROW));
    if (row === undefined) return PAUSE;
    this.#builder.push(row);
    this.#position++;
    return this.#builder.finish();
  }

  close(): void {}
}
