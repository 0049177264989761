import type {Oid, OwnerId, Rid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {ChangePart, DdlEffect, RowChange, TableStorage} from '../contract.ts';
import type {Drain} from '../hot/hot-store.ts';
import type {SegmentEntry} from '../manifest.ts';
import type {TableWrites} from './write-set.ts';

/** The net change of one row in a commit. */
export interface FinalChange extends RowChange {
  readonly owner: number;
  /** Position of the committed version in the image, -1 if it is not hot. */
  readonly position: number;
  /** Cold place of the committed version, 0 if it is not cold. */
  readonly location: number;
}

/** The net changes of a commit on one table. */
export interface TableChanges {
  readonly table: TableStorage;
  readonly isTruncate: boolean;
  readonly changes: readonly FinalChange[];
}

/** A segment published or dropped, with the hot rows it replaces. */
export interface ManifestChange {
  readonly put: readonly SegmentEntry[];
  readonly removed: readonly SegmentEntry[];
  readonly drains: readonly Drain[];
  /** Image positions of rows that now lie in a segment. */
  readonly moved: readonly {readonly table: number; readonly positions: readonly number[]}[];
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
  const {insertRids, insertOwners, insertRows, insertCmin, changes} = writes;
  const isTruncate = writes.truncations.length > 0;
  const net: FinalChange[] = [];
  for (let i = 0; i < insertRids.length; i++) {
    if (inSegments !== null && inSegments.has(insertOwners[i]!)) continue;
    const rid = insertRids[i]!;
    const change = changes.size === 0 ? undefined : changes.get(rid);
    let row: readonly Datum[] | null = insertRows[i]!;
    let cmin = insertCmin[i]!;
    if (change !== undefined) {
      const last = change.versions[change.versions.length - 1]!;
      row = last.row;
      cmin = last.cmin;
    }
    if (row === null || (isTruncate && writes.isTruncatedAfter(cmin))) continue;
    net.push({
      op: 'insert',
      rid: BigInt(rid) as Rid,
      oldRow: null,
      newRow: row,
      owner: insertOwners[i]!,
      position: -1,
      location: 0,
    });
  }
  for (const change of changes.values()) {
    if (change.insertIndex !== -1) continue;
    const last = change.versions[change.versions.length - 1]!;
    if (isTruncate && writes.isTruncatedAfter(last.cmin)) continue;
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
  return {table: writes.table, isTruncate, changes: net};
}

/** Changes of tables split by owner, as listeners and the log take them. */
export function partsOf(tables: readonly TableChanges[]): ChangePart[] {
  const parts: ChangePart[] = [];
  for (const {table, isTruncate, changes} of tables) {
    const first = changes.length === 0 ? 0 : changes[0]!.owner;
    if (table.kind === 'shared' || changes.every(change => change.owner === first)) {
      if (changes.length > 0 || isTruncate)
        parts.push({table, owner: first as Oid, isTruncate, changes});
      continue;
    }
    const byOwner = new Map<number, FinalChange[]>();
    for (const change of changes) {
      const list = byOwner.get(change.owner);
      if (list === undefined) byOwner.set(change.owner, [change]);
      else list.push(change);
    }
    for (const [owner, list] of byOwner)
      parts.push({table, owner: owner as OwnerId, isTruncate, changes: list});
  }
  return parts;
}
