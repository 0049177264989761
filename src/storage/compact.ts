import {join} from 'node:path';
import {keepsOrder} from './cold/column-forms.ts';
import type {MergedSegments, MergeSource, SegmentColumn} from './cold/contract.ts';
import type {FlushResult, MaintenanceOptions, TableStorage} from './contract.ts';
import type {Engine} from './engine.ts';
import {failpoint} from './failpoint.ts';
import {
  locationOf,
  type MovedPlaces,
  newEntry,
  positionOf,
  type SegmentEntry,
  segmentOf,
} from './manifest.ts';
import {
  clusterColumns,
  segmentColumns,
  segmentPath,
  sortAttnums,
  writeOptions,
} from './segment-plan.ts';
import {giveUp, submit} from './tx/submit.ts';

/** Rows above which a segment is not merged again unless many of its rows are deleted. */
const LARGE_SEGMENT_ROWS = 1_000_000;
const MAX_MERGED_ROWS = 4_000_000;
const DELETED_SHARE = 0.2;
/** System columns before the table's in `segmentColumns`; the first is the rid. */
const SYSTEM_COLUMNS = 2;

/** A file that is being made of others. */
interface NewSegment {
  readonly id: number;
  readonly path: string;
  readonly columns: readonly SegmentColumn[];
}

/** Merges segments of a partition into one; deletions and open write-sets follow the rows to their new places. */
export class Compactor {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async compact(table: TableStorage, options: MaintenanceOptions): Promise<FlushResult> {
    const {signal, onProgress, maxSegments = 0} = options;
    const {cold} = this.#engine;
    const owners = [...(cold.manifest.table(table.oid)?.owners.keys() ?? [])].filter(
      owner => options.owner === undefined || owner === options.owner,
    );
    const result = {rows: 0, segments: 0, bytes: 0};
    for (const [at, owner] of owners.entries()) {
      // Each merge leaves fewer segments; what is deleted meanwhile waits for the next time.
      for (let left = cold.manifest.segments(table.oid, owner).length; left > 0; left--) {
        const chosen = choose(cold.manifest.segments(table.oid, owner), maxSegments);
        if (chosen.length === 0) break;
        signal?.throwIfAborted();
        onProgress?.(at / owners.length);
        const merged = await this.#merge(table, owner, chosen, signal);
        result.rows += merged.rows;
        result.segments += merged.segments;
        result.bytes += merged.bytes;
      }
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
    const id = engine.counters.nextSegment++;
    const made: NewSegment = {
      id,
      path: segmentPath(engine, table, owner, id),
      columns: segmentColumns(table, engine.cold.int8),
    };
    await submit(engine, {newIntents: [{id, path: made.path}]});
    try {
      failpoint('compact-after-intent');
      const merged = await this.#write(table, owner, made, chosen, signal);
      failpoint('compact-after-write');
      signal?.throwIfAborted();
      // Those that did not fit into memory together are left for the next merge.
      const sources = chosen.slice(0, merged.positions.length);
      const {dead, done} = await engine.commits.exclusive(() =>
        this.#publish(table, owner, made, sources, merged),
      );
      await done;
      failpoint('compact-after-publish');
      const {meta} = merged;
      if (meta === null) return {rows: 0, segments: 0, bytes: 0};
      return {rows: meta.rows - dead, segments: 1, bytes: meta.bytes};
    } catch (error) {
      engine.garbage.discard(made.path);
      await giveUp(engine, [id]);
      throw error;
    }
  }

  #write(
    table: TableStorage,
    owner: number,
    {path, columns}: NewSegment,
    chosen: readonly SegmentEntry[],
    signal: AbortSignal | undefined,
  ): Promise<MergedSegments> {
    const engine = this.#engine;
    const cluster = clusterColumns(table);
    return engine.segments.merge({
      options: writeOptions(engine, table, owner, path, columns),
      keys: [...cluster.map(column => column + SYSTEM_COLUMNS), 0],
      missing: [null, null, ...table.columns.map(column => column.missingValue)],
      inputs: chosen.map(entry => mergeSource(table, entry)),
      scratch: join(engine.dataDir, 'spill'),
      signal,
    });
  }

