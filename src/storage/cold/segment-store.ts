import {dirname, join} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {assert} from '../../common/errors.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ScanStats} from '../contract.ts';
import type {
  MergedSegments,
  MergeTask,
  Segment,
  SegmentColumn,
  SegmentMeta,
  SegmentSource,
  SegmentSink,
  SegmentScanOptions,
  SegmentStore,
  WriteSegmentOptions,
} from './contract.ts';
import {BlockCache, type BlockCacheOptions} from '../objects/block-cache.ts';
import {SegmentCache, type SegmentCacheOptions} from '../objects/segment-cache.ts';
import {isRemote} from '../objects/storage-url.ts';
import {DurableDirectories} from './durable-directories.ts';
import {EncodeThread} from './encode-thread.ts';
import {FileReader} from './file-reader.ts';
import {mergeSegments} from './merge/merge-segments.ts';
import {MergeThread} from './merge/merge-thread.ts';
import {PageCache} from './page-cache.ts';
import {checkSegment} from './segment-check.ts';
import {SegmentBounds} from './segment-bounds.ts';
import {PagesCursor} from './segment-cursor.ts';
import type {KeyPart} from './segment-lookup.ts';
import {findPositions, RowReader} from './segment-lookup.ts';
import {type ReadSegment, RemoteSegment} from './remote-segment.ts';
import {copySegment, removeSegment, writeRemote} from './segment-transfer.ts';
import {SegmentPages} from './segment-pages.ts';
import {SegmentFile} from './segment-file.ts';
import {writeSegments} from './segment-writer.ts';

const SLICE_MS = 4;
const NO_POSITIONS: readonly number[] = [];
const CHECK_CACHE_BYTES = 8 * 1024 * 1024;

/** What a segment store needs. */
export interface SegmentStoreOptions {
  /** Bound of decoded pages, dictionaries, filters and footers of all segments together. */
  readonly cacheBytes: number;
  /** Copies of segments in remote storages; without it there are none of these. */
  readonly remote?: SegmentCacheOptions;
}

/** The cold side of storage over local files, and over local copies of remote ones. */
export function createSegmentStore(options: SegmentStoreOptions): SegmentStore {
  return new LocalSegmentStore(options);
}

class LocalSegmentStore implements SegmentStore {
  readonly #files: FileReader;
  readonly #locate: (path: string) => string;
  readonly #cache: PageCache;
  readonly #copies: SegmentCache | null;
  readonly #blocks: BlockCache | null;
  readonly #thread = new EncodeThread();
  readonly #merges = new MergeThread();
  readonly #directories = new DurableDirectories();
  readonly #open = new Map<string, SegmentPages>();

  constructor({cacheBytes, remote}: SegmentStoreOptions) {
    const copies = remote === undefined ? null : new SegmentCache(copyOptions(remote));
    this.#copies = copies;
    this.#locate = path => (copies !== null && isRemote(path) ? copies.localPath(path) : path);
    const blocks = remote === undefined ? null : new BlockCache(blockOptions(remote));
    this.#blocks = blocks;
    this.#files = new FileReader(
      this.#locate,
      blocks === null
        ? null
        : {
            serves: path => isRemote(path) && copies?.isReady(path) !== true,
            size: path => blocks.size(path),
            read: (path, offset, length) => blocks.read(path, offset, length),
          },
    );
    if (copies !== null) copies.onEvict = local => this.#files.forgetFile(local);
    if (blocks !== null) blocks.onChange = path => this.#open.get(path)?.forget();
    this.#cache = new PageCache(cacheBytes);
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  async write(options: WriteSegmentOptions, source: SegmentSource): Promise<SegmentMeta> {
    const [meta] = await this.writeMany([{options, source}]);
    return meta!;
  }

