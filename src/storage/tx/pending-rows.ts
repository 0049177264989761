import type {OwnerId} from '../../common/ids.ts';
import type {ChangePart, TableStorage} from '../contract.ts';
import {DeletionPages} from '../manifest.ts';
import type {BulkRows, CommitUnit} from './commit-unit.ts';
import type {TableWrites} from './write-set.ts';

/** Rows of one owner's pending segments as a part of the commit's event: they are told, not listed. */
class PendingPart implements ChangePart {
  readonly table: TableStorage;
  readonly owner: OwnerId;
  readonly isTruncate = false;
  readonly changes = [];
  unlistedRows = 0;

  constructor(table: TableStorage, owner: number) {
    this.table = table;
    this.owner = owner as OwnerId;
  }
}

/** Pending segments that a commit will publish can be read from then on. */
export async function sealPending(writes: TableWrites): Promise<void> {
  for (const run of writes.pending) if (!writes.isTruncatedAfter(run.cmin)) await run.ready();
}

/** What a commit publishes of a write-set's pending segments; rows that the transaction changed since are dead in them. */
export function pendingRows(writes: TableWrites): readonly BulkRows[] {
  const {table} = writes;
  const found: BulkRows[] = [];
  const parts = new Map<number, PendingPart>();
  for (const run of writes.pending) {
    if (writes.isTruncatedAfter(run.cmin)) continue;
    const {entry} = run;
    const dead = [...(writes.changesInSegment(entry.id)?.keys() ?? [])];
    const {deletions} = DeletionPages.none.with(
      dead,
      writes.changed.hiddenCold(entry.id, Infinity),
    );
    const live = entry.meta.rows - deletions.count;
    if (live === 0) continue;
    const part = parts.get(entry.owner) ?? new PendingPart(table, entry.owner);
    part.unlistedRows += live;
    parts.set(entry.owner, part);
    found.push({entry: deletions.count === 0 ? entry : {...entry, deletions}, part});
  }
  return found;
}

/** The parts of a commit's event: what is listed, then what is only told. */
export function eventParts(
  {tables, bulk}: CommitUnit,
  listed: readonly ChangePart[],
): readonly ChangePart[] {
  const told = [...new Set(bulk.map(({part}) => part))];
  const own: PendingPart[] = [];
  for (const {table, hidden} of tables)
    for (const {owner, isDelete, rids} of hidden) {
      const isOf = (part: ChangePart): boolean =>
        part.table.oid === table.oid && part.owner === owner;
      // New versions are told with their segment.
      if (!isDelete && told.some(isOf)) continue;
      let part = own.find(isOf);
      if (part === undefined) own.push((part = new PendingPart(table, owner)));
      part.unlistedRows += rids.size;
    }
  return told.length + own.length === 0 ? listed : [...listed, ...told, ...own];
}
