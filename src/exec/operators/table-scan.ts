// Hot path: every read of a stored table.
import type {ScanTop} from '../../storage/scan-top.ts';
import type {Batch} from '../../columns/batch.ts';
import type {TextDictionary, Vector} from '../../columns/vector.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import type {OwnerId} from '../../common/ids.ts';
import type {PushedPredicate, TableScanPlan} from '../../sql/plan/plan.ts';
import type {
  RowVersion,
  ScanColumn,
  ScanCursor,
  ScanPredicate,
  StorageIndex,
  TableStorage,
  ScanRequest,
} from '../../storage/contract.ts';
import {KeyCodec} from '../../storage/hot/key-codec.ts';
import {PgArray} from '../../types/array-value.ts';
import type {Datum} from '../../types/contract.ts';
import type {CompiledFilter, CompiledScalar} from '../compiler.ts';
import {RowBatchBuilder} from '../column-store.ts';
import type {ExecEnv} from '../environment.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';
import {Repeats} from '../repeat.ts';
import {selected} from './filter.ts';

/** IN (2, 2) finds a row once. */
function distinctKeys(index: StorageIndex, keys: Datum[][]): Datum[][] {
  const codec = new KeyCodec(index);
  const seen = new Set<unknown>();
  return keys.filter(key => {
    const text = codec.ofKey(key);
    return !seen.has(text) && seen.add(text);
  });
}

interface CompiledPushed {
  readonly plan: PushedPredicate;
  readonly values: readonly CompiledScalar[];
}

/** Scan or key lookup of a user-made table in its owner scope; `filter` is applied by selection vector. */
export class TableScan implements Operator {
  readonly #plan: TableScanPlan;
  readonly #filter: CompiledFilter | null;
  readonly #repeats: Repeats | null;
  readonly #pushed: readonly CompiledPushed[];
  readonly #keys: readonly (readonly CompiledScalar[])[];
  readonly #ownerEquals: CompiledScalar | null;
  readonly #builder: RowBatchBuilder;
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #decorated: Batch = {count: 0, selection: null, vectors: []};
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #run!: RunContext;
  #cursor: ScanCursor | null = null;
  #state: 'point' | 'scan' | 'end' = 'end';
  #table: TableStorage | null = null;
  #columns: ScanColumn[] = [];
  #index: StorageIndex | null = null;
  #owner: OwnerId | null = null;
  #order: ScanRequest['order'] = null;
  #keyValues: Datum[][] = [];
  /** A batch whose evaluation was interrupted. */
  #kept: Batch | null = null;
  /** The owner named last, his name as a dictionary, and codes for it: all 0. */
  #namedOwner: number | bigint | null = null;
  #ownerDictionary: TextDictionary = {size: 1, get: () => ''};
  #codes = NO_CODES;

