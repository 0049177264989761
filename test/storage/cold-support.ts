import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Batch} from '../../src/columns/batch.ts';
import type {Vector} from '../../src/columns/vector.ts';
import type {
  Segment,
  SegmentColumn,
  SegmentMeta,
  SegmentRowSource,
  SegmentScanOptions,
  SegmentStore,
} from '../../src/storage/cold/contract.ts';
import {createSegmentStore} from '../../src/storage/cold/segment-store.ts';
import type {ScanStats} from '../../src/storage/contract.ts';
import {END, PAUSE} from '../../src/storage/contract.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';

const builtins = createBuiltinTypes();

/** A built-in type by name. */
export function typeNamed(name: string): TypeInstance {
  const type = builtins.byName(name);
  if (type === undefined) throw new Error(`no type ${name}`);
  return type;
}

/** A column as the tests declare it. */
export function column(
  attnum: number,
  name: string,
  typeName: string,
  options: {notNull?: boolean; fpp?: number} = {},
): SegmentColumn {
  return {
    attnum,
    name,
    type: typeNamed(typeName),
    typmod: -1,
    isNullable: options.notNull !== true,
    bloom: options.fpp === undefined ? null : {fpp: options.fpp, numItems: null},
  };
}

/** Rows as a source of column chunks. */
export function sourceOf(
  rows: readonly (readonly Datum[])[],
  width: number,
  step = 1000,
): SegmentRowSource {
  let at = 0;
  return () => {
    if (at >= rows.length) return null;
    const part = rows.slice(at, at + step);
    at += step;
    return Array.from({length: width}, (_, i) => part.map(row => row[i]!));
  };
}

/** Fresh counters. */
export function noStats(): ScanStats {
  return {
    segmentsRead: 0,
    segmentsSkipped: 0,
    rowGroupsRead: 0,
    rowGroupsSkipped: 0,
    pagesRead: 0,
    pagesSkipped: 0,
    hotRows: 0,
  };
}

/** A store over a directory that goes away with `end`. */
export class ColdFixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'wadi-cold-'));
  readonly store: SegmentStore;
  #next = 1;

  constructor(cacheBytes = 64 << 20) {
    this.store = createSegmentStore({cacheBytes});
  }

  path(): string {
    return join(this.directory, 'a', 'b', `segment-${this.#next++}.parquet`);
  }

  async write(
    columns: readonly SegmentColumn[],
    rows: readonly (readonly Datum[])[],
    rowGroupRows = 100_000,
  ): Promise<{path: string; meta: SegmentMeta; segment: Segment}> {
    const path = this.path();
    const options = {path, columns, schemaVersion: 7, metadata: {'wadi.test': 'yes'}, rowGroupRows};
    const meta = await this.store.write(options, sourceOf(rows, columns.length));
    return {path, meta, segment: this.store.open(path, meta, columns)};
  }

  async end(): Promise<void> {
    await this.store.close();
    rmSync(this.directory, {recursive: true, force: true});
  }
}

/** What a scan of all columns wants. */
export function scanOf(
  columns: readonly SegmentColumn[],
  more: Partial<SegmentScanOptions> = {},
): SegmentScanOptions {
  return {
    columns: columns.map(({attnum, type}) => ({attnum, type, missing: null})),
    withPosition: false,
    predicates: [],
    deletions: null,
    stats: noStats(),
    ...more,
  };
}

/** All rows of a scan, and how often it paused. */
export function scanAll(
  segment: Segment,
  options: SegmentScanOptions,
  wanted: () => number = () => 1024,
): {rows: Datum[][]; pauses: number} {
  const cursor = segment.scan(options);
  const types = options.columns.map(({type}) => type);
  const rows: Datum[][] = [];
  let pauses = 0;
  for (;;) {
    const batch = cursor.next(wanted());
    if (batch === END) break;
    if (batch === PAUSE) pauses++;
    else appendRows(batch, types, rows);
  }
  cursor.close();
  return {rows, pauses};
}

function appendRows(batch: Batch, types: readonly TypeInstance[], into: Datum[][]): void {
  for (let i = 0; i < batch.count; i++) {
    const row = batch.selection === null ? i : batch.selection[i]!;
    into.push(batch.vectors.map((vector, c) => datumOf(vector, row, types[c] ?? null)));
  }
}

/** The value of a vector's row. */
export function datumOf(vector: Vector, row: number, type: TypeInstance | null): Datum {
  if (vector.nulls !== null && vector.nulls[row] === 1) return null;
  switch (vector.kind) {
    case 'bool':
      return vector.values[row] === 1;
    case 'dict':
      return vector.dictionary.get(vector.values[row]!);
    case 'utf8':
      return vector.bytes.toString('utf8', vector.offsets[row], vector.offsets[row + 1]);
    default: {
      const value = vector.values[row];
      if (value === undefined) throw new Error(`row ${row} is not in the vector of ${type?.name}`);
      return value;
    }
  }
}

/** A seeded generator of numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
