import type {Oid} from '../common/ids.ts';
import type {Storage, TableStorage} from '../storage/contract.ts';
import {type JobWork, POLICY_CREATOR} from './job-table.ts';
import type {JobLogger, Maintenance} from './maintenance.ts';

const LOCAL = 'local';
const MAX_RETRIES = 5;

/**
 * Starts a job of type `move` when a table's storage was changed, and at start for tables that a crash or a cancelled job left in
 * two storages. Every segment is readable where it lies meanwhile.
 */
export class SegmentMover {
  readonly #storage: Storage;
  readonly #maintenance: Maintenance;
  readonly #logger: JobLogger;
  /** Storage of each table that has one, or had when it was looked at. */
  readonly #known = new Map<Oid, string>();

  constructor(storage: Storage, maintenance: Maintenance, logger: JobLogger) {
    this.#storage = storage;
    this.#maintenance = maintenance;
    this.#logger = logger;
  }

  /** Looks at a table when the server starts. */
  opened(table: TableStorage): void {
    this.#known.set(table.oid, storageOf(table));
    this.#moveMisplaced(table);
  }

  /** The catalog has another form of a table; undefined when it was dropped. */
  refresh(oid: Oid, table: TableStorage | undefined): void {
    if (table === undefined) {
      this.#known.delete(oid);
      return;
    }
    const before = this.#known.get(oid);
    const now = storageOf(table);
    this.#known.set(oid, now);
    if (before !== undefined && before !== now) this.#moveMisplaced(table);
  }

  #moveMisplaced(table: TableStorage): void {
    if (table.kind === 'stream' || table.persistence === 't') return;
    try {
      if (this.#storage.misplaced(table) === 0) return;
    } catch (error) {
      this.#logger.warn({err: error}, `segments of table "${table.name}" cannot be moved`);
      return;
    }
    const work: JobWork = async control => {
      const {rows, segments, bytes} = await this.#storage.move(table, control);
      return `${rows} rows in ${segments} segments, ${bytes} bytes, moved to storage "${storageOf(table)}"`;
    };
    const request = {type: 'move', table, owner: null, createdBy: POLICY_CREATOR, work} as const;
    this.#maintenance.queue({...request, maxRetries: MAX_RETRIES}, {});
  }
}

function storageOf(table: TableStorage): string {
  return table.options['storage'] ?? LOCAL;
}
