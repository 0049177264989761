import type {Batch} from '../../src/columns/batch.ts';
import type {StringVector, TextDictionary, Vector} from '../../src/columns/vector.ts';
import {BATCH_CAPACITY} from '../../src/columns/vector.ts';
import {vectorOf} from '../../src/columns/vector-builder.ts';
import {buildOperator} from '../../src/exec/build.ts';
import {datumAt} from '../../src/exec/column-store.ts';
import type {NodeCounters, Operator, RunContext} from '../../src/exec/operator.ts';
import {END, PAUSE} from '../../src/exec/operator.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {FactoryCache} from '../../src/expr/factory-cache.ts';
import {createFunctionLibrary, type LibraryExtension} from '../../src/functions/library.ts';
import type {Plan, PlanColumn, SortKey, ValuesPlan} from '../../src/sql/plan/plan.ts';
import {BoolType} from '../../src/types/bool.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {makeFloat8} from '../../src/types/floats.ts';
import {Int8Type, makeInt4} from '../../src/types/integers.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import {TextType} from '../../src/types/text.ts';

export const int4: TypeInstance = makeInt4();
export const int8: TypeInstance = new Int8Type();
export const float8: TypeInstance = makeFloat8();
export const bool: TypeInstance = new BoolType();
export const text: TypeInstance = new TextType({
  oid: 25,
  name: 'text',
  category: 'S',
  length: -1,
  arrayOid: 0,
});

export type Row = readonly Datum[];

let nextId = 1;

/** Fields that every node has. */
export function base(types: readonly TypeInstance[]): {
  id: number;
  columns: PlanColumn[];
  estimatedRows: number;
} {
  return {
    id: nextId++,
    columns: types.map((type, i) => ({name: `c${i}`, type, typmod: -1})),
    estimatedRows: 1,
  };
}

export function column(index: number, type: TypeInstance): BoundExpr {
  return {kind: 'column', index, type, typmod: -1, location: -1};
}

export function constant(value: Datum, type: TypeInstance): BoundExpr {
  return {kind: 'constant', value, type, typmod: -1, location: -1};
}

export function call(source: string, type: TypeInstance, ...args: BoundExpr[]): BoundExpr {
  return {
    kind: 'call',
    function: 0 as never,
    source,
    isStrict: true,
    volatility: 'i',
    args,
    operatorName: '',
    functionName: source,
    type,
    typmod: -1,
    location: -1,
  };
}

export function volatileCall(source: string, type: TypeInstance, ...args: BoundExpr[]): BoundExpr {
  return {...call(source, type, ...args), volatility: 'v'} as BoundExpr;
}

export function key(
  index: number,
  type: TypeInstance,
  descending = false,
  nullsFirst = descending,
): SortKey {
  return {expr: column(index, type), descending, nullsFirst};
}

/** A seeded generator. */
export function randomOf(start: number): (below: number) => number {
  let seed = start >>> 0;
  return below => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 4294967296) * below);
  };
}

/** Rows given as a plan node: a fake scan takes its place, which serves batches with selections, dictionaries and pauses. */
export interface Source {
  readonly plan: ValuesPlan;
  readonly operator: FakeScan;
}

/** Serves rows in batches of differing shape, at most as many as wanted; counts what it gave and how often it was opened. */
export class FakeScan implements Operator {
  readonly rows: readonly Row[];
  readonly #types: readonly TypeInstance[];
  readonly #random: (below: number) => number;
  readonly #dictionaries: readonly (TextDictionary & {codes: Map<string, number>})[];
  #at = 0;
  served = 0;
  opened = 0;
  closed = 0;

  constructor(rows: readonly Row[], types: readonly TypeInstance[], seed: number) {
    this.rows = rows;
    this.#types = types;
    this.#random = randomOf(seed);
    this.#dictionaries = [dictionaryOf(rows, types), dictionaryOf(rows.toReversed(), types)];
  }

