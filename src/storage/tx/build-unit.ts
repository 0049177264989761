import type {OwnerId} from '../../common/ids.ts';
import {BulkPart, type BulkSegment} from './bulk.ts';
import {collectChanges, type CommitUnit, type TableChanges} from './commit-unit.ts';
import type {DdlList} from './ddl-list.ts';
import type {TableWrites} from './write-set.ts';

/** What a transaction commits: the net changes of its write-sets, its bulk segments, its DDL. */
export function buildUnit(
  writeSets: ReadonlyMap<number, TableWrites> | null,
  ddl: DdlList,
  bulk: readonly BulkSegment[],
  applied: (seq: number) => void,
  failed: (error: Error) => void,
): CommitUnit {
  const tables: TableChanges[] = [];
  const dropped = ddl.length === 0 ? null : ddl.dropped();
  for (const [oid, writes] of writeSets ?? []) {
    if (writes.isEmpty || dropped?.has(oid) === true) continue;
    const owners = bulk.filter(({entry}) => entry.table === oid).map(({owner}) => owner);
    tables.push(collectChanges(writes, owners.length === 0 ? null : new Set(owners)));
  }
  return {
    tables,
    bulk: bulk.map(({table, owner, entry, inserts}) => ({
      entry,
      part: new BulkPart(table, owner as OwnerId, writeSets!.get(table.oid)!, inserts),
    })),
    ddl: ddl.effects,
    sequences: ddl.length === 0 ? [] : ddl.sequenceRows(),
    manifest: null,
    applied,
    failed,
  };
}
