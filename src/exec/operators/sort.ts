// Hot path.
import type {ScanTop} from '../../storage/scan-top.ts';
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../../columns/vector.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {SortPlan} from '../../sql/plan/plan.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {ColumnStore} from '../column-store.ts';
import type {CompiledProjection, CompiledScalar} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import {plainColumns} from '../key-columns.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {type OrderKey, RowOrder} from '../row-order.ts';
import {RunMerge, RunWriter, type SortedRun} from '../spill/run-merge.ts';
import {SpillFile} from '../spill/spill-file.ts';
import {isByteOrdered} from '../text-bytes.ts';
import {TopFilter} from '../top-filter.ts';

/** Largest LIMIT for which only the best rows are kept. */
const TOP_N_LIMIT = 10_000;
/** Runs that are merged at once; more are merged in several passes. */
const MERGE_RUNS = 64;

/** Kinds of values that are in order as numbers are. */
const wordKinds: ReadonlySet<string> = new Set(['int32', 'int64', 'float64']);

type Phase = 'collect' | 'pass' | 'prune' | 'order' | 'write' | 'reduce' | 'emit' | 'merge' | 'end';

/**
 * ORDER BY: materialises columns (computed keys behind the input's), orders row numbers, gathers in order. With a small
 * LIMIT keeps only the best rows.
 * Past work_mem sorted runs go to a file and are merged.
 */
export class Sort implements Operator {
  readonly #id: number;
  readonly #input: Operator;
  /** Id of the scan below when it may give the order itself, else -1. */
  readonly #inputScan: number;
  /** Id of the scan below whose rows may be left out, else -1. */
  readonly #topScan: number;
  readonly #topRequest: ScanTop | null;
  readonly #keys: readonly OrderKey[];
  readonly #types: readonly TypeInstance[];
  readonly #width: number;
  readonly #projection: CompiledProjection | null;
  readonly #limit: CompiledScalar | null;
  readonly #store: ColumnStore;
  /** Null without keys: then any rows will do. */
  readonly #top: TopFilter | null;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #shouldPause = (): boolean => this.#run.sliceUsed();
  /** Vectors that each batch is gathered into. */
  readonly #gathered: Vector[] = [];
  #run!: RunContext;
  #phase: Phase = 'collect';
  #isInputDone = false;
  #order: RowOrder | null = null;
  #rows: Int32Array = new Int32Array(0);
  #position = 0;
  #topN = Infinity;
  #file: SpillFile | null = null;
  #runs: SortedRun[] = [];
  #writer: RunWriter | null = null;
  #merge: RunMerge | null = null;
  #reduced: number[] = [];

