// Hot path: every commit passes here.
import type Database from 'better-sqlite3';
import type {Statement} from 'better-sqlite3';
import {internalError, PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {diskError} from '../../common/system-errors.ts';
import type {CommitEvent} from '../contract.ts';
import {failpoint} from '../failpoint.ts';
import type {Durability} from '../hot/durability.ts';
import type {HotStore} from '../hot/hot-store.ts';
import type {LogIndex} from '../hot/log-index.ts';
import type {Manifest, MovedPlaces} from '../manifest.ts';
import type {StorageLogger} from '../settings.ts';
import {type Pace, runInTurns, type Slices} from '../slices.ts';
import {applyInSlices, applyToMemory} from './apply-memory.ts';
import {type CommitUnit, partsInSlices, partsOf} from './commit-unit.ts';
import {eventParts} from './pending-rows.ts';
import type {SnapshotRegistry} from './snapshot.ts';
import {isMemoryUnit, type Member, UnitWriter} from './unit-writer.ts';

const RID_RESERVE = 1 << 20;
/** Commits that do not wait for more company. */
const LARGE_GROUP = 32;
const SEQ_RESERVE = 100_000;
/** SQLite's page cache in KB: always, and for a large commit. */
const CACHE = 'PRAGMA cache_size = -65536';
const LARGE_CACHE = 'PRAGMA cache_size = -4096';

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
  readonly logIndex: LogIndex;
  readonly snapshots: SnapshotRegistry;
  readonly durability: Durability;
  readonly counters: Counters;
  readonly listeners: Set<(event: CommitEvent) => void>;
  readonly logger: StorageLogger;
  /** Milliseconds of a slice of a large commit. */
  readonly sliceMs: number;
  /** Microseconds since 2000-01-01. */
  now(): bigint;
  /** Called after a group was applied, with the number of rows it wrote. */
  afterGroup(rows: number): void;
}

/** What runs with nothing else under way. */
interface Work {
  readonly kind: 'work';
  run(): void;
}

/**
 * Collects commits of one turn of the event loop and applies them in one SQLite transaction; memory
 * changes only after SQLite's COMMIT. A large commit is applied alone and in slices: others wait for its end, reads do not.
 */
