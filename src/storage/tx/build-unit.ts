import {BulkPart, type BulkSegment} from './bulk.ts';
import type {Pace, Slices} from '../slices.ts';
import {
  type BulkRows,
  collectChanges,
  collectInSlices,
  type CommitUnit,
  type TableChanges,
} from './commit-unit.ts';
import type {DdlList} from './ddl-list.ts';
import type {TableWrites} from './write-set.ts';

/** Values of a wide row that count as one more row. */
const VALUES_PER_ROW = 16;
/** Bytes of text that take as long as one row. */
const BYTES_PER_ROW = 1024;

/** What a transaction commits: the net changes of its write-sets, its bulk segments, its DDL. */
export function buildUnit(
  writeSets: ReadonlyMap<number, TableWrites> | null,
  ddl: DdlList,
  bulk: readonly BulkSegment[],
  pending: readonly BulkRows[],
  largeRows: number,
  applied: (seq: number) => void,
  failed: (error: Error) => void,
): CommitUnit {
  const tables: TableChanges[] = [];
  const dropped = ddl.length === 0 ? null : ddl.dropped();
  const written: TableWrites[] = [];
  for (const [oid, writes] of writeSets ?? [])
    if (!writes.isEmpty && dropped?.has(oid) !== true) written.push(writes);
  const inSegments = (writes: TableWrites): ReadonlySet<number> | null => {
    const own = bulk.filter(({entry}) => entry.table === writes.table.oid);
    return own.length === 0 ? null : new Set(own.map(({rows}) => rows.owner));
  };
  const isLarge =
    written.some(({changed}) => changed.hidden.length > 0) ||
    written.reduce((rows, writes) => rows + weightOf(writes), 0) > largeRows;
  if (!isLarge)
    for (const writes of written) tables.push(collectChanges(writes, inSegments(writes)));
  return {
    tables,
    ...(isLarge && {
      *prepare(pace: Pace): Slices {
        for (const writes of written)
          tables.push(yield* collectInSlices(writes, inSegments(writes), pace));
      },
    }),
    bulk: [
      ...pending,
      ...bulk.map(({table, rows, entry}) => ({entry, part: new BulkPart(table, rows)})),
    ],
    ddl: ddl.effects,
    sequences: ddl.length === 0 ? [] : ddl.sequenceRows(),
    manifest: null,
    applied,
    failed,
  };
}

/** Roughly how many rows of usual size it takes as long as; the width of rows is judged by a few of them. */
function weightOf(writes: TableWrites): number {
  const {changes, image, truncations, table} = writes;
  const inserted = writes.insertRids.length;
  const truncated = truncations.length > 0 ? image.liveRows : 0;
  const rows = inserted + changes.size + truncated;
  if (rows < 16) return rows;
  let bytes = 0;
  const samples = Math.min(8, inserted);
  for (let i = 0; i < samples; i++) {
    for (const value of writes.insertRow(Math.floor((i * inserted) / samples)))
      if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length;
  }
  const width = samples === 0 ? 0 : bytes / samples / BYTES_PER_ROW;
  return rows * (1 + table.columns.length / VALUES_PER_ROW + width);
}
