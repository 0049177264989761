import {setImmediate as nextTurn} from 'node:timers/promises';
import type {OwnerId} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {SegmentColumn, SegmentMeta, SegmentStore} from '../cold/contract.ts';
import {END, PAUSE, type StorageColumn, type TableStorage, type Transaction} from '../contract.ts';
import {newScanStats} from '../cold-tables.ts';
import {readCell} from '../hot/cells.ts';

const SOURCE_ROWS = 4096;
const ROW_GROUP_ROWS = 65_536;

/** Reads an owner's rows of a table as the transaction sees them, `size` at a time at most. */
export async function* rowsOf(
  tx: Transaction,
  table: TableStorage,
  owner: OwnerId,
  size: number,
): AsyncGenerator<Datum[][]> {
  const cursor = tx.scan({
    table,
    owner,
    columns: [...table.columns.keys()],
    predicates: [],
    lookup: null,
    order: null,
  });
  let rows: Datum[][] = [];
  try {
    for (;;) {
      const batch = cursor.next(1024);
      if (batch === END) break;
      if (batch === PAUSE) {
        await (cursor.pause ?? nextTurn());
        continue;
      }
      const {vectors, selection, count} = batch;
      for (let i = 0; i < count; i++) {
        const at = selection === null ? i : selection[i]!;
        rows.push(table.columns.map((_, column) => readCell(vectors[column]!, at)));
      }
      if (rows.length >= size) {
        yield rows;
        rows = [];
      }
      await nextTurn();
    }
  } finally {
    cursor.close();
  }
  if (rows.length > 0) yield rows;
}

/** The columns of a file of a table's rows. */
export function fileColumns(columns: readonly StorageColumn[]): readonly SegmentColumn[] {
  return columns.map(({attnum, name, type, typmod, isNotNull}) => ({
    attnum,
    name,
    type,
    typmod,
    isNullable: !isNotNull,
    bloom: null,
  }));
}

/** Writes rows as a Parquet file of their own. */
export function writeRows(
  store: SegmentStore,
  path: string,
  table: TableStorage,
  rows: readonly (readonly Datum[])[],
): Promise<SegmentMeta> {
  let at = 0;
  return store.write(
    {
      path,
      columns: fileColumns(table.columns),
      schemaVersion: table.schemaVersion,
      metadata: {'wadi.table_name': `${table.namespace}.${table.name}`},
      rowGroupRows: ROW_GROUP_ROWS,
    },
    () => {
      if (at >= rows.length) return null;
      const part = rows.slice(at, at + SOURCE_ROWS);
      at += part.length;
      return table.columns.map((_, column) => part.map(row => row[column]!));
    },
  );
}

/** Calls back with every row of such a file, `columns` in order; what the file lacks is not asked for. */
export async function readRows(
  store: SegmentStore,
  path: string,
  meta: SegmentMeta,
  columns: readonly SegmentColumn[],
  each: (row: Datum[]) => void,
): Promise<void> {
  const cursor = store.open(path, meta, columns).scan({
    columns: columns.map(({attnum, type}) => ({attnum, type, missing: null})),
    withPosition: false,
    predicates: [],
    deletions: null,
    stats: newScanStats(),
  });
  try {
    for (;;) {
      const batch = cursor.next(1024);
      if (batch === END) return;
      if (batch === PAUSE) {
        await (cursor.pause ?? nextTurn());
        continue;
      }
      const {vectors, selection, count} = batch;
      for (let i = 0; i < count; i++) {
        const at = selection === null ? i : selection[i]!;
        each(columns.map((_, column) => readCell(vectors[column]!, at)));
      }
      await nextTurn();
    }
  } finally {
    cursor.close();
  }
}