  constructor(plan: SortPlan, env: ExecEnv) {
    this.#id = plan.id;
    this.#input = env.build(plan.input);
    this.#width = plan.input.columns.length;
    const isOrderable = plan.input.kind === 'tableScan' && plan.input.order !== null;
    this.#inputScan = isOrderable ? plan.input.id : -1;
    const exprs = plan.input.columns.map(
      (column, index): BoundExpr => ({
        kind: 'column',
        index,
        type: column.type,
        typmod: column.typmod,
        location: -1,
      }),
    );
    this.#keys = plan.keys.map(key => ({
      column: plainColumns([key.expr])?.[0] ?? exprs.push(key.expr) - 1,
      type: key.expr.type,
      descending: key.descending,
      nullsFirst: key.nullsFirst,
    }));
    this.#types = exprs.map(expr => expr.type);
    this.#projection = exprs.length === this.#width ? null : env.compiler.projection(exprs);
    this.#limit = plan.limit === null ? null : env.compiler.scalar(plan.limit);
    this.#store = new ColumnStore(this.#types);
    this.#top = this.#keys.length === 0 ? null : new TopFilter(this.#keys);
    const {input} = plan;
    this.#topScan = input.kind === 'tableScan' ? input.id : -1;
    this.#topRequest = input.kind === 'tableScan' ? this.#topOf() : null;
  }

  /** Which rows are wanted of a scan below; null where the first key is computed. */
  #topOf(): ScanTop | null {
    const top = this.#top;
    const key = this.#keys[0];
    if (top === null || key === undefined || key.column >= this.#width) return null;
    if (!wordKinds.has(key.type.physical) && !isByteOrdered(key.type)) return null;
    const {column, descending, nullsFirst} = key;
    return {column, descending, nullsFirst, bound: () => top.bound()};
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#reset();
    const limit = this.#limit === null ? null : this.#limit(run);
    this.#topN =
      limit !== null && Number(limit) <= TOP_N_LIMIT ? Math.max(0, Number(limit)) : Infinity;
    const hasTop = this.#topN > 0 && this.#topN !== Infinity;
    if (hasTop) this.#top?.reset(this.#topN);
    if (this.#topRequest !== null) {
      if (hasTop) run.topScans.set(this.#topScan, this.#topRequest);
      else run.topScans.delete(this.#topScan);
    }
    this.#input.open(run);
    const isOrdered = this.#inputScan !== -1 && run.orderedScans.has(this.#inputScan);
    if (isOrdered && this.#projection === null && this.#topN !== Infinity) this.#phase = 'pass';
  }

  #reset(): void {
    this.#store.reset();
    this.#phase = 'collect';
    this.#isInputDone = false;
    this.#order = null;
    this.#position = 0;
    this.#writer = null;
    this.#merge = null;
    this.#runs = [];
    this.#reduced = [];
    this.#file?.close();
    this.#file = null;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    for (;;) {
      switch (this.#phase) {
        case 'pass':
          return this.#pass(wanted);
        case 'collect':
          if (!this.#collect()) return PAUSE;
          break;
        case 'prune':
        case 'order':
          if (!this.#orderRows()) return PAUSE;
          break;
        case 'write':
          if (!this.#writeRun()) return PAUSE;
          break;
        case 'reduce':
          if (!this.#reduce()) return PAUSE;
          break;
        case 'emit':
          return this.#emit(wanted);
        case 'merge':
          return this.#emitMerged(wanted);
        case 'end':
          return END;
      }
    }
  }

  /** The first rows of an input that comes in order. */
  #pass(wanted: number): Batch | typeof END | typeof PAUSE {
    const left = this.#topN - this.#position;
    if (left <= 0) return END;
    const batch = this.#input.next(Math.min(wanted, left));
    if (batch !== END && batch !== PAUSE) this.#position += batch.count;
    return batch;
  }

  #collect(): boolean {
    if (this.#topN === 0) {
      this.#phase = 'end';
      return true;
    }
    for (;;) {
      const batch = this.#input.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) {
        this.#isInputDone = true;
        this.#startOrder('order');
        return true;
      }
      this.#take(batch);
      if (this.#store.size > 4 * this.#topN + 4 * BATCH_CAPACITY) {
        this.#startOrder('prune');
        return true;
      }
      if (this.#topN === Infinity && this.#store.bytes > this.#run.workMemBytes) {
        this.#startOrder('order');
        return true;
      }
      if (this.#run.sliceUsed()) return false;
    }
  }

  #take(batch: Batch): void {
    const rows =
      this.#projection === null ? batch : this.#projection.run(this.#run, batch, batch.count);
    const kept = this.#topN === Infinity || this.#top === null ? rows : this.#top.select(rows);
    if (kept !== null) this.#store.append(kept);
  }

  #startOrder(phase: 'prune' | 'order'): void {
    this.#order = new RowOrder(this.#store, this.#keys);
    this.#phase = phase;
  }

  /** Orders the rows of the store; what follows depends on why. */
  #orderRows(): boolean {
    if (!this.#order!.step(this.#shouldPause)) return false;
    const {rows} = this.#order!;
    this.#order = null;
    if (this.#phase === 'prune') {
      this.#keepBest(rows.slice(0, this.#topN));
      this.#phase = 'collect';
    } else if (this.#isInputDone && this.#runs.length === 0) {
      this.#rows = rows.length > this.#topN ? rows.subarray(0, this.#topN) : rows;
      this.#phase = 'emit';
    } else {
      this.#file ??= new SpillFile(this.#run, this.#types, this.#id);
      this.#writer = new RunWriter(this.#file, this.#store, rows);
      this.#phase = 'write';
    }
    return true;
  }

  /** Keeps the best rows in their order of arrival. */
  #keepBest(best: Int32Array): void {
    const last = best[best.length - 1]!;
    if (this.#top !== null)
      this.#top.worst = this.#keys.map(key => this.#store.at(last, key.column));
    best.sort();
    const kept: Batch = {count: 0, selection: null, vectors: []};
    this.#store.fill(kept, best, 0, best.length);
    this.#store.reset();
    this.#store.append(kept);
  }

  #writeRun(): boolean {
    if (!this.#writer!.step(this.#shouldPause)) return false;
    if (this.#writer!.run.length > 0) this.#runs.push(this.#writer!.run);
    this.#writer = null;
    this.#store.reset();
    if (!this.#isInputDone) this.#phase = 'collect';
    else this.#startMerge();
    return true;
  }

  #startMerge(): void {
    const isLast = this.#runs.length <= MERGE_RUNS;
    this.#merge = new RunMerge(
      this.#file!,
      isLast ? this.#runs : this.#runs.slice(0, MERGE_RUNS),
      this.#keys,
    );
    this.#phase = isLast ? 'merge' : 'reduce';
  }

  /** Merges the first runs into one that takes their place. */
  #reduce(): boolean {
    const block: Batch = {count: 0, selection: null, vectors: []};
    for (;;) {
      this.#store.reset();
      this.#merge!.fill(this.#store, BATCH_CAPACITY);
      if (this.#store.size === 0) break;
      this.#store.fill(block, null, 0, this.#store.size);
      this.#reduced.push(this.#file!.write(block));
      if (this.#run.sliceUsed()) return false;
    }
    this.#runs = [this.#reduced, ...this.#runs.slice(MERGE_RUNS)];
    this.#reduced = [];
    this.#startMerge();
    return true;
  }

  #emit(wanted: number): Batch | typeof END {
    const to = Math.min(this.#rows.length, this.#position + Math.min(wanted, BATCH_CAPACITY));
    if (to === this.#position) return END;
    const vectors: Vector[] = [];
    for (let c = 0; c < this.#width; c++) {
      const vector = this.#store.gather(
        c,
        this.#rows,
        this.#position,
        to,
        this.#gathered[c] ?? null,
      );
      this.#gathered[c] = vector;
      vectors.push(vector);
    }
    this.#out.vectors = vectors;
    this.#out.count = to - this.#position;
    this.#position = to;
    return this.#out;
  }

  #emitMerged(wanted: number): Batch | typeof END {
    this.#store.reset();
    this.#merge!.fill(this.#store, Math.min(wanted, BATCH_CAPACITY));
    if (this.#store.size === 0) return END;
    this.#store.fill(this.#out, null, 0, this.#store.size, this.#width);
    return this.#out;
  }

  close(): void {
    this.#input.close();
    this.#reset();
    this.#rows = new Int32Array(0);
  }
}
