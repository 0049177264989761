// Hot path: reads of hot rows.
import type {Datum} from '../../types/contract.ts';
import type {StorageIndex, TableStorage} from '../contract.ts';
import type {LockOwner} from '../locks/lock-owner.ts';
import {readCell} from './cells.ts';
import {
  hasSameLayout,
  hasSameShape,
  type ImageColumn,
  ImageChunk,
  imageColumn,
} from './image-chunk.ts';
import {hasSameKeys, KeyCodec, type MapKey} from './key-codec.ts';
import {KeyMap} from './key-map.ts';
import type {MovedPlaces, SegmentEntry} from '../manifest.ts';
import {PreparedKeys} from './prepared-keys.ts';
import {SortedIndex} from './sorted-index.ts';

const CHUNK_SHIFT = 10;
const SLOT_MASK = 1023;
/** Versions that are looked at to tell how many bytes all of them take. */
const ENDED_SAMPLE = 64;
/** Rows from which a sorted index is built in slices. */
const BUILT_AT_ONCE = 4096;
/** Rows below which a sorted index is worth building for one range. */
const WORTH_AT_ONCE = 10_000;

/** A segment of an open transaction; it can be read once `ready` gives null. */
export interface HeldSegment {
  readonly entry: SegmentEntry;
  ready(): Promise<void> | null;
}

/** What an image knows of an open write-set. */
export interface TableWriter {
  readonly tx: LockOwner;
  /** Own keys -> rid, aligned with the image's key maps. */
  readonly ownKeys: readonly KeyMap[];
  /** The newest own version of a row: null = deleted, undefined = untouched. */
  current(rid: number): readonly Datum[] | null | undefined;
  /** Whether the newest committed version of a row, if there is one, is not this write-set's newest. */
  touches(rid: number): boolean;
  /** Its segments that may hold a key, written before its commit. */
  pendingWithKey(index: number, owner: number, key: MapKey): readonly HeldSegment[];
  /** Rows of a segment that it changed, by position. */
  changesInSegment(segment: number): ReadonlyMap<number, {readonly rid: number}> | undefined;
  /** Whether it changed a row of a segment that is not among `changesInSegment`. */
  isHiddenAt(segment: number, position: number): boolean;
  /** Rids of hot rows, and others, that existed before and that it changed or deleted. */
  changedRids(): Iterable<number>;
  /** Follows cold rows that compaction moved: old location -> new location. */
  relocateAll(places: MovedPlaces): void;
}

/** The chunks of one owner. */
export interface OwnerRows {
  readonly owner: number;
  readonly chunks: ImageChunk[];
  /** Chunks with room. */
  readonly open: ImageChunk[];
  live: number;
  lastChangeSeq: number;
}

/** Versions of one chunk that a flush moves to a segment. */
export interface MovedRows {
  readonly chunk: ImageChunk;
  /** By slot: 1 + the row's position in the segment, 0 = it stays. */
  readonly places: Int32Array;
  /** Number of rows that move. */
  readonly count: number;
}

/**
 * The hot rows of a table in memory: column chunks per owner, begin and end seq per version, key ->
 * position maps, rid -> position of the newest version.
 * It is a cache of the SQLite tables, loaded at first use and changed only by Apply. Versions live
 * in their slot until no snapshot sees them; then the slot is used again,
 * so positions of visible versions never move.
 */
