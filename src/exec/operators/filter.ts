// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {CompiledFilter} from '../compiler.ts';
import type {FilterPlan} from '../../sql/plan/plan.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';

/** Keeps rows whose condition is true, by selection vector: no value is copied. */
export class Filter implements Operator {
  readonly #input: Operator;
  readonly #filter: CompiledFilter;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;

  constructor(plan: FilterPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    this.#filter = env.compiler.filter(plan.condition);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      const batch = this.#input.next(wanted);
      if (batch === END || batch === PAUSE) return batch;
      const count = this.#filter.select(this.#run, batch, this.#selection);
      if (count > 0) return selected(this.#out, batch, this.#selection, count);
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  close(): void {
    this.#input.close();
  }
}

/** Points `out` at the selected rows of `batch`; the batch's own selection when all rows stayed. */
export function selected(out: Batch, batch: Batch, selection: Int32Array, count: number): Batch {
  out.vectors = batch.vectors;
  out.selection = count === batch.count ? batch.selection : selection;
  out.count = count;
  return out;
}
