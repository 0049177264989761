import type {KeyLookup} from '../contract.ts';
import type {HotImage} from '../hot/hot-image.ts';
import type {KeyMap} from '../hot/key-map.ts';
import type {MapKey} from '../hot/key-codec.ts';
import type {Manifest} from '../manifest.ts';

interface KeyRead {
  readonly image: HotImage;
  readonly map: KeyMap;
  readonly owner: number;
  readonly key: MapKey;
  readonly position: number;
}

/**
 * What a SERIALIZABLE transaction read: single keys, else (table, owner) whole. It may commit writes
 * only if nothing of it changed since its snapshot,
 * so commit order is a serial order; too many transactions fail, none wrongly succeeds.
 */
export class ReadSet {
  readonly #keys: KeyRead[] = [];
  readonly #tables = new Map<HotImage, Set<number | null>>();

  /** A whole table, or all rows of an owner. */
  noteScan(image: HotImage, owner: number | null): void {
    const owners = this.#tables.get(image);
    if (owners === undefined) this.#tables.set(image, new Set([owner]));
    else owners.add(owner);
  }

  /** Keys of an index and what a snapshot found under them; not a unique hot key: the whole table. */
  noteKeys(image: HotImage, lookup: KeyLookup, owner: number | null, seq: number): void {
    const map = image.keyMap(lookup.index);
    if (map === undefined || (owner === null && image.table.kind !== 'shared')) {
      this.noteScan(image, owner);
      return;
    }
    const rowOwner = owner ?? 0;
    for (const values of lookup.keys) {
      const key = map.codec.ofKey(values);
      if (key === null) continue;
      const position = image.findKey(map, rowOwner, key, seq);
      this.#keys.push({image, map, owner: rowOwner, key, position});
    }
  }

  /** Whether everything read is still the newest state. */
  isValid(seq: number, seen: Manifest, newest: Manifest): boolean {
    for (const [image, owners] of this.#tables) {
      const {oid} = image.table;
      if (seen.table(oid) !== newest.table(oid)) return false;
      for (const owner of owners) {
        const changed =
          owner === null
            ? image.lastChangeSeq
            : (image.owners.get(owner)?.lastChangeSeq ?? image.lastChangeSeq);
        if (changed > seq) return false;
      }
    }
    for (const {image, map, owner, key, position} of this.#keys) {
      if (seen.table(image.table.oid) !== newest.table(image.table.oid)) return false;
      if (image.findNewestKey(map, owner, key) !== position) return false;
    }
    return true;
  }
}
