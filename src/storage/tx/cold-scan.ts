import type {ScanTop} from '../scan-top.ts';
import type {Batch} from '../../columns/batch.ts';
import type {Vector} from '../../columns/vector.ts';
import type {IntSet} from '../../common/int-set.ts';
import type {Datum} from '../../types/contract.ts';
import type {
  DeletionSet,
  SegmentCursor,
  SegmentPredicate,
  SegmentScanOptions,
  SegmentTop,
} from '../cold/contract.ts';
import {type ColdTables, RID_ATTNUM, scanColumns, SEQ_ATTNUM} from '../cold-tables.ts';
import {END, PAUSE, type ScanRequest, type ScanStats} from '../contract.ts';
import {KeyCodec, type MapKey} from '../hot/key-codec.ts';
import {locationOf, type SegmentEntry, shownSeq} from '../manifest.ts';
import {readCell} from '../hot/cells.ts';
import type {HotView} from './hot-scan.ts';
import type {LooseRow, ScanColumns} from './scan-columns.ts';
import {type Change, hidesBase} from './own-version.ts';

const NO_CHANGES: ReadonlyMap<number, Change> = new Map();

/** Milliseconds of looking up keys in segments after which others have their turn. */
const SLICE_MS = 4;
const NO_POSITIONS: Vector = {kind: 'float64', values: new Float64Array(0), nulls: null};

/** The segments of a scan, one after the other, without rows that are deleted or superseded by the own write-set. */
export class ColdScan {
  readonly #cold: ColdTables;
  readonly #request: ScanRequest;
  readonly #view: HotView;
  readonly #columns: ScanColumns;
  readonly #stats: ScanStats;
  #entries: readonly SegmentEntry[];
  #isNarrowed = false;
  readonly #options: SegmentScanOptions['columns'];
  /** Place of each scan column in the segment cursor's vectors; -1 owner, -2 location. */
  readonly #at: readonly number[];
  /** Whether a column is made of the rows' positions. */
  readonly #needsPositions: boolean;
  readonly #codec: KeyCodec | null;
  readonly #wantedKeys: Set<MapKey> | null;
  #entryAt = 0;
  #cursor: SegmentCursor | null = null;
  #keyAt = 0;
  pause: Promise<unknown> | null = null;

