import {setImmediate as nextTurn} from 'node:timers/promises';
import type {StorageIndex, TableStorage} from './contract.ts';
import type {KeyCodec, MapKey} from './hot/key-codec.ts';
import type {Manifest, SegmentEntry} from './manifest.ts';
import {hashKey} from './segment-keys.ts';
import {runInTurns, type Pace, type Slices} from './slices.ts';

/** Ordinals of segments are the low bits of an entry, hashes of 32 bits the high ones: both are exact in a double. */
const ORDINALS = 2 ** 21;
/** Entries of one portion of rows that is sorted at once. */
const PORTION = 32_768;
/** Steps of a merge between two looks at the clock. */
const MERGE_STEP = 4096;
const SLICE_MS = 4;

/** Reads the keys of a segment's rows and calls back with each; a row that is not in the index has none. */
export type ReadKeys = (
  table: TableStorage,
  codec: KeyCodec,
  entry: SegmentEntry,
  each: (key: MapKey) => void,
) => Promise<void>;

/** Which segments of a table can hold a key: 8 bytes a row, asked by a binary search however many segments there are. */
class KeyDirectory {
  readonly table: number;
  /** Sorted entries; each run is more than twice as long as the next one. */
  #runs: Float64Array[] = [];
  readonly #segments: number[] = [];
  readonly #covered = new Set<number>();
  readonly #types: readonly number[];
  #checked: readonly SegmentEntry[] | null = null;
  #uncovered: readonly SegmentEntry[] = [];
  #byId: ReadonlyMap<number, SegmentEntry> = new Map();
  building: Promise<void> | null = null;

  constructor(table: number, index: StorageIndex) {
    this.table = table;
    this.#types = index.keyTypes.map(type => type.oid);
  }

  get bytes(): number {
    return this.#runs.reduce((sum, run) => sum + run.byteLength, 0);
  }

  /** Whether it was made of keys as the index has them now. */
  fits(index: StorageIndex): boolean {
    const {keyTypes} = index;
    return (
      keyTypes.length === this.#types.length && keyTypes.every((t, i) => t.oid === this.#types[i])
    );
  }

  /** Whether most of its segments are gone from the manifest. */
  isStale(manifest: Manifest): boolean {
    return this.#segments.length > 2 * (manifest.table(this.table)?.byId.size ?? 0) + 64;
  }

  /** Segments of the list that are to be entered: not those that only an old snapshot or an open transaction has. */
  missing(entries: readonly SegmentEntry[], manifest: Manifest): readonly SegmentEntry[] {
    if (entries === this.#checked) return NONE;
    const current = manifest.table(this.table)?.byId;
    const covered = this.#covered;
    const missing = entries.filter(({id}) => !covered.has(id) && current?.has(id) === true);
    if (missing.length > 0) return missing;
    this.#uncovered = entries.filter(({id}) => !covered.has(id));
    this.#byId = new Map(entries.map(entry => [entry.id, entry]));
    this.#checked = entries;
    return NONE;
  }

  /** Segments of the list that was given to `missing` last that can hold one of the keys. */
  find(keys: readonly MapKey[]): readonly SegmentEntry[] {
    const found = new Set<SegmentEntry>(this.#uncovered);
    for (const key of keys) {
      const low = directoryHash(key) * ORDINALS;
      for (const run of this.#runs) {
        for (let at = lowerBound(run, low); at < run.length && run[at]! < low + ORDINALS; at++) {
          const entry = this.#byId.get(this.#segments[run[at]! % ORDINALS]!);
          if (entry !== undefined) found.add(entry);
        }
      }
    }
    return [...found];
  }

  /** Enters segments. */
  async add(
    table: TableStorage,
    codec: KeyCodec,
    entries: readonly SegmentEntry[],
    read: ReadKeys,
  ): Promise<void> {
    let portion = new Float64Array(PORTION);
    let count = 0;
    const added: Float64Array[] = [];
    const end = (): void => {
      if (count > 0) added.push(portion.slice(0, count).sort());
      count = 0;
    };
    let began = performance.now();
    for (const entry of entries) {
      // Many small segments are as long as a large one.
      if (performance.now() - began > SLICE_MS) {
        await nextTurn();
        began = performance.now();
      }
      const ordinal = this.#segments.push(entry.id) - 1;
      await read(table, codec, entry, key => {
        portion[count++] = directoryHash(key) * ORDINALS + ordinal;
        if (count === PORTION) end();
      });
    }
    end();
    portion = EMPTY;
    for (const run of added) {
      this.#runs.push(run);
      await this.#mergeRuns();
    }
    for (const {id} of entries) this.#covered.add(id);
  }

  async #mergeRuns(): Promise<void> {
    for (;;) {
      const [a, b] = this.#runs.slice(-2);
      if (a === undefined || b === undefined || a.length > 2 * b.length) return;
      const merged = await runInTurns(pace => merge(a, b, pace));
      this.#runs = [...this.#runs.slice(0, -2), merged];
    }
  }
}

/** Directories of keys of indexes that are asked again and again over many segments; those asked least recently go beyond a bound. */
export class KeyDirectories {
  readonly #manifest: () => Manifest;
  readonly #read: ReadKeys;
  readonly #maxBytes: number;
  /** By index, least recently asked first. */
  readonly #directories = new Map<number, KeyDirectory>();
  readonly #asked = new Set<number>();

