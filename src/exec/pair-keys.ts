// Hot path: keys of several columns.

/** A key that is not in the table. */
export const ABSENT = -1;

const NO_INTS = new Int32Array(0);
/** Buckets per key up to which they are kept and emptied: a table used once for many keys must not cost as much ever after. */
export const KEPT_SPREAD = 8;
const FIRST_SHIFT = 4;
const FIRST_TABLE = 256;
/** Entries up to which pairs are places in a table. */
const LARGEST_TABLE = 1 << 16;

/** Numbers distinct pairs of small integers: places in a table while both are few, else by hashing. */
export class PairKeys {
  /** Pair's number by left << #shift | right; null once the table would be too large. */
  #direct: Int32Array | null = new Int32Array(FIRST_TABLE).fill(ABSENT);
  #shift = FIRST_SHIFT;
  #buckets = new Int32Array(64).fill(ABSENT);
  #left = new Int32Array(32);
  #right = new Int32Array(32);
  size = 0;

  reset(): void {
    this.#shrink();
    this.#direct = null;
    this.clear();
  }

  #shrink(): void {
    if (this.#buckets.length <= 64) return;
    this.#buckets = new Int32Array(64);
    this.#left = new Int32Array(32);
    this.#right = new Int32Array(32);
  }

  /** As reset, but keeps the room for as many pairs again where a good part of it was used. */
  clear(): void {
    if (this.size * KEPT_SPREAD < this.#buckets.length) this.#shrink();
    if (this.#direct === null || this.size * KEPT_SPREAD < this.#direct.length) {
      this.#direct = new Int32Array(FIRST_TABLE);
      this.#shift = FIRST_SHIFT;
    }
    this.size = 0;
    this.#buckets.fill(ABSENT);
    this.#direct.fill(ABSENT);
  }

  /** Replaces each left number by that of its pair. */
  assign(left: Int32Array, right: Int32Array, count: number, inserts: boolean): void {
    for (let i = 0; i < count; i++) {
      const direct = this.#direct ?? NO_INTS;
      const shift = this.#shift;
      const rows = direct.length >>> shift;
      // Until a new pair comes.
      for (; i < count; i++) {
        const l = left[i]!;
        const r = right[i]!;
        // ABSENT is a large number, too.
        if (r >>> shift !== 0 || l >>> 0 >= rows) break;
        const group = direct[(l << shift) | r]!;
        if (group === ABSENT) break;
        left[i] = group;
      }
      if (i < count) left[i] = this.number(left[i]!, right[i]!, inserts);
    }
  }

  number(left: number, right: number, inserts: boolean): number {
    if (left === ABSENT || right === ABSENT) return ABSENT;
    if (this.#direct !== null) return this.#place(left, right, inserts);
    const mask = this.#buckets.length - 1;
    let slot = mix(left ^ Math.imul(right, 0x85ebca6b)) & mask;
    for (;;) {
      const group = this.#buckets[slot]!;
      if (group === ABSENT) return inserts ? this.#insert(slot, left, right) : ABSENT;
      if (this.#left[group] === left && this.#right[group] === right) return group;
      slot = (slot + 1) & mask;
    }
  }

  #place(left: number, right: number, inserts: boolean): number {
    const at = (left << this.#shift) | right;
    const direct = this.#direct!;
    const isInside = right >>> this.#shift === 0 && left < direct.length >>> this.#shift;
    const group = isInside ? direct[at]! : ABSENT;
    if (group !== ABSENT || !inserts) return group;
    if (isInside) direct[at] = this.size;
    const added = this.#remember(left, right);
    if (!isInside) this.#widen(left, right);
    return added;
  }

  /** A larger table that has room for a pair, or hashing from now on. */
  #widen(left: number, right: number): void {
    let shift = this.#shift;
    while (right >>> shift !== 0) shift++;
    let rows = Math.max(left + 1, this.#direct!.length >>> this.#shift);
    rows = 1 << (32 - Math.clz32(rows - 1));
    if (rows * 2 ** shift > LARGEST_TABLE) {
      this.#direct = null;
      this.#rehash();
      return;
    }
    const direct = new Int32Array(rows << shift).fill(ABSENT);
    for (let group = 0; group < this.size; group++)
      direct[(this.#left[group]! << shift) | this.#right[group]!] = group;
    this.#direct = direct;
    this.#shift = shift;
  }

  #remember(left: number, right: number): number {
    const group = this.size++;
    if (group >= this.#left.length) {
      this.#left = doubled(this.#left);
      this.#right = doubled(this.#right);
    }
    this.#left[group] = left;
    this.#right[group] = right;
    return group;
  }

  #insert(slot: number, left: number, right: number): number {
    const group = this.#remember(left, right);
    this.#buckets[slot] = group;
    if (this.size * 2 > this.#buckets.length) this.#rehash();
    return group;
  }

  #rehash(): void {
    let {length} = this.#buckets;
    while (this.size * 2 > length) length *= 2;
    const buckets = new Int32Array(length).fill(ABSENT);
    const mask = buckets.length - 1;
    for (let group = 0; group < this.size; group++) {
      let slot = mix(this.#left[group]! ^ Math.imul(this.#right[group]!, 0x85ebca6b)) & mask;
      while (buckets[slot] !== ABSENT) slot = (slot + 1) & mask;
      buckets[slot] = group;
    }
    this.#buckets = buckets;
  }
}

/** Twice the room for the same numbers. */
export function doubled(old: Int32Array): Int32Array<ArrayBuffer> {
  const next = new Int32Array(old.length * 2);
  next.set(old);
  return next;
}

/** A 32-bit finaliser: consecutive integers spread over the table. */
export function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return hash ^ (hash >>> 16);
}
