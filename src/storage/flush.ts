import {BATCH_CAPACITY, type Vector} from '../columns/vector.ts';
import type {OwnerId} from '../common/ids.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {SegmentColumn, SegmentMeta, SegmentSource} from './cold/contract.ts';
import {Compactor} from './compact.ts';
import type {FlushResult, MaintenanceOptions, TableStorage} from './contract.ts';
import type {Engine} from './engine.ts';
import {type DrainWork, Drainer} from './drainer.ts';
import {failpoint} from './failpoint.ts';
import {FlushPlaces} from './flush-places.ts';
import {constantVector, readCell} from './hot/cells.ts';
import type {HotImage} from './hot/hot-image.ts';
import type {ImageChunk} from './hot/image-chunk.ts';
import {isMemoryOnly} from './hot/hot-store.ts';
import {compareNullsLast} from './hot/sorted-index.ts';
import {LockOwner} from './locks/lock-owner.ts';
import {newEntry, type SegmentEntry} from './manifest.ts';
import {moveSegments} from './move.ts';
import {
  clusterColumns,
  segmentColumns,
  segmentPath,
  sortAttnums,
  writeOptions,
} from './segment-plan.ts';
import {Breather} from './slices.ts';
import {sortInSlices} from './sliced-sort.ts';
import {giveUp, submit} from './tx/submit.ts';

const SOURCE_ROWS = 1024;
const NOTHING: FlushResult = {rows: 0, segments: 0, bytes: 0};

/** Hot rows of one owner on their way into a segment. */
interface Partition {
  readonly id: number;
  readonly owner: number;
  readonly path: string;
  /** Positions in the image in the segment's order; their versions are pinned by the flush's snapshot. */
  readonly positions: readonly number[];
}

/**
 * Moves hot rows to segments: writes files of what a snapshot sees, then publishes them in one
 * commit, and deletes the hot copies in slices.
 */
