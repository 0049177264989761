import {rmSync} from 'node:fs';
import type Database from 'better-sqlite3';
import type {SegmentStore} from './cold/contract.ts';
import {failpoint} from './failpoint.ts';
import {isRemote} from './objects/storage-url.ts';
import type {StorageLogger} from './settings.ts';
import type {CommitQueue} from './tx/commit.ts';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 5 * 60 * 1000;
const AT_ONCE = 8;

/** What the removal of files needs. */
export interface FileGarbageOptions {
  readonly db: Database;
  readonly segments: SegmentStore;
  readonly logger: StorageLogger;
  /** For the list in SQLite, which is changed beside commits. */
  readonly commits: Pick<CommitQueue, 'beside'>;
}

/**
 * Files that nobody reads any more. Local ones are removed at once; those in remote storages when they can be reached: SQLite lists
 * them (`unlinks`) until they are gone, over restarts, too.
 */
export class FileGarbage {
  readonly #options: FileGarbageOptions;
  readonly #waiting = new Set<string>();
  #pauseMs = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: FileGarbageOptions) {
    this.#options = options;
  }

  /** Paths in remote storages that are still to be removed. */
  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** Removes a file that `unlinks` lists. */
  remove(path: string): void {
    if (isRemote(path)) {
      this.#waiting.add(path);
      this.#arm(0);
      return;
    }
    const {logger} = this.#options;
    try {
      failpoint('before-unlink');
      rmSync(path, {force: true});
      failpoint('after-unlink');
      this.#forget(path);
    } catch (error) {
      // SQLite still lists it: the next start removes it.
      logger.warn(`segment file "${path}" is removed at the next start: ${String(error)}`);
    }
  }

  /** Lists and removes a file that was written for nothing. */
  discard(path: string): void {
    const {db, commits} = this.#options;
    if (isRemote(path))
      commits.beside(`segment file "${path}" could not be listed for removal`, () =>
        db.prepare('INSERT OR REPLACE INTO unlinks(path) VALUES (?)').run(path),
      );
    this.remove(path);
  }

  /** Waits until no removal is under way and every path was tried once. */
  async settle(): Promise<void> {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    if (this.#running === null && this.#waiting.size > 0) this.#start();
    await this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  /** When this is lost, the next start tries to remove the file once more. */
  #forget(path: string): void {
    const {db, commits} = this.#options;
    commits.beside(`segment file "${path}" stays listed for removal`, () =>
      db.prepare('DELETE FROM unlinks WHERE path = ?').run(path),
    );
  }

  #arm(pauseMs: number): void {
    if (this.#isClosed || this.#timer !== null || this.#running !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#start();
    }, pauseMs);
    this.#timer.unref();
  }

  #start(): void {
    this.#running = this.#sweep().finally(() => {
      this.#running = null;
      if (this.#waiting.size > 0) this.#arm(this.#pauseMs);
    });
  }

  async #sweep(): Promise<void> {
    const {segments, logger} = this.#options;
    const paths = [...this.#waiting];
    let failed = 0;
    const work = async (): Promise<void> => {
      for (let path = paths.shift(); path !== undefined && !this.#isClosed; path = paths.shift()) {
        try {
          await segments.remove(path);
          this.#forget(path);
          this.#waiting.delete(path);
        } catch (error) {
          if (failed++ === 0)
            logger.warn(
              `segment file "${path}" cannot be removed yet: ${error instanceof Error ? error.message : String(error)}`,
            );
        }
      }
    };
    await Promise.all(Array.from({length: AT_ONCE}, work));
    this.#pauseMs = failed === 0 ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
  }
}
