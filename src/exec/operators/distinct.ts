// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {DistinctPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import type {ExecEnv} from '../environment.ts';
import {KeyTable} from '../key-table.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {KeyEvaluator, sameKeys} from '../sort-keys.ts';
import {selected} from './filter.ts';

/** DISTINCT by a hash table of all columns (streams: a row leaves when first seen), or DISTINCT ON over sorted input. */
export class Distinct implements Operator {
  readonly #input: Operator;
  readonly #on: KeyEvaluator | null;
  readonly #table: KeyTable;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #last: Datum[] | null = null;

  constructor(plan: DistinctPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    this.#on =
      plan.on === null ? null : new KeyEvaluator(plan.on.map(expr => ({expr, descending: false, nullsFirst: false})), env);
    this.#table = new KeyTable(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#last = null;
    this.#table.reset();
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      const batch = this.#input.next(wanted);
      if (batch === END || batch === PAUSE) return batch;
      const count = this.#on === null ? this.#newRows(batch) : this.#newGroups(batch, this.#on);
      if (count > 0) return selected(this.#out, batch, this.#selection, count);
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #newRows(batch: Batch): number {
    const before = this.#table.size;
    this.#table.assign(batch.vectors, batch.selection, batch.count, this.#groups);
    let next = before;
    let count = 0;
    for (let i = 0; i < batch.count; i++) {
      if (this.#groups[i] !== next) continue;
      next++;
      this.#selection[count++] = batch.selection === null ? i : batch.selection[i]!;
    }
    return count;
  }

  #newGroups(batch: Batch, on: KeyEvaluator): number {
    let count = 0;
    for (let i = 0; i < batch.count; i++) {
      const keys = on.evaluate(this.#run, batch, i);
      if (this.#last !== null && sameKeys(on.types, keys, this.#last)) continue;
      this.#last = keys;
      this.#selection[count++] = batch.selection === null ? i : batch.selection[i]!;
    }
    return count;
  }

  close(): void {
    this.#input.close();
    this.#table.reset();
  }
}
