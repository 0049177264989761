// Hot path: probed for every segment and row group of a key lookup.

const SALT = new Int32Array([
  0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
]);
const MAX_BYTES = 4 * 1024 * 1024;

/** A split block bloom filter as Parquet defines it: blocks of eight 32-bit words. */
export class BloomFilter {
  readonly words: Uint32Array;

  constructor(words: Uint32Array) {
    this.words = words;
  }

  /** An empty filter for this number of distinct values. */
  static sized(distinct: number, fpp: number): BloomFilter {
    const bits = (-8 * Math.max(distinct, 1)) / Math.log(1 - fpp ** (1 / 8));
    let bytes = 32;
    while (bytes < bits / 8 && bytes < MAX_BYTES) bytes *= 2;
    return new BloomFilter(new Uint32Array(bytes >> 2));
  }

  insert(low: number, high: number): void {
    const words = this.words;
    const at = this.#block(high);
    for (let i = 0; i < 8; i++) words[at + i]! |= 1 << (Math.imul(low, SALT[i]!) >>> 27);
  }

  /** False only when the value was never inserted. */
  mayContain(low: number, high: number): boolean {
    const words = this.words;
    const at = this.#block(high);
    for (let i = 0; i < 8; i++) {
      if ((words[at + i]! & (1 << (Math.imul(low, SALT[i]!) >>> 27))) === 0) return false;
    }
    return true;
  }

  #block(high: number): number {
    return Math.floor(((high >>> 0) * (this.words.length >> 3)) / 0x100000000) << 3;
  }
}

/** A filter over hashes given as pairs (low, high), sized for the distinct ones among them, but at most for `maxItems`. */
export function bloomOfHashes(
  hashes: Uint32Array,
  fpp: number,
  maxItems: number | null,
): BloomFilter {
  const distinct = countDistinct(hashes);
  const filter = BloomFilter.sized(
    maxItems === null ? distinct : Math.min(distinct, maxItems),
    fpp,
  );
  for (let i = 0; i < hashes.length; i += 2) filter.insert(hashes[i]!, hashes[i + 1]!);
  return filter;
}

/** Distinct hashes by linear counting in a bitmap of at least 8 bits a hash: within 1 %. */
function countDistinct(hashes: Uint32Array): number {
  const rows = hashes.length >> 1;
  if (rows < 2) return rows;
  const bits = 2 ** Math.max(8, Math.ceil(Math.log2(rows * 8)));
  const map = new Uint8Array(bits >> 3);
  let set = 0;
  for (let i = 0; i < hashes.length; i += 2) {
    const bit = hashes[i]! & (bits - 1);
    const mask = 1 << (bit & 7);
    if ((map[bit >> 3]! & mask) !== 0) continue;
    map[bit >> 3]! |= mask;
    set++;
  }
  if (set === bits) return rows;
  return Math.min(rows, Math.round(-bits * Math.log((bits - set) / bits)));
}
