// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {AggregatePlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {makeAccumulator, type Accumulator} from '../accumulator.ts';
import {ColumnStore} from '../column-store.ts';
import type {ExecEnv} from '../environment.ts';
import {KeyColumns} from '../key-columns.ts';
import {KeyTable} from '../key-table.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';

/** One grouping set: its own key table and accumulators. */
interface GroupingSet {
  readonly keys: readonly number[];
  readonly table: KeyTable;
  readonly accumulators: readonly Accumulator[];
}

/**
 * GROUP BY and aggregates by hashing: rows get a group number, then each accumulator runs over the batch in its own typed loop.
 * Several grouping sets share one pass over the input.
 */
export class Aggregate implements Operator {
  readonly #plan: AggregatePlan;
  readonly #input: Operator;
  readonly #keys: KeyColumns;
  readonly #sets: readonly GroupingSet[];
  readonly #store: ColumnStore;
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #phase: 'collect' | 'final' | 'emit' = 'collect';
  #finalSet = 0;
  #finalGroup = 0;
  #position = 0;

  constructor(plan: AggregatePlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    this.#keys = new KeyColumns(plan.keys, env);
    const sets = plan.groupingSets ?? [plan.keys.map((_, index) => index)];
    this.#sets = sets.map(keys => ({
      keys,
      table: new KeyTable(keys.map(key => plan.keys[key]!.type)),
      accumulators: plan.aggregates.map(call => makeAccumulator(call, env)),
    }));
    this.#store = new ColumnStore(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#phase = 'collect';
    this.#position = 0;
    this.#finalSet = 0;
    this.#finalGroup = 0;
    this.#store.reset();
    for (const set of this.#sets) {
      set.table.reset();
      for (const accumulator of set.accumulators) accumulator.reset(run);
    }
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#phase === 'collect' && !this.#collect()) return PAUSE;
    if (this.#phase === 'final' && !this.#finalise()) return PAUSE;
    const to = Math.min(this.#store.size, this.#position + Math.min(wanted, BATCH_CAPACITY));
    if (to === this.#position) return END;
    this.#store.fill(this.#out, null, this.#position, to);
    this.#out.count = to - this.#position;
    this.#position = to;
    return this.#out;
  }

  #collect(): boolean {
    for (;;) {
      const batch = this.#input.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) break;
      this.#accumulate(batch);
      if (this.#run.sliceUsed()) return false;
    }
    this.#phase = 'final';
    return true;
  }

  #accumulate(batch: Batch): void {
    const keys = this.#plan.keys.length === 0 ? null : this.#keys.evaluate(this.#run, batch);
    for (const set of this.#sets) {
      if (set.keys.length === 0) {
        set.table.assign([], null, batch.count, this.#groups);
        for (const accumulator of set.accumulators) accumulator.accumulate(this.#run, batch, null, 1);
        continue;
      }
      const vectors = set.keys.length === keys!.vectors.length ? keys!.vectors : set.keys.map(key => keys!.vectors[key]!);
      set.table.assign(vectors, keys!.selection, batch.count, this.#groups);
      for (const accumulator of set.accumulators) accumulator.accumulate(this.#run, batch, this.#groups, set.table.size);
    }
  }

  #finalise(): boolean {
    const row: Datum[] = [];
    for (; this.#finalSet < this.#sets.length; this.#finalSet++) {
      const set = this.#sets[this.#finalSet]!;
      // An empty grouping set has its one row even when there was no input.
      const size = set.keys.length === 0 ? 1 : set.table.size;
      for (; this.#finalGroup < size; this.#finalGroup++) {
        this.#finalRow(set, this.#finalGroup, row);
        this.#store.appendRow(row);
        if ((this.#finalGroup & 255) === 255 && this.#run.sliceUsed()) {
          this.#finalGroup++;
          return false;
        }
      }
      this.#finalGroup = 0;
    }
    this.#phase = 'emit';
    return true;
  }

  #finalRow(set: GroupingSet, group: number, row: Datum[]): void {
    const keyCount = this.#plan.keys.length;
    for (let k = 0; k < keyCount; k++) row[k] = null;
    for (let k = 0; k < set.keys.length; k++) row[set.keys[k]!] = set.table.keys.at(group, k);
    let at = keyCount;
    for (const accumulator of set.accumulators) row[at++] = accumulator.final(group);
    for (const grouping of this.#plan.groupings) {
      let mask = 0;
      for (const key of grouping) mask = mask * 2 + (set.keys.includes(key) ? 0 : 1);
      row[at++] = mask;
    }
  }

  close(): void {
    this.#input.close();
    this.#store.reset();
    for (const set of this.#sets) set.table.reset();
  }
}