  /** Looks at what has changed since the merge began only: deletions, open write-sets, commits that wait. */
  #publish(
    table: TableStorage,
    owner: number,
    made: NewSegment,
    sources: readonly SegmentEntry[],
    {meta, positions}: MergedSegments,
  ): {readonly dead: number; readonly done: Promise<void>} {
    const engine = this.#engine;
    const byId = engine.cold.manifest.table(table.oid)?.byId;
    const dead: number[] = [];
    const newest = sources.map((source, i) => {
      const entry = byId?.get(source.id);
      if (entry === undefined)
        throw new Error(`segments of table "${table.name}" changed during compaction`);
      for (const position of entry.deletions.since(source.deletions))
        dead.push(positions[i]![position]!);
      return entry;
    });
    const {id, path, columns: schema} = made;
    const written = {id, table: table.oid, owner, path, schema, sortedBy: sortAttnums(table)};
    const put = meta === null ? [] : [newEntry({...written, meta}, dead)];
    const done = submit(engine, {put, removed: newest, doneIntents: [made.id]});
    engine.commits.flush();
    this.#relocate(table, new MergedPlaces(made.id, sources, positions));
    return {dead: dead.length, done};
  }

  /** Open write-sets and commits that wait hold places of rows that moved. */
  #relocate(table: TableStorage, places: MovedPlaces): void {
    for (const writer of this.#engine.hot.loadedImage(table.oid)?.writers ?? [])
      writer.relocateAll(places);
    this.#engine.commits.relocate(table.oid, places);
  }
}

/** Where the rows of merged segments lie in the new one. */
class MergedPlaces implements MovedPlaces {
  readonly #id: number;
  readonly #positions: ReadonlyMap<number, Int32Array>;

  constructor(
    id: number,
    sources: readonly SegmentEntry[],
    positions: MergedSegments['positions'],
  ) {
    this.#id = id;
    this.#positions = new Map(sources.map((source, i) => [source.id, positions[i]!]));
  }

  get(location: number): number | undefined {
    if (location <= 0) return undefined;
    const position = this.#positions.get(segmentOf(location))?.[positionOf(location)];
    return position === undefined || position === -1 ? undefined : locationOf(this.#id, position);
  }
}

function mergeSource(table: TableStorage, entry: SegmentEntry): MergeSource {
  const {path, meta, schema, deletions, constantSeq} = entry;
  const nullSeq = BigInt(constantSeq ?? 0);
  return {path, meta, schema, deletions, nullSeq, isSorted: isInOrder(table, entry)};
}

/** Whether a segment's rows lie in the order that the table's segments have now. Without cluster columns no order is promised. */
function isInOrder(table: TableStorage, {sortedBy, schema}: SegmentEntry): boolean {
  return clusterColumns(table).every((column, i) => {
    const {attnum, type} = table.columns[column]!;
    const stored = schema.find(of => of.attnum === attnum);
    return sortedBy[i] === attnum && stored !== undefined && keepsOrder(stored.type, type);
  });
}

function isWorn(entry: SegmentEntry): boolean {
  return entry.deletions.count > entry.meta.rows * DELETED_SHARE;
}

/**
 * Segments worth merging: those with many deleted rows, then the smallest, until at most `maxSegments` are left and the next one is
 * larger than all of them together, so that rows are written again only when they have doubled.
 */
function choose(entries: readonly SegmentEntry[], maxSegments: number): readonly SegmentEntry[] {
  if (entries.length <= maxSegments && !entries.some(isWorn)) return [];
  const candidates = entries
    .filter(entry => entry.meta.rows < LARGE_SEGMENT_ROWS || isWorn(entry))
    .sort((a, b) => Number(isWorn(b)) - Number(isWorn(a)) || a.meta.rows - b.meta.rows);
  const chosen: SegmentEntry[] = [];
  let rows = 0;
  for (const entry of candidates) {
    const live = entry.meta.rows - entry.deletions.count;
    if (chosen.length > 0 && rows + live > MAX_MERGED_ROWS) break;
    const isEnough = entries.length - chosen.length + 1 <= maxSegments;
    if (chosen.length > 0 && isEnough && !isWorn(entry) && live > rows) break;
    chosen.push(entry);
    rows += live;
  }
  return chosen.length > 1 || chosen.some(isWorn) ? chosen : [];
}
