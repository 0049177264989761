import type Database from 'better-sqlite3';
import {newestLoggedSeq} from './logged-seq.ts';

/** Seq up to which the change log is archived; an archive that is new begins at the newest commit. */
export function archiveStart(db: Database): number {
  const stored = db.prepare(`SELECT value FROM meta WHERE key = 'archive_seq'`).pluck().get();
  if (stored !== undefined) return Number(stored);
  const seq = newestLoggedSeq(db);
  storeArchivedSeq(db, seq);
  return seq;
}

/** Whether the server of before kept an archive. */
export function isArchived(db: Database): boolean {
  return db.prepare(`SELECT 1 FROM meta WHERE key = 'archive_seq'`).get() !== undefined;
}

/** Without an archive nothing is kept for it: one that is switched on again begins anew. */
export function stopArchive(db: Database): null {
  db.prepare(`DELETE FROM meta WHERE key = 'archive_seq'`).run();
  return null;
}

/** Notes that the archive has everything up to a seq. */
export function storeArchivedSeq(db: Database, seq: number): void {
  db.prepare(`INSERT OR REPLACE INTO meta(key, value) VALUES ('archive_seq', ?)`).run(BigInt(seq));
}
