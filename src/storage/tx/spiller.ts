import {setImmediate as nextTurn} from 'node:timers/promises';
import type {Datum} from '../../types/contract.ts';
import type {SegmentRows} from '../cold/contract.ts';
import type {Engine} from '../engine.ts';
import type {TableStorage} from '../contract.ts';
import {failpoint} from '../failpoint.ts';
import {isMemoryOnly} from '../hot/hot-store.ts';
import type {MapKey} from '../hot/key-codec.ts';
import {segmentColumns, segmentPath, sortAttnums, writeOptions} from '../segment-plan.ts';
import {type Pace, runInTurns, type Slices} from '../slices.ts';
import {clusterOrder, dropFiles, inClusterOrder, type NewRows, rowAt, rowSource} from './bulk.ts';
import {type HiddenKind, HiddenRows} from './hidden-rows.ts';
import {
  baseOf,
  collectDeletes,
  collectInserts,
  collectUpdates,
  type LeastRows,
  type LeavingRows,
} from './leaving-rows.ts';
import type {Change, OwnVersion} from './own-version.ts';
import {PendingRun} from './pending-run.ts';
import {type KeyRange, type NewRow, RowBlock, valueOf} from './row-block.ts';
import {submit} from './submit.ts';
import {RowRoom} from './write-room.ts';
import type {TableWrites} from './write-set.ts';

/** Which commands wrote some rows. */
interface Commands {
  readonly firstCmin: number;
  readonly cmin: number;
}

const ROWS_PER_LOOK = 256;
/** Identities of rows that are none in the write-set. */
const PAIR: readonly number[] = [-1, -1];
/** Segments that more rows may go to; the memory of each is a row group. */
const MOST_OPEN = 4;
const GROUP_ROWS = 16_384;
const GROUP_BYTES = 4 * 1024 * 1024;
/** Rows of a segment: as many where they come in order; else so few that compaction still takes it. */
const MOST_SORTED = 1_000_000;
const MOST_UNSORTED = 250_000;

/** Where segments of new rows may not go across. */
export interface SpillHost {
  tables(): Iterable<TableWrites>;
  /** The commands after which savepoints were set that can be rolled back to. */
  savepoints(): readonly number[];
  /** The running command, and those that portals see up to. */
  commandIds(): readonly number[];
}

/**
 * Writes new rows and new versions of a transaction to segments while it is open, once it keeps too many in memory; rows that it deleted
 * or replaced become bits. The files are intents until its commit publishes them; what it does not publish is removed.
 */
export class Spiller {
  readonly room: RowRoom;
  readonly #engine: Engine;
  readonly #host: SpillHost;
  /** Segments that only this transaction knows. */
  readonly #runs = new Map<number, PendingRun>();
  #running: Promise<void> | null = null;
  #isEnded = false;

  constructor(engine: Engine, host: SpillHost) {
    const {pendingBytes: first, pendingStep: step, allPendingBytes: all} = engine.settings;
    this.#engine = engine;
    this.#host = host;
    this.room = new RowRoom(engine.held, {first, step, all});
  }

