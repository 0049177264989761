// Hot path: scans of hot rows.
import type {Batch} from '../../columns/batch.ts';
import type {Datum} from '../../types/contract.ts';
import {END, type ScanRequest, type StorageIndex} from '../contract.ts';
import type {HotImage} from '../hot/hot-image.ts';
import type {ImageChunk} from '../hot/image-chunk.ts';
import {KeyCodec} from '../hot/key-codec.ts';
import type {KeyRange, SortedIndex} from '../hot/sorted-index.ts';
import type {ScanColumns} from './scan-columns.ts';
import type {TableWrites} from './write-set.ts';
import {hidesBase} from './own-version.ts';

/** What a scan of hot rows sees: a seq, and of the own write-set what a command sees. */
export interface HotView {
  readonly seq: number;
  readonly writes: TableWrites | null;
  readonly cid: number;
}

const POSITION_BATCH = 1024;
/** Rows up to which everything is read rather than a range. */
const RANGE_MIN_ROWS = 512;

/** Committed hot rows: whole chunks without copying, or the rows at positions that an index gave. */
export class HotScan {
  readonly #image: HotImage;
  readonly #columns: ScanColumns;
  readonly #view: HotView;
  readonly #owner: number | null;
  readonly #batch: Batch = {count: 0, selection: null, vectors: []};
  #chunks: readonly ImageChunk[] = [];
  #chunkAt = 0;
  /** Rows of the current chunk that are still to be returned. */
  #rest: Int32Array | null = null;
  #restAt = 0;
  #positions: readonly number[] | null = null;
  #positionAt = 0;
  #sorted: SortedIndex | null = null;
  #range: KeyRange | null = null;
  #after = -1;

  constructor(image: HotImage, columns: ScanColumns, request: ScanRequest, view: HotView) {
    this.#image = image;
    this.#columns = columns;
    this.#view = view;
    this.#owner = request.owner;
    if (view.writes?.isTruncatedFor(view.cid, -1) === true) return;
    this.#plan(request);
  }