  async writeMany(
    items: readonly {readonly options: WriteSegmentOptions; readonly source: SegmentSource}[],
  ): Promise<readonly SegmentMeta[]> {
    const write = (some: typeof items): Promise<readonly SegmentMeta[]> =>
      writeSegments(some, this.#thread, this.#directories);
    return items.some(({options}) => isRemote(options.path))
      ? writeRemote(items, this.#remote(), write)
      : write(items);
  }

  begin(options: WriteSegmentOptions): Promise<SegmentSink> {
    if (isRemote(options.path)) this.#remote();
    return SegmentFile.begin(options, {
      thread: this.#thread,
      directories: this.#directories,
      copies: this.#copies,
    });
  }

  merge(task: MergeTask): Promise<MergedSegments> {
    return mergeSegments(task, {
      thread: this.#merges,
      directories: this.#directories,
      copies: this.#copies,
      locate: this.#locate,
    });
  }

  copy(from: string, to: string, meta: SegmentMeta, signal?: AbortSignal): Promise<void> {
    return copySegment({
      from,
      to,
      meta,
      signal,
      copies: this.#copies,
      directories: this.#directories,
    });
  }

  remove(path: string): Promise<void> {
    if (isRemote(path)) this.#blocks?.forget(path);
    return removeSegment(path, this.#copies);
  }

  open(path: string, meta: SegmentMeta, schema: readonly SegmentColumn[]): Segment {
    const types = new Map(schema.map(column => [column.attnum, column.type]));
    let pages = this.#open.get(path);
    if (pages === undefined) {
      pages = new SegmentPages(path, meta, types, {files: this.#files, cache: this.#cache});
      this.#open.set(path, pages);
    }
    const bounds = new SegmentBounds(meta, types);
    const segment = new LocalSegment(pages, meta, {types, bounds, locate: this.#locate});
    if (!isRemote(path)) return segment;
    const parts = {copies: this.#remote(), blocks: this.#blocks!};
    return new RemoteSegment(segment, parts, meta, bounds);
  }

  forget(path: string): void {
    this.#open.get(path)?.forget();
    this.#open.delete(path);
    this.#files.forget(path);
    if (!isRemote(path)) return;
    this.#copies?.forget(path);
    this.#blocks?.forget(path);
  }

  #remote(): SegmentCache {
    assert(this.#copies !== null, 'a remote segment is used where storages are configured');
    return this.#copies;
  }

  async close(): Promise<void> {
    // Copies of remote segments stay for the next start.
    for (const [path, pages] of this.#open) {
      pages.forget();
      this.#files.forget(path);
    }
    this.#open.clear();
    await this.#copies?.close();
    await this.#blocks?.close();
    this.#files.close();
    await this.#thread.close();
    await this.#merges.close();
  }
}

class LocalSegment implements ReadSegment {
  readonly path: string;
  readonly rows: number;
  readonly #pages: SegmentPages;
  readonly #types: ReadonlyMap<number, TypeInstance>;
  readonly #bounds: SegmentBounds;
  readonly #locate: (path: string) => string;

  constructor(
    pages: SegmentPages,
    meta: SegmentMeta,
    known: {
      readonly types: ReadonlyMap<number, TypeInstance>;
      readonly bounds: SegmentBounds;
      readonly locate: (path: string) => string;
    },
  ) {
    this.#locate = known.locate;
    this.#bounds = known.bounds;
    this.path = pages.path;
    this.rows = meta.rows;
    this.#pages = pages;
    this.#types = known.types;
  }

  forget(): void {
    this.#pages.forget();
  }

  scan(options: SegmentScanOptions): PagesCursor {
    return new PagesCursor(this.#pages, options);
  }

  find(key: readonly KeyPart[], stats: ScanStats): readonly number[] | Promise<readonly number[]> {
    if (!key.every(({attnum, type, value}) => this.#bounds.mayMatch(attnum, type, '=', [value]))) {
      stats.segmentsSkipped++;
      return NO_POSITIONS;
    }
    const search = findPositions(this.#pages, key, stats);
    const began = performance.now();
    for (let step = search.next(); ; step = search.next()) {
      if (step.done === true) return step.value;
      if (performance.now() - began > SLICE_MS) return unheeded(found(search));
    }
  }

  read(
    positions: readonly number[],
    columns: SegmentScanOptions['columns'],
  ): readonly (readonly Datum[])[] | Promise<readonly (readonly Datum[])[]> {
    const reader = new RowReader(this.#pages, positions, columns);
    const began = performance.now();
    while (!reader.isDone) {
      reader.step();
      if (performance.now() - began > SLICE_MS && !reader.isDone) return unheeded(finished(reader));
    }
    return reader.rows;
  }

  async check(meta: SegmentMeta): Promise<readonly string[]> {
    const files = new FileReader(this.#locate);
    try {
      const cache = new PageCache(CHECK_CACHE_BYTES);
      const pages = new SegmentPages(this.path, meta, this.#types, {files, cache});
      return await checkSegment(pages, meta, this.#types, this.#locate(this.path));
    } finally {
      files.close();
    }
  }
}

/** Whole copies and blocks share the bound. */
function copyOptions(remote: SegmentCacheOptions): SegmentCacheOptions {
  return {...remote, maxBytes: Math.ceil(remote.maxBytes / 2)};
}

function blockOptions({directory, maxBytes, store}: SegmentCacheOptions): BlockCacheOptions {
  return {directory: join(dirname(directory), 'blocks'), maxBytes: Math.floor(maxBytes / 2), store};
}

/** Who asks again instead of waiting meets an error then: a transaction that ends takes its files along. */
function unheeded<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

async function found(search: Generator<void, number[]>): Promise<readonly number[]> {
  for (;;) {
    await nextTurn();
    const began = performance.now();
    while (performance.now() - began < SLICE_MS) {
      const step = search.next();
      if (step.done === true) return step.value;
    }
  }
}

async function finished(reader: RowReader): Promise<readonly (readonly Datum[])[]> {
  while (!reader.isDone) {
    await nextTurn();
    const began = performance.now();
    while (!reader.isDone && performance.now() - began < SLICE_MS) reader.step();
  }
  return reader.rows;
}
