// Hot path: key -> newest version, per unique index.
import type {KeyCodec, MapKey} from './key-codec.ts';

/**
 * Positions of the newest version with a key, by owner (0 in shared tables). Entries of dead
 * versions stay until their slot is freed.
 */
export class KeyMap {
  /** Replaced when the table's shape changes and its keys do not. */
  codec: KeyCodec;
  readonly #owners = new Map<number, Map<MapKey, number>>();
  #lastOwner = -1;
  #last: Map<MapKey, number> | null = null;
  /** An older version with the same key of another row: position -> position. */
  readonly #older = new Map<number, number>();

  constructor(codec: KeyCodec) {
    this.codec = codec;
  }

  get(owner: number, key: MapKey): number | undefined {
    const map = this.#mapOf(owner);
    return map === null ? undefined : map.get(key);
  }

  /** Owners whose rows may have a key. */
  ownersOf(key: MapKey): readonly number[] {
    const found: number[] = [];
    for (const [owner, map] of this.#owners) if (map.has(key)) found.push(owner);
    return found;
  }

  /** Whether any key of an owner is in it. */
  has(owner: number): boolean {
    const map = this.#mapOf(owner);
    return map !== null && map.size > 0;
  }

  /** Enters a version; `prev` is the version of the same row that it replaces, -1 if none. */
  set(owner: number, key: MapKey, position: number, prev: number): void {
    let map = this.#mapOf(owner);
    if (map === null) {
      map = new Map();
      this.#owners.set(owner, map);
      this.#last = map;
      this.#lastOwner = owner;
    }
    const before = map.get(key);
    if (before !== undefined && before !== prev) this.#older.set(position, before);
    map.set(key, position);
  }

  /** The version with the same key before a position, when it is of another row. */
  older(position: number): number | undefined {
    return this.#older.size === 0 ? undefined : this.#older.get(position);
  }

  /** Forgets a position whose slot is freed. */
  free(owner: number, key: MapKey | null, position: number): void {
    if (this.#older.size > 0) this.#older.delete(position);
    if (key === null) return;
    const map = this.#mapOf(owner);
    if (map !== null && map.get(key) === position) map.delete(key);
  }

  dropOwner(owner: number): void {
    this.#owners.delete(owner);
    this.#last = null;
    this.#lastOwner = -1;
  }

  #mapOf(owner: number): Map<MapKey, number> | null {
    if (owner === this.#lastOwner) return this.#last;
    const map = this.#owners.get(owner);
    if (map === undefined) return null;
    this.#lastOwner = owner;
    this.#last = map;
    return map;
  }
}
