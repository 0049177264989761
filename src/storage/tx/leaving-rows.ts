import {type Pace, type Slices} from '../slices.ts';
import type {NewRows} from './bulk.ts';
import type {BaseKind, HiddenKind} from './hidden-rows.ts';
import type {Change} from './own-version.ts';
import {bytesOfRow} from './row-block.ts';
import type {TableWrites} from './write-set.ts';

const ROWS_PER_LOOK = 256;
/** Changed rows that become bits in one turn. */
const MOST_AT_ONCE = 4096;

/** New rows and new versions of one owner on their way to a segment. */
export interface LeavingRows extends NewRows {
  readonly firstCmin: number;
  readonly cmin: number;
  /** What they are the new versions of; null = new rows. */
  readonly changes: readonly Change[] | null;
}

/** Deleted rows that are to be bits. */
export interface LeavingDeletes extends HiddenKind {
  readonly firstCmin: number;
  readonly cmin: number;
  readonly changes: readonly Change[];
}

/** Fewer rows stay in memory, unless they are wide. */
export interface LeastRows {
  readonly rows: number;
  readonly bytes: number;
}

interface Group extends LeavingRows {
  firstCmin: number;
  cmin: number;
  readonly changes: Change[] | null;
}

/** New rows in memory by owner. No group lies on both sides of a bound: commands up to it, and later ones (ascending). */
export function* collectInserts(
  writes: TableWrites,
  bounds: readonly number[],
  least: LeastRows,
  pace: Pace,
): Slices<readonly LeavingRows[]> {
  const groups: Group[] = [];
  const {insertRids, insertOwners, insertData, insertCmin, changes} = writes;
  const cuts = new Set(bounds.map(bound => firstAbove(insertCmin, bound)));
  let from = 0;
  for (const to of [...cuts.add(insertRids.length)].sort((a, b) => a - b)) {
    const byOwner = new Map<number, Group>();
    for (let i = from; i < to; i++) {
      if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
      const rid = insertRids[i]!;
      // Its versions are seen by some commands and not by others.
      if (changes.size > 0 && changes.has(rid)) continue;
      const owner = insertOwners[i]!;
      let group = byOwner.get(owner);
      if (group === undefined) byOwner.set(owner, (group = newGroup(owner, insertCmin[i]!, null)));
      group.rids.push(rid);
      group.rows.push(insertData[i]!);
      group.cmin = insertCmin[i]!;
    }
    for (const group of byOwner.values()) if (isWorth(group, least)) groups.push(group);
    from = to;
  }
  return groups;
}

/** New versions of rows by owner; those of older commands first, in the order in which the rows were changed. */
export function* collectUpdates(
  writes: TableWrites,
  bounds: readonly number[],
  least: LeastRows,
  pace: Pace,
): Slices<readonly LeavingRows[]> {
  const groups: Group[][] = [];
  const byOwner: Map<number, Group>[] = bounds.map(() => new Map());
  byOwner.push(new Map());
  let count = 0;
  for (const change of writes.changes.values()) {
    if (++count % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    const at = partOf(change, bounds);
    const {row, cmin} = change.versions[change.versions.length - 1]!;
    if (at === -1 || row === null) continue;
    const {rid, owner} = change;
    let group = byOwner[at]!.get(owner);
    if (group === undefined || group.rids.length === MOST_AT_ONCE) {
      byOwner[at]!.set(owner, (group = newGroup(owner, change.versions[0]!.cmin, [])));
      (groups[at] ??= []).push(group);
    }
    group.rids.push(rid);
    group.rows.push(row);
    group.changes!.push(change);
    group.firstCmin = Math.min(group.firstCmin, change.versions[0]!.cmin);
    group.cmin = Math.max(group.cmin, cmin);
  }
  const found = groups.flat();
  // What is left of a large change is no small one.
  const large = new Set(found.filter(group => isWorth(group, least)).map(({owner}) => owner));
  return found.filter(({owner}) => large.has(owner));
}

/** Deleted rows by owner and place. */
export function* collectDeletes(
  writes: TableWrites,
  bounds: readonly number[],
  {rows: least}: LeastRows,
  pace: Pace,
): Slices<readonly LeavingDeletes[]> {
  const groups: (LeavingDeletes & {cmin: number; firstCmin: number; changes: Change[]})[] = [];
  const byKind = new Map<string, (typeof groups)[number]>();
  let count = 0;
  for (const change of writes.changes.values()) {
    if (++count % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    const at = partOf(change, bounds);
    const {row, cmin} = change.versions[change.versions.length - 1]!;
    if (at === -1 || row !== null) continue;
    const {owner} = change;
    const base = baseOf(writes, change);
    const kind = `${at} ${owner} ${base}`;
    const firstCmin = change.versions[0]!.cmin;
    let group = byKind.get(kind);
    if (group === undefined || group.changes.length === MOST_AT_ONCE) {
      group = {owner, base, isDelete: true, firstCmin, cmin, changes: []};
      byKind.set(kind, group);
      groups.push(group);
    }
    group.changes.push(change);
    group.firstCmin = Math.min(group.firstCmin, firstCmin);
    group.cmin = Math.max(group.cmin, cmin);
  }
  const large = new Set(groups.filter(({changes}) => changes.length >= least).map(g => g.owner));
  return groups.filter(({owner}) => large.has(owner));
}

/** Where the version lies that a change replaces for others, or in a segment of its own transaction. */
export function baseOf(writes: TableWrites, {position, location}: Change): BaseKind {
  if (position !== -1) return 'hot';
  return writes.pendingAt(location) === undefined ? 'cold' : 'own';
}

/** The first place in an ascending list with a value above a bound. */
export function firstAbove(values: readonly number[], bound: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Between which bounds all versions of a change lie; -1 where a bound lies between them, or the row is an insert in memory. */
function partOf({isInsert, versions}: Change, bounds: readonly number[]): number {
  if (isInsert) return -1;
  const at = firstAbove(bounds, versions[0]!.cmin - 1);
  if (versions.length === 1) return at;
  return firstAbove(bounds, versions[versions.length - 1]!.cmin - 1) === at ? at : -1;
}

function newGroup(owner: number, cmin: number, changes: Change[] | null): Group {
  return {owner, rids: [], rows: [], firstCmin: cmin, cmin, changes};
}

function isWorth({rows}: NewRows, least: LeastRows): boolean {
  if (rows.length >= least.rows) return true;
  return rows.reduce((bytes, row) => bytes + bytesOfRow(row), 0) >= least.bytes;
}
