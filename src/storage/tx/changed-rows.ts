// Hot path: every updated and deleted row passes here.
import type {Datum} from '../../types/contract.ts';
import {type MovedPlaces, positionOf, segmentOf} from '../manifest.ts';
import type {IntSet} from '../../common/int-set.ts';
import type {HiddenRows} from './hidden-rows.ts';
import type {Change} from './own-version.ts';
import {rowBytes} from './write-room.ts';

const NO_CHANGES: ReadonlyMap<number, Change> = new Map();
const NO_GROUPS: readonly HiddenRows[] = [];

/**
 * Rows that a write-set changed, by rid and by where they lie: one by one, or as bits once there are many of them
 * (`HiddenRows`).
 */
export class ChangedRows {
  #changes: Map<number, Change> | null = null;
  /** Rid and command of each version, in order, for ROLLBACK TO; those of rows that are bits now go at `tidy`. */
  #rids: number[] = [];
  #cmins: number[] = [];
  /** Changed committed hot rows by chunk, changed cold rows by segment. */
  #byChunk: Map<number, Change[]> | null = null;
  #bySegment: Map<number, Map<number, Change>> | null = null;
  /** Oldest first. */
  hidden: readonly HiddenRows[] = NO_GROUPS;
  /** Roughly the bytes of what is kept row by row. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.#changes === null && this.hidden.length === 0;
  }

  get all(): ReadonlyMap<number, Change> {
    return this.#changes ?? NO_CHANGES;
  }

  get(rid: number): Change | undefined {
    return this.#changes === null ? undefined : this.#changes.get(rid);
  }

  /** A row that is changed for the first time. */
  begin(change: Change): void {
    this.#changes ??= new Map();
    this.#changes.set(change.rid, change);
    this.#register(change);
  }

  /** Adds a version; how many versions there are. */
  add(change: Change, row: readonly Datum[] | null, cmin: number): number {
    // A literal: an empty array that grows keeps room for 17.
    if (change.versions.length === 0) change.versions = [{cmin, row}];
    else change.versions.push({cmin, row});
    this.bytes += versionBytes(change, row);
    this.#cmins.push(cmin);
    return this.#rids.push(change.rid);
  }

  inChunk(chunk: number): readonly Change[] | undefined {
    return this.#byChunk === null ? undefined : this.#byChunk.get(chunk);
  }

  inSegment(segment: number): ReadonlyMap<number, Change> | undefined {
    return this.#bySegment === null ? undefined : this.#bySegment.get(segment);
  }

  /** Whether the row is among those that are bits. */
  isHidden(rid: number): boolean {
    for (let i = 0; i < this.hidden.length; i++) if (this.hidden[i]!.rids.has(rid)) return true;
    return false;
  }

  /** Whether the row is among those that were deleted and are bits. */
  isGone(rid: number): boolean {
    for (let i = 0; i < this.hidden.length; i++)
      if (this.hidden[i]!.isDelete && this.hidden[i]!.rids.has(rid)) return true;
    return false;
  }

  /** Whether a command, or a later one, made bits of a row. */
  isHiddenSince(rid: number, cmin: number): boolean {
    for (const group of this.hidden) if (group.cmin >= cmin && group.rids.has(rid)) return true;
    return false;
  }

  /** Positions in the image that a command does not see any more. */
  hiddenHot(cid: number): readonly IntSet[] {
    if (this.hidden.length === 0) return [];
    return this.hidden.filter(({cmin, hot}) => cmin < cid && hot.size > 0).map(({hot}) => hot);
  }

  /** The same in a segment. */
  hiddenCold(segment: number, cid: number): readonly IntSet[] {
    if (this.hidden.length === 0) return [];
    return this.hidden.flatMap(group => {
      const positions = group.cmin < cid ? group.cold.get(segment) : undefined;
      return positions === undefined ? [] : [positions];
    });
  }

  /** Rows that are to be bits from now on. */
  hide(changes: readonly Change[], group: HiddenRows): void {
    for (const change of changes) {
      group.add(change);
      this.#forget(change);
    }
    if (!this.hidden.includes(group)) this.hidden = [...this.hidden, group];
  }

  /** Drops entries of the journal whose rows are bits now. */
  tidy(): void {
    let kept = 0;
    for (let i = 0; i < this.#rids.length; i++) {
      if (!this.all.has(this.#rids[i]!)) continue;
      this.#rids[kept] = this.#rids[i]!;
      this.#cmins[kept++] = this.#cmins[i]!;
    }
    this.#rids.length = this.#cmins.length = kept;
  }

  /** Drops the versions of commands after one. */
  rollbackTo(command: number): void {
    while (this.#cmins.length > 0 && this.#cmins[this.#cmins.length - 1]! > command) {
      this.#cmins.pop();
      const change = this.get(this.#rids.pop()!);
      if (change === undefined) continue;
      const last = change.versions[change.versions.length - 1]!;
      if (last.cmin <= command) continue;
      if (change.versions.length === 1) this.#forget(change);
      else {
        change.versions.pop();
        this.bytes -= versionBytes(change, last.row);
      }
    }
    if (this.hidden.some(({firstCmin}) => firstCmin > command))
      this.hidden = this.hidden.filter(({firstCmin}) => firstCmin <= command);
    if (this.#changes !== null && this.#changes.size === 0) this.#changes = null;
  }

  /** Takes every version to another shape of the table. */
  reshape(convert: (row: readonly Datum[]) => readonly Datum[]): void {
    this.bytes = 0;
    for (const change of this.all.values()) {
      change.versions = change.versions.map(({cmin, row}) => ({
        cmin,
        row: row === null ? null : convert(row),
      }));
      for (const {row} of change.versions) this.bytes += versionBytes(change, row);
    }
  }

  relocate(places: MovedPlaces): void {
    for (const change of this.all.values()) {
      const place = places.get(change.location);
      if (place === undefined) continue;
      this.#unregister(change);
      change.location = place;
      this.#register(change);
    }
    for (const group of this.hidden) group.relocate(places);
  }

  /** Rids of all rows that existed before; of those that are bits, only hot ones. */
  *rids(): Iterable<number> {
    yield* this.all.keys();
    for (const group of this.hidden) if (group.base === 'hot') yield* group.rids.values();
  }

  #forget(change: Change): void {
    for (let i = 0; i < change.versions.length; i++)
      this.bytes -= versionBytes(change, change.versions[i]!.row);
    this.#changes!.delete(change.rid);
    this.#unregister(change);
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
      const chunk = change.position >> 10;
      const list = this.#byChunk!.get(chunk)!;
      // Those that came first go first when they become bits.
      list.splice(list.indexOf(change), 1);
      if (list.length === 0) this.#byChunk!.delete(chunk);
    } else if (change.location > 0) {
      const segment = segmentOf(change.location);
      const map = this.#bySegment!.get(segment);
      map?.delete(positionOf(change.location));
      if (map?.size === 0) this.#bySegment!.delete(segment);
    }
  }
}

/** What one version takes, roughly: its row, or the old one of a deleted row. */
function versionBytes({oldRow}: Change, row: readonly Datum[] | null): number {
  const counted = row ?? oldRow;
  return counted === null ? 128 : rowBytes(counted);
}
