import type {Batch} from '../columns/batch.ts';
import type {Datum} from '../types/contract.ts';
import {
  type Accumulator,
  AggregateArguments,
  type AggregateParts,
  STATE_BYTES,
} from './aggregate-parts.ts';
import {readRow} from './column-store.ts';
import {KeyTable} from './key-table.ts';
import {mergeSort} from './merge-sort.ts';
import type {RunContext} from './operator.ts';
import {compareDatums} from './sort-keys.ts';

/** Rows of a group up to which it is sorted and stepped over at once. */
const AT_ONCE = 512;
/** Rows stepped over between two looks at the turn. */
const ROWS_PER_LOOK = 256;

/** DISTINCT, ORDER BY and ordered-set aggregates: rows are kept per group, sorted and made distinct at the end; many of them in slices. */
export class CollectingAccumulator implements Accumulator {
  readonly groupBytes = STATE_BYTES;
  readonly #parts: AggregateParts;
  readonly #args: AggregateArguments;
  #rows: (Datum[][] | undefined)[] = [];
  /** The group whose rows are being sorted and stepped over. */
  #work: {readonly group: number; readonly steps: Generator<void, unknown>} | null = null;
  /** The state of the group that `prepare` has ended with. */
  #prepared: unknown;
  #isPrepared = false;

  constructor(parts: AggregateParts) {
    this.#parts = parts;
    this.#args = new AggregateArguments(parts.call, parts.env);
  }

  reset(run: RunContext): void {
    this.#parts.setRun(run);
    this.#rows = [];
    this.#work = null;
  }

  accumulate(run: RunContext, input: Batch, groups: Int32Array | null): void {
    this.#args.evaluate(run, input, groups);
    const {batch, groups: rowGroups} = this.#args;
    const argCount = this.#parts.call.args.length;
    for (let i = 0; i < batch.count; i++) {
      const row: Datum[] = [];
      readRow(batch, i, row);
      if (this.#parts.skipsNull && this.#parts.call.kind === 'n' && hasNull(row, argCount))
        continue;
      const group = rowGroups === null ? 0 : rowGroups[i]!;
      (this.#rows[group] ??= []).push(row);
    }
  }

  prepare(run: RunContext, group: number): boolean {
    let work = this.#work;
    if (work === null || work.group !== group) {
      work = {group, steps: this.#stepAll(this.#rows[group] ?? [])};
      this.#work = work;
      this.#isPrepared = false;
    }
    while (!this.#isPrepared) {
      const step = work.steps.next();
      if (step.done === true) {
        this.#prepared = step.value;
        this.#isPrepared = true;
      } else if (run.sliceUsed()) return false;
    }
    return true;
  }

  final(group: number): Datum {
    const state = this.#prepared;
    this.#prepared = undefined;
    this.#work = null;
    this.#rows[group] = undefined;
    return this.#parts.run.final(state);
  }

  finals(): null {
    return null;
  }

  /** The state after all rows in order. */
  *#stepAll(rows: Datum[][]): Generator<void, unknown> {
    const {call, run} = this.#parts;
    const argCount = call.args.length;
    const order = yield* this.#order(rows);
    let state = run.init();
    const seen = call.isDistinct ? new KeyTable(call.args.map(arg => arg.type)) : null;
    for (let i = 0; i < rows.length; i++) {
      if (i % ROWS_PER_LOOK === ROWS_PER_LOOK - 1 && rows.length > AT_ONCE) yield;
      const args = rows[order === null ? i : order[i]!]!.slice(0, argCount);
      if (seen !== null) {
        const before = seen.size;
        if (seen.number(args, true) < before) continue;
      }
      state = run.step(state, args);
    }
    return state;
  }

  /** The places of the rows in order; null = as they are, or sorted in place. */
  *#order(rows: Datum[][]): Generator<void, Int32Array | null> {
    const {call} = this.#parts;
    const isSorted = call.orderBy.length > 0;
    // DISTINCT alone: PostgreSQL sorts its input, which shows in array_agg and string_agg.
    if (!isSorted && !call.isDistinct) return null;
    const compare = isSorted ? this.#compareKeys : this.#compareArguments;
    if (rows.length <= AT_ONCE) {
      rows.sort(compare);
      return null;
    }
    const places = new Int32Array(rows.length);
    for (let i = 0; i < places.length; i++) places[i] = i;
    return yield* mergeSort(places, (a, b) => compare(rows[a]!, rows[b]!));
  }

  readonly #compareArguments = (a: Datum[], b: Datum[]): number => {
    const {args} = this.#parts.call;
    for (let c = 0; c < args.length; c++) {
      const order = compareDatums(args[c]!.type, a[c]!, b[c]!, false, false);
      if (order !== 0) return order;
    }
    return 0;
  };

  readonly #compareKeys = (a: Datum[], b: Datum[]): number => {
    const {args, orderBy} = this.#parts.call;
    const from = args.length;
    for (let k = 0; k < orderBy.length; k++) {
      const {expr, descending, nullsFirst} = orderBy[k]!;
      const order = compareDatums(expr.type, a[from + k]!, b[from + k]!, descending, nullsFirst);
      if (order !== 0) return order;
    }
    return 0;
  };
}

function hasNull(row: readonly Datum[], count: number): boolean {
  for (let i = 0; i < count; i++) if (row[i] === null) return true;
  return false;
}