  constructor(
    cold: ColdTables,
    entries: readonly SegmentEntry[],
    request: ScanRequest,
    columns: ScanColumns,
    view: HotView,
    stats: ScanStats,
  ) {
    this.#cold = cold;
    this.#entries = request.top == null ? entries : bestFirst(entries, request, request.top);
    this.#request = request;
    this.#columns = columns;
    this.#view = view;
    this.#stats = stats;
    const {lookup, table} = request;
    const isPlainLookup =
      lookup !== null && lookup.index.keyOf === null && !lookup.index.keyColumns.includes(-1);
    this.#codec = lookup !== null && !isPlainLookup ? new KeyCodec(lookup.index) : null;
    this.#wantedKeys =
      this.#codec === null
        ? null
        : new Set(lookup!.keys.flatMap(key => this.#codec!.ofKey(key) ?? []));
    const stored =
      this.#codec === null
        ? request.columns.filter(c => typeof c === 'number')
        : table.columns.map((_, i) => i);
    const all = scanColumns(table.columns);
    const options = stored.map(column => all[column]!);
    const at: number[] = [];
    for (const column of request.columns) {
      if (typeof column === 'number') at.push(stored.indexOf(column));
      else if (column === 'owner') at.push(-1);
      else if (column === 'location') at.push(-2);
      else {
        at.push(options.length);
        options.push(cold.systemColumn(column === 'rid' ? RID_ATTNUM : SEQ_ATTNUM));
      }
    }
    this.#options = options;
    this.#at = at;
    this.#needsPositions = request.columns.some(
      column => column === 'location' || column === 'owner' || column === 'seq',
    );
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const isLookup = this.#request.lookup !== null && this.#codec === null;
    if (!this.#isNarrowed && !this.#narrow()) return PAUSE;
    const began = isLookup ? performance.now() : 0;
    for (;;) {
      const entry = this.#entries[this.#entryAt];
      if (entry === undefined) return END;
      const batch = isLookup ? this.#nextKey(entry) : this.#nextBatch(entry, wanted);
      if (batch === PAUSE) return PAUSE;
      if (batch === END) {
        this.#entryAt++;
        this.#keyAt = 0;
        if (isLookup && performance.now() - began > SLICE_MS) {
          this.pause = null;
          return PAUSE;
        }
        continue;
      }
      if (batch !== null && batch.count > 0) return batch;
    }
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = null;
  }

  /** Leaves only the segments in which a lookup can find rows; false = wait first. */
  #narrow(): boolean {
    const {lookup, table} = this.#request;
    if (lookup !== null) {
      const entries = this.#cold.narrow(table, lookup, this.#entries);
      if (entries instanceof Promise) {
        this.pause = entries;
        return false;
      }
      this.#entries = entries;
    }
    this.#isNarrowed = true;
    return true;
  }

  #nextBatch(entry: SegmentEntry, wanted: number): Batch | typeof END | typeof PAUSE | null {
    if (this.#cursor === null) {
      this.#cursor = this.#cold.open(entry).scan({
        columns: this.#options,
        withPosition: this.#needsPositions,
        predicates: this.#predicates(),
        top: this.#top(),
        deletions: this.#deletions(entry),
        stats: this.#stats,
      });
    }
    const batch = this.#cursor.next(wanted);
    if (batch === END) {
      this.close();
      return END;
    }
    if (batch === PAUSE) {
      this.pause = this.#cursor.pause;
      return PAUSE;
    }
    return this.#codec === null ? this.#arrange(entry, batch) : this.#filter(entry, batch);
  }

  #predicates(): SegmentPredicate[] {
    const {predicates, table} = this.#request;
    return predicates.map(({column, op, values}) => {
      const {attnum, type, missingValue} = table.columns[column]!;
      return {attnum, type, missing: missingValue, op, values};
    });
  }

  #top(): SegmentTop | null {
    const {top, table} = this.#request;
    if (top == null) return null;
    const {attnum, type} = table.columns[top.column]!;
    return {
      attnum,
      type,
      descending: top.descending,
      nullsFirst: top.nullsFirst,
      bound: () => top.bound(),
    };
  }

  #arrange(entry: SegmentEntry, batch: Batch): Batch {
    const positions = this.#needsPositions ? batch.vectors[this.#options.length]! : NO_POSITIONS;
    const vectors: Vector[] = [];
    for (const at of this.#at)
      vectors.push(
        at >= 0
          ? this.#stored(entry, at, batch.vectors[at]!, positions)
          : this.#computed(entry, at, positions),
      );
    return {count: batch.count, selection: batch.selection, vectors};
  }

  /** A column as the file has it; the seq of a segment that was written before its commit is one for all rows. */
  #stored(entry: SegmentEntry, at: number, vector: Vector, positions: Vector): Vector {
    if (entry.constantSeq === null || this.#options[at]!.attnum !== SEQ_ATTNUM) return vector;
    const rows = positions.kind === 'float64' ? positions.values.length : 0;
    return {
      kind: 'int64',
      values: new BigInt64Array(rows).fill(BigInt(entry.constantSeq)),
      nulls: null,
    };
  }

  #computed(entry: SegmentEntry, at: number, positions: Vector): Vector {
    const source = positions.kind === 'float64' ? positions.values : new Float64Array(0);
    const values = new Float64Array(source.length);
    if (at === -1) values.fill(entry.owner);
    else for (let i = 0; i < values.length; i++) values[i] = locationOf(entry.id, source[i]!);
    return {kind: 'float64', values, nulls: null};
  }

  /** Expression or partial index: the key of every row is computed. */
  #filter(entry: SegmentEntry, batch: Batch): Batch | null {
    const kept: number[] = [];
    const columns = this.#request.table.columns.length;
    for (let i = 0; i < batch.count; i++) {
      const at = batch.selection === null ? i : batch.selection[i]!;
      const row: Datum[] = [];
      for (let column = 0; column < columns; column++)
        row.push(readCell(batch.vectors[column]!, at));
      const key = this.#codec!.ofRow(row);
      if (key !== null && this.#wantedKeys!.has(key)) kept.push(at);
    }
    if (kept.length === 0) return null;
    return this.#arrange(entry, {
      count: kept.length,
      selection: Int32Array.from(kept),
      vectors: batch.vectors,
    });
  }

  /** Exact lookup: one key of the request in one segment per step. */
  #nextKey(entry: SegmentEntry): Batch | typeof END | typeof PAUSE | null {
    const {index, keys} = this.#request.lookup!;
    const key = keys[this.#keyAt];
    if (key === undefined) return END;
    const segment = this.#cold.open(entry);
    if (key.includes(null)) {
      this.#keyAt++;
      return null;
    }
    const {table} = this.#request;
    const parts = index.keyColumns.map((column, i) => ({
      attnum: table.columns[column]!.attnum,
      type: index.keyTypes[i]!,
      value: key[i]!,
    }));
    const found = segment.find(parts, this.#stats);
    if (found instanceof Promise) {
      this.pause = found;
      return PAUSE;
    }
    const deletions = this.#deletions(entry);
    const positions = found.filter(position => !deletions.has(position));
    if (positions.length > 0) {
      const rows = segment.read(positions, this.#options);
      if (rows instanceof Promise) {
        this.pause = rows;
        return PAUSE;
      }
      this.#keyAt++;
      return this.#batchOfRows(entry, positions, rows);
    }
    this.#keyAt++;
    return null;
  }

  #batchOfRows(
    entry: SegmentEntry,
    positions: readonly number[],
    rows: readonly (readonly Datum[])[],
  ): Batch {
    const count = rows.length;
    const {columns} = this.#request;
    const rid = this.#options.findIndex(c => c.attnum === RID_ATTNUM);
    const seq = this.#options.findIndex(c => c.attnum === SEQ_ATTNUM);
    const loose: LooseRow[] = rows.map((values, i) => {
      const row: Datum[] = [];
      columns.forEach((column, c) => {
        if (typeof column === 'number') row[column] = values[this.#at[c]!]!;
      });
      return {
        rid: rid === -1 ? 0 : Number(values[rid] as bigint),
        owner: entry.owner,
        row,
        seq: seq === -1 ? null : shownSeq(entry, values[seq]),
        location: locationOf(entry.id, positions[i]!),
      };
    });
    return {count, selection: null, vectors: this.#columns.ofRows(loose)};
  }

  #deletions(entry: SegmentEntry): DeletionSet {
    return visibleDeletions(entry, this.#view);
  }
}

/** Segments whose best value is better come first, before them those of which nothing is known. */
function bestFirst(
  entries: readonly SegmentEntry[],
  {table}: ScanRequest,
  {column, descending}: ScanTop,
): readonly SegmentEntry[] {
  const {attnum} = table.columns[column]!;
  const keys = entries.map(({meta}) => {
    const stats = meta.columns.find(each => each.attnum === attnum);
    const key = descending ? stats?.maxKey : stats?.minKey;
    return key == null ? null : Buffer.from(key, 'base64');
  });
  const sign = descending ? -1 : 1;
  const order = [...entries.keys()].sort((a, b) => {
    const [x, y] = [keys[a]!, keys[b]!];
    if (x === null || y === null) return x === y ? a - b : x === null ? -1 : 1;
    return sign * Buffer.compare(x, y) || a - b;
  });
  return order.map(at => entries[at]!);
}

/** The rows of a segment that a command does not see. */
export function visibleDeletions(entry: SegmentEntry, {writes, cid}: HotView): DeletionSet {
  if (writes === null) return entry.deletions;
  const changes = writes.changesInSegment(entry.id);
  const sets = writes.changed.hiddenCold(entry.id, cid);
  if ((changes === undefined || changes.size === 0) && sets.length === 0) return entry.deletions;
  return new OverlayDeletions(entry.deletions, sets, changes ?? NO_CHANGES, cid);
}

/** A segment's deletions and the rows that the own write-set changed before a command. */
class OverlayDeletions implements DeletionSet {
  readonly #base: DeletionSet;
  /** Rows that are bits; none of them is in the base. */
  readonly #sets: readonly IntSet[];
  readonly #hidden: readonly number[];
  readonly #set: ReadonlySet<number>;

  constructor(
    base: DeletionSet,
    sets: readonly IntSet[],
    changes: ReadonlyMap<number, Change>,
    cid: number,
  ) {
    this.#base = base;
    this.#sets = sets;
    const hidden: number[] = [];
    for (const [position, change] of changes)
      if (hidesBase(change, cid) && !base.has(position)) hidden.push(position);
    hidden.sort((a, b) => a - b);
    this.#hidden = hidden;
    this.#set = new Set(hidden);
  }

  get count(): number {
    return this.#sets.reduce((sum, {size}) => sum + size, this.#base.count + this.#hidden.length);
  }

  has(position: number): boolean {
    for (let i = 0; i < this.#sets.length; i++) if (this.#sets[i]!.has(position)) return true;
    return this.#set.has(position) || this.#base.has(position);
  }

  next(position: number): number {
    let low = 0;
    let high = this.#hidden.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#hidden[middle]! < position) low = middle + 1;
      else high = middle;
    }
    let next = Math.min(this.#base.next(position), this.#hidden[low] ?? Infinity);
    for (let i = 0; i < this.#sets.length; i++)
      next = Math.min(next, this.#sets[i]!.next(position));
    return next;
  }
}
