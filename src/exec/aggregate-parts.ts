// Hot path: once per batch and aggregate.
import type {Batch} from '../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../columns/vector.ts';
import type {AggregateRun} from '../functions/contract.ts';
import type {AggregateCall} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import type {CompiledFilter} from './compiler.ts';
import type {ExecEnv} from './environment.ts';
import {KeyColumns} from './key-columns.ts';
import type {RunContext} from './operator.ts';

/** State of one aggregate over all groups. */
export interface Accumulator {
  /** Rough bytes of one group's state, for work_mem. */
  readonly groupBytes: number;
  reset(run: RunContext): void;
  /** Adds a batch: groups[i] is the group of live row i; null = all rows belong to group 0. `groupCount` groups exist now. */
  accumulate(run: RunContext, batch: Batch, groups: Int32Array | null, groupCount: number): void;
  /** Makes what `final` needs; false when its share of the turn is used up: it is asked again. */
  prepare(run: RunContext, group: number): boolean;
  /** The result of a group, asked once. */
  final(group: number): Datum;
  /** Results of groups [from, to) at once; null, whatever the groups, where they are made one by one. */
  finals(from: number, to: number): Vector | null;
}

/** Rough bytes of a state that is an object. */
export const STATE_BYTES = 64;

/** What accumulators of one call are made of. */
export interface AggregateParts {
  readonly run: AggregateRun;
  readonly call: AggregateCall;
  readonly env: ExecEnv;
  readonly skipsNull: boolean;
  setRun(run: RunContext): void;
}

/** FILTER (WHERE ...) and arguments of a call, evaluated per batch. */
export class AggregateArguments {
  readonly #filter: CompiledFilter | null;
  readonly #args: KeyColumns | null;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #filtered: Batch = {count: 0, selection: null, vectors: []};
  readonly #groups = new Int32Array(BATCH_CAPACITY);
  /** Live rows after the filter with their groups; valid until the next evaluate. */
  batch!: Batch;
  groups: Int32Array | null = null;

  constructor(call: AggregateCall, env: ExecEnv) {
    this.#filter = call.filter === null ? null : env.compiler.filter(call.filter);
    const exprs = [...call.args, ...call.orderBy.map(key => key.expr)];
    this.#args = exprs.length === 0 ? null : new KeyColumns(exprs, env);
  }

  evaluate(run: RunContext, input: Batch, groups: Int32Array | null): void {
    let rows = input;
    this.groups = groups;
    if (this.#filter !== null) {
      const count = this.#filter.select(run, input, this.#selection);
      if (groups !== null && count < input.count) this.#narrow(input, groups, count);
      this.#filtered.vectors = input.vectors;
      this.#filtered.selection = this.#selection;
      this.#filtered.count = count;
      rows = this.#filtered;
    }
    this.batch = this.#args === null || rows.count === 0 ? rows : this.#args.evaluate(run, rows);
  }

  /** Picks the groups of the rows that the filter kept: both lists are ascending in physical position. */
  #narrow(input: Batch, groups: Int32Array, count: number): void {
    let at = 0;
    for (let i = 0; i < input.count && at < count; i++) {
      const row = input.selection === null ? i : input.selection[i]!;
      if (row === this.#selection[at]) this.#groups[at++] = groups[i]!;
    }
    this.groups = this.#groups;
  }
}
