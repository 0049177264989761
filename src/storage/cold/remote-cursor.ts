import type {Batch} from '../../columns/batch.ts';
import {END, PAUSE} from '../contract.ts';
import type {BlockCache} from '../objects/block-cache.ts';
import {AbsentBytes} from '../objects/byte-range.ts';
import type {SegmentCache} from '../objects/segment-cache.ts';
import type {SegmentCursor, SegmentMeta} from './contract.ts';
import type {PagesCursor} from './segment-cursor.ts';

/** A cursor over a segment that the manifest excludes. */
export const NO_ROWS: SegmentCursor = {next: () => END, pause: null, close: () => {}};

/** A cursor that first waits for the copy of its segment, and keeps it until it is closed. */
export class CopyCursor implements SegmentCursor {
  readonly #path: string;
  readonly #copies: SegmentCache;
  readonly #meta: SegmentMeta;
  readonly #open: () => SegmentCursor;
  #cursor: SegmentCursor | null = null;
  #failure: unknown = null;
  #isClosed = false;
  pause: Promise<unknown> | null = null;

  constructor(path: string, copies: SegmentCache, meta: SegmentMeta, open: () => SegmentCursor) {
    this.#path = path;
    this.#copies = copies;
    this.#meta = meta;
    this.#open = open;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#isClosed) return END;
    if (this.#failure !== null) throw this.#failure;
    if (this.#cursor === null) {
      const wait = this.#copies.ensure(this.#path, this.#meta);
      if (wait !== null) {
        this.pause = wait.catch((error: unknown) => {
          this.#failure = error;
        });
        return PAUSE;
      }
      this.#copies.pin(this.#path);
      this.pause = null;
      this.#cursor = this.#open();
    }
    return this.#cursor.next(wanted);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#cursor === null) return;
    this.#cursor.close();
    this.#cursor = null;
    this.#copies.unpin(this.#path);
  }
}

/** A cursor over blocks: waits for those that it needs, and has the next ones fetched while it reads. */
export class BlockCursor implements SegmentCursor {
  readonly #path: string;
  readonly #blocks: BlockCache;
  readonly #cursor: PagesCursor;
  readonly #mayPass: (error: unknown) => boolean;
  /** Row groups begun from which on more is fetched. */
  #nextFetchAt = Infinity;
  #isSecondTry = false;
  #changes: number;
  #failure: unknown = null;
  #isClosed = false;
  pause: Promise<unknown> | null = null;

  /** `mayPass`: whether an error is of bytes that are to be fetched once more. */
  constructor(
    path: string,
    blocks: BlockCache,
    cursor: PagesCursor,
    mayPass: (error: unknown) => boolean,
  ) {
    this.#path = path;
    this.#blocks = blocks;
    this.#cursor = cursor;
    this.#mayPass = mayPass;
    this.#changes = blocks.changes(path);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#isClosed) return END;
    if (this.#failure !== null) throw this.#failure;
    this.pause = null;
    try {
      this.#checkFooter();
      const batch = this.#cursor.next(wanted);
      if (this.#cursor.visited >= this.#nextFetchAt) this.#fetchAhead();
      return batch;
    } catch (error) {
      if (error instanceof AbsentBytes) return this.#wait(error);
      if (this.#isSecondTry || !this.#mayPass(error)) throw error;
      this.#isSecondTry = true;
      return PAUSE;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cursor.close();
  }

  /** Pages say nothing of the segment that they are of. */
  #checkFooter(): void {
    const changes = this.#blocks.changes(this.#path);
    if (changes === this.#changes) return;
    this.#cursor.checkFooter();
    this.#changes = changes;
  }

  #wait({ranges}: AbsentBytes): typeof PAUSE {
    const ahead = this.#cursor.ahead(this.#blocks.windowBytes);
    this.#planNext(ahead.visited);
    this.pause = this.#blocks
      .fetch(this.#path, [...ranges, ...ahead.ranges])
      .catch((error: unknown) => {
        this.#failure = error;
      });
    return PAUSE;
  }

  /** A failure is met again, and told, when the bytes are needed. */
  #fetchAhead(): void {
    const {ranges, visited} = this.#cursor.ahead(this.#blocks.windowBytes);
    this.#planNext(visited);
    if (ranges.length > 0) this.#blocks.fetch(this.#path, ranges).catch(() => null);
  }

  #planNext(upTo: number): void {
    const {visited} = this.#cursor;
    this.#nextFetchAt = upTo === 0 ? Infinity : Math.max(visited + 1, (visited + upTo) >> 1);
  }
}
