import {open} from 'node:fs/promises';
import {dirname} from 'node:path';
import {makeDirectories} from '../../common/make-directories.ts';
import {injectFault} from '../failpoint.ts';
import {fileError} from './file-errors.ts';

const MAX_KNOWN = 65_536;

/** Makes directories and syncs entries to disk; a directory that is known to be durable costs nothing more. */
export class DurableDirectories {
  readonly #known = new Set<string>();
  /** Made by this process, their entry perhaps not yet on disk. */
  readonly #fresh = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();

  /** Creates the directory and its parents, each synced into its own parent. */
  async ensure(directory: string): Promise<void> {
    const parents = await this.make(directory);
    for (const parent of parents) await this.sync(parent);
    this.confirm(directory);
  }

  /** Creates the directory and its parents, and says which directories are to be synced before `confirm` may be called. */
  async make(directory: string): Promise<readonly string[]> {
    if (this.#known.has(directory)) return [];
    const made = await makeDirectories(directory).catch((error: NodeJS.ErrnoException) => {
      throw fileError('create', directory, error);
    });
    if (made !== undefined) {
      for (let at = directory; at.length >= made.length; at = dirname(at)) this.#fresh.add(at);
    }
    const parents: string[] = [];
    for (let at = directory; at !== dirname(at); at = dirname(at)) {
      if (this.#fresh.has(at)) parents.push(dirname(at));
    }
    return parents;
  }

  /** The directories that `make` named are synced. */
  confirm(directory: string): void {
    for (let at = directory; at !== dirname(at); at = dirname(at)) this.#fresh.delete(at);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(directory);
  }

  /** Syncs the entries of a directory that exist when this is called; calls that wait together share a sync. */
  async sync(directory: string): Promise<void> {
    const running = this.#running.get(directory);
    if (running !== undefined) await running.catch(() => null);
    const joined = this.#running.get(directory);
    if (joined !== undefined) return joined;
    const next = syncDirectory(directory);
    this.#running.set(directory, next);
    try {
      await next;
    } finally {
      this.#running.delete(directory);
    }
  }

  /** To be called when directories are removed from below. */
  forget(): void {
    this.#known.clear();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r');
    try {
      injectFault('directory-sync');
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError('sync', directory, error as NodeJS.ErrnoException);
  }
}
