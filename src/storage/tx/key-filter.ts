// Hot path: every new key is looked for among those that its own transaction wrote out.
import {BloomFilter} from '../cold/bloom-filter.ts';
import type {MapKey} from '../hot/key-codec.ts';
import {hashKey} from '../segment-keys.ts';

/** Keys that are not there and pass the filter. */
const FALSE_SHARE = 0.00005;
const FEWEST = 16_384;
const MOST = 262_144;
const TWO_32 = 4294967296;

/**
 * Which keys a segment may hold: ranges where they come in order, else ranges with bloom filters of about four bytes per key, and their
 * hashes while the segment is being written.
 */
export class KeyFilter {
  readonly #blocks: FilterBlock[] = [];
  /** Keys that came above all before them. */
  readonly #ranges: {readonly low: MapKey; high: MapKey}[] = [];
  #highest: MapKey | null = null;
  /** Sorted hashes of each portion; null once the segment itself can be asked. */
  #hashes: Float64Array[] | null = [];

  add(keys: readonly MapKey[]): void {
    if (keys.length === 0) return;
    let low = keys[0]!;
    let high = low;
    for (let i = 1; i < keys.length; i++) {
      if (keys[i]! < low) low = keys[i]!;
      else if (keys[i]! > high) high = keys[i]!;
    }
    const highest = this.#highest;
    if (highest === null || high > highest) this.#highest = high;
    if (highest === null || low <= highest) this.#addHashed(keys);
    else this.#addAbove(low, high, highest);
  }

  /** Adds keys that all lie between two; false, and nothing done, unless they lie above all before them. */
  addRange(low: MapKey, high: MapKey): boolean {
    const highest = this.#highest;
    if (highest !== null && low <= highest) return false;
    this.#highest = high;
    if (highest === null) this.#ranges.push({low, high});
    else this.#addAbove(low, high, highest);
    return true;
  }

  /** False only when no key as large as this, or larger, was added. */
  mayContainFrom(low: MapKey): boolean {
    return this.#highest !== null && this.#highest >= low;
  }

  #addAbove(low: MapKey, high: MapKey, highest: MapKey): void {
    const last = this.#ranges[this.#ranges.length - 1];
    if (last !== undefined && last.high === highest) last.high = high;
    else this.#ranges.push({low, high});
  }

  #addHashed(keys: readonly MapKey[]): void {
    const hashes = new Float64Array(keys.length);
    for (let i = 0; i < keys.length; i++) {
      const hash = hashKey(keys[i]!);
      hashes[i] = hash;
      let block = this.#blocks[this.#blocks.length - 1];
      if (block === undefined || block.isFull) {
        const room = Math.max(FEWEST, keys.length - i, (block?.room ?? 0) * 2);
        block = new FilterBlock(Math.min(MOST, room));
        this.#blocks.push(block);
      }
      block.add(keys[i]!, hash);
    }
    this.#hashes?.push(hashes.sort());
  }

  /** False only when the key was never added. */
  mayContain(key: MapKey): boolean {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i++)
      if (key >= ranges[i]!.low && key <= ranges[i]!.high) return true;
    const blocks = this.#blocks;
    for (let i = 0; i < blocks.length; i++)
      if (blocks[i]!.mayContain(key)) return this.#hashes === null || this.#hasHash(key);
    return false;
  }

  /** The segment can be read. */
  sealed(): void {
    this.#hashes = null;
  }

  #hasHash(key: MapKey): boolean {
    const hash = hashKey(key);
    for (const hashes of this.#hashes!) {
      let low = 0;
      let high = hashes.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (hashes[middle]! < hash) low = middle + 1;
        else high = middle;
      }
      if (low < hashes.length && hashes[low] === hash) return true;
    }
    return false;
  }
}

class FilterBlock {
  readonly room: number;
  readonly #bloom: BloomFilter;
  #count = 0;
  #low: MapKey | null = null;
  #high: MapKey | null = null;

  constructor(room: number) {
    this.room = room;
    this.#bloom = BloomFilter.sized(room, FALSE_SHARE);
  }

  get isFull(): boolean {
    return this.#count === this.room;
  }

  add(key: MapKey, hash: number): void {
    this.#count++;
    if (this.#low === null || key < this.#low) this.#low = key;
    if (this.#high === null || key > this.#high) this.#high = key;
    const first = mix(hash | 0, Math.floor(hash / TWO_32) | 0);
    this.#bloom.insert(first, mix(first, hash | 0));
  }

  mayContain(key: MapKey): boolean {
    if (this.#low === null || key < this.#low || key > this.#high!) return false;
    const hash = hashKey(key);
    const first = mix(hash | 0, Math.floor(hash / TWO_32) | 0);
    return this.#bloom.mayContain(first, mix(first, hash | 0));
  }
}

/** 32 well mixed bits of 64. */
function mix(low: number, high: number): number {
  let hash = Math.imul(low ^ 0x5bd1e995, 0x85ebca6b) ^ Math.imul(high, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
