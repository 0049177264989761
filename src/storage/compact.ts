import type {Datum} from '../types/contract.ts';
import type {SegmentRowSource} from './cold/contract.ts';
import {RID_ATTNUM, scanColumns, SEQ_ATTNUM} from './cold-tables.ts';
import type {FlushResult, MaintenanceOptions, TableStorage} from './contract.ts';
import type {Engine} from './engine.ts';
import {failpoint} from './failpoint.ts';
import {compareNullsLast} from './hot/sorted-index.ts';
import {
  DeletionPages,
  locationOf,
  positionOf,
  type SegmentEntry,
  segmentOf,
  seqOf,
} from './manifest.ts';
import {
  clusterColumns,
  segmentColumns,
  segmentPath,
  sortAttnums,
  writeOptions,
} from './segment-plan.ts';
import {sortInSlices} from './sliced-sort.ts';
import {giveUp, submit} from './tx/submit.ts';

/** Rows above which a segment is not merged again unless many of its rows are deleted. */
const LARGE_SEGMENT_ROWS = 1_000_000;
const MAX_MERGED_ROWS = 4_000_000;
const DELETED_SHARE = 0.2;
const SOURCE_ROWS = 4096;
const PG_EPOCH_MS = 946_684_800_000;

/** A live row while segments are merged: values are rid, seq, then the table's columns. */
interface MergedRow {
  readonly values: readonly Datum[];
  readonly location: number;
}

/** Merges segments of a partition into one; deletions and open write-sets follow the rows to their new places. */
export class Compactor {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async compact(table: TableStorage, options: MaintenanceOptions): Promise<FlushResult> {
    const {signal, onProgress, maxSegments = 0} = options;
    const owners = [...(this.#engine.cold.manifest.table(table.oid)?.owners.keys() ?? [])].filter(
      owner => options.owner === undefined || owner === options.owner,
    );
    const result = {rows: 0, segments: 0, bytes: 0};
    for (const [at, owner] of owners.entries()) {
      const entries = this.#engine.cold.manifest.segments(table.oid, owner);
      if (entries.length <= maxSegments && !entries.some(isWorn)) continue;
      const chosen = choose(entries);
      if (chosen.length === 0) continue;
      signal?.throwIfAborted();
      onProgress?.(at / owners.length);
      const merged = await this.#merge(table, owner, chosen, signal);
      result.rows += merged.rows;
      result.segments += merged.segments;
      result.bytes += merged.bytes;
    }
    return result;
  }

