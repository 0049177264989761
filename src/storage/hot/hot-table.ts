import type Database from 'better-sqlite3';
import type {Bindable, Statement} from 'better-sqlite3';
import type {Datum} from '../../types/contract.ts';
import type {StorageColumn, TableStorage} from '../contract.ts';
import type {Slices} from '../slices.ts';

/** Rows that one read of SQLite gives: about two milliseconds. */
const READ_PAGE = 256;
/** Looks that an estimate takes, and the rows of each. */
const SAMPLES = 16;
const SAMPLE_ROWS = 64;

/** A column as a generation recorded it. */
export interface GenerationColumn {
  readonly attnum: number;
  readonly typeOid: number;
  readonly typmod: number;
}

/** A shape of a table's hot rows: one SQLite table each. */
export interface Generation {
  readonly table: number;
  readonly version: number;
  readonly columns: readonly GenerationColumn[];
}

/** Name of the SQLite table of a generation. */
export function generationName(table: number, version: number): string {
  return `t_${table}_${version}`;
}

/** The generation of a table as of now. */
export function generationOf(table: TableStorage): Generation {
  return {
    table: table.oid,
    version: table.schemaVersion,
    columns: table.columns.map(c => ({attnum: c.attnum, typeOid: c.type.oid, typmod: c.typmod})),
  };
}

/**
 * Rows of one generation in SQLite by rid: `_rid` is the rowid, so that new rows are appended and
 * changed ones found without an index.
 */
export class HotTable {
  readonly generation: Generation;
  readonly #put: Statement;
  readonly #delete: Statement;
  readonly #drain: Statement;
  readonly #clear: Statement;

  constructor(db: Database, generation: Generation) {
    this.generation = generation;
    const name = generationName(generation.table, generation.version);
    const columns = generation.columns.map(c => `, c${c.attnum}`).join('');
    const marks = generation.columns.map(() => ', ?').join('');
    this.#put = db.prepare(
      `INSERT OR REPLACE INTO ${name}(_rid, _seq, _owner${columns}) VALUES (?, ?, ?${marks})`,
    );
    this.#delete = db.prepare(`DELETE FROM ${name} WHERE _rid = ?`);
    this.#drain = db.prepare(`DELETE FROM ${name} WHERE _rid = ? AND _seq <= ?`);
    this.#clear = db.prepare(`DELETE FROM ${name}`);
  }

  /** Creates the SQLite table; column affinities are those of the types' SQLite forms. */
  static create(db: Database, table: TableStorage): HotTable {
    const columns = table.columns.map(c => `, c${c.attnum} ${c.type.sqliteType}`).join('');
    const name = generationName(table.oid, table.schemaVersion);
    db.exec(
      `CREATE TABLE IF NOT EXISTS ${name}(_rid INTEGER PRIMARY KEY, _seq INTEGER NOT NULL, _owner INTEGER NOT NULL${columns})`,
    );
    return new HotTable(db, generationOf(table));
  }

  /** `values`: rid, seq, owner, then the columns. */
  put(values: readonly Bindable[]): void {
    this.#put.run(values);
  }

  delete(rid: number): void {
    this.#delete.run(BigInt(rid));
  }

  /** Removes a flushed row unless it changed since. */
  drain(rid: number, seq: number): void {
    this.#drain.run(BigInt(rid), BigInt(seq));
  }

  clear(): void {
    this.#clear.run();
  }

  /**
   * Calls back with every row, its columns in the order of `columns`; those that the generation lacks
   * hold their missing value. Yields between pages: rows that are written then are not met again.
   */
  *read(
    db: Database,
    columns: readonly StorageColumn[],
    each: (rid: number, seq: number, owner: number, row: Datum[]) => void,
  ): Slices {
    const {table, version} = this.generation;
    const own = new Set(this.generation.columns.map(c => c.attnum));
    const list = columns.map(c => (own.has(c.attnum) ? `, c${c.attnum}` : ', NULL')).join('');
    const isMissing = columns.map(c => !own.has(c.attnum));
    const page = db
      .prepare(
        `SELECT _rid, _seq, _owner${list} FROM ${generationName(table, version)}
          WHERE _rid > ? ORDER BY _rid LIMIT ${READ_PAGE}`,
      )
      .raw();
    for (let after: Bindable = -1n; ; ) {
      const rows = page.all(after) as Bindable[][];
      for (const values of rows) {
        const row: Datum[] = [];
        for (let i = 0; i < columns.length; i++) {
          const column = columns[i]!;
          const value = values[i + 3]!;
          if (isMissing[i] === true) row.push(column.missingValue);
          else row.push(value === null ? null : column.type.fromSqlite(value));
        }
        each(Number(values[0]), Number(values[1]), Number(values[2]), row);
      }
      if (rows.length < READ_PAGE) return;
      after = rows[rows.length - 1]![0]!;
      yield;
    }
  }

  /** About how many rows it holds, from a few looks at its keys. */
  estimate(db: Database): number {
    const name = generationName(this.generation.table, this.generation.version);
    const [first, last] = db.prepare(`SELECT min(_rid), max(_rid) FROM ${name}`).raw().get() as [
      bigint | null,
      bigint | null,
    ];
    if (first === null || last === null) return 0;
    const from = Number(first);
    const span = Number(last) - from + 1;
    if (span <= SAMPLE_ROWS) return span;
    const some = db
      .prepare(
        `SELECT count(*), max(_rid) FROM (SELECT _rid FROM ${name} WHERE _rid >= ? ORDER BY _rid LIMIT ${SAMPLE_ROWS})`,
      )
      .raw();
    let rows = 0;
    let width = 0;
    for (let i = 0; i < SAMPLES; i++) {
      const at = from + Math.floor((span * i) / SAMPLES);
      const [count, end] = some.get(BigInt(at)) as [bigint, bigint | null];
      if (end === null) continue;
      rows += Number(count);
      width += Number(end) - at + 1;
    }
    return width === 0 ? 0 : Math.max(1, Math.round((rows / width) * span));
  }

  /** How many rows it holds. */
  count(db: Database): number {
    const name = generationName(this.generation.table, this.generation.version);
    return Number(db.prepare(`SELECT count(*) FROM ${name}`).pluck().get());
  }
}
