// Hot path: every read of a table opens one of these.
import type {Batch} from '../../columns/batch.ts';
import {type ColdTables, newScanStats} from '../cold-tables.ts';
import {
  END,
  PAUSE,
  type ScanCursor,
  type ScanRequest,
  type ScanStats,
  type StorageIndex,
} from '../contract.ts';
import {readCell} from '../hot/cells.ts';
import type {HotImage} from '../hot/hot-image.ts';
import {KeyCodec} from '../hot/key-codec.ts';
import {compareNullsLast} from '../hot/sorted-index.ts';
import type {SegmentEntry} from '../manifest.ts';
import {ColdScan, visibleDeletions} from './cold-scan.ts';
import {HotScan, type HotView} from './hot-scan.ts';
import type {LocationHints} from './location-hints.ts';
import {ColdSource, HotSource, ListSource, type OrderedSource} from './ordered-sources.ts';
import {isSortedBy, SortedSource} from './sorted-source.ts';
import {type LooseRow, ScanColumns} from './scan-columns.ts';
import type {SnapshotValue} from './snapshot.ts';
import type {TableWrites} from './write-set.ts';

const OWN_BATCH = 1024;

/** What a scan reads, and what it sees of it. */
export interface ScanParts {
  readonly image: HotImage;
  readonly cold: ColdTables;
  readonly request: ScanRequest;
  readonly snapshot: SnapshotValue;
  readonly writes: TableWrites | null;
  readonly cid: number;
  readonly hints: LocationHints | null;
}

/**
 * Rows of a table as a command of a transaction sees them: hot image, own write-set, segments; in
 * the wanted order when one is asked.
 */
export class TableScan implements ScanCursor {
  readonly stats: ScanStats = newScanStats();
  readonly #snapshot: SnapshotValue;
  readonly #columns: ScanColumns;
  readonly #hot: HotScan;
  readonly #request: ScanRequest;
  readonly #own: readonly LooseRow[];
  readonly #image: HotImage;
  readonly #hints: LocationHints | null;
  #ownAt = 0;
  #cold: ColdScan | null;
  #isHotDone = false;
  #isClosed = false;
  readonly #sources: readonly OrderedSource[] | null;
  #pause: Promise<unknown> | null = null;

