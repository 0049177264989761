/** An immutable map with structure sharing (a hash trie of 32-way nodes): `set` and `delete` copy one path and give a new map. */
export class PersistentMap<K extends string | number, V> {
  readonly size: number;
  readonly #root: Branch<K, V>;

  private constructor(root: Branch<K, V>, size: number) {
    this.#root = root;
    this.size = size;
  }

  /** A map without entries. */
  static empty<K extends string | number, V>(): PersistentMap<K, V> {
    return new PersistentMap<K, V>({bitmap: 0, slots: []}, 0);
  }

  get(key: K): V | undefined {
    const hash = hashOf(key);
    let branch = this.#root;
    for (let shift = 0; ; shift += BITS) {
      const bit = bitOf(hash, shift);
      if ((branch.bitmap & bit) === 0) return undefined;
      const slot = branch.slots[indexOf(branch.bitmap, bit)];
      if (slot === undefined) return undefined;
      if (isBranch(slot)) branch = slot;
      else return findLeaf(slot, key)?.value;
    }
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** The map with this entry added or replaced. */
  set(key: K, value: V): PersistentMap<K, V> {
    const added = this.get(key) === undefined ? 1 : 0;
    return new PersistentMap(insert(this.#root, 0, hashOf(key), key, value), this.size + added);
  }

  /** The map without this key; itself when the key is not there. */
  delete(key: K): PersistentMap<K, V> {
    if (this.get(key) === undefined) return this;
    return new PersistentMap(remove(this.#root, 0, hashOf(key), key), this.size - 1);
  }

  /** All values in no particular order. */
  values(): V[] {
    const out: V[] = [];
    collect(this.#root, out);
    return out;
  }
}

const BITS = 5;

interface Branch<K, V> {
  readonly bitmap: number;
  readonly slots: readonly Slot<K, V>[];
}

/** An entry; `next` chains keys of one 32-bit hash. */
interface Leaf<K, V> {
  readonly hash: number;
  readonly key: K;
  readonly value: V;
  readonly next: Leaf<K, V> | null;
}

type Slot<K, V> = Branch<K, V> | Leaf<K, V>;

function isBranch<K, V>(slot: Slot<K, V>): slot is Branch<K, V> {
  return 'slots' in slot;
}

function bitOf(hash: number, shift: number): number {
  return 1 << ((hash >>> shift) & 31);
}

/** Place of a bit among the set bits below it. */
function indexOf(bitmap: number, bit: number): number {
  let n = bitmap & (bit - 1);
  n -= (n >>> 1) & 0x55555555;
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

function hashOf(key: string | number): number {
  if (typeof key === 'number') return mix(key | 0);
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return mix(hash);
}

function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function findLeaf<K, V>(leaf: Leaf<K, V>, key: K): Leaf<K, V> | null {
  let found: Leaf<K, V> | null = leaf;
  while (found !== null && found.key !== key) found = found.next;
  return found;
}

function insert<K, V>(
  branch: Branch<K, V>,
  shift: number,
  hash: number,
  key: K,
  value: V,
): Branch<K, V> {
  const bit = bitOf(hash, shift);
  const index = indexOf(branch.bitmap, bit);
  const slots = branch.slots.slice();
  if ((branch.bitmap & bit) === 0) {
    slots.splice(index, 0, {hash, key, value, next: null});
    return {bitmap: branch.bitmap | bit, slots};
  }
  const slot = branch.slots[index] as Slot<K, V>;
  if (isBranch(slot)) slots[index] = insert(slot, shift + BITS, hash, key, value);
  else if (slot.hash === hash) slots[index] = {hash, key, value, next: without(slot, key)};
  else {
    const below = {bitmap: bitOf(slot.hash, shift + BITS), slots: [slot]};
    slots[index] = insert(below, shift + BITS, hash, key, value);
  }
  return {bitmap: branch.bitmap, slots};
}

/** A chain without one key. */
function without<K, V>(leaf: Leaf<K, V> | null, key: K): Leaf<K, V> | null {
  if (leaf === null) return null;
  return leaf.key === key ? leaf.next : {...leaf, next: without(leaf.next, key)};
}

function remove<K, V>(branch: Branch<K, V>, shift: number, hash: number, key: K): Branch<K, V> {
  const bit = bitOf(hash, shift);
  const index = indexOf(branch.bitmap, bit);
  const slot = branch.slots[index] as Slot<K, V>;
  const rest = isBranch(slot) ? shrink(remove(slot, shift + BITS, hash, key)) : without(slot, key);
  const slots = branch.slots.slice();
  if (rest !== null) {
    slots[index] = rest;
    return {bitmap: branch.bitmap, slots};
  }
  slots.splice(index, 1);
  return {bitmap: branch.bitmap & ~bit, slots};
}

/** A branch that holds nothing vanishes; one that holds a single leaf becomes it. */
function shrink<K, V>(branch: Branch<K, V>): Slot<K, V> | null {
  const only = branch.slots[0];
  if (only === undefined) return null;
  return branch.slots.length === 1 && !isBranch(only) ? only : branch;
}

function collect<K, V>(branch: Branch<K, V>, out: V[]): void {
  for (const slot of branch.slots) {
    if (isBranch(slot)) collect(slot, out);
    else
      for (let leaf: Leaf<K, V> | null = slot; leaf !== null; leaf = leaf.next)
        out.push(leaf.value);
  }
}
