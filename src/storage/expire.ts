import type {Rid} from '../common/ids.ts';
import type {ExpireResult, TableStorage} from './contract.ts';
import type {Engine} from './engine.ts';
import {isMemoryOnly} from './hot/hot-store.ts';
import {StorageTransaction} from './tx/transaction.ts';
import {hotVersion} from './tx/row-versions.ts';

const NOTHING: ExpireResult = {rows: 0, hasMore: false, seq: null};
/** Rows that others hold and that one call looks past at most. */
const MAX_SKIPPED = 10_000;

/**
 * Deletes the oldest rows of a table that lives in memory. `byRid` is in the order in which versions began, so
 * only rows that are due, and one more, are looked at.
 */
export function expireRows(
  engine: Engine,
  id: number,
  table: TableStorage,
  upTo: number,
  limit: number,
): ExpireResult {
  const image = engine.hot.loadedImage(table.oid);
  if (image === null || !isMemoryOnly(table)) return NOTHING;
  engine.commits.flush();
  const tx = new StorageTransaction(engine, id, {
    isolation: 'read committed',
    isReadOnly: false,
    databaseOid: table.databaseOid,
    waiter: {pid: 0, lockTimeoutMs: () => 0, deadlockTimeoutMs: () => 1000},
  });
  tx.beginStatement();
  let rows = 0;
  let skipped = 0;
  let hasMore = false;
  for (const position of image.byRid.values()) {
    const chunk = image.chunkOf(position)!;
    const slot = image.slotOf(position);
    if (chunk.begin[slot]! > upTo) break;
    if (rows === limit || skipped === MAX_SKIPPED) {
      hasMore = true;
      break;
    }
    if (tx.lockRow(table, chunk.rids[slot]! as Rid, 'update', 'skip') !== 'granted') {
      skipped++;
      hasMore = true;
      continue;
    }
    // A hot row that is locked: never a promise.
    void tx.delete(table, hotVersion(image, table, position));
    rows++;
  }
  tx.endStatement();
  if (rows === 0) {
    tx.rollback();
    return {rows, hasMore, seq: null};
  }
  tx.commit()?.catch((error: unknown) => {
    engine.logger.warn(`deleting expired rows of table "${table.name}": ${String(error)}`);
  });
  engine.commits.flush();
  return {rows, hasMore, seq: tx.commitSeq};
}
