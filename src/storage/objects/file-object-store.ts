import {randomUUID} from 'node:crypto';
import type {Dirent, Stats} from 'node:fs';
import type {FileHandle} from 'node:fs/promises';
import {link, mkdir, open, readdir, rename, rm, stat, unlink} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {DurableDirectories} from '../cold/durable-directories.ts';
import type {
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  PutResult,
  RangeRead,
} from './contract.ts';
import {checkObjectKey} from './object-key.ts';

/** Uploads in progress. Another process can be at work here, so that only what is too old to be one is removed. */
const STAGING = '.staging';
const STALE_MS = 24 * 60 * 60 * 1000;

/** Objects as files below a directory. */
export async function openFileObjectStore(root: string): Promise<ObjectStore> {
  const directories = new DurableDirectories();
  await directories.ensure(root);
  const staging = join(root, STAGING);
  await mkdir(staging, {recursive: true});
  for (const name of await readdir(staging)) {
    const stats = await stat(join(staging, name)).catch(() => null);
    if (stats !== null && Date.now() - stats.mtimeMs > STALE_MS)
      await rm(join(staging, name), {force: true});
  }
  return new FileObjectStore(root, directories);
}

class FileObjectStore implements ObjectStore {
  readonly #root: string;
  readonly #directories: DurableDirectories;

  constructor(root: string, directories: DurableDirectories) {
    this.#root = root;
    this.#directories = directories;
  }

  async put(key: string, body: ObjectBody, options: PutOptions = {}): Promise<PutResult> {
    const path = this.#pathOf(key);
    const staged = join(this.#root, STAGING, randomUUID());
    try {
      await writeDurably(staged, body);
      options.signal?.throwIfAborted();
      await this.#directories.ensure(dirname(path));
      if (options.ifAbsent === true) await link(staged, path);
      else await rename(staged, path);
      await this.#directories.sync(dirname(path));
      if (options.ifAbsent === true) await unlink(staged);
      return 'stored';
    } catch (error) {
      await rm(staged, {force: true});
      if (options.signal?.aborted === true) throw options.signal.reason;
      if (options.ifAbsent === true && codeOf(error) === 'EEXIST') return 'exists';
      throw failure('store', key, error);
    }
  }

  async get(
    key: string,
    range?: {readonly offset: number; readonly length: number},
  ): Promise<Buffer | null> {
    const path = this.#pathOf(key);
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if (isMissing(error)) return null;
      throw failure('read', key, error);
    }
    try {
      const stats = await file.stat();
      if (!stats.isFile()) return null;
      const {size} = stats;
      const from = Math.min(Math.max(0, range?.offset ?? 0), size);
      const to = Math.min(size, from + Math.max(0, range?.length ?? size));
      const bytes = Buffer.allocUnsafeSlow(to - from);
      let at = 0;
      while (at < bytes.length) {
        const {bytesRead} = await file.read(bytes, at, bytes.length - at, from + at);
        if (bytesRead === 0) throw new Error('the file became shorter');
        at += bytesRead;
      }
      return bytes;
    } catch (error) {
      throw failure('read', key, error);
    } finally {
      await file.close();
    }
  }

  async getRange(
    key: string,
    range: {readonly offset: number; readonly length: number},
    etag: string | null,
  ): Promise<RangeRead | 'changed' | null> {
    const before = await this.head(key);
    if (before === null) return null;
    const bytes = await this.get(key, range);
    const after = await this.head(key);
    if (bytes === null || after === null) return null;
    if (before.etag !== after.etag || (etag !== null && etag !== after.etag)) return 'changed';
    return {bytes, etag: after.etag, size: after.size};
  }

  async head(key: string): Promise<ObjectInfo | null> {
    try {
      const stats = await stat(this.#pathOf(key));
      return stats.isFile() ? infoOf(key, stats) : null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw failure('read', key, error);
    }
  }

  async list(
    prefix: string,
    options: {readonly after?: string; readonly limit?: number} = {},
  ): Promise<readonly ObjectInfo[]> {
    const {after = '', limit = 1000} = options;
    const found: ObjectInfo[] = [];
    const start = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/') + 1) : '';
    await this.#walk(start, {prefix, after, limit}, found);
    return found;
  }

  async delete(key: string): Promise<boolean> {
    const path = this.#pathOf(key);
    try {
      await unlink(path);
      await this.#directories.sync(dirname(path));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw failure('delete', key, error);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Depth first in byte order of keys: a directory sorts as its name with a slash. */
  async #walk(
    base: string,
    wanted: {readonly prefix: string; readonly after: string; readonly limit: number},
    found: ObjectInfo[],
  ): Promise<void> {
    const names = (await this.#entries(base))
      .map(entry => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort(byteOrder);
    for (const name of names) {
      if (found.length >= wanted.limit) return;
      const key = base + name;
      if (!key.startsWith(wanted.prefix) && !wanted.prefix.startsWith(key)) continue;
      if (name.endsWith('/')) {
        const isBehind = byteOrder(key, wanted.after) < 0 && !wanted.after.startsWith(key);
        if (!isBehind && key !== `${STAGING}/`) await this.#walk(key, wanted, found);
      } else if (key.startsWith(wanted.prefix) && byteOrder(key, wanted.after) > 0) {
        const info = await this.head(key);
        if (info !== null) found.push(info);
      }
    }
  }

  async #entries(base: string): Promise<Dirent[]> {
    try {
      return await readdir(join(this.#root, base), {withFileTypes: true});
    } catch (error) {
      if (isMissing(error)) return [];
      throw failure('list', base, error);
    }
  }

  #pathOf(key: string): string {
    checkObjectKey(key);
    const parts = key.split('/');
    if (parts[0] === STAGING)
      throw new PgError(SqlState.invalidParameterValue, `invalid object key "${key}"`);
    return join(this.#root, ...parts);
  }
}

async function writeDurably(path: string, body: ObjectBody): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for await (const part of body instanceof Uint8Array ? [body] : body) {
      let at = 0;
      while (at < part.length) at += (await file.write(part, at)).bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

function infoOf(key: string, stats: Stats): ObjectInfo {
  const etag = `${stats.ino.toString(16)}-${stats.size.toString(16)}-${Math.round(stats.mtimeMs * 1000).toString(16)}`;
  return {key, size: stats.size, etag, modifiedAt: stats.mtime};
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error));
}

function failure(what: string, key: string, error: unknown): PgError {
  if (error instanceof PgError) return error;
  const isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
  const message = error instanceof Error ? error.message : String(error);
  return new PgError(
    isFull ? SqlState.diskFull : SqlState.ioError,
    `could not ${what} object "${key}": ${message}`,
    {cause: error},
  );
}