export class Flusher {
  readonly #engine: Engine;
  readonly #compactor: Compactor;
  readonly #drainer: Drainer;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#compactor = new Compactor(engine);
    this.#drainer = new Drainer(engine);
  }

  /**
   * Flushes one owner's rows of a table, or everybody's. Takes SHARE UPDATE EXCLUSIVE: never two at
   * once, never beside DDL.
   */
  async flush(
    table: TableStorage,
    owner: OwnerId | null,
    options: MaintenanceOptions,
  ): Promise<FlushResult> {
    if (isMemoryOnly(table)) return NOTHING;
    return withMaintenanceLock(this.#engine, table, options.signal, () =>
      this.#flushLocked(table, owner, options),
    );
  }

  /** Merges the segments of partitions that have many, or many deleted rows. */
  async compact(table: TableStorage, options: MaintenanceOptions): Promise<FlushResult> {
    return withMaintenanceLock(this.#engine, table, options.signal, () =>
      this.#compactor.compact(table, options),
    );
  }

  /** Brings the segments of a table into its storage; the lock is taken anew for each. */
  async move(table: TableStorage, options: MaintenanceOptions): Promise<FlushResult> {
    if (isMemoryOnly(table)) return NOTHING;
    return moveSegments(this.#engine, table, options, run =>
      withMaintenanceLock(this.#engine, table, options.signal, run),
    );
  }

  close(): Promise<void> {
    return this.#drainer.close();
  }

  async #flushLocked(
    table: TableStorage,
    owner: OwnerId | null,
    {minRows = 1, signal, onProgress}: MaintenanceOptions,
  ): Promise<FlushResult> {
    const {commits, snapshots, hot, cold, segments, callers} = this.#engine;
    const breather = new Breather(() => callers.begun);
    await hot.load(table);
    await commits.settle();
    const image = hot.image(table);
    const snapshot = snapshots.current;
    snapshot.retain();
    image.pins++;
    let partitions: Partition[] = [];
    try {
      const collected = await this.#collect(table, image, owner, snapshot.number, breather);
      partitions = collected.filter(({positions}) => positions.length >= minRows);
      if (partitions.length === 0) return NOTHING;
      signal?.throwIfAborted();
      onProgress?.(0.2);
      await submit(this.#engine, {newIntents: partitions.map(({id, path}) => ({id, path}))});
      failpoint('flush-after-intent');
      const columns = segmentColumns(table, cold.int8);
      const rest = (): Promise<void> => breather.rest();
      const metas = await segments.writeMany(
        partitions.map(({owner: of, path, positions}) => ({
          options: {...writeOptions(this.#engine, table, of, path, columns), rest},
          source: rowSource(image, table, positions),
        })),
      );
      failpoint('flush-after-write');
      signal?.throwIfAborted();
      onProgress?.(0.9);
      return await this.#publish(table, image, partitions, metas, columns, snapshot.number);
    } catch (error) {
      for (const {path} of partitions) this.#engine.garbage.discard(path);
      if (partitions.length > 0)
        await giveUp(
          this.#engine,
          partitions.map(({id}) => id),
        );
      throw error;
    } finally {
      snapshot.release();
      image.pins--;
    }
  }

  /** The visible rows of each owner that nobody is changing, in cluster order. */
  async #collect(
    table: TableStorage,
    image: HotImage,
    owner: OwnerId | null,
    seq: number,
    breather: Breather,
  ): Promise<Partition[]> {
    const {counters} = this.#engine;
    const owners =
      owner === null
        ? [...image.owners.values()]
        : [...image.owners.values()].filter(rows => rows.owner === owner);
    const compare = clusterOrder(image, table);
    const partitions: Partition[] = [];
    for (const rows of owners) {
      const positions: number[] = [];
      for (const chunk of rows.chunks.slice()) {
        if (breather.isDue) await breather.rest();
        for (let slot = 0; slot < chunk.count; slot++) {
          if (!chunk.isVisible(slot, seq)) continue;
          if (!this.#isBusy(table, image, Number(chunk.rids[slot]!)))
            positions.push((chunk.index << 10) | slot);
        }
      }
      if (positions.length === 0) continue;
      const id = counters.nextSegment++;
      const sorted = await sortInSlices(positions, compare, breather);
      partitions.push({
        id,
        owner: rows.owner,
        path: segmentPath(this.#engine, table, rows.owner, id),
        positions: sorted,
      });
    }
    return partitions;
  }

  /** Whether an open transaction changed the row or holds it for a change. */
  #isBusy(table: TableStorage, image: HotImage, rid: number): boolean {
    for (const writer of image.writers) if (writer.touches(rid)) return true;
    const locks = this.#engine.locks.rowsOf(table.oid);
    return locks.size > 0 && locks.isLockedForChange(rid);
  }

  /**
   * One commit for all partitions: rows changed or locked since the snapshot stay hot and are dead in
   * the new segment.
   */
  async #publish(
    table: TableStorage,
    image: HotImage,
    partitions: readonly Partition[],
    metas: readonly SegmentMeta[],
    columns: readonly SegmentColumn[],
    seq: number,
  ): Promise<FlushResult> {
    const {commits, hot} = this.#engine;
    const places: FlushPlaces[] = [];
    for (const {owner, positions} of partitions)
      places.push(await FlushPlaces.of(image, owner, positions, seq));
    const {put, work, done} = await commits.exclusive(() => {
      if (hot.loadedImage(table.oid) !== image || image.ddlSeq > seq) {
        throw new PgError(
          SqlState.objectInUse,
          `table "${table.name}" was altered while it was flushed`,
        );
      }
      this.#keepBusy(table, image, places);
      const entries: SegmentEntry[] = [];
      const moving: DrainWork[] = [];
      const shared = {table: table.oid, schema: columns, sortedBy: sortAttnums(table)};
      partitions.forEach(({id, owner, path}, at) => {
        const keep = places[at]!.settle();
        entries.push(newEntry({...shared, id, owner, path, meta: metas[at]!}, places[at]!.dead));
        moving.push({drain: {id, table: table.oid, owner, seq, keep}, rows: places[at]!.rows});
      });
      const submitted = submit(this.#engine, {
        put: entries,
        drains: moving.map(({drain}) => drain),
        moved: moving.map(({rows}) => ({image, rows})),
        doneIntents: partitions.map(({id}) => id),
      });
      commits.flush();
      return {put: entries, work: moving, done: submitted};
    });
    await done;
    failpoint('flush-after-publish');
    this.#drainer.start(image, work);
    return {
      rows: places.reduce((rows, {count}) => rows + count, 0),
      segments: put.length,
      bytes: put.reduce((bytes, entry) => bytes + entry.meta.bytes, 0),
    };
  }

  /** Rows that open transactions changed or hold for a change stay hot. */
  #keepBusy(table: TableStorage, image: HotImage, places: readonly FlushPlaces[]): void {
    const byOwner = new Map(places.map(partition => [partition.owner, partition]));
    const keep = (rid: number): void => {
      const position = image.newestOf(rid);
      if (position !== undefined) byOwner.get(image.chunkOf(position)!.owner)?.keep(position);
    };
    for (const writer of image.writers) for (const rid of writer.changedRids()) keep(rid);
    for (const rid of this.#engine.locks.rowsOf(table.oid).changing()) keep(rid);
  }
}

