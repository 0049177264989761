// Hot path: every committed row passes here on its way to SQLite and the change log.
import type {Bindable} from 'better-sqlite3';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ChangePart, TableStorage} from '../contract.ts';
import {FLAG_TRUNCATE, LOG_PART_BYTES, type LogPartWriter} from '../hot/change-log.ts';
import type {HotTable} from '../hot/hot-table.ts';
import type {FinalChange, TableChanges} from './commit-unit.ts';

/** Writes the changes of one table into its SQLite tables; `generations` are oldest first. */
export class RowWriter {
  readonly #table: TableStorage;
  readonly #changes: readonly FinalChange[];
  readonly #generations: readonly HotTable[];
  readonly #locations: number[];
  readonly #values: Bindable[];

  /** `locations` takes the cold places of rows that are changed. */
  constructor(
    {table, changes}: TableChanges,
    generations: readonly HotTable[],
    seq: number,
    locations: number[],
  ) {
    this.#table = table;
    this.#changes = changes;
    this.#generations = generations;
    this.#locations = locations;
    this.#values = new Array<Bindable>(table.columns.length + 3).fill(null);
    this.#values[1] = BigInt(seq);
  }

  write(from: number, to: number): void {
    const generations = this.#generations;
    const newest = generations[generations.length - 1]!;
    const values = this.#values;
    for (let i = from; i < to; i++) {
      const change = this.#changes[i]!;
      if (change.location > 0) this.#locations.push(change.location);
      if (generations.length > 1 || change.newRow === null) {
        const rid = Number(change.rid);
        if (change.location === 0 && change.op !== 'insert') {
          for (const generation of generations)
            if (generation !== newest || change.newRow === null) generation.delete(rid);
        }
      }
      if (change.newRow === null) continue;
      values[0] = change.rid;
      values[2] = BigInt(change.owner);
      fillValues(this.#table, change.newRow, values);
      newest.put(values);
    }
  }
}

/** Stores a finished part of a log entry. */
export type PutPart = (table: number, owner: number) => void;

/** Writes the row changes of one table and owner into parts of the log entry. */
export class PartWriter {
  readonly #log: LogPartWriter;
  readonly #part: ChangePart;
  readonly #timestamp: bigint;
  readonly #putPart: PutPart;
  readonly #types: readonly TypeInstance[];
  readonly #values: Bindable[];

  constructor(log: LogPartWriter, part: ChangePart, timestamp: bigint, putPart: PutPart) {
    const {columns} = part.table;
    this.#log = log;
    this.#part = part;
    this.#timestamp = timestamp;
    this.#putPart = putPart;
    this.#types = columns.map(column => column.type);
    this.#values = new Array<Bindable>(columns.length + 3).fill(null);
    this.#begin();
  }

  write(from: number, to: number): void {
    const log = this.#log;
    const {table, owner, changes} = this.#part;
    const values = this.#values;
    for (let i = from; i < to; i++) {
      const change = changes[i]!;
      if (log.length > LOG_PART_BYTES - 1024 && log.count > 0) {
        this.#putPart(table.oid, owner);
        this.#begin();
      }
      const rid = Number(change.rid);
      fillValues(table, change.newRow ?? change.oldRow!, values);
      if (change.op === 'insert') log.insert(rid, values, 3);
      else if (change.op === 'delete') log.delete(rid, values, 3);
      else log.update(rid, values, 3, this.#types, change.oldRow!, change.newRow!);
    }
  }

  finish(): void {
    this.#putPart(this.#part.table.oid, this.#part.owner);
  }

  #begin(): void {
    const {table, isTruncate} = this.#part;
    this.#log.begin(isTruncate ? FLAG_TRUNCATE : 0, table.schemaVersion, this.#timestamp);
  }
}

function fillValues(table: TableStorage, row: readonly Datum[], values: Bindable[]): void {
  const {columns} = table;
  for (let i = 0; i < columns.length; i++) {
    const value = row[i]!;
    values[i + 3] = value === null ? null : (columns[i]!.type.toSqlite(value) as Bindable);
  }
}
