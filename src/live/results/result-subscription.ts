import {PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {RowBatchBuilder} from '../../exec/column-store.ts';
import {
  CHANGE_DELETE,
  CHANGE_INSERT,
  CHANGE_UPDATE,
  controlFrame,
  Frame,
  LAG,
  MARK,
  RESET,
} from '../frame.ts';
import {tokenAt} from '../resume-token.ts';
import type {SubscriptionState} from '../subscription.ts';
import type {
  CursorHost,
  LiveSink,
  LiveTag,
  PlannedCursor,
  SharedOptions,
  SubscribeOptions,
} from '../subscription-types.ts';
import type {ResultGroup, ResultMember} from './result-group.ts';
import {ChangeList, isSameRow, type ResultChange, type ResultRow} from './result-rows.ts';

/** Rows whose net change is kept for a receiver that does not read; more are a reset. */
const MAX_NET_CHANGES = 4096;
const ROWS_PER_TURN = 1024;

/** Where it begins: with rows, with the next change, or with what changed since a commit. */
export type ResultStart = Seq | 'now' | 'snapshot' | 'reset';

/**
 * One subscriber of a maintained result. A slow receiver keeps its place and, per row, what it has missed: it gets the
 * net effect, or (when that is too much) a reset.
 */
export class ResultSubscription implements PlannedCursor, ResultMember {
  readonly id: number;
  readonly group: ResultGroup;
  readonly options: SharedOptions;
  readonly sink: LiveSink;
  readonly createdAt: number;
  state: SubscriptionState = 'waiting';
  changes = 0;
  resets = 0;
  readonly #host: CursorHost;
  readonly #values: Pick<SubscribeOptions, 'params' | 'slots' | 'tag'>;
  readonly #tag: LiveTag;
  #start: ResultStart;
  /** The receiver has the result of this commit. */
  #at = 0n as Seq;
  #rows: readonly ResultRow[] = [];
  #rowAt = 0;
  #builder: RowBatchBuilder | null = null;
  #owesMark = true;
  /** Per row: what the receiver has, and what it should have. */
  #net = new Map<string, {readonly before: ResultRow | null; after: ResultRow | null}>();
  #netSeq = 0n as Seq;
  #missedCommits = 0;
  #resetReason = '';
  #isPumping = false;

  constructor(
    id: number,
    group: ResultGroup,
    options: SharedOptions,
    opening: {
      readonly values: Pick<SubscribeOptions, 'params' | 'slots' | 'tag'>;
      readonly start: ResultStart;
      /** Why, when it starts with a reset. */
      readonly resetReason: string;
      readonly createdAt: number;
      readonly host: CursorHost;
    },
  ) {
    const {values, start, resetReason, createdAt, host} = opening;
    this.#values = values;
    this.#tag = values.tag;
    this.id = id;
    this.#host = host;
    this.group = group;
    this.options = options;
    this.sink = options.sink;
    this.createdAt = createdAt;
    this.#start = start;
    if (typeof start === 'bigint') this.#at = start;
    if (start === 'reset') this.reset(resetReason);
    else this.later();
  }

  asked(): SubscribeOptions {
    const {snapshot, lastRows} = this.options;
    const start = {snapshot, lastRows, resume: null, from: null};
    return {...this.options, ...this.#values, start};
  }

  #give(frame: Frame): void {
    this.sink.frame(frame, this.#tag, this.options.shape);
  }

  get position(): Seq {
    return this.state === 'live' ? maxSeq(this.#at, this.group.position) : this.#at;
  }

  get token(): string | undefined {
    const isWhole =
      this.state === 'live' ||
      this.state === 'replay' ||
      (this.state === 'waiting' && typeof this.#start === 'bigint');
    return isWhole ? tokenAt(this.position, this.group.tokenTail) : undefined;
  }

  wake(): void {
    if (this.state !== 'live' && this.state !== 'closed') this.#pump();
  }

  mark(): void {
    if (this.state !== 'live' || this.options.authority.isStale || this.sink.wanted <= 0) return;
    this.#at = this.position;
    this.#give(controlFrame(this.#at, MARK, this.group.tokenTail));
    this.sink.flush();
  }

  /** A new state of the result. The frame is that of all subscribers. */
  deliver(seq: Seq, change: ResultChange, frame: Frame): void {
    if (this.state === 'waiting' || this.state === 'resetting' || this.state === 'closed') return;
    if (this.options.authority.isStale) return;
    if (this.state === 'live' && this.sink.wanted > 0) {
      this.#at = seq;
      this.changes += change.ids.length;
      try {
        this.#give(frame);
      } catch (error) {
        this.fail(error);
      }
      return;
    }
    if (this.state === 'live') this.state = 'replay';
    this.#merge(seq, change);
  }

  #merge(seq: Seq, change: ResultChange): void {
    const net = this.#net;
    this.#netSeq = seq;
    this.#missedCommits++;
    for (let i = 0; i < change.ids.length; i++) {
      const id = change.ids[i]!;
      const isDeletion = change.ops[i] === CHANGE_DELETE;
      const after = isDeletion ? null : change.rows[i]!;
      const known = net.get(id);
      if (known !== undefined) known.after = after;
      else net.set(id, {before: isDeletion ? change.rows[i]! : change.olds[i]!, after});
    }
    if (net.size > MAX_NET_CHANGES) this.reset('overflow');
  }

  /** Starts over: the receiver is told why, then (if it wanted rows) gets them anew. */
  reset(reason: string): void {
    if (this.state === 'closed') return;
    this.#resetReason = reason;
    this.#forget();
    this.state = 'resetting';
    this.later();
  }

  #forget(): void {
    this.#net.clear();
    this.#missedCommits = 0;
    this.#rows = [];
  }

  fail(error: unknown): void {
    if (this.state === 'closed') return;
    this.close();
    this.sink.closed(asPgError(error), this.#tag);
  }

  close(): void {
    if (this.state === 'closed') return;
    this.leave();
    this.#host.removed(this);
  }

  leave(): void {
    this.state = 'closed';
    this.#forget();
    this.group.left(this);
  }

  later(): void {
    this.#host.later(() => this.#pump(), this.#resetReason === '');
  }

  #pump(): void {
    if (this.#isPumping || this.state === 'closed' || this.options.authority.isStale) return;
    this.#isPumping = true;
    try {
      while (this.#step());
    } catch (error) {
      this.fail(error);
    } finally {
      this.#isPumping = false;
    }
    this.sink.flush();
  }

  /** One step; false when there is nothing to do now. */
  #step(): boolean {
    switch (this.state) {
      case 'waiting':
        return this.#begin();
      case 'snapshot':
        return this.#readRows();
      case 'marking':
        if (this.sink.wanted <= 0) return false;
        this.#sendMark();
        this.state = 'replay';
        return true;
      case 'replay':
        return this.#giveMissed();
      case 'resetting':
        if (this.sink.wanted <= 0) return false;
        this.resets++;
        this.#give(
          controlFrame(this.group.position, RESET, this.group.tokenTail, this.#resetReason),
        );
        this.#start = this.options.snapshot ? 'snapshot' : 'now';
        this.#owesMark = true;
        this.state = 'waiting';
        return true;
      default:
        return false;
    }
  }

  #begin(): boolean {
    const {group} = this;
    const start = this.#start;
    if (!group.reaches(typeof start === 'bigint' ? start : (0n as Seq))) return false;
    if (typeof start === 'bigint') return this.#resume(start);
    this.#at = group.seq;
    if (start === 'snapshot') {
      const {lastRows} = this.options;
      const rows = [...group.rows!.values()];
      this.#rows = lastRows === null ? rows : rows.slice(Math.max(0, rows.length - lastRows));
      this.#rowAt = 0;
      this.state = 'snapshot';
    } else this.state = 'marking';
    return true;
  }

  #resume(since: Seq): boolean {
    const change = this.group.changeSince(since);
    if (change === undefined) {
      this.reset('retention');
      return false;
    }
    this.#at = maxSeq(since, this.group.seq);
    this.state = 'replay';
    if (change !== null) this.#merge(this.group.seq, change);
    return true;
  }

  #readRows(): boolean {
    const {wanted} = this.sink;
    if (wanted <= 0) return false;
    const rows = this.#rows;
    const builder = (this.#builder ??= new RowBatchBuilder(this.group.types));
    const to = Math.min(rows.length, this.#rowAt + Math.min(wanted, ROWS_PER_TURN));
    if (to > this.#rowAt) {
      builder.reset();
      for (let i = this.#rowAt; i < to; i++) builder.push(rows[i]!);
      const batch = builder.finish();
      batch.count = to - this.#rowAt;
      this.#rowAt = to;
      this.sink.snapshot(this.#at, batch, this.#tag, this.options.shape);
    }
    if (to < rows.length) {
      if (this.sink.wanted > 0) this.later();
      return false;
    }
    this.#rows = [];
    this.#builder = null;
    this.state = 'marking';
    return true;
  }

  #sendMark(): void {
    this.#owesMark = false;
    this.#give(controlFrame(this.#at, MARK, this.group.tokenTail));
  }

  /** The net effect of what was missed, then the mark that may still be owed. */
  #giveMissed(): boolean {
    if (this.#missedCommits > 0) {
      if (this.sink.wanted <= 0) return false;
      const frame = this.#netFrame();
      this.#at = this.#netSeq;
      this.#forget();
      if (frame !== null) {
        this.changes += frame.ops.length;
        this.#give(frame);
      }
      return true;
    }
    if (this.#owesMark) {
      if (this.sink.wanted <= 0) return false;
      this.#sendMark();
    }
    this.state = 'live';
    return false;
  }

  #netFrame(): Frame | null {
    const list = new ChangeList();
    const {types, tokenTail} = this.group;
    if (this.#missedCommits > 1) list.add('', LAG, NO_ROW, null);
    const first = list.ids.length;
    for (const [id, {before, after}] of this.#net)
      if (before !== null && after === null) list.add(id, CHANGE_DELETE, before, null);
    for (const [id, {before, after}] of this.#net) {
      if (after === null) continue;
      if (before === null) list.add(id, CHANGE_INSERT, after, null);
      else if (!isSameRow(before, after, types)) list.add(id, CHANGE_UPDATE, after, before);
    }
    if (list.ids.length === first) return null;
    return new Frame(this.#netSeq, list.ops, list.rows, list.olds, tokenTail);
  }
}

const NO_ROW: ResultRow = [];

function maxSeq(a: Seq, b: Seq): Seq {
  return a > b ? a : b;
}

function asPgError(error: unknown): PgError {
  if (error instanceof PgError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PgError(SqlState.internalError, message, {cause: error});
}
