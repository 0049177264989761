import type {Datum} from '../../types/contract.ts';

/** A version of a row in a write-set; null row = deleted. It is seen by commands after `cmin`. */
export interface OwnVersion {
  readonly cmin: number;
  readonly row: readonly Datum[] | null;
}

/** A row that existed before (or an own insert) and was changed. */
export interface Change {
  readonly rid: number;
  readonly owner: number;
  /** Whether the row is an insert of this write-set, in memory. */
  readonly isInsert: boolean;
  /** Cold location, 0 when hot. May be rewritten by compaction. */
  location: number;
  /** Position in the image, -1 when cold or own insert. */
  readonly position: number;
  readonly oldRow: readonly Datum[] | null;
  versions: OwnVersion[];
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
