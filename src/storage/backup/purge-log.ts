import {setImmediate as nextTurn} from 'node:timers/promises';
import {ByteReader} from '../../common/byte-reader.ts';
import type {Engine} from '../engine.ts';
import {FLAG_BULK, LogPartWriter, readPartHeader} from '../hot/change-log.ts';

const PARTS_PER_TURN = 16;

/**
 * Overwrites the parts of an owner in the change log by parts without rows: entries stay in their places, and whoever is behind them
 * reads the table anew.
 * SQLite overwrites the freed bytes with zeros in the same transaction. How many parts went.
 */
export async function purgeLog(engine: Engine, owner: number): Promise<number> {
  const {db, commits} = engine;
  const select = db
    .prepare(
      'SELECT id, substr(data, 1, 32), tbl FROM log WHERE owner = ? AND id > ? ORDER BY id LIMIT ?',
    )
    .raw();
  const put = db.prepare('UPDATE log SET data = ? WHERE id = ?');
  const out = new LogPartWriter();
  let after = -1n;
  let purged = 0;
  for (;;) {
    await commits.settle();
    const rows = select.all(BigInt(owner), after, BigInt(PARTS_PER_TURN)) as [
      bigint,
      Uint8Array,
      bigint,
    ][];
    if (rows.length === 0) return purged;
    db.pragma('secure_delete = ON');
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const [id, head, table] of rows) {
        after = id;
        if (table === 0n) continue;
        const header = readPartHeader(new ByteReader(Buffer.from(head)));
        out.begin(FLAG_BULK, header.schemaVersion, header.timestamp);
        out.json('{}');
        put.run(out.finish(), id);
        purged++;
      }
      db.exec('COMMIT');
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    } finally {
      db.pragma('secure_delete = OFF');
    }
    await nextTurn();
  }
}
