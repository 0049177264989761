/** The place that refers to a cache entry. */
export interface Slot {
  clear(): void;
}

/** Something that lies in the cache: knows its size and how to forget itself. */
export abstract class CacheEntry {
  /** Neighbours in order of last use; only PageCache touches them. */
  newer: CacheEntry | null = null;
  older: CacheEntry | null = null;
  isCached = false;
  /** Estimated bytes held. */
  abstract readonly bytes: number;
  /** Empties the slot that refers to this entry. */
  abstract evict(): void;
}

/** Keeps the most recently used decoded pages, dictionaries, filters and footers of all segments within a number of bytes. */
export class PageCache {
  readonly #capacity: number;
  #bytes = 0;
  #newest: CacheEntry | null = null;
  #oldest: CacheEntry | null = null;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an entry as the newest; older ones go when there is no room. An entry is never evicted by its own arrival. */
  add(entry: CacheEntry): void {
    this.#link(entry);
    this.#bytes += entry.bytes;
    while (this.#bytes > this.#capacity && this.#oldest !== null && this.#oldest !== entry) {
      const victim = this.#oldest;
      this.remove(victim);
      victim.evict();
    }
  }

  /** Marks as just used. */
  touch(entry: CacheEntry): void {
    if (entry === this.#newest || !entry.isCached) return;
    this.#unlink(entry);
    this.#link(entry);
  }

  /** Takes out without calling `evict`. */
  remove(entry: CacheEntry): void {
    if (!entry.isCached) return;
    this.#unlink(entry);
    this.#bytes -= entry.bytes;
  }

  #link(entry: CacheEntry): void {
    entry.older = this.#newest;
    entry.newer = null;
    entry.isCached = true;
    if (this.#newest !== null) this.#newest.newer = entry;
    else this.#oldest = entry;
    this.#newest = entry;
  }

  #unlink(entry: CacheEntry): void {
    if (entry.newer !== null) entry.newer.older = entry.older;
    else this.#newest = entry.older;
    if (entry.older !== null) entry.older.newer = entry.newer;
    else this.#oldest = entry.newer;
    entry.newer = null;
    entry.older = null;
    entry.isCached = false;
  }
}
