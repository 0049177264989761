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
  /** `isMoved`: the segment itself goes on under another path. */
  #waiting: {readonly entry: SegmentEntry; readonly isMoved: boolean; readonly seq: number}[] = [];
  #known: ReadonlyMap<number, SegmentEntry> = new Map();
  readonly #timer: NodeJS.Timeout;
  #passing: {readonly path: string; readonly seq: number}[] = [];
  /** Files of segments that left the manifest before the start and were kept for the archive. */
  #left: readonly string[];
  readonly #leftSeq: number;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#known = this.#entries();
    this.#left = engine.db.prepare('SELECT path FROM unlinks').pluck().all() as string[];
    this.#leftSeq = engine.commits.lastSeq;
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
    const {db, snapshots, durability, cold, commits, holds, garbage, segments} = this.#engine;
    // SQLite's list has what a large commit would remove, which may yet fail.
    if (db.inTransaction) return;
    const now = this.#entries();
    if (now !== this.#known) {
      for (const [id, entry] of this.#known)
        if (now.get(id)?.path !== entry.path)
          this.#waiting.push({entry, isMoved: now.has(id), seq: commits.lastSeq});
      this.#known = now;
      this.#notePassing();
    }
    const {length} = this.#passing;
    if (this.#waiting.length === 0 && this.#left.length === 0 && length === 0) return;
    const safe = Math.min(snapshots.oldest(), durability.durable, holds.removableSeq);
    const ready = this.#waiting.filter(({seq}) => seq <= safe);
    const isLeftDue = this.#left.length > 0 && this.#leftSeq <= holds.removableSeq;
    for (const {path, seq} of this.#passing) {
      if (seq > safe) continue;
      segments.forget(path);
      garbage.remove(path);
    }
    this.#passing = this.#passing.filter(({seq}) => seq > safe);
    if (ready.length === 0 && !isLeftDue) return;
    this.#waiting = this.#waiting.filter(({seq}) => seq > safe);
    if (isLeftDue) {
      for (const path of this.#left) garbage.remove(path);
      this.#left = [];
    }
    for (const {entry, isMoved} of ready) {
      cold.forget(entry, isMoved);
      garbage.remove(entry.path);
    }
  }

  /** Segments that came and went between two looks are known by SQLite's list only. */
  #notePassing(): void {
    const {db, commits, garbage} = this.#engine;
    const known = new Set([...this.#waiting.map(({entry}) => entry.path), ...this.#left]);
    const paths = db.prepare('SELECT path FROM unlinks').pluck().all() as string[];
    const seq = commits.lastSeq;
    for (const path of [...this.#passing.map(each => each.path), ...garbage.waiting])
      known.add(path);
    for (const path of paths) {
      if (!known.has(path)) this.#passing.push({path, seq});
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
