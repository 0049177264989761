// Hot path: rows of the hot image.
import {BATCH_CAPACITY, type Vector} from '../../columns/vector.ts';
import type {Datum} from '../../types/contract.ts';
import type {StorageColumn} from '../contract.ts';
import {
  constantVector,
  dictToStrings,
  GrowingDictionary,
  growVector,
  newVector,
  readCell,
  writeCell,
} from './cells.ts';

const FIRST_CAPACITY = 16;

/** A column of an image: found by attnum, so that tables of any generation can be read from it. */
export interface ImageColumn {
  readonly column: StorageColumn;
  readonly dictionary: GrowingDictionary | null;
}

/** Whether values of one column can be read as those of another: the same attnum, and a type that is held the same way. */
export function hasSameLayout(a: StorageColumn, b: StorageColumn): boolean {
  if (a.attnum !== b.attnum || a.type.physical !== b.type.physical) return false;
  return a.type.oid === b.type.oid || a.type.physical !== 'boxed';
}

/** Whether two column lists are read alike. */
export function hasSameShape(a: readonly StorageColumn[], b: readonly StorageColumn[]): boolean {
  return a === b || (a.length === b.length && a.every((column, i) => hasSameLayout(column, b[i]!)));
}

/** The image column of a stored column. */
export function imageColumn(column: StorageColumn): ImageColumn {
  return {column, dictionary: column.type.physical === 'text' ? new GrowingDictionary() : null};
}

/**
 * Up to 1,024 row versions of one owner: a vector per column, begin and end seq per row. Slots of
 * dead versions that nobody can see are used again.
 */
export class ImageChunk {
  readonly index: number;
  readonly owner: number;
  capacity = FIRST_CAPACITY;
  /** Slots ever filled. */
  count = 0;
  /** Versions with an end seq, freed slots included. */
  ended = 0;
  /** Largest begin seq ever written here. */
  maxBegin = 0;
  begin = new Float64Array(FIRST_CAPACITY);
  end = new Float64Array(FIRST_CAPACITY);
  rids = new BigInt64Array(FIRST_CAPACITY);
  /** Position of the version before this one of the same row, -1 if none. */
  prev = new Int32Array(FIRST_CAPACITY);
  vectors: Vector[];
  readonly freeSlots: number[] = [];

  constructor(index: number, owner: number, columns: readonly ImageColumn[]) {
    this.index = index;
    this.owner = owner;
    this.vectors = columns.map(c => newVector(c.column.type, FIRST_CAPACITY, openDictionary(c)));
  }

  get isFull(): boolean {
    return this.count === BATCH_CAPACITY && this.freeSlots.length === 0;
  }

  /** Writes a row version into a free slot and returns the slot. */
  add(rid: bigint, row: readonly Datum[], seq: number, prev: number): number {
    let slot: number;
    const reused = this.freeSlots.pop();
    if (reused !== undefined) {
      slot = reused;
      this.ended--;
    } else {
      if (this.count === this.capacity) this.#grow();
      slot = this.count;
    }
    const {vectors, capacity} = this;
    for (let i = 0; i < vectors.length; i++) {
      if (!writeCell(vectors[i]!, slot, row[i]!, capacity)) {
        const plain = dictToStrings(vectors[i]!, this.count);
        vectors[i] = plain;
        writeCell(plain, slot, row[i]!, capacity);
      }
    }
    this.rids[slot] = rid;
    this.prev[slot] = prev;
    this.end[slot] = Infinity;
    this.begin[slot] = seq;
    if (seq > this.maxBegin) this.maxBegin = seq;
    if (reused === undefined) this.count = slot + 1;
    return slot;
  }

  /** Whether every slot is visible to a snapshot. */
  isAllVisible(seq: number): boolean {
    return this.ended === 0 && this.maxBegin <= seq;
  }

  /** Whether one slot is visible to a snapshot. */
  isVisible(slot: number, seq: number): boolean {
    return this.begin[slot]! <= seq && this.end[slot]! > seq;
  }

  /** The row of a slot, columns in the order of the image. */
  row(slot: number): Datum[] {
    const {vectors} = this;
    const row: Datum[] = new Array<Datum>(vectors.length);
    for (let i = 0; i < vectors.length; i++) row[i] = readCell(vectors[i]!, slot);
    return row;
  }

  /** Rough bytes of one slot. */
  rowBytes(slot: number): number {
    let bytes = 36;
    for (const vector of this.vectors) {
      const value = readCell(vector, slot);
      if (typeof value === 'string') bytes += 24 + value.length;
      else if (value instanceof Uint8Array) bytes += 96 + value.length;
      else bytes += typeof value === 'object' && value !== null ? 200 : 8;
    }
    return bytes;
  }

  /** Takes another set of columns: those kept by attnum stay, new ones read their missing value. */
  reshape(from: readonly ImageColumn[], to: readonly ImageColumn[]): void {
    const vectors: Vector[] = [];
    for (const target of to) {
      const at = from.findIndex(c => c.column.attnum === target.column.attnum);
      const isSame = at !== -1 && hasSameLayout(from[at]!.column, target.column);
      if (isSame) {
        vectors.push(this.vectors[at]!);
      } else {
        const filled = constantVector(
          target.column.type,
          target.column.missingValue,
          this.capacity,
        );
        vectors.push(filled);
      }
    }
    this.vectors = vectors;
  }

  /** Rough bytes held. */
  get bytes(): number {
    let bytes = this.capacity * 28;
    for (const vector of this.vectors) {
      bytes +=
        vector.kind === 'string' || vector.kind === 'boxed'
          ? this.capacity * 64
          : this.capacity * 8;
    }
    return bytes;
  }

  #grow(): void {
    const capacity = Math.min(BATCH_CAPACITY, this.capacity * 4);
    const begin = new Float64Array(capacity);
    begin.set(this.begin);
    const end = new Float64Array(capacity);
    end.set(this.end);
    const rids = new BigInt64Array(capacity);
    rids.set(this.rids);
    const prev = new Int32Array(capacity);
    prev.set(this.prev);
    this.begin = begin;
    this.end = end;
    this.rids = rids;
    this.prev = prev;
    for (const vector of this.vectors) growVector(vector, capacity);
    this.capacity = capacity;
  }
}

function openDictionary(column: ImageColumn): GrowingDictionary | null {
  return column.dictionary !== null && !column.dictionary.isClosed ? column.dictionary : null;
}
