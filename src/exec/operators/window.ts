// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../../columns/vector.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {WindowPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import {ColumnStore, datumAt} from '../column-store.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {FrameBounds} from '../window/frame.ts';
import {Partition} from '../window/partition.ts';
import {makeCall, type CallRun} from '../window/window-call.ts';
import {WindowColumns} from '../window/window-columns.ts';

/** Functions that look at peers beside those whose frame does. */
const peerFunctions: ReadonlySet<string> = new Set([
  'window_rank',
  'window_dense_rank',
  'window_percent_rank',
  'window_cume_dist',
]);

/** Window functions: sorted rows are collected partition by partition, values are computed row by row as they are wanted. */
export class Window implements Operator {
  readonly #input: Operator;
  readonly #inputWidth: number;
  readonly #partitionBy: readonly BoundExpr[];
  readonly #partitionColumns: readonly number[];
  readonly #calls: readonly CallRun[];
  readonly #frame: FrameBounds;
  readonly #store: ColumnStore;
  readonly #partition: Partition;
  readonly #results: ColumnStore;
  readonly #values: Datum[] = [];
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #phase: 'collect' | 'prepare' | 'emit' | 'end' = 'collect';
  #hasStarted = false;
  #batch: Batch | null = null;
  #at = 0;
  #isLast = false;
  #row = 0;
  #call = 0;
  #isRowOpen = false;
  #emittedFrom = 0;
  #isEmitted = false;

  constructor(plan: WindowPlan, env: ExecEnv) {
    const columns = new WindowColumns(plan);
    this.#input = env.build(columns.plan());
    this.#inputWidth = plan.input.columns.length;
    this.#partitionBy = plan.partitionBy;
    this.#partitionColumns = columns.partition;
    this.#calls = plan.calls.map((call, i) => makeCall(call, columns.calls[i]!, plan.frame, env));
    this.#frame = new FrameBounds(plan.frame, plan.orderBy, columns.order, env);
    this.#store = new ColumnStore(columns.exprs.map(expr => expr.type));
    const needsPeers =
      plan.frame.mode !== 'rows' ||
      plan.frame.exclude === 'group' ||
      plan.frame.exclude === 'ties' ||
      plan.calls.some(call => peerFunctions.has(call.source));
    this.#partition = new Partition(
      this.#store,
      plan.orderBy,
      columns.order,
      plan.frame.exclude,
      needsPeers,
    );
    this.#results = new ColumnStore(plan.calls.map(call => call.type));
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#phase = 'collect';
    this.#hasStarted = false;
    this.#batch = null;
    this.#isLast = false;
    this.#store.reset();
    this.#results.reset();
    this.#isRowOpen = false;
    this.#isEmitted = false;
    for (const call of this.#calls) call.open(run);
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (!this.#hasStarted) {
      this.#frame.start(this.#run);
      this.#hasStarted = true;
    }
    if (this.#isEmitted) this.#afterEmit();
    for (;;) {
      if (this.#phase === 'end') return END;
      if (this.#phase === 'collect' && !this.#collect()) return PAUSE;
      if (this.#phase === 'prepare' && !this.#prepare()) return PAUSE;
      if (this.#phase !== 'emit') continue;
      if (!this.#compute(Math.min(wanted, BATCH_CAPACITY))) return PAUSE;
      if (this.#results.size > 0) return this.#emit();
    }
  }

  /** Reads the rows of the next partition; false = paused. */
  #collect(): boolean {
    for (;;) {
      if (this.#batch === null) {
        const batch = this.#isLast ? END : this.#input.next(BATCH_CAPACITY);
        if (batch === PAUSE) return false;
        if (batch === END) {
          this.#isLast = true;
          this.#phase = this.#store.size === 0 ? 'end' : 'prepare';
          if (this.#phase === 'prepare') this.#partition.begin();
          return true;
        }
        this.#batch = batch;
        this.#at = 0;
      }
      const to = this.#partitionEnd(this.#batch);
      if (to > this.#at) this.#store.append(this.#batch, this.#at, to);
      this.#at = to;
      if (to < this.#batch.count) {
        this.#phase = 'prepare';
        this.#partition.begin();
        return true;
      }
      this.#batch = null;
      if (this.#run.sliceUsed()) return false;
    }
  }

  /** One past the last live row of the batch from #at on that belongs to the current partition. */
  #partitionEnd(batch: Batch): number {
    const columns = this.#partitionColumns;
    if (columns.length === 0) return batch.count;
    let at = this.#at;
    for (; at < batch.count; at++) {
      if (this.#store.size === 0 && at === this.#at) continue;
      if (!this.#continues(batch, at)) break;
    }
    return at;
  }

  #continues(batch: Batch, index: number): boolean {
    const {selection} = batch;
    const row = selection === null ? index : selection[index]!;
    const columns = this.#partitionColumns;
    for (let k = 0; k < columns.length; k++) {
      const vector = batch.vectors[columns[k]!]!;
      const mine = datumAt(vector, row);
      const first =
        this.#store.size > 0
          ? this.#store.at(0, columns[k]!)
          : datumAt(vector, selection === null ? this.#at : selection[this.#at]!);
      if (mine === first) continue;
      if (mine === null || first === null || !this.#partitionBy[k]!.type.equals(mine, first))
        return false;
    }
    return true;
  }

  #prepare(): boolean {
    if (!this.#partition.prepare(() => this.#run.sliceUsed())) return false;
    this.#frame.begin();
    for (const call of this.#calls) call.begin();
    this.#row = 0;
    this.#emittedFrom = 0;
    this.#phase = 'emit';
    return true;
  }

  /** Computes up to `wanted` rows; false = paused (rows computed so far stay). */
  #compute(wanted: number): boolean {
    const partition = this.#partition;
    const calls = this.#calls;
    while (this.#row < partition.rowCount && this.#row - this.#emittedFrom < wanted) {
      if (!this.#isRowOpen) {
        partition.moveTo(this.#row);
        this.#frame.apply(partition);
        this.#isRowOpen = true;
        this.#call = 0;
      }
      for (; this.#call < calls.length; this.#call++) {
        const call = calls[this.#call]!;
        if (!call.advance(partition)) return false;
        this.#values[this.#call] = call.value(partition);
      }
      this.#results.appendRow(this.#values);
      this.#isRowOpen = false;
      this.#row++;
      if ((this.#row & 63) === 0 && this.#run.sliceUsed()) return false;
    }
    return true;
  }

  #afterEmit(): void {
    this.#isEmitted = false;
    this.#results.reset();
    this.#emittedFrom = this.#row;
    if (this.#row < this.#partition.rowCount) return;
    this.#store.reset();
    this.#phase = 'collect';
  }

  #emit(): Batch {
    const out = this.#out;
    const from = this.#emittedFrom;
    const vectors: Vector[] = [];
    for (let c = 0; c < this.#inputWidth; c++)
      vectors.push(this.#store.gather(c, null, from, this.#row));
    for (let c = 0; c < this.#calls.length; c++)
      vectors.push(this.#results.gather(c, null, 0, this.#results.size));
    out.vectors = vectors;
    out.selection = null;
    out.count = this.#row - from;
    // The batch shares typed arrays with both stores: they are emptied by the call after this one.
    this.#isEmitted = true;
    return out;
  }

  close(): void {
    this.#input.close();
    this.#store.reset();
    this.#results.reset();
  }
}