/** Rows of positions as columns of the segment: rid, seq, then the table's columns. */
function rowSource(
  image: HotImage,
  table: TableStorage,
  positions: readonly number[],
): SegmentSource {
  const mapping = image.mappingFor(table);
  const missing = table.columns.map((column, i) =>
    mapping !== null && mapping[i] === -1
      ? constantVector(column.type, column.missingValue, BATCH_CAPACITY)
      : null,
  );
  const vectorsOf = ({rids, begin, vectors}: ImageChunk): readonly Vector[] => [
    {kind: 'int64', values: rids, nulls: null},
    {kind: 'float64', values: begin, nulls: null},
    ...missing.map((constant, i) => constant ?? vectors[mapping === null ? i : mapping[i]!]!),
  ];
  let at = 0;
  return () => {
    if (at >= positions.length) return null;
    const slots = new Int32Array(Math.min(SOURCE_ROWS, positions.length - at));
    const parts: (readonly Vector[])[] = [];
    const ends: number[] = [];
    let chunk: ImageChunk | null = null;
    for (let i = 0; i < slots.length; i++) {
      const position = positions[at++]!;
      const of = image.chunkOf(position)!;
      slots[i] = image.slotOf(position);
      if (of !== chunk) {
        chunk = of;
        parts.push(vectorsOf(of));
        ends.push(i);
      }
      ends[ends.length - 1] = i + 1;
    }
    return {slots, parts, ends};
  };
}

function clusterOrder(image: HotImage, table: TableStorage): (a: number, b: number) => number {
  const mapping = image.mappingFor(table);
  const columns = clusterColumns(table)
    .map(column => (mapping === null ? column : mapping[column]!))
    .filter(column => column !== -1);
  const types = columns.map(column => image.columns[column]!.column.type);
  return (a, b) => {
    const left = image.chunkOf(a)!;
    const right = image.chunkOf(b)!;
    for (let i = 0; i < columns.length; i++) {
      const order = compareNullsLast(
        types[i]!,
        readCell(left.vectors[columns[i]!]!, a & 1023),
        readCell(right.vectors[columns[i]!]!, b & 1023),
      );
      if (order !== 0) return order;
    }
    return Number(left.rids[a & 1023]! - right.rids[b & 1023]!);
  };
}

/** Runs maintenance of a table under SHARE UPDATE EXCLUSIVE. */
async function withMaintenanceLock<T>(
  engine: Engine,
  table: TableStorage,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const owner = new LockOwner(0, {
    pid: process.pid,
    lockTimeoutMs: () => 0,
    deadlockTimeoutMs: () => 1000,
  });
  const cancel = (): void => owner.cancelWait(signal?.reason as Error);
  signal?.addEventListener('abort', cancel);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const locked = engine.locks.lockTable(
        owner,
        table.databaseOid,
        table.oid,
        'shareUpdateExclusive',
        'wait',
      );
      if (locked === 'granted') break;
      await locked;
    }
    return await run();
  } finally {
    signal?.removeEventListener('abort', cancel);
    engine.locks.releaseAll(owner);
  }
}
