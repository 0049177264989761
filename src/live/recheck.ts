import type {CatalogSnapshot} from '../catalog/contract.ts';
import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {AnyShape, LiveShape} from './live-shape.ts';
import type {SubscribeOptions} from './subscription-types.ts';

/** A table of a live query and the columns that it reads of it. */
interface UsedTable {
  readonly table: Oid;
  readonly tableName: string;
  readonly attnums: readonly number[];
}

/** Null when a subscription may go on with this catalog; else why not. */
export function recheck(options: SubscribeOptions, catalog: CatalogSnapshot): unknown {
  const {shape} = options;
  for (const used of tablesOf(shape)) {
    if (catalog.tableByOid(used.table) === undefined)
      return new PgError(SqlState.undefinedTable, `relation "${used.tableName}" does not exist`);
    if (!hasSameColumns(used, options.catalog, catalog))
      return new PgError(SqlState.featureNotSupported, 'cached plan must not change result type');
  }
  if (
    shape.class !== 'E' &&
    !hasSameLayout(options, shape.class === 'A' ? shape : shape.inner, catalog)
  )
    return new PgError(SqlState.featureNotSupported, 'cached plan must not change result type');
  try {
    options.authorize(catalog);
    return null;
  } catch (error) {
    return error;
  }
}

function tablesOf(shape: AnyShape): readonly UsedTable[] {
  if (shape.class === 'E') return shape.tables;
  const row = shape.class === 'A' ? shape : shape.inner;
  const attnums = [...row.filterPositions, ...row.projectionPositions]
    .map(position => row.attnums[position])
    .filter(attnum => attnum !== undefined);
  return [{table: row.table, tableName: row.tableName, attnums}];
}

function hasSameColumns(
  {table, attnums}: UsedTable,
  before: CatalogSnapshot,
  now: CatalogSnapshot,
): boolean {
  const old = before.tableByOid(table)?.columns ?? [];
  const columns = now.tableByOid(table)?.columns ?? [];
  return attnums.every(attnum => {
    const column = columns.find(each => each.attnum === attnum && !each.isDropped);
    const was = old.find(each => each.attnum === attnum && !each.isDropped);
    return (
      column !== undefined &&
      was !== undefined &&
      column.typeOid === was.typeOid &&
      column.typmod === was.typmod
    );
  });
}

/** Whether what is read of the stored row is still where it was; pseudo columns are behind the last one. */
function hasSameLayout(
  {shape, codec}: SubscribeOptions,
  row: LiveShape,
  catalog: CatalogSnapshot,
): boolean {
  const attnums = catalog
    .tableByOid(row.table)!
    .columns.filter(column => !column.isDropped)
    .map(column => column.attnum);
  const isSameWidth = attnums.length === row.attnums.length;
  const hasRowId =
    shape.class === 'B' ||
    (codec.name !== 'rows' && (row.keyPositions.length === 0 || row.scope === 'all'));
  if (hasRowId && !isSameWidth) return false;
  return [...row.filterPositions, ...row.projectionPositions, ...row.keyPositions].every(
    position =>
      position < row.attnums.length ? attnums[position] === row.attnums[position] : isSameWidth,
  );
}