export class CommitQueue {
  readonly #context: CommitContext;
  readonly #writer: UnitWriter;
  readonly #putMeta: Statement;
  readonly #begin: Statement;
  readonly #commit: Statement;
  #waiting: (Member | Work)[] = [];
  /** What waits behind the work that runs. */
  #behind: readonly (Member | Work)[] = [];
  #isScheduled = false;
  readonly #endOfTurn = (): void => {
    this.#isScheduled = false;
    this.flush();
  };
  /** A checkpoint's last pass runs. */
  #isPaused = false;
  /** A group is applied in this turn. */
  #isFlushing = false;
  /** A large commit is applied in slices. */
  #isInSlices = false;
  #lastSeq: number;
  #workManifest: Manifest;

  constructor(context: CommitContext, lastSeq: number) {
    this.#context = context;
    this.#lastSeq = lastSeq;
    this.#workManifest = context.snapshots.current.manifest;
    const {db, hot, logIndex} = context;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#putMeta = db.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)');
    this.#writer = new UnitWriter(db, hot, context.counters, logIndex);
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
    this.#waiting.push({kind: 'commit', unit, seq: 0, timestamp: 0n, parts: []});
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
    return this.#isPaused || this.#isFlushing || this.#isInSlices;
  }

  /** While held, commits wait: the last pass of a checkpoint. */
  hold(isHeld: boolean): void {
    this.#isPaused = isHeld;
    this.flush();
  }

  /** Applies what waits and resolves once commits are not held and none waits. */
  settle(): Promise<void> {
    return this.exclusive(() => {});
  }

  /**
   * Applies what waits, then calls `work` with nothing waiting or under way: what it enqueues comes next, and
   * what it sees is the newest state.
   */
  async exclusive<T>(work: () => T): Promise<T> {
    this.flush();
    if (!this.isHeld) return work();
    return new Promise<T>((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.push({kind: 'work', run});
    });
  }

  /**
   * A write to SQLite that is part of no commit and that nobody waits for: at its place in the order of commits, so that it never joins the
   * open transaction of a large one, nor goes with it. `what` it is, for the log when it fails.
   */
  beside(what: string, write: () => void): void {
    const {db, logger} = this.#context;
    this.exclusive(() => {
      if (db.open) write();
    }).catch((error: unknown) => logger.warn(`${what}: ${String(error)}`));
  }

  /** Applies what waits now, in order, up to the first large commit, whose slices then begin. */
  flush(): void {
    while (this.#waiting.length > 0 && !this.isHeld) {
      const all = this.#waiting;
      const apart = all.findIndex(isApart);
      const group = apart === -1 ? all : all.slice(0, apart);
      this.#waiting = apart === -1 ? [] : all.slice(apart);
      if (group.length > 0) this.#flushGroup(group as readonly Member[]);
      if (apart === -1) return;
      if (!this.isHeld) this.#runFirst();
    }
  }

  /** What stands first goes alone: a large commit begins, or work runs with the queue to itself. */
  #runFirst(): void {
    const [first, ...rest] = this.#waiting;
    this.#waiting = [];
    this.#behind = rest;
    if (first!.kind === 'commit') this.#startLarge(first!);
    else first!.run();
    this.#behind = [];
    this.#waiting.push(...rest);
  }

  /** Work that had the queue to itself moved cold rows: commits that wait behind it learn their new places. */
  relocate(table: number, places: MovedPlaces): void {
    for (const waiting of this.#behind) {
      if (waiting.kind !== 'commit') continue;
      for (const {table: changed, changes} of waiting.unit.tables) {
        if (changed.oid !== table) continue;
        for (const change of changes)
          change.location = places.get(change.location) ?? change.location;
      }
    }
  }

  #startLarge(member: Member): void {
    this.#isInSlices = true;
    void runInTurns(pace => this.#runLarge(member, pace), this.#context.sliceMs)
      .catch((error: unknown) => {
        // SQLite has the commit, memory has a part of it: only a restart makes them agree.
        this.#context.logger.error(`a commit could not be published: ${stackOf(error)}`);
        process.exit(1);
      })
      .then(() => this.flush());
  }

  #flushGroup(group: readonly Member[]): void {
    this.#isFlushing = true;
    try {
      this.#applyGroup(group);
    } finally {
      this.#isFlushing = false;
    }
  }

  #applyGroup(group: readonly Member[]): void {
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
    const {hot, snapshots} = this.#context;
    this.#publishCreated();
    const oldest = snapshots.oldest();
    for (const {unit, seq} of applied) applyToMemory(hot, unit, seq, oldest);
    this.#publish(applied);
  }

  /** Runs members in one SQLite transaction; an error leaves nothing of them. */
  #tryApply(members: readonly Member[]): Error | null {
    const undo = this.#mark();
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
        // A commit that leaves nothing in the log at the end of a group needs its seq reserved.
        if (isMemoryUnit(member.unit) && member.seq > this.#context.counters.storedSeq)
          this.#reserveSeqs(0);
        this.#workManifest = this.#writer.write(member, this.#workManifest);
      }
      this.#endTransaction();
      return null;
    } catch (error) {
      undo();
      return asPgError(error);
    }
  }

  /**
   * A large commit: what it reads of the state, its rows in SQLite, then in memory, where nobody sees them before the
   * snapshot that `#publish` makes.
   */
  *#runLarge(member: Member, pace: Pace): Slices {
    const {unit} = member;
    const failure = yield* this.#tryApplyLarge(member, pace);
    if (failure !== null) {
      this.#isInSlices = false;
      unit.failed(failure);
      return;
    }
    this.#publishCreated();
    const {hot, snapshots} = this.#context;
    yield* applyInSlices(hot, unit, member.seq, () => snapshots.oldest(), pace);
    // Whoever goes on in the turn of the publication finds the queue free.
    this.#isInSlices = false;
    this.#isFlushing = true;
    this.#publish([member]);
    this.#isFlushing = false;
  }

  *#tryApplyLarge(member: Member, pace: Pace): Slices<Error | null> {
    const {db} = this.#context;
    const undo = this.#mark();
    try {
      yield* member.unit.prepare!(pace);
      // With a small cache pages go to the WAL as they fill, not all in the turn of the COMMIT.
      db.exec(LARGE_CACHE);
      this.#begin.run();
      member.seq = ++this.#lastSeq;
      member.timestamp = this.#context.now();
      member.parts = yield* this.#whileOpen(partsInSlices(member.unit.tables, pace));
      if (isMemoryUnit(member.unit)) this.#reserveSeqs(0);
      const written = this.#writer.writeInSlices(member, this.#workManifest, pace);
      this.#workManifest = yield* this.#whileOpen(written);
      failpoint('large-before-end');
      this.#endTransaction();
      failpoint('large-after-commit');
      return null;
    } catch (error) {
      undo();
      return asPgError(error);
    } finally {
      db.exec(CACHE);
    }
  }

  /** SQLite may end a transaction in a turn of somebody else's; what followed would then be committed row by row. */
  *#whileOpen<T>(slices: Slices<T>): Slices<T> {
    for (;;) {
      const step = slices.next();
      if (step.done === true) return step.value;
      yield;
      if (!this.#context.db.inTransaction)
        throw new PgError(SqlState.ioError, 'could not commit: SQLite ended the transaction');
    }
  }

  /** Puts back what a failed transaction changed. */
  #mark(): () => void {
    const {db, counters, logIndex} = this.#context;
    const lastSeq = this.#lastSeq;
    const manifest = this.#workManifest;
    const created = this.#writer.created.length;
    const undoIndex = logIndex.mark();
    return () => {
      if (db.inTransaction) db.exec('ROLLBACK');
      undoIndex();
      this.#lastSeq = lastSeq;
      this.#workManifest = manifest;
      this.#writer.created.length = created;
      counters.storedOid = 0;
      counters.storedRid = 0;
      counters.storedSegment = 0;
      counters.storedSeq = 0;
    };
  }

  #endTransaction(): void {
    this.#storeCounters();
    failpoint('before-sqlite-commit');
    this.#commit.run();
    failpoint('after-sqlite-commit');
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

  /** Generations that a commit made exist now. */
  #publishCreated(): void {
    const {created} = this.#writer;
    this.#writer.created = [];
    for (const table of created)
      this.#context.hot.state(table.generation.table).generations.push(table);
  }

  /** Snapshots and listeners, once SQLite and memory have the commits. */
  #publish(members: readonly Member[]): void {
    const {snapshots, durability, listeners} = this.#context;
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
    const catalogKeys = member.unit.ddl.flatMap(effect =>
      effect.kind === 'catalog' ? [effect.key] : [],
    );
    const event: CommitEvent = {
      seq: BigInt(member.seq) as Seq,
      timestamp: member.timestamp,
      parts: eventParts(member.unit, member.parts),
      catalogKeys,
    };
    for (const listener of this.#context.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#context.logger.error(`a commit listener failed: ${stackOf(error)}`);
      }
    }
  }
}

/** Whether it goes alone. */
function isApart(waiting: Member | Work): boolean {
  return waiting.kind === 'work' || waiting.unit.prepare !== undefined;
}

/** SQLite's errors as a client may see them. */
function asPgError(error: unknown): Error {
  if (error instanceof PgError) return error;
  const disk = diskError('could not commit', error);
  if (disk !== null) return disk;
  return error instanceof Error ? error : internalError(String(error));
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
