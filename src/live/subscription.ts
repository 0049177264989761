import {PgError} from '../common/errors.ts';
import type {OwnerId, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {END, PAUSE} from '../exec/operator.ts';
import type {LogReader, Storage, TableStorage} from '../storage/contract.ts';
import {controlFrame, type Frame, MARK, RESET} from './frame.ts';
import type {Group, GroupMember} from './match/group.ts';
import {matchOne} from './match/matcher.ts';
import {tokenAt} from './resume-token.ts';
import {staleReason} from './results/run-query.ts';
import type {SnapshotPlans} from './snapshot-plans.ts';
import type {LiveShape} from './live-shape.ts';
import type {
  CursorHost,
  LiveSink,
  LiveTag,
  PlannedCursor,
  SharedOptions,
  SnapshotRows,
  SubscribeOptions,
} from './subscription-types.ts';

/** What a subscription of class A needs of its hub. */
export interface SubscriptionHost extends CursorHost {
  readonly storage: Storage;
  readonly snapshots: SnapshotPlans;
  /** Commits up to here were given to all who are live. */
  settled(): Seq;
  /** Commits up to here are given, or about to be, to all who are live: who is not reads them from the log. */
  begun(): Seq;
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

/** Commits of the log that a replay reads at once. */
const LOG_PORTION = 64;
/** Rows and commits are given for so long in a turn. */
const SLICE_MS = 5;

/** What a subscription has beside while it is not live. */
class Approach {
  /** Nothing is given before this commit is durable. */
  barrier = 0n as Seq;
  rows: SnapshotRows | null = null;
  log: LogReader | null = null;
  /** Commits since the cursor that were not given may exist. */
  hasMissed = false;
  owesMark: boolean;
  resetReason = '';
  isPumping = false;
  /** Many may start over at once: who has just come goes first. */
  readonly isUrgent: boolean;

  constructor(owesMark: boolean, isUrgent: boolean) {
    this.owesMark = owesMark;
    this.isUrgent = isUrgent;
  }
}

/**
 * A cursor into the change log: nothing is buffered here, a slow receiver only stays behind. Of one that is live there may be 100,000:
 * what it has in common with others lies in its options and its group, what only the others need in its approach.
 */
export class LiveSubscription implements GroupMember, PlannedCursor {
  readonly id: number;
  readonly tag: LiveTag;
  readonly group: Group;
  readonly options: SharedOptions<LiveShape>;
  readonly createdAt: number;
  /** Place among the group's members. */
  memberAt = 0;
  state: SubscriptionState = 'waiting';
  changes = 0;
  resets = 0;
  readonly #host: SubscriptionHost;
  /** The seq up to which everything was given, or had nothing for this query; a number, as bigints lie in memory of their own. */
  #at = 0;
  #approach: Approach | null = new Approach(true, true);

  constructor(
    opening: {readonly id: number; readonly tag: LiveTag; readonly createdAt: number},
    group: Group,
    options: SharedOptions<LiveShape>,
    host: SubscriptionHost,
  ) {
    this.id = opening.id;
    this.tag = opening.tag;
    this.createdAt = opening.createdAt;
    this.group = group;
    this.options = options;
    this.#host = host;
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
    const approach = new Approach(true, this.#approach?.isUrgent !== false);
    const {lastSeq} = storage;
    this.#approach = approach;
    this.state = 'waiting';
    approach.barrier = lastSeq;
    if (at === 'snapshot') approach.rows = this.#snapshot();
    const begin = approach.rows?.seq ?? (typeof at === 'bigint' ? at : lastSeq);
    this.#at = Number(begin);
    approach.hasMissed = begin < lastSeq;
  }

  #snapshot(): SnapshotRows {
    const {params, slots} = this.group.values;
    const plan = this.#host.snapshots.plan(this.options, this.#table());
    return this.options.source.open(plan, params, slots, 0);
  }

  #settle(): void {
    const {storage} = this.#host;
    const {barrier} = this.#approach!;
    if (storage.durableSeq >= barrier) this.#later();
    else storage.onDurable(barrier, () => this.#later());
  }

  asked(): SubscribeOptions<LiveShape> {
    const {options, tag} = this;
    const {shape, snapshot, lastRows} = options;
    const {params, slots} = this.group.values;
    const own = params.slice(0, shape.parameterCount);
    return {...options, params: own, slots, tag, start: {snapshot, lastRows, ...NOWHERE}};
  }

  /** The seq that a resume may start from. */
  get position(): Seq {
    const at = BigInt(this.#at) as Seq;
    return this.state === 'live' ? maxSeq(at, this.#host.settled()) : at;
  }

  /** Where to resume; undefined while the first rows are not all given. */
  get token(): string | undefined {
    const isWhole =
      (this.#approach === null || this.#approach.rows === null) &&
      this.state !== 'resetting' &&
      this.state !== 'marking';
    return isWhole ? tokenAt(this.position, this.group.tokenTail) : undefined;
  }

  /** The receiver can take more. */
  wake(): void {
    if (this.state !== 'live' && this.state !== 'closed') this.#pump();
  }

  /** Says how far it is, when it is live and the receiver takes it. */
  mark(): void {
    const {authority, sink} = this.options;
    if (this.state !== 'live' || authority.isStale || sink.wanted <= 0) return;
    const {position} = this;
    this.#at = Number(position);
    this.#give(controlFrame(position, MARK, this.group.tokenTail));
    sink.flush();
  }

  deliver(frame: Frame): void {
    const {authority, sink} = this.options;
    if (authority.isStale) return;
    const seq = Number(frame.seq);
    if (this.state !== 'live') {
      if (this.#approach !== null && seq > this.#at) this.#approach.hasMissed = true;
      return;
    }
    if (seq <= this.#at) return;
    if (sink.wanted <= 0) {
      this.#at = seq - 1;
      this.#approach = new Approach(false, true);
      this.#approach.hasMissed = true;
      this.state = 'replay';
      return;
    }
    this.#at = seq;
    this.changes += frame.ops.length;
    try {
      this.#give(frame);
    } catch (error) {
      this.fail(error);
    }
    this.#host.touched(sink);
  }

  #give(frame: Frame): void {
    this.options.sink.frame(frame, this.tag, this.options.shape);
  }

  /** Starts over: the receiver is told why, then (if it wanted rows) gets them anew. */
  reset(reason: string): void {
    if (this.state === 'closed') return;
    this.#closeRows();
    const isPumping = this.#approach?.isPumping === true;
    this.#approach = new Approach(true, false);
    this.#approach.isPumping = isPumping;
    this.#approach.resetReason = reason;
    this.state = 'resetting';
    this.#later();
  }

  failAt(seq: Seq, error: unknown): void {
    if (Number(seq) > this.#at && !this.options.authority.isStale) this.fail(error);
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
    this.options.sink.closed(pgError, this.tag);
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
    const approach = this.#approach;
    if (approach === null) return;
    const {rows} = approach;
    approach.rows = null;
    rows?.close();
  }

  #later(): void {
    this.#host.later(() => this.#pump(), this.#approach?.isUrgent === true);
  }

  #pump(): void {
    const approach = this.#approach;
    if (approach === null || approach.isPumping || this.state === 'closed') return;
    if (this.options.authority.isStale) return;
    approach.isPumping = true;
    try {
      const until = performance.now() + SLICE_MS;
      while (this.#step()) {
        if (performance.now() < until) continue;
        this.#later();
        break;
      }
    } catch (error) {
      const stale = this.state === 'snapshot' ? staleReason(error) : null;
      if (stale === null) this.fail(error);
      else this.reset(stale);
    } finally {
      if (this.#approach !== null) this.#approach.isPumping = false;
    }
    this.options.sink.flush();
  }

  /** One step; false when there is nothing to do now (a wake or a callback comes). */
  #step(): boolean {
    const approach = this.#approach;
    if (approach === null) return false;
    switch (this.state) {
      case 'waiting':
        if (this.#host.storage.durableSeq < approach.barrier) return false;
        this.state = approach.rows === null ? 'replay' : 'snapshot';
        return true;
      case 'snapshot':
        return this.#readRows(approach.rows!);
      case 'marking':
        if (!this.#sendMark(approach)) return false;
        this.state = 'replay';
        return true;
      case 'replay':
        return this.#replay(approach);
      case 'resetting':
        return this.#restart(approach);
      case 'live':
      case 'closed':
        return false;
    }
  }

  #readRows(rows: SnapshotRows): boolean {
    const {sink} = this.options;
    const {wanted} = sink;
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
    sink.snapshot(rows.seq, batch, this.tag, this.options.shape);
    return true;
  }

  #sendMark(approach: Approach): boolean {
    if (this.options.sink.wanted <= 0) return false;
    approach.owesMark = false;
    this.#give(controlFrame(BigInt(this.#at) as Seq, MARK, this.group.tokenTail));
    return true;
  }

  #restart({resetReason}: Approach): boolean {
    const {sink, snapshot} = this.options;
    if (sink.wanted <= 0) return false;
    this.resets++;
    this.#give(controlFrame(this.#host.settled(), RESET, this.group.tokenTail, resetReason));
    this.#place(snapshot ? 'snapshot' : 'now');
    // Read at once where that can be: of thousands that start over few have a snapshot open at the same time.
    if (this.#host.storage.durableSeq >= this.#approach!.barrier) return true;
    this.#settle();
    return false;
  }

  #replay(approach: Approach): boolean {
    // A commit that is being given to one after the other may still come to this one.
    if (!approach.hasMissed) return this.#goLive(approach, this.#host.settled());
    const head = this.#host.begun();
    if (this.#at >= Number(head)) return this.#goLive(approach, head);
    if (this.options.sink.wanted <= 0) return false;
    approach.log ??= this.#host.logReader(this.#table(), this.group.owner);
    const {entries, gap} = approach.log.read(BigInt(this.#at) as Seq, LOG_PORTION);
    if (gap) {
      this.reset('retention');
      return false;
    }
    for (const entry of entries) {
      if (entry.seq > head) return this.#goLive(approach, head);
      const {hasFrame, isReset} = matchOne(this.group, entry);
      if (isReset) {
        this.reset('truncate');
        return false;
      }
      if (hasFrame) {
        const frame = this.group.take(entry.seq);
        if (this.options.sink.wanted <= 0) return false;
        this.changes += frame.ops.length;
        this.#give(frame);
      }
      this.#at = Number(entry.seq);
    }
    return entries.length < LOG_PORTION ? this.#goLive(approach, head) : true;
  }

  #goLive(approach: Approach, head: Seq): boolean {
    this.#at = Math.max(this.#at, Number(head));
    approach.hasMissed = false;
    approach.log = null;
    // When the mark cannot be sent it waits in this state; what comes meanwhile is in the log.
    if (approach.owesMark && !this.#sendMark(approach)) return false;
    this.state = 'live';
    this.#approach = null;
    return false;
  }
}

/** It begins with rows, or now. */
const NOWHERE = {resume: null, from: null} as const;

function maxSeq(a: Seq, b: Seq): Seq {
  return a > b ? a : b;
}
