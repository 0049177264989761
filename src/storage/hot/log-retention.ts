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
    const {db, settings, commits, logger} = this.#engine;
    const floor = Math.min(
      commits.lastSeq - settings.logRetentionCommits,
      this.#engine.holds.droppableSeq,
    );
    if (floor <= 0 || db.inTransaction) return;
    try {
      db.exec('BEGIN IMMEDIATE');
      const {changes} = db
        .prepare(
          'DELETE FROM log WHERE id IN (SELECT id FROM log WHERE id < ? ORDER BY id LIMIT ?)',
        )
        .run(BigInt(floor) << LOG_PART_BITS, PRUNE_SLICE);
      if (changes > 0)
        db.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)').run('log_floor', floor);
      db.exec('COMMIT');
      if (changes === PRUNE_SLICE) setImmediate(() => db.open && this.#prune());
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      logger.warn(`change log retention: ${String(error)}`);
    }
  }
}
