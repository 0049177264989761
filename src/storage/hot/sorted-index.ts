// Hot path: ordered and range reads of hot rows.
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {StorageIndex} from '../contract.ts';
import {readCell} from './cells.ts';
import {type IndexedRows, IndexKeys, orderAtOnce, orderInSlices} from './index-keys.ts';

const BLOCK_MAX = 512;

/** Bounds on leading key columns (null = open) for one owner (null = all, then the order is by owner first). */
export interface KeyRange {
  readonly owner: number | null;
  readonly low: readonly Datum[] | null;
  readonly lowIncluded: boolean;
  readonly high: readonly Datum[] | null;
  readonly highIncluded: boolean;
  readonly descending: boolean;
}

interface Place {
  readonly block: number;
  readonly offset: number;
}

/**
 * Positions of all versions of an image in (owner, key) order, NULLs last, as blocks of at most 512;
 * built lazily, then maintained.
 */
export class SortedIndex {
  readonly #image: IndexedRows;
  readonly #columns: readonly number[];
  readonly #types: readonly TypeInstance[];
  readonly #isOwned: boolean;
  #blocks: number[][] = [];
  #size = 0;
  /** Positions that came while it is being built. */
  #later: number[] | null = null;

  constructor(image: IndexedRows, index: StorageIndex) {
    this.#image = image;
    this.#columns = index.keyColumns.map(column => {
      const attnum = image.table.columns[column]!.attnum;
      return image.columns.findIndex(c => c.column.attnum === attnum);
    });
    this.#types = index.keyTypes;
    this.#isOwned = image.table.kind !== 'shared';
  }

  get size(): number {
    return this.#size;
  }

  /** Enters every version that the image holds, at once. */
  build(): void {
    this.#enter(orderAtOnce(this.#keys()));
  }

  /** The same in slices. Versions that the image gets meanwhile are entered at the end; it may free no slot until then. */
  async buildInSlices(): Promise<void> {
    const added: number[] = [];
    this.#later = added;
    const sorted = await orderInSlices(this.#keys());
    this.#later = null;
    this.#enter(sorted);
    for (let i = 0; i < added.length; i++) this.add(added[i]!);
  }

  #keys(): IndexKeys {
    return new IndexKeys(this.#image, this.#columns, this.#types, this.#isOwned);
  }

  #enter(sorted: readonly number[]): void {
    this.#blocks = [];
    for (let i = 0; i < sorted.length; i += BLOCK_MAX / 2)
      this.#blocks.push(sorted.slice(i, i + BLOCK_MAX / 2));
    this.#size = sorted.length;
  }

  add(position: number): void {
    if (this.#later !== null) {
      this.#later.push(position);
      return;
    }
    this.#size++;
    const blocks = this.#blocks;
    if (blocks.length === 0) {
      blocks.push([position]);
      return;
    }
    const at = this.#blockOf(position);
    const block = blocks[at]!;
    const slot = this.#slotIn(block, position);
    if (slot === block.length) block.push(position);
    else block.splice(slot, 0, position);
    if (block.length > BLOCK_MAX) {
      // Appending at the end of the order keeps full blocks behind it.
      const cut = at === blocks.length - 1 && slot === block.length - 1 ? BLOCK_MAX : BLOCK_MAX / 2;
      blocks.splice(at + 1, 0, block.splice(cut));
    }
  }

  /** Removes a position whose values are still in its slot. */
  remove(position: number): void {
    const blocks = this.#blocks;
    if (blocks.length === 0) return;
    const at = this.#blockOf(position);
    const block = blocks[at]!;
    const slot = this.#slotIn(block, position);
    if (block[slot] !== position) return;
    block.splice(slot, 1);
    this.#size--;
    if (block.length === 0) blocks.splice(at, 1);
  }

  /**
   * Appends to `out` up to `max` positions in order (dead versions included) whose leading key columns
   * lie in the range, from after a position
   * that still holds its row (-1: from the start). Returns how many were appended.
   */
  fill(range: KeyRange, after: number, max: number, out: number[]): number {
    const blocks = this.#blocks;
    if (blocks.length === 0) return 0;
    const low = this.#seek(range.owner, range.low, !range.lowIncluded);
    const high = this.#seekHigh(range);
    let block: number;
    let offset: number;
    if (after !== -1) {
      block = this.#blockOf(after);
      offset = this.#slotIn(blocks[block]!, after) + (range.descending ? -1 : 1);
    } else if (range.descending) {
      block = high.block;
      offset = high.offset - 1;
    } else {
      ({block, offset} = low);
    }
    return range.descending
      ? this.#fillDown(block, offset, low, max, out)
      : this.#fillUp(block, offset, high, max, out);
  }

  /** Number of versions in a range. */
  count(range: KeyRange): number {
    const low = this.#seek(range.owner, range.low, !range.lowIncluded);
    const high = this.#seekHigh(range);
    let count = high.offset - low.offset;
    for (let i = low.block; i < high.block; i++) count += this.#blocks[i]!.length;
    return Math.max(0, count);
  }

  #fillUp(fromBlock: number, fromOffset: number, stop: Place, max: number, out: number[]): number {
    let filled = 0;
    let offset = fromOffset;
    for (let at = fromBlock; at < this.#blocks.length && at <= stop.block; at++) {
      const block = this.#blocks[at]!;
      const end = at === stop.block ? stop.offset : block.length;
      for (; offset < end; offset++) {
        if (filled === max) return filled;
        out.push(block[offset]!);
        filled++;
      }
      offset = 0;
    }
    return filled;
  }

  #fillDown(
    fromBlock: number,
    fromOffset: number,
    stop: Place,
    max: number,
    out: number[],
  ): number {
    let filled = 0;
    let offset = fromOffset;
    for (let at = fromBlock; at >= 0 && at >= stop.block; at--) {
      const block = this.#blocks[at];
      const end = at === stop.block ? stop.offset : 0;
      for (; block !== undefined && offset >= end; offset--) {
        if (filled === max) return filled;
        out.push(block[offset]!);
        filled++;
      }
      if (at > 0) offset = this.#blocks[at - 1]!.length - 1;
    }
    return filled;
  }

  #seekHigh(range: KeyRange): Place {
    if (range.high !== null) return this.#seek(range.owner, range.high, range.highIncluded);
    if (range.owner === null || !this.#isOwned) return {block: this.#blocks.length, offset: 0};
    return this.#seek(range.owner + 0.5, null, false);
  }

  /** The place of the first position whose key is >= the bound (> it when `after`). */
  #seek(owner: number | null, bound: readonly Datum[] | null, after: boolean): Place {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = blocks[middle]!;
      if (this.#isBefore(block[block.length - 1]!, owner, bound, after)) low = middle + 1;
      else high = middle;
    }
    if (low === blocks.length) return {block: low, offset: 0};
    const block = blocks[low]!;
    let from = 0;
    let to = block.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#isBefore(block[middle]!, owner, bound, after)) from = middle + 1;
      else to = middle;
    }
    return {block: low, offset: from};
  }

  #isBefore(
    position: number,
    owner: number | null,
    bound: readonly Datum[] | null,
    after: boolean,
  ): boolean {
    const chunk = this.#image.chunks[position >> 10]!;
    if (this.#isOwned && owner !== null && chunk.owner !== owner) return chunk.owner < owner;
    if (bound === null) return false;
    const slot = position & 1023;
    for (let i = 0; i < bound.length; i++) {
      const order = compareNullsLast(
        this.#types[i]!,
        readCell(chunk.vectors[this.#columns[i]!]!, slot),
        bound[i]!,
      );
      if (order !== 0) return order < 0;
    }
    return after;
  }

  #blockOf(position: number): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = blocks[middle]!;
      if (this.#compare(block[block.length - 1]!, position) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #slotIn(block: readonly number[], position: number): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(block[middle]!, position) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(a: number, b: number): number {
    if (a === b) return 0;
    const left = this.#image.chunks[a >> 10]!;
    const right = this.#image.chunks[b >> 10]!;
    if (this.#isOwned && left.owner !== right.owner) return left.owner - right.owner;
    const columns = this.#columns;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!;
      const order = compareNullsLast(
        this.#types[i]!,
        readCell(left.vectors[column]!, a & 1023),
        readCell(right.vectors[column]!, b & 1023),
      );
      if (order !== 0) return order;
    }
    return a - b;
  }
}

/** PostgreSQL's default order of an ascending index: NULLs last. */
export function compareNullsLast(type: TypeInstance, a: Datum, b: Datum): number {
  if (a === null) return b === null ? 0 : 1;
  if (b === null) return -1;
  return type.compare(a, b);
}
