import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {assert} from '../../common/errors.ts';
import type {RecursiveUnionPlan, WorkTableScanPlan} from '../../sql/plan/plan.ts';
import {ColumnStore} from '../column-store.ts';
import type {ExecEnv} from '../environment.ts';
import {KeyTable} from '../key-table.ts';
import type {Operator, RunContext} from '../operator.ts';
import {WorkTable} from '../work-table.ts';
import {END, PAUSE} from '../operator.ts';
import {selected} from './filter.ts';

/** WITH RECURSIVE: the initial rows, then the recursive term over each round's new rows until a round adds none. */
export class RecursiveUnion implements Operator {
  readonly #plan: RecursiveUnionPlan;
  readonly #initial: Operator;
  readonly #recursive: Operator;
  readonly #work: WorkTable;
  readonly #seen: KeyTable | null;
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #next: ColumnStore;
  #run!: RunContext;
  #phase: 'initial' | 'round' | 'end' = 'initial';

  constructor(plan: RecursiveUnionPlan, env: ExecEnv) {
    const types = plan.columns.map(column => column.type);
    this.#plan = plan;
    this.#initial = env.build(plan.initial);
    this.#work = new WorkTable(new ColumnStore(types));
    this.#next = new ColumnStore(types);
    env.workTables.set(plan.cte, this.#work);
    this.#recursive = env.build(plan.recursive);
    this.#seen = plan.isDistinct ? new KeyTable(types) : null;
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#phase = 'initial';
    this.#work.rows.reset();
    this.#next.reset();
    this.#seen?.reset();
    this.#initial.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      if (this.#phase === 'end') return END;
      const source = this.#phase === 'initial' ? this.#initial : this.#recursive;
      const batch = source.next(Math.min(wanted, BATCH_CAPACITY));
      if (batch === PAUSE) return PAUSE;
      if (batch === END) {
        if (!this.#startRound()) return END;
        continue;
      }
      const fresh = this.#seen === null ? batch : this.#unseen(batch, this.#seen);
      if (fresh !== null) {
        this.#next.append(fresh);
        return fresh;
      }
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  #unseen(batch: Batch, seen: KeyTable): Batch | null {
    let next = seen.size;
    seen.assign(batch.vectors, batch.selection, batch.count, this.#groups);
    let count = 0;
    for (let i = 0; i < batch.count; i++) {
      if (this.#groups[i] !== next) continue;
      next++;
      this.#selection[count++] = batch.selection === null ? i : batch.selection[i]!;
    }
    return count === 0 ? null : selected(this.#out, batch, this.#selection, count);
  }

  #startRound(): boolean {
    if (this.#next.size === 0) {
      this.#phase = 'end';
      return false;
    }
    const spent = this.#work.rows;
    this.#work.rows = this.#next;
    spent.reset();
    this.#next = spent;
    this.#phase = 'round';
    this.#recursive.open(this.#run);
    return true;
  }

  close(): void {
    this.#initial.close();
    this.#recursive.close();
    this.#work.rows.reset();
    this.#next.reset();
  }

  get plan(): RecursiveUnionPlan {
    return this.#plan;
  }
}

/** Reads the rows of the last round. */
export class WorkTableScan implements Operator {
  readonly #work: WorkTable;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #position = 0;

  constructor(plan: WorkTableScanPlan, env: ExecEnv) {
    const work = env.workTables.get(plan.cte);
    assert(work !== undefined, 'the work table is made before it is read');
    this.#work = work;
  }

  open(): void {
    this.#position = 0;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const to = Math.min(this.#work.rows.size, this.#position + Math.min(wanted, BATCH_CAPACITY));
    if (to === this.#position) return END;
    this.#work.rows.fill(this.#out, null, this.#position, to);
    this.#out.count = to - this.#position;
    this.#position = to;
    return this.#out;
  }

  close(): void {}
}
