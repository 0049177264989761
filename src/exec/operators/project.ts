// Hot path.
import type {Batch} from '../../columns/batch.ts';
import type {CompiledProjection} from '../compiler.ts';
import type {ProjectPlan} from '../../sql/plan/plan.ts';
import type {ExecEnv} from '../environment.ts';
import {plainColumns} from '../key-columns.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {Repeats} from '../repeat.ts';

/** Evaluates the target list. A list of plain columns re-orders vectors without touching rows. */
export class Project implements Operator {
  readonly #input: Operator;
  readonly #columns: readonly number[] | null;
  readonly #projection: CompiledProjection | null;
  readonly #repeats: Repeats | null;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  /** A batch whose evaluation was interrupted. */
  #kept: Batch | null = null;

  constructor(plan: ProjectPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    this.#columns = plainColumns(plan.exprs);
    this.#projection = this.#columns === null ? env.compiler.projection(plan.exprs) : null;
    this.#repeats = Repeats.of(plan.exprs);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#kept = null;
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const batch = this.#kept ?? this.#input.next(wanted);
    if (batch === END || batch === PAUSE) return batch;
    if (this.#repeats !== null) return this.#repeated(this.#repeats, batch);
    if (this.#columns === null) return this.#projection!.run(this.#run, batch, batch.count);
    const out = this.#out;
    out.count = batch.count;
    const columns = this.#columns;
    for (let i = 0; i < columns.length; i++) out.vectors[i] = batch.vectors[columns[i]!]!;
    out.selection = batch.selection;
    return out;
  }

  #repeated(repeats: Repeats, batch: Batch): Batch | typeof PAUSE {
    this.#kept = batch;
    repeats.begin(this.#run);
    try {
      const result = this.#projection!.run(this.#run, batch, batch.count);
      repeats.end(this.#run);
      this.#kept = null;
      return result;
    } catch (error) {
      return repeats.failed(this.#run, error);
    }
  }

  close(): void {
    this.#input.close();
  }
}
