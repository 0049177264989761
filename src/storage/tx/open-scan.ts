import type {Batch} from '../../columns/batch.ts';
import {newScanStats} from '../cold-tables.ts';
import {END, PAUSE, type ScanCursor, type ScanStats} from '../contract.ts';
import {buildMissingIndex} from './hot-scan.ts';
import {type ScanParts, TableScan} from './scan.ts';

/** A scan: at once, or when the index that it needs has been built and pending segments that it reads are sealed. */
export function openScan(parts: ScanParts): ScanCursor {
  return blockerOf(parts) === null ? new TableScan(parts) : new WaitingScan(parts);
}

/** What must end before a scan can begin; null when nothing must. */
function blockerOf({image, request, writes, cid}: ScanParts): Promise<unknown> | null {
  if (writes !== null) {
    for (const run of writes.pendingFor(cid, request.owner)) {
      const sealing = run.ready();
      if (sealing !== null) return sealing;
    }
  }
  return buildMissingIndex(image, request);
}

/** A scan that answers PAUSE until it can begin. */
class WaitingScan implements ScanCursor {
  readonly #parts: ScanParts;
  readonly #noStats = newScanStats();
  #scan: ScanCursor | null = null;
  #blocker: Promise<unknown> | null = null;
  #isClosed = false;

  constructor(parts: ScanParts) {
    this.#parts = parts;
    parts.snapshot.retain();
  }

  get stats(): ScanStats {
    return this.#scan?.stats ?? this.#noStats;
  }

  get pause(): Promise<unknown> | null {
    return this.#scan === null ? this.#blocker : this.#scan.pause;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#isClosed) return END;
    if (this.#scan === null) {
      this.#blocker = blockerOf(this.#parts);
      if (this.#blocker !== null) return PAUSE;
      this.#scan = new TableScan(this.#parts);
    }
    return this.#scan.next(wanted);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#scan?.close();
    this.#parts.snapshot.release();
  }
}
