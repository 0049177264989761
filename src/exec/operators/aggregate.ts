// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../../columns/vector.ts';
import type {AggregatePlan} from '../../sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {makeAccumulator} from '../accumulator.ts';
import type {Accumulator} from '../aggregate-parts.ts';
import {ColumnStore} from '../column-store.ts';
import {directArgumentsOfSet} from '../direct-arguments.ts';
import type {ExecEnv} from '../environment.ts';
import {KeyColumns} from '../key-columns.ts';
import {KeyTable} from '../key-table.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {nullVector} from '../pair-buffer.ts';
import {SpillQueue} from '../spill/spill-queue.ts';

/** One grouping set: its own key table and accumulators, and the rows that found no room. */
interface GroupingSet {
  readonly keys: readonly number[];
  readonly keyTypes: readonly TypeInstance[];
  /** All keys in their order. */
  readonly isWhole: boolean;
  readonly table: KeyTable;
  readonly accumulators: readonly Accumulator[];
  /** Rough bytes of one group's states. */
  readonly groupBytes: number;
  readonly spill: SpillQueue;
  /** Value of each GROUPING() call. */
  readonly groupings: readonly number[];
}

/**
 * GROUP BY and aggregates by hashing: rows get a group number, then each accumulator runs over the batch in its own typed loop.
 * Several grouping sets share one pass over the input. Past work_mem no new groups are made: their rows go to
 * partitions, grouped one after the other at the end.
 */
export class Aggregate implements Operator {
  readonly #plan: AggregatePlan;
  readonly #input: Operator;
  readonly #keys: KeyColumns;
  readonly #sets: readonly GroupingSet[];
  readonly #results: ColumnStore;
  readonly #values: Datum[];
  /** Results of a batch's groups by aggregate; null where they are in #results. */
  readonly #finals: (Vector | null)[] = [];
  /** Aggregates whose results are made one by one. */
  readonly #slow: number[] = [];
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  readonly #kept = new Int32Array(BATCH_CAPACITY);
  readonly #part: Batch = {count: 0, selection: null, vectors: []};
  readonly #keyPart: Batch = {count: 0, selection: null, vectors: []};
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #phase: 'collect' | 'emit' | 'reload' | 'end' = 'collect';
  #set = 0;
  /** First group of the batch that is being made. */
  #group = 0;