export class HotImage {
  table: TableStorage;
  columns: ImageColumn[];
  readonly chunks: (ImageChunk | null)[] = [];
  readonly owners = new Map<number, OwnerRows>();
  /** Newest version per row; dead where a flush moved it and `forgetMoved` has not come by. */
  readonly byRid = new Map<number, number>();
  keyMaps: KeyMap[] = [];
  readonly #sorted = new Map<number, SortedIndex>();
  readonly #building = new Map<number, Promise<void>>();
  /** Key maps of indexes that are about to be committed. */
  readonly #prepared = new Map<number, PreparedKeys>();
  /** Sorted indexes that are being built in slices. */
  readonly #unfinished = new Set<SortedIndex>();
  readonly #freeIndexes: number[] = [];
  #ended: number[] = [];
  #endedHead = 0;
  liveRows = 0;
  lastChangeSeq = 0;
  /** Seq of the last change of shape. */
  ddlSeq = 0;
  /** Seq of the last DDL that gave every row new values: older snapshots cannot read the table. */
  rewriteSeq = 0;
  /** Seq of the last TRUNCATE: older snapshots that begin to read the table find it empty. */
  truncateSeq = 0;
  /** Open write-sets on the table: probed for unique keys and pending changes. An image with writers is not dropped. */
  readonly writers: TableWriter[] = [];
  lastUse = 0;
  /** Jobs that hold positions across turns: the image is not dropped. */
  pins = 0;
  /** Times an index was asked for a range that only its sorted form answers well. */
  readonly #rangeAsks = new Map<number, number>();

  constructor(table: TableStorage) {
    this.table = table;
    this.columns = table.columns.map(imageColumn);
    this.keyMaps = table.indexes
      .filter(index => index.isUnique)
      .map(index => new KeyMap(new KeyCodec(index)));
  }

  chunkOf(position: number): ImageChunk | null {
    return this.chunks[position >> CHUNK_SHIFT] ?? null;
  }

  slotOf(position: number): number {
    return position & SLOT_MASK;
  }

  keyMap(index: StorageIndex): KeyMap | undefined {
    const {keyMaps} = this;
    for (let i = 0; i < keyMaps.length; i++) {
      if (keyMaps[i]!.codec.index.oid === index.oid) return keyMaps[i];
    }
    return undefined;
  }

