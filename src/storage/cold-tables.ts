import {setImmediate as nextTurn} from 'node:timers/promises';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {readCell} from './hot/cells.ts';
import {
  END,
  type KeyLookup,
  PAUSE,
  type ScanStats,
  type StorageColumn,
  type TableStorage,
} from './contract.ts';
import type {Segment, SegmentColumn, SegmentScanOptions, SegmentStore} from './cold/contract.ts';
import {KeyCodec, type MapKey} from './hot/key-codec.ts';
import {KeyDirectories} from './key-directory.ts';
import {type Manifest, type SegmentEntry, seqOf} from './manifest.ts';
import {hashKey, SegmentKeys} from './segment-keys.ts';

/** attnums of the system columns of segments. */
export const RID_ATTNUM = -101;
export const SEQ_ATTNUM = -102;
export const OWNER_ATTNUM = -103;

/** Probes of one segment by key before its keys are read into memory whole. */
const PROBES_BEFORE_SIDECAR = 64;
/** Segments of one lookup from which it goes by a directory of keys. */
const DIRECTORY_SEGMENTS = 16;
/** Bound of all directories of keys: 8 bytes a row. */
const DIRECTORY_BYTES = 64 * 1024 * 1024;
/** Rows that a pass over a segment reads before it lets other work run. */
const ROWS_PER_TURN = 16_384;

/** A live cold row. */
export interface ColdRow {
  readonly entry: SegmentEntry;
  readonly position: number;
}

/** What is kept in memory of a segment beside its pages. */
interface Sidecars {
  rids: SegmentKeys | null;
  readonly keys: Map<number, SegmentKeys>;
  readonly probes: Map<number, number>;
}

