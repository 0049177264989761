import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {SystemScanPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {RowBatchBuilder} from '../column-store.ts';
import type {CompiledFilter, CompiledScalar} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {selected} from './filter.ts';

/** Rows of pg_catalog, information_schema and system, computed from the catalog snapshot. */
export class SystemScan implements Operator {
  readonly #plan: SystemScanPlan;
  readonly #filter: CompiledFilter | null;
  readonly #equals: CompiledScalar | null;
  readonly #builder: RowBatchBuilder;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #row: Datum[];
  #run!: RunContext;
  #rows: readonly (readonly Datum[])[] | null = null;
  #position = 0;

  constructor(plan: SystemScanPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#filter = plan.filter === null ? null : env.compiler.filter(plan.filter);
    this.#equals = plan.equals === null ? null : env.compiler.scalar(plan.equals.value);
    this.#builder = new RowBatchBuilder(plan.columns.map(column => column.type));
    this.#row = new Array<Datum>(plan.outputs.length).fill(null);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#rows = null;
    this.#position = 0;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    this.#rows ??= this.#load();
    for (;;) {
      const to = Math.min(this.#rows.length, this.#position + Math.min(wanted, BATCH_CAPACITY));
      if (to === this.#position) return END;
      const batch = this.#build(this.#rows, this.#position, to);
      this.#position = to;
      if (this.#filter === null) return batch;
      const count = this.#filter.select(this.#run, batch, this.#selection);
      if (count > 0) return selected(this.#out, batch, this.#selection, count);
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #load(): readonly (readonly Datum[])[] {
    const {catalog, systemRelations} = this.#run;
    const {asker, equals, relation} = this.#plan;
    const facts = asker === 0 ? this.#run.facts : (this.#run.facts.as?.(asker) ?? this.#run.facts);
    if (equals === null) return systemRelations.rows(catalog, relation as never, facts, null);
    const value = this.#equals!(this.#run);
    if (value === null) return [];
    return systemRelations.rows(catalog, relation as never, facts, {attnum: equals.attnum, value});
  }

  #build(rows: readonly (readonly Datum[])[], from: number, to: number): Batch {
    const {outputs} = this.#plan;
    const row = this.#row;
    this.#builder.reset();
    for (let r = from; r < to; r++) {
      const source = rows[r]!;
      for (let c = 0; c < outputs.length; c++) row[c] = source[outputs[c]! - 1] ?? null;
      this.#builder.push(row);
    }
    const batch = this.#builder.finish();
    batch.count = to - from;
    return batch;
  }

  close(): void {
    this.#rows = null;
  }
}
