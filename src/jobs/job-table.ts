import {PgError} from '../common/errors.ts';
import type {OwnerId} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {FlushResult, TableStorage} from '../storage/contract.ts';

/** Kinds of background work. */
export type JobType =
  | 'flush'
  | 'compact'
  | 'expire'
  | 'move'
  | 'backup'
  | 'export'
  | 'import'
  | 'cleanup'
  | 'retention'
  | 'fsck';

/** new: made. queued: waits for others. retrying: failed, to be tried again. skipped: there was nothing worth doing. */
export type JobStatus =
  | 'new'
  | 'queued'
  | 'running'
  | 'retrying'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'skipped';

/** A job as `system.jobs` shows it. Times are microseconds since 2000-01-01 UTC. */
export interface JobRow {
  readonly id: number;
  readonly type: JobType;
  readonly status: JobStatus;
  /** Null when the job is not about one table. */
  readonly namespace: string | null;
  readonly table: string | null;
  readonly progress: number;
  readonly message: string | null;
  readonly error: string | null;
  readonly createdBy: string;
  readonly createdAt: bigint;
  readonly startedAt: bigint | null;
  readonly finishedAt: bigint | null;
  /** How often it was tried again. */
  readonly retries: number;
}

/** What a piece of work is given: when to stop, and where to tell how far it is. */
export interface JobControl {
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

/** Work of a kind that is not storage's own; answers the message of the finished job. */
export type JobWork = (control: JobControl) => Promise<string>;

/** What a new job is about. */
export interface JobRequest {
  readonly type: JobType;
  /** Null when the job is not about one table: then it has `work`. */
  readonly table: TableStorage | null;
  /** Whose rows; null = everybody's. */
  readonly owner: OwnerId | null;
  /** The role that asked, `system` for policies. */
  readonly createdBy: string;
  /** What is done; absent: storage's own flush or compaction. */
  readonly work?: JobWork;
  /** How often a failure of the machine is tried again; absent: never. */
  readonly maxRetries?: number;
}

/** Where the list of jobs outlives the process. */
export interface JobStore {
  jobs(): readonly (readonly [id: number, json: string])[];
  putJob(id: number, json: string): void;
  deleteJobs(ids: readonly number[]): void;
}

/** Name of the creator of jobs that policies ask for. */
export const POLICY_CREATOR = 'system';

const ENDED: ReadonlySet<JobStatus> = new Set(['completed', 'failed', 'cancelled', 'skipped']);

/** One piece of background work. Changed only by the table of jobs and by whoever runs it. */
export class Job {
  readonly id: number;
  readonly request: JobRequest;
  readonly createdAt: bigint;
  /** Resolves when it has ended, however it did. */
  readonly ended: Promise<void>;
  status: JobStatus = 'new';
  progress = 0;
  message: string | null = null;
  retries = 0;
  /** When it last told of progress, by Date.now(). */
  movedAt = 0;
  startedAt: bigint | null = null;
  finishedAt: bigint | null = null;
  failure: unknown = null;
  result: FlushResult | null = null;
  readonly #abort = new AbortController();
  readonly #settle: () => void;
  readonly #changed: (job: Job) => void;

