import {PgError} from '../common/errors.ts';
import type {OwnerId} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {FlushResult, TableStorage} from '../storage/contract.ts';

/** Kinds of background work. */
export type JobType = 'flush' | 'compact' | 'expire';

/** new: made. queued: waits for others. skipped: there was nothing worth doing. */
export type JobStatus =
  | 'new'
  | 'queued'
  | 'running'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'skipped';

/** A job as `system.jobs` shows it. Times are microseconds since 2000-01-01 UTC. */
export interface JobRow {
  readonly id: number;
  readonly type: JobType;
  readonly status: JobStatus;
  readonly namespace: string;
  readonly table: string;
  readonly progress: number;
  readonly message: string | null;
  readonly error: string | null;
  readonly createdBy: string;
  readonly createdAt: bigint;
  readonly startedAt: bigint | null;
  readonly finishedAt: bigint | null;
}

/** What a new job is about. */
export interface JobRequest {
  readonly type: JobType;
  readonly table: TableStorage;
  /** Whose rows; null = everybody's. */
  readonly owner: OwnerId | null;
  /** The role that asked, `system` for policies. */
  readonly createdBy: string;
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
  startedAt: bigint | null = null;
  finishedAt: bigint | null = null;
  failure: unknown = null;
  result: FlushResult | null = null;
  readonly #abort = new AbortController();
  readonly #settle: () => void;

  constructor(id: number, request: JobRequest, createdAt: bigint) {
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

  end(status: JobStatus, now: bigint, failure: unknown = null): void {
    this.status = status;
    this.finishedAt = now;
    this.failure = failure;
    if (status === 'completed') this.progress = 1;
    this.#settle();
  }

  row(): JobRow {
    const {type, table, createdBy} = this.request;
    return {
      id: this.id,
      type,
      status: this.status,
      namespace: table.namespace,
      table: table.name,
      progress: this.progress,
      message: this.message,
      error: this.failure === null ? null : textOf(this.failure),
      createdBy,
      createdAt: this.createdAt,
      startedAt: this.startedAt,
      finishedAt: this.finishedAt,
    };
  }
}

function textOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

/** The jobs of a process: those that have not ended, and the newest that have. In memory only: a restart begins a new list. */
export class JobTable {
  readonly #jobs = new Map<number, Job>();
  readonly #historySize: number;
  readonly #now: () => bigint;
  #nextId = 1;

  /** `historySize`: jobs kept at most beside those that have not ended. */
  constructor(now: () => bigint, historySize = 1000) {
    this.#now = now;
    this.#historySize = historySize;
  }

  add(request: JobRequest): Job {
    const job = new Job(this.#nextId++, request, this.#now());
    this.#jobs.set(job.id, job);
    if (this.#jobs.size > this.#historySize) this.#forgetOldest();
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
    return Array.from(this.#jobs.values(), job => job.row());
  }

  /** Jobs that have not ended. */
  open(): readonly Job[] {
    return [...this.#jobs.values()].filter(job => !job.hasEnded);
  }

  #forgetOldest(): void {
    for (const job of this.#jobs.values()) {
      if (!job.hasEnded) continue;
      this.#jobs.delete(job.id);
      if (this.#jobs.size <= this.#historySize) return;
    }
  }
}
