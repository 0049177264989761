// Hot path: every written row passes here.
import type {Datum} from '../../types/contract.ts';
import type {TableStorage} from '../contract.ts';
import type {HotImage, TableWriter} from '../hot/hot-image.ts';
import {KeyMap} from '../hot/key-map.ts';
import type {MapKey} from '../hot/key-codec.ts';
import {positionOf, segmentOf} from '../manifest.ts';
import type {LockOwner} from '../locks/lock-owner.ts';
import {checkWriteRoom} from './write-room.ts';

/** A version of a row in a write-set; null row = deleted. It is seen by commands after `cmin`. */
export interface OwnVersion {
  readonly cmin: number;
  readonly row: readonly Datum[] | null;
}

/** A row that existed before (or an own insert) and was changed. */
export interface Change {
  readonly rid: number;
  readonly owner: number;
  /** Index among the inserts, -1 for a committed row. */
  readonly insertIndex: number;
  /** Cold location, 0 when hot. May be rewritten by compaction. */
  location: number;
  /** Position in the image, -1 when cold or own insert. */
  readonly position: number;
  readonly oldRow: readonly Datum[] | null;
  versions: OwnVersion[];
}

const NO_CHANGES: ReadonlyMap<number, Change> = new Map();

/** A key of a deferrable unique index, written by a row that may have gone on to another since. */
export interface UncheckedKey {
  readonly at: number;
  readonly owner: number;
  readonly key: MapKey;
  readonly rid: number;
}

/**
 * The write-set of one transaction on one table. Inserts are parallel arrays in rid order; changes
 * of rows that existed are found by rid.
 */