  async #merge(
    table: TableStorage,
    owner: number,
    chosen: readonly SegmentEntry[],
    signal: AbortSignal | undefined,
  ): Promise<FlushResult> {
    const engine = this.#engine;
    const rows = await sortInSlices(await this.#read(table, chosen), rowOrder(table));
    const id = engine.counters.nextSegment++;
    const path = segmentPath(engine, table, owner, id);
    const columns = segmentColumns(table, engine.cold.int8);
    await submit(engine, {newIntents: [{id, path}]});
    try {
      failpoint('compact-after-intent');
      const meta =
        rows.length === 0
          ? null
          : await engine.segments.write(
              writeOptions(engine, table, owner, path, columns),
              sourceOf(rows),
            );
      failpoint('compact-after-write');
      signal?.throwIfAborted();
      const {put, dead, done} = await engine.commits.exclusive(() => {
        const {manifest} = engine.cold;
        const newest = chosen.map(entry => manifest.table(table.oid)?.byId.get(entry.id));
        if (newest.some(entry => entry === undefined))
          throw new Error(`segments of table "${table.name}" changed during compaction`);
        const places = new Map<number, number>();
        const gone: number[] = [];
        const byId = new Map(newest.map(entry => [entry!.id, entry!]));
        rows.forEach(({location}, position) => {
          places.set(location, locationOf(id, position));
          const old = byId.get(segmentOf(location))!;
          if (old.deletions.has(positionOf(location))) gone.push(position);
        });
        const entries: SegmentEntry[] = [];
        if (meta !== null) {
          const deletions =
            gone.length === 0 ? DeletionPages.none : DeletionPages.none.with(gone).deletions;
          const createdAt = BigInt(Date.now() - PG_EPOCH_MS) * 1000n;
          entries.push({
            id,
            table: table.oid,
            owner,
            path,
            meta,
            schema: columns,
            createdAt,
            constantSeq: null,
            sortedBy: sortAttnums(table),
            deletions,
            file: {segment: null},
          });
        }
        const submitted = submit(engine, {
          put: entries,
          removed: newest as SegmentEntry[],
          doneIntents: [id],
        });
        engine.commits.flush();
        this.#relocate(table, places);
        return {put: entries, dead: gone, done: submitted};
      });
      await done;
      failpoint('compact-after-publish');
      return {rows: rows.length - dead.length, segments: put.length, bytes: meta?.bytes ?? 0};
    } catch (error) {
      engine.garbage.discard(path);
      await giveUp(engine, [id]);
      throw error;
    }
  }

  async #read(table: TableStorage, chosen: readonly SegmentEntry[]): Promise<MergedRow[]> {
    const {cold} = this.#engine;
    const columns = [
      cold.systemColumn(RID_ATTNUM),
      cold.systemColumn(SEQ_ATTNUM),
      ...scanColumns(table.columns),
    ];
    const rows: MergedRow[] = [];
    for (const entry of chosen) {
      await cold.forEachRow(entry, columns, (position, values) => {
        if (entry.deletions.has(position)) return;
        const copy = values.slice();
        copy[1] = seqOf(entry, values[1]);
        rows.push({values: copy, location: locationOf(entry.id, position)});
      });
    }
    return rows;
  }

  /** Open write-sets and commits that wait hold places of rows that moved. */
  #relocate(table: TableStorage, places: ReadonlyMap<number, number>): void {
    for (const writer of this.#engine.hot.loadedImage(table.oid)?.writers ?? [])
      writer.relocateAll(places);
    this.#engine.commits.relocate(table.oid, places);
  }
}

function isWorn(entry: SegmentEntry): boolean {
  return entry.deletions.count > entry.meta.rows * DELETED_SHARE;
}

/** Segments worth merging: several small ones together, or one with many deleted rows. */
function choose(entries: readonly SegmentEntry[]): readonly SegmentEntry[] {
  const candidates = entries.filter(entry => entry.meta.rows < LARGE_SEGMENT_ROWS || isWorn(entry));
  const chosen: SegmentEntry[] = [];
  let rows = 0;
  for (const entry of candidates.toSorted((a, b) => a.meta.rows - b.meta.rows)) {
    const live = entry.meta.rows - entry.deletions.count;
    if (chosen.length > 0 && rows + live > MAX_MERGED_ROWS) break;
    chosen.push(entry);
    rows += live;
  }
  return chosen.length > 1 || chosen.some(isWorn) ? chosen : [];
}

function rowOrder(table: TableStorage): (a: MergedRow, b: MergedRow) => number {
  const columns = clusterColumns(table);
  const types = columns.map(column => table.columns[column]!.type);
  return (a, b) => {
    for (let i = 0; i < columns.length; i++) {
      const order = compareNullsLast(
        types[i]!,
        a.values[columns[i]! + 2]!,
        b.values[columns[i]! + 2]!,
      );
      if (order !== 0) return order;
    }
    return Number((a.values[0] as bigint) - (b.values[0] as bigint));
  };
}

function sourceOf(rows: readonly MergedRow[]): SegmentRowSource {
  const width = rows[0]!.values.length;
  let at = 0;
  return () => {
    if (at >= rows.length) return null;
    const slice = rows.slice(at, at + SOURCE_ROWS);
    at += slice.length;
    return Array.from({length: width}, (_, column) => slice.map(row => row.values[column]!));
  };
}
