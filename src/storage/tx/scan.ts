// Hot path: every read of a table opens one of these.
import type {Batch} from '../../columns/batch.ts';
import {type ColdTables, newScanStats} from '../cold-tables.ts';
import {END, PAUSE, type ScanCursor, type ScanRequest, type ScanStats, type StorageIndex} from '../contract.ts';
import {readCell} from '../hot/cells.ts';
import type {HotImage} from '../hot/hot-image.ts';
import {KeyCodec} from '../hot/key-codec.ts';
import {compareNullsLast} from '../hot/sorted-index.ts';
import {ColdScan} from './cold-scan.ts';
import {HotScan, type HotView} from './hot-scan.ts';
import type {LocationHints} from './location-hints.ts';
import {type LooseRow, ScanColumns} from './scan-columns.ts';
import type {SnapshotValue} from './snapshot.ts';
import type {TableWrites} from './write-set.ts';

const OWN_BATCH = 1024;

/** Rows of a table as a command of a transaction sees them: hot image, own write-set, segments; in the wanted order when one is asked. */
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
  /** Merge of the own rows into an order: the committed position that is next. */
  #head: number | null | undefined = undefined;

  constructor(image: HotImage, cold: ColdTables, request: ScanRequest, snapshot: SnapshotValue, writes: TableWrites | null, cid: number, hints: LocationHints | null) {
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
    const entries = manifest.tables.size === 0 || isTruncated ? [] : manifest.segments(request.table.oid, request.owner);
    this.#cold = entries.length === 0 ? null : new ColdScan(cold, entries, request, this.#columns, view, this.stats);
  }

  get pause(): Promise<unknown> | null {
    return this.#cold?.pause ?? null;
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    if (this.#isClosed) return END;
    if (this.#request.order !== null && this.#own.length > 0) return this.#nextMerged(wanted);
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

  /** Own rows are sorted already; committed ones come one by one. */
  #nextMerged(wanted: number): Batch | typeof END {
    const rows: LooseRow[] = [];
    const limit = Math.min(wanted, OWN_BATCH);
    const {order} = this.#request;
    while (rows.length < limit) {
      if (this.#head === undefined) this.#head = this.#hot.nextSortedPosition();
      const own = this.#own[this.#ownAt];
      if (this.#head === null && own === undefined) break;
      const committed = this.#head === null ? null : this.#looseRow(this.#head);
      if (committed !== null && (own === undefined || compareRows(order!, committed, own) <= 0)) {
        rows.push(committed);
        this.#head = undefined;
      } else {
        rows.push(own!);
        this.#ownAt++;
      }
    }
    if (rows.length > 0) return {count: rows.length, selection: null, vectors: this.#columns.ofRows(rows)};
    this.close();
    return END;
  }

  #looseRow(position: number): LooseRow {
    const chunk = this.#image.chunkOf(position)!;
    const slot = this.#image.slotOf(position);
    return {
      rid: Number(chunk.rids[slot]!),
      owner: chunk.owner,
      row: this.#image.rowFor(this.#request.table, position),
      seq: BigInt(chunk.begin[slot]!),
      location: 0,
    };
  }
}

function ownRows(writes: TableWrites, request: ScanRequest, cid: number): readonly LooseRow[] {
  const rows: LooseRow[] = [];
  const {lookup, order} = request;
  const codec = lookup === null ? null : new KeyCodec(lookup.index);
  const wanted = lookup === null ? null : new Set(lookup.keys.map((key) => codec!.ofKey(key)));
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

function compareRows(order: {readonly index: StorageIndex; readonly descending: boolean}, a: LooseRow, b: LooseRow): number {
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