  /** Adds a version that lives from `seq`; `row` is in the order of the image's columns. */
  add(rid: number, owner: number, row: readonly Datum[], seq: number, prev: number): number {
    const rows = this.#ownerRows(owner);
    let chunk = rows.open[rows.open.length - 1];
    if (chunk === undefined) {
      chunk = this.#newChunk(owner);
      rows.chunks.push(chunk);
      rows.open.push(chunk);
    }
    const slot = chunk.add(BigInt(rid), row, seq, prev);
    if (chunk.isFull) rows.open.pop();
    const position = (chunk.index << CHUNK_SHIFT) | slot;
    const {keyMaps} = this;
    for (let i = 0; i < keyMaps.length; i++) {
      const key = keyMaps[i]!.codec.ofRow(row);
      if (key !== null) keyMaps[i]!.set(owner, key, position, prev);
    }
    if (this.#sorted.size > 0) for (const sorted of this.#sorted.values()) sorted.add(position);
    if (this.#prepared.size > 0) for (const keys of this.#prepared.values()) keys.add(position);
    if (this.#unfinished.size > 0) for (const sorted of this.#unfinished) sorted.add(position);
    this.byRid.set(rid, position);
    rows.live++;
    this.liveRows++;
    this.#changed(rows, seq);
    return position;
  }

  /** Ends a version at `seq`. */
  end(position: number, seq: number): void {
    const chunk = this.chunks[position >> CHUNK_SHIFT]!;
    const slot = position & SLOT_MASK;
    chunk.end[slot] = seq;
    chunk.ended++;
    this.#ended.push(position);
    const rid = Number(chunk.rids[slot]!);
    if (this.byRid.get(rid) === position) this.byRid.delete(rid);
    const rows = this.owners.get(chunk.owner)!;
    rows.live--;
    this.liveRows--;
    this.#changed(rows, seq);
  }

  /** Ends every live version (TRUNCATE). */
  endAll(seq: number): void {
    for (const position of this.byRid.values()) if (this.#isLive(position)) this.end(position, seq);
    this.truncated(seq);
  }

  /** Notes that every row was given new values. */
  rewritten(seq: number): void {
    this.rewriteSeq = seq;
  }

  /** Notes a TRUNCATE whose versions have been ended. */
  truncated(seq: number): void {
    this.truncateSeq = seq;
    if (seq > this.lastChangeSeq) this.lastChangeSeq = seq;
  }

  /**
   * Ends at `seq` the versions that now lie in a segment; chunk by chunk, so that a million of them take milliseconds. The caller calls
   * `forgetMoved` for them later, in slices.
   */
  endMoved(moved: readonly MovedRows[], seq: number): void {
    for (const {chunk, places, count} of moved) {
      const {end} = chunk;
      if (count === chunk.count) end.fill(seq, 0, count);
      else for (let slot = 0; slot < places.length; slot++) if (places[slot]! > 0) end[slot] = seq;
      chunk.ended += count;
      const rows = this.owners.get(chunk.owner)!;
      rows.live -= count;
      this.liveRows -= count;
      this.#changed(rows, seq);
    }
  }

  /** Gives up a version that `endMoved` ended: its slot may be used again once nobody sees it. */
  forgetMoved(position: number): void {
    const chunk = this.chunks[position >> CHUNK_SHIFT]!;
    const rid = Number(chunk.rids[position & SLOT_MASK]!);
    if (this.byRid.get(rid) === position) this.byRid.delete(rid);
    this.#ended.push(position);
  }

  /** Position of the newest version of a row while it lives here. */
  newestOf(rid: number): number | undefined {
    const position = this.byRid.get(rid);
    if (position === undefined) return undefined;
    return this.#isLive(position) ? position : undefined;
  }

  #isLive(position: number): boolean {
    return this.chunks[position >> CHUNK_SHIFT]!.end[position & SLOT_MASK]! === Infinity;
  }

  /** The version of a key that a snapshot sees, or -1. */
  findKey(map: KeyMap, owner: number, key: MapKey, seq: number): number {
    let position = map.get(owner, key);
    let below = Infinity;
    while (position !== undefined && position !== -1) {
      const chunk = this.chunks[position >> CHUNK_SHIFT];
      if (chunk === null || chunk === undefined) return -1;
      const slot = position & SLOT_MASK;
      const begin = chunk.begin[slot]!;
      if (begin > below) return -1;
      if (begin <= seq) {
        if (chunk.end[slot]! <= seq) return -1;
        // The map's own entry has the key; an older one on the chain may have had another.
        if (
          below === Infinity ||
          (chunk.owner === owner && map.codec.ofRow(chunk.row(slot)) === key)
        )
          return position;
        return -1;
      }
      below = begin;
      position = map.older(position) ?? chunk.prev[slot]!;
    }
    return -1;
  }

  /** The newest live version of a key, or -1. */
  findNewestKey(map: KeyMap, owner: number, key: MapKey): number {
    const position = map.get(owner, key);
    if (position === undefined) return -1;
    const chunk = this.chunks[position >> CHUNK_SHIFT];
    return chunk != null && chunk.end[position & SLOT_MASK]! === Infinity ? position : -1;
  }

  /** Frees slots of versions that ended at or before the oldest snapshot; at most `budget` of them. */
  vacuum(oldest: number, budget: number): void {
    if (this.#unfinished.size > 0 || this.#prepared.size > 0) return;
    const ended = this.#ended;
    while (budget-- > 0 && this.#endedHead < ended.length) {
      const position = ended[this.#endedHead]!;
      const chunk = this.chunks[position >> CHUNK_SHIFT]!;
      const slot = position & SLOT_MASK;
      if (chunk.end[slot]! > oldest) break;
      this.#endedHead++;
      this.#free(chunk, slot, position);
    }
    if (this.#endedHead > 4096 && this.#endedHead * 2 > ended.length) {
      this.#ended = ended.slice(this.#endedHead);
      this.#endedHead = 0;
    }
  }

  /** A sorted index over all versions, built at once when it is missing; null when the index cannot be kept sorted. */
  sorted(index: StorageIndex): SortedIndex | null {
    const known = this.#sorted.get(index.oid);
    if (known !== undefined) return known;
    if (!canBeSorted(index)) return null;
    const sorted = new SortedIndex(this, index);
    sorted.build();
    this.#sorted.set(index.oid, sorted);
    return sorted;
  }

  /** The sorted index when it exists. */
  knownSorted(index: StorageIndex): SortedIndex | null {
    return this.#sorted.get(index.oid) ?? null;
  }

  /** Whether a sorted index exists, or is worth building because it is asked for again. */
  isSortedWorth(index: StorageIndex): boolean {
    if (this.#sorted.has(index.oid)) return true;
    if (!canBeSorted(index)) return false;
    const asks = (this.#rangeAsks.get(index.oid) ?? 0) + 1;
    this.#rangeAsks.set(index.oid, asks);
    return asks > 1 || this.liveRows < WORTH_AT_ONCE;
  }

  /**
   * Builds a sorted index: at once when it is small (null), else in slices. No slot is freed meanwhile, so that versions keep
   * their places; those that come are entered at the end.
   */
  buildSorted(index: StorageIndex): Promise<void> | null {
    if (this.#sorted.has(index.oid) || !canBeSorted(index)) return null;
    if (this.byRid.size < BUILT_AT_ONCE) {
      this.sorted(index);
      return null;
    }
    let building = this.#building.get(index.oid);
    if (building === undefined) {
      building = this.#buildInSlices(index);
      this.#building.set(index.oid, building);
      // Those who wait for it are told.
      building.catch(() => {});
    }
    return building;
  }

  /** Makes the key map of a new index in slices, for a `reshape` to come; small ones are made there. */
  async prepareKeys(table: TableStorage, index: StorageIndex, sliceMs: number): Promise<void> {
    if (this.byRid.size < BUILT_AT_ONCE || !hasSameShape(table.columns, this.table.columns)) return;
    const prepared = new PreparedKeys(this, index);
    this.#prepared.set(index.oid, prepared);
    this.pins++;
    await prepared.build(sliceMs);
  }

  /** Forgets what `prepareKeys` made, taken over or not. */
  dropPrepared(index: StorageIndex): void {
    if (this.#prepared.delete(index.oid)) this.pins--;
  }

  async #buildInSlices(index: StorageIndex): Promise<void> {
    const sorted = new SortedIndex(this, index);
    const {ddlSeq} = this;
    this.#unfinished.add(sorted);
    this.pins++;
    try {
      await sorted.buildInSlices();
      // A change of shape meanwhile moved its columns: whoever asks again builds it anew.
      if (ddlSeq === this.ddlSeq && this.table.indexes.some(({oid}) => oid === index.oid))
        this.#sorted.set(index.oid, sorted);
    } finally {
      this.pins--;
      this.#unfinished.delete(sorted);
      this.#building.delete(index.oid);
    }
  }

  /** Goes over to a new shape or another set of indexes. */
  reshape(table: TableStorage, seq: number): void {
    const {table: old} = this;
    const isSameShape = hasSameShape(table.columns, old.columns);
    this.table = table;
    if (!isSameShape) {
      const before = this.columns;
      this.columns = table.columns.map(column => {
        const kept = before.find(c => hasSameLayout(c.column, column));
        return kept === undefined ? imageColumn(column) : {column, dictionary: kept.dictionary};
      });
      for (const chunk of this.chunks) chunk?.reshape(before, this.columns);
      this.ddlSeq = seq;
    }
    const known = this.keyMaps;
    this.keyMaps = table.indexes
      .filter(index => index.isUnique)
      .map(index => {
        const map = known.find(({codec}) => codec.index.oid === index.oid);
        if (map !== undefined && isSameShape) return map;
        if (map !== undefined && hasSameKeys(old, map.codec.index, table, index)) {
          map.codec = new KeyCodec(index);
          return map;
        }
        const prepared = isSameShape ? this.#prepared.get(index.oid)?.map : undefined;
        return prepared ?? new PreparedKeys(this, index).buildAtOnce();
      });
    for (const oid of this.#sorted.keys()) {
      if (!isSameShape || !table.indexes.some(index => index.oid === oid)) this.#sorted.delete(oid);
    }
  }

  /** A row in the order of a table's columns, which may be of another generation than the image. */
  rowFor(table: TableStorage, position: number): Datum[] {
    const chunk = this.chunks[position >> CHUNK_SHIFT]!;
    const slot = position & SLOT_MASK;
    const mapping = this.mappingFor(table);
    if (mapping === null) return chunk.row(slot);
    return mapping.map((at, i) =>
      at === -1 ? table.columns[i]!.missingValue : readCell(chunk.vectors[at]!, slot),
    );
  }

  /** Whether the columns of an index lie in the image where this shape of the table, which may be a transaction's own, has them. */
  fits(table: TableStorage, index: StorageIndex): boolean {
    if (table === this.table) return true;
    const {columns} = this;
    const isAt = (at: number): boolean => {
      const column = table.columns[at];
      return (
        column !== undefined && at < columns.length && hasSameLayout(columns[at]!.column, column)
      );
    };
    return index.keyOf === null ? index.keyColumns.every(isAt) : columns.every((_, at) => isAt(at));
  }

  /** Where each column of a table lies in the image (-1 = nowhere); null when they are the same. */
  mappingFor(table: TableStorage): readonly number[] | null {
    if (table === this.table || hasSameShape(table.columns, this.table.columns)) return null;
    return table.columns.map(column =>
      this.columns.findIndex(c => hasSameLayout(c.column, column)),
    );
  }

  /** About how many bytes versions take that ended after `oldest`: judged by some of them. */
  endedBytes(oldest: number): number {
    const ended = this.#ended;
    const waiting = ended.length - this.#endedHead;
    let bytes = 0;
    let looked = 0;
    for (let at = this.#endedHead; at < ended.length; at += Math.ceil(waiting / ENDED_SAMPLE)) {
      const position = ended[at]!;
      const chunk = this.chunks[position >> CHUNK_SHIFT]!;
      looked++;
      if (chunk.end[position & SLOT_MASK]! > oldest) bytes += chunk.rowBytes(position & SLOT_MASK);
    }
    return looked === 0 ? 0 : (bytes / looked) * waiting;
  }

  get bytes(): number {
    let bytes = this.byRid.size * (40 + this.keyMaps.length * 56);
    for (const chunk of this.chunks) if (chunk !== null) bytes += chunk.bytes;
    return bytes;
  }

  #ownerRows(owner: number): OwnerRows {
    let rows = this.owners.get(owner);
    if (rows === undefined) {
      rows = {owner, chunks: [], open: [], live: 0, lastChangeSeq: 0};
      this.owners.set(owner, rows);
    }
    return rows;
  }

  #changed(rows: OwnerRows, seq: number): void {
    if (seq > rows.lastChangeSeq) rows.lastChangeSeq = seq;
    if (seq > this.lastChangeSeq) this.lastChangeSeq = seq;
  }

  #newChunk(owner: number): ImageChunk {
    const index = this.#freeIndexes.pop() ?? this.chunks.length;
    const chunk = new ImageChunk(index, owner, this.columns);
    this.chunks[index] = chunk;
    return chunk;
  }

  #free(chunk: ImageChunk, slot: number, position: number): void {
    const {keyMaps} = this;
    for (let i = 0; i < keyMaps.length; i++) {
      const map = keyMaps[i]!;
      map.free(chunk.owner, map.codec.ofCells(chunk.vectors, slot), position);
    }
    if (this.#sorted.size > 0) for (const sorted of this.#sorted.values()) sorted.remove(position);
    const rows = this.owners.get(chunk.owner)!;
    if (chunk.isFull) rows.open.push(chunk);
    chunk.freeSlots.push(slot);
    if (chunk.freeSlots.length === chunk.count && (chunk.count === 1024 || rows.live === 0))
      this.#dropChunk(rows, chunk);
  }

  #dropChunk(rows: OwnerRows, chunk: ImageChunk): void {
    rows.chunks.splice(rows.chunks.indexOf(chunk), 1);
    const open = rows.open.indexOf(chunk);
    if (open !== -1) rows.open.splice(open, 1);
    this.chunks[chunk.index] = null;
    this.#freeIndexes.push(chunk.index);
    if (rows.chunks.length === 0 && this.table.kind !== 'shared') {
      this.owners.delete(rows.owner);
      for (const map of this.keyMaps) map.dropOwner(rows.owner);
    }
  }
}

function canBeSorted(index: StorageIndex): boolean {
  return index.keyOf === null && !index.keyColumns.includes(-1);
}
