import type {Datum} from '../../types/contract.ts';
import type {DeletionSet, SegmentScanOptions} from '../cold/contract.ts';
import {type ColdTables, RID_ATTNUM, scanColumns, SEQ_ATTNUM} from '../cold-tables.ts';
import {PAUSE, type ScanRequest} from '../contract.ts';
import type {HotImage} from '../hot/hot-image.ts';
import {compareNullsLast, type KeyRange} from '../hot/sorted-index.ts';
import {locationOf, type SegmentEntry, shownSeq} from '../manifest.ts';
import {type HotScan, keyRange} from './hot-scan.ts';
import type {LooseRow} from './scan-columns.ts';

const FIRST_BLOCK = 32;
const LARGEST_BLOCK = 1024;

/** Rows in the order of a request, one after the other, for a merge. */
export interface OrderedSource {
  /** The next row, null at the end, PAUSE when `pause` must be awaited first. */
  peek(): LooseRow | null | typeof PAUSE;
  take(): void;
  readonly pause: Promise<unknown> | null;
}

/** Rows that are in order already: those of the own write-set. */
export class ListSource implements OrderedSource {
  readonly pause = null;
  readonly #rows: readonly LooseRow[];
  #at = 0;

  constructor(rows: readonly LooseRow[]) {
    this.#rows = rows;
  }

  peek(): LooseRow | null {
    return this.#rows[this.#at] ?? null;
  }

  take(): void {
    this.#at++;
  }
}

/** Committed hot rows through a sorted index. */
export class HotSource implements OrderedSource {
  readonly pause = null;
  readonly #scan: HotScan;
  readonly #image: HotImage;
  readonly #request: ScanRequest;
  #head: LooseRow | null | undefined = undefined;

  constructor(scan: HotScan, image: HotImage, request: ScanRequest) {
    this.#scan = scan;
    this.#image = image;
    this.#request = request;
  }

