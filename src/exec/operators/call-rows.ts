import type {Batch} from '../../columns/batch.ts';
import type {FilterPlan, ProjectPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {RowBatchBuilder, readRow} from '../column-store.ts';
import type {CompiledRow} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {waitingCode, type Replay} from '../waiting.ts';

/** A target list or condition with calls that may wait (pg_sleep, advisory locks): one row at a time, repeated after the wait. */
export class CallRows implements Operator {
  readonly #input: Operator;
  readonly #code: CompiledRow;
  readonly #replay: Replay;
  /** Null for a filter: the input's row is handed on. */
  readonly #builder: RowBatchBuilder | null;
  readonly #row: Datum[] = [];
  #run!: RunContext;
  #batch: Batch | null = null;

  constructor(plan: ProjectPlan | FilterPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    const exprs = plan.kind === 'project' ? plan.exprs : [plan.condition];
    const {compiler, replay} = waitingCode(exprs, env);
    this.#code = compiler.row(exprs);
    this.#replay = replay;
    this.#builder =
      plan.kind === 'project' ? new RowBatchBuilder(plan.columns.map(column => column.type)) : null;
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#batch = null;
    this.#replay.clear();
    this.#input.open(run);
  }

  next(_wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      if (this.#batch === null) {
        const batch = this.#input.next(1);
        if (batch === END || batch === PAUSE) return batch;
        this.#batch = batch;
        readRow(batch, 0, this.#row);
      }
      const values = this.#replay.attempt(this.#run, () => this.#code(this.#run, this.#row));
      if (values === undefined) return PAUSE;
      const batch = this.#batch;
      this.#batch = null;
      if (this.#builder !== null) {
        this.#builder.reset();
        this.#builder.push(values);
        return this.#builder.finish();
      }
      if (values[0] === true) return batch;
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  close(): void {
    this.#input.close();
    this.#replay.clear();
  }
}