/** Zeroed counters for a scan. */
export function newScanStats(): ScanStats {
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

/** The cold side of tables: opens segments of the manifest and finds rows in them by key and rid. */
export class ColdTables {
  readonly #store: SegmentStore;
  readonly #manifest: () => Manifest;
  readonly #int8: () => TypeInstance;
  readonly #sidecars = new Map<number, Sidecars>();
  readonly #directories: KeyDirectories;

  constructor(store: SegmentStore, manifest: () => Manifest, int8: () => TypeInstance) {
    this.#store = store;
    this.#manifest = manifest;
    this.#int8 = int8;
    this.#directories = new KeyDirectories(
      manifest,
      (table, codec, entry, each) =>
        this.#eachKey(table, codec, entry, key => {
          if (key !== null) each(key);
        }),
      DIRECTORY_BYTES,
    );
  }

  get manifest(): Manifest {
    return this.#manifest();
  }

  get int8(): TypeInstance {
    return this.#int8();
  }

  isCold(table: number): boolean {
    const {tables} = this.#manifest();
    return tables.size > 0 && tables.has(table);
  }

  open(entry: SegmentEntry): Segment {
    return (entry.file.segment ??= this.#store.open(entry.path, entry.meta, entry.schema));
  }

  /** Forgets a segment that is in no manifest any more; one that was moved keeps what is known of its rows. */
  forget(entry: SegmentEntry, isMoved = false): void {
    if (!isMoved) this.#sidecars.delete(entry.id);
    this.#store.forget(entry.path);
  }

  /** Rids of live cold rows of an owner with the key of `row`; a promise = read, then ask again. */
  findKey(
    table: TableStorage,
    codec: KeyCodec,
    owner: number,
    key: MapKey,
    row: readonly Datum[],
  ): readonly number[] | Promise<unknown> {
    const found: number[] = [];
    for (const entry of this.#manifest().segments(table.oid, owner)) {
      const positions = this.positionsOf(table, codec, entry, key, codec.values(row));
      if (positions instanceof Promise) return positions;
      const live = positions.filter(position => !entry.deletions.has(position));
      if (live.length === 0) continue;
      const rids = this.ridsAt(entry, live);
      if (rids instanceof Promise) return rids;
      found.push(...rids);
    }
    return found;
  }

  /** The segments of a list in which a lookup can find rows: of many owners a few; a promise = wait, then ask again. */
  narrow(
    table: TableStorage,
    {index, keys}: KeyLookup,
    entries: readonly SegmentEntry[],
  ): readonly SegmentEntry[] | Promise<void> {
    if (entries.length < DIRECTORY_SEGMENTS) return entries;
    const codec = new KeyCodec(index);
    const wanted: MapKey[] = [];
    for (const values of keys) {
      const key = codec.ofKey(values);
      if (key !== null) wanted.push(key);
    }
    return this.#directories.narrow(table, codec, wanted, entries);
  }

  /** Positions (deleted ones included) with a key in one segment. */
  positionsOf(
    table: TableStorage,
    codec: KeyCodec,
    entry: SegmentEntry,
    key: MapKey,
    values: readonly Datum[] | null,
  ): readonly number[] | Promise<unknown> {
    const {index} = codec;
    const isPlain = index.keyOf === null && !index.keyColumns.includes(-1);
    const sidecar = this.#sidecar(entry);
    const known = sidecar.keys.get(index.oid);
    if (known !== undefined)
      return this.#verify(table, codec, entry, key, known.candidates(hashKey(key)));
    const probes = (sidecar.probes.get(index.oid) ?? 0) + 1;
    sidecar.probes.set(index.oid, probes);
    const canFind =
      isPlain &&
      values !== null &&
      values.every(value => value !== null) &&
      hasColumns(table, index.keyColumns, entry);
    if (probes > PROBES_BEFORE_SIDECAR || !canFind)
      return this.#buildKeys(table, codec, entry, sidecar);
    const parts = index.keyColumns.map((column, i) => ({
      attnum: table.columns[column]!.attnum,
      type: index.keyTypes[i]!,
      value: values[i]!,
    }));
    return this.open(entry).find(parts, newScanStats());
  }

  #verify(
    table: TableStorage,
    codec: KeyCodec,
    entry: SegmentEntry,
    key: MapKey,
    candidates: readonly number[],
  ): readonly number[] | Promise<unknown> {
    if (candidates.length === 0) return candidates;
    const rows = this.open(entry).read(candidates, scanColumns(table.columns));
    if (rows instanceof Promise) return rows;
    return candidates.filter((_, i) => codec.ofRow(rows[i]!) === key);
  }

  async #buildKeys(
    table: TableStorage,
    codec: KeyCodec,
    entry: SegmentEntry,
    sidecar: Sidecars,
  ): Promise<void> {
    const keys = new SegmentKeys(entry.meta.rows);
    await this.#eachKey(table, codec, entry, (key, position) => {
      if (key !== null) keys.add(hashKey(key), position);
    });
    keys.finish();
    sidecar.keys.set(codec.index.oid, keys);
  }

  /** Calls back with the key of every row of a segment; null where it is not in the index. */
  async #eachKey(
    table: TableStorage,
    codec: KeyCodec,
    entry: SegmentEntry,
    each: (key: MapKey | null, position: number) => void,
  ): Promise<void> {
    const only = codec.index.keyOf === null ? new Set(codec.index.keyColumns) : null;
    const columns = table.columns.filter((_, i) => only === null || only.has(i));
    const at = table.columns.map(column => columns.indexOf(column));
    const row: Datum[] = table.columns.map(() => null);
    await this.forEachRow(entry, scanColumns(columns), (position, values) => {
      for (let i = 0; i < at.length; i++) if (at[i] !== -1) row[i] = values[at[i]!]!;
      each(codec.ofRow(row), position);
    });
  }

  /** Where a live row lies by rid; null = in no segment; a promise = read, then ask again. */
  findRid(table: number, rid: number): ColdRow | null | Promise<unknown> {
    for (const entry of this.#manifest().segments(table, null)) {
      const position = this.findRidIn(entry, rid);
      if (position instanceof Promise) return position;
      if (position !== null) return {entry, position};
    }
    return null;
  }

  /** The position of a live row in one segment; a promise = read, then ask again. */
  findRidIn(entry: SegmentEntry, rid: number): number | null | Promise<unknown> {
    const sidecar = this.#sidecar(entry);
    if (sidecar.rids === null) return this.#buildRids(entry, sidecar);
    for (const position of sidecar.rids.candidates(rid))
      if (!entry.deletions.has(position)) return position;
    return null;
  }

  async #buildRids(entry: SegmentEntry, sidecar: Sidecars): Promise<void> {
    const keys = new SegmentKeys(entry.meta.rows);
    await this.forEachRow(entry, [this.systemColumn(RID_ATTNUM)], (position, values) =>
      keys.add(Number(values[0] as bigint), position),
    );
    keys.finish();
    sidecar.rids = keys;
  }

  /** The rids at positions (ascending) of a segment. */
  ridsAt(entry: SegmentEntry, positions: readonly number[]): readonly number[] | Promise<unknown> {
    const rows = this.open(entry).read(positions, [this.systemColumn(RID_ATTNUM)]);
    return rows instanceof Promise ? rows : rows.map(row => Number(row[0] as bigint));
  }

  /** A row in table order with its seq, or a promise to ask again. */
  readRow(
    table: TableStorage,
    {entry, position}: ColdRow,
  ): {readonly row: readonly Datum[]; readonly seq: bigint} | Promise<unknown> {
    const rows = this.open(entry).read(
      [position],
      [...scanColumns(table.columns), this.systemColumn(SEQ_ATTNUM)],
    );
    if (rows instanceof Promise) return rows;
    const values = rows[0]!;
    return {row: values.slice(0, -1), seq: seqOf(entry, values[values.length - 1])};
  }

  systemColumn(attnum: number): SegmentScanOptions['columns'][number] {
    return {attnum, type: this.#int8(), missing: null};
  }

  /** Calls back with every row of a segment, deleted ones included; `values` is reused for the next row. */
  async forEachRow(
    entry: SegmentEntry,
    columns: SegmentScanOptions['columns'],
    each: (position: number, values: readonly Datum[]) => void,
  ): Promise<void> {
    const values: Datum[] = columns.map(() => null);
    let rows = 0;
    const cursor = this.open(entry).scan({
      columns,
      withPosition: true,
      predicates: [],
      deletions: null,
      stats: newScanStats(),
    });
    try {
      for (;;) {
        const batch = cursor.next(1024);
        if (batch === END) return;
        if (batch === PAUSE) {
          await cursor.pause;
          continue;
        }
        const {vectors, selection, count} = batch;
        for (let i = 0; i < count; i++) {
          const at = selection === null ? i : selection[i]!;
          for (let column = 0; column < values.length; column++)
            values[column] = readCell(vectors[column]!, at);
          each(readCell(vectors[values.length]!, at) as number, values);
        }
        rows += count;
        if (rows < ROWS_PER_TURN) continue;
        rows = 0;
        await nextTurn();
      }
    } finally {
      cursor.close();
    }
  }

  #sidecar(entry: SegmentEntry): Sidecars {
    let sidecar = this.#sidecars.get(entry.id);
    if (sidecar === undefined) {
      sidecar = {rids: null, keys: new Map(), probes: new Map()};
      this.#sidecars.set(entry.id, sidecar);
    }
    return sidecar;
  }
}

/** Columns as a segment scan takes them. */
export function scanColumns(columns: readonly StorageColumn[]): SegmentScanOptions['columns'] {
  return columns.map(column => ({
    attnum: column.attnum,
    type: column.type,
    missing: column.missingValue,
  }));
}

function hasColumns(
  table: TableStorage,
  keyColumns: readonly number[],
  entry: SegmentEntry,
): boolean {
  const attnums = new Set(entry.schema.map((column: SegmentColumn) => column.attnum));
  return keyColumns.every(column => attnums.has(table.columns[column]!.attnum));
}
