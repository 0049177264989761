import {assert, PgError} from '../common/errors.ts';
import type {FlushResult, Storage, TableStorage} from '../storage/contract.ts';
import {type Job, type JobRequest, type JobTable, POLICY_CREATOR} from './job-table.ts';

/** Where jobs tell what an operator should read. */
export interface JobLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What one run of a job asks of storage beyond its request. */
export interface RunOptions {
  readonly minRows?: number;
  readonly maxSegments?: number;
}

interface Waiting {
  readonly job: Job;
  readonly options: RunOptions;
}

/** Jobs of policies that run at the same time: they share a disk and the segment writer's threads. */
const POLICY_JOBS = 2;
/** Pause before the first retry; each further one waits twice as long. */
const FIRST_RETRY_MS = 1000;
/** How often policy jobs are tried again. */
const POLICY_RETRIES = 3;
const WATCH_MS = 30_000;
const STUCK_MS = 30 * 60_000;
/** Segments of a partition above which it is compacted after a flush. */
const MAX_SEGMENTS = 12;
/** Share of deleted rows from which a table is compacted after a flush. */
const DELETED_SHARE = 0.2;

/** Runs flush and compaction as jobs. Those that somebody waits for start at once, those of policies take turns. */
export class Maintenance {
  readonly #storage: Storage;
  readonly #jobs: JobTable;
  readonly #logger: JobLogger;
  readonly #now: () => bigint;
  readonly #stuckMs: number;
  readonly #queue: Waiting[] = [];
  #policyJobs = 0;

  constructor(parts: {
    readonly storage: Storage;
    readonly jobs: JobTable;
    readonly logger: JobLogger;
    readonly now: () => bigint;
    /** A running job that tells of no progress for so long is ended. */
    readonly stuckMs?: number;
  }) {
    this.#stuckMs = parts.stuckMs ?? STUCK_MS;
    this.#storage = parts.storage;
    this.#jobs = parts.jobs;
    this.#logger = parts.logger;
    this.#now = parts.now;
  }

  /** Starts a job now. */
  start(request: JobRequest): Job {
    const job = this.#jobs.add(request);
    void this.#run(job, {});
    return job;
  }

  /** Starts a job when its turn comes. */
  queue(request: JobRequest, options: RunOptions): Job {
    const job = this.#jobs.add({maxRetries: POLICY_RETRIES, ...request});
    job.status = 'queued';
    this.#queue.push({job, options});
    this.#startQueued();
    return job;
  }

  #startQueued(): void {
    while (this.#policyJobs < POLICY_JOBS) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (next.job.hasEnded) continue;
      this.#policyJobs++;
      void this.#run(next.job, next.options).then(() => {
        this.#policyJobs--;
        this.#startQueued();
      });
    }
  }

  /** Runs a job to its end or its next retry; its failure is kept in it. */
  async #run(job: Job, options: RunOptions): Promise<void> {
    const {type, table} = job.request;
    job.begin(this.#now());
    const watch = this.#watch(job);
    try {
      const result = await this.#work(job, options);
      if (job.hasEnded) return;
      const isSkipped = result !== null && result.rows === 0 && options.minRows !== undefined;
      job.end(isSkipped ? 'skipped' : 'completed', this.#now());
      if (type === 'flush' && result !== null && result.segments > 0) this.#compactIfWorn(job);
    } catch (error) {
      this.#failed(job, options, error);
      const wasCancelled = job.signal.aborted && error === job.signal.reason;
      if (!wasCancelled)
        this.#logger.warn(
          {err: error, job: job.id},
          table === null ? `${type} failed` : `${type} of table "${table.name}" failed`,
        );
    } finally {
      clearInterval(watch);
    }
  }

  /** A failure of the machine is tried again where the job allows it; one of the data would only repeat itself. */
  #failed(job: Job, options: RunOptions, error: unknown): void {
    if (job.hasEnded) return;
    const wasCancelled = job.signal.aborted && error === job.signal.reason;
    if (wasCancelled || job.retries >= (job.request.maxRetries ?? 0) || !isTransient(error)) {
      const isStuck = error instanceof StuckError;
      job.end(wasCancelled && !isStuck ? 'cancelled' : 'failed', this.#now(), error);
      return;
    }
    const pause = FIRST_RETRY_MS * 2 ** job.retries;
    job.retry(error, `to be tried again in ${pause / 1000} s`);
    const timer = setTimeout(() => {
      if (job.hasEnded) return;
      this.#queue.push({job, options});
      this.#startQueued();
    }, pause);
    timer.unref();
  }

  /** The watchdog: a job without progress is asked to stop, and given up when it does not. */
  #watch(job: Job): NodeJS.Timeout {
    let isAsked = false;
    const timer = setInterval(
      () => {
        if (Date.now() - job.movedAt < this.#stuckMs) return;
        const error = new StuckError(this.#stuckMs);
        if (isAsked) job.end('failed', this.#now(), error);
        else job.abort(error);
        isAsked = true;
      },
      Math.min(WATCH_MS, this.#stuckMs),
    );
    timer.unref();
    return timer;
  }

  /** Does the work; null when it is not storage's own. */
  async #work(job: Job, options: RunOptions): Promise<FlushResult | null> {
    const {type, table, owner, work} = job.request;
    const control = {
      signal: job.signal,
      onProgress: (share: number) => {
        job.progress = share;
        job.movedAt = Date.now();
      },
    };
    if (work !== undefined) {
      job.message = await work(control);
      return null;
    }
    assert(table !== null, 'a job without a table brings its work');
    const steering = {...options, ...control};
    const result =
      type === 'flush'
        ? await this.#storage.flush(table, owner, steering)
        : await this.#storage.compact(table, steering);
    job.result = result;
    job.message = messageOf(job, result);
    return result;
  }

  /** A flush leaves one more segment per partition: those with many are merged, and those with many deleted rows. */
  #compactIfWorn({request}: Job): void {
    const {table} = request;
    if (table === null) return;
    const partitions = new Map<number, number>();
    let isWorn = false;
    for (const segment of this.#storage.segments()) {
      if (segment.table !== table.oid) continue;
      const count = (partitions.get(segment.owner) ?? 0) + 1;
      partitions.set(segment.owner, count);
      if (count > MAX_SEGMENTS || segment.deletedRows > segment.rows * DELETED_SHARE) isWorn = true;
    }
    if (!isWorn || this.#isOpen('compact', table)) return;
    this.queue(
      {...request, type: 'compact', owner: null, createdBy: POLICY_CREATOR},
      {maxSegments: MAX_SEGMENTS},
    );
  }

  #isOpen(type: JobRequest['type'], {oid}: TableStorage): boolean {
    return this.#jobs
      .open()
      .some(({request}) => request.type === type && request.table?.oid === oid);
  }
}

function messageOf({request}: Job, {rows, segments, bytes}: FlushResult): string {
  if (rows === 0 && segments === 0)
    return request.type === 'flush' ? 'nothing to flush' : 'nothing to compact';
  return `${rows} ${rows === 1 ? 'row' : 'rows'} in ${segments} ${segments === 1 ? 'segment' : 'segments'}, ${bytes} bytes`;
}

/** The watchdog ended the job. */
class StuckError extends PgError {
  constructor(stuckMs: number) {
    super('57014', `the job made no progress for ${Math.round(stuckMs / 1000)} s`);
  }
}

/** Lack of resources, errors of files and the network, lost races, locks; whatever is not one of our errors. */
const TRANSIENT = /^(?:08|40|53|55|58|XX)/;

function isTransient(error: unknown): boolean {
  return !(error instanceof PgError) || TRANSIENT.test(error.code);
}
