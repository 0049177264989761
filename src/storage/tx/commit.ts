// Hot path: every commit passes here.
import type Database from 'better-sqlite3';
import type {Bindable, Statement} from 'better-sqlite3';
import {internalError, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Seq} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {ChangePart, CommitEvent} from '../contract.ts';
import {failpoint} from '../failpoint.ts';
import {LOG_PART_BITS} from '../hot/schema.ts';
import {
  FLAG_BULK,
  FLAG_JSON,
  FLAG_TRUNCATE,
  LOG_PART_BYTES,
  LogPartWriter,
} from '../hot/change-log.ts';
import type {Durability} from '../hot/durability.ts';
import {type HotStore, isMemoryOnly} from '../hot/hot-store.ts';
import type {HotTable} from '../hot/hot-table.ts';
import type {Manifest} from '../manifest.ts';
import type {StorageLogger} from '../settings.ts';
import {applyToMemory} from './apply-memory.ts';
import {type CommitUnit, type FinalChange, partsOf, type TableChanges} from './commit-unit.ts';
import {logJson} from './log-json.ts';
import {ManifestWriter} from './manifest-writer.ts';
import {ShapeRecorder} from './shape-recorder.ts';
import type {SnapshotRegistry} from './snapshot.ts';

const RID_RESERVE = 1 << 20;
/** Commits that do not wait for more company. */
const LARGE_GROUP = 32;
const SEQ_RESERVE = 100_000;

/** A unit on its way through the group. */
interface Member {
  readonly unit: CommitUnit;
  seq: number;
  timestamp: bigint;
  parts: ChangePart[];
}

/** Counters that commits make durable. */
export interface Counters {
  nextOid: number;
  nextRid: number;
  /** Stored in `meta`: a restart begins from these. */
  storedOid: number;
  storedRid: number;
  nextSegment: number;
  storedSegment: number;
  /** Seqs up to here are never given out again after a restart. */
  storedSeq: number;
}

/** What the queue works on. */
export interface CommitContext {
  readonly db: Database;
  readonly hot: HotStore;
  readonly snapshots: SnapshotRegistry;
  readonly durability: Durability;
  readonly counters: Counters;
  readonly listeners: Set<(event: CommitEvent) => void>;
  readonly logger: StorageLogger;
  /** Microseconds since 2000-01-01. */
  now(): bigint;
  /** Called after a group was applied, with the number of rows it wrote. */
  afterGroup(rows: number): void;
}

/**
 * Collects commits of one turn of the event loop and applies them in one SQLite transaction; memory
 * changes only after SQLite's COMMIT.
 */