  constructor(plan: AggregatePlan, env: ExecEnv) {
    this.#plan = plan;
    this.#input = env.build(plan.input);
    this.#keys = new KeyColumns(plan.keys, env);
    const inputTypes = plan.input.columns.map(column => column.type);
    const sets = plan.groupingSets ?? [plan.keys.map((_, index) => index)];
    this.#sets = sets.map(keys => {
      const keyTypes = keys.map(key => plan.keys[key]!.type);
      const accumulators = plan.aggregates.map(call =>
        makeAccumulator(directArgumentsOfSet(call, plan.keys, keys), env),
      );
      return {
        keys,
        keyTypes,
        isWhole: keys.length === plan.keys.length && keys.every((key, index) => key === index),
        table: new KeyTable(keyTypes),
        accumulators,
        groupBytes: accumulators.reduce((sum, {groupBytes}) => sum + groupBytes, 0),
        spill: new SpillQueue(inputTypes, plan.id),
        groupings: plan.groupings.map(grouping =>
          grouping.reduce((mask, key) => mask * 2 + (keys.includes(key) ? 0 : 1), 0),
        ),
      };
    });
    this.#results = new ColumnStore(plan.aggregates.map(call => call.type));
    this.#values = plan.aggregates.map(() => null);
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#phase = 'collect';
    this.#set = 0;
    this.#group = 0;
    this.#results.reset();
    for (const set of this.#sets) {
      this.#clearSet(set);
      set.spill.open(run);
    }
    this.#input.open(run);
  }

  #clearSet(set: GroupingSet): void {
    set.table.clear();
    for (const accumulator of set.accumulators) accumulator.reset(this.#run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      if (this.#phase === 'end') return END;
      if (this.#phase === 'collect' && !this.#collect()) return PAUSE;
      if (this.#phase === 'reload' && !this.#reload(this.#sets[this.#set]!)) return PAUSE;
      const batch = this.#emit(this.#sets[this.#set]!, Math.min(wanted, BATCH_CAPACITY));
      if (batch !== END) return batch;
      this.#nextPart(this.#sets[this.#set]!);
    }
  }

  #collect(): boolean {
    for (;;) {
      const batch = this.#input.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) break;
      const keys = this.#plan.keys.length === 0 ? null : this.#keys.evaluate(this.#run, batch);
      for (const set of this.#sets) this.#accumulate(set, batch, keys);
      if (this.#run.sliceUsed()) return false;
    }
    this.#phase = 'emit';
    return true;
  }

  #accumulate(set: GroupingSet, batch: Batch, keys: Batch | null): void {
    if (set.keys.length === 0) {
      for (const accumulator of set.accumulators) accumulator.accumulate(this.#run, batch, null, 1);
      return;
    }
    const vectors = set.isWhole ? keys!.vectors : set.keys.map(key => keys!.vectors[key]!);
    if (set.spill.canSpill && this.#isFull(set)) {
      this.#accumulateKnown(set, batch, keys!, vectors);
      return;
    }
    set.table.assign(vectors, keys!.selection, batch.count, this.#groups);
    for (const accumulator of set.accumulators)
      accumulator.accumulate(this.#run, batch, this.#groups, set.table.size);
  }

  #isFull(set: GroupingSet): boolean {
    return set.table.bytes + set.table.size * set.groupBytes > 2 * this.#run.workMemBytes;
  }

  /** Rows of groups that exist are added to them, the others are set aside. */
  #accumulateKnown(set: GroupingSet, batch: Batch, keys: Batch, vectors: Vector[]): void {
    const groups = this.#groups;
    set.table.assign(vectors, keys.selection, batch.count, groups, false);
    const keyPart = this.#keyPart;
    keyPart.vectors = vectors;
    keyPart.selection = keys.selection;
    keyPart.count = keys.count;
    let count = 0;
    for (let i = 0; i < batch.count; i++) if (groups[i]! >= 0) count++;
    if (count < batch.count) set.spill.add(batch, keyPart, set.keyTypes, groups);
    if (count === 0) return;
    count = 0;
    for (let i = 0; i < batch.count; i++) {
      if (groups[i]! < 0) continue;
      this.#kept[count] = batch.selection === null ? i : batch.selection[i]!;
      groups[count++] = groups[i]!;
    }
    const part = this.#part;
    part.vectors = batch.vectors;
    part.selection = this.#kept;
    part.count = count;
    for (const accumulator of set.accumulators)
      accumulator.accumulate(this.#run, part, groups, set.table.size);
  }

  /** Groups the rows of one partition of what was set aside. */
  #reload(set: GroupingSet): boolean {
    for (;;) {
      const batch = set.spill.next(BATCH_CAPACITY);
      if (batch === END) break;
      this.#accumulate(set, batch, this.#keys.evaluate(this.#run, batch));
      if (this.#run.sliceUsed()) return false;
    }
    this.#phase = 'emit';
    return true;
  }

  /** After the last group: the set's next partition, or the next set. */
  #nextPart(set: GroupingSet): void {
    this.#group = 0;
    if (set.spill.startNext()) {
      this.#clearSet(set);
      this.#phase = 'reload';
      return;
    }
    this.#set++;
    if (this.#set === this.#sets.length) this.#phase = 'end';
  }

  #emit(set: GroupingSet, wanted: number): Batch | typeof END | typeof PAUSE {
    // An empty grouping set has its one row even when there was no input.
    const size = set.keys.length === 0 ? 1 : set.table.size;
    const from = this.#group;
    const to = Math.min(size, from + wanted);
    if (from === to) return END;
    this.#slow.length = 0;
    for (let a = 0; a < set.accumulators.length; a++) {
      const vector = set.accumulators[a]!.finals(from, to);
      this.#finals[a] = vector;
      if (vector === null) this.#slow.push(a);
    }
    if (this.#slow.length > 0 && !this.#finishRows(set, from, to)) return PAUSE;
    this.#group = to;
    return this.#batch(set, from, to);
  }

  /** Results that are made one by one; false = paused. */
  #finishRows({accumulators}: GroupingSet, from: number, to: number): boolean {
    const slow = this.#slow;
    const results = this.#results;
    while (from + results.size < to) {
      const group = from + results.size;
      for (let s = 0; s < slow.length; s++)
        if (!accumulators[slow[s]!]!.prepare(this.#run, group)) return false;
      for (let s = 0; s < slow.length; s++)
        this.#values[slow[s]!] = accumulators[slow[s]!]!.final(group);
      results.appendRow(this.#values);
      if ((group & 15) === 15 && from + results.size < to && this.#run.sliceUsed()) return false;
    }
    return true;
  }

  #batch(set: GroupingSet, from: number, to: number): Batch {
    const count = to - from;
    const out = this.#out;
    const vectors: Vector[] = [];
    for (let k = 0; k < this.#plan.keys.length; k++) {
      const at = set.keys.indexOf(k);
      vectors.push(
        at === -1
          ? nullVector(this.#plan.columns[k]!, count)
          : set.table.keys.gather(at, null, from, to),
      );
    }
    for (let a = 0; a < set.accumulators.length; a++)
      vectors.push(this.#finals[a] ?? this.#results.gather(a, null, 0, count));
    for (const grouping of set.groupings)
      vectors.push({kind: 'int32', values: new Int32Array(count).fill(grouping), nulls: null});
    out.vectors = vectors;
    out.count = count;
    // The vectors share memory with the results, which are not written before the next call.
    this.#results.reset();
    return out;
  }

  close(): void {
    this.#input.close();
    this.#results.reset();
    for (const set of this.#sets) {
      set.table.reset();
      set.spill.close();
    }
  }
}