  peek(): LooseRow | null {
    if (this.#head !== undefined) return this.#head;
    const position = this.#scan.nextSortedPosition();
    this.#head = position === null ? null : this.#row(position);
    return this.#head;
  }

  take(): void {
    this.#head = undefined;
  }

  #row(position: number): LooseRow {
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

/**
 * Rows of a segment that is sorted by the wanted key: read in blocks from either end, from a bound
 * that is found by binary search.
 */
export class ColdSource implements OrderedSource {
  readonly #cold: ColdTables;
  readonly #entry: SegmentEntry;
  readonly #request: ScanRequest;
  readonly #deletions: DeletionSet;
  readonly #descending: boolean;
  readonly #bounds: Omit<KeyRange, 'owner' | 'descending'> | null;
  readonly #keyColumn: number;
  /** Columns of the table that are read, then rid and seq. */
  readonly #stored: readonly number[];
  readonly #options: SegmentScanOptions['columns'];
  #low = 0;
  #high: number;
  #isSought: boolean;
  #blockRows = FIRST_BLOCK;
  #block: readonly LooseRow[] = [];
  #at = 0;
  pause: Promise<unknown> | null = null;

  constructor(cold: ColdTables, entry: SegmentEntry, request: ScanRequest, deletions: DeletionSet) {
    this.#cold = cold;
    this.#entry = entry;
    this.#request = request;
    this.#deletions = deletions;
    const {index, descending} = request.order!;
    this.#descending = descending;
    this.#bounds = keyRange(request, index);
    this.#keyColumn = index.keyColumns[0]!;
    this.#stored = columnsInOrder(request);
    this.#options = segmentColumnsOf(cold, request, this.#stored);
    this.#high = entry.meta.rows;
    this.#isSought = (descending ? this.#bounds?.high : this.#bounds?.low) == null;
  }

  peek(): LooseRow | null | typeof PAUSE {
    if (!this.#isSought && !this.#seek()) return PAUSE;
    while (this.#at === this.#block.length) {
      if (this.#low >= this.#high) return null;
      if (!this.#readBlock()) return PAUSE;
    }
    const row = this.#block[this.#at]!;
    if (this.#isPastEnd(row)) {
      this.#low = this.#high;
      this.#block = [];
      this.#at = 0;
      return null;
    }
    return row;
  }

  take(): void {
    this.#at++;
  }

  /** Narrows to the bound where reading starts; false = a page must be read first. */
  #seek(): boolean {
    const type = this.#request.table.columns[this.#keyColumn]!.type;
    const bound = (this.#descending ? this.#bounds!.high : this.#bounds!.low)![0]!;
    const columns = [scanColumns([this.#request.table.columns[this.#keyColumn]!])[0]!];
    const segment = this.#cold.open(this.#entry);
    let low = this.#low;
    let high = this.#high;
    while (low < high) {
      const middle = (low + high) >> 1;
      const rows = segment.read([middle], columns);
      if (rows instanceof Promise) {
        this.pause = rows;
        return false;
      }
      const order = compareNullsLast(type, rows[0]![0]!, bound);
      const isBefore = this.#descending ? order <= 0 : order < 0;
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    if (this.#descending) this.#high = low;
    else this.#low = low;
    this.#isSought = true;
    return true;
  }

  #readBlock(): boolean {
    const positions: number[] = [];
    const from = this.#descending ? Math.max(this.#low, this.#high - this.#blockRows) : this.#low;
    const to = this.#descending ? this.#high : Math.min(this.#high, this.#low + this.#blockRows);
    for (let position = from; position < to; position++)
      if (!this.#deletions.has(position)) positions.push(position);
    if (positions.length > 0) {
      const rows = this.#cold.open(this.#entry).read(positions, this.#options);
      if (rows instanceof Promise) {
        this.pause = rows;
        return false;
      }
      const block = rows.map((values, i) => this.#row(values, positions[i]!));
      this.#block = this.#descending ? block.reverse() : block;
    } else {
      this.#block = [];
    }
    this.#at = 0;
    if (this.#descending) this.#high = from;
    else this.#low = to;
    this.#blockRows = Math.min(LARGEST_BLOCK, this.#blockRows * 2);
    return true;
  }

  #row(values: readonly Datum[], position: number): LooseRow {
    const row: Datum[] = new Array<Datum>(this.#request.table.columns.length).fill(null);
    this.#stored.forEach((column, i) => {
      row[column] = values[i]!;
    });
    return {
      rid: Number(values[values.length - 2] as bigint),
      owner: this.#entry.owner,
      row,
      seq: shownSeq(this.#entry, values[values.length - 1]),
      location: locationOf(this.#entry.id, position),
    };
  }

  /** Rows come in order: past the other bound nothing more is wanted. */
  #isPastEnd(row: LooseRow): boolean {
    const bound = this.#descending ? this.#bounds?.low : this.#bounds?.high;
    if (bound == null) return false;
    const order = compareNullsLast(
      this.#request.table.columns[this.#keyColumn]!.type,
      row.row[this.#keyColumn]!,
      bound[0]!,
    );
    return this.#descending ? order < 0 : order > 0;
  }
}

/** Columns of the table that an ordered scan reads: those that it gives, and the keys. */
export function columnsInOrder({columns, order}: ScanRequest): readonly number[] {
  const given = columns.filter(column => typeof column === 'number');
  return [...new Set([...given, ...order!.index.keyColumns])];
}

/** The same in a segment, then rid and seq. */
export function segmentColumnsOf(
  cold: ColdTables,
  {table}: ScanRequest,
  stored: readonly number[],
): SegmentScanOptions['columns'] {
  const all = scanColumns(table.columns);
  return [
    ...stored.map(column => all[column]!),
    cold.systemColumn(RID_ATTNUM),
    cold.systemColumn(SEQ_ATTNUM),
  ];
}