export class CommitQueue {
  readonly #context: CommitContext;
  readonly #log = new LogPartWriter();
  readonly #putLog: Statement;
  readonly #putMeta: Statement;
  readonly #putCatalog: Statement;
  readonly #deleteCatalog: Statement;
  readonly #putSequence: Statement;
  readonly #deleteSequence: Statement;
  readonly #shapes: ShapeRecorder;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #manifestWriter: ManifestWriter;
  #waiting: Member[] = [];
  #isScheduled = false;
  readonly #endOfTurn = (): void => {
    this.#isScheduled = false;
    this.flush();
  };
  #isHeld = false;
  #releaseWaits: (() => void)[] = [];
  #isFlushing = false;
  #lastSeq: number;
  #workManifest: Manifest;
  /** Generations created by the running group: known to the hot store once it is committed. */
  #created: HotTable[] = [];

  constructor(context: CommitContext, lastSeq: number) {
    this.#context = context;
    this.#lastSeq = lastSeq;
    this.#workManifest = context.snapshots.current.manifest;
    const {db} = context;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#putLog = db.prepare('INSERT INTO log(id, tbl, owner, data) VALUES (?, ?, ?, ?)');
    this.#putMeta = db.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)');
    this.#putCatalog = db.prepare('INSERT OR REPLACE INTO catalog(key, json) VALUES (?, ?)');
    this.#deleteCatalog = db.prepare('DELETE FROM catalog WHERE key = ?');
    this.#putSequence = db.prepare('INSERT OR REPLACE INTO sequences(oid, state) VALUES (?, ?)');
    this.#deleteSequence = db.prepare('DELETE FROM sequences WHERE oid = ?');
    this.#manifestWriter = new ManifestWriter(db);
    this.#shapes = new ShapeRecorder(db);
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /**
   * Enters a commit; it is applied at the end of this turn, or with `flush`. While a sync is under way
   * nothing new becomes durable before the next one: then commits wait for its end to share their
   * pages, unless somebody waits for them (`isUrgent`).
   */
  enqueue(unit: CommitUnit, isUrgent: boolean): void {
    this.#waiting.push({unit, seq: 0, timestamp: 0n, parts: []});
    if (isUrgent || !this.#context.durability.isSyncing || this.#waiting.length > LARGE_GROUP)
      this.hasten();
  }

  /** What waits is applied at the end of this turn. */
  hasten(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#endOfTurn);
  }

  /** Whether commits cannot be applied now. */
  get isHeld(): boolean {
    return this.#isHeld || this.#isFlushing;
  }

  /** While held, commits wait: the last pass of a checkpoint. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (isHeld) return;
    this.flush();
    const waiting = this.#releaseWaits;
    this.#releaseWaits = [];
    for (const resolve of waiting) resolve();
  }

  /**
   * Applies what waits, so that the caller's next `enqueue` and `flush` come next; resolves once
   * commits are not held.
   */
  async settle(): Promise<void> {
    while (this.#isHeld) await new Promise<void>(resolve => this.#releaseWaits.push(resolve));
    this.flush();
  }

  /** Applies all waiting commits now. */
  flush(): void {
    if (this.#waiting.length === 0 || this.#isHeld || this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      this.#flushGroup();
    } finally {
      this.#isFlushing = false;
    }
  }

  #flushGroup(): void {
    const group = this.#waiting;
    this.#waiting = [];
    let applied: readonly Member[] = group;
    const failure = this.#tryApply(group);
    if (failure !== null) {
      if (group.length === 1) {
        group[0]!.unit.failed(failure);
        return;
      }
      // One member's error must not fail the others: each runs alone.
      applied = group.filter(member => {
        const error = this.#tryApply([member]);
        if (error !== null) member.unit.failed(error);
        return error === null;
      });
      if (applied.length === 0) return;
    }
    this.#publish(applied);
  }

  /** Runs members in one SQLite transaction; an error leaves nothing of them. */
  #tryApply(members: readonly Member[]): Error | null {
    const {db} = this.#context;
    const firstSeq = this.#lastSeq;
    const manifest = this.#workManifest;
    const createdBefore = this.#created.length;
    try {
      const isMemory = members.every(member => isMemoryUnit(member.unit));
      if (isMemory && this.#lastSeq + members.length <= this.#context.counters.storedSeq) {
        for (const member of members) this.#sequence(member);
        return null;
      }
      this.#begin.run();
      if (isMemory) this.#reserveSeqs(members.length);
      for (const member of members) {
        this.#sequence(member);
        this.#applyUnit(member);
      }
      this.#storeCounters();
      failpoint('before-sqlite-commit');
      this.#commit.run();
      failpoint('after-sqlite-commit');
      return null;
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      this.#lastSeq = firstSeq;
      this.#workManifest = manifest;
      this.#created.length = createdBefore;
      this.#context.counters.storedOid = 0;
      this.#context.counters.storedRid = 0;
      this.#context.counters.storedSegment = 0;
      this.#context.counters.storedSeq = 0;
      return asPgError(error);
    }
  }

  #sequence(member: Member): void {
    member.seq = ++this.#lastSeq;
    member.timestamp = this.#context.now();
    member.parts = partsOf(member.unit.tables);
  }

  /** Commits that leave nothing in the log use seqs that a restart must not give out again. */
  #reserveSeqs(count: number): void {
    const reserved = this.#lastSeq + count + SEQ_RESERVE;
    this.#context.counters.storedSeq = reserved;
    this.#putMeta.run('last_seq', reserved);
  }

  #applyUnit(member: Member): void {
    const {unit, seq} = member;
    let part = 0n;
    const putPart = (table: number, owner: number): void => {
      const id = (BigInt(seq) << LOG_PART_BITS) | part++;
      this.#putLog.run(id, BigInt(table), BigInt(owner), this.#log.finish());
    };
    // A commit that leaves nothing in the log at the end of a group needs its seq reserved.
    if (isMemoryUnit(unit) && seq > this.#context.counters.storedSeq) this.#reserveSeqs(0);
    for (const effect of unit.ddl) {
      this.#applyDdl(effect);
      this.#shapes.record(effect, seq, member.timestamp);
    }
    for (const [oid, json] of unit.sequences) {
      if (json === null) this.#deleteSequence.run(BigInt(oid));
      else this.#putSequence.run(BigInt(oid), json);
    }
    const locations: number[] = [];
    for (const tableChanges of unit.tables) {
      if (!isMemoryOnly(tableChanges.table)) this.#applyRows(tableChanges, seq, locations);
    }
    this.#workManifest = this.#manifestWriter.apply(this.#workManifest, unit, locations, seq);
    if (
      unit.ddl.length > 0 ||
      unit.sequences.length > 0 ||
      unit.manifest !== null ||
      unit.bulk.length > 0
    ) {
      this.#log.begin(FLAG_JSON, 0, member.timestamp);
      this.#log.json(logJson(unit, this.#context.counters));
      putPart(0, 0);
    }
    for (const {entry, part} of unit.bulk) {
      this.#log.begin(FLAG_BULK, part.table.schemaVersion, member.timestamp);
      this.#log.json(JSON.stringify({segment: entry.id, rows: entry.meta.rows}));
      putPart(part.table.oid, part.owner);
    }
    for (const changePart of member.parts) {
      if (!isMemoryOnly(changePart.table)) this.#logPart(changePart, member.timestamp, putPart);
    }
  }

  #applyDdl(effect: CommitUnit['ddl'][number]): void {
    const {hot} = this.#context;
    switch (effect.kind) {
      case 'catalog':
        if (effect.json === null) this.#deleteCatalog.run(effect.key);
        else this.#putCatalog.run(effect.key, effect.json);
        return;
      case 'createTable':
        if (!isMemoryOnly(effect.table)) this.#created.push(hot.createGeneration(effect.table));
        return;
      case 'alterTable':
        if (
          !isMemoryOnly(effect.after) &&
          effect.after.schemaVersion !== effect.before.schemaVersion
        ) {
          this.#created.push(hot.createGeneration(effect.after));
        }
        return;
      case 'dropTable':
        hot.dropGenerations(
          effect.table.oid,
          this.#created.filter(created => created.generation.table === effect.table.oid),
        );
        return;
      default:
    }
  }

  #applyRows({table, isTruncate, changes}: TableChanges, seq: number, locations: number[]): void {
    const generations = this.#generationsOf(table.oid);
    if (isTruncate) for (const generation of generations) generation.clear();
    if (changes.length === 0) return;
    const newest = generations[generations.length - 1]!;
    const {columns} = table;
    const values: Bindable[] = new Array<Bindable>(columns.length + 3).fill(null);
    values[1] = BigInt(seq);
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i]!;
      if (change.location > 0) locations.push(change.location);
      if (generations.length > 1 || change.newRow === null) {
        const rid = Number(change.rid);
        if (change.location === 0 && change.op !== 'insert') {
          for (const generation of generations)
            if (generation !== newest || change.newRow === null) generation.delete(rid);
        }
      }
      if (change.newRow === null) continue;
      values[0] = change.rid;
      values[2] = BigInt(change.owner);
      fillValues(table, change.newRow, values);
      newest.put(values);
    }
  }

  #generationsOf(oid: number): HotTable[] {
    const known = this.#context.hot.state(oid).generations;
    if (this.#created.length === 0) return known;
    return [...known, ...this.#created.filter(hot => hot.generation.table === oid)];
  }

  #logPart(
    part: ChangePart,
    timestamp: bigint,
    putPart: (table: number, owner: number) => void,
  ): void {
    const log = this.#log;
    const {table} = part;
    const types = table.columns.map(column => column.type);
    const begin = (): void =>
      log.begin(part.isTruncate ? FLAG_TRUNCATE : 0, table.schemaVersion, timestamp);
    const values: Bindable[] = new Array<Bindable>(table.columns.length + 3).fill(null);
    begin();
    for (const change of part.changes as readonly FinalChange[]) {
      if (log.length > LOG_PART_BYTES - 1024 && log.count > 0) {
        putPart(table.oid, part.owner);
        begin();
      }
      const rid = Number(change.rid);
      fillValues(table, change.newRow ?? change.oldRow!, values);
      if (change.op === 'insert') log.insert(rid, values, 3);
      else if (change.op === 'delete') log.delete(rid, values, 3);
      else log.update(rid, values, 3, types, change.oldRow!, change.newRow!);
    }
    putPart(table.oid, part.owner);
  }

  #storeCounters(): void {
    const {counters} = this.#context;
    if (counters.nextOid !== counters.storedOid) {
      counters.storedOid = counters.nextOid;
      this.#putMeta.run('next_oid', counters.nextOid);
    }
    if (counters.nextRid > counters.storedRid) {
      counters.storedRid = counters.nextRid + RID_RESERVE;
      this.#putMeta.run('next_rid', counters.storedRid);
    }
    if (counters.nextSegment !== counters.storedSegment) {
      counters.storedSegment = counters.nextSegment;
      this.#putMeta.run('next_segment', counters.nextSegment);
    }
  }

  /** Memory, snapshots and listeners after SQLite's COMMIT. */
  #publish(members: readonly Member[]): void {
    const {hot, snapshots, durability, listeners} = this.#context;
    const created = this.#created;
    this.#created = [];
    for (const table of created) hot.state(table.generation.table).generations.push(table);
    const oldest = snapshots.oldest();
    for (const {unit, seq} of members) applyToMemory(hot, unit, seq, oldest);
    const snapshot = snapshots.advance(this.#lastSeq, this.#workManifest);
    durability.request(snapshot);
    let rows = 0;
    for (const member of members) {
      for (const {changes} of member.unit.tables) rows += changes.length;
      member.unit.applied(member.seq);
      if (listeners.size > 0) this.#announce(member);
    }
    this.#context.afterGroup(rows);
  }

  #announce(member: Member): void {
    const {bulk} = member.unit;
    const catalogKeys = member.unit.ddl.flatMap(effect =>
      effect.kind === 'catalog' ? [effect.key] : [],
    );
    const event: CommitEvent = {
      seq: BigInt(member.seq) as Seq,
      timestamp: member.timestamp,
      parts: bulk.length === 0 ? member.parts : [...member.parts, ...bulk.map(({part}) => part)],
      catalogKeys,
    };
    for (const listener of this.#context.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#context.logger.error(
          `a commit listener failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
      }
    }
  }
}

function fillValues(table: TableChanges['table'], row: readonly Datum[], values: Bindable[]): void {
  const {columns} = table;
  for (let i = 0; i < columns.length; i++) {
    const value = row[i]!;
    values[i + 3] = value === null ? null : (columns[i]!.type.toSqlite(value) as Bindable);
  }
}

/** SQLite's errors as a client may see them. */
function asPgError(error: unknown): Error {
  if (error instanceof PgError) return error;
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'SQLITE_FULL')
    return new PgError(SqlState.diskFull, 'could not commit: No space left on device', {
      cause: error,
    });
  if (code?.startsWith('SQLITE_IOERR') === true)
    return new PgError(SqlState.ioError, `could not commit: ${String(error)}`, {cause: error});
  return error instanceof Error ? error : internalError(String(error));
}

function isMemoryUnit(unit: CommitUnit): boolean {
  if (
    unit.ddl.length > 0 ||
    unit.sequences.length > 0 ||
    unit.manifest !== null ||
    unit.bulk.length > 0
  )
    return false;
  return unit.tables.every(
    ({table, changes, isTruncate}) => isMemoryOnly(table) || (changes.length === 0 && !isTruncate),
  );
}
