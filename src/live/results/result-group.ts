import type {Seq} from '../../common/ids.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {Frame} from '../frame.ts';
import type {LiveSink, SharedOptions, SubscribeOptions} from '../subscription-types.ts';
import {type QueryRun, staleReason} from './run-query.ts';
import {changeBetween, type ResultChange, type ResultRow, type ResultRows} from './result-rows.ts';

/** Reads that may fail in a row because tables are altered meanwhile. */
const MAX_READS = 10;

/** What a group needs of its hub. */
export interface ResultHost {
  later(task: () => void, isUrgent: boolean): void;
  readonly durableSeq: Seq;
  onDurable(seq: Seq, callback: () => void): void;
  /** Commits up to here were dispatched. */
  settled(): Seq;
  /** The last subscription has gone. */
  emptied(group: ResultGroup): void;
}

/** A subscriber as its group sees it. */
export interface ResultMember {
  readonly id: number;
  readonly options: SharedOptions;
  readonly state: string;
  readonly sink: LiveSink;
  /** The group has a first result: it may begin. */
  later(): void;
  wake(): void;
  /** A new state of the result. The frame is that of all subscribers. */
  deliver(seq: Seq, change: ResultChange, frame: Frame): void;
  /** Starts over with the rows as they are now. */
  reset(reason: string): void;
  fail(error: unknown): void;
}

/** Who shares a result, and how tokens of it end. */
export interface ResultIdentity {
  readonly text: string;
  readonly tokenTail: string;
}

/** A result that is kept for all who subscribe to the same query with the same values as the same role. */
export abstract class ResultGroup {
  readonly text: string;
  readonly tokenTail: string;
  readonly options: SubscribeOptions;
  readonly members = new Set<ResultMember>();
  /** Of the rows as the codec gives them. */
  abstract readonly types: readonly TypeInstance[];
  /** Null until it was read first. */
  rows: ResultRows | null = null;
  /** `rows` is the result at this commit. */
  seq = 0n as Seq;
  protected readonly host: ResultHost;
  #run: QueryRun | null = null;
  #isReadDue = false;
  #isClosed = false;
  #failedReads = 0;
  /** The newest TRUNCATE of a table that members have not been told of. */
  #truncatedAt: Seq | null = null;

  constructor(options: SubscribeOptions, identity: ResultIdentity, host: ResultHost) {
    this.options = options;
    this.text = identity.text;
    this.tokenTail = identity.tokenTail;
    this.host = host;
  }

  /** Reads the query again, at a commit not before now. Not while a read is under way. */
  protected abstract read(): QueryRun;
  /** The rows of a finished read, as of its commit, which is durable. */
  protected abstract wasRead(seq: Seq, rows: readonly ResultRow[], workMs: number): void;
  /** What the result became since a commit up to `seq`: null = nothing, undefined = not known. */
  abstract changeSince(since: Seq): ResultChange | null | undefined;
  /** Everything up to here is in `rows`, or did not concern it. */
  abstract readonly position: Seq;
  /** Whether the result of that commit, or of a later one, is known; if not it is read, and members are told. */
  abstract reaches(seq: Seq): boolean;

  /** What is shown comes from a read that is under way, or about to begin. */
  protected get isReading(): boolean {
    return this.#run !== null || this.#isReadDue;
  }

  /** The commit that the rows are of, or will be of when those that are being read are here. */
  protected get readSeq(): Seq {
    if (this.#isReadDue) return AFTER_ALL;
    return this.#run?.seq ?? this.seq;
  }

  protected get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Opens a read in a later turn: of thousands of groups few have a snapshot open at the same time. */
  protected beginRead(): void {
    if (this.isReading || this.#isClosed) return;
    this.#isReadDue = true;
    this.host.later(() => {
      this.#isReadDue = false;
      if (this.#openRead()) this.#run!.begin();
    }, false);
  }

  /** Opens it in this turn: what is committed from now on is a change. */
  protected beginReadNow(): void {
    if (this.#openRead()) this.host.later(() => this.#run?.begin(), true);
  }

  #openRead(): boolean {
    if (this.#isClosed) return false;
    try {
      this.#run = this.read();
      return true;
    } catch (error) {
      this.host.later(() => this.fail(error), true);
      return false;
    }
  }

  /** For `read`: what its run is to report to. */
  protected readonly receiver = {
    later: (step: () => void): void => this.host.later(step, false),
    done: (seq: Seq, rows: readonly ResultRow[], workMs: number): void => {
      const finish = (): void => {
        this.#run = null;
        this.#failedReads = 0;
        if (this.#isClosed) return;
        try {
          this.wasRead(seq, rows, workMs);
        } catch (error) {
          this.fail(error);
        }
      };
      if (this.host.durableSeq >= seq) finish();
      else this.host.onDurable(seq, finish);
    },
    failed: (error: unknown): void => {
      this.#run = null;
      if (staleReason(error) !== null && ++this.#failedReads <= MAX_READS) this.beginRead();
      else this.fail(error);
    },
  };

  /** A table was emptied: the first result that knows of it is told as a reset. */
  protected truncated(seq: Seq): void {
    this.#truncatedAt = seq;
  }

  #resetMembers(): void {
    this.#truncatedAt = null;
    for (const member of [...this.members]) {
      // Who waits has no rows yet, or resumes at a commit that is looked up in the log.
      if (member.state === 'waiting') member.later();
      else if (member.state !== 'resetting') member.reset('truncate');
    }
  }

  /** The result at a commit: members get what is different. */
  protected publish(seq: Seq, rows: ResultRows): void {
    const before = this.rows;
    this.rows = rows;
    this.seq = seq;
    if (before === null) {
      this.#truncatedAt = null;
      for (const member of this.members) member.later();
      return;
    }
    if (this.#truncatedAt !== null && seq >= this.#truncatedAt) {
      this.#resetMembers();
      return;
    }
    const change = changeBetween(before, rows, this.types);
    if (change !== null) {
      const frame = new Frame(seq, change.ops, change.rows, change.olds, this.tokenTail);
      frame.isShared = this.members.size > 1;
      for (const member of [...this.members]) member.deliver(seq, change, frame);
    }
    for (const member of this.members) {
      if (member.state === 'live') member.sink.flush();
      else member.wake();
    }
  }

  fail(error: unknown): void {
    // Who is about to be planned anew has nothing to do with it.
    for (const member of [...this.members])
      if (!member.options.authority.isStale) member.fail(error);
  }

  left(member: ResultMember): void {
    if (!this.members.delete(member)) return;
    if (this.members.size > 0) return;
    this.close();
    this.host.emptied(this);
  }

  close(): void {
    this.#isClosed = true;
    this.#run?.close();
    this.#run = null;
  }
}

const AFTER_ALL = (1n << 62n) as Seq;
