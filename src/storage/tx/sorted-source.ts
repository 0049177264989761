import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {DeletionSet, SegmentScanOptions} from '../cold/contract.ts';
import {type ColdTables, scanColumns} from '../cold-tables.ts';
import {PAUSE, type ScanRequest} from '../contract.ts';
import {compareNullsLast} from '../hot/sorted-index.ts';
import {locationOf, type SegmentEntry, shownSeq} from '../manifest.ts';
import {sortInSlices} from '../sliced-sort.ts';
import {columnsInOrder, type OrderedSource, segmentColumnsOf} from './ordered-sources.ts';
import type {LooseRow} from './scan-columns.ts';

const BLOCK_ROWS = 256;

/** A row's key and where it lies. */
interface Place {
  readonly key: readonly Datum[];
  readonly position: number;
}

/** Whether a segment's rows lie in the order that a request wants. */
export function isSortedBy({sortedBy}: SegmentEntry, {order, table}: ScanRequest): boolean {
  return order!.index.keyColumns.every(
    (column, i) => table.columns[column]!.attnum === sortedBy[i],
  );
}

/** Rows of a segment that is sorted by something else: their keys are read and sorted first. */
export class SortedSource implements OrderedSource {
  readonly #cold: ColdTables;
  readonly #entry: SegmentEntry;
  readonly #request: ScanRequest;
  readonly #deletions: DeletionSet;
  /** Columns of the table that are read, then rid and seq. */
  readonly #stored: readonly number[];
  readonly #options: SegmentScanOptions['columns'];
  #places: readonly Place[] | null = null;
  #sorting: Promise<void> | null = null;
  #next = 0;
  #block: readonly LooseRow[] = [];
  #at = 0;
  pause: Promise<unknown> | null = null;

  constructor(cold: ColdTables, entry: SegmentEntry, request: ScanRequest, deletions: DeletionSet) {
    this.#cold = cold;
    this.#entry = entry;
    this.#request = request;
    this.#deletions = deletions;
    this.#stored = columnsInOrder(request);
    this.#options = segmentColumnsOf(cold, request, this.#stored);
  }

  peek(): LooseRow | null | typeof PAUSE {
    if (this.#places === null) {
      this.#sorting ??= this.#sort();
      this.pause = this.#sorting;
      return PAUSE;
    }
    while (this.#at === this.#block.length) {
      if (this.#next >= this.#places.length) return null;
      if (!this.#readBlock(this.#places)) return PAUSE;
    }
    return this.#block[this.#at]!;
  }

  take(): void {
    this.#at++;
  }

  async #sort(): Promise<void> {
    const {index, descending} = this.#request.order!;
    const all = scanColumns(this.#request.table.columns);
    const places: Place[] = [];
    await this.#cold.forEachRow(
      this.#entry,
      index.keyColumns.map(column => all[column]!),
      (position, key) => {
        if (!this.#deletions.has(position)) places.push({key: key.slice(), position});
      },
    );
    const sign = descending ? -1 : 1;
    const {keyTypes} = index;
    this.#places = await sortInSlices(
      places,
      (a, b) => sign * compareKeys(keyTypes, a.key, b.key) || a.position - b.position,
    );
  }

  #readBlock(places: readonly Place[]): boolean {
    const block = places.slice(this.#next, this.#next + BLOCK_ROWS);
    const positions = block.map(({position}) => position).sort((a, b) => a - b);
    const rows = this.#cold.open(this.#entry).read(positions, this.#options);
    if (rows instanceof Promise) {
      this.pause = rows;
      return false;
    }
    const byPosition = new Map(positions.map((position, i) => [position, rows[i]!]));
    this.#block = block.map(({position}) => this.#row(byPosition.get(position)!, position));
    this.#at = 0;
    this.#next += block.length;
    return true;
  }

  #row(values: readonly Datum[], position: number): LooseRow {
    const row: Datum[] = new Array<Datum>(this.#request.table.columns.length).fill(null);
    this.#stored.forEach((column, i) => {
      row[column] = values[i]!;
    });
    const seq = values[values.length - 1];
    return {
      rid: Number(values[values.length - 2] as bigint),
      owner: this.#entry.owner,
      row,
      seq: shownSeq(this.#entry, seq),
      location: locationOf(this.#entry.id, position),
    };
  }
}

function compareKeys(
  types: readonly TypeInstance[],
  a: readonly Datum[],
  b: readonly Datum[],
): number {
  for (let i = 0; i < types.length; i++) {
    const order = compareNullsLast(types[i]!, a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return 0;
}
