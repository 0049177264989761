import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum} from '../../types/contract.ts';
import type {ScanStats} from '../contract.ts';
import type {BlockCache} from '../objects/block-cache.ts';
import {AbsentBytes} from '../objects/byte-range.ts';
import type {SegmentCache} from '../objects/segment-cache.ts';
import type {Segment, SegmentCursor, SegmentMeta, SegmentScanOptions} from './contract.ts';
import {BlockCursor, CopyCursor, NO_ROWS} from './remote-cursor.ts';
import type {PagesCursor} from './segment-cursor.ts';
import type {KeyPart} from './segment-lookup.ts';
import type {SegmentBounds} from './segment-bounds.ts';

/** Segments up to this size are fetched whole, by one request. */
const WHOLE_BYTES = 4 * 1024 * 1024;

/** What is here of remote segments: whole copies, and blocks. */
export interface RemoteParts {
  readonly copies: SegmentCache;
  readonly blocks: BlockCache;
}

/** A local segment as a remote one reads it. */
export interface ReadSegment extends Segment {
  scan(options: SegmentScanOptions): PagesCursor;
  /** Forgets what is decoded of the file. */
  forget(): void;
}

/**
 * A segment in a remote storage. A small one is fetched whole before it is read; of a large one only the blocks that are needed, unless its
 * copy is here. The manifest's bounds can exclude it before that.
 */
export class RemoteSegment implements Segment {
  readonly path: string;
  readonly rows: number;
  readonly #local: ReadSegment;
  readonly #copies: SegmentCache;
  readonly #blocks: BlockCache;
  readonly #meta: SegmentMeta;
  readonly #bounds: SegmentBounds;

  constructor(local: ReadSegment, parts: RemoteParts, meta: SegmentMeta, bounds: SegmentBounds) {
    this.path = local.path;
    this.rows = local.rows;
    this.#local = local;
    this.#copies = parts.copies;
    this.#blocks = parts.blocks;
    this.#meta = meta;
    this.#bounds = bounds;
  }

  scan(options: SegmentScanOptions): SegmentCursor {
    const mayMatch = options.predicates.every(({attnum, type, op, values}) =>
      this.#bounds.mayMatch(attnum, type, op, values),
    );
    if (!mayMatch) {
      options.stats.segmentsSkipped++;
      return NO_ROWS;
    }
    if (this.#isWhole) {
      const open = (): SegmentCursor => this.#local.scan(options);
      return new CopyCursor(this.path, this.#copies, this.#meta, open);
    }
    this.#blocks.know(this.path, this.#meta.bytes);
    return new BlockCursor(this.path, this.#blocks, this.#local.scan(options), error =>
      this.#mayPass(error),
    );
  }

  find(key: readonly KeyPart[], stats: ScanStats): readonly number[] | Promise<readonly number[]> {
    if (!key.every(({attnum, type, value}) => this.#bounds.mayMatch(attnum, type, '=', [value]))) {
      stats.segmentsSkipped++;
      return [];
    }
    return this.#run(() => counted(stats, () => this.#local.find(key, stats)));
  }

  read(
    positions: readonly number[],
    columns: SegmentScanOptions['columns'],
  ): readonly (readonly Datum[])[] | Promise<readonly (readonly Datum[])[]> {
    return this.#run(() => this.#local.read(positions, columns));
  }

  /** Looks at the object itself, all of it, not at a copy of an earlier time. */
  async check(meta: SegmentMeta): Promise<readonly string[]> {
    this.#copies.refresh(this.path);
    try {
      return await this.#withCopy(() => this.#local.check(meta));
    } catch (error) {
      if (error instanceof PgError) return [error.message];
      throw error;
    }
  }

  get #isWhole(): boolean {
    return this.#meta.bytes <= WHOLE_BYTES || this.#copies.has(this.path);
  }

  #run<T>(run: () => T | Promise<T>): T | Promise<T> {
    if (this.#isWhole) return this.#withCopy(run);
    this.#blocks.know(this.path, this.#meta.bytes);
    return this.#withBlocks(run, false);
  }

  /** Runs again and again until all bytes that it reads are here. A part that is damaged is fetched once more. */
  #withBlocks<T>(run: () => T | Promise<T>, isSecond: boolean): T | Promise<T> {
    const recover = (error: unknown): Promise<T> => {
      if (error instanceof AbsentBytes)
        return this.#blocks
          .fetch(this.path, error.ranges)
          .then(() => this.#withBlocks(run, isSecond));
      if (!isSecond && this.#mayPass(error)) return Promise.resolve(this.#withBlocks(run, true));
      throw error;
    };
    let result: T | Promise<T>;
    try {
      result = run();
      if (!(result instanceof Promise)) return result;
      result = result.catch(recover);
    } catch (error) {
      result = recover(error);
    }
    // A caller that does not wait asks again later.
    result.catch(() => null);
    return result;
  }

  /** Whether what was read is damaged and is worth a second try: its blocks are dropped then. */
  #mayPass(error: unknown): boolean {
    if (!(error instanceof PgError) || error.code !== SqlState.dataCorrupted) return false;
    if (!this.#blocks.drop(this.path)) return false;
    this.#local.forget();
    return true;
  }

  #withCopy<T>(run: () => T | Promise<T>): T | Promise<T> {
    const wait = this.#copies.ensure(this.path, this.#meta);
    if (wait !== null) {
      const fetched = wait.then(() => this.#withCopy(run));
      // A caller that does not wait asks again later.
      fetched.catch(() => null);
      return fetched;
    }
    this.#copies.pin(this.path);
    let result: T | Promise<T>;
    try {
      result = run();
    } catch (error) {
      this.#copies.unpin(this.path);
      throw error;
    }
    if (result instanceof Promise) {
      const ended = result.finally(() => this.#copies.unpin(this.path));
      ended.catch(() => null);
      return ended;
    }
    this.#copies.unpin(this.path);
    return result;
  }
}

/** Takes back what a search has counted that is to be repeated. */
function counted<T>(stats: ScanStats, search: () => T | Promise<T>): T | Promise<T> {
  const before = {...stats};
  const takeBack = (error: unknown): never => {
    Object.assign(stats, before);
    throw error;
  };
  try {
    const found = search();
    return found instanceof Promise ? found.catch(takeBack) : found;
  } catch (error) {
    return takeBack(error);
  }
}
