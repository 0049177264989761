import type {IntSet} from '../common/int-set.ts';
import type {DeletionSet, Segment, SegmentColumn, SegmentMeta} from './cold/contract.ts';

const PG_EPOCH_MS = 946_684_800_000;
const PAGE_BITS = 4096;
/** Bytes of a stored page of deletions. */
export const DELETION_PAGE_BYTES = PAGE_BITS / 8;
const LOCATION_UNIT = 2 ** 32;

/**
 * Deleted positions of a segment in pages of 4,096 bits: a change copies and rewrites the pages it
 * touches only. Immutable.
 */
export class DeletionPages implements DeletionSet {
  static readonly none: DeletionPages = new DeletionPages([], 0);
  readonly pages: readonly (Uint8Array | undefined)[];
  readonly count: number;

  constructor(pages: readonly (Uint8Array | undefined)[], count: number) {
    this.pages = pages;
    this.count = count;
  }

  has(position: number): boolean {
    const page = this.pages[Math.floor(position / PAGE_BITS)];
    if (page === undefined) return false;
    const bit = position % PAGE_BITS;
    return (page[bit >> 3]! & (1 << (bit & 7))) !== 0;
  }

  /** The first deleted position >= `position`, or Infinity. */
  next(position: number): number {
    if (this.count === 0) return Infinity;
    let bit = position % PAGE_BITS;
    for (let number = Math.floor(position / PAGE_BITS); number < this.pages.length; number++) {
      const page = this.pages[number];
      if (page !== undefined) {
        for (; bit < PAGE_BITS; bit++) {
          if ((bit & 7) === 0 && page[bit >> 3] === 0) bit += 7;
          else if ((page[bit >> 3]! & (1 << (bit & 7))) !== 0) return number * PAGE_BITS + bit;
        }
      }
      bit = 0;
    }
    return Infinity;
  }

  /** The set with more positions, listed and in other sets, and the numbers of the pages that changed. */
  with(
    positions: readonly number[],
    sets: readonly IntSet[] = [],
  ): {
    readonly deletions: DeletionPages;
    readonly changed: readonly number[];
  } {
    const pages = this.pages.slice();
    const changed = new Set<number>();
    let count = this.count;
    const own = (number: number): Uint8Array => {
      if (!changed.has(number)) {
        const copy = new Uint8Array(DELETION_PAGE_BYTES);
        const before = pages[number];
        if (before !== undefined) copy.set(before);
        pages[number] = copy;
        changed.add(number);
      }
      return pages[number]!;
    };
    for (const set of sets)
      for (const [number, bits] of set.pages) {
        const page = own(number);
        for (let i = 0; i < bits.length; i++) {
          count += popCount(bits[i]! & ~page[i]!);
          page[i]! |= bits[i]!;
        }
      }
    for (const position of positions) {
      const page = own(Math.floor(position / PAGE_BITS));
      const bit = position % PAGE_BITS;
      if ((page[bit >> 3]! & (1 << (bit & 7))) === 0) {
        page[bit >> 3]! |= 1 << (bit & 7);
        count++;
      }
    }
    return {deletions: new DeletionPages(pages, count), changed: [...changed]};
  }

  /** Positions that are deleted here and were not in an earlier value of the set; pages that are the same are not looked at. */
  since(earlier: DeletionPages): readonly number[] {
    const positions: number[] = [];
    for (let number = 0; number < this.pages.length; number++) {
      const page = this.pages[number];
      const before = earlier.pages[number];
      if (page === undefined || page === before) continue;
      for (let byte = 0; byte < page.length; byte++) {
        const added = page[byte]! & ~(before === undefined ? 0 : before[byte]!);
        if (added === 0) continue;
        for (let bit = 0; bit < 8; bit++)
          if ((added & (1 << bit)) !== 0) positions.push(number * PAGE_BITS + byte * 8 + bit);
      }
    }
    return positions;
  }

  /** The set from stored pages. */
  static of(stored: readonly {readonly page: number; readonly bits: Uint8Array}[]): DeletionPages {
    const pages: (Uint8Array | undefined)[] = [];
    let count = 0;
    for (const {page, bits} of stored) {
      pages[page] = bits;
      for (const byte of bits) count += popCount(byte);
    }
    return new DeletionPages(pages, count);
  }
}