  constructor({image, cold, request, snapshot, writes, cid, hints}: ScanParts) {
    this.#image = image;
    this.#request = request;
    this.#snapshot = snapshot;
    this.#hints = hints;
    snapshot.retain();
    const seen = writes === null || writes.isEmpty ? null : writes;
    const view: HotView = {seq: snapshot.number, writes: seen, cid};
    this.#columns = new ScanColumns(request.table, request.columns, image);
    this.#own = seen === null ? [] : ownRows(seen, request, cid);
    this.#hot = new HotScan(image, this.#columns, request, view);
    const isTruncated = seen?.isTruncatedFor(cid, -1) === true;
    const {manifest} = snapshot;
    const committed =
      manifest.tables.size === 0 || isTruncated
        ? []
        : manifest.segments(request.table.oid, request.owner);
    const pending = seen === null ? [] : seen.pendingFor(cid, request.owner);
    const entries =
      pending.length === 0 ? committed : [...committed, ...pending.map(({entry}) => entry)];
    this.#sources =
      isTruncated && this.#own.length === 0 && pending.length === 0
        ? null
        : this.#mergeSources(cold, entries, view);
    this.#cold =
      entries.length === 0
        ? null
        : new ColdScan(cold, entries, request, this.#columns, view, this.stats);
  }

  get pause(): Promise<unknown> | null {
    return this.#pause ?? this.#cold?.pause ?? null;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#isClosed) return END;
    this.#snapshot.check();
    if (this.#sources !== null) return this.#nextMerged(this.#sources, wanted);
    if (!this.#isHotDone) {
      const batch = this.#hot.next(wanted);
      if (batch !== END) {
        this.stats.hotRows += batch.count;
        return batch;
      }
      this.#isHotDone = true;
    }
    if (this.#ownAt < this.#own.length) {
      const rows = this.#own.slice(this.#ownAt, this.#ownAt + Math.min(wanted, OWN_BATCH));
      this.#ownAt += rows.length;
      return {count: rows.length, selection: null, vectors: this.#columns.ofRows(rows)};
    }
    if (this.#cold !== null) {
      const batch = this.#cold.next(wanted);
      if (batch !== END) {
        if (batch !== PAUSE) this.#hints?.note(batch, this.#request.columns);
        return batch;
      }
    }
    this.close();
    return END;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cold?.close();
    this.#cold = null;
    this.#snapshot.release();
  }

  /** Merges own, hot and cold rows one by one. */
  #nextMerged(
    sources: readonly OrderedSource[],
    wanted: number,
  ): Batch | typeof END | typeof PAUSE {
    const rows: LooseRow[] = [];
    const limit = Math.min(wanted, OWN_BATCH);
    const order = this.#request.order!;
    this.#pause = null;
    while (rows.length < limit && this.#pause === null) {
      let first: OrderedSource | null = null;
      let row: LooseRow | null = null;
      for (const source of sources) {
        const head = source.peek();
        if (head === PAUSE) {
          this.#pause = source.pause;
          break;
        }
        if (head === null || (row !== null && compareRows(order, head, row) >= 0)) continue;
        first = source;
        row = head;
      }
      if (this.#pause !== null || row === null) break;
      first!.take();
      rows.push(row);
    }
    if (rows.length > 0) {
      const batch = {count: rows.length, selection: null, vectors: this.#columns.ofRows(rows)};
      this.#hints?.note(batch, this.#request.columns);
      return batch;
    }
    if (this.#pause !== null) return PAUSE;
    this.close();
    return END;
  }

  /** What an ordered scan merges; null when the sorted index alone gives the order. */
  #mergeSources(
    cold: ColdTables,
    entries: readonly SegmentEntry[],
    view: HotView,
  ): readonly OrderedSource[] | null {
    const request = this.#request;
    if (request.order === null) return null;
    const isAllOwners = request.owner === null && request.table.kind !== 'shared';
    if (this.#own.length === 0 && entries.length === 0 && !isAllOwners) return null;
    const image = this.#image;
    const sources: OrderedSource[] = [new ListSource(this.#own)];
    // The sorted index is by owner first.
    const owners = isAllOwners ? [...image.owners.keys()] : [request.owner];
    for (const owner of owners) {
      const ofOwner = {...request, owner: owner as ScanRequest['owner']};
      sources.push(new HotSource(new HotScan(image, this.#columns, ofOwner, view), image, ofOwner));
    }
    for (const entry of entries) {
      const deletions = visibleDeletions(entry, view);
      sources.push(
        isSortedBy(entry, request)
          ? new ColdSource(cold, entry, request, deletions)
          : new SortedSource(cold, entry, request, deletions),
      );
    }
    return sources;
  }
}

function ownRows(writes: TableWrites, request: ScanRequest, cid: number): readonly LooseRow[] {
  const rows: LooseRow[] = [];
  const {lookup, order} = request;
  const codec = lookup === null ? null : new KeyCodec(lookup.index);
  const wanted = lookup === null ? null : new Set(lookup.keys.map(key => codec!.ofKey(key)));
  writes.forEachVisible(cid, request.owner, (rid, owner, row) => {
    if (wanted !== null) {
      const key = codec!.ofRow(row);
      if (key === null || !wanted.has(key)) return;
    }
    rows.push({rid, owner, row, seq: null, location: 0});
  });
  if (order !== null) rows.sort((a, b) => compareRows(order, a, b));
  return rows;
}

function compareRows(
  order: {readonly index: StorageIndex; readonly descending: boolean},
  a: LooseRow,
  b: LooseRow,
): number {
  const {keyColumns, keyTypes} = order.index;
  for (let i = 0; i < keyColumns.length; i++) {
    const compared = compareNullsLast(keyTypes[i]!, a.row[keyColumns[i]!]!, b.row[keyColumns[i]!]!);
    if (compared !== 0) return order.descending ? -compared : compared;
  }
  return 0;
}

/** The value of a column at a row of a batch, for callers that go row by row. */
export function batchCell(batch: Batch, column: number, row: number): ReturnType<typeof readCell> {
  return readCell(batch.vectors[column]!, batch.selection === null ? row : batch.selection[row]!);
}
