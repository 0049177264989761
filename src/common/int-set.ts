// Hot path: large transactions ask these sets for every row.
const PAGE_VALUES = 4096;
const PAGE_BYTES = PAGE_VALUES / 8;

/** A set of integers from 0 on as pages of bits: values that lie near each other take little memory. */
export class IntSet {
  readonly #pages = new Map<number, Uint8Array>();
  #size = 0;
  /** The page that was asked for last: neighbours come together. */
  #known: Uint8Array | undefined = undefined;
  #knownAt = -1;
  #last = -1;

  get size(): number {
    return this.#size;
  }

  /** Adds a value; false when it was there. */
  add(value: number): boolean {
    const at = Math.floor(value / PAGE_VALUES);
    let page = this.#page(at);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#pages.set(at, page);
      this.#known = page;
      if (at > this.#last) this.#last = at;
    }
    const bit = value - at * PAGE_VALUES;
    const mask = 1 << (bit & 7);
    if ((page[bit >> 3]! & mask) !== 0) return false;
    page[bit >> 3]! |= mask;
    this.#size++;
    return true;
  }

  has(value: number): boolean {
    const at = Math.floor(value / PAGE_VALUES);
    const page = this.#page(at);
    if (page === undefined) return false;
    const bit = value - at * PAGE_VALUES;
    return (page[bit >> 3]! & (1 << (bit & 7))) !== 0;
  }

  /** Takes a value out; false when it was not there. */
  delete(value: number): boolean {
    if (!this.has(value)) return false;
    const at = Math.floor(value / PAGE_VALUES);
    const bit = value - at * PAGE_VALUES;
    this.#page(at)![bit >> 3]! &= ~(1 << (bit & 7));
    this.#size--;
    return true;
  }

  /** The first value that is at least `from`, or Infinity. */
  next(from: number): number {
    let at = Math.floor(from / PAGE_VALUES);
    let bit = from - at * PAGE_VALUES;
    for (; at <= this.#last; at++, bit = 0) {
      const page = this.#page(at);
      if (page === undefined) continue;
      const found = nextBit(page, bit);
      if (found !== -1) return at * PAGE_VALUES + found;
    }
    return Infinity;
  }

  /** All values; ascending within a page. */
  *values(): Generator<number> {
    for (const [at, page] of this.#pages)
      for (let bit = nextBit(page, 0); bit !== -1; bit = nextBit(page, bit + 1))
        yield at * PAGE_VALUES + bit;
  }

  /** The pages: number and bits, the lowest value of each byte in its lowest bit. */
  get pages(): ReadonlyMap<number, Uint8Array> {
    return this.#pages;
  }

  #page(at: number): Uint8Array | undefined {
    if (at !== this.#knownAt) {
      this.#knownAt = at;
      this.#known = this.#pages.get(at);
    }
    return this.#known;
  }
}

function nextBit(bits: Uint8Array, from: number): number {
  for (let at = from >> 3, skip = from & 7; at < PAGE_BYTES; at++, skip = 0) {
    const byte = bits[at]! >> skip;
    if (byte !== 0) return at * 8 + skip + 31 - Math.clz32(byte & -byte);
  }
  return -1;
}
