import {setImmediate as nextTurn} from 'node:timers/promises';
import type {Engine} from './engine.ts';
import {failpoint} from './failpoint.ts';
import type {HotImage, MovedRows} from './hot/hot-image.ts';
import type {Drain} from './hot/hot-store.ts';

/** Rows per transaction: about a millisecond. */
const SLICE_ROWS = 400;

/** Hot copies of rows that a flush moved to a segment. */
export interface DrainWork {
  readonly drain: Drain;
  readonly rows: readonly MovedRows[];
}

/**
 * Deletes the hot copies of flushed rows in slices, in the image and in SQLite; what is left at a stop is deleted at the next
 * start.
 */
export class Drainer {
  readonly #engine: Engine;
  readonly #running = new Set<Promise<void>>();
  #isClosing = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  start(image: HotImage, work: readonly DrainWork[]): void {
    const running = this.#drainAll(image, work).catch((error: unknown) => {
      this.#engine.logger.warn(
        `deleting flushed rows of table "${image.table.name}": ${String(error)}`,
      );
    });
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#running);
  }

  async #drainAll(image: HotImage, work: readonly DrainWork[]): Promise<void> {
    for (const {drain, rows} of work) {
      let rids: number[] = [];
      for (const {chunk, places} of rows) {
        for (let slot = 0; slot < places.length; slot++) {
          if (places[slot] === 0) continue;
          rids.push(Number(chunk.rids[slot]!));
          image.forgetMoved((chunk.index << 10) | slot);
          if (rids.length < SLICE_ROWS) continue;
          if (!(await this.#drainSlice(image, drain, rids))) return;
          rids = [];
        }
      }
      if (!(await this.#drainSlice(image, drain, rids))) return;
    }
    await this.#engine.commits.exclusive(() => this.#finish(work));
  }

  #finish(work: readonly DrainWork[]): void {
    const {db, hot} = this.#engine;
    if (!db.open) return;
    const finish = db.prepare('DELETE FROM drains WHERE id = ?');
    for (const {drain} of work) {
      const at = hot.drains.indexOf(drain);
      // A table that was dropped meanwhile took its drains along.
      if (at === -1) continue;
      finish.run(BigInt(drain.id));
      hot.drains.splice(at, 1);
    }
  }

  /** False when there is nothing left to do it for. */
  async #drainSlice(image: HotImage, drain: Drain, rids: readonly number[]): Promise<boolean> {
    await nextTurn();
    const work = (): boolean => this.#deleteRows(image, drain, rids);
    return this.#engine.db.inTransaction ? this.#engine.commits.exclusive(work) : work();
  }

  #deleteRows(image: HotImage, drain: Drain, rids: readonly number[]): boolean {
    const {db, hot, snapshots} = this.#engine;
    if (this.#isClosing || !db.open || !hot.has(drain.table)) return false;
    image.vacuum(snapshots.oldest(), SLICE_ROWS * 2);
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const generation of hot.state(drain.table).generations)
        for (const rid of rids) generation.drain(rid, drain.seq);
      db.exec('COMMIT');
      failpoint('drain-between-slices');
      return true;
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}
