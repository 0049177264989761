import type {FlushResult, Storage} from '../storage/contract.ts';
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
  readonly #queue: Waiting[] = [];
  #policyJobs = 0;

  constructor(parts: {
    readonly storage: Storage;
    readonly jobs: JobTable;
    readonly logger: JobLogger;
    readonly now: () => bigint;
  }) {
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
    const job = this.#jobs.add(request);
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

  /** Runs a job to its end; its failure is kept in it. */
  async #run(job: Job, options: RunOptions): Promise<void> {
    const {type, table} = job.request;
    job.status = 'running';
    job.startedAt = this.#now();
    try {
      const result = await this.#work(job, options);
      job.result = result;
      job.message = messageOf(job, result);
      const isSkipped = result.rows === 0 && options.minRows !== undefined;
      job.end(isSkipped ? 'skipped' : 'completed', this.#now());
      if (type === 'flush' && result.segments > 0) this.#compactIfWorn(job);
    } catch (error) {
      const wasCancelled = job.signal.aborted && error === job.signal.reason;
      job.end(wasCancelled ? 'cancelled' : 'failed', this.#now(), error);
      if (!wasCancelled)
        this.#logger.warn({err: error, job: job.id}, `${type} of table "${table.name}" failed`);
    }
  }

  #work(job: Job, options: RunOptions): Promise<FlushResult> {
    const {type, table, owner} = job.request;
    const steering = {
      ...options,
      signal: job.signal,
      onProgress: (share: number) => {
        job.progress = share;
      },
    };
    return type === 'flush'
      ? this.#storage.flush(table, owner, steering)
      : this.#storage.compact(table, steering);
  }

  /** A flush leaves one more segment per partition: those with many are merged, and those with many deleted rows. */
  #compactIfWorn({request}: Job): void {
    const partitions = new Map<number, number>();
    let isWorn = false;
    for (const segment of this.#storage.segments()) {
      if (segment.table !== request.table.oid) continue;
      const count = (partitions.get(segment.owner) ?? 0) + 1;
      partitions.set(segment.owner, count);
      if (count > MAX_SEGMENTS || segment.deletedRows > segment.rows * DELETED_SHARE) isWorn = true;
    }
    if (!isWorn || this.#isOpen('compact', request)) return;
    this.queue(
      {...request, type: 'compact', owner: null, createdBy: POLICY_CREATOR},
      {maxSegments: MAX_SEGMENTS},
    );
  }

  #isOpen(type: JobRequest['type'], {table}: JobRequest): boolean {
    return this.#jobs
      .open()
      .some(({request}) => request.type === type && request.table.oid === table.oid);
  }
}

function messageOf({request}: Job, {rows, segments, bytes}: FlushResult): string {
  if (rows === 0 && segments === 0)
    return request.type === 'flush' ? 'nothing to flush' : 'nothing to compact';
  return `${rows} ${rows === 1 ? 'row' : 'rows'} in ${segments} ${segments === 1 ? 'segment' : 'segments'}, ${bytes} bytes`;
}
