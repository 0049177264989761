import {mkdir, open} from 'node:fs/promises';
import {dirname} from 'node:path';
import {fileError} from './file-errors.ts';

const MAX_KNOWN = 65_536;

/** Makes directories and syncs entries to disk; a directory that is known to be durable costs nothing more. */
export class DurableDirectories {
  readonly #known = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();

  /** Creates the directory and its parents, each synced into its own parent. */
  async ensure(directory: string): Promise<void> {
    if (this.#known.has(directory)) return;
    const made = await mkdir(directory, {recursive: true}).catch((error: NodeJS.ErrnoException) => {
      throw fileError('create', directory, error);
    });
    if (made !== undefined) {
      const top = dirname(made);
      for (let at = directory; at.length > top.length; at = dirname(at))
        await this.sync(dirname(at));
    }
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
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError('sync', directory, error as NodeJS.ErrnoException);
  }
}
