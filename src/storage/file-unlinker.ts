import {rmSync} from 'node:fs';
import type {Engine} from './engine.ts';
import type {SegmentEntry} from './manifest.ts';

const SWEEP_MS = 1000;
const VACUUM_BUDGET = 10_000;

/**
 * Removes files of segments that left the manifest, once the commit is durable and no snapshot can
 * read them. Until then SQLite lists them, for the next start.
 */
export class FileUnlinker {
  readonly #engine: Engine;
  #waiting: {readonly entry: SegmentEntry; readonly seq: number}[] = [];
  #known: ReadonlyMap<number, SegmentEntry> = new Map();
  readonly #timer: NodeJS.Timeout;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#known = this.#entries();
    this.#timer = setInterval(() => {
      this.sweep();
      engine.hot.vacuum(engine.snapshots.oldest(), VACUUM_BUDGET);
    }, SWEEP_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.sweep();
  }

  /** Looks for segments that are gone from the newest manifest, and removes files that nobody can read. */
  sweep(): void {
    const {snapshots, durability, cold, db, commits} = this.#engine;
    const now = this.#entries();
    if (now !== this.#known) {
      for (const [id, entry] of this.#known)
        if (!now.has(id)) this.#waiting.push({entry, seq: commits.lastSeq});
      this.#known = now;
    }
    if (this.#waiting.length === 0) return;
    const safe = Math.min(snapshots.oldest(), durability.durable);
    const ready = this.#waiting.filter(({seq}) => seq <= safe);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter(({seq}) => seq > safe);
    const forget = db.prepare('DELETE FROM unlinks WHERE path = ?');
    for (const {entry} of ready) {
      cold.forget(entry);
      rmSync(entry.path, {force: true});
      forget.run(entry.path);
    }
  }

  #manifest: object | null = null;

  #entries(): ReadonlyMap<number, SegmentEntry> {
    const {manifest} = this.#engine.cold;
    if (manifest === this.#manifest) return this.#known;
    this.#manifest = manifest;
    const all = new Map<number, SegmentEntry>();
    for (const table of manifest.tables.values())
      for (const [id, entry] of table.byId) all.set(id, entry);
    return all;
  }
}
