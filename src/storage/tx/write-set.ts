// Hot path: every written row passes here.
import {assert} from '../../common/errors.ts';
import type {Datum} from '../../types/contract.ts';
import type {TableStorage} from '../contract.ts';
import type {HotImage, TableWriter} from '../hot/hot-image.ts';
import {KeyCodec, type MapKey} from '../hot/key-codec.ts';
import type {KeyMap} from '../hot/key-map.ts';
import {type MovedPlaces, segmentOf} from '../manifest.ts';
import type {LockOwner} from '../locks/lock-owner.ts';
import {ChangedRows} from './changed-rows.ts';
import {committedKeys, hasImageKeys} from './committed-keys.ts';
import type {HiddenRows} from './hidden-rows.ts';
import {OwnKeys} from './own-keys.ts';
import {type Change, visibleVersion} from './own-version.ts';
import type {PendingRun} from './pending-run.ts';
import {bytesOfRow, type NewRow, rowOf} from './row-block.ts';
import type {WriteMark} from './write-mark.ts';
import {RowShapes} from './row-shapes.ts';
import {computeKeys} from './computed-keys.ts';
import {checkWriteRoom, type RowRoom} from './write-room.ts';

/** What a table has that wrote nothing out. */
const NO_RUNS: readonly PendingRun[] = [];
/** Inserts that are measured together. */
const MEASURED = 16;

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
  /** Each a row, or the block of it: `insertRow` gives the values. */
  insertData: NewRow[] = [];
  readonly insertCmin: number[] = [];
  readonly changed = new ChangedRows();
  /** Inserts that were written to segments already, oldest first; where one was updated or deleted since is a change. */
  pending: PendingRun[] = [];
  /** Roughly the bytes of inserts in memory. */
  #insertBytes = 0;
  /** How many of them were counted. */
  #measured = 0;
  readonly #room: RowRoom;
  /** Command ids of TRUNCATEs. */
  readonly truncations: number[] = [];
  /** Own live keys -> rid, as the image or (not `hasImageKeys`) the table has them. Stale entries are told by the row's version. */
  ownKeys: OwnKeys[];
  /** False once this transaction's ALTERs gave the table other unique indexes, or its rows another shape, than the image has. */
  hasImageKeys: boolean;
  /** Committed keys where the image has none that fit, made when first asked for. */
  #committed: KeyMap[] = [];
  #areKeysStale = false;
  #shapes: RowShapes | null = null;
  /** Journal of own keys while there are savepoints: map, owner, key, value before (undefined = none). */
  readonly #keyJournal: {
    readonly at: number;
    readonly owner: number;
    readonly key: MapKey;
    readonly before: number;
  }[] = [];

  constructor(tx: LockOwner, table: TableStorage, image: HotImage, room: RowRoom) {
    this.tx = tx;
    this.#room = room;
    this.table = table;
    this.image = image;
    this.hasImageKeys = hasImageKeys(image, table);
    this.ownKeys = this.#newKeys();
  }

  #newKeys(): OwnKeys[] {
    const {image, table} = this;
    if (this.hasImageKeys) return image.keyMaps.map(map => new OwnKeys(map.codec));
    const unique = table.indexes.filter(index => index.isUnique);
    return unique.map(index => new OwnKeys(new KeyCodec(index)));
  }

  /** Committed hot keys beside `ownKeys[at]`. */
  committedKeys(at: number): KeyMap | undefined {
    if (this.hasImageKeys) return this.image.keyMaps[at];
    return (this.#committed[at] ??= committedKeys(this.image, this.table, this.ownKeys[at]!.codec));
  }

  get isEmpty(): boolean {
    return (
      this.insertRids.length === 0 &&
      this.changed.isEmpty &&
      this.truncations.length === 0 &&
      this.pending.length === 0
    );
  }

  get changes(): ReadonlyMap<number, Change> {
    return this.changed.all;
  }

  /** Roughly the bytes of all that is in memory. */
  get heldBytes(): number {
    return this.#insertBytes + this.changed.bytes;
  }

  /** Inserts a row; those of a block one after the other. */
  addInsert(rid: number, owner: number, row: NewRow, cmin: number): void {
    checkWriteRoom(this.insertRids.length + 1);
    computeKeys(this.table, row, rid);
    const count = this.insertRids.push(rid);
    this.insertOwners.push(owner);
    this.insertData.push(row);
    this.insertCmin.push(cmin);
    if (count - this.#measured === MEASURED) this.#measure();
  }

  #measure(): void {
    let bytes = 0;
    const {length} = this.insertData;
    for (let i = this.#measured; i < length; i++) bytes += bytesOfRow(this.insertData[i]!);
    this.#measured = length;
    this.#hold(bytes);
  }

  #hold(bytes: number): void {
    this.#insertBytes += bytes;
    this.#room.add(bytes);
  }

  /** Tells the room what changed rows take now, and took before. */
  #holdChanges(before: number): void {
    const {bytes} = this.changed;
    if (bytes !== before) this.#room.add(bytes - before);
  }

  /** Counts the bytes of inserts in memory anew. */
  measureAll(): void {
    this.#hold(-this.#insertBytes);
    this.#measured = 0;
    this.#measure();
  }

  /** Keys of deferrable indexes that are still to be checked. */
  unchecked: UncheckedKey[] = [];

  noteKey(at: number, owner: number, key: MapKey, rid: number, isJournaled: boolean): void {
    const map = this.ownKeys[at]!;
    const before = isJournaled ? map.get(owner, key) : undefined;
    // Without an entry before, what is left after a rollback names a row that is gone, or has another key.
    if (before !== undefined) this.#keyJournal.push({at, owner, key, before});
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
    if (row !== null) computeKeys(this.table, row, rid);
    const {changed} = this;
    const before = changed.bytes;
    let change = changed.get(rid);
    if (change === undefined) {
      const isInsert = this.insertIndexOf(rid) !== -1;
      const position = !isInsert && location === 0 ? (this.image.newestOf(rid) ?? -1) : -1;
      const isOwn = isInsert || this.pendingAt(location) !== undefined;
      change = {
        rid,
        owner,
        isInsert,
        location,
        position,
        oldRow: isOwn ? null : oldRow,
        versions: [],
      };
      changed.begin(change);
    }
    checkWriteRoom(changed.add(change, row, cmin));
    this.#holdChanges(before);
  }

  /** Changed rows are bits from now on; new versions, if they have any, lie in a pending segment. */
  hide(changes: readonly Change[], group: HiddenRows): void {
    const before = this.changed.bytes;
    this.changed.hide(changes, group);
    this.#holdChanges(before);
  }

  /** After `hide`: forgets what only served those rows. */
  tidy(): void {
    this.changed.tidy();
    if (this.insertRids.length === 0 && this.changes.size === 0) this.ownKeys = this.#newKeys();
  }

  /** The values of an insert in memory. */
  insertRow(index: number): readonly Datum[] {
    return rowOf(this.insertData[index]!, this.insertRids[index]!);
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
    const change = this.changed.get(rid);
    if (change !== undefined) {
      const last = change.versions[change.versions.length - 1]!;
      return this.isTruncatedAfter(last.cmin) ? null : last.row;
    }
    const at = this.insertIndexOf(rid);
    if (at !== -1) return this.isTruncatedAfter(this.insertCmin[at]!) ? null : this.insertRow(at);
    if (this.changed.isGone(rid)) return null;
    if (this.truncations.length === 0) return undefined;
    const pending = this.pendingOf(rid);
    return pending === undefined || this.isTruncatedAfter(pending.cmin) ? null : undefined;
  }

  /** Whether the committed version of a row, if it has one, is not the newest for this write-set any more. */
  touches(rid: number): boolean {
    return this.current(rid) !== undefined || this.changed.isHidden(rid);
  }

  /** Whether this write-set holds a version of a row, or deleted it. */
  knows(rid: number): boolean {
    return this.current(rid) !== undefined || this.pendingOf(rid) !== undefined;
  }

  /** Whether a row that existed was changed by a command or a later one. */
  isChangedSince(rid: number, cmin: number): boolean {
    const change = this.changed.get(rid);
    if (change !== undefined) return change.versions[change.versions.length - 1]!.cmin >= cmin;
    return this.changed.isHiddenSince(rid, cmin);
  }

  /** Owner of an own or changed row. */
  ownerOf(rid: number): number {
    const change = this.changed.get(rid);
    if (change !== undefined) return change.owner;
    return this.insertOwners[this.insertIndexOf(rid)]!;
  }

  /** The pending segment that a row was written to last. */
  pendingOf(rid: number): PendingRun | undefined {
    let found: PendingRun | undefined;
    for (let i = 0; i < this.pending.length; i++) {
      const run = this.pending[i]!;
      if (run.rids.has(rid) && (found === undefined || found.cmin < run.cmin)) found = run;
    }
    return found;
  }

  /** The pending segment of a location. */
  pendingAt(location: number): PendingRun | undefined {
    if (location === 0 || this.pending.length === 0) return undefined;
    const id = segmentOf(location);
    return this.pending.find(run => run.id === id);
  }

  /** Pending segments that may hold a live row with a key; positions in `changesInSegment` have another version. */
  pendingWithKey(index: number, owner: number, key: MapKey): readonly PendingRun[] {
    if (this.pending.length === 0) return NO_RUNS;
    const found: PendingRun[] = [];
    for (const run of this.pending) {
      if (run.owner !== owner || !run.mayHoldKey(index, key)) continue;
      if (!this.isTruncatedAfter(run.cmin)) found.push(run);
    }
    return found;
  }

  /** Pending segments that a command sees. */
  pendingFor(cid: number, owner: number | null): readonly PendingRun[] {
    if (this.pending.length === 0) return NO_RUNS;
    return this.pending
      .filter(run => run.cmin < cid && (owner === null || run.owner === owner))
      .filter(({cmin}) => !this.isTruncatedFor(cid, cmin));
  }

  /** Inserts now lie in segments: `rids` (ascending) are none of the inserts in memory any more. */
  takeOut(rids: readonly number[]): void {
    const {insertRids, insertOwners, insertData, insertCmin} = this;
    let kept = 0;
    let taken = 0;
    for (let i = 0; i < insertRids.length; i++) {
      if (insertRids[i] === rids[taken]) {
        taken++;
        continue;
      }
      insertRids[kept] = insertRids[i]!;
      insertOwners[kept] = insertOwners[i]!;
      insertData[kept] = insertData[i]!;
      insertCmin[kept++] = insertCmin[i]!;
    }
    assert(taken === rids.length, 'rows that were written out were in memory');
    insertRids.length = insertOwners.length = insertData.length = insertCmin.length = kept;
    this.measureAll();
    if (kept === 0 && this.changes.size === 0) this.ownKeys = this.#newKeys();
    else for (const keys of this.ownKeys) keys.prune((first, last) => this.#hasInsert(first, last));
  }

  #hasInsert(first: number, last: number): boolean {
    for (let rid = first; rid <= last; rid++) if (this.insertIndexOf(rid) !== -1) return true;
    return false;
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
    const {changes} = this;
    const {insertRids, insertOwners, insertCmin} = this;
    for (let i = 0; i < insertRids.length; i++) {
      if (insertCmin[i]! >= cid) break;
      if (owner !== null && insertOwners[i] !== owner) continue;
      const change = changes.size === 0 ? undefined : changes.get(insertRids[i]!);
      const version = change === undefined ? null : visibleVersion(change, cid);
      const cmin = version === null ? insertCmin[i]! : version.cmin;
      const row = version === null ? this.insertRow(i) : version.row;
      if (row !== null && !this.isTruncatedFor(cid, cmin))
        each(insertRids[i]!, insertOwners[i]!, row);
    }
    for (const change of changes.values()) {
      if (change.isInsert || (owner !== null && change.owner !== owner)) continue;
      const version = visibleVersion(change, cid);
      if (version !== null && version.row !== null && !this.isTruncatedFor(cid, version.cmin))
        each(change.rid, change.owner, version.row);
    }
  }

  /** Changes of rows in a segment by position, but for those that are bits. */
  changesInSegment(segment: number): ReadonlyMap<number, Change> | undefined {
    return this.changed.inSegment(segment);
  }

  /** Whether a row of a segment was changed, and is a bit. */
  isHiddenAt(segment: number, position: number): boolean {
    return this.changed.hiddenCold(segment, Infinity).some(positions => positions.has(position));
  }

  /** Marks for ROLLBACK TO. */
  mark(command: number): WriteMark {
    return {
      command,
      truncations: this.truncations.length,
      keys: this.#keyJournal.length,
    };
  }

  /** Drops everything since a mark, and gives the pending segments that are dropped. */
  rollbackTo(mark: WriteMark): readonly PendingRun[] {
    for (let i = this.#keyJournal.length - 1; i >= mark.keys; i--) {
      const {at, owner, key, before} = this.#keyJournal[i]!;
      const map = this.ownKeys[at];
      map?.set(owner, key, before, map.get(owner, key) ?? -1);
    }
    if (this.#keyJournal.length > mark.keys) this.#keyJournal.length = mark.keys;
    const before = this.changed.bytes;
    this.changed.rollbackTo(mark.command);
    this.#holdChanges(before);
    let kept = this.insertRids.length;
    let bytes = 0;
    while (kept > 0 && this.insertCmin[kept - 1]! > mark.command) {
      this.forgetKeys(this.insertRids[--kept]!, this.insertOwners[kept]!, this.insertRow(kept));
      if (kept < this.#measured) bytes += bytesOfRow(this.insertData[kept]!);
    }
    this.#measured = Math.min(this.#measured, kept);
    this.#hold(-Math.min(bytes, this.#insertBytes));
    this.insertRids.length = kept;
    this.insertOwners.length = kept;
    this.insertData.length = kept;
    this.insertCmin.length = kept;
    this.truncations.length = mark.truncations;
    const dropped = this.pending.filter(({firstCmin}) => firstCmin > mark.command);
    if (dropped.length > 0) this.pending = this.pending.filter(each => !dropped.includes(each));
    if (this.#areKeysStale) this.rebuildKeys();
    return dropped;
  }

  /** Takes the keys of an insert that is not in memory any more out of the own keys. */
  forgetKeys(rid: number, owner: number, row: readonly Datum[]): void {
    for (const map of this.ownKeys) {
      const key = map.codec.ofRow(row);
      if (key !== null && map.get(owner, key) === rid) map.free(owner, key, rid);
    }
  }

  /** Own rows in the shape of the table after an ALTER in this transaction. */
  reshape(after: TableStorage): void {
    const convert = (this.#shapes ??= new RowShapes()).between(this.table, after);
    this.insertData = this.insertData.map((_, i) => convert(this.insertRow(i)));
    const before = this.changed.bytes;
    this.changed.reshape(convert);
    this.#holdChanges(before);
    this.table = after;
    this.#areKeysStale = true;
  }

  /** Takes the unique indexes that the table has now, after an ALTER or its undoing. */
  rebuildKeys(): void {
    this.#areKeysStale = false;
    this.hasImageKeys = hasImageKeys(this.image, this.table);
    this.#committed = [];
    this.#keyJournal.length = 0;
    this.ownKeys = this.#newKeys();
    this.forEachVisible(Infinity, null, (rid, owner, row) => {
      for (const map of this.ownKeys) {
        const key = map.codec.ofRow(row);
        if (key !== null) map.set(owner, key, rid, -1);
      }
    });
  }

  changedRids(): Iterable<number> {
    return this.changed.rids();
  }

  relocateAll(places: MovedPlaces): void {
    this.changed.relocate(places);
  }
}
