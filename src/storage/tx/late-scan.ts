import type {Batch} from '../../columns/batch.ts';
import {type ColdTables, newScanStats} from '../cold-tables.ts';
import {END, PAUSE, type ScanCursor, type ScanRequest, type ScanStats} from '../contract.ts';
import type {HotImage} from '../hot/hot-image.ts';
import {DeferredScan, isSealed} from './deferred-scan.ts';
import {buildMissingIndex} from './hot-scan.ts';
import type {LocationHints} from './location-hints.ts';
import {TableScan} from './scan.ts';
import type {SnapshotValue} from './snapshot.ts';
import {NO_RUNS, type TableWrites} from './write-set.ts';

/** A scan: at once, or when the index that it needs has been built and pending segments that it reads are sealed. */
export function openScan(
  image: HotImage,
  cold: ColdTables,
  request: ScanRequest,
  snapshot: SnapshotValue,
  writes: TableWrites | null,
  cid: number,
  hints: LocationHints | null,
): ScanCursor {
  const runs = writes === null ? NO_RUNS : writes.pendingFor(cid, request.owner);
  if (runs.every(isSealed)) return openSealed(image, cold, request, snapshot, writes, cid, hints);
  return new DeferredScan(runs, snapshot, () =>
    openSealed(image, cold, request, snapshot, writes, cid, hints),
  );
}

function openSealed(
  image: HotImage,
  cold: ColdTables,
  request: ScanRequest,
  snapshot: SnapshotValue,
  writes: TableWrites | null,
  cid: number,
  hints: LocationHints | null,
): ScanCursor {
  const building = buildMissingIndex(image, request);
  if (building === null) return new TableScan(image, cold, request, snapshot, writes, cid, hints);
  return new LateScan(
    building,
    image,
    snapshot,
    () => new TableScan(image, cold, request, snapshot, writes, cid, hints),
  );
}

/** A scan that opens when an index that it needs has been built; it answers PAUSE until then. */
class LateScan implements ScanCursor {
  readonly #image: HotImage;
  readonly #snapshot: SnapshotValue;
  readonly #open: () => ScanCursor;
  #scan: ScanCursor | null = null;
  #building: Promise<void> | null;
  #failure: unknown = null;
  #isClosed = false;
  readonly #noStats = newScanStats();

  constructor(
    building: Promise<void>,
    image: HotImage,
    snapshot: SnapshotValue,
    open: () => ScanCursor,
  ) {
    this.#image = image;
    this.#snapshot = snapshot;
    this.#open = open;
    snapshot.retain();
    image.pins++;
    this.#building = this.#after(building);
  }

  get stats(): ScanStats {
    return this.#scan?.stats ?? this.#noStats;
  }

  get pause(): Promise<unknown> | null {
    return this.#building ?? this.#scan?.pause ?? null;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#isClosed) return END;
    if (this.#building !== null) return PAUSE;
    if (this.#failure !== null) throw this.#failure;
    this.#scan ??= this.#open();
    return this.#scan.next(wanted);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#scan?.close();
    this.#snapshot.release();
  }

  async #after(building: Promise<void>): Promise<void> {
    try {
      await building;
    } catch (error) {
      this.#failure = error;
    }
    this.#image.pins--;
    this.#building = null;
  }
}
