import {parseDescriptorKey} from '../catalog/descriptor-json.ts';
import type {Oid, Seq} from '../common/ids.ts';
import type {CommitEvent, Storage, TableStorage} from '../storage/contract.ts';
import {FlushScheduler} from './flush-scheduler.ts';
import {type Job, type JobRequest, type JobRow, JobTable} from './job-table.ts';
import {type JobLogger, Maintenance} from './maintenance.ts';
import {SegmentMover} from './segment-mover.ts';
import {StreamExpiry} from './stream-expiry.ts';

/** What background work needs of an open data directory. */
export interface JobServiceOptions {
  readonly storage: Storage;
  readonly logger: JobLogger;
  /** A table as the newest catalog has it; undefined when it was dropped. */
  readonly resolveTable: (table: Oid) => TableStorage | undefined;
  /** All tables of all databases. */
  readonly tables: () => Iterable<TableStorage>;
  /** Microseconds since 2000-01-01 UTC. */
  readonly now: () => bigint;
  /** A running job that tells of no progress for so long is ended; half an hour without it. */
  readonly stuckMs?: number;
}

const LONGEST_TIMER_MS = 0x7fff_ffff;
const POSTGRES_EPOCH_MS = 946_684_800_000;

/**
 * Background work of a data directory: the list of jobs, policies of flush, expiry of stream tables. One
 * timer, armed only when something is due.
 */
export class JobService {
  readonly #options: JobServiceOptions;
  readonly #table: JobTable;
  readonly #maintenance: Maintenance;
  readonly #flushes: FlushScheduler;
  readonly #expiry: StreamExpiry;
  readonly #mover: SegmentMover;
  #unlisten: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #armedFor = Infinity;
  #isClosed = false;

  constructor(options: JobServiceOptions) {
    const {storage, logger, now} = options;
    this.#options = options;
    this.#table = new JobTable(now, undefined, storage.admin);
    const {stuckMs} = options;
    this.#maintenance = new Maintenance({
      ...{storage, jobs: this.#table, logger, now},
      ...(stuckMs === undefined ? {} : {stuckMs}),
    });
    this.#flushes = new FlushScheduler(storage, this.#maintenance, () => this.#arm());
    this.#expiry = new StreamExpiry(storage, this.#table, now);
    this.#mover = new SegmentMover(storage, this.#maintenance, logger);
  }

  /** Begins to follow commits; tables with a policy are known from here on. */
  open(): void {
    this.#unlisten = this.#options.storage.onCommit(event => this.#committed(event));
    for (const table of this.#options.tables()) {
      if (table.options['flush_policy'] !== undefined) this.#flushes.refresh(table.oid, table);
      this.#mover.opened(table);
    }
    this.#arm();
  }

  /** Starts a job that somebody waits for: `job.ended`, then `job.outcome()`. */
  start(request: JobRequest): Job {
    return this.#maintenance.start(request);
  }

  find(id: number): Job | undefined {
    return this.#table.find(id);
  }

  /** Asks a job to stop; false when it has ended or is not known. */
  cancel(id: number): boolean {
    return this.#table.cancel(id);
  }

  /** All tables of all databases. */
  tables(): Iterable<TableStorage> {
    return this.#options.tables();
  }

  /** All jobs that are remembered, oldest first. */
  rows(): readonly JobRow[] {
    return this.#table.rows();
  }

  /** Deletes rows of stream tables whose ttl has passed; the seq that a statement must see to see none of them. */
  expireDue(): Seq {
    return this.#expiry.expireDue();
  }

  /** Cancels what runs and waits for its end; then flushes everything when asked to. */
  async close(flushesAll = false): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unlisten?.();
    if (this.#timer !== null) clearTimeout(this.#timer);
    // Ending one job may queue another: compaction after a flush.
    for (let open = this.#table.open(); open.length > 0; open = this.#table.open()) {
      for (const job of open) job.cancel('the server is shutting down', this.#options.now());
      await Promise.all(open.map(job => job.ended));
    }
    if (!flushesAll) return;
    const {storage, tables, logger} = this.#options;
    for (const table of tables()) {
      if (table.kind === 'stream' || table.persistence === 't') continue;
      try {
        await storage.flush(table, null);
      } catch (error) {
        logger.warn({err: error}, `table "${table.name}" was not flushed at shutdown`);
      }
    }
  }

  #committed(event: CommitEvent): void {
    const {parts, catalogKeys} = event;
    for (let i = 0; i < parts.length; i++) {
      // The changes of a bulk commit are listed when they are asked for.
      const part = parts[i]!;
      const {table} = part;
      if (table.kind === 'stream') {
        const isWritten = part.changes.some(change => change.op !== 'delete');
        if (isWritten)
          this.#expiry.note(table, event.seq, Number(event.timestamp / 1000n) + POSTGRES_EPOCH_MS);
      } else if (table.options['flush_policy'] !== undefined) {
        this.#flushes.note(table, part.changes.length);
      }
    }
    if (catalogKeys.length > 0) this.#catalogChanged(catalogKeys);
    this.#arm();
  }

  /** The new catalog is published after the commit's event, in the same turn. */
  #catalogChanged(keys: readonly string[]): void {
    const changed = keys.map(parseDescriptorKey).filter(({kind}) => kind === 'table');
    if (changed.length === 0) return;
    setImmediate(() => {
      if (this.#isClosed) return;
      for (const {oid} of changed) {
        const table = this.#options.resolveTable(oid);
        this.#flushes.refresh(oid, table);
        this.#expiry.refresh(oid, table);
        this.#mover.refresh(oid, table);
      }
      this.#arm();
    });
  }

  #arm(): void {
    const due = Math.min(this.#flushes.nextDue, this.#expiry.nextDue);
    if (due >= this.#armedFor || this.#isClosed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#armedFor = due;
    const pause = Math.min(LONGEST_TIMER_MS, Math.max(0, due - Date.now()));
    this.#timer = setTimeout(() => this.#due(), pause);
    this.#timer.unref();
  }

  #due(): void {
    this.#timer = null;
    this.#armedFor = Infinity;
    const now = Date.now();
    if (this.#expiry.nextDue <= now) this.#expiry.run();
    if (this.#flushes.nextDue <= now) this.#flushes.run();
    this.#arm();
  }
}
