// Hot path: every part of the change log passes here.
import type Database from 'better-sqlite3';
import type {Statement} from 'better-sqlite3';

/** So many parts wait in memory for their index. */
const TAIL_PARTS = 512;
const INDEXED = 'log_indexed';

/** Where a part of the change log lies. */
interface Place {
  readonly id: bigint;
  readonly table: number;
  readonly owner: number;
}

/** A part as stored: id, owner, data. */
export type StoredRow = readonly [bigint, bigint, Uint8Array];

/**
 * Finds parts of the change log by table, and by table and owner, in order of their commits. The index in SQLite is written
 * for many parts at once, by the commit that completes a batch: a lone commit writes one page less. The newest parts are
 * known here, and found in the log again at start.
 */
export class LogIndex {
  readonly #db: Database;
  readonly #putOwner: Statement;
  readonly #putTable: Statement;
  readonly #putIndexed: Statement;
  readonly #ofTable: Statement;
  readonly #ofOwner: Statement;
  readonly #one: Statement;
  #tail: Place[] = [];

  constructor(db: Database) {
    this.#db = db;
    this.#putOwner = db.prepare(
      'INSERT OR REPLACE INTO log_owners(tbl, owner, id) VALUES (?, ?, ?)',
    );
    this.#putTable = db.prepare('INSERT OR REPLACE INTO log_tables(tbl, id) VALUES (?, ?)');
    this.#putIndexed = db.prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)');
    const part = 'SELECT l.id, l.owner, l.data FROM';
    const range = 'p.id > ? AND p.id < ? ORDER BY p.id';
    this.#ofTable = db
      .prepare(`${part} log_tables p CROSS JOIN log l ON l.id = p.id WHERE p.tbl = ? AND ${range}`)
      .raw();
    this.#ofOwner = db
      .prepare(
        `${part} log_owners p CROSS JOIN log l ON l.id = p.id WHERE p.tbl = ? AND p.owner = ? AND ${range}`,
      )
      .raw();
    this.#one = db.prepare(`${part} log l WHERE l.id = ?`).raw();
    this.#load();
  }

  /** A part was written to the log. Its table is 0 when it has no rows: nobody looks for it. */
  add(id: bigint, table: number, owner: number): void {
    if (table !== 0) this.#tail.push({id, table, owner});
  }

  /** Indexes what waits, when that is much; the SQLite transaction that wrote it is open. */
  writeIfDue(): void {
    if (this.#tail.length >= TAIL_PARTS) this.#write();
  }

  /** Calls back what was added since, when the SQLite transaction is rolled back. */
  mark(): () => void {
    const tail = this.#tail;
    const {length} = tail;
    return () => {
      tail.length = length;
      this.#tail = tail;
    };
  }

  /**
   * Parts of a table (of one owner; null = all) with `from` < id < `to`, in order: [id, owner, data]. The connection is busy
   * while they are read.
   */
  *read(table: number, owner: number | null, from: bigint, to: bigint): Generator<StoredRow> {
    const indexed =
      owner === null
        ? this.#ofTable.iterate(BigInt(table), from, to)
        : this.#ofOwner.iterate(BigInt(table), BigInt(owner), from, to);
    yield* indexed as IterableIterator<StoredRow>;
    for (const place of this.#tail) {
      if (place.table !== table || (owner !== null && place.owner !== owner)) continue;
      if (place.id <= from || place.id >= to) continue;
      const row = this.#one.get(place.id) as StoredRow | undefined;
      if (row !== undefined) yield row;
    }
  }

  /** Parts before this one are about to be dropped from the log. */
  forget(before: bigint): void {
    if (this.#tail.length > 0 && this.#tail[0]!.id < before)
      this.#tail = this.#tail.filter(({id}) => id >= before);
  }

  #write(): void {
    const tail = this.#tail;
    let newest = 0n;
    for (const {id, table} of tail) {
      this.#putTable.run(BigInt(table), id);
      if (id > newest) newest = id;
    }
    const byOwner = tail.toSorted((a, b) => a.table - b.table || a.owner - b.owner);
    for (const {id, table, owner} of byOwner) this.#putOwner.run(BigInt(table), BigInt(owner), id);
    this.#putIndexed.run(INDEXED, newest);
    this.#tail = [];
  }

  /** What the log has beyond its index: a few hundred parts, or all of a log that was restored. */
  #load(): void {
    const db = this.#db;
    const indexed = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(INDEXED) ?? -1n;
    const rows = db
      .prepare('SELECT id, tbl, owner FROM log WHERE id > ? AND tbl <> 0 ORDER BY id')
      .raw();
    for (const row of rows.iterate(indexed as bigint) as Iterable<[bigint, bigint, bigint]>)
      this.#tail.push({id: row[0], table: Number(row[1]), owner: Number(row[2])});
    if (this.#tail.length < TAIL_PARTS) return;
    db.exec('BEGIN IMMEDIATE');
    this.#write();
    db.exec('COMMIT');
  }
}
