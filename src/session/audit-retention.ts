import {setImmediate as nextTurn} from 'node:timers/promises';
import type {Oid, OwnerId, Rid, Seq} from '../common/ids.ts';
import type {JobControl} from '../jobs/job-table.ts';
import {POLICY_CREATOR} from '../jobs/job-table.ts';
import {
  END,
  PAUSE,
  type RowVersion,
  type TableStorage,
  type Transaction,
} from '../storage/contract.ts';
import {readCell} from '../storage/hot/cells.ts';
import {nowMicros} from './eval-context.ts';
import type {Engine} from './session-context.ts';

const EVERY_MS = 3_600_000;
const DAY = 86_400_000_000n;
/** Records of one transaction. */
const SLICE_ROWS = 1000;
/** Position of `at` among the columns. */
const AT = 1;

/** Removes records of the audit log that are older than the operator wants them: at the start and every hour, as `retention` jobs. */
export class AuditRetention {
  readonly #engine: Engine;
  readonly #days: number | undefined;
  readonly #databases: () => Iterable<Oid>;
  #timer: NodeJS.Timeout | null = null;
  #isRunning = false;

  /** `databases`: all there are now. Without an age nothing is removed. */
  constructor(
    engine: Engine,
    options: {readonly auditRetentionDays?: number},
    databases: () => Iterable<Oid>,
  ) {
    this.#engine = engine;
    this.#days = options.auditRetentionDays;
    this.#databases = databases;
  }

  start(): void {
    if (this.#days === undefined) return;
    this.#timer = setInterval(() => void this.#run(), EVERY_MS);
    this.#timer.unref();
    setImmediate(() => void this.#run());
  }

  /** No pass begins any more; a running job is cancelled with the others. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #run(): Promise<void> {
    if (this.#isRunning || this.#timer === null || this.#days === undefined) return;
    this.#isRunning = true;
    try {
      for (const database of [...this.#databases()]) {
        const table = this.#engine.audit.storageOf(database);
        if (table !== undefined) await this.#prune(table, nowMicros() - BigInt(this.#days) * DAY);
      }
    } catch (error) {
      this.#engine.logger.warn({err: error}, 'old records of the audit log could not be removed');
    } finally {
      this.#isRunning = false;
    }
  }

  /** A job only where there is something to remove. */
  async #prune(table: TableStorage, before: bigint): Promise<void> {
    const {jobs} = this.#engine;
    if ((await this.#slice(table, before, 1, false)) === 0 || this.#timer === null) return;
    const job = jobs.start({
      type: 'retention',
      table: null,
      owner: null,
      createdBy: POLICY_CREATOR,
      work: control => this.#removeAll(table, before, control),
    });
    await job.ended;
    job.outcome();
  }

  async #removeAll(table: TableStorage, before: bigint, control: JobControl): Promise<string> {
    const {storage} = this.#engine;
    let rows = 0;
    for (;;) {
      control.signal.throwIfAborted();
      const removed = await this.#slice(table, before, SLICE_ROWS, true);
      rows += removed;
      control.onProgress(0.5);
      if (removed === 0) break;
    }
    // What was flushed goes with the segments' next merge.
    await storage.compact(table, {signal: control.signal});
    return `${rows} records of ${table.namespace}.${table.name} removed`;
  }

  /** Old records, at most `limit`; in a transaction of their own. How many. */
  async #slice(
    table: TableStorage,
    before: bigint,
    limit: number,
    isRemoving: boolean,
  ): Promise<number> {
    const tx = this.#engine.storage.begin({
      isolation: 'read committed',
      isReadOnly: false,
      databaseOid: table.databaseOid,
      waiter: {pid: 0, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
      pinsSnapshot: true,
    });
    tx.beginStatement();
    try {
      await answered(() => {
        const locked = tx.lockTable(table.oid, isRemoving ? 'rowExclusive' : 'accessShare', 'wait');
        return locked instanceof Promise ? locked : 'granted';
      });
      const found = await oldRecords(tx, table, before, limit);
      if (isRemoving) {
        for (const version of found) {
          // A flush can have moved it meanwhile.
          const newest = await answered(() => tx.newestVersion(table, version.rid, version));
          if (newest === null) continue;
          await answered(() => {
            const result = tx.delete(table, newest);
            return result instanceof Promise ? result : 'done';
          });
        }
        tx.endStatement();
        await tx.commit();
      } else tx.rollback();
      return found.length;
    } catch (error) {
      tx.rollback();
      throw error;
    }
  }
}

/** Asks until the answer needs no wait. */
async function answered<T>(ask: () => T | Promise<void>): Promise<T> {
  for (;;) {
    const answer = ask();
    if (!(answer instanceof Promise)) return answer as T;
    await answer;
  }
}

async function oldRecords(
  tx: Transaction,
  table: TableStorage,
  before: bigint,
  limit: number,
): Promise<readonly RowVersion[]> {
  const width = table.columns.length;
  const cursor = tx.scan({
    table,
    owner: null,
    columns: [...table.columns.keys(), 'rid', 'seq', 'owner', 'location'],
    predicates: [{column: AT, op: '<', values: [before]}],
    lookup: null,
    order: null,
  });
  const found: RowVersion[] = [];
  try {
    while (found.length < limit) {
      const batch = cursor.next(1024);
      if (batch === END) break;
      if (batch === PAUSE) {
        await (cursor.pause ?? nextTurn());
        continue;
      }
      const {vectors, selection, count} = batch;
      for (let i = 0; i < count && found.length < limit; i++) {
        const at = selection === null ? i : selection[i]!;
        if (!((readCell(vectors[AT]!, at) as bigint) < before)) continue;
        found.push({
          rid: readCell(vectors[width]!, at) as Rid,
          seq: readCell(vectors[width + 1]!, at) as Seq,
          owner: Number(readCell(vectors[width + 2]!, at)) as OwnerId,
          location: Number(readCell(vectors[width + 3]!, at)),
          row: table.columns.map((_, column) => readCell(vectors[column]!, at)),
        });
      }
    }
  } finally {
    cursor.close();
  }
  return found;
}
