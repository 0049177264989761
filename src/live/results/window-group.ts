import {PgError} from '../../common/errors.ts';
import type {OwnerId, Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {compareDatums} from '../../exec/sort-keys.ts';
import type {ExprRun} from '../../expr/run.ts';
import type {CommitEvent, LogReader} from '../../storage/contract.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {CHANGE_DELETE, CHANGE_INSERT, type Frame} from '../frame.ts';
import type {WindowShape} from '../live-shape.ts';
import type {Group, GroupMember} from '../match/group.ts';
import type {SnapshotPlans} from '../snapshot-plans.ts';
import type {SubscribeOptions} from '../subscription-types.ts';
import {ResultGroup, type ResultHost, type ResultIdentity} from './result-group.ts';
import {changeBetween, type ResultChange, type ResultRow} from './result-rows.ts';
import {QueryRun} from './run-query.ts';
import type {WindowCodec} from './window-codec.ts';

/** Commits of the log that a resume looks back at. */
const MAX_LOOK_BACK = 4096;

/** What class B needs beside: the change log of its table, null when that is not durable. */
export interface WindowHost extends ResultHost {
  readonly snapshots: SnapshotPlans;
  durableLog(
    options: SubscribeOptions,
    table: WindowShape['inner']['table'],
    owner: OwnerId | null,
  ): LogReader | null;
}

/** A row of the window: what is shown, what it is sorted by, which row it is. */
interface WindowRow {
  readonly id: string;
  readonly row: ResultRow;
  readonly keys: readonly Datum[];
  readonly rid: bigint;
}

/**
 * Class B: the first rows in an order, and some behind them. A change moves rows in and out in memory; storage is read
 * again only when so many have left that the rows behind are used up.
 */
export class WindowGroup extends ResultGroup implements GroupMember {
  memberAt = 0;
  readonly types: readonly TypeInstance[];
  readonly shape: WindowShape;
  readonly group: Group;
  readonly #codec: WindowCodec;
  readonly #offset: number;
  /** Rows that the window needs, and rows that are kept. */
  readonly #needed: number;
  readonly #kept: number;
  readonly #isUnlimited: boolean;
  readonly #host: WindowHost;
  /** The first rows of the result in order. */
  #window: WindowRow[] = [];
  /** There are no rows behind `#window`. */
  #isComplete = false;
  /** Commits that wait for a read to end. */
  #waiting: Frame[] = [];
  #mustReadAgain = false;

  constructor(
    options: SubscribeOptions<WindowShape>,
    identity: ResultIdentity,
    parts: {
      readonly host: WindowHost;
      readonly group: Group;
      readonly codec: WindowCodec;
      readonly run: ExprRun;
    },
  ) {
    super(options, identity, parts.host);
    const {shape, compiler} = options;
    this.shape = shape;
    this.group = parts.group;
    this.#codec = parts.codec;
    this.#host = parts.host;
    this.types = parts.codec.types;
    const bound = (expr: WindowShape['limit']): bigint | null =>
      expr === null ? null : (compiler.scalar(expr)(parts.run) as bigint | null);
    const limit = bound(shape.limit);
    this.#isUnlimited = limit === null;
    this.#offset = rowCount(bound(shape.offset) ?? 0n, 'OFFSET', options.maxResultRows);
    const rows =
      limit === null ? options.maxResultRows : rowCount(limit, 'LIMIT', options.maxResultRows);
    this.#needed = this.#offset + rows;
    this.#kept = this.#needed + Math.max(8, Math.ceil(this.#needed / 4));
  }

  /** Reads the window first. Call it once it is a member of its group, in the same turn. `isUrgent`: what there is in this turn. */
  start(isUrgent: boolean): void {
    if (isUrgent) this.beginReadNow();
    else this.beginRead();
  }

  get position(): Seq {
    const settled = this.host.settled();
    return this.rows === null || this.isReading || settled < this.seq ? this.seq : settled;
  }

  reaches(seq: Seq): boolean {
    if (this.rows === null || this.isReading) return false;
    if (this.seq >= seq || this.position >= seq) return true;
    this.beginRead();
    return false;
  }

  protected read(): QueryRun {
    const {source, slots, catalog, newest, params} = this.options;
    const {inner} = this.shape;
    const plan = this.#host.snapshots.plan(
      {shape: inner, codec: this.#codec.codec, catalog, lastRows: null},
      this.options.storageOf(newest(), inner.table),
      this.#kept + 1,
    );
    const rows = source.open(plan, this.#codec.params(params), slots, 0);
    return new QueryRun(rows, this.#kept + 1, this.receiver);
  }

  protected wasRead(seq: Seq, rows: readonly ResultRow[]): void {
    this.#window = rows.slice(0, this.#kept).map(row => this.#rowOf(row));
    this.#isComplete = rows.length <= this.#kept;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#show(seq);
    if (this.#mustReadAgain) {
      this.#mustReadAgain = false;
      this.beginRead();
    }
    for (const frame of waiting) if (frame.seq > seq) this.deliver(frame);
  }

  #rowOf(values: ResultRow): WindowRow {
    const {width, keyCount} = this.#codec;
    const rid = values[width + keyCount] as bigint;
    return {
      id: this.#codec.idOf(values),
      row: values.slice(0, width),
      keys: values.slice(width, width + keyCount),
      rid,
    };
  }

  #show(seq: Seq): void {
    if (this.#isUnlimited && this.#window.length > this.#needed)
      throw new PgError(
        SqlState.programLimitExceeded,
        `result of a live query exceeds live_max_result_rows (${this.options.maxResultRows})`,
      );
    this.publish(seq, this.#visible(this.#window));
  }

  #visible(window: readonly WindowRow[]): Map<string, ResultRow> {
    const rows = new Map<string, ResultRow>();
    const to = Math.min(this.#needed, window.length);
    for (let i = this.#offset; i < to; i++) rows.set(window[i]!.id, window[i]!.row);
    return rows;
  }

  // --- a member of the query without its window

  deliver(frame: Frame): void {
    if (this.isReading) {
      this.#waiting.push(frame);
      return;
    }
    if (frame.seq <= this.seq) return;
    try {
      this.#apply(frame);
    } catch (error) {
      this.fail(error);
    }
  }

  failAt(seq: Seq, error: unknown): void {
    if (seq > this.readSeq) this.fail(error);
  }

  #apply(frame: Frame): void {
    for (let i = 0; i < frame.ops.length; i++) {
      const row = this.#rowOf(frame.rows[i] as ResultRow);
      if (frame.ops[i] !== CHANGE_INSERT) this.#remove(row.rid);
      if (frame.ops[i] !== CHANGE_DELETE) this.#insert(row);
    }
    if (this.#window.length < this.#needed && !this.#isComplete) {
      this.beginRead();
      return;
    }
    if (this.#window.length > this.#kept) {
      this.#window.length = this.#kept;
      this.#isComplete = false;
    }
    this.#show(frame.seq);
  }

  #remove(rid: bigint): void {
    const at = this.#window.findIndex(row => row.rid === rid);
    if (at !== -1) this.#window.splice(at, 1);
  }

  #insert(row: WindowRow): void {
    const window = this.#window;
    let low = 0;
    let high = window.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(row, window[middle]!) < 0) high = middle;
      else low = middle + 1;
    }
    // Behind the last known row there may be others that come before this one.
    if (low === window.length && !this.#isComplete) return;
    window.splice(low, 0, row);
  }

  #compare(a: WindowRow, b: WindowRow): number {
    const {keys} = this.shape;
    for (let i = 0; i < keys.length; i++) {
      const {expr, descending, nullsFirst} = keys[i]!;
      const order = compareDatums(expr.type, a.keys[i]!, b.keys[i]!, descending, nullsFirst);
      if (order !== 0) return order;
    }
    return a.rid < b.rid ? -1 : a.rid > b.rid ? 1 : 0;
  }

  /** A TRUNCATE of the table: what is there now is read. */
  reset(): void {
    this.truncated(this.host.durableSeq);
    if (this.isReading) this.#mustReadAgain = true;
    else this.beginRead();
  }

  /**
   * What the window became since a commit: rows that the log tells of are put back as they were, the others are those
   * of now. Undefined when too many changed.
   */
  changeSince(since: Seq): ResultChange | null | undefined {
    if (since >= this.seq) return null;
    const log = this.#host.durableLog(this.options, this.shape.inner.table, this.group.owner);
    if (log === null) return undefined;
    const {entries, gap} = log.read(since, MAX_LOOK_BACK);
    if (gap || entries.length === MAX_LOOK_BACK) return undefined;
    const before = this.#before(entries);
    if (before === null) return undefined;
    return changeBetween(this.#visible(before), this.rows!, this.types);
  }

  /** The window as it was before some commits; null when it is not known. */
  #before(entries: readonly CommitEvent[]): readonly WindowRow[] | null {
    const touched = new Set<bigint>();
    const old: WindowRow[] = [];
    const {compiled, run} = this.group;
    for (const entry of entries) {
      if (entry.seq > this.seq) break;
      for (const part of entry.parts) {
        if (part.table.oid !== this.shape.inner.table) continue;
        if (this.group.owner !== null && part.owner !== this.group.owner && !part.isTruncate)
          continue;
        if (part.isTruncate || !compiled.fits(part.table)) return null;
        for (const change of part.changes) {
          if (touched.has(change.rid)) continue;
          touched.add(change.rid);
          if (change.oldRow === null) continue;
          compiled.begin(
            {op: 'delete', rid: change.rid, oldRow: change.oldRow, newRow: null},
            part,
            entry.seq,
          );
          const {keyMaker, oldRow} = compiled;
          const hasKey = keyMaker === null || this.group.hasKey(keyMaker.ofRow(oldRow!));
          if (hasKey && compiled.accepts(run, oldRow!))
            old.push(this.#rowOf(compiled.projectOld(run)));
        }
      }
    }
    const same = this.#window.filter(row => !touched.has(row.rid));
    if (same.length < this.#needed && !this.#isComplete) return null;
    return [...same, ...old].sort((a, b) => this.#compare(a, b));
  }
}

function rowCount(value: bigint, clause: 'LIMIT' | 'OFFSET', max: number): number {
  if (value < 0n)
    throw new PgError(
      clause === 'LIMIT'
        ? SqlState.invalidRowCountInLimitClause
        : SqlState.invalidRowCountInResultOffsetClause,
      `${clause} must not be negative`,
    );
  if (value <= BigInt(max)) return Number(value);
  throw new PgError(
    SqlState.programLimitExceeded,
    `${clause} of a live query exceeds live_max_result_rows (${max})`,
  );
}