function popCount(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** A segment in the manifest: immutable but for what is cached of its file. */
export interface SegmentEntry {
  readonly id: number;
  readonly table: number;
  readonly owner: number;
  readonly path: string;
  readonly meta: SegmentMeta;
  /** Columns as they were written. */
  readonly schema: readonly SegmentColumn[];
  readonly createdAt: bigint;
  /** The seq of all rows when the file holds none: a segment written before its commit. */
  readonly constantSeq: number | null;
  /** attnums that the rows are sorted by, ascending, NULLs last. */
  readonly sortedBy: readonly number[];
  readonly deletions: DeletionPages;
  /** The open file, shared by all versions of the entry. */
  readonly file: {segment: Segment | null};
}

/** The entry of a file that has just been written; `dead`: positions of its rows that were deleted or changed meanwhile. */
export function newEntry(
  written: Omit<SegmentEntry, 'createdAt' | 'constantSeq' | 'deletions' | 'file'>,
  dead: readonly number[] = [],
): SegmentEntry {
  return {
    ...written,
    createdAt: BigInt(Date.now() - PG_EPOCH_MS) * 1000n,
    constantSeq: null,
    deletions: dead.length === 0 ? DeletionPages.none : DeletionPages.none.with(dead).deletions,
    file: {segment: null},
  };
}

/** The segments of one table by owner, oldest first. Immutable. */
export interface TableManifest {
  readonly owners: ReadonlyMap<number, readonly SegmentEntry[]>;
  readonly byId: ReadonlyMap<number, SegmentEntry>;
  readonly all: readonly SegmentEntry[];
  readonly rows: number;
  readonly deletedRows: number;
  readonly bytes: number;
  /** attnums that all segments are sorted by; empty when they differ. */
  readonly sortedBy: readonly number[];
  /** Seq of the commit that made this value; 0 since the start. */
  readonly lastChangeSeq: number;
}

/** All segments of a data directory as of one commit: swapped whole, never changed. */
export class Manifest {
  static readonly empty: Manifest = new Manifest(new Map());
  readonly tables: ReadonlyMap<number, TableManifest>;

  constructor(tables: ReadonlyMap<number, TableManifest>) {
    this.tables = tables;
  }

  table(oid: number): TableManifest | undefined {
    return this.tables.get(oid);
  }

  /** Segments of a table for one owner, or of all owners when null. */
  segments(oid: number, owner: number | null): readonly SegmentEntry[] {
    const table = this.tables.get(oid);
    if (table === undefined) return [];
    if (owner !== null) return table.owners.get(owner) ?? [];
    return table.all;
  }

  /** The manifest after commit `seq`: entries put (new, or with other deletions) and removed by id. */
  with(put: readonly SegmentEntry[], removed: readonly SegmentEntry[], seq: number): Manifest {
    const tables = new Map(this.tables);
    const touched = new Map<number, Map<number, SegmentEntry>>();
    const edit = (table: number): Map<number, SegmentEntry> => {
      let byId = touched.get(table);
      if (byId === undefined) {
        byId = new Map(tables.get(table)?.byId ?? []);
        touched.set(table, byId);
      }
      return byId;
    };
    for (const entry of removed) edit(entry.table).delete(entry.id);
    for (const entry of put) edit(entry.table).set(entry.id, entry);
    for (const [oid, byId] of touched) {
      if (byId.size === 0) tables.delete(oid);
      else tables.set(oid, tableManifest(byId, seq));
    }
    return new Manifest(tables);
  }
}

function tableManifest(byId: ReadonlyMap<number, SegmentEntry>, seq: number): TableManifest {
  const owners = new Map<number, SegmentEntry[]>();
  let rows = 0;
  let deletedRows = 0;
  let bytes = 0;
  let sortedBy: readonly number[] | null = null;
  for (const entry of byId.values()) {
    sortedBy = sortedBy === null ? entry.sortedBy : commonPrefix(sortedBy, entry.sortedBy);
    const list = owners.get(entry.owner);
    if (list === undefined) owners.set(entry.owner, [entry]);
    else list.push(entry);
    rows += entry.meta.rows;
    deletedRows += entry.deletions.count;
    bytes += entry.meta.bytes;
  }
  return {
    ...{owners, byId, all: [...byId.values()], rows, deletedRows, bytes},
    ...{sortedBy: sortedBy ?? [], lastChangeSeq: seq},
  };
}

function commonPrefix(a: readonly number[], b: readonly number[]): readonly number[] {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length === a.length ? a : a.slice(0, length);
}

/** A row's place in a segment as scans return it; 0 is hot. */
export function locationOf(segmentId: number, position: number): number {
  return segmentId * LOCATION_UNIT + position + 1;
}

/** Where cold rows that were moved lie now, by their old location; undefined for others. */
export interface MovedPlaces {
  get(location: number): number | undefined;
}

/** The segment id of a cold location. */
export function segmentOf(location: number): number {
  return Math.floor((location - 1) / LOCATION_UNIT);
}

/** The position in its segment of a cold location. */
export function positionOf(location: number): number {
  return (location - 1) % LOCATION_UNIT;
}

/** The seq of a row as its segment's file has it. */
export function seqOf(entry: SegmentEntry, stored: unknown): bigint {
  return typeof stored === 'bigint' ? stored : BigInt(entry.constantSeq ?? 0);
}

/** The same as scans show it: null while the commit of the rows is to come. */
export function shownSeq(entry: SegmentEntry, stored: unknown): bigint | null {
  return typeof stored !== 'bigint' && entry.constantSeq === null ? null : seqOf(entry, stored);
}
