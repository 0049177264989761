// Hot path: keys of new rows in their own transaction.
import type {MapKey} from '../hot/key-codec.ts';
import {KeyMap} from '../hot/key-map.ts';

/** Keys that ascend, of rows whose identities follow each other. */
interface KeyRun {
  readonly keys: Float64Array;
  readonly firstRid: number;
}

/** The keys of a transaction's own rows: identities by key. Ascending keys of many rows are kept as they are, without an entry each. */
export class OwnKeys extends KeyMap {
  /** By owner, ascending. An entry of the map is newer than what they say. */
  readonly #runs = new Map<number, KeyRun[]>();
  /** By owner the largest key that ever came; of the owner who wrote last, in the two beside it. */
  readonly #tops = new Map<number, number>();
  #owner = -1;
  #top = -Infinity;

  override get(owner: number, key: MapKey): number | undefined {
    const found = super.get(owner, key);
    if (found !== undefined || this.#runs.size === 0 || typeof key !== 'number') return found;
    const runs = this.#runs.get(owner);
    return runs === undefined ? undefined : findInRuns(runs, key);
  }

  override set(owner: number, key: MapKey, position: number, prev: number): void {
    super.set(owner, key, position, prev);
    this.#raise(owner, typeof key === 'number' ? key : Infinity);
  }

  /** Whether keys from `low` on can be a run: none of the owner's was ever as large. */
  canRun(owner: number, low: number): boolean {
    return !(this.#topOf(owner) >= low);
  }

  addRun(owner: number, keys: Float64Array, firstRid: number): void {
    this.#raise(owner, keys[keys.length - 1]!);
    const runs = this.#runs.get(owner);
    if (runs === undefined) this.#runs.set(owner, [{keys, firstRid}]);
    else runs.push({keys, firstRid});
  }

  #topOf(owner: number): number {
    if (owner !== this.#owner) {
      this.#tops.set(this.#owner, this.#top);
      this.#owner = owner;
      this.#top = this.#tops.get(owner) ?? -Infinity;
    }
    return this.#top;
  }

  #raise(owner: number, key: number): void {
    if (key > this.#topOf(owner)) this.#top = key;
  }

  /** Forgets runs whose rows are all gone. */
  prune(isAnyThere: (first: number, last: number) => boolean): void {
    for (const [owner, runs] of this.#runs) {
      const kept = runs.filter(({keys, firstRid}) =>
        isAnyThere(firstRid, firstRid + keys.length - 1),
      );
      if (kept.length === 0) this.#runs.delete(owner);
      else if (kept.length < runs.length) this.#runs.set(owner, kept);
    }
  }
}

function findInRuns(runs: readonly KeyRun[], key: number): number | undefined {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.keys[0]! <= key) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return undefined;
  const {keys, firstRid} = runs[low - 1]!;
  let from = 0;
  let to = keys.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (keys[middle]! < key) from = middle + 1;
    else to = middle;
  }
  return keys[from] === key ? firstRid + from : undefined;
}
