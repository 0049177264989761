import type {ArchiveResult} from '../storage/backup/contract.ts';
import type {Storage} from '../storage/contract.ts';
import type {ObjectStore} from '../storage/objects/contract.ts';
import type {JobLogger} from './maintenance.ts';

const EVERY_MS = 10_000;

/** Keeps the archive of the change log up to date: now and then, and when the server stops. */
export class ArchiveKeeper {
  readonly #storage: Storage;
  readonly #store: ObjectStore;
  readonly #logger: JobLogger;
  readonly #timer: NodeJS.Timeout;

  constructor(storage: Storage, store: ObjectStore, logger: JobLogger, everyMs = EVERY_MS) {
    this.#storage = storage;
    this.#store = store;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.#tick(), everyMs);
    this.#timer.unref();
  }

  /** One pass: afterwards the archive has everything that was durable when it began. */
  run(): Promise<ArchiveResult> {
    return this.#storage.admin.archive(this.#store);
  }

  /** A last pass; what it cannot write is written after the next start. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const done = this.#storage.whenDurable(this.#storage.lastSeq);
    await done;
    await this.#tick();
    await this.#store.close();
  }

  async #tick(): Promise<void> {
    if (this.#storage.durableSeq <= (this.#storage.admin.archivedSeq ?? 0)) return;
    try {
      await this.run();
    } catch (error) {
      this.#logger.warn(
        {err: error},
        'the change log could not be archived; it is kept until it can be',
      );
    }
  }
}
