// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {CompiledFilter} from '../compiler.ts';
import type {FilterPlan} from '../../sql/plan/plan.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {Repeats} from '../repeat.ts';

/** Keeps rows whose condition is true, by selection vector: no value is copied. */
export class Filter implements Operator {
  readonly #input: Operator;
  readonly #filter: CompiledFilter;
  readonly #repeats: Repeats | null;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  /** A batch whose evaluation was interrupted. */
  #kept: Batch | null = null;

  constructor(plan: FilterPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    this.#filter = env.compiler.filter(plan.condition);
    this.#repeats = Repeats.of([plan.condition]);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#kept = null;
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      const batch = this.#kept ?? this.#input.next(wanted);
      if (batch === END || batch === PAUSE) return batch;
      let count: number;
      if (this.#repeats === null) count = this.#filter.select(this.#run, batch, this.#selection);
      else {
        const selectedRows = this.#select(this.#repeats, batch);
        if (selectedRows === PAUSE) return PAUSE;
        count = selectedRows;
      }
      if (count > 0) return selected(this.#out, batch, this.#selection, count);
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #select(repeats: Repeats, batch: Batch): number | typeof PAUSE {
    this.#kept = batch;
    repeats.begin(this.#run);
    try {
      const count = this.#filter.select(this.#run, batch, this.#selection);
      repeats.end(this.#run);
      this.#kept = null;
      return count;
    } catch (error) {
      return repeats.failed(this.#run, error);
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
