// Hot path.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {SortKey, SortPlan} from '../../sql/plan/plan.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {ColumnStore, datumAt} from '../column-store.ts';
import type {CompiledProjection, CompiledScalar} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import {plainColumns} from '../key-columns.ts';
import {MergeSort} from '../merge-sort.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {compareDatums} from '../sort-keys.ts';

/** Largest LIMIT for which a heap of the best rows replaces a full sort. */
const TOP_N_LIMIT = 10_000;

/** ORDER BY: materialises columns, sorts row numbers by key columns, gathers in order. With a small LIMIT keeps only the best rows. */
export class Sort implements Operator {
  readonly #input: Operator;
  readonly #keys: readonly SortKey[];
  readonly #types: readonly TypeInstance[];
  readonly #keyColumns: readonly number[] | null;
  readonly #projection: CompiledProjection | null;
  readonly #limit: CompiledScalar | null;
  readonly #store: ColumnStore;
  readonly #keyStore: ColumnStore | null;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #phase: 'collect' | 'sort' | 'emit' = 'collect';
  #sort: MergeSort | null = null;
  #rows: Int32Array = new Int32Array(0);
  #position = 0;
  #topN = Infinity;
  #worst: Datum[] | null = null;

  constructor(plan: SortPlan, env: ExecEnv) {
    this.#input = env.build(plan.input);
    this.#keys = plan.keys;
    this.#types = plan.keys.map(key => key.expr.type);
    const exprs = plan.keys.map(key => key.expr);
    this.#keyColumns = plainColumns(exprs);
    this.#projection = this.#keyColumns === null ? env.compiler.projection(exprs) : null;
    this.#limit = plan.limit === null ? null : env.compiler.scalar(plan.limit);
    this.#store = new ColumnStore(plan.input.columns.map(column => column.type));
    this.#keyStore = this.#keyColumns === null ? new ColumnStore(this.#types) : null;
  }

  open(run: RunContext): void {
    this.#run = run;
    this.#phase = 'collect';
    this.#reset();
    const limit = this.#limit === null ? null : this.#limit(run);
    this.#topN = limit !== null && Number(limit) <= TOP_N_LIMIT ? Math.max(0, Number(limit)) : Infinity;
    this.#input.open(run);
  }

  #reset(): void {
    this.#store.reset();
    this.#keyStore?.reset();
    this.#worst = null;
    this.#sort = null;
    this.#position = 0;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#phase === 'collect' && !this.#collect()) return PAUSE;
    if (this.#phase === 'sort' && !this.#sortStep()) return PAUSE;
    const to = Math.min(this.#rows.length, this.#position + Math.min(wanted, BATCH_CAPACITY));
    if (to === this.#position) return END;
    this.#store.fill(this.#out, this.#rows, this.#position, to);
    this.#position = to;
    return this.#out;
  }

  #collect(): boolean {
    for (;;) {
      const batch = this.#input.next(BATCH_CAPACITY);
      if (batch === PAUSE) return false;
      if (batch === END) break;
      this.#take(batch);
      if (this.#store.size > 4 * this.#topN + 4 * BATCH_CAPACITY) this.#prune();
      if (this.#run.sliceUsed()) return false;
    }
    this.#startSort();
    return true;
  }

  #take(batch: Batch): void {
    if (this.#projection !== null) {
      this.#keyStore!.append(this.#projection.run(this.#run, batch, batch.count));
      this.#store.append(batch);
      return;
    }
    if (this.#worst === null) {
      this.#store.append(batch);
      return;
    }
    // Rows that cannot be among the best are not even stored.
    for (let i = 0; i < batch.count; i++) {
      const row = batch.selection === null ? i : batch.selection[i]!;
      if (this.#beatsWorst(batch, row)) this.#store.append(batch, i, i + 1);
    }
  }

  #beatsWorst(batch: Batch, row: number): boolean {
    for (let k = 0; k < this.#keys.length; k++) {
      const key = this.#keys[k]!;
      const value = datumAt(batch.vectors[this.#keyColumns![k]!]!, row);
      const order = compareDatums(this.#types[k]!, value, this.#worst![k]!, key.descending, key.nullsFirst);
      if (order !== 0) return order < 0;
    }
    return false;
  }

  /** Keeps the best topN rows in their order of arrival. */
  #prune(): void {
    const sort = new MergeSort(rowNumbers(this.#store.size), this.#comparator());
    sort.step(() => false);
    const best = sort.rows.slice(0, this.#topN);
    if (best.length === 0) {
      this.#reset();
      return;
    }
    const last = best[best.length - 1]!;
    const worst = this.#keys.map((_, k) => this.#keyAt(last, k));
    best.sort();
    keepRows(this.#store, best);
    if (this.#keyStore !== null) keepRows(this.#keyStore, best);
    this.#worst = this.#keyStore === null ? worst : null;
  }

  #keyAt(row: number, key: number): Datum {
    return this.#keyStore === null ? this.#store.at(row, this.#keyColumns![key]!) : this.#keyStore.at(row, key);
  }

  #startSort(): void {
    this.#sort = new MergeSort(rowNumbers(this.#store.size), this.#comparator());
    this.#phase = 'sort';
  }

  #sortStep(): boolean {
    if (!this.#sort!.step(() => this.#run.sliceUsed())) return false;
    const rows = this.#sort!.rows;
    this.#rows = rows.length > this.#topN ? rows.subarray(0, this.#topN) : rows;
    this.#phase = 'emit';
    return true;
  }

  #comparator(): (a: number, b: number) => number {
    const compares = this.#keys.map((key, k) => {
      const store = this.#keyStore ?? this.#store;
      return columnComparator(store, this.#keyStore === null ? this.#keyColumns![k]! : k, key, this.#types[k]!);
    });
    if (compares.length === 1) return compares[0]!;
    if (compares.length === 2) {
      const [first, second] = compares as [Compare, Compare];
      return (a, b) => first(a, b) || second(a, b);
    }
    return (a, b) => {
      for (let i = 0; i < compares.length; i++) {
        const order = compares[i]!(a, b);
        if (order !== 0) return order;
      }
      return 0;
    };
  }

  close(): void {
    this.#input.close();
    this.#reset();
    this.#rows = new Int32Array(0);
  }
}

type Compare = (a: number, b: number) => number;

function rowNumbers(size: number): Int32Array {
  const rows = new Int32Array(size);
  for (let i = 0; i < size; i++) rows[i] = i;
  return rows;
}

function keepRows(store: ColumnStore, rows: Int32Array): void {
  const batch: Batch = {count: 0, selection: null, vectors: []};
  store.fill(batch, rows, 0, rows.length);
  store.reset();
  store.append(batch);
}

/** Compares two rows of one column; typed loads where the column is typed and free of NULLs. */
function columnComparator(store: ColumnStore, column: number, key: SortKey, type: TypeInstance): Compare {
  const sign = key.descending ? -1 : 1;
  if (!store.hasNulls(column)) {
    const ints = type.physical === 'int32' ? store.ints(column) : null;
    if (ints !== null) return (a, b) => sign * (ints[a]! - ints[b]!);
    const longs = store.longs(column);
    if (longs !== null) return (a, b) => (longs[a]! < longs[b]! ? -sign : longs[a]! > longs[b]! ? sign : 0);
  }
  const {descending, nullsFirst} = key;
  return (a, b) => compareDatums(type, store.at(a, column), store.at(b, column), descending, nullsFirst);
}
