import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {SetOpPlan} from '../../sql/plan/plan.ts';
import type {ExecEnv} from '../environment.ts';
import {KeyTable} from '../key-table.ts';
import {ABSENT} from '../pair-keys.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {selected} from './filter.ts';

/** INTERSECT [ALL] and EXCEPT [ALL]: counts right rows by key, then streams left rows against the counts. */
export class SetOp implements Operator {
  readonly #plan: SetOpPlan;
  readonly #left: Operator;
  readonly #right: Operator;
  readonly #table: KeyTable;
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #counts: number[] = [];
  #emitted: boolean[] = [];
  #isBuilt = false;

  constructor(plan: SetOpPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#left = env.build(plan.left);
    this.#right = env.build(plan.right);
    this.#table = new KeyTable(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#table.reset();
    this.#counts = [];
    this.#emitted = [];
    this.#isBuilt = false;
    this.#left.open(run);
    this.#right.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (!this.#isBuilt && !this.#build()) return PAUSE;
    for (;;) {
      const batch = this.#left.next(Math.min(wanted, BATCH_CAPACITY));
      if (batch === END || batch === PAUSE) return batch;
      // Only EXCEPT without ALL must remember keys that the right side does not have.
      this.#table.assign(
        batch.vectors,
        batch.selection,
        batch.count,
        this.#groups,
        this.#plan.op === 'except' && !this.#plan.all,
      );
      let count = 0;
      for (let i = 0; i < batch.count; i++) {
        if (this.#keeps(this.#groups[i]!))
          this.#selection[count++] = batch.selection === null ? i : batch.selection[i]!;
      }
      if (count > 0) return selected(this.#out, batch, this.#selection, count);
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #build(): boolean {
    for (;;) {
      const batch = this.#right.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) break;
      this.#table.assign(batch.vectors, batch.selection, batch.count, this.#groups);
      for (let i = 0; i < batch.count; i++)
        this.#counts[this.#groups[i]!] = (this.#counts[this.#groups[i]!] ?? 0) + 1;
      if (this.#run.sliceUsed()) return false;
    }
    this.#isBuilt = true;
    return true;
  }

  #keeps(group: number): boolean {
    const isIntersect = this.#plan.op === 'intersect';
    if (group === ABSENT) return !isIntersect;
    const left = this.#counts[group] ?? 0;
    if (this.#plan.all) {
      if (left > 0) this.#counts[group] = left - 1;
      return isIntersect === left > 0;
    }
    if (this.#emitted[group] === true) return false;
    this.#emitted[group] = true;
    return isIntersect === left > 0;
  }

  close(): void {
    this.#left.close();
    this.#right.close();
    this.#table.reset();
  }
}