  /** What a write must wait for: rows are being written out, or should be before more come. */
  get blocker(): Promise<void> | null {
    if (this.#running !== null) return this.#running;
    return this.room.isFull ? this.start() : null;
  }

  /** Begins to write rows out; to be awaited before more come. Null = there is nothing that could be. */
  start(): Promise<void> | null {
    if (this.#running !== null) return this.#running;
    const tables = [...this.#host.tables()].filter(
      writes =>
        canSpill(writes.table) &&
        (writes.insertRids.length + writes.changes.size >= this.#least.rows ||
          writes.heldBytes >= this.#least.bytes),
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

  /** Removes segments that are not needed any more. */
  drop(runs: readonly PendingRun[]): void {
    if (runs.length === 0) return;
    // What a stop leaves the next start removes.
    this.#drop(runs).catch((error: unknown) =>
      this.#engine.logger.warn(`segments of an open transaction stay listed: ${String(error)}`),
    );
  }

  /** The manifest has them now. */
  published(segments: Iterable<number>): void {
    for (const id of segments) this.#runs.delete(id);
  }

  /** The transaction has ended. */
  end(): void {
    this.#isEnded = true;
    this.room.clear();
    this.drop([...this.#runs.values()]);
  }

  get #least(): LeastRows {
    const {pendingRows: rows, pendingStep} = this.#engine.settings;
    return {rows, bytes: pendingStep / 4};
  }

  async #writeAll(tables: TableWrites[]): Promise<void> {
    tables.sort((a, b) => b.heldBytes - a.heldBytes);
    for (const writes of tables) {
      const bounds = this.#bounds(writes);
      for (const collect of [collectInserts, collectUpdates]) {
        const groups = await runInTurns(pace => collect(writes, bounds, this.#least, pace));
        for (const group of groups) {
          if (this.#isEnded) return;
          await this.#write(writes, group);
        }
      }
      if (writes.changes.size > 0) await this.#hideDeleted(writes, bounds);
      if (this.#isEnded) return;
      writes.tidy();
    }
  }

  async #hideDeleted(writes: TableWrites, bounds: readonly number[]): Promise<void> {
    const groups = await runInTurns(pace => collectDeletes(writes, bounds, this.#least, pace));
    for (const group of groups) {
      if (this.#isEnded) return;
      const changes = group.changes.filter(
        change => writes.changes.get(change.rid) === change && newestOf(change).row === null,
      );
      if (changes.length > 0) this.#hide(writes, group, changes, group);
      await nextTurn();
    }
  }

  /** Rows become bits, in the newest group of their kind where no bound forbids it. */
  #hide(
    writes: TableWrites,
    kind: HiddenKind,
    changes: readonly Change[],
    {firstCmin, cmin}: {readonly firstCmin: number; readonly cmin: number},
  ): void {
    let group = writes.changed.hidden.findLast(known => known.isOf(kind));
    if (group === undefined || this.#isSeparated(writes, group, {firstCmin, cmin}))
      group = new HiddenRows(kind, cmin);
    group.firstCmin = Math.min(group.firstCmin, firstCmin);
    group.cmin = Math.max(group.cmin, cmin);
    writes.hide(changes, group);
  }

  /** New versions lie in a segment now: what they replace is bits. */
  #hideReplaced(writes: TableWrites, group: LeavingRows, changes: readonly Change[]): void {
    const {owner} = group;
    for (const base of ['hot', 'cold', 'own'] as const) {
      const ofBase = changes.filter(change => baseOf(writes, change) === base);
      if (ofBase.length > 0) this.#hide(writes, {owner, base, isDelete: false}, ofBase, group);
    }
  }

  async #write(writes: TableWrites, group: LeavingRows): Promise<void> {
    const {table} = writes;
    const {rids, rows, changes} = group;
    const order = await inClusterOrder(table, group);
    const run = await this.#runFor(writes, group, rowAt(group, order[0]!));
    if (run === null) return;
    await run.append(portions(table, group, order));
    for (const {codec} of writes.ownKeys) {
      const range = rangeOf(rows, codec.index.oid);
      if (range !== null && run.addRange(codec.index.oid, range.low, range.high)) continue;
      const keys = await runInTurns(pace => keysOf(codec, group, pace));
      run.addKeys(codec.index.oid, keys);
    }
    failpoint('bulk-pending-write');
    // Rows of a run stand and fall together: a rollback meanwhile took all of them, or none.
    const isThere =
      changes === null
        ? writes.insertIndexOf(rids[0]!) !== -1
        : writes.changes.get(rids[0]!) === changes[0] && newestOf(changes[0]!).row === rows[0];
    if (this.#isEnded || !isThere) return this.#drop([run]);
    run.lastRow = rowAt(group, order[order.length - 1]!);
    run.rows += rids.length;
    run.firstCmin = Math.min(run.firstCmin, group.firstCmin);
    run.cmin = Math.max(run.cmin, group.cmin);
    for (let i = 0; i < rids.length; i++) run.rids.add(rids[i]!);
    if (!writes.pending.includes(run)) writes.pending = [...writes.pending, run];
    const keys = writes.ownKeys;
    if (changes === null) writes.takeOut(rids);
    else this.#hideReplaced(writes, group, changes);
    failpoint('bulk-pending-open');
    if (writes.ownKeys === keys && keys.length > 0)
      await runInTurns(pace => forgetKeys(writes, group, pace));
  }

  /** The segment that takes the rows: an open one where they may go behind its own, else a new one. */
  async #runFor(
    writes: TableWrites,
    group: LeavingRows,
    first: readonly Datum[],
  ): Promise<PendingRun | null> {
    const {table} = writes;
    const open = writes.pending.filter(run => run.isOpen);
    const last = open.findLast(run => run.owner === group.owner);
    if (last !== undefined) {
      const isBehind =
        last.isSorted && clusterOrder(table, PAIR, [last.lastRow!, first])(0, 1) <= 0;
      if (last.table === table && !this.#isSeparated(writes, last, group)) {
        const most = isBehind ? MOST_SORTED : MOST_UNSORTED;
        if (last.rows + group.rids.length <= most) {
          last.isSorted &&= isBehind;
          return last;
        }
      }
      await last.ready();
    }
    const others = open.filter(run => run !== last && run.isOpen);
    if (others.length >= MOST_OPEN) await others[0]!.ready();
    return this.#isEnded ? null : this.#begin(table, group.owner);
  }

  async #begin(table: TableStorage, owner: number): Promise<PendingRun> {
    const engine = this.#engine;
    const id = engine.counters.nextSegment++;
    const path = segmentPath(engine, table, owner, id);
    const columns = segmentColumns(table, engine.cold.int8);
    await submit(engine, {newIntents: [{id, path}]});
    failpoint('bulk-pending-intent');
    const sink = await engine.segments.begin({
      ...writeOptions(engine, table, owner, path, columns),
      rowGroupRows: Math.min(GROUP_ROWS, engine.settings.rowGroupRows),
      rowGroupBytes: GROUP_BYTES,
    });
    const run = new PendingRun({
      id,
      table,
      owner,
      path,
      columns,
      sortedBy: sortAttnums(table),
      sink,
    });
    this.#runs.set(id, run);
    return run;
  }

  /** Whether a command or a rollback may see some rows of one and not those of the other. */
  #isSeparated(writes: TableWrites, one: Commands, other: Commands): boolean {
    const first = Math.min(one.firstCmin, other.firstCmin);
    const last = Math.max(one.cmin, other.cmin);
    return this.#bounds(writes).some(bound => first <= bound && bound < last);
  }

  /** Commands up to which a rollback, a reader or a TRUNCATE keeps, sees or drops rows. */
  #bounds({truncations}: TableWrites): readonly number[] {
    const bounds = new Set([...this.#host.savepoints(), ...truncations]);
    for (const command of this.#host.commandIds()) bounds.add(command - 1);
    return [...bounds].sort((a, b) => a - b);
  }

  async #drop(runs: readonly PendingRun[]): Promise<void> {
    const engine = this.#engine;
    for (const run of runs) {
      this.#runs.delete(run.id);
      await run.drop();
      if (run.isSealed) engine.cold.forget(run.entry);
    }
    await dropFiles(engine, runs);
  }
}

/** Rows of temporary and stream tables live in memory; deferrable keys are listed until they are checked. */
function canSpill(table: TableStorage): boolean {
  return !isMemoryOnly(table) && !table.indexes.some(index => index.isDeferrable === true);
}

function* portions(
  table: TableStorage,
  group: NewRows,
  order: readonly number[],
): Generator<SegmentRows> {
  const source = rowSource(table, group, order);
  for (let columns = source(); columns !== null; columns = source()) yield columns;
}

/** The ends of all keys, where all lie in blocks that know theirs. */
function rangeOf(rows: NewRows['rows'], index: number): KeyRange | null {
  let low = Infinity;
  let high = -Infinity;
  let before: NewRow | null = null;
  for (const row of rows) {
    if (row === before) continue;
    before = row;
    const range = row instanceof RowBlock ? row.ranges.get(index) : undefined;
    if (range === undefined) return null;
    low = Math.min(low, range.low);
    high = Math.max(high, range.high);
  }
  return {low, high};
}

function* keysOf(
  codec: TableWrites['ownKeys'][number]['codec'],
  group: NewRows,
  pace: Pace,
): Slices<MapKey[]> {
  const keys: MapKey[] = [];
  const column = codec.plainColumn;
  for (let i = 0; i < group.rows.length; i++) {
    if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    const key =
      column === -1
        ? codec.ofRow(rowAt(group, i))
        : codec.ofValue(valueOf(group.rows[i]!, group.rids[i]!, column));
    if (key !== null) keys.push(key);
  }
  return keys;
}

function* forgetKeys(writes: TableWrites, group: NewRows, pace: Pace): Slices {
  const {owner, rids} = group;
  for (let i = 0; i < rids.length; i++) {
    writes.forgetKeys(rids[i]!, owner, rowAt(group, i));
    if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
  }
}

function newestOf({versions}: Change): OwnVersion {
  return versions[versions.length - 1]!;
}
