import type {Engine} from './engine.ts';
import {failpoint} from './failpoint.ts';
import type {HotImage, MovedRows} from './hot/hot-image.ts';
import type {Drain} from './hot/hot-store.ts';
import {Breather} from './slices.ts';

/** Rows per transaction, at first and at the ends: so many that one takes about a millisecond. */
const SLICE_ROWS = 200;
const MIN_ROWS = 25;
const MAX_ROWS = 800;
const SLICE_MS = 1;

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
  readonly #breather: Breather;
  #sliceRows = SLICE_ROWS;
  #isClosing = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#breather = new Breather(() => engine.callers.begun);
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
          if (rids.length < this.#sliceRows) continue;
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
    await this.#breather.rest();
    const work = (): boolean => this.#deleteRows(image, drain, rids);
    return this.#engine.db.inTransaction ? this.#engine.commits.exclusive(work) : work();
  }

  #deleteRows(image: HotImage, drain: Drain, rids: readonly number[]): boolean {
    const {db, hot, snapshots} = this.#engine;
    if (this.#isClosing || !db.open || !hot.has(drain.table)) return false;
    const began = performance.now();
    image.vacuum(snapshots.oldest(), rids.length * 2);
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const generation of hot.state(drain.table).generations)
        for (const rid of rids) generation.drain(rid, drain.seq);
      db.exec('COMMIT');
      failpoint('drain-between-slices');
      const isLong = performance.now() - began > SLICE_MS;
      this.#sliceRows = isLong
        ? Math.max(MIN_ROWS, this.#sliceRows >> 1)
        : Math.min(MAX_ROWS, this.#sliceRows + MIN_ROWS);
      return true;
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}