  next(wanted: number): Batch | typeof END {
    if (this.#sorted !== null) return this.#nextSorted(wanted);
    if (this.#positions !== null) return this.#nextPositions(wanted);
    return this.#nextChunk(wanted);
  }

  /** The next visible positions in order, for a merge with own rows; null at the end. */
  nextSortedPosition(): number | null {
    const out: number[] = [];
    if (this.#sorted === null) return null;
    for (;;) {
      out.length = 0;
      if (this.#sorted.fill(this.#range!, this.#after, 1, out) === 0) return null;
      this.#after = out[0]!;
      if (this.#isVisible(out[0]!)) return out[0]!;
    }
  }

  #plan(request: ScanRequest): void {
    const image = this.#image;
    if (request.lookup !== null) {
      this.#positions = this.#lookup(request.lookup.index, request.lookup.keys);
      if (this.#positions !== null) return;
    }
    if (request.order !== null && image.fits(request.table, request.order.index)) {
      this.#sorted = image.sorted(request.order.index);
      if (this.#sorted !== null) {
        const bounds = keyRange(request, request.order.index) ?? {
          low: null,
          lowIncluded: true,
          high: null,
          highIncluded: true,
        };
        this.#range = {...bounds, owner: this.#owner, descending: request.order.descending};
        return;
      }
    }
    if (request.lookup === null && canUseRange(image, request) && this.#useRange(request)) return;
    if (this.#owner === null) {
      this.#chunks = image.chunks.filter(chunk => chunk !== null);
    } else {
      this.#chunks = image.owners.get(this.#owner)?.chunks.slice() ?? [];
    }
  }

  /** Reads a selective range of the first key column of an index instead of everything. */
  #useRange(request: ScanRequest): boolean {
    for (const index of request.table.indexes) {
      if (index.keyOf !== null || index.keyColumns[0] === -1) continue;
      const bounds = keyRange(request, index);
      if (bounds === null || (bounds.low === null && bounds.high === null)) continue;
      if (!this.#image.fits(request.table, index)) continue;
      const sorted = this.#image.knownSorted(index);
      if (sorted === null) continue;
      const range = {...bounds, owner: this.#owner, descending: false};
      if (sorted.count(range) * 4 > this.#image.liveRows) continue;
      this.#sorted = sorted;
      this.#range = range;
      return true;
    }
    return false;
  }

  #lookup(index: StorageIndex, keys: readonly (readonly Datum[])[]): number[] | null {
    const image = this.#image;
    const found = new Set<number>();
    const isFit = image.fits(this.#columns.table, index);
    const map = isFit ? image.keyMap(index) : undefined;
    if (map !== undefined) {
      for (const key of keys) {
        const mapKey = map.codec.ofKey(key);
        if (mapKey === null) continue;
        const holders = this.#owner === null ? map.ownersOf(mapKey) : [this.#owner];
        for (const owner of holders) {
          const position = image.findKey(map, owner, mapKey, this.#view.seq);
          if (position !== -1) found.add(position);
        }
      }
    } else {
      const sorted = isFit ? image.sorted(index) : null;
      if (sorted === null) return this.#lookupByScan(index, keys);
      const out: number[] = [];
      const owners = this.#owner === null ? [...image.owners.keys()] : [this.#owner];
      for (const key of keys) {
        if (key.includes(null)) continue;
        for (const owner of owners) {
          sorted.fill(
            {owner, low: key, lowIncluded: true, high: key, highIncluded: true, descending: false},
            -1,
            Infinity,
            out,
          );
        }
      }
      for (const position of out) found.add(position);
    }
    return [...found];
  }

  #lookupByScan(index: StorageIndex, keys: readonly (readonly Datum[])[]): number[] {
    const codec = new KeyCodec(index);
    const wanted = new Set(keys.map(key => codec.ofKey(key)));
    const found: number[] = [];
    for (const chunk of this.#image.chunks) {
      if (chunk === null || (this.#owner !== null && chunk.owner !== this.#owner)) continue;
      for (let slot = 0; slot < chunk.count; slot++) {
        if (!chunk.isVisible(slot, this.#view.seq)) continue;
        const position = (chunk.index << 10) | slot;
        const key = codec.ofRow(this.#image.rowFor(this.#columns.table, position));
        if (key !== null && wanted.has(key)) found.push(position);
      }
    }
    return found;
  }

  #isVisible(position: number): boolean {
    const chunk = this.#image.chunks[position >> 10];
    const slot = position & 1023;
    if (chunk == null || !chunk.isVisible(slot, this.#view.seq)) return false;
    if (this.#owner !== null && chunk.owner !== this.#owner) return false;
    const {writes, cid} = this.#view;
    if (writes === null) return true;
    const change = writes.changes.get(Number(chunk.rids[slot]!));
    // A change of a version that is in a segment says nothing of the one here: that is a bit.
    if (change?.position === position && hidesBase(change, cid)) return false;
    return !writes.changed.hiddenHot(cid).some(positions => positions.has(position));
  }

  #nextChunk(wanted: number): Batch | typeof END {
    for (;;) {
      if (this.#rest !== null) return this.#nextRest(wanted);
      const chunk = this.#chunks[this.#chunkAt];
      if (chunk === undefined) return END;
      const {count} = chunk;
      if (count === 0) {
        this.#chunkAt++;
        continue;
      }
      if (!this.#isChanged(chunk) && count <= wanted && chunk.isAllVisible(this.#view.seq)) {
        this.#chunkAt++;
        const batch = this.#batch;
        batch.count = count;
        batch.selection = null;
        batch.vectors = this.#columns.ofChunk(chunk, null, count);
        return batch;
      }
      const selection = this.#select(chunk);
      if (selection.length === 0) {
        this.#chunkAt++;
        continue;
      }
      this.#rest = selection;
      this.#restAt = 0;
    }
  }

  /** Whether the own write-set changed rows of a chunk. */
  #isChanged({index}: ImageChunk): boolean {
    const {writes, cid} = this.#view;
    if (writes === null) return false;
    if (writes.changed.inChunk(index) !== undefined) return true;
    const sets = writes.changed.hiddenHot(cid);
    return sets.some(positions => positions.next(index << 10) < (index + 1) << 10);
  }

  #nextRest(wanted: number): Batch {
    const chunk = this.#chunks[this.#chunkAt]!;
    const rest = this.#rest!;
    const count = Math.min(wanted, rest.length - this.#restAt);
    const selection = rest.subarray(this.#restAt, this.#restAt + count);
    this.#restAt += count;
    if (this.#restAt === rest.length) {
      this.#rest = null;
      this.#chunkAt++;
    }
    const batch = this.#batch;
    batch.count = count;
    batch.selection = selection;
    batch.vectors = this.#columns.ofChunk(chunk, selection, count);
    return batch;
  }

  #select(chunk: ImageChunk): Int32Array {
    const {seq, writes, cid} = this.#view;
    const {begin, end, count} = chunk;
    const selection = new Int32Array(count);
    let selected = 0;
    for (let slot = 0; slot < count; slot++) {
      if (begin[slot]! <= seq && end[slot]! > seq) selection[selected++] = slot;
    }
    const changes = writes?.changed.inChunk(chunk.index);
    const sets = writes?.changed.hiddenHot(cid) ?? [];
    if (sets.length > 0) {
      const all = selected;
      const first = chunk.index << 10;
      selected = 0;
      for (let i = 0; i < all; i++) {
        const slot = selection[i]!;
        if (!sets.some(positions => positions.has(first | slot))) selection[selected++] = slot;
      }
    }
    if (changes === undefined || changes.length === 0) return selection.subarray(0, selected);
    const hidden = new Set<number>();
    for (const change of changes) if (hidesBase(change, cid)) hidden.add(change.position & 1023);
    let kept = 0;
    for (let i = 0; i < selected; i++)
      if (!hidden.has(selection[i]!)) selection[kept++] = selection[i]!;
    return selection.subarray(0, kept);
  }

  #nextPositions(wanted: number): Batch | typeof END {
    const positions = this.#positions!;
    const visible: number[] = [];
    const limit = Math.min(wanted, POSITION_BATCH);
    while (visible.length < limit && this.#positionAt < positions.length) {
      const position = positions[this.#positionAt++]!;
      if (this.#isVisible(position)) visible.push(position);
    }
    return visible.length === 0 ? END : this.#batchOf(visible);
  }

  #nextSorted(wanted: number): Batch | typeof END {
    const limit = Math.min(wanted, POSITION_BATCH);
    const visible: number[] = [];
    const out: number[] = [];
    while (visible.length < limit) {
      out.length = 0;
      const filled = this.#sorted!.fill(this.#range!, this.#after, limit - visible.length, out);
      if (filled === 0) break;
      this.#after = out[filled - 1]!;
      for (const position of out) if (this.#isVisible(position)) visible.push(position);
    }
    if (visible.length === 0) return END;
    // A dead version may be freed before the next call; a visible one stays.
    this.#after = visible.length === limit ? visible[visible.length - 1]! : this.#after;
    return this.#batchOf(visible);
  }

  #batchOf(positions: readonly number[]): Batch {
    const batch = this.#batch;
    const chunkIndex = positions[0]! >> 10;
    batch.count = positions.length;
    if (
      positions.every(
        (position, i) => position >> 10 === chunkIndex && (i === 0 || position > positions[i - 1]!),
      )
    ) {
      const selection = Int32Array.from(positions, position => position & 1023);
      batch.selection = selection;
      batch.vectors = this.#columns.ofChunk(
        this.#image.chunks[chunkIndex]!,
        selection,
        selection.length,
      );
    } else {
      batch.selection = null;
      batch.vectors = this.#columns.ofPositions(positions);
    }
    return batch;
  }
}

/**
 * Starts to build the sorted index that a scan of this request would use and that is missing; null when none is, or it is there now.
 * A scan that opens without it reads everything, or builds it at once.
 */
export function buildMissingIndex(image: HotImage, request: ScanRequest): Promise<void> | null {
  const {lookup, order, table} = request;
  const build = (index: StorageIndex): Promise<void> | null =>
    image.fits(table, index) ? image.buildSorted(index) : null;
  if (lookup !== null) return image.keyMap(lookup.index) === undefined ? build(lookup.index) : null;
  if (order !== null) return build(order.index);
  if (!canUseRange(image, request)) return null;
  for (const index of table.indexes) {
    if (index.keyOf !== null || index.keyColumns[0] === -1) continue;
    if (keyRange(request, index) === null || !image.isSortedWorth(index)) continue;
    const building = build(index);
    if (building !== null) return building;
  }
  return null;
}

/** A sorted index is by owner first: of all owners it gives no range. */
function canUseRange(image: HotImage, {predicates, owner}: ScanRequest): boolean {
  return (
    predicates.length > 0 &&
    image.liveRows > RANGE_MIN_ROWS &&
    (owner !== null || image.table.kind === 'shared')
  );
}

/** Bounds that the predicates put on the first key column of an index; null when they put none. */
export function keyRange(
  request: ScanRequest,
  index: StorageIndex,
): Omit<KeyRange, 'owner' | 'descending'> | null {
  const column = index.keyColumns[0]!;
  const type = index.keyTypes[0]!;
  let low: Datum = null;
  let lowIncluded = true;
  let high: Datum = null;
  let highIncluded = true;
  for (const predicate of request.predicates) {
    const value = predicate.values[0];
    if (
      predicate.column !== column ||
      value === undefined ||
      value === null ||
      predicate.values.length !== 1
    )
      continue;
    const {op} = predicate;
    if (op === '=' || op === '>' || op === '>=') {
      if (low === null || type.compare(value, low) >= 0) {
        lowIncluded = op !== '>' && (low === null || type.compare(value, low) > 0 || lowIncluded);
        low = value;
      }
    }
    if (op === '=' || op === '<' || op === '<=') {
      if (high === null || type.compare(value, high) <= 0) {
        highIncluded =
          op !== '<' && (high === null || type.compare(value, high) < 0 || highIncluded);
        high = value;
      }
    }
  }
  if (low === null && high === null) return null;
  return {
    low: low === null ? null : [low],
    lowIncluded,
    high: high === null ? null : [high],
    highIncluded,
  };
}
