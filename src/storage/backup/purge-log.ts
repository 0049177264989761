import {setImmediate as nextTurn} from 'node:timers/promises';
import {ByteReader} from '../../common/byte-reader.ts';
import type {Engine} from '../engine.ts';
import {FLAG_BULK, FLAG_JSON, LogPartWriter, readPartHeader} from '../hot/change-log.ts';
import type {LoggedJson, LoggedSegment} from '../tx/log-json.ts';

const PARTS_PER_TURN = 512;
const CHANGES_PER_TURN = 32;

/**
 * Overwrites the parts of an owner in the change log by parts without rows: entries stay in their places, and whoever is behind them
 * reads the table anew. `upTo`: seq of the newest entry that may go; null = the newest one. SQLite overwrites the freed bytes with zeros
 * in the same transaction. How many parts went.
 */
export async function purgeLog(
  engine: Engine,
  owner: number,
  upTo: number | null,
): Promise<number> {
  const {db, commits} = engine;
  const scan = db
    .prepare('SELECT id, tbl, owner FROM log WHERE id > ? AND id >> 20 <= ? ORDER BY id LIMIT ?')
    .raw();
  const get = db.prepare('SELECT data FROM log WHERE id = ?').pluck();
  const put = db.prepare('UPDATE log SET data = ? WHERE id = ?');
  const out = new LogPartWriter();
  const last = BigInt(upTo ?? commits.lastSeq);
  let after = -1n;
  let purged = 0;
  for (;;) {
    await nextTurn();
    do await commits.settle();
    while (db.inTransaction);
    const rows = scan.all(after, last, BigInt(PARTS_PER_TURN)) as [bigint, bigint, bigint][];
    if (rows.length === 0) return purged;
    let changes = 0;
    db.pragma('secure_delete = ON');
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const [id, table, of] of rows) {
        if (changes >= CHANGES_PER_TURN) break;
        after = id;
        if (table !== 0n && of !== BigInt(owner)) continue;
        const data = Buffer.from(get.get(id) as Uint8Array);
        const cleaned = table === 0n ? withoutStatistics(data, owner, out) : withoutRows(data, out);
        changes++;
        if (cleaned === null) continue;
        put.run(cleaned, id);
        purged++;
      }
      db.exec('COMMIT');
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    } finally {
      db.pragma('secure_delete = OFF');
    }
  }
}

/** A part that tells its readers to read the table; null when it is one already. */
function withoutRows(data: Buffer, out: LogPartWriter): Buffer | null {
  const {flags, schemaVersion, timestamp} = readPartHeader(new ByteReader(data));
  if ((flags & FLAG_BULK) !== 0) return null;
  out.begin(FLAG_BULK, schemaVersion, timestamp);
  out.json('{}');
  return out.finish();
}

/** Smallest and largest values of a segment are values of its owner: the part without them, null when it has none. */
function withoutStatistics(data: Buffer, owner: number, out: LogPartWriter): Buffer | null {
  const reader = new ByteReader(data);
  const {flags, schemaVersion, timestamp} = readPartHeader(reader);
  if ((flags & FLAG_JSON) === 0) return null;
  const json = JSON.parse(data.toString('utf8', data.length - reader.remaining)) as LoggedJson;
  const others = (segments: readonly LoggedSegment[] | undefined): readonly LoggedSegment[] =>
    (segments ?? []).filter(segment => segment.owner !== owner);
  const segments = others(json.segments);
  const bulk = others(json.bulk);
  const isOthers =
    segments.length === json.segments.length && bulk.length === (json.bulk?.length ?? 0);
  if (isOthers) return null;
  out.begin(flags, schemaVersion, timestamp);
  out.json(JSON.stringify({...json, segments, bulk}));
  return out.finish();
}
