import type {TypeInstance} from '../types/contract.ts';
import type {SegmentColumn, WriteSegmentOptions} from './cold/contract.ts';
import {RID_ATTNUM, SEQ_ATTNUM} from './cold-tables.ts';
import type {StorageColumn, StorageIndex, TableStorage} from './contract.ts';
import type {Engine} from './engine.ts';

const KEY_BLOOM_FPP = 0.01;

/** Columns of a table's segments: system columns, then the table's. */
export function segmentColumns(table: TableStorage, int8: TypeInstance): readonly SegmentColumn[] {
  const system = (attnum: number, name: string): SegmentColumn => ({
    attnum,
    name,
    type: int8,
    typmod: -1,
    isNullable: false,
    bloom: null,
  });
  return [
    system(RID_ATTNUM, '_rid'),
    {...system(SEQ_ATTNUM, '_seq'), isNullable: true},
    ...table.columns.map((column, i) => ({
      attnum: column.attnum,
      name: column.name,
      type: column.type,
      typmod: column.typmod,
      isNullable: !column.isNotNull,
      bloom: bloomOf(table, column, i),
    })),
  ];
}

/** A bloom filter where an index asks for one, and on single unique keys that the segment is not sorted by. */
function bloomOf(table: TableStorage, column: StorageColumn, at: number): SegmentColumn['bloom'] {
  const asked = table.indexes.find(
    index => index.method === 'bloom' && index.keyColumns.includes(at),
  );
  if (asked !== undefined) return bloomOptions(asked);
  const isSorted = clusterColumns(table)[0] === at && column.type.physical !== 'text';
  const isKey = table.indexes.some(
    index =>
      index.isUnique &&
      index.keyOf === null &&
      index.keyColumns.length === 1 &&
      index.keyColumns[0] === at,
  );
  return isKey && !isSorted ? {fpp: KEY_BLOOM_FPP, numItems: null} : null;
}

function bloomOptions(index: StorageIndex): SegmentColumn['bloom'] {
  const fpp = Number(index.options['fpp'] ?? KEY_BLOOM_FPP);
  const items = Number(index.options['num_items'] ?? Number.NaN);
  return {
    fpp: fpp > 0 && fpp < 1 ? fpp : KEY_BLOOM_FPP,
    numItems: Number.isFinite(items) && items > 0 ? items : null,
  };
}

/** Column positions that segments are sorted by: as asked, else the primary key, else none (rid order). */
export function clusterColumns(table: TableStorage): readonly number[] {
  if (table.clusterColumns.length > 0) return table.clusterColumns;
  const key =
    table.indexes.find(index => index.isPrimary) ??
    table.indexes.find(index => index.isUnique && index.keyOf === null);
  return key === undefined || key.keyColumns.includes(-1) ? [] : key.keyColumns;
}

/** The attnums of the cluster columns, as the manifest records them. */
export function sortAttnums(table: TableStorage): readonly number[] {
  return clusterColumns(table).map(column => table.columns[column]!.attnum);
}

/** The path of a new segment of a partition; it holds the directory's incarnation and ids, never a name that could leave its directory. */
export function segmentPath(
  engine: Engine,
  table: TableStorage,
  owner: number,
  id: number,
): string {
  // A job can be older than the table's newest storage.
  return engine.places.pathOf(engine.resolveTable(table.oid) ?? table, owner, id);
}

/** Options of a segment file. */
export function writeOptions(
  engine: Engine,
  table: TableStorage,
  owner: number,
  path: string,
  columns: readonly SegmentColumn[],
): WriteSegmentOptions {
  return {
    path,
    columns,
    schemaVersion: table.schemaVersion,
    metadata: {
      'wadi.table': String(table.oid),
      'wadi.owner': String(owner),
      'wadi.incarnation': engine.incarnation,
    },
    rowGroupRows: engine.settings.rowGroupRows,
  };
}
