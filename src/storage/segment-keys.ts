import type {MapKey} from './hot/key-codec.ts';

/** Numbers (hashes of keys, or rids) of a segment's rows, sorted, with their positions: 12 bytes per row. */
export class SegmentKeys {
  #hashes: Float64Array;
  #positions: Int32Array;
  #count = 0;

  constructor(rows: number) {
    this.#hashes = new Float64Array(rows);
    this.#positions = new Int32Array(rows);
  }

  add(hash: number, position: number): void {
    this.#hashes[this.#count] = hash;
    this.#positions[this.#count++] = position;
  }

  /** Sorts; `candidates` may be asked afterwards. */
  finish(): void {
    const hashes = this.#hashes.subarray(0, this.#count);
    const order = new Float64Array(this.#count);
    let isSorted = true;
    for (let i = 1; i < this.#count && isSorted; i++) isSorted = hashes[i - 1]! <= hashes[i]!;
    if (isSorted) return;
    const indexes = new Uint32Array(this.#count);
    for (let i = 0; i < this.#count; i++) indexes[i] = i;
    indexes.sort((a, b) => hashes[a]! - hashes[b]!);
    const positions = new Int32Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      order[i] = hashes[indexes[i]!]!;
      positions[i] = this.#positions[indexes[i]!]!;
    }
    this.#hashes = order;
    this.#positions = positions;
  }

  /** Positions of rows with a number. */
  candidates(hash: number): readonly number[] {
    const hashes = this.#hashes;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    if (low === this.#count || hashes[low] !== hash) return NONE;
    const found: number[] = [];
    for (; low < this.#count && hashes[low] === hash; low++) found.push(this.#positions[low]!);
    return found.sort((a, b) => a - b);
  }
}

const NONE: readonly number[] = [];

/** A 52-bit hash of a key; numbers are their own. */
export function hashKey(key: MapKey): number {
  if (typeof key === 'number') return key;
  const text = typeof key === 'bigint' ? key.toString() : key;
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