export class TableWrites implements TableWriter {
  table: TableStorage;
  readonly image: HotImage;
  readonly tx: LockOwner;
  readonly insertRids: number[] = [];
  readonly insertOwners: number[] = [];
  insertRows: (readonly Datum[])[] = [];
  readonly insertCmin: number[] = [];
  #changes: Map<number, Change> | null = null;
  /** Rids in order of change, for ROLLBACK TO. */
  readonly #changeJournal: number[] = [];
  /** Changed committed hot rows by chunk, changed cold rows by segment. */
  #byChunk: Map<number, Change[]> | null = null;
  #bySegment: Map<number, Map<number, Change>> | null = null;
  /** Command ids of TRUNCATEs. */
  readonly truncations: number[] = [];
  /** Own live keys -> rid, aligned with the image's key maps. Stale entries are told by the row's current version. */
  ownKeys: KeyMap[];
  /** Journal of own keys while there are savepoints: map, owner, key, value before (undefined = none). */
  readonly #keyJournal: {
    readonly map: KeyMap;
    readonly owner: number;
    readonly key: MapKey;
    readonly before: number | undefined;
  }[] = [];

  constructor(tx: LockOwner, table: TableStorage, image: HotImage) {
    this.tx = tx;
    this.table = table;
    this.image = image;
    this.ownKeys = image.keyMaps.map(map => new KeyMap(map.codec));
  }

  get isEmpty(): boolean {
    return this.insertRids.length === 0 && this.#changes === null && this.truncations.length === 0;
  }

  get changes(): ReadonlyMap<number, Change> {
    return this.#changes ?? NO_CHANGES;
  }

  addInsert(rid: number, owner: number, row: readonly Datum[], cmin: number): void {
    checkWriteRoom(this.insertRids.length + 1);
    this.insertRids.push(rid);
    this.insertOwners.push(owner);
    this.insertRows.push(row);
    this.insertCmin.push(cmin);
  }

  /** Keys of deferrable indexes that are still to be checked. */
  unchecked: UncheckedKey[] = [];

  noteKey(at: number, owner: number, key: MapKey, rid: number, isJournaled: boolean): void {
    const map = this.ownKeys[at]!;
    if (isJournaled) this.#keyJournal.push({map, owner, key, before: map.get(owner, key)});
    map.set(owner, key, rid, -1);
  }

  /** Adds a version of a row that is committed (with where it lies) or an own insert. */
  addVersion(
    rid: number,
    owner: number,
    oldRow: readonly Datum[],
    location: number,
    row: readonly Datum[] | null,
    cmin: number,
  ): void {
    this.#changes ??= new Map();
    let change = this.#changes.get(rid);
    if (change === undefined) {
      const insertIndex = this.insertIndexOf(rid);
      const position = insertIndex === -1 && location === 0 ? (this.image.newestOf(rid) ?? -1) : -1;
      change = {
        rid,
        owner,
        insertIndex,
        location,
        position,
        oldRow: insertIndex === -1 ? oldRow : null,
        versions: [],
      };
      this.#changes.set(rid, change);
      this.#register(change);
    }
    change.versions.push({cmin, row});
    checkWriteRoom(this.#changeJournal.push(rid));
  }

  /** Index of an own insert by rid, -1 if it is none. */
  insertIndexOf(rid: number): number {
    const rids = this.insertRids;
    let low = 0;
    let high = rids.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = rids[middle]!;
      if (found === rid) return middle;
      if (found < rid) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** The newest own version of a row: null = deleted, undefined = this write-set does not touch it. */
  current(rid: number): readonly Datum[] | null | undefined {
    const change = this.#changes === null ? undefined : this.#changes.get(rid);
    if (change !== undefined) {
      const last = change.versions[change.versions.length - 1]!;
      return this.isTruncatedAfter(last.cmin) ? null : last.row;
    }
    const at = this.insertIndexOf(rid);
    if (at !== -1) return this.isTruncatedAfter(this.insertCmin[at]!) ? null : this.insertRows[at]!;
    return this.truncations.length > 0 ? null : undefined;
  }

  /** Owner of an own or changed row. */
  ownerOf(rid: number): number {
    const change = this.#changes?.get(rid);
    if (change !== undefined) return change.owner;
    return this.insertOwners[this.insertIndexOf(rid)]!;
  }

  /** Whether the final state of the write-set drops what was written at `cmin` or before. */
  isTruncatedAfter(cmin: number): boolean {
    const {truncations} = this;
    return truncations.length > 0 && truncations[truncations.length - 1]! >= cmin;
  }

  /** Whether a reading command sees the table as truncated before it. */
  isTruncatedFor(cid: number, cmin: number): boolean {
    const {truncations} = this;
    for (let i = truncations.length - 1; i >= 0; i--) {
      if (truncations[i]! < cid) return truncations[i]! >= cmin;
    }
    return false;
  }

  /** Calls back with each own row (insert or new version) that a command sees. */
  forEachVisible(
    cid: number,
    owner: number | null,
    each: (rid: number, owner: number, row: readonly Datum[]) => void,
  ): void {
    const changes = this.#changes;
    const {insertRids, insertOwners, insertRows, insertCmin} = this;
    for (let i = 0; i < insertRids.length; i++) {
      if (insertCmin[i]! >= cid) break;
      if (owner !== null && insertOwners[i] !== owner) continue;
      const change = changes === null ? undefined : changes.get(insertRids[i]!);
      const version = change === undefined ? null : visibleVersion(change, cid);
      const cmin = version === null ? insertCmin[i]! : version.cmin;
      const row = version === null ? insertRows[i]! : version.row;
      if (row !== null && !this.isTruncatedFor(cid, cmin))
        each(insertRids[i]!, insertOwners[i]!, row);
    }
    if (changes === null) return;
    for (const change of changes.values()) {
      if (change.insertIndex !== -1 || (owner !== null && change.owner !== owner)) continue;
      const version = visibleVersion(change, cid);
      if (version !== null && version.row !== null && !this.isTruncatedFor(cid, version.cmin))
        each(change.rid, change.owner, version.row);
    }
  }

  /** Changes of committed rows in a chunk of the image. */
  changesInChunk(chunk: number): readonly Change[] | undefined {
    return this.#byChunk === null ? undefined : this.#byChunk.get(chunk);
  }

  /** Changes of committed rows in a segment by position. */
  changesInSegment(segment: number): ReadonlyMap<number, Change> | undefined {
    return this.#bySegment === null ? undefined : this.#bySegment.get(segment);
  }

  /** Marks for ROLLBACK TO. */
  mark(): WriteMark {
    return {
      inserts: this.insertRids.length,
      changes: this.#changeJournal.length,
      truncations: this.truncations.length,
      keys: this.#keyJournal.length,
    };
  }

  /** Drops everything since a mark. */
  rollbackTo(mark: WriteMark): void {
    for (let i = this.#keyJournal.length - 1; i >= mark.keys; i--) {
      const {map, owner, key, before} = this.#keyJournal[i]!;
      if (before === undefined) map.free(owner, key, map.get(owner, key)!);
      else map.set(owner, key, before, map.get(owner, key)!);
    }
    this.#keyJournal.length = mark.keys;
    for (let i = this.#changeJournal.length - 1; i >= mark.changes; i--) {
      const rid = this.#changeJournal[i]!;
      const change = this.#changes!.get(rid)!;
      change.versions.pop();
      if (change.versions.length > 0) continue;
      this.#changes!.delete(rid);
      this.#unregister(change);
    }
    this.#changeJournal.length = mark.changes;
    this.insertRids.length = mark.inserts;
    this.insertOwners.length = mark.inserts;
    this.insertRows.length = mark.inserts;
    this.insertCmin.length = mark.inserts;
    this.truncations.length = mark.truncations;
  }

  /** Own rows in the shape of the table after an ALTER in this transaction. */
  reshape(after: TableStorage): void {
    const before = this.table;
    const from = after.columns.map(column =>
      before.columns.findIndex(c => c.attnum === column.attnum),
    );
    const convert = (row: readonly Datum[]): readonly Datum[] =>
      from.map((at, i) => (at === -1 ? after.columns[i]!.missingValue : row[at]!));
    this.insertRows = this.insertRows.map(convert);
    for (const change of this.changes.values()) {
      change.versions = change.versions.map(v =>
        v.row === null ? v : {cmin: v.cmin, row: convert(v.row)},
      );
    }
    this.table = after;
  }

  /**
   * Takes the image's set of unique indexes after it changed under this write-set (a table made in the
   * same transaction).
   */
  rebuildKeys(): void {
    this.ownKeys = this.image.keyMaps.map(map => new KeyMap(map.codec));
    this.forEachVisible(Infinity, null, (rid, owner, row) => {
      for (const map of this.ownKeys) {
        const key = map.codec.ofRow(row);
        if (key !== null) map.set(owner, key, rid, -1);
      }
    });
  }

  #register(change: Change): void {
    if (change.position !== -1) {
      this.#byChunk ??= new Map();
      const chunk = change.position >> 10;
      const list = this.#byChunk.get(chunk);
      if (list === undefined) this.#byChunk.set(chunk, [change]);
      else list.push(change);
    } else if (change.location > 0) {
      this.#bySegment ??= new Map();
      const segment = segmentOf(change.location);
      let map = this.#bySegment.get(segment);
      if (map === undefined) {
        map = new Map();
        this.#bySegment.set(segment, map);
      }
      map.set(positionOf(change.location), change);
    }
  }

  #unregister(change: Change): void {
    if (change.position !== -1) {
      const list = this.#byChunk!.get(change.position >> 10)!;
      list.splice(list.indexOf(change), 1);
    } else if (change.location > 0) {
      this.#bySegment!.get(segmentOf(change.location))?.delete(positionOf(change.location));
    }
  }

  changedRids(): Iterable<number> {
    return this.changes.keys();
  }

  relocateAll(places: ReadonlyMap<number, number>): void {
    for (const change of this.changes.values()) {
      const place = places.get(change.location);
      if (place === undefined) continue;
      this.#unregister(change);
      change.location = place;
      this.#register(change);
    }
  }
}

/** State of a table's write-set at a savepoint. */
export interface WriteMark {
  readonly inserts: number;
  readonly changes: number;
  readonly truncations: number;
  readonly keys: number;
}

/** The own version that a command sees, or null when it sees none yet. */
export function visibleVersion(change: Change, cid: number): OwnVersion | null {
  const {versions} = change;
  for (let i = versions.length - 1; i >= 0; i--) {
    if (versions[i]!.cmin < cid) return versions[i]!;
  }
  return null;
}

/** Whether a command no longer sees the committed version of a changed row. */
export function hidesBase(change: Change, cid: number): boolean {
  return change.versions[0]!.cmin < cid;
}
