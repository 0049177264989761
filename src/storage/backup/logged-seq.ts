import type Database from 'better-sqlite3';

/** Seq of the newest commit that left something durable: of the change log, or below its floor when that is empty. */
export function newestLoggedSeq(db: Database): number {
  const newest = db.prepare('SELECT max(id) >> 20 FROM log').pluck().get();
  const floor = db.prepare(`SELECT value FROM meta WHERE key = 'log_floor'`).pluck().get();
  return Math.max(Number(newest ?? 0), Number(floor ?? 0) - 1, 0);
}