  open(): void {
    this.#at = 0;
    this.opened++;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (wanted < 1) throw new Error('wanted is at least 1');
    if (this.#random(5) === 0) return PAUSE;
    if (this.#at >= this.rows.length) return END;
    const count = Math.min(
      this.rows.length - this.#at,
      1 + this.#random(Math.min(wanted, BATCH_CAPACITY)),
    );
    const rows = this.rows.slice(this.#at, this.#at + count);
    this.#at += count;
    this.served += count;
    if (this.#random(2) === 0) return {count, selection: null, vectors: this.#vectors(rows)};
    return this.#selected(rows);
  }

  /** The rows among garbage that must not be read. */
  #selected(rows: readonly Row[]): Batch {
    const all: Row[] = [];
    const selection: number[] = [];
    for (const row of rows) {
      while (this.#random(3) === 0 && all.length < 2 * rows.length)
        all.push(this.rows[this.#random(this.rows.length)]!);
      selection.push(all.length);
      all.push(row);
    }
    return {count: rows.length, selection: Int32Array.from(selection), vectors: this.#vectors(all)};
  }

  #vectors(rows: readonly Row[]): Vector[] {
    return this.#types.map((type, c) => {
      const vector = vectorOf(
        type.physical,
        rows.map(row => row[c]!),
      );
      if (vector.kind !== 'string' || this.#random(4) === 0) return vector;
      if (this.#random(3) === 0) return utf8Of(vector);
      const dictionary = this.#dictionaries[this.#random(4) === 0 ? 1 : 0]!;
      const codes = Int32Array.from(vector.values, (value, i) =>
        vector.nulls !== null && vector.nulls[i] === 1 ? 0 : dictionary.codes.get(value)!,
      );
      return {kind: 'dict', values: codes, dictionary, nulls: vector.nulls};
    });
  }

  close(): void {
    this.closed++;
  }
}

function utf8Of({values, nulls}: StringVector): Vector {
  const parts = values.map(value => Buffer.from(value));
  const offsets = new Int32Array(values.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
  return {kind: 'utf8', bytes: Buffer.concat(parts), offsets, nulls};
}

function dictionaryOf(
  rows: readonly Row[],
  types: readonly TypeInstance[],
): TextDictionary & {codes: Map<string, number>} {
  const values: string[] = [];
  const codes = new Map<string, number>();
  for (const row of rows) {
    types.forEach((type, c) => {
      const value = row[c];
      if (type.physical !== 'text' || typeof value !== 'string' || codes.has(value)) return;
      codes.set(value, values.length);
      values.push(value);
    });
  }
  return {size: values.length, get: code => values[code]!, codes};
}

export function source(rows: readonly Row[], types: readonly TypeInstance[], seed: number): Source {
  return {
    plan: {kind: 'values', rows: [], ...base(types)},
    operator: new FakeScan(rows, types, seed),
  };
}

/** How a plan is run in a test. */
export interface RunOptions {
  readonly sources: readonly Source[];
  readonly workMemBytes?: number;
  readonly spillDir?: string;
  readonly injectsPauses?: boolean;
  /** Rows asked for by each call. */
  readonly wanted?: number;
  readonly counters?: Map<number, NodeCounters>;
  /** sliceUsed answers true at every call. */
  readonly neverSlices?: boolean;
  readonly maxRows?: number;
  /** Functions of the test's own. */
  readonly extension?: LibraryExtension;
}

/** A run context of nothing but what operators over values need. */
export function makeRun(options: RunOptions): RunContext {
  const library = createFunctionLibrary();
  const run = {
    params: [],
    slots: [],
    outer: new Array<Datum>(16).fill(null),
    context: {format: {timeZone: 'UTC'}},
    library,
    pause: null,
    workMemBytes: options.workMemBytes ?? 1 << 30,
    spillDir: options.spillDir ?? '/nonexistent',
    counters: options.counters ?? null,
    affectedRows: 0,
    topScans: new Map(),
    sliceUsed: () => options.neverSlices === true,
    checkInterrupts: () => {},
  };
  return run as unknown as RunContext;
}

export function build(plan: Plan, options: RunOptions): Operator {
  return buildOperator(plan, {
    library: createFunctionLibrary(...(options.extension === undefined ? [] : [options.extension])),
    types: createBuiltinTypes(),
    factories: new FactoryCache(),
    isInstrumented: options.counters !== undefined,
    injectsPauses: options.injectsPauses ?? false,
    replaced: new Map<Plan, Operator>(options.sources.map(each => [each.plan, each.operator])),
  });
}

/** Pulls an open operator to its end. */
export function drain(operator: Operator, options: RunOptions): Row[] {
  const rows: Row[] = [];
  const wanted = options.wanted ?? 1024;
  let pauses = 0;
  for (;;) {
    const batch = operator.next(wanted);
    if (batch === PAUSE) {
      if (++pauses > 1_000_000) throw new Error('it pauses for ever');
      continue;
    }
    if (batch === END) return rows;
    if (batch.count < 1 || batch.count > wanted)
      throw new Error(`a batch of ${batch.count} rows, ${wanted} wanted`);
    for (let i = 0; i < batch.count; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      rows.push(batch.vectors.map(vector => datumAt(vector, at)));
    }
    if (options.maxRows !== undefined && rows.length >= options.maxRows) return rows;
  }
}

/** Builds, opens, drains and closes; opened twice on the way, which must give the same. */
export function execute(plan: Plan, options: RunOptions): Row[] {
  const operator = build(plan, options);
  const run = makeRun(options);
  operator.open(run);
  drain(operator, {...options, maxRows: 3});
  operator.open(run);
  const rows = drain(operator, options);
  if (operator.next(1) !== END) {
    // PAUSE is allowed, rows are not.
    const more = drain(operator, options);
    if (more.length > 0) throw new Error('rows after END');
  }
  operator.close();
  return rows;
}

/** Rows as comparable text. */
export function show(rows: readonly Row[]): string[] {
  return rows.map(row =>
    row
      .map(value =>
        value === null
          ? 'NULL'
          : typeof value === 'object'
            ? JSON.stringify(value, plainBig)
            : String(value),
      )
      .join('|'),
  );
}

function plainBig(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
