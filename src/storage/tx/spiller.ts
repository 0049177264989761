import type {Engine} from '../engine.ts';
import type {TableStorage} from '../contract.ts';
import {failpoint} from '../failpoint.ts';
import {isMemoryOnly} from '../hot/hot-store.ts';
import type {SegmentEntry} from '../manifest.ts';
import {type Pace, runInTurns, type Slices} from '../slices.ts';
import {dropFiles, type NewRows, writeNewRows} from './bulk.ts';
import {KeyFilter} from './key-filter.ts';
import {type PendingSegment, RidRanges} from './pending-segment.ts';
import {RowRoom} from './write-room.ts';
import type {TableWrites} from './write-set.ts';

const ROWS_PER_LOOK = 256;
const AFTER = ['bulk-pending-intent', 'bulk-pending-write'] as const;

/** Where segments of new rows may not go across, and who writes. */
export interface SpillHost {
  tables(): Iterable<TableWrites>;
  /** The newest inserts of a table at each savepoint that can be rolled back to. */
  marks(writes: TableWrites): readonly number[];
  /** The running command, and those that portals see up to. */
  commandIds(): readonly number[];
}

/** New rows of one owner on their way to a segment. */
interface Leaving extends NewRows {
  cmin: number;
}

/**
 * Writes new rows of a transaction to segments while it is open, once it keeps too many in memory. The files are intents until
 * its commit publishes them; what it does not publish is removed.
 */
export class Spiller {
  readonly room: RowRoom;
  readonly #engine: Engine;
  readonly #host: SpillHost;
  /** Files that only this transaction knows. */
  readonly #files = new Map<number, SegmentEntry>();
  #running: Promise<void> | null = null;
  /** Raised when rows in memory may have gone or changed their shape: what is being written then is dropped. */
  #epoch = 0;

  constructor(engine: Engine, host: SpillHost) {
    const {pendingBytes: own, allPendingBytes: all} = engine.settings;
    this.#engine = engine;
    this.#host = host;
    this.room = new RowRoom(engine.held, {own, all});
  }

