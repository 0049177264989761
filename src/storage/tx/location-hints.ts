import type {Batch} from '../../columns/batch.ts';
import type {ColdRow, ColdTables} from '../cold-tables.ts';
import type {ScanColumn, ScanRequest} from '../contract.ts';
import {type Manifest, positionOf, segmentOf} from '../manifest.ts';

const MAX_HINTS = 8192;

/** Statements that will change rows ask for rid and location: what their cold scans find is remembered. */
export function wantsHints(cold: ColdTables, {table, columns}: ScanRequest): boolean {
  return cold.isCold(table.oid) && columns.includes('rid') && columns.includes('location');
}

/**
 * Where cold rows lay when a scan of this transaction met them, so that a changed row is found again
 * without an index of its segment by rid.
 */
export class LocationHints {
  #locations = new Map<number, number>();

  /** Remembers the cold rows of a batch; older hints go when there are too many. */
  note(batch: Batch, columns: readonly ScanColumn[]): void {
    const rids = batch.vectors[columns.indexOf('rid')];
    const locations = batch.vectors[columns.indexOf('location')];
    if (rids?.kind !== 'int64' || locations?.kind !== 'float64' || batch.count > MAX_HINTS) return;
    if (this.#locations.size + batch.count > MAX_HINTS) this.#locations = new Map();
    for (let i = 0; i < batch.count; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      this.#locations.set(Number(rids.values[at]!), locations.values[at]!);
    }
  }

  /** The row, when it is still there and live. */
  find(manifest: Manifest, table: number, rid: number): ColdRow | null {
    const location = this.#locations.get(rid);
    if (location === undefined || location === 0) return null;
    const entry = manifest.table(table)?.byId.get(segmentOf(location));
    const position = positionOf(location);
    return entry === undefined || entry.deletions.has(position) ? null : {entry, position};
  }
}
