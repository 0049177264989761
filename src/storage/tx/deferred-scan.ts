import type {Batch} from '../../columns/batch.ts';
import {newScanStats} from '../cold-tables.ts';
import {type END, PAUSE, type ScanCursor, type ScanStats} from '../contract.ts';
import type {PendingRun} from './pending-run.ts';
import type {SnapshotValue} from './snapshot.ts';

/** A scan that begins once the segments of its own transaction that it reads are sealed. */
export class DeferredScan implements ScanCursor {
  readonly #runs: readonly PendingRun[];
  readonly #snapshot: SnapshotValue;
  readonly #open: () => ScanCursor;
  readonly #noStats = newScanStats();
  #scan: ScanCursor | null = null;
  #isClosed = false;
  #waiting: Promise<unknown> | null = null;

  constructor(runs: readonly PendingRun[], snapshot: SnapshotValue, open: () => ScanCursor) {
    snapshot.retain();
    this.#runs = runs;
    this.#snapshot = snapshot;
    this.#open = open;
  }

  get stats(): ScanStats {
    return this.#scan?.stats ?? this.#noStats;
  }

  get pause(): Promise<unknown> | null {
    return this.#scan === null ? this.#waiting : this.#scan.pause;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#scan === null) {
      for (const run of this.#runs) {
        this.#waiting = run.ready();
        if (this.#waiting !== null) return PAUSE;
      }
      this.#scan = this.#open();
      this.#snapshot.release();
    }
    return this.#scan.next(wanted);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#scan === null) this.#snapshot.release();
    else this.#scan.close();
  }
}

/** Whether a pending segment can be read. */
export function isSealed(run: PendingRun): boolean {
  return run.isSealed;
}
