import {BloomFilter} from './bloom-filter.ts';
import type {Slot} from './page-cache.ts';
import {CacheEntry} from './page-cache.ts';
import {ThriftReader} from './thrift-reader.ts';

/** A bloom filter in the cache. */
export class CachedBloom extends CacheEntry {
  readonly bytes: number;
  readonly filter: BloomFilter;
  slot: Slot | null = null;

  /** From the filter's header and words as they lie in the file; they are copied. */
  constructor(bytes: Buffer) {
    super();
    const header = new ThriftReader(bytes);
    header.skipStruct();
    const words = new Uint32Array((bytes.length - header.at) >> 2);
    Buffer.from(words.buffer).set(bytes.subarray(header.at));
    this.filter = new BloomFilter(words);
    this.bytes = words.byteLength + 256;
  }

  evict(): void {
    this.slot?.clear();
  }
}
