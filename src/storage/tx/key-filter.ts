// Hot path: every new key is looked for in the segments of its own transaction.
import {BloomFilter} from '../cold/bloom-filter.ts';
import type {MapKey} from '../hot/key-codec.ts';
import {hashKey} from '../segment-keys.ts';

/** Keys that are not there and pass: each costs a look into the segment. */
const FALSE_SHARE = 0.0005;
const TWO_32 = 4294967296;

/** Which keys a segment may hold: their range, then a bloom filter of about two bytes per key. */
export class KeyFilter {
  readonly #bloom: BloomFilter;
  #low: MapKey | null = null;
  #high: MapKey | null = null;

  /** `keys`: how many will be added at most. */
  constructor(keys: number) {
    this.#bloom = BloomFilter.sized(keys, FALSE_SHARE);
  }

  add(key: MapKey): void {
    if (this.#low === null || key < this.#low) this.#low = key;
    if (this.#high === null || key > this.#high) this.#high = key;
    const hash = hashKey(key);
    const first = mix(hash | 0, Math.floor(hash / TWO_32) | 0);
    this.#bloom.insert(first, mix(first, hash | 0));
  }

  /** False only when the key was never added. */
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
