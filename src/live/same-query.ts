import type {CatalogSnapshot} from '../catalog/contract.ts';
import {datumText} from './expr-text.ts';
import {paramsWith} from './lift-constants.ts';
import type {AnyShape, LiveShape} from './live-shape.ts';

/**
 * Whether a query that was planned anew, over another catalog, means the same and reads stored rows at the same places: then who
 * subscribed to it before goes on. `readsRowId`: its codec reads what lies behind the columns of a row.
 */
export function isSameQuery(
  before: {readonly shape: AnyShape; readonly catalog: CatalogSnapshot},
  now: {readonly shape: AnyShape; readonly catalog: CatalogSnapshot},
  isJson: boolean,
): boolean {
  const {shape} = before;
  const {shape: next} = now;
  if (shape.class !== next.class || shape.queryId !== next.queryId) return false;
  if (constantsText(shape) !== constantsText(next)) return false;
  if (shape.class === 'E')
    return next.class === 'E' && String(shape.keyColumns) === String(next.keyColumns);
  const row = shape.class === 'A' ? shape : shape.inner;
  const nextRow = next.class === 'A' ? next : next.class === 'B' ? next.inner : null;
  if (nextRow === null) return false;
  const readsRowId =
    shape.class === 'B' || (isJson && (row.keyPositions.length === 0 || row.scope === 'all'));
  const {lookup} = row.scan;
  const hasIndex =
    lookup === null || now.catalog.indexesOf(row.table).some(index => index.oid === lookup.index);
  return (
    hasIndex &&
    hasSameLayout(row, nextRow, readsRowId) &&
    storageText(row, before.catalog) === storageText(row, now.catalog) &&
    keyText(row, before.catalog) === keyText(nextRow, now.catalog)
  );
}

/** The constants of comparisons, which are no part of a query's identity. */
function constantsText(shape: AnyShape): string {
  const params = paramsWith(shape, []);
  return shape.values
    .filter(({kind, index}) => kind === 'param' && index >= shape.parameterCount)
    .map(({index, type}) => `${index}=${datumText(params[index] ?? null, type)}`)
    .join();
}

/** Whether what is read of the stored row is still where it was; pseudo columns are behind the last one. */
function hasSameLayout(before: LiveShape, now: LiveShape, readsRowId: boolean): boolean {
  const isSameWidth = before.attnums.length === now.attnums.length;
  if (readsRowId && !isSameWidth) return false;
  return [...before.filterPositions, ...before.projectionPositions, ...before.keyPositions].every(
    position =>
      position < before.attnums.length
        ? before.attnums[position] === now.attnums[position]
        : isSameWidth,
  );
}

/** Where what is read is stored: ALTER TYPE rewrites a column into another one, also when its type stays the same. */
function storageText(shape: LiveShape, catalog: CatalogSnapshot): string {
  const {table, attnums, filterPositions, projectionPositions, keyPositions} = shape;
  const columns = catalog.tableByOid(table)?.columns ?? [];
  return [...filterPositions, ...projectionPositions, ...keyPositions]
    .map(position => columns.find(each => each.attnum === attnums[position])?.storageId)
    .join();
}

/** The primary key: clients know rows by it. */
function keyText({table, attnums, keyPositions}: LiveShape, catalog: CatalogSnapshot): string {
  const columns = catalog.tableByOid(table)?.columns ?? [];
  const keys = keyPositions.map(position => {
    const column = columns.find(each => each.attnum === attnums[position]);
    return `${column?.attnum} ${column?.typeOid} ${column?.typmod}`;
  });
  return keys.join();
}