  /** Begins to write rows out; to be awaited before more come. Null = there is nothing that could be. */
  start(): Promise<void> | null {
    if (this.#running !== null) return this.#running;
    const tables = [...this.#host.tables()].filter(
      writes => canSpill(writes.table) && writes.insertRids.length >= this.#least,
    );
    for (const writes of tables) writes.measureAll();
    if (!this.room.isFull) return null;
    if (tables.length === 0) {
      this.room.settle();
      return null;
    }
    this.#running = this.#writeAll(tables).finally(() => {
      this.#running = null;
      this.room.settle();
    });
    return this.#running;
  }

  /** Rows go, or take another shape: ROLLBACK TO, DDL. */
  interrupt(): void {
    this.#epoch++;
  }

  /** Removes files of segments that are not needed any more. */
  drop(segments: readonly PendingSegment[]): void {
    this.#drop(segments.map(({entry}) => entry));
  }

  /** The manifest has them now. */
  published(segments: Iterable<number>): void {
    for (const id of segments) this.#files.delete(id);
  }

  /** The transaction has ended. */
  end(): void {
    this.#epoch++;
    this.room.clear();
    if (this.#files.size > 0) this.#drop([...this.#files.values()]);
  }

  get #least(): number {
    return this.#engine.settings.pendingRows;
  }

  async #writeAll(tables: TableWrites[]): Promise<void> {
    const epoch = this.#epoch;
    tables.sort((a, b) => b.heldBytes - a.heldBytes);
    for (const writes of tables) {
      await this.#write(writes);
      if (epoch !== this.#epoch) return;
    }
  }

  async #write(writes: TableWrites): Promise<void> {
    const epoch = this.#epoch;
    const {table} = writes;
    const groups = await runInTurns(pace => this.#collect(writes, pace));
    if (groups.length === 0 || epoch !== this.#epoch) return;
    const filters: ReadonlyMap<number, KeyFilter>[] = [];
    for (const group of groups)
      filters.push(await runInTurns(pace => filtersOf(writes, group, pace)));
    const entries = await writeNewRows(this.#engine, table, groups, AFTER);
    if (epoch !== this.#epoch) return dropFiles(this.#engine, entries);
    for (const entry of entries) this.#files.set(entry.id, entry);
    const segments = groups.map(
      ({rids, cmin}, i): PendingSegment => ({
        entry: entries[i]!,
        rids: new RidRanges(rids),
        cmin,
        filters: filters[i]!,
      }),
    );
    const rids = groups.length === 1 ? groups[0]!.rids : sorted(groups);
    const keys = writes.ownKeys;
    writes.takeOut(segments, rids);
    failpoint('bulk-pending-open');
    if (writes.ownKeys === keys && keys.length > 0)
      await runInTurns(pace => forgetKeys(writes, groups, pace));
  }

  /** Rows in memory by owner, each group on one side of every savepoint, TRUNCATE and the running command. */
  *#collect(writes: TableWrites, pace: Pace): Slices<readonly Leaving[]> {
    const groups: Leaving[] = [];
    const {insertRids, insertOwners, insertRows, insertCmin, changes} = writes;
    let from = 0;
    for (const to of this.#cuts(writes)) {
      const byOwner = new Map<number, Leaving>();
      for (let i = from; i < to; i++) {
        if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
        const rid = insertRids[i]!;
        // Its versions are seen by some commands and not by others.
        if (changes.size > 0 && changes.has(rid)) continue;
        const owner = insertOwners[i]!;
        let group = byOwner.get(owner);
        if (group === undefined) byOwner.set(owner, (group = {owner, rids: [], rows: [], cmin: 0}));
        group.rids.push(rid);
        group.rows.push(insertRows[i]!);
        group.cmin = insertCmin[i]!;
      }
      for (const group of byOwner.values())
        if (group.rids.length >= this.#least) groups.push(group);
      from = to;
    }
    return groups;
  }

  /** Ends of the ranges of inserts that may lie in one segment. */
  #cuts(writes: TableWrites): readonly number[] {
    const {insertRids, insertCmin, truncations} = writes;
    const cuts = new Set([insertRids.length]);
    for (const command of this.#host.commandIds()) cuts.add(firstAbove(insertCmin, command - 1));
    for (const rid of this.#host.marks(writes)) cuts.add(firstAbove(insertRids, rid));
    for (const cmin of truncations) cuts.add(firstAbove(insertCmin, cmin));
    return [...cuts].sort((a, b) => a - b);
  }

  #drop(entries: readonly SegmentEntry[]): void {
    for (const entry of entries) {
      this.#files.delete(entry.id);
      this.#engine.cold.forget(entry);
    }
    void dropFiles(this.#engine, entries);
  }
}

/** Rows of temporary and stream tables live in memory; deferrable keys are listed until they are checked. */
function canSpill(table: TableStorage): boolean {
  return !isMemoryOnly(table) && !table.indexes.some(index => index.isDeferrable === true);
}

function* filtersOf(
  writes: TableWrites,
  {rids, rows}: NewRows,
  pace: Pace,
): Slices<ReadonlyMap<number, KeyFilter>> {
  const filters = new Map<number, KeyFilter>();
  for (const {codec} of writes.ownKeys) {
    const filter = new KeyFilter(rids.length);
    filters.set(codec.index.oid, filter);
    for (let i = 0; i < rows.length; i++) {
      const key = codec.ofRow(rows[i]!);
      if (key !== null) filter.add(key);
      if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    }
  }
  return filters;
}

function* forgetKeys(writes: TableWrites, groups: readonly NewRows[], pace: Pace): Slices {
  for (const {owner, rids, rows} of groups) {
    for (let i = 0; i < rids.length; i++) {
      writes.forgetKeys(rids[i]!, owner, rows[i]!);
      if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    }
  }
}

function sorted(groups: readonly NewRows[]): number[] {
  return groups.flatMap(({rids}) => rids).sort((a, b) => a - b);
}

/** The first place in an ascending list with a value above a bound. */
function firstAbove(values: readonly number[], bound: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
