import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {Oid} from '../../common/ids.ts';

/**
 * attnums of the columns that foreign keys could refer to: those of unique indexes without expressions and predicates. Only an UPDATE
 * of one of them locks its row FOR UPDATE, and stands in the way of FOR KEY SHARE (PostgreSQL 13.3.2).
 */
export function keyColumnsOf(catalog: CatalogSnapshot, table: Oid): readonly number[] {
  const columns = new Set<number>();
  for (const index of catalog.indexesOf(table)) {
    if (!index.isUnique || index.predicateText !== null) continue;
    if (index.keys.some(key => key.attnum === 0)) continue;
    for (const key of index.keys) columns.add(key.attnum);
  }
  return [...columns];
}
