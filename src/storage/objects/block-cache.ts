import {mkdirSync, readdirSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {corrupt, unreadable} from '../cold/file-errors.ts';
import {copyBlock, readBlock, writeBlock} from './block-file.ts';
import {AbsentBytes, type ByteRange} from './byte-range.ts';
import type {ObjectStore} from './contract.ts';
import {parseStorageUrl} from './storage-url.ts';
import {UrlNames} from './url-names.ts';

/** What a cache of blocks needs. */
export interface BlockCacheOptions {
  readonly directory: string;
  /** Bound of all blocks together; those that somebody waits for can pass it for a while. */
  readonly maxBytes: number;
  readonly store: (storage: string) => Promise<ObjectStore>;
}

/** Bytes of a block. */
export const BLOCK_BYTES = 256 * 1024;
/** Blocks of one request at most. */
const REQUEST_BLOCKS = 16;
/** Blocks that nobody wants between two that are wanted: fetched along rather than by a request more. */
const GAP_BLOCKS = 1;
const PARALLEL_REQUESTS = 4;

interface Block {
  readonly object: RemoteObject;
  readonly number: number;
  readonly bytes: number;
  /** Whether it was checked since the start. */
  isVerified: boolean;
  /** Fetched for somebody who has not read it yet. */
  isAwaited: boolean;
}

interface RemoteObject {
  readonly name: string;
  /** Null until its segment is opened. */
  bytes: number | null;
  /** Which version of the object the blocks are of; null until the first is read. */
  etag: string | null;
  /** How often its blocks were dropped: what was under way then is not kept. */
  drops: number;
  /** How often the object was found to be another one. */
  changes: number;
  readonly blocks: Map<number, Block>;
  readonly running: Map<number, Promise<void>>;
}

interface Run {
  readonly first: number;
  readonly count: number;
}

/**
 * Blocks of remote segments on the local disk, least recently used ones dropped. Each has its checksum; those of an earlier run are
 * compared before their first use. All blocks of an object are of one version (ETag): a replaced object is begun anew.
 */
export class BlockCache {
  readonly #options: BlockCacheOptions;
  readonly #objects = new Map<string, RemoteObject>();
  readonly #names = new UrlNames('');
  /** Least recently used first. */
  readonly #blocks = new Set<Block>();
  #bytes = 0;
  #isListed = false;
  /** Told of a segment whose object is another than before. */
  onChange: (url: string) => void = () => {};

  constructor(options: BlockCacheOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that may be fetched ahead of a reader. */
  get windowBytes(): number {
    return Math.min(8 * 1024 * 1024, Math.floor(this.#options.maxBytes / 4));
  }

  /** Tells how many bytes a segment has; before anything of it is read. */
  know(url: string, bytes: number): void {
    this.#objectOf(url).bytes = bytes;
  }

  size(url: string): number {
    return this.#objectOf(url).bytes ?? 0;
  }

  /** How often the segment's object was found to be another one: who has read its footer before reads it again. */
  changes(url: string): number {
    return this.#objectOf(url).changes;
  }

  /** The bytes of a range; AbsentBytes when they are to be fetched first. */
  read(url: string, offset: number, length: number): Buffer {
    const object = this.#objectOf(url);
    const size = object.bytes ?? 0;
    if (offset < 0 || length < 0 || offset + length > size)
      throw corrupt(url, `it ends at byte ${size}, but ${length} bytes at ${offset} are wanted`);
    const into = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const number = Math.floor((offset + at) / BLOCK_BYTES);
      const from = offset + at - number * BLOCK_BYTES;
      const block = object.blocks.get(number);
      const wanted = Math.min(length - at, BLOCK_BYTES - from);
      if (block === undefined || !this.#copy(block, from, into, at, wanted))
        throw new AbsentBytes(url, [{offset, length}]);
      at += wanted;
    }
    return into;
  }

  /** Fetches what is missing of ranges, in few requests. */
  async fetch(url: string, ranges: readonly ByteRange[]): Promise<void> {
    const object = this.#objectOf(url);
    const waiting = new Set<Promise<void>>();
    const missing: number[] = [];
    for (const number of numbersOf(ranges, object.bytes ?? 0)) {
      const running = object.running.get(number);
      const block = object.blocks.get(number);
      if (running !== undefined) waiting.add(running);
      else if (block === undefined || !this.#isIntact(block)) missing.push(number);
      else block.isAwaited = true;
    }
    const runs = runsOf(missing);
    for (let next = 0; next < runs.length; next += PARALLEL_REQUESTS) {
      const some = runs.slice(next, next + PARALLEL_REQUESTS);
      await Promise.all(some.map(run => this.#start(url, object, run)));
    }
    await Promise.all(waiting);
  }

  /** Drops the blocks of a segment, so that they are fetched again; false when there was none. */
  drop(url: string): boolean {
    const object = this.#objectOf(url);
    const hadAny = object.blocks.size > 0;
    for (const block of [...object.blocks.values()]) this.#remove(block);
    object.etag = null;
    object.drops++;
    return hadAny;
  }

  /** The segment is not read any more. */
  forget(url: string): void {
    this.drop(url);
    this.#objects.delete(this.#names.of(url));
    this.#names.forget(url);
  }

  /** Waits for what is being fetched. */
  async close(): Promise<void> {
    for (const object of this.#objects.values()) await Promise.allSettled(object.running.values());
  }

  #start(url: string, object: RemoteObject, run: Run): Promise<void> {
    const request = this.#fetchRun(url, object, run).finally(() => {
      for (let i = 0; i < run.count; i++) object.running.delete(run.first + i);
    });
    for (let i = 0; i < run.count; i++) object.running.set(run.first + i, request);
    return request;
  }

  async #fetchRun(url: string, object: RemoteObject, run: Run): Promise<void> {
    const {storage, key} = parseStorageUrl(url);
    const store = await this.#options.store(storage);
    const size = object.bytes ?? 0;
    const offset = run.first * BLOCK_BYTES;
    const length = Math.min(size, offset + run.count * BLOCK_BYTES) - offset;
    for (let tries = 1; ; tries++) {
      const read = await store
        .getRange(key, {offset, length}, object.etag)
        .catch((error: unknown) => {
          throw named(url, error);
        });
      if (read === null || this.#objects.get(object.name) !== object)
        throw unreadable(url, new Error('there is no such object'));
      if (read === 'changed' || (object.etag !== null && read.etag !== object.etag)) {
        this.drop(url);
        object.changes++;
        this.onChange(url);
      } else if (read.size !== size) {
        throw corrupt(url, `it has ${read.size} bytes instead of ${size}`);
      } else if (read.bytes.length === length) {
        object.etag ??= read.etag;
        if (await this.#keep(object, run.first, read.bytes)) return;
      }
      if (tries > 2) throw corrupt(url, 'its bytes are other ones, or fewer, each time');
    }
  }

  /** Writes what was fetched; false when the blocks of the object were dropped meanwhile. */
  async #keep(object: RemoteObject, first: number, bytes: Buffer): Promise<boolean> {
    const {drops, etag} = object;
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      const number = first + at / BLOCK_BYTES;
      const payload = bytes.subarray(at, at + BLOCK_BYTES);
      const path = this.#pathOf(object, number);
      await writeBlock(path, number, {etag: etag ?? '', payload}).catch((error: unknown) => {
        throw diskError(path, error);
      });
      if (object.drops !== drops) {
        rmSync(path, {force: true});
        return false;
      }
      const known = object.blocks.get(number);
      if (known !== undefined) this.#leave(known);
      this.#enter({object, number, bytes: payload.length, isVerified: true, isAwaited: true});
    }
    this.#shrink();
    return true;
  }

  #enter(block: Block): void {
    block.object.blocks.set(block.number, block);
    this.#blocks.add(block);
    this.#bytes += block.bytes;
  }

  /** Copies bytes of a block; false when it is not what was fetched. */
  #copy(block: Block, from: number, into: Buffer, at: number, length: number): boolean {
    const {object, number} = block;
    const isRead =
      this.#isIntact(block) &&
      copyBlock(this.#pathOf(object, number), object.etag ?? '', from, into, at, length);
    if (!isRead) {
      this.#remove(block);
      return false;
    }
    block.isAwaited = false;
    this.#blocks.delete(block);
    this.#blocks.add(block);
    return true;
  }

  /** Compares a block of an earlier run with its checksum, and with the version of the others. */
  #isIntact(block: Block): boolean {
    if (block.isVerified) return true;
    const {object, number} = block;
    const content = readBlock(this.#pathOf(object, number), number);
    const isWhole =
      content?.payload.length === Math.min(BLOCK_BYTES, (object.bytes ?? 0) - number * BLOCK_BYTES);
    if (content === null || !isWhole || (object.etag !== null && object.etag !== content.etag)) {
      this.#remove(block);
      return false;
    }
    object.etag = content.etag;
    block.isVerified = true;
    return true;
  }

  #shrink(): void {
    const {maxBytes} = this.#options;
    for (const block of this.#blocks) {
      if (this.#bytes <= maxBytes) return;
      if (!block.isAwaited) this.#remove(block);
    }
    // Nobody may have come for what was fetched.
    for (const block of this.#blocks) {
      if (this.#bytes <= 2 * maxBytes || this.#blocks.size <= REQUEST_BLOCKS) return;
      this.#remove(block);
    }
  }

  #remove(block: Block): void {
    if (this.#leave(block)) rmSync(this.#pathOf(block.object, block.number), {force: true});
  }

  #leave(block: Block): boolean {
    if (!this.#blocks.delete(block)) return false;
    block.object.blocks.delete(block.number);
    this.#bytes -= block.bytes;
    return true;
  }

  #pathOf({name}: RemoteObject, number: number): string {
    return join(this.#options.directory, `${name}-${number}`);
  }

  #objectOf(url: string): RemoteObject {
    this.#list();
    return this.#objectNamed(this.#names.of(url));
  }

  #objectNamed(name: string): RemoteObject {
    let object = this.#objects.get(name);
    if (object === undefined) {
      object = {
        ...{name, bytes: null, etag: null, drops: 0, changes: 0},
        ...{blocks: new Map(), running: new Map()},
      };
      this.#objects.set(name, object);
    }
    return object;
  }

  /** What an earlier run left: blocks, oldest first, and unfinished files, which go. */
  #list(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    const {directory} = this.#options;
    mkdirSync(directory, {recursive: true, mode: 0o700});
    const found: {readonly file: string; readonly bytes: number; readonly usedAt: number}[] = [];
    for (const file of readdirSync(directory)) {
      const path = join(directory, file);
      if (!/^[0-9a-f]{40}-\d+$/.test(file)) {
        rmSync(path, {force: true, recursive: true});
        continue;
      }
      const {size, mtimeMs} = statSync(path);
      found.push({file, bytes: size, usedAt: mtimeMs});
    }
    for (const {file, bytes} of found.sort((a, b) => a.usedAt - b.usedAt)) {
      const object = this.#objectNamed(file.slice(0, 40));
      const number = Number(file.slice(41));
      this.#enter({object, number, bytes, isVerified: false, isAwaited: false});
    }
    this.#shrink();
  }
}

/** Numbers of the blocks that ranges lie in, ascending. */
function numbersOf(ranges: readonly ByteRange[], size: number): number[] {
  const numbers = new Set<number>();
  for (const {offset, length} of ranges) {
    const end = Math.min(size, offset + length);
    for (let at = Math.floor(offset / BLOCK_BYTES); at * BLOCK_BYTES < end; at++) numbers.add(at);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** Neighbours together, as many as one request may fetch. */
function runsOf(numbers: readonly number[]): Run[] {
  const runs: Run[] = [];
  let [first, last] = [-1, -1];
  for (const number of numbers) {
    if (first !== -1 && number - last <= GAP_BLOCKS + 1 && number - first < REQUEST_BLOCKS) {
      last = number;
      continue;
    }
    if (first !== -1) runs.push({first, count: last - first + 1});
    first = number;
    last = number;
  }
  if (first !== -1) runs.push({first, count: last - first + 1});
  return runs;
}

/** An error of the store with the segment's name in it. */
function named(url: string, error: unknown): unknown {
  if (!(error instanceof PgError) || error.message.includes(url)) return error;
  return new PgError(error.code, `could not read segment file "${url}": ${error.message}`, {
    ...error.fields,
    cause: error,
  });
}

function diskError(path: string, error: unknown): PgError {
  const {code} = error as NodeJS.ErrnoException;
  const message = error instanceof Error ? error.message : String(error);
  return new PgError(
    code === 'ENOSPC' || code === 'EDQUOT' ? SqlState.diskFull : SqlState.ioError,
    `could not write file "${path}" of the segment cache: ${message}`,
    {cause: error},
  );
}
