// Hot path: count(DISTINCT ...) and its kin.
import type {Batch} from '../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../columns/vector.ts';
import {oid} from '../common/ids.ts';
import type {Datum} from '../types/contract.ts';
import {
  type Accumulator,
  AggregateArguments,
  type AggregateParts,
  STATE_BYTES,
} from './aggregate-parts.ts';
import {datumAt} from './column-store.ts';
import {KeyTable} from './key-table.ts';
import type {RunContext} from './operator.ts';

const INT4 = oid(23);

/** DISTINCT values of aggregates to which their order does not matter: each is stepped over when it comes first and kept as a key. */
export class DistinctAccumulator implements Accumulator {
  readonly groupBytes = STATE_BYTES;
  readonly #parts: AggregateParts;
  readonly #args: AggregateArguments;
  /** Of all rows together. */
  readonly #seen: KeyTable;
  /** Of (group, value). */
  readonly #seenByGroup: KeyTable;
  readonly #numbers = new Int32Array(BATCH_CAPACITY);
  /** The group of each physical row. */
  #groupOfRow = new Int32Array(BATCH_CAPACITY);
  readonly #value: Datum[] = [null];
  #states: unknown[] = [];

  constructor(parts: AggregateParts) {
    this.#parts = parts;
    this.#args = new AggregateArguments(parts.call, parts.env);
    const {type} = parts.call.args[0]!;
    this.#seen = new KeyTable([type]);
    this.#seenByGroup = new KeyTable([parts.env.types.typeByOid(INT4)!, type]);
  }

  reset(run: RunContext): void {
    this.#parts.setRun(run);
    this.#states = [];
    this.#seen.reset();
    this.#seenByGroup.reset();
  }

  accumulate(run: RunContext, input: Batch, rowGroups: Int32Array | null): void {
    this.#args.evaluate(run, input, rowGroups);
    const {batch, groups} = this.#args;
    const {selection, count} = batch;
    // Arguments of no rows were not evaluated.
    if (count === 0) return;
    const vector = batch.vectors[0]!;
    const seen = groups === null ? this.#seen : this.#seenByGroup;
    let known = seen.size;
    const numbers = this.#numbers;
    seen.assign(this.#keys(vector, selection, count, groups), selection, count, numbers);
    const {skipsNull} = this.#parts;
    const aggregate = this.#parts.run;
    const states = this.#states;
    const value = this.#value;
    for (let i = 0; i < count; i++) {
      if (numbers[i]! < known) continue;
      known = numbers[i]! + 1;
      value[0] = datumAt(vector, selection === null ? i : selection[i]!);
      if (value[0] === null && skipsNull) continue;
      const group = groups === null ? 0 : groups[i]!;
      const state = states[group];
      states[group] = aggregate.step(state === undefined ? aggregate.init() : state, value);
    }
  }

  #keys(
    vector: Vector,
    selection: Int32Array | null,
    count: number,
    groups: Int32Array | null,
  ): Vector[] {
    if (groups === null) return [vector];
    // Selections are ascending.
    const length = selection === null || count === 0 ? count : selection[count - 1]! + 1;
    if (length > this.#groupOfRow.length) this.#groupOfRow = new Int32Array(length);
    const groupOfRow = this.#groupOfRow;
    for (let i = 0; i < count; i++) groupOfRow[selection === null ? i : selection[i]!] = groups[i]!;
    return [{kind: 'int32', values: groupOfRow, nulls: null}, vector];
  }

  prepare(): boolean {
    return true;
  }

  final(group: number): Datum {
    const state = this.#states[group];
    return this.#parts.run.final(state === undefined ? this.#parts.run.init() : state);
  }

  finals(): null {
    return null;
  }
}
