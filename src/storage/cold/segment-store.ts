import {setImmediate as nextTurn} from 'node:timers/promises';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ScanStats} from '../contract.ts';
import type {
  Segment,
  SegmentColumn,
  SegmentCursor,
  SegmentMeta,
  SegmentRowSource,
  SegmentScanOptions,
  SegmentStore,
  WriteSegmentOptions,
} from './contract.ts';
import {DurableDirectories} from './durable-directories.ts';
import {EncodeThread} from './encode-thread.ts';
import {FileReader} from './file-reader.ts';
import {PageCache} from './page-cache.ts';
import {checkSegment} from './segment-check.ts';
import {PagesCursor} from './segment-cursor.ts';
import type {KeyPart} from './segment-lookup.ts';
import {findPositions, RowReader} from './segment-lookup.ts';
import {SegmentPages} from './segment-pages.ts';
import {writeSegments} from './segment-writer.ts';

const SLICE_MS = 4;
const CHECK_CACHE_BYTES = 8 * 1024 * 1024;

/** What a segment store needs. */
export interface SegmentStoreOptions {
  /** Bound of decoded pages, dictionaries, filters and footers of all segments together. */
  readonly cacheBytes: number;
}

/** The cold side of storage over local files. */
export function createSegmentStore(options: SegmentStoreOptions): SegmentStore {
  return new LocalSegmentStore(options.cacheBytes);
}

class LocalSegmentStore implements SegmentStore {
  readonly #files = new FileReader();
  readonly #cache: PageCache;
  readonly #thread = new EncodeThread();
  readonly #directories = new DurableDirectories();
  readonly #open = new Map<string, SegmentPages>();

  constructor(cacheBytes: number) {
    this.#cache = new PageCache(cacheBytes);
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  async write(options: WriteSegmentOptions, source: SegmentRowSource): Promise<SegmentMeta> {
    const [meta] = await this.writeMany([{options, source}]);
    return meta!;
  }

  async writeMany(
    items: readonly {readonly options: WriteSegmentOptions; readonly source: SegmentRowSource}[],
  ): Promise<readonly SegmentMeta[]> {
    return writeSegments(items, this.#thread, this.#directories);
  }

  open(path: string, meta: SegmentMeta, schema: readonly SegmentColumn[]): Segment {
    const types = new Map(schema.map(column => [column.attnum, column.type]));
    let pages = this.#open.get(path);
    if (pages === undefined) {
      pages = new SegmentPages(path, meta, types, {files: this.#files, cache: this.#cache});
      this.#open.set(path, pages);
    }
    return new LocalSegment(pages, meta, types);
  }

  forget(path: string): void {
    this.#open.get(path)?.forget();
    this.#open.delete(path);
    this.#files.forget(path);
  }

  async close(): Promise<void> {
    for (const path of [...this.#open.keys()]) this.forget(path);
    this.#files.close();
    await this.#thread.close();
  }
}

class LocalSegment implements Segment {
  readonly path: string;
  readonly rows: number;
  readonly #pages: SegmentPages;
  readonly #types: ReadonlyMap<number, TypeInstance>;

  constructor(pages: SegmentPages, meta: SegmentMeta, types: ReadonlyMap<number, TypeInstance>) {
    this.path = pages.path;
    this.rows = meta.rows;
    this.#pages = pages;
    this.#types = types;
  }

  scan(options: SegmentScanOptions): SegmentCursor {
    return new PagesCursor(this.#pages, options);
  }

  find(key: readonly KeyPart[], stats: ScanStats): readonly number[] | Promise<readonly number[]> {
    const search = findPositions(this.#pages, key, stats);
    const began = performance.now();
    for (let step = search.next(); ; step = search.next()) {
      if (step.done === true) return step.value;
      if (performance.now() - began > SLICE_MS) return found(search);
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
      if (performance.now() - began > SLICE_MS && !reader.isDone) return finished(reader);
    }
    return reader.rows;
  }

  async check(meta: SegmentMeta): Promise<readonly string[]> {
    const files = new FileReader();
    try {
      const cache = new PageCache(CHECK_CACHE_BYTES);
      const pages = new SegmentPages(this.path, meta, this.#types, {files, cache});
      return await checkSegment(pages, meta, this.#types);
    } finally {
      files.close();
    }
  }
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