  constructor(id: number, request: JobRequest, createdAt: bigint, changed: (job: Job) => void) {
    this.#changed = changed;
    this.id = id;
    this.request = request;
    this.createdAt = createdAt;
    const {promise, resolve} = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settle = resolve;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get hasEnded(): boolean {
    return ENDED.has(this.status);
  }

  /** What it did; throws what ended it when it was not done. */
  outcome(): FlushResult {
    if (this.failure !== null) throw this.failure;
    return this.result ?? {rows: 0, segments: 0, bytes: 0};
  }

  /** Asks it to stop: a waiting one ends at once, a running one at its next check. False when it has ended. */
  cancel(reason: string, now: bigint): boolean {
    if (this.hasEnded) return false;
    const error = new PgError(SqlState.queryCanceled, reason);
    if (this.status === 'running') this.#abort.abort(error);
    else this.end('cancelled', now, error);
    return true;
  }

  /** Notes that work begins, for the first time or again. */
  begin(now: bigint): void {
    this.status = 'running';
    this.startedAt ??= now;
    this.movedAt = Date.now();
    this.#changed(this);
  }

  /** Notes that it failed and is tried again. */
  retry(failure: unknown, message: string): void {
    this.status = 'retrying';
    this.retries++;
    this.progress = 0;
    this.failure = failure;
    this.message = message;
    this.#changed(this);
  }

  /** Ends a job that makes no progress; false when it has ended. */
  abort(error: Error): boolean {
    if (this.hasEnded) return false;
    this.#abort.abort(error);
    return true;
  }

  end(status: JobStatus, now: bigint, failure: unknown = null): void {
    // Expiry of a stream table ends again and again as completed.
    if (this.hasEnded && this.status !== status) return;
    this.status = status;
    this.finishedAt = now;
    this.failure = failure;
    if (status === 'completed') this.progress = 1;
    this.#changed(this);
    this.#settle();
  }

  row(): JobRow {
    const {type, table, createdBy} = this.request;
    return {
      id: this.id,
      type,
      status: this.status,
      namespace: table?.namespace ?? null,
      table: table?.name ?? null,
      progress: this.progress,
      message: this.message,
      error: this.failure === null ? null : textOf(this.failure),
      createdBy,
      createdAt: this.createdAt,
      startedAt: this.startedAt,
      finishedAt: this.finishedAt,
      retries: this.retries,
    };
  }
}

function textOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

/** Ended jobs older than this are forgotten, in microseconds. */
const RETENTION = 30n * 24n * 3600n * 1_000_000n;

/**
 * The jobs of a data directory: those that have not ended, and the newest that have. With a store it outlives the process; jobs that were
 * not over when it ended are listed as failed.
 */
export class JobTable {
  readonly #jobs = new Map<number, Job>();
  /** Ended jobs of earlier starts, oldest first. */
  readonly #earlier = new Map<number, JobRow>();
  readonly #historySize: number;
  readonly #now: () => bigint;
  readonly #store: JobStore | null;
  #nextId = 1;

  /** `historySize`: jobs kept at most beside those that have not ended. */
  constructor(now: () => bigint, historySize = 1000, store: JobStore | null = null) {
    this.#now = now;
    this.#historySize = historySize;
    this.#store = store;
    for (const [id, json] of store?.jobs() ?? []) {
      const row = this.#recovered(id, jobOfJson(json));
      this.#earlier.set(id, row);
      this.#nextId = Math.max(this.#nextId, id + 1);
    }
    this.#forgetOldest();
  }

  add(request: JobRequest): Job {
    const job = new Job(this.#nextId++, request, this.#now(), changed => this.#save(changed));
    this.#jobs.set(job.id, job);
    this.#save(job);
    this.#forgetOldest();
    return job;
  }

  find(id: number): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Asks a job to stop; false when it has ended or is not known. */
  cancel(id: number): boolean {
    return this.#jobs.get(id)?.cancel('canceling job due to user request', this.#now()) ?? false;
  }

  rows(): readonly JobRow[] {
    return [...this.#earlier.values(), ...Array.from(this.#jobs.values(), job => job.row())];
  }

  /** Jobs that have not ended. */
  open(): readonly Job[] {
    return [...this.#jobs.values()].filter(job => !job.hasEnded);
  }

  #save(job: Job): void {
    this.#store?.putJob(job.id, jsonOfJob(job.row()));
  }

  #recovered(id: number, row: JobRow): JobRow {
    if (ENDED.has(row.status)) return row;
    const failed: JobRow = {
      ...row,
      status: 'failed',
      error: 'the server ended while the job was not over',
      finishedAt: this.#now(),
    };
    this.#store?.putJob(id, jsonOfJob(failed));
    return failed;
  }

  #forgetOldest(): void {
    const gone: number[] = [];
    let left = this.#earlier.size + this.#jobs.size;
    const oldest = this.#now() - RETENTION;
    for (const [id, {createdAt}] of this.#earlier) {
      if (left <= this.#historySize && createdAt >= oldest) break;
      this.#earlier.delete(id);
      gone.push(id);
      left--;
    }
    for (const job of this.#jobs.values()) {
      if (left <= this.#historySize && job.createdAt >= oldest) break;
      if (!job.hasEnded) continue;
      this.#jobs.delete(job.id);
      gone.push(job.id);
      left--;
    }
    if (gone.length > 0) this.#store?.deleteJobs(gone);
  }
}

const TIMES = ['createdAt', 'startedAt', 'finishedAt'] as const;

function jsonOfJob(row: JobRow): string {
  return JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

function jobOfJson(json: string): JobRow {
  const row = JSON.parse(json) as Record<string, unknown>;
  for (const key of TIMES) {
    const time = row[key];
    row[key] = typeof time === 'string' ? BigInt(time) : null;
  }
  return row as unknown as JobRow;
}
