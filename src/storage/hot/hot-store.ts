import type Database from 'better-sqlite3';
import type {Oid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {TableStorage} from '../contract.ts';
import {type Pace, runInTurns, type Slices} from '../slices.ts';
import {HotImage} from './hot-image.ts';
import {
  type Generation,
  type GenerationColumn,
  generationName,
  generationOf,
  HotTable,
} from './hot-table.ts';

/** Rows of a partition that a flush moved to a segment and whose hot copies are still being deleted. */
export interface Drain {
  readonly id: number;
  readonly table: number;
  readonly owner: number;
  readonly seq: number;
  /** Rids that stay hot although they are old enough. */
  readonly keep: ReadonlySet<number>;
}

/** What storage holds of one table's hot side. */
export interface HotState {
  readonly oid: number;
  /** Oldest first; the last one takes new rows. Empty for tables that live in memory only or are not committed. */
  generations: HotTable[];
  image: HotImage | null;
  /** Load in slices under way. */
  loading: Promise<void> | null;
  /** Changed by whatever makes the rows that such a load has read obsolete. */
  epoch: number;
  /** Rows in SQLite while nothing is loaded, once counted. */
  counted: number | null;
}

/** Whether a table's rows live in memory only: streams and temporary tables. */
export function isMemoryOnly(table: TableStorage): boolean {
  return table.kind === 'stream' || table.persistence === 't';
}

/** The hot side of all tables: SQLite generations and images, bounded in bytes. */
export class HotStore {
  readonly #db: Database;
  readonly #states = new Map<number, HotState>();
  readonly #budget: number;
  readonly #sliceMs: number;
  readonly drains: Drain[] = [];
  #clock = 0;

  constructor(db: Database, budget: number, sliceMs: number) {
    this.#db = db;
    this.#budget = budget;
    this.#sliceMs = sliceMs;
    for (const row of db
      .prepare('SELECT tbl, version, columns FROM generations ORDER BY tbl, version')
      .raw()
      .iterate()) {
      const [table, version, columns] = row as [bigint, bigint, string];
      const generation: Generation = {
        table: Number(table),
        version: Number(version),
        columns: JSON.parse(columns) as GenerationColumn[],
      };
      this.state(generation.table).generations.push(new HotTable(db, generation));
    }
  }

  state(oid: number): HotState {
    let state = this.#states.get(oid);
    if (state === undefined) {
      state = {oid, generations: [], image: null, loading: null, epoch: 0, counted: null};
      this.#states.set(oid, state);
    }
    return state;
  }

  has(oid: number): boolean {
    return this.#states.has(oid);
  }

  /**
   * The image of a table. When it is not in memory it is loaded from SQLite at once, which holds everybody: whoever can wait calls
   * `load` first.
   */
  image(table: TableStorage): HotImage {
    const state = this.#states.get(table.oid) ?? this.state(table.oid);
    let image = state.image;
    if (image === null) {
      state.epoch++;
      image = new HotImage(table);
      for (const _ of this.#fill(image, state, table));
      setImage(state, image);
    }
    image.lastUse = ++this.#clock;
    return image;
  }

  /** Whether a table's rows can be read without reading SQLite first. */
  isLoaded(oid: Oid | number): boolean {
    const state = this.#states.get(oid);
    return state === undefined || state.image !== null || state.generations.length === 0;
  }

  /**
   * Loads the image of a table in slices; null when it is in memory, or small enough to be there now. After the wait it may be gone
   * again. The caller holds a lock that keeps the table's shape.
   */
  load(table: TableStorage): Promise<void> | null {
    const state = this.state(table.oid);
    if (state.image !== null || state.generations.length === 0) return null;
    state.loading ??= this.#loadInSlices(state, table);
    return state.image === null ? state.loading : null;
  }

  /** About how many hot rows a table has; exact once it is loaded. */
  estimate(table: TableStorage): number {
    const {image, generations} = this.state(table.oid);
    if (image !== null) return image.liveRows;
    let rows = 0;
    for (const hot of generations) rows += hot.estimate(this.#db);
    return rows;
  }

  /** Hot rows of a table, and about how many bytes they take. One that is not loaded is counted in SQLite, once. */
  stats(table: TableStorage): {readonly rows: number; readonly bytes: number} {
    const state = this.state(table.oid);
    if (state.image === null && this.drains.some(drain => drain.table === table.oid))
      this.image(table);
    if (state.image !== null) return {rows: state.image.liveRows, bytes: state.image.bytes};
    state.counted ??= state.generations.reduce((sum, hot) => sum + hot.count(this.#db), 0);
    return {rows: state.counted, bytes: state.counted * (64 + 24 * table.columns.length)};
  }

  /** The shape or the rows of a table change: what is being loaded of it is read anew. */
  outdate(oid: number): void {
    const state = this.#states.get(oid);
    if (state === undefined) return;
    state.epoch++;
    state.counted = null;
  }

  /** The image when it is in memory. */
  loadedImage(oid: Oid | number): HotImage | null {
    return this.#states.get(oid)?.image ?? null;
  }

  /** Creates the SQLite table of a generation; inside the commit's SQLite transaction. */
  createGeneration(table: TableStorage): HotTable {
    const hot = HotTable.create(this.#db, table);
    const {version, columns} = generationOf(table);
    this.#db
      .prepare('INSERT OR REPLACE INTO generations(tbl, version, columns) VALUES (?, ?, ?)')
      .run(BigInt(table.oid), BigInt(version), JSON.stringify(columns));
    return hot;
  }

  /**
   * Drops the SQLite tables of a table, those that the same commit created too; inside the commit's
   * SQLite transaction.
   */
  dropGenerations(oid: number, created: readonly HotTable[]): void {
    for (const hot of [...this.state(oid).generations, ...created]) {
      this.#db.exec(`DROP TABLE IF EXISTS ${generationName(oid, hot.generation.version)}`);
    }
    this.#db.prepare('DELETE FROM generations WHERE tbl = ?').run(BigInt(oid));
    this.#db.prepare('DELETE FROM drains WHERE tbl = ?').run(BigInt(oid));
  }

  /** Forgets a dropped or never committed table. */
  forget(oid: number): void {
    this.outdate(oid);
    this.#states.delete(oid);
    for (let i = this.drains.length - 1; i >= 0; i--)
      if (this.drains[i]!.table === oid) this.drains.splice(i, 1);
  }

  /** Frees slots of dead versions in all images; for tables that are not written any more. */
  vacuum(oldest: number, budget: number): void {
    for (const state of this.#states.values()) state.image?.vacuum(oldest, budget);
  }

  /** About how many bytes of replaced and deleted versions are kept for snapshots from `oldest` on. */
  endedBytes(oldest: number): number {
    let bytes = 0;
    for (const state of this.#states.values()) bytes += state.image?.endedBytes(oldest) ?? 0;
    return bytes;
  }

  /** Drops images that nobody uses until the rest fits the budget; `oldest` is the seq of the oldest snapshot. */
  shrink(oldest: number): void {
    const loaded: HotImage[] = [];
    let bytes = 0;
    for (const state of this.#states.values()) {
      if (state.image === null) continue;
      loaded.push(state.image);
      bytes += state.image.bytes;
    }
    if (bytes <= this.#budget) return;
    loaded.sort((a, b) => a.lastUse - b.lastUse);
    for (const image of loaded) {
      if (bytes <= this.#budget) return;
      const canDrop =
        image.pins === 0 &&
        image.writers.length === 0 &&
        image.lastChangeSeq <= oldest &&
        !isMemoryOnly(image.table);
      if (!canDrop) continue;
      bytes -= image.bytes;
      this.state(image.table.oid).image = null;
    }
  }

  async #loadInSlices(state: HotState, table: TableStorage): Promise<void> {
    const epoch = ++state.epoch;
    try {
      await runInTurns(pace => this.#readInSlices(state, table, epoch, pace), this.#sliceMs);
    } finally {
      state.loading = null;
    }
  }

  *#readInSlices(state: HotState, table: TableStorage, epoch: number, pace: Pace): Slices {
    const image = new HotImage(table);
    for (const _ of this.#fill(image, state, table)) {
      if (!pace.isOver) continue;
      yield;
      if (state.epoch !== epoch || !this.#db.open) return;
    }
    setImage(state, image);
    image.lastUse = ++this.#clock;
  }

  /** Enters every row; yields between pages. */
  *#fill(image: HotImage, state: HotState, table: TableStorage): Slices {
    const drains = this.drains.filter(drain => drain.table === table.oid);
    for (const hot of state.generations.slice()) {
      yield* hot.read(this.#db, table.columns, (rid, seq, owner, row: Datum[]) => {
        for (const drain of drains)
          if (drain.owner === owner && seq <= drain.seq && !drain.keep.has(rid)) return;
        image.add(rid, owner, row, seq, -1);
      });
    }
  }
}

function setImage(state: HotState, image: HotImage): void {
  state.image = image;
  state.counted = null;
}
