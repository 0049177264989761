import type {Oid} from '../common/ids.ts';
import type {Storage, TableStorage} from '../storage/contract.ts';
import {type FlushPolicy, policyOf} from './flush-policy.ts';
import {type Job, POLICY_CREATOR} from './job-table.ts';
import type {Maintenance} from './maintenance.ts';

/** What the scheduler knows of a table with a policy. */
interface Scheduled {
  table: TableStorage;
  policy: FlushPolicy;
  /** Rows written since the last look at the number of hot rows. */
  written: number;
  /** When it is to be flushed, by Date.now(); Infinity: no rows to flush. */
  dueAt: number;
  job: Job | null;
  failures: number;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 300_000;
/** When tables with a policy of rows only are looked at after a start. */
const FIRST_LOOK_MS = 60_000;

/**
 * Decides by commits and the clock when a table with a `flush_policy` is flushed. Tables without one are
 * flushed only when somebody asks.
 */
export class FlushScheduler {
  readonly #storage: Storage;
  readonly #maintenance: Maintenance;
  readonly #wake: () => void;
  readonly #tables = new Map<Oid, Scheduled>();
  /** When the next table is due; Infinity: none. */
  nextDue = Infinity;

  /** `wake` is called when `nextDue` came nearer although nobody asked. */
  constructor(storage: Storage, maintenance: Maintenance, wake: () => void) {
    this.#storage = storage;
    this.#wake = wake;
    this.#maintenance = maintenance;
  }

  /** A table as the catalog has it now; undefined = dropped. Its rows of earlier times count, too. */
  refresh(oid: Oid, table: TableStorage | undefined): void {
    const policy =
      table === undefined || table.persistence === 't' ? null : policyOf(table.options);
    if (table === undefined || policy === null) {
      this.#tables.delete(oid);
      return;
    }
    const known = this.#tables.get(oid);
    if (known === undefined) {
      const dueAt = Date.now() + Math.min(policy.intervalMs ?? FIRST_LOOK_MS, FIRST_LOOK_MS);
      this.#tables.set(oid, {table, policy, written: 0, dueAt, job: null, failures: 0});
      this.nextDue = Math.min(this.nextDue, dueAt);
      return;
    }
    known.table = table;
    const before = known.policy;
    known.policy = policy;
    if (before.rows === policy.rows && before.intervalMs === policy.intervalMs) return;
    known.written = Infinity;
    this.#set(known, Date.now());
  }

  /** Notes a commit of `rows` changes: cheap, no look at the table. */
  note(table: TableStorage, rows: number): void {
    let scheduled = this.#tables.get(table.oid);
    if (scheduled === undefined) {
      this.refresh(table.oid, table);
      scheduled = this.#tables.get(table.oid);
      if (scheduled === undefined) return;
    }
    scheduled.table = table;
    scheduled.written += rows;
    const {policy} = scheduled;
    if (policy.rows !== null && scheduled.written >= policy.rows && scheduled.failures === 0)
      this.#set(scheduled, Date.now());
    else if (policy.intervalMs !== null && scheduled.dueAt === Infinity)
      this.#set(scheduled, Date.now() + policy.intervalMs);
  }

  /** Starts the flushes that are due. */
  run(): void {
    const now = Date.now();
    for (const scheduled of this.#tables.values())
      if (scheduled.dueAt <= now && scheduled.job === null) this.#look(scheduled, now);
    this.#schedule();
  }

  /** Flushes a table that is due, or waits for more rows. */
  #look(scheduled: Scheduled, now: number): void {
    const {policy, table} = scheduled;
    const hotRows = this.#storage.estimateHotRows(table);
    const isLate = policy.intervalMs !== null;
    const isFull = policy.rows !== null && hotRows >= policy.rows;
    scheduled.dueAt = Infinity;
    if (hotRows === 0 || (!isLate && !isFull)) {
      scheduled.written = hotRows;
      return;
    }
    if (!isFull && scheduled.written >= (policy.rows ?? Infinity) && scheduled.failures === 0) {
      // Many changes, few rows: the rows wait for their interval.
      scheduled.written = hotRows;
      scheduled.dueAt = now + policy.intervalMs!;
      return;
    }
    scheduled.written = 0;
    const job = this.#maintenance.queue(
      {type: 'flush', table, owner: null, createdBy: POLICY_CREATOR},
      {minRows: Number(table.options['flush_min_rows'] ?? 1)},
    );
    scheduled.job = job;
    void job.ended.then(() => this.#ended(scheduled, job));
  }

  #ended(scheduled: Scheduled, job: Job): void {
    scheduled.job = null;
    if (this.#tables.get(scheduled.table.oid) !== scheduled) return;
    this.#plan(scheduled, job);
    this.#wake();
  }

  #plan(scheduled: Scheduled, job: Job): void {
    const now = Date.now();
    if (job.status === 'failed') {
      const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** scheduled.failures++);
      job.message = `to be tried again in ${pause / 1000} s`;
      this.#set(scheduled, now + pause);
      return;
    }
    scheduled.failures = 0;
    const {policy, written} = scheduled;
    if (policy.rows !== null && written >= policy.rows) this.#set(scheduled, now);
    else if (written > 0 && policy.intervalMs !== null)
      this.#set(scheduled, now + policy.intervalMs);
  }

  #set(scheduled: Scheduled, dueAt: number): void {
    scheduled.dueAt = Math.min(scheduled.dueAt, dueAt);
    if (scheduled.job === null) this.nextDue = Math.min(this.nextDue, scheduled.dueAt);
  }

  #schedule(): void {
    let next = Infinity;
    for (const {dueAt, job} of this.#tables.values())
      if (job === null) next = Math.min(next, dueAt);
    this.nextDue = next;
  }
}
