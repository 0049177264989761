import type {Oid, Seq} from '../common/ids.ts';
import type {Storage, TableStorage} from '../storage/contract.ts';
import {type Job, type JobTable, POLICY_CREATOR} from './job-table.ts';

/** Commits of a short time, which expire together. */
interface Bucket {
  /** Time of its first commit, in milliseconds. */
  readonly from: number;
  /** Time of its newest commit. */
  until: number;
  /** Seq of its newest commit. */
  seq: Seq;
}

/** A stream table with rows. */
interface Stream {
  table: TableStorage;
  /** Oldest first. */
  buckets: Bucket[];
  head: number;
  job: Job | null;
  expired: number;
}

/** Rows that one expiry deletes at most before others get a turn. */
const SLICE_ROWS = 5_000;
/** Pause before rows that open transactions hold are tried again. */
const HELD_RETRY_MS = 20;

/**
 * Deletes rows of stream tables when their ttl has passed since they were last written. It learns of rows from commits only: an entry per
 * bucket of 1 % of the ttl, no scan. A restart begins with empty stream tables, so nothing older can exist.
 */
export class StreamExpiry {
  readonly #storage: Storage;
  readonly #jobs: JobTable;
  readonly #now: () => bigint;
  readonly #streams = new Map<Oid, Stream>();
  /** When the oldest rows are due, by Date.now(); Infinity when no stream table has rows. */
  nextDue = Infinity;
  /** Seq of the newest expiry. */
  #lastSeq = 0n as Seq;

  constructor(storage: Storage, jobs: JobTable, now: () => bigint) {
    this.#storage = storage;
    this.#jobs = jobs;
    this.#now = now;
  }

  /** Notes a commit that wrote rows of a stream table. */
  note(table: TableStorage, seq: Seq, time: number): void {
    let stream = this.#streams.get(table.oid);
    if (stream === undefined) {
      stream = {table, buckets: [], head: 0, job: null, expired: 0};
      this.#streams.set(table.oid, stream);
    }
    stream.table = table;
    const last = stream.buckets.at(-1);
    if (
      last !== undefined &&
      stream.head < stream.buckets.length &&
      time - last.from < bucketMs(table)
    ) {
      last.until = time;
      last.seq = seq;
    } else {
      stream.buckets.push({from: time, until: time, seq});
    }
    this.nextDue = Math.min(this.nextDue, dueOf(stream));
  }

  /** Follows a changed or dropped table. */
  refresh(oid: Oid, table: TableStorage | undefined): void {
    const stream = this.#streams.get(oid);
    if (stream === undefined) return;
    if (table === undefined) this.#streams.delete(oid);
    else stream.table = table;
    this.#schedule();
  }

  /**
   * Deletes what is due now; to be called before a statement takes its snapshot, so that no statement sees rows older than their ttl. The
   * seq that the statement must see, when it may not be durable yet.
   */
  expireDue(): Seq {
    if (this.nextDue !== Infinity && Date.now() >= this.nextDue) this.run();
    return this.#lastSeq;
  }

  /** Deletes what is due, at most a slice per table; `nextDue` says when to come again. */
  run(): void {
    const now = Date.now();
    let next = Infinity;
    for (const stream of this.#streams.values()) {
      const retry = dueOf(stream) <= now ? this.#expire(stream, now) : Infinity;
      next = Math.min(next, retry === Infinity ? dueOf(stream) : retry);
    }
    this.nextDue = next;
  }

  /** Expires rows of one stream; the time to try again when some were left, else Infinity. */
  #expire(stream: Stream, now: number): number {
    const {buckets, table} = stream;
    let at = stream.head;
    while (at < buckets.length && buckets[at]!.until + table.ttlMs <= now) at++;
    if (at === stream.head) return Infinity;
    const {seq} = buckets[at - 1]!;
    const {rows, hasMore, seq: committed} = this.#storage.expire(table, seq, SLICE_ROWS);
    if (committed !== null) this.#lastSeq = committed;
    if (rows > 0) this.#tell(stream, rows);
    if (hasMore) {
      // The last bucket stays due: all that is left is at or before its seq.
      stream.head = at - 1;
      return rows === SLICE_ROWS ? now : now + HELD_RETRY_MS;
    }
    stream.head = at;
    if (stream.head === buckets.length) this.#drained(stream);
    else if (stream.head > 1024) {
      stream.buckets = buckets.slice(stream.head);
      stream.head = 0;
    }
    return Infinity;
  }

  /** One row in the list of jobs per stream table and time in which it has rows. */
  #tell(stream: Stream, rows: number): void {
    const now = this.#now();
    stream.expired += rows;
    if (stream.job === null) {
      stream.job = this.#jobs.add({
        type: 'expire',
        table: stream.table,
        owner: null,
        createdBy: POLICY_CREATOR,
      });
      stream.job.startedAt = now;
    }
    stream.job.message = `${stream.expired} ${stream.expired === 1 ? 'row' : 'rows'}`;
    stream.job.end('completed', now);
  }

  #drained(stream: Stream): void {
    stream.job = null;
    stream.expired = 0;
    stream.buckets = [];
    stream.head = 0;
  }

  #schedule(): void {
    let next = Infinity;
    for (const stream of this.#streams.values()) next = Math.min(next, dueOf(stream));
    this.nextDue = next;
  }
}

function dueOf({table, buckets, head}: Stream): number {
  return head < buckets.length ? buckets[head]!.until + table.ttlMs : Infinity;
}

/** Commits within this time share a bucket: 1 % of the ttl. */
function bucketMs(table: TableStorage): number {
  return Math.min(1000, Math.max(1, table.ttlMs / 100));
}
