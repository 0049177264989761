// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {DistinctPlan} from '../../sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ExecEnv} from '../environment.ts';
import {KeyTable} from '../key-table.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {KeyEvaluator, sameKeys} from '../sort-keys.ts';
import {SpillQueue} from '../spill/spill-queue.ts';
import {selected} from './filter.ts';

/**
 * DISTINCT by a hash table of all columns (streams: a row leaves when first seen), or DISTINCT ON over sorted input.
 * A full table takes no more rows: new ones go to partitions in a file, which are read when the input has ended.
 */
export class Distinct implements Operator {
  readonly #input: Operator;
  readonly #on: KeyEvaluator | null;
  readonly #types: readonly TypeInstance[];
  readonly #table: KeyTable;
  readonly #spill: SpillQueue;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #last: Datum[] | null = null;

  constructor(plan: DistinctPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    this.#on =
      plan.on === null
        ? null
        : new KeyEvaluator(
            plan.on.map(expr => ({expr, descending: false, nullsFirst: false})),
            env,
          );
    this.#types = plan.columns.map(column => column.type);
    this.#table = new KeyTable(this.#types);
    this.#spill = new SpillQueue(this.#types, plan.id);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#last = null;
    this.#table.reset();
    this.#spill.open(run);
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      const batch = this.#spill.isReading
        ? this.#spill.next(wanted)
        : this.#input.next(Math.min(wanted, BATCH_CAPACITY));
      if (batch === PAUSE) return PAUSE;
      if (batch === END) {
        if (!this.#spill.startNext()) return END;
        this.#table.clear();
        continue;
      }
      const count = this.#on === null ? this.#newRows(batch) : this.#newGroups(batch, this.#on);
      if (count > 0) return selected(this.#out, batch, this.#selection, count);
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #newRows(batch: Batch): number {
    const table = this.#table;
    if (this.#spill.canSpill && table.bytes > 2 * this.#run.workMemBytes) {
      table.assign(batch.vectors, batch.selection, batch.count, this.#groups, false);
      this.#spill.add(batch, batch, this.#types, this.#groups);
      return 0;
    }
    const before = table.size;
    table.assign(batch.vectors, batch.selection, batch.count, this.#groups);
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
    this.#spill.close();
  }
}
