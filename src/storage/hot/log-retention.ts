import type {Engine} from '../engine.ts';
import {LOG_PART_BITS} from './schema.ts';

const PRUNE_EVERY_MS = 30_000;
const PRUNE_SLICE = 500;

/** Drops the oldest entries of the change log beyond the retention, in slices between other work. */
export class LogRetention {
  readonly #engine: Engine;
  readonly #timer: NodeJS.Timeout;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#timer = setInterval(() => this.#prune(), PRUNE_EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #prune(): void {
    const {db, settings, commits, logger, logIndex} = this.#engine;
    const floor = Math.min(
      commits.lastSeq - settings.logRetentionCommits,
      this.#engine.holds.droppableSeq,
    );
    if (floor <= 0 || db.inTransaction) return;
    try {
      db.exec('BEGIN IMMEDIATE');
      const before = BigInt(floor) << LOG_PART_BITS;
      const drop = (table: string, key: string): number =>
        db
          .prepare(
            `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM log WHERE id < ? ORDER BY id LIMIT ?)`,
          )
          .run(before, PRUNE_SLICE).changes;
      drop('log_owners', 'tbl, owner, id');
      drop('log_tables', 'tbl, id');
      const changes = drop('log', 'id');
      if (changes > 0)
        db.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)').run('log_floor', floor);
      db.exec('COMMIT');
      logIndex.forget(before);
      if (changes === PRUNE_SLICE) setImmediate(() => db.open && this.#prune());
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      logger.warn(`change log retention: ${String(error)}`);
    }
  }
}
