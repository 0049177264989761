import type {OwnerId, Rid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {ChangePart, DdlEffect, RowChange, TableStorage} from '../contract.ts';
import type {HotImage, MovedRows} from '../hot/hot-image.ts';
import type {Drain} from '../hot/hot-store.ts';
import type {SegmentEntry} from '../manifest.ts';
import type {Pace, Slices} from '../slices.ts';
import type {HiddenRows} from './hidden-rows.ts';
import type {TableWrites} from './write-set.ts';
import type {Change} from './own-version.ts';

/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 256;

/** The net change of one row in a commit. */
export interface FinalChange extends RowChange {
  readonly owner: number;
  /** Position of the committed version in the image, -1 if it is not hot. */
  readonly position: number;
  /** Cold place of the committed version, 0 if it is not cold; a compaction rewrites it while the commit waits. */
  location: number;
}

/** The net changes of a commit on one table. */
export interface TableChanges {
  readonly table: TableStorage;
  readonly isTruncate: boolean;
  readonly changes: readonly FinalChange[];
  /** Committed rows that are gone or have their new version in a segment: none of them is listed. */
  readonly hidden: readonly HiddenRows[];
}

/** A segment published or dropped, with the hot rows it replaces. */
export interface ManifestChange {
  readonly put: readonly SegmentEntry[];
  readonly removed: readonly SegmentEntry[];
  readonly drains: readonly Drain[];
  /** Rows of an image that now lie in a segment. */
  readonly moved: readonly {readonly image: HotImage; readonly rows: readonly MovedRows[]}[];
  /** Files that will be written: recorded before they exist. */
  readonly newIntents: readonly {readonly id: number; readonly path: string}[];
  /** Paths that entries of `put` had before: their segments were moved. */
  readonly left: readonly string[];
  /** Intents that this commit fulfils or gives up. */
  readonly doneIntents: readonly number[];
}

/** A manifest change that changes nothing. */
export const NO_MANIFEST_CHANGE: ManifestChange = {
  put: [],
  removed: [],
  drains: [],
  moved: [],
  newIntents: [],
  left: [],
  doneIntents: [],
};

/** New rows of one owner that lie in a segment already; as changes they are listed only when a listener asks. */
export interface BulkRows {
  readonly entry: SegmentEntry;
  readonly part: ChangePart;
}

/** All that one commit does: rows, DDL, sequences, manifest. Applied whole or not at all. */
export interface CommitUnit {
  readonly tables: readonly TableChanges[];
  /**
   * Only large commits have it: they are applied alone and in slices. Fills `tables` when it is the commit's turn, so
   * that nothing moves rows between.
   */
  readonly prepare?: (pace: Pace) => Slices;
  /** Rows that were written to segments before the commit. */
  readonly bulk: readonly BulkRows[];
  readonly ddl: readonly DdlEffect[];
  readonly sequences: readonly (readonly [oid: number, json: string | null])[];
  readonly manifest: ManifestChange | null;
  applied(seq: number): void;
  failed(error: Error): void;
}

/** The net changes of a write-set, without new rows of owners whose rows were written to segments. */
export function collectChanges(
  writes: TableWrites,
  inSegments: ReadonlySet<number> | null = null,
): TableChanges {
  const net: FinalChange[] = [];
  collectInserts(writes, inSegments, net, 0, writes.insertRids.length);
  for (const change of writes.changes.values()) collectChange(writes, change, net);
  return tableChanges(writes, net);
}

/** The same in slices. */
export function* collectInSlices(
  writes: TableWrites,
  inSegments: ReadonlySet<number> | null,
  pace: Pace,
): Slices<TableChanges> {
  const net: FinalChange[] = [];
  const {length} = writes.insertRids;
  for (let from = 0; from < length; from += ROWS_PER_LOOK) {
    collectInserts(writes, inSegments, net, from, Math.min(length, from + ROWS_PER_LOOK));
    if (pace.isOver) yield;
  }
  let count = 0;
  for (const change of writes.changes.values()) {
    collectChange(writes, change, net);
    if (++count % ROWS_PER_LOOK === 0 && pace.isOver) yield;
  }
  return tableChanges(writes, net);
}

function tableChanges(writes: TableWrites, changes: readonly FinalChange[]): TableChanges {
  const hidden = writes.changed.hidden.filter(
    ({base, cmin}) => base !== 'own' && !writes.isTruncatedAfter(cmin),
  );
  return {table: writes.table, isTruncate: writes.truncations.length > 0, changes, hidden};
}

function collectInserts(
  writes: TableWrites,
  inSegments: ReadonlySet<number> | null,
  net: FinalChange[],
  from: number,
  to: number,
): void {
  const {insertRids, insertOwners, insertCmin, changes} = writes;
  const isTruncate = writes.truncations.length > 0;
  for (let i = from; i < to; i++) {
    if (inSegments !== null && inSegments.has(insertOwners[i]!)) continue;
    const rid = insertRids[i]!;
    const change = changes.size === 0 ? undefined : changes.get(rid);
    const last = change === undefined ? null : change.versions[change.versions.length - 1]!;
    const cmin = last === null ? insertCmin[i]! : last.cmin;
    if (isTruncate && writes.isTruncatedAfter(cmin)) continue;
    const row = last === null ? writes.insertRow(i) : last.row;
    if (row !== null) net.push(newRow(rid, insertOwners[i]!, row));
  }
}

function newRow(rid: number, owner: number, row: readonly Datum[]): FinalChange {
  return {
    op: 'insert',
    rid: BigInt(rid) as Rid,
    oldRow: null,
    newRow: row,
    owner,
    position: -1,
    location: 0,
  };
}

function collectChange(writes: TableWrites, change: Change, net: FinalChange[]): void {
  if (change.isInsert) return;
  const last = change.versions[change.versions.length - 1]!;
  if (writes.isTruncatedAfter(last.cmin)) return;
  if (writes.pendingAt(change.location) !== undefined) {
    // Nobody has seen the version in the segment, which is dead there.
    if (last.row !== null) net.push(newRow(change.rid, change.owner, last.row));
    return;
  }
  net.push({
    op: last.row === null ? 'delete' : 'update',
    rid: BigInt(change.rid) as Rid,
    oldRow: change.oldRow,
    newRow: last.row,
    owner: change.owner,
    position: change.position,
    location: change.location,
  });
}

/** Changes of tables split by owner, as listeners and the log take them. */
export function partsOf(tables: readonly TableChanges[]): ChangePart[] {
  const parts: ChangePart[] = [];
  for (const changes of tables) {
    const whole = wholePart(changes);
    if (whole !== null) {
      if (whole.changes.length > 0 || whole.isTruncate) parts.push(whole);
      continue;
    }
    const byOwner = new Map<number, FinalChange[]>();
    splitByOwner(changes.changes, byOwner, 0, changes.changes.length);
    addParts(parts, changes, byOwner);
  }
  return parts;
}

/** The same in slices. */
export function* partsInSlices(
  tables: readonly TableChanges[],
  pace: Pace,
): Slices<readonly ChangePart[]> {
  const parts: ChangePart[] = [];
  for (const changes of tables) {
    const {length} = changes.changes;
    if (changes.table.kind === 'shared') {
      const whole = wholePart(changes)!;
      if (length > 0 || changes.isTruncate) parts.push(whole);
      continue;
    }
    const byOwner = new Map<number, FinalChange[]>();
    for (let from = 0; from < length; from += ROWS_PER_LOOK) {
      splitByOwner(changes.changes, byOwner, from, Math.min(length, from + ROWS_PER_LOOK));
      if (pace.isOver) yield;
    }
    if (length === 0 && changes.isTruncate) parts.push(wholePart(changes)!);
    else addParts(parts, changes, byOwner);
  }
  return parts;
}

/** The changes of a table as one part when they are of one owner, else null. */
function wholePart({table, isTruncate, changes}: TableChanges): ChangePart | null {
  const first = changes.length === 0 ? 0 : changes[0]!.owner;
  if (table.kind !== 'shared' && !changes.every(change => change.owner === first)) return null;
  return {table, owner: first as OwnerId, isTruncate, changes};
}

function splitByOwner(
  changes: readonly FinalChange[],
  byOwner: Map<number, FinalChange[]>,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const change = changes[i]!;
    const list = byOwner.get(change.owner);
    if (list === undefined) byOwner.set(change.owner, [change]);
    else list.push(change);
  }
}

function addParts(
  parts: ChangePart[],
  {table, isTruncate}: TableChanges,
  byOwner: ReadonlyMap<number, FinalChange[]>,
): void {
  for (const [owner, list] of byOwner)
    parts.push({table, owner: owner as OwnerId, isTruncate, changes: list});
}
