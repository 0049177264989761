import {PgError} from '../common/errors.ts';
import type {OwnerId, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {END, PAUSE} from '../exec/operator.ts';
import {paramsWith} from './lift-constants.ts';
import type {Datum} from '../types/contract.ts';
import type {LogReader, Storage, TableStorage} from '../storage/contract.ts';
import {controlFrame, type Frame, MARK, RESET} from './frame.ts';
import type {Group, GroupMember} from './match/group.ts';
import {matchOne} from './match/matcher.ts';
import {tokenAt} from './resume-token.ts';
import {isStaleSnapshot} from './results/run-query.ts';
import {snapshotPlan} from './snapshot-plan.ts';
import type {LiveShape} from './live-shape.ts';
import type {
  CursorHost,
  LiveSink,
  PlannedCursor,
  SnapshotRows,
  SubscribeOptions,
} from './subscription-types.ts';

/** What a subscription of class A needs of its hub. */
export interface SubscriptionHost extends CursorHost {
  readonly storage: Storage;
  /** Commits up to here were dispatched to all who are live. */
  settled(): Seq;
  logReader(table: TableStorage, owner: OwnerId | null): LogReader;
  touched(sink: LiveSink): void;
  /** It is no member of its group any more. */
  left(subscription: LiveSubscription): void;
}

/**
 * waiting: for durability of what it is about to show. snapshot: rows are read. marking: the mark after them is due.
 * replay: the log is read up to the head.
 * live: frames come from the matcher. resetting: the receiver is to be told, then it starts over.
 */
export type SubscriptionState =
  | 'waiting'
  | 'snapshot'
  | 'marking'
  | 'replay'
  | 'live'
  | 'resetting'
  | 'closed';

/** Commits of the log that a replay reads at once, and batches of a snapshot between two turns. */
const LOG_PORTION = 64;
const BATCHES_PER_TURN = 16;

/** A cursor into the change log: nothing is buffered here, a slow receiver only stays behind. */
export class LiveSubscription implements GroupMember, PlannedCursor {
  readonly id: number;
  readonly group: Group;
  readonly options: SubscribeOptions<LiveShape>;
  readonly sink: LiveSink;
  readonly createdAt: bigint;
  /** Place among the group's members. */
  memberAt = 0;
  state: SubscriptionState = 'waiting';
  changes = 0n;
  resets = 0;
  readonly #host: SubscriptionHost;
  readonly #params: readonly Datum[];
  /** Everything up to here was given, or had nothing for this query. */
  #cursor = 0n as Seq;
  /** Nothing is given before this commit is durable. */
  #barrier = 0n as Seq;
  #rows: SnapshotRows | null = null;
  /** Commits since the cursor that were not given may exist. */
  #hasMissed = false;
  #owesMark = true;
  #resetReason = '';
  #isPumping = false;
  #log: LogReader | null = null;

  constructor(
    id: number,
    group: Group,
    options: SubscribeOptions<LiveShape>,
    host: SubscriptionHost,
    createdAt: bigint,
  ) {
    this.id = id;
    this.group = group;
    this.options = options;
    this.sink = options.sink;
    this.createdAt = createdAt;
    this.#host = host;
    this.#params = paramsWith(options.shape, options.params);
  }

  /** Takes its place in the commit order: in this turn the snapshot is taken; from now on the matcher tells what is missed. */
  open(resumeAt: Seq | 'now' | 'snapshot' | 'reset', resetReason: string): void {
    if (resumeAt === 'reset') {
      this.reset(resetReason);
      return;
    }
    this.#place(resumeAt);
    this.#settle();
  }

  #place(at: Seq | 'now' | 'snapshot'): void {
    const {storage} = this.#host;
    this.#barrier = storage.lastSeq;
    this.#hasMissed = typeof at === 'bigint' && at < storage.lastSeq;
    this.#owesMark = true;
    this.state = 'waiting';
    if (at === 'snapshot') {
      this.#rows = this.options.source.open(
        snapshotPlan(this.options.shape, {
          projection: this.options.codec.projection(this.options.shape),
          table: this.#table(),
          types: this.options.catalog,
          lastRows: this.options.start.lastRows,
        }),
        this.#params,
        this.options.slots,
        0,
      );
      this.#cursor = this.#rows.seq;
      this.#hasMissed = this.#rows.seq < this.#barrier;
    } else {
      this.#cursor = at === 'now' ? storage.lastSeq : at;
    }
  }

  #settle(): void {
    const {storage} = this.#host;
    if (storage.durableSeq >= this.#barrier) this.#later();
    else storage.onDurable(this.#barrier, () => this.#later());
  }

  /** The seq that a resume may start from. */
  get position(): Seq {
    return this.state === 'live' ? maxSeq(this.#cursor, this.#host.settled()) : this.#cursor;
  }

  /** Where to resume; undefined while the first rows are not all given. */
  get token(): string | undefined {
    const isWhole = this.#rows === null && this.state !== 'resetting' && this.state !== 'marking';
    return isWhole ? tokenAt(this.position, this.group.tokenTail) : undefined;
  }

  /** The receiver can take more. */
  wake(): void {
    if (this.state !== 'live' && this.state !== 'closed') this.#pump();
  }

  /** Says how far it is, when it is live and the receiver takes it. */
  mark(): void {
    if (this.state !== 'live' || this.options.authority.isStale || this.sink.wanted <= 0) return;
    this.#cursor = this.position;
    this.sink.frame(controlFrame(this.#cursor, MARK, this.group.tokenTail));
    this.sink.flush();
  }

  deliver(frame: Frame): void {
    if (this.options.authority.isStale) return;
    if (this.state !== 'live') {
      if (frame.seq > this.#cursor) this.#hasMissed = true;
      return;
    }
    if (frame.seq <= this.#cursor) return;
    if (this.sink.wanted <= 0) {
      this.#cursor = (frame.seq - 1n) as Seq;
      this.#hasMissed = true;
      this.state = 'replay';
      return;
    }
    this.#cursor = frame.seq;
    this.changes += BigInt(frame.ops.length);
    try {
      this.sink.frame(frame);
    } catch (error) {
      this.fail(error);
    }
    this.#host.touched(this.sink);
  }

  /** Starts over: the receiver is told why, then (if it wanted rows) gets them anew. */
  reset(reason: string): void {
    if (this.state === 'closed') return;
    this.#closeRows();
    this.#resetReason = reason;
    this.state = 'resetting';
    this.#later();
  }

  failAt(seq: Seq, error: unknown): void {
    if (seq > this.#cursor && !this.options.authority.isStale) this.fail(error);
  }

  fail(error: unknown): void {
    if (this.state === 'closed') return;
    const pgError =
      error instanceof PgError
        ? error
        : new PgError(
            SqlState.internalError,
            error instanceof Error ? error.message : String(error),
            {cause: error},
          );
    this.close();
    this.sink.closed(pgError);
  }

  close(): void {
    if (this.state === 'closed') return;
    this.leave();
    this.#host.removed(this);
  }

  leave(): void {
    this.#closeRows();
    this.state = 'closed';
    this.#host.left(this);
  }

  /** As it is now: columns that the query reads are where they were, or it would have been planned anew. */
  #table(): TableStorage {
    const {options} = this;
    return options.storageOf(options.newest(), options.shape.table);
  }

  #closeRows(): void {
    const rows = this.#rows;
    this.#rows = null;
    rows?.close();
  }

  #later(): void {
    setImmediate(() => this.#pump());
  }

  #pump(): void {
    if (this.#isPumping || this.state === 'closed' || this.options.authority.isStale) return;
    this.#isPumping = true;
    try {
      let turns = 0;
      while (this.#step()) {
        if (++turns < BATCHES_PER_TURN) continue;
        this.#later();
        break;
      }
    } catch (error) {
      // A table took another form while its rows were read: they are read as they are now.
      if (this.state === 'snapshot' && isStaleSnapshot(error)) this.reset('schema');
      else this.fail(error);
    } finally {
      this.#isPumping = false;
    }
    this.sink.flush();
  }

  /** One step; false when there is nothing to do now (a wake or a callback comes). */
  #step(): boolean {
    switch (this.state) {
      case 'waiting':
        if (this.#host.storage.durableSeq < this.#barrier) return false;
        this.state = this.#rows === null ? 'replay' : 'snapshot';
        return true;
      case 'snapshot':
        return this.#readRows(this.#rows!);
      case 'marking':
        if (!this.#sendMark()) return false;
        this.state = 'replay';
        return true;
      case 'replay':
        return this.#replay();
      case 'resetting':
        return this.#restart();
      case 'live':
      case 'closed':
        return false;
    }
  }

  #readRows(rows: SnapshotRows): boolean {
    const wanted = this.sink.wanted;
    if (wanted <= 0) return false;
    const batch = rows.next(Math.min(wanted, 1024));
    if (batch === END) {
      this.#closeRows();
      this.state = 'marking';
      return true;
    }
    if (batch === PAUSE) {
      const {pause} = rows;
      if (pause === null) this.#later();
      else
        pause.then(
          () => this.#later(),
          error => this.fail(error),
        );
      return false;
    }
    this.sink.snapshot(rows.seq, batch);
    return true;
  }

  #sendMark(): boolean {
    if (this.sink.wanted <= 0) return false;
    this.#owesMark = false;
    this.sink.frame(controlFrame(this.#cursor, MARK, this.group.tokenTail));
    return true;
  }

  #restart(): boolean {
    if (this.sink.wanted <= 0) return false;
    this.resets++;
    this.sink.frame(
      controlFrame(this.#host.settled(), RESET, this.group.tokenTail, this.#resetReason),
    );
    this.#place(this.options.start.snapshot ? 'snapshot' : 'now');
    this.#settle();
    return false;
  }

  #replay(): boolean {
    const head = this.#host.settled();
    if (!this.#hasMissed || this.#cursor >= head) return this.#goLive(head);
    if (this.sink.wanted <= 0) return false;
    this.#log ??= this.#host.logReader(this.#table(), this.group.owner);
    const {entries, gap} = this.#log.read(this.#cursor, LOG_PORTION);
    if (gap) {
      this.reset('retention');
      return false;
    }
    for (const entry of entries) {
      if (entry.seq > head) return this.#goLive(head);
      const {hasFrame, isReset} = matchOne(this.group, entry);
      if (isReset) {
        this.reset('truncate');
        return false;
      }
      if (hasFrame) {
        const frame = this.group.take(entry.seq);
        if (this.sink.wanted <= 0) return false;
        this.changes += BigInt(frame.ops.length);
        this.sink.frame(frame);
      }
      this.#cursor = entry.seq;
    }
    return entries.length < LOG_PORTION ? this.#goLive(head) : true;
  }

  #goLive(head: Seq): boolean {
    this.#cursor = maxSeq(this.#cursor, head);
    this.#hasMissed = false;
    this.#log = null;
    if (this.#owesMark && !this.#sendMark()) {
      // It waits in this state; what comes meanwhile is in the log.
      return false;
    }
    this.state = 'live';
    return false;
  }
}

function maxSeq(a: Seq, b: Seq): Seq {
  return a > b ? a : b;
}
