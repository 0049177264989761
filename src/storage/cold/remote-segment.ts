import type {Batch} from '../../columns/batch.ts';
import {PgError} from '../../common/errors.ts';
import type {Datum} from '../../types/contract.ts';
import {END, PAUSE, type ScanStats} from '../contract.ts';
import type {SegmentCache} from '../objects/segment-cache.ts';
import type {Segment, SegmentCursor, SegmentMeta, SegmentScanOptions} from './contract.ts';
import type {KeyPart} from './segment-lookup.ts';
import type {SegmentBounds} from './segment-bounds.ts';

/** A segment in a remote storage: its file is fetched whole before it is read, unless the manifest's bounds exclude it. */
export class RemoteSegment implements Segment {
  readonly path: string;
  readonly rows: number;
  readonly #local: Segment;
  readonly #copies: SegmentCache;
  readonly #meta: SegmentMeta;
  readonly #bounds: SegmentBounds;

  constructor(local: Segment, copies: SegmentCache, meta: SegmentMeta, bounds: SegmentBounds) {
    this.path = local.path;
    this.rows = local.rows;
    this.#local = local;
    this.#copies = copies;
    this.#meta = meta;
    this.#bounds = bounds;
  }

  scan(options: SegmentScanOptions): SegmentCursor {
    const mayMatch = options.predicates.every(({attnum, type, op, values}) =>
      this.#bounds.mayMatch(attnum, type, op, values),
    );
    if (!mayMatch) options.stats.segmentsSkipped++;
    return new RemoteCursor(
      this.path,
      this.#copies,
      this.#meta,
      mayMatch ? () => this.#local.scan(options) : null,
    );
  }

  find(key: readonly KeyPart[], stats: ScanStats): readonly number[] | Promise<readonly number[]> {
    if (!key.every(({attnum, type, value}) => this.#bounds.mayMatch(attnum, type, '=', [value]))) {
      stats.segmentsSkipped++;
      return [];
    }
    return this.#withCopy(() => this.#local.find(key, stats));
  }

  read(
    positions: readonly number[],
    columns: SegmentScanOptions['columns'],
  ): readonly (readonly Datum[])[] | Promise<readonly (readonly Datum[])[]> {
    return this.#withCopy(() => this.#local.read(positions, columns));
  }

  /** Looks at the object itself, not at a copy of an earlier time. */
  async check(meta: SegmentMeta): Promise<readonly string[]> {
    this.#copies.refresh(this.path);
    try {
      return await this.#withCopy(() => this.#local.check(meta));
    } catch (error) {
      if (error instanceof PgError) return [error.message];
      throw error;
    }
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

/** A cursor that first waits for the copy of its segment, and keeps it until it is closed. */
class RemoteCursor implements SegmentCursor {
  readonly #path: string;
  readonly #copies: SegmentCache;
  readonly #meta: SegmentMeta;
  readonly #open: (() => SegmentCursor) | null;
  #cursor: SegmentCursor | null = null;
  #failure: unknown = null;
  #isClosed = false;
  pause: Promise<unknown> | null = null;

  constructor(
    path: string,
    copies: SegmentCache,
    meta: SegmentMeta,
    open: (() => SegmentCursor) | null,
  ) {
    this.#path = path;
    this.#copies = copies;
    this.#meta = meta;
    this.#open = open;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#open === null || this.#isClosed) return END;
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