  constructor(plan: TableScanPlan, env: ExecEnv) {
    this.#plan = plan;
    this.#filter = plan.filter === null ? null : env.compiler.filter(plan.filter);
    this.#repeats = plan.filter === null ? null : Repeats.of([plan.filter]);
    this.#pushed = plan.pushed.map(pushed => ({
      plan: pushed,
      values: pushed.values.map(value => env.compiler.scalar(value)),
    }));
    this.#keys =
      plan.lookup === null
        ? []
        : plan.lookup.keys.map(key => key.map(part => env.compiler.scalar(part)));
    this.#ownerEquals = plan.ownerEquals === null ? null : env.compiler.scalar(plan.ownerEquals);
    this.#builder = new RowBatchBuilder(plan.columns.map(column => column.type));
  }

  open(run: RunContext): void {
    this.#namedOwner = null;
    this.close();
    this.#run = run;
    const table = run.tableStorage(this.#plan.table);
    if (table !== this.#table) this.#bindTable(table);
    this.#state = this.#resolveOwner(run) ? 'scan' : 'end';
    this.#chooseOrder(run, table);
    if (this.#plan.lookup === null || this.#state === 'end') return;
    this.#keyValues = this.#evaluateKeys(run);
    if (this.#keyValues.length === 0) this.#state = 'end';
    else if (this.#keyValues.length === 1 && this.#index!.isUnique && this.#owner !== null)
      this.#state = 'point';
  }

  #chooseOrder(run: RunContext, table: TableStorage): void {
    const {order, id} = this.#plan;
    if (order === null) return;
    const index = table.indexes.find(each => each.oid === order.index);
    const owner = this.#plan.scope === 'none' ? null : this.#owner;
    const isOrdered = index !== undefined && run.canOrder(table, index, owner);
    this.#order = isOrdered ? {index, descending: order.descending} : null;
    if (isOrdered) run.orderedScans.add(id);
    else run.orderedScans.delete(id);
  }

  #bindTable(table: TableStorage): void {
    this.#table = table;
    this.#columns = this.#plan.outputs.map(output => scanColumn(table, output));
    const lookup = this.#plan.lookup;
    this.#index =
      lookup === null ? null : (table.indexes.find(index => index.oid === lookup.index) ?? null);
  }

  /** False when no row can be in scope. Shared tables have owner 0 for point reads; scans pass null. */
  #resolveOwner(run: RunContext): boolean {
    const {scope} = this.#plan;
    if (scope === 'none') {
      this.#owner = 0 as OwnerId;
      return true;
    }
    if (scope === 'own') {
      this.#owner = run.owner;
      return true;
    }
    this.#owner = run.hasServiceRight ? null : run.owner;
    if (this.#ownerEquals === null) {
      if (this.#owner === null) run.noteCrossing('read', this.#table!, null);
      return true;
    }
    const name = this.#ownerEquals(run);
    const wanted = name === null ? undefined : run.ownerByName(name as string);
    if (wanted === undefined) return false;
    if (this.#owner !== null && this.#owner !== wanted) return false;
    this.#owner = wanted;
    if (wanted !== run.owner) run.noteCrossing('read', this.#table!, wanted);
    return true;
  }

  #evaluateKeys(run: RunContext): Datum[][] {
    const keys: Datum[][] = [];
    for (const parts of this.#keys) {
      const key: Datum[] = new Array<Datum>(parts.length);
      let hasNull = false;
      for (let i = 0; i < parts.length; i++) {
        const value = parts[i]!(run);
        if (value === null) hasNull = true;
        key[i] = value;
      }
      if (!hasNull) keys.push(key);
    }
    return keys.length > 1 ? distinctKeys(this.#index!, keys) : keys;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#kept !== null) {
      const found = this.#select(this.#kept);
      if (found !== null) return found;
    }
    if (this.#state === 'end') return END;
    if (this.#state === 'point') {
      const found = this.#point();
      if (found !== undefined) return found;
    }
    this.#cursor ??= this.#openCursor();
    for (;;) {
      const batch = this.#cursor.next(Math.min(wanted, BATCH_CAPACITY));
      if (batch === END) {
        this.#finish();
        return END;
      }
      if (batch === PAUSE) {
        this.#run.pause = this.#cursor.pause;
        return PAUSE;
      }
      const decorated = this.#decorate(batch);
      if (this.#filter === null) return decorated;
      const found = this.#select(decorated);
      if (found !== null) return found;
      if (this.#run.sliceUsed()) return PAUSE;
    }
  }

  /** The rows of a batch that the filter lets through: null = none, PAUSE = it was interrupted and is to be repeated. */
  #select(batch: Batch): Batch | typeof PAUSE | null {
    const repeats = this.#repeats;
    let count: number;
    if (repeats === null) count = this.#filter!.select(this.#run, batch, this.#selection);
    else {
      this.#kept = batch;
      repeats.begin(this.#run);
      try {
        count = this.#filter!.select(this.#run, batch, this.#selection);
        repeats.end(this.#run);
        this.#kept = null;
      } catch (error) {
        return repeats.failed(this.#run, error);
      }
    }
    return count > 0 ? selected(this.#out, batch, this.#selection, count) : null;
  }

  /** Reads one row by key without a cursor; undefined when storage cannot in this turn. */
  #point(): Batch | typeof END | typeof PAUSE | undefined {
    const owner = this.#plan.scope === 'none' ? null : this.#owner;
    const key = this.#keyValues[0]!;
    const row = this.#run.tx.getByKey(this.#table!, this.#index!, owner, key, this.#columns);
    if (row === undefined) {
      this.#state = 'scan';
      return undefined;
    }
    this.#state = 'end';
    if (row === null) return END;
    const out: Datum[] = new Array<Datum>(this.#columns.length);
    for (let i = 0; i < out.length; i++) out[i] = this.#valueOf(row, i);
    this.#builder.reset();
    this.#builder.push(out);
    const batch = this.#builder.finish();
    batch.count = 1;
    if (this.#filter === null) return batch;
    return this.#select(batch) ?? END;
  }

  #valueOf(version: RowVersion, output: number): Datum {
    const column = this.#columns[output]!;
    if (typeof column === 'number') return version.row[column]!;
    switch (this.#plan.outputs[output]) {
      case 'rid':
        return version.rid;
      case 'seq':
        return version.seq === 0n ? null : version.seq;
      case 'owner':
        return version.owner;
      case 'location':
        return version.location;
      case 'userId':
        return this.#run.ownerName(version.owner);
      case 'tableoid':
        return this.#plan.table;
      default:
        return ctidOf(version.rid);
    }
  }

  #openCursor(): ScanCursor {
    const {lookup} = this.#plan;
    const table = this.#table!;
    return this.#run.tx.scan({
      table,
      owner: this.#plan.scope === 'none' ? null : this.#owner,
      columns: this.#columns,
      predicates: this.#predicates(),
      lookup: lookup === null ? null : {index: this.#index!, keys: this.#keyValues},
      order: this.#order,
      top: this.#order === null ? this.#top() : null,
    });
  }

  /** What the sort above wants, where no volatile condition must see every row. */
  #top(): ScanTop | null {
    const top = this.#run.topScans.get(this.#plan.id);
    if (top === undefined || this.#repeats !== null) return null;
    const column = this.#columns[top.column]!;
    return typeof column === 'number' ? {...top, column, bound: () => top.bound()} : null;
  }

  #predicates(): ScanPredicate[] {
    const predicates: ScanPredicate[] = [];
    for (const {plan, values} of this.#pushed) {
      const evaluated = values.map(value => value(this.#run));
      const position = this.#table!.columns.findIndex(
        column => (column.catalogAttnum ?? column.attnum) === plan.column,
      );
      if (position === -1) continue;
      if (!plan.isArray) {
        predicates.push({column: position, op: plan.op, values: evaluated});
      } else if (evaluated[0] instanceof PgArray) {
        predicates.push({column: position, op: 'in', values: evaluated[0].elements});
      }
    }
    return predicates;
  }

  /** Replaces owner ids by role names and fills the constant pseudo columns. */
  #decorate(batch: Batch): Batch {
    const outputs = this.#plan.outputs;
    let out: Batch | null = null;
    for (let i = 0; i < outputs.length; i++) {
      const output = outputs[i];
      if (output !== 'userId' && output !== 'tableoid' && output !== 'ctid') continue;
      if (out === null) {
        out = this.#decorated;
        out.vectors = batch.vectors.slice();
        out.selection = batch.selection;
        out.count = batch.count;
      }
      out.vectors[i] = this.#pseudoVector(output, batch, batch.vectors[i]!);
    }
    return out ?? batch;
  }

  #pseudoVector(output: 'userId' | 'tableoid' | 'ctid', batch: Batch, source: Vector): Vector {
    const length = physicalLength(batch);
    if (output === 'tableoid') {
      return {
        kind: 'float64',
        values: new Float64Array(length).fill(this.#plan.table),
        nulls: null,
      };
    }
    const ids = (source as {values: ArrayLike<number | bigint>}).values;
    if (output === 'ctid') {
      const values: bigint[] = new Array<bigint>(length).fill(0n);
      for (let i = 0; i < batch.count; i++) {
        const row = batch.selection === null ? i : batch.selection[i]!;
        values[row] = ctidOf(BigInt(ids[row]!));
      }
      return {kind: 'boxed', values, nulls: null};
    }
    return this.#ownerNames(batch, ids, length);
  }

  /** Rows mostly come from one owner after the other: then his name is a dictionary. */
  #ownerNames(batch: Batch, ids: ArrayLike<number | bigint>, length: number): Vector {
    const {count, selection} = batch;
    let values: string[] | null = null;
    for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      const id = ids[row]!;
      if (id !== this.#namedOwner) {
        if (i > 0) values ??= new Array<string>(length).fill(this.#ownerDictionary.get(0));
        const name = this.#run.ownerName(Number(id) as OwnerId);
        this.#namedOwner = id;
        this.#ownerDictionary = {size: 1, get: () => name};
      }
      if (values !== null) values[row] = this.#ownerDictionary.get(0);
    }
    if (values !== null) return {kind: 'string', values, nulls: null};
    if (this.#codes.length < length) this.#codes = new Int32Array(Math.max(length, BATCH_CAPACITY));
    return {kind: 'dict', values: this.#codes, dictionary: this.#ownerDictionary, nulls: null};
  }

  #finish(): void {
    const counters = this.#run.counters?.get(this.#plan.id);
    if (counters !== undefined && this.#cursor !== null) {
      for (const [name, value] of Object.entries(this.#cursor.stats)) {
        counters.extra[name] = (counters.extra[name] ?? 0) + (value as number);
      }
    }
    this.#state = 'end';
    this.#cursor?.close();
    this.#cursor = null;
  }

  close(): void {
    this.#kept = null;
    if (this.#cursor !== null) this.#finish();
  }
}

const NO_CODES = new Int32Array(0);

/** Rows that the batch's vectors hold, selected or not. */
function physicalLength(batch: Batch): number {
  return batch.selection === null || batch.count === 0
    ? batch.count
    : batch.selection[batch.count - 1]! + 1;
}

/** A ctid that is stable while the row lives: its hidden row id as (block, offset), offsets from 1 as PostgreSQL has them. */
function ctidOf(rid: bigint): bigint {
  return ((rid / 0xffffn) << 16n) | ((rid % 0xffffn) + 1n);
}

function scanColumn(table: TableStorage, output: TableScanPlan['outputs'][number]): ScanColumn {
  if (typeof output === 'number')
    return table.columns.findIndex(column => (column.catalogAttnum ?? column.attnum) === output);
  if (output === 'userId') return 'owner';
  if (output === 'tableoid' || output === 'ctid') return 'rid';
  return output;
}
