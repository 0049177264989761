import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {DeletionSet} from './contract.ts';

/** Rows that one page of a deletion set covers. */
export const DELETION_PAGE_ROWS = 4096;
const PAGE_BYTES = DELETION_PAGE_ROWS / 8;
const LIST = 0;
const BITMAP = 1;

/** A changed page as the manifest stores it. */
export interface StoredDeletionPage {
  readonly page: number;
  readonly bytes: Buffer;
}

/** Deleted positions of a segment as pages of bits. Immutable: `with` shares all pages that do not change. */
export class DeletionPages implements DeletionSet {
  readonly count: number;
  readonly #pages: ReadonlyMap<number, Uint8Array>;
  readonly #last: number;

  private constructor(pages: ReadonlyMap<number, Uint8Array>, count: number) {
    this.#pages = pages;
    this.count = count;
    let last = -1;
    for (const page of pages.keys()) if (page > last) last = page;
    this.#last = last;
  }

  static readonly empty: DeletionPages = new DeletionPages(new Map(), 0);

  /** From pages as the manifest keeps them. */
  static parse(stored: Iterable<StoredDeletionPage>): DeletionPages {
    const pages = new Map<number, Uint8Array>();
    let count = 0;
    for (const {page, bytes} of stored) {
      const bits = parsePage(bytes);
      pages.set(page, bits);
      count += countBits(bits);
    }
    return new DeletionPages(pages, count);
  }

  has(position: number): boolean {
    const bits = this.#pages.get(Math.floor(position / DELETION_PAGE_ROWS));
    if (bits === undefined) return false;
    const bit = position % DELETION_PAGE_ROWS;
    return (bits[bit >> 3]! & (1 << (bit & 7))) !== 0;
  }

  next(position: number): number {
    let page = Math.floor(position / DELETION_PAGE_ROWS);
    let bit = position % DELETION_PAGE_ROWS;
    for (; page <= this.#last; page++, bit = 0) {
      const bits = this.#pages.get(page);
      if (bits === undefined) continue;
      const found = nextBit(bits, bit);
      if (found !== -1) return page * DELETION_PAGE_ROWS + found;
    }
    return Infinity;
  }

  /** This set with more positions; those already in it do no harm. */
  with(positions: Iterable<number>): DeletionPages {
    const pages = new Map(this.#pages);
    const own = new Set<number>();
    let count = this.count;
    for (const position of positions) {
      const page = Math.floor(position / DELETION_PAGE_ROWS);
      let bits = pages.get(page);
      if (!own.has(page)) {
        bits = bits === undefined ? new Uint8Array(PAGE_BYTES) : bits.slice();
        pages.set(page, bits);
        own.add(page);
      }
      const bit = position % DELETION_PAGE_ROWS;
      const mask = 1 << (bit & 7);
      if ((bits![bit >> 3]! & mask) === 0) {
        bits![bit >> 3]! |= mask;
        count++;
      }
    }
    return count === this.count ? this : new DeletionPages(pages, count);
  }

  /** Pages that differ from an earlier version of this set, to be stored in place of the old ones. */
  changedSince(older: DeletionPages): StoredDeletionPage[] {
    const changed: StoredDeletionPage[] = [];
    for (const [page, bits] of this.#pages) {
      if (older.#pages.get(page) !== bits) changed.push({page, bytes: serializePage(bits)});
    }
    return changed;
  }

  /** All positions, ascending. */
  *positions(): Generator<number> {
    for (let at = this.next(0); at !== Infinity; at = this.next(at + 1)) yield at;
  }
}

function nextBit(bits: Uint8Array, from: number): number {
  for (let at = from >> 3, skip = from & 7; at < bits.length; at++, skip = 0) {
    const byte = bits[at]! >> skip;
    if (byte !== 0) return at * 8 + skip + 31 - Math.clz32(byte & -byte);
  }
  return -1;
}

function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** A list of 16-bit positions while that is shorter than the bitmap. */
function serializePage(bits: Uint8Array): Buffer {
  const count = countBits(bits);
  if (count * 2 >= PAGE_BYTES) return Buffer.concat([Buffer.of(BITMAP), bits]);
  const out = Buffer.alloc(1 + count * 2);
  out[0] = LIST;
  for (let at = nextBit(bits, 0), to = 1; at !== -1; at = nextBit(bits, at + 1), to += 2) {
    out.writeUInt16LE(at, to);
  }
  return out;
}

function parsePage(bytes: Buffer): Uint8Array {
  if (bytes[0] === BITMAP && bytes.length === PAGE_BYTES + 1)
    return Uint8Array.from(bytes.subarray(1));
  const isList = bytes[0] === LIST && bytes.length % 2 === 1;
  const bits = new Uint8Array(PAGE_BYTES);
  for (let at = 1; isList && at < bytes.length; at += 2) {
    const bit = bytes.readUInt16LE(at);
    if (bit >= DELETION_PAGE_ROWS) throw malformed();
    bits[bit >> 3]! |= 1 << (bit & 7);
  }
  if (!isList) throw malformed();
  return bits;
}

function malformed(): PgError {
  return new PgError(SqlState.dataCorrupted, 'a deletion vector in the manifest is corrupted');
}
