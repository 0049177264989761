import type Database from 'better-sqlite3';
import type {Statement} from 'better-sqlite3';
import type {DdlEffect, TableStorage} from '../contract.ts';

/** Keeps which physical shapes a table has had and which commits made them. Works inside the commit's SQLite transaction. */
export class ShapeRecorder {
  readonly #put: Statement;
  readonly #delete: Statement;

  constructor(db: Database) {
    this.#put = db.prepare(
      'INSERT OR REPLACE INTO shapes(tbl, version, seq, created, columns) VALUES (?, ?, ?, ?, ?)',
    );
    this.#delete = db.prepare('DELETE FROM shapes WHERE tbl = ?');
  }

  record(effect: DdlEffect, seq: number, timestamp: bigint): void {
    if (effect.kind === 'createTable') this.#shape(effect.table, seq, timestamp);
    else if (effect.kind === 'dropTable') this.#delete.run(BigInt(effect.table.oid));
    else if (
      effect.kind === 'alterTable' &&
      effect.after.schemaVersion !== effect.before.schemaVersion
    )
      this.#shape(effect.after, seq, timestamp);
  }

  #shape(table: TableStorage, seq: number, timestamp: bigint): void {
    if (table.persistence === 't') return;
    const columns = table.columns.map(column => ({
      attnum: column.attnum,
      typeOid: column.type.oid,
      typmod: column.typmod,
      name: column.name,
    }));
    this.#put.run(
      BigInt(table.oid),
      BigInt(table.schemaVersion),
      BigInt(seq),
      timestamp,
      JSON.stringify(columns),
    );
  }
}
