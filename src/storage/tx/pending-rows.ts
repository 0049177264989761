import type {OwnerId} from '../../common/ids.ts';
import type {ChangePart, TableStorage} from '../contract.ts';
import {DeletionPages} from '../manifest.ts';
import type {BulkRows} from './commit-unit.ts';
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
    const live = entry.meta.rows - dead.length;
    if (live === 0) continue;
    const {deletions} = DeletionPages.none.with(dead);
    const part = parts.get(entry.owner) ?? new PendingPart(table, entry.owner);
    part.unlistedRows += live;
    parts.set(entry.owner, part);
    found.push({entry: dead.length === 0 ? entry : {...entry, deletions}, part});
  }
  return found;
}