  constructor(manifest: () => Manifest, read: ReadKeys, maxBytes: number) {
    this.#manifest = manifest;
    this.#read = read;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    let bytes = 0;
    for (const directory of this.#directories.values()) bytes += directory.bytes;
    return bytes;
  }

  /** The segments of a list that can hold one of the keys; a promise = wait, then ask again. */
  narrow(
    table: TableStorage,
    codec: KeyCodec,
    keys: readonly MapKey[],
    entries: readonly SegmentEntry[],
  ): readonly SegmentEntry[] | Promise<void> {
    const directory = this.#directoryOf(table, codec.index, entries);
    if (directory === null) return entries;
    if (directory.building !== null) return directory.building;
    const missing = directory.missing(entries, this.#manifest());
    if (missing.length === 0) return directory.find(keys);
    directory.building = directory
      .add(table, codec, missing, this.#read)
      .then(() => this.#shrink(codec.index.oid))
      // What cannot be read is told by whoever looks for a row in it.
      .catch(() => void this.#directories.delete(codec.index.oid))
      .finally(() => {
        directory.building = null;
      });
    return directory.building;
  }

  #directoryOf(
    table: TableStorage,
    index: StorageIndex,
    entries: readonly SegmentEntry[],
  ): KeyDirectory | null {
    const {oid} = index;
    const known = this.#directories.get(oid);
    if (known !== undefined && known.fits(index) && !known.isStale(this.#manifest())) {
      this.#directories.delete(oid);
      this.#directories.set(oid, known);
      return known;
    }
    if (known?.building !== null && known !== undefined) return null;
    this.#directories.delete(oid);
    // Who looks once does not wait for all keys to be read.
    if (!this.#asked.delete(oid)) {
      this.#asked.add(oid);
      return null;
    }
    const rows = entries.reduce((sum, {meta}) => sum + meta.rows, 0);
    if (rows * 8 > this.#maxBytes || entries.length * 4 > ORDINALS) return null;
    const made = new KeyDirectory(table.oid, index);
    this.#directories.set(oid, made);
    return made;
  }

  #shrink(newest: number): void {
    const {tables} = this.#manifest();
    for (const [oid, {table}] of this.#directories)
      if (!tables.has(table)) this.#directories.delete(oid);
    for (const oid of this.#directories.keys()) {
      if (this.bytes <= this.#maxBytes) return;
      if (oid !== newest) this.#directories.delete(oid);
    }
    if (this.bytes > this.#maxBytes) this.#directories.delete(newest);
  }
}

const NONE: readonly SegmentEntry[] = [];
const EMPTY = new Float64Array(0);

function* merge(a: Float64Array, b: Float64Array, pace: Pace): Slices<Float64Array> {
  const merged = new Float64Array(a.length + b.length);
  for (let i = 0, j = 0, at = 0; at < merged.length; ) {
    const stop = Math.min(merged.length, at + MERGE_STEP);
    for (; at < stop; at++)
      merged[at] = j === b.length || (i < a.length && a[i]! <= b[j]!) ? a[i++]! : b[j++]!;
    if (pace.isOver) yield;
  }
  return merged;
}

function lowerBound(run: Float64Array, wanted: number): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (run[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 32 bits of a key. */
function directoryHash(key: MapKey): number {
  if (typeof key !== 'number') return hashKey(key) % 2 ** 32;
  let hash = Math.imul(
    (key | 0) ^ Math.imul(Math.floor(key / 2 ** 32) | 0, 0x9e3779b1),
    0x85ebca6b,
  );
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
