import {randomUUID} from 'node:crypto';
import {createReadStream, type Dirent, mkdirSync, readdirSync, rmSync, statSync} from 'node:fs';
import {open, rename, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {crc32} from 'node:zlib';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {corrupt, unreadable} from '../cold/file-errors.ts';
import type {ObjectStore} from './contract.ts';
import {parseStorageUrl} from './storage-url.ts';
import {UrlNames} from './url-names.ts';

/** What tells whether a copy is the segment: its manifest's words. */
export interface CachedFile {
  readonly bytes: number;
  /** crc32 of the whole file, hex. */
  readonly checksum: string;
}

/** What a cache of remote segments needs. */
export interface SegmentCacheOptions {
  readonly directory: string;
  /** Bound of all copies together; those in use can pass it for a while. */
  readonly maxBytes: number;
  readonly store: (storage: string) => Promise<ObjectStore>;
}

interface Copy {
  readonly bytes: number;
  /** Whether its content was compared with the checksum since the start. */
  isVerified: boolean;
  /** Readers that have it open. */
  pins: number;
  /** Fetched for somebody who has not read it yet: kept until then. */
  isAwaited: boolean;
}

const CHUNK_BYTES = 4 * 1024 * 1024;
const PARALLEL_CHUNKS = 3;
const SUFFIX = '.parquet';

/**
 * Copies of remote segments on the local disk, whole files, least recently used ones dropped. A copy appears by a rename when its
 * checksum was found right; those of an earlier run are compared before their first use. Nothing here is ever the only one.
 */
export class SegmentCache {
  readonly #options: SegmentCacheOptions;
  /** By file name, least recently used first. */
  readonly #copies = new Map<string, Copy>();
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #names = new UrlNames(SUFFIX);
  /** Names that somebody else had: what lies there is not ours to remove. */
  readonly #foreign = new Set<string>();
  #bytes = 0;
  #isListed = false;
  /** Told of a path whose copy is about to be removed. */
  onEvict: (localPath: string) => void = () => {};

  constructor(options: SegmentCacheOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Where the copy of a remote segment lies, or would lie. */
  localPath(url: string): string {
    return join(this.#options.directory, this.#names.of(url));
  }

  /** A path for a segment that is being written, until `publish`. */
  stagingPath(): string {
    this.#list();
    return join(this.#options.directory, `${randomUUID()}.new`);
  }

  /** Null when the copy is there; else the promise of it, after which the question is to be asked again. */
  ensure(url: string, file: CachedFile): Promise<void> | null {
    this.#list();
    const name = this.#names.of(url);
    const copy = this.#copies.get(name);
    if (copy?.isVerified === true) {
      copy.isAwaited = false;
      this.#copies.delete(name);
      this.#copies.set(name, copy);
      return null;
    }
    const running = this.#fetching.get(name);
    if (running !== undefined) return running;
    const fetching = this.#fetch(url, name, file).finally(() => this.#fetching.delete(name));
    // Several may wait, or nobody any more: a failure is told by asking again, too.
    fetching.catch(() => null);
    this.#fetching.set(name, fetching);
    return fetching;
  }

  /** Whether a copy is here, compared with its checksum or not. */
  has(url: string): boolean {
    this.#list();
    return this.#copies.has(this.#names.of(url));
  }

  /** Whether a copy is here that may be read. */
  isReady(url: string): boolean {
    return this.#copies.get(this.#names.of(url))?.isVerified === true;
  }

  /** Keeps a copy until `unpin`. */
  pin(url: string): void {
    const copy = this.#copies.get(this.#names.of(url));
    if (copy !== undefined) copy.pins++;
  }

  unpin(url: string): void {
    const copy = this.#copies.get(this.#names.of(url));
    if (copy === undefined) return;
    copy.pins = Math.max(0, copy.pins - 1);
    this.#shrink();
  }

  /** Stores a written segment under its name, which must be new, and keeps its file as the copy. */
  async publish(
    url: string,
    staged: string,
    file: CachedFile,
    signal?: AbortSignal,
  ): Promise<void> {
    const {storage, key} = parseStorageUrl(url);
    const store = await this.#options.store(storage);
    const body = createReadStream(staged, {highWaterMark: CHUNK_BYTES});
    const result = await store.put(key, body as AsyncIterable<Uint8Array>, {
      ifAbsent: true,
      signal,
    });
    if (result === 'exists') {
      this.#foreign.add(url);
      throw new PgError(
        SqlState.ioError,
        `could not create segment file "${url}": an object of this name exists`,
      );
    }
    await rename(staged, this.localPath(url)).then(
      () => this.#add(this.#names.of(url), file.bytes, false),
      () => rm(staged, {force: true}),
    );
  }

  /** Reads a segment whole, from its copy when there is one, and says when it is not what the manifest has. */
  async *read(url: string, file: CachedFile): AsyncGenerator<Uint8Array> {
    for (let wait = this.ensure(url, file); wait !== null; wait = this.ensure(url, file))
      await wait;
    this.pin(url);
    try {
      yield* createReadStream(this.localPath(url), {
        highWaterMark: CHUNK_BYTES,
      }) as AsyncIterable<Uint8Array>;
    } finally {
      this.unpin(url);
    }
  }

  /** Removes the object and its copy. */
  async remove(url: string): Promise<void> {
    this.forget(url);
    if (this.#foreign.delete(url)) return;
    const {storage, key} = parseStorageUrl(url);
    await (await this.#options.store(storage)).delete(key);
  }

  /** Drops the copy unless it is being read, so that the object itself is read next. */
  refresh(url: string): void {
    if (this.#copies.get(this.#names.of(url))?.pins === 0) this.forget(url);
  }

  /** Drops the copy only. */
  forget(url: string): void {
    const name = this.#names.of(url);
    this.#names.forget(url);
    if (this.#copies.has(name)) this.#drop(name);
  }

  /** Waits for what is being fetched. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#fetching.values());
  }

  async #fetch(url: string, name: string, file: CachedFile): Promise<void> {
    if (this.#copies.has(name)) {
      if (await this.#isIntact(join(this.#options.directory, name), file)) {
        const copy = this.#copies.get(name);
        if (copy !== undefined) {
          copy.isVerified = true;
          copy.isAwaited = true;
          return;
        }
      }
      if (this.#copies.has(name)) this.#drop(name);
    }
    // A transfer that went wrong on its way is tried once more before the object itself is called corrupted.
    if (!(await this.#download(url, name, file)) && !(await this.#download(url, name, file)))
      throw corrupt(url, 'it does not match its checksum');
    this.#add(name, file.bytes, true);
  }

  async #isIntact(path: string, {bytes, checksum}: CachedFile): Promise<boolean> {
    let crc = 0;
    let read = 0;
    try {
      for await (const chunk of createReadStream(path, {
        highWaterMark: CHUNK_BYTES,
      }) as AsyncIterable<Buffer>) {
        crc = crc32(chunk, crc);
        read += chunk.length;
      }
    } catch {
      return false;
    }
    return read === bytes && hex(crc) === checksum;
  }

  /** Ranges of the object, a few at a time, written in order; false when the content is not the wanted one. */
  async #download(url: string, name: string, {bytes, checksum}: CachedFile): Promise<boolean> {
    const {storage, key} = parseStorageUrl(url);
    const store = await this.#options.store(storage);
    const staged = this.stagingPath();
    const file = await open(staged, 'wx').catch((error: unknown) => {
      throw diskError(staged, error);
    });
    const waiting: Promise<Buffer | null>[] = [];
    let asked = 0;
    let crc = 0;
    try {
      for (let at = 0; at < bytes; ) {
        while (asked < bytes && waiting.length < PARALLEL_CHUNKS) {
          const range = {offset: asked, length: Math.min(CHUNK_BYTES, bytes - asked)};
          const chunk = store.get(key, range);
          chunk.catch(() => null);
          waiting.push(chunk);
          asked += range.length;
        }
        const wanted = Math.min(CHUNK_BYTES, bytes - at);
        const chunk = await waiting.shift()!;
        if (chunk === null) throw unreadable(url, new Error('there is no such object'));
        if (chunk.length !== wanted) break;
        crc = crc32(chunk, crc);
        for (let done = 0; done < wanted; )
          done += (
            await file.write(chunk, done).catch((error: unknown) => {
              throw diskError(staged, error);
            })
          ).bytesWritten;
        at += wanted;
      }
      await file.close();
      const isWhole = waiting.length === 0 && asked === bytes && hex(crc) === checksum;
      if (isWhole) await rename(staged, join(this.#options.directory, name));
      else await rm(staged, {force: true});
      return isWhole;
    } catch (error) {
      await file.close().catch(() => null);
      await rm(staged, {force: true});
      throw error instanceof PgError ? named(url, error) : diskError(staged, error);
    }
  }

  #add(name: string, bytes: number, isAwaited: boolean): void {
    const known = this.#copies.get(name);
    if (known !== undefined) this.#bytes -= known.bytes;
    this.#copies.delete(name);
    this.#copies.set(name, {bytes, isVerified: true, pins: known?.pins ?? 0, isAwaited});
    this.#bytes += bytes;
    this.#shrink();
  }

  /** Drops what was used longest ago. A file that was fetched for a reader stays until it was read, one of them at least. */
  #shrink(): void {
    if (this.#bytes <= this.#options.maxBytes) return;
    for (const [name, copy] of this.#copies) {
      if (this.#bytes <= this.#options.maxBytes) return;
      if (copy.pins === 0 && !copy.isAwaited) this.#drop(name);
    }
    // Nobody may have come for what was fetched: the newest stays, the others are fetched again.
    const newest = [...this.#copies.keys()].at(-1);
    for (const [name, copy] of this.#copies) {
      if (this.#bytes <= this.#options.maxBytes * 2) return;
      if (copy.pins === 0 && name !== newest) this.#drop(name);
    }
  }

  #drop(name: string): void {
    const copy = this.#copies.get(name);
    if (copy === undefined) return;
    this.#copies.delete(name);
    this.#bytes -= copy.bytes;
    const path = join(this.#options.directory, name);
    this.onEvict(path);
    rmSync(path, {force: true});
  }

  /** What an earlier run left: copies, oldest use first, and unfinished files, which go. */
  #list(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    const {directory} = this.#options;
    mkdirSync(directory, {recursive: true, mode: 0o700});
    const found: {readonly name: string; readonly bytes: number; readonly usedAt: number}[] = [];
    for (const entry of readdirSync(directory, {withFileTypes: true}) as Dirent[]) {
      const path = join(directory, entry.name);
      if (!entry.isFile()) continue;
      if (!entry.name.endsWith(SUFFIX)) {
        rmSync(path, {force: true});
        continue;
      }
      const {size, mtimeMs} = statSync(path);
      found.push({name: entry.name, bytes: size, usedAt: mtimeMs});
    }
    for (const {name, bytes} of found.sort((a, b) => a.usedAt - b.usedAt)) {
      this.#copies.set(name, {bytes, isVerified: false, pins: 0, isAwaited: false});
      this.#bytes += bytes;
    }
    this.#shrink();
  }
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

/** An error of the store with the segment's name in it. */
function named(url: string, error: PgError): PgError {
  if (error.message.includes(url)) return error;
  return new PgError(error.code, `could not read segment file "${url}": ${error.message}`, {
    ...error.fields,
    cause: error,
  });
}

function diskError(path: string, error: unknown): PgError {
  const {code} = error as NodeJS.ErrnoException;
  const message = error instanceof Error ? error.message : String(error);
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new PgError(
    isFull ? SqlState.diskFull : SqlState.ioError,
    `could not write file "${path}" of the segment cache: ${message}`,
    {cause: error},
  );
}
