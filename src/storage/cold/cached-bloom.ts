import {deserializeTCompactProtocol} from 'hyparquet/src/thrift.js';
import {BloomFilter} from './bloom-filter.ts';
import type {Slot} from './page-cache.ts';
import {CacheEntry} from './page-cache.ts';

/** A bloom filter in the cache. */
export class CachedBloom extends CacheEntry {
  readonly bytes: number;
  readonly filter: BloomFilter;
  slot: Slot | null = null;

  /** From the filter's header and words as they lie in the file; they are copied. */
  constructor(bytes: Buffer) {
    super();
    const reader = {view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0};
    deserializeTCompactProtocol(reader);
    const words = new Uint32Array((bytes.length - reader.offset) >> 2);
    Buffer.from(words.buffer).set(bytes.subarray(reader.offset));
    this.filter = new BloomFilter(words);
    this.bytes = words.byteLength + 256;
  }

  evict(): void {
    this.slot?.clear();
  }
}
