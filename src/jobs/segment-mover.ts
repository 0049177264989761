import type {Oid} from '../common/ids.ts';
import type {Storage, TableStorage} from '../storage/contract.ts';
import {type Job, type JobWork, POLICY_CREATOR} from './job-table.ts';
import type {JobLogger, Maintenance} from './maintenance.ts';

const MAX_RETRIES = 5;

/**
 * Starts a job of type `move` when a table's storage was changed, and at start or the next ALTER TABLE for tables that a crash, a
 * failure or a cancelled job left in two storages. Every segment is readable where it lies meanwhile.
 */
export class SegmentMover {
  readonly #storage: Storage;
  readonly #maintenance: Maintenance;
  readonly #logger: JobLogger;
  /** The newest move of a table; a job looks at the table's storage of the moment, so that one at a time is enough. */
  readonly #moves = new Map<Oid, Job>();

  constructor(storage: Storage, maintenance: Maintenance, logger: JobLogger) {
    this.#storage = storage;
    this.#maintenance = maintenance;
    this.#logger = logger;
  }

  /** Looks at a table when the server starts. */
  opened(table: TableStorage): void {
    this.#moveMisplaced(table);
  }

  /** The catalog has another form of a table; undefined when it was dropped. */
  refresh(oid: Oid, table: TableStorage | undefined): void {
    if (table === undefined) this.#moves.delete(oid);
    else this.#moveMisplaced(table);
  }

  #moveMisplaced(table: TableStorage): void {
    if (table.kind === 'stream' || table.persistence === 't') return;
    if (this.#moves.get(table.oid)?.hasEnded === false) return;
    try {
      if (this.#storage.misplaced(table) === 0) return;
    } catch (error) {
      this.#logger.warn({err: error}, `segments of table "${table.name}" cannot be moved`);
      return;
    }
    const work: JobWork = async control => {
      const {rows, segments, bytes} = await this.#storage.move(table, control);
      return `${rows} rows in ${segments} segments, ${bytes} bytes, were moved`;
    };
    const request = {type: 'move', table, owner: null, createdBy: POLICY_CREATOR, work} as const;
    this.#moves.set(table.oid, this.#maintenance.queue({...request, maxRetries: MAX_RETRIES}, {}));
  }
}
