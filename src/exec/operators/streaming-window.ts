// Hot path: row_number and its kin over rows that are not kept.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {AggregateRun} from '../../functions/contract.ts';
import type {WindowCall, WindowPlan} from '../../sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {ColumnStore, datumAt} from '../column-store.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import type {CallColumns} from '../window/window-call.ts';
import {WindowColumns} from '../window/window-columns.ts';
import {userAggregateCode} from '../user-aggregate.ts';

/** Functions whose value needs the rows before it only, counted. */
const counting: ReadonlySet<string> = new Set([
  'window_row_number',
  'window_rank',
  'window_dense_rank',
]);

/** Whether every call of a window depends on its row and those before it alone, whatever comes after. */
export function canStream({calls, frame}: WindowPlan): boolean {
  const isRunning =
    frame.mode === 'rows' &&
    frame.start.kind === 'unboundedPreceding' &&
    frame.end.kind === 'currentRow' &&
    frame.exclude === 'noOthers';
  const hasOffset = frame.start.offset !== null || frame.end.offset !== null;
  return (
    !hasOffset && calls.every(call => (call.isAggregate ? isRunning : counting.has(call.source)))
  );
}

/** A running aggregate with its state in the current partition. */
interface Running {
  readonly run: AggregateRun;
  readonly columns: CallColumns;
  readonly skipsNull: boolean;
  state: unknown;
}

/** Window functions that look back only: each row is answered when it comes, and no more rows are read than are wanted. */
export class StreamingWindow implements Operator {
  readonly #input: Operator;
  readonly #inputWidth: number;
  readonly #partition: readonly number[];
  readonly #partitionTypes: readonly TypeInstance[];
  readonly #order: readonly number[];
  readonly #orderTypes: readonly TypeInstance[];
  readonly #calls: readonly (Running | string)[];
  readonly #results: ColumnStore;
  readonly #values: Datum[] = [];
  readonly #args: Datum[] = [];
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  /** Keys of the row before. */
  readonly #lastPartition: Datum[] = [];
  readonly #lastOrder: Datum[] = [];
  #run!: RunContext;
  #batch: Batch | null = null;
  #at = 0;
  #row = 0;
  #rank = 0;
  #denseRank = 0;

  constructor(plan: WindowPlan, env: ExecEnv) {
    const columns = new WindowColumns(plan);
    this.#input = env.build(columns.plan());
    this.#inputWidth = plan.input.columns.length;
    this.#partition = columns.partition;
    this.#partitionTypes = plan.partitionBy.map(expr => expr.type);
    this.#order = columns.order;
    this.#orderTypes = plan.orderBy.map(key => key.expr.type);
    this.#calls = plan.calls.map((call, i) =>
      call.isAggregate ? this.#running(call, columns.calls[i]!, env) : call.source,
    );
    this.#results = new ColumnStore(plan.calls.map(call => call.type));
  }

  #running(call: WindowCall, columns: CallColumns, env: ExecEnv): Running {
    const code =
      call.user === undefined
        ? (env.library.aggregate(call.name) ?? env.library.aggregate(call.source))
        : userAggregateCode(call.user, env, () => this.#run);
    if (code === undefined)
      throw featureNotSupported(`aggregate function ${call.name} is not supported`);
    const run = code.create({
      args: call.args.map(arg => arg.type),
      result: call.type,
      lookup: env.types,
      context: () => this.#run.context,
    });
    return {run, columns, skipsNull: code.skipsNull, state: null};
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#batch = null;
    this.#row = 0;
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#batch === null) {
      const batch = this.#input.next(Math.min(wanted, BATCH_CAPACITY));
      if (batch === END || batch === PAUSE) return batch;
      this.#batch = batch;
      this.#at = 0;
      this.#results.reset();
    }
    const batch = this.#batch;
    while (this.#at < batch.count) {
      this.#step(batch, batch.selection === null ? this.#at : batch.selection[this.#at]!);
      this.#at++;
      if ((this.#at & 63) === 0 && this.#at < batch.count && this.#run.sliceUsed()) return PAUSE;
    }
    this.#batch = null;
    return this.#emit(batch);
  }

  #step(batch: Batch, at: number): void {
    const isFirst = this.#row === 0;
    const isSamePartition =
      isSame(batch, at, this.#partition, this.#partitionTypes, this.#lastPartition) && !isFirst;
    const isPeer =
      isSame(batch, at, this.#order, this.#orderTypes, this.#lastOrder) && isSamePartition;
    if (!isSamePartition) this.#startPartition();
    this.#row++;
    if (!isPeer) {
      this.#rank = this.#row;
      this.#denseRank++;
    }
    for (let c = 0; c < this.#calls.length; c++)
      this.#values[c] = this.#value(this.#calls[c]!, batch, at);
    this.#results.appendRow(this.#values);
  }

  #startPartition(): void {
    this.#row = 0;
    this.#denseRank = 0;
    for (const call of this.#calls) if (typeof call !== 'string') call.state = call.run.init();
  }

  #value(call: Running | string, batch: Batch, at: number): Datum {
    if (typeof call === 'string')
      return BigInt(
        call === 'window_row_number'
          ? this.#row
          : call === 'window_rank'
            ? this.#rank
            : this.#denseRank,
      );
    const {columns, run, skipsNull} = call;
    if (columns.filter === -1 || datumAt(batch.vectors[columns.filter]!, at) === true) {
      let isSkipped = false;
      for (let i = 0; i < columns.args.length; i++) {
        const value = datumAt(batch.vectors[columns.args[i]!]!, at);
        if (value === null && skipsNull) isSkipped = true;
        this.#args[i] = value;
      }
      if (!isSkipped) call.state = run.step(call.state, this.#args);
    }
    return run.final(call.state);
  }

  /** The input's columns as they are, beside them the results at the same places. */
  #emit(batch: Batch): Batch {
    const {count, selection} = batch;
    const out = this.#out;
    const vectors = batch.vectors.slice(0, this.#inputWidth);
    let places: Int32Array | null = null;
    const size = selection === null ? count : selection[count - 1]! + 1;
    if (selection !== null) {
      places = new Int32Array(size);
      for (let i = 0; i < count; i++) places[selection[i]!] = i;
    }
    for (let c = 0; c < this.#calls.length; c++)
      vectors.push(this.#results.gather(c, places, 0, size));
    out.vectors = vectors;
    out.selection = selection;
    out.count = count;
    return out;
  }

  close(): void {
    this.#input.close();
    this.#results.reset();
    this.#batch = null;
  }
}

/** Whether a row's keys equal those in `last`, which they then replace. */
function isSame(
  batch: Batch,
  at: number,
  columns: readonly number[],
  types: readonly TypeInstance[],
  last: Datum[],
): boolean {
  let isEqual = true;
  for (let k = 0; k < columns.length; k++) {
    const value = datumAt(batch.vectors[columns[k]!]!, at);
    const before = last[k] ?? null;
    if (value === before) continue;
    if (value === null || before === null || !types[k]!.equals(value, before)) isEqual = false;
    last[k] = value;
  }
  return isEqual;
}
