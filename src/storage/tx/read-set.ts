import type {Datum} from '../../types/contract.ts';
import {mayMatchDatum} from '../cold/pruning.ts';
import type {KeyLookup, ScanPredicate, StorageColumn, TableStorage} from '../contract.ts';
import {KeyCodec, type MapKey} from '../hot/key-codec.ts';
import type {TableWrites} from './write-set.ts';

/** Reads of one table that are remembered one by one; with more, all of it counts as read. */
const MAX_READS = 4096;

/** What one scan or lookup could have returned. */
interface Read {
  readonly owner: number | null;
  readonly codec: KeyCodec | null;
  readonly keys: ReadonlySet<MapKey> | null;
  readonly predicates: readonly ScanPredicate[];
}

interface TableReads {
  readonly table: TableStorage;
  /** Null = everything. */
  reads: Read[] | null;
}

/** What a SERIALIZABLE transaction read: by key, by what scans asked for, else (table, owner) whole. */
export class ReadSet {
  readonly #tables = new Map<number, TableReads>();

  /** A scan; a row that fails a predicate, before and after a change, is nothing that it read. */
  noteScan(
    table: TableStorage,
    owner: number | null,
    predicates: readonly ScanPredicate[] = [],
  ): void {
    this.#note(table, {owner, codec: null, keys: null, predicates});
  }

  /** Keys of an index. */
  noteKeys(table: TableStorage, lookup: KeyLookup, owner: number | null): void {
    const codec = new KeyCodec(lookup.index);
    const keys = new Set<MapKey>();
    for (const values of lookup.keys) {
      const key = codec.ofKey(values);
      if (key !== null) keys.add(key);
    }
    this.#note(table, {owner, codec, keys, predicates: []});
  }

  /** Whether writes changed, added or removed a row that was, or would have been, read. */
  meets(tables: ReadonlyMap<number, TableWrites>): boolean {
    for (const [oid, {table, reads}] of this.#tables) {
      const writes = tables.get(oid);
      if (writes === undefined || writes.isEmpty) continue;
      if (reads === null || writes.truncations.length > 0 || writes.table !== table) return true;
      if (meetsWrites(table, reads, writes)) return true;
    }
    return false;
  }

  /** Whether a row was, or would have been, read. */
  meetsRow(oid: number, owner: number, row: readonly Datum[]): boolean {
    const read = this.#tables.get(oid);
    if (read === undefined) return false;
    return read.reads === null || isRead(read.table.columns, read.reads, owner, row);
  }

  #note(table: TableStorage, read: Read): void {
    const known = this.#tables.get(table.oid);
    if (known === undefined) this.#tables.set(table.oid, {table, reads: [read]});
    else if (known.table !== table) known.reads = null;
    else if (known.reads !== null) {
      if (known.reads.length < MAX_READS) known.reads.push(read);
      else known.reads = null;
    }
  }
}

function meetsWrites(table: TableStorage, reads: readonly Read[], writes: TableWrites): boolean {
  const {columns} = table;
  // Rows that were written out are not read again: any read of their owner meets them.
  for (const {owner: of} of writes.changed.hidden)
    if (reads.some(({owner}) => owner === null || owner === of)) return true;
  for (const run of writes.pending)
    if (reads.some(({owner}) => owner === null || owner === run.owner)) return true;
  for (let i = 0; i < writes.insertRids.length; i++) {
    const row = writes.current(writes.insertRids[i]!);
    if (row !== null && row !== undefined && isRead(columns, reads, writes.insertOwners[i]!, row))
      return true;
  }
  for (const {rid, owner, oldRow, isInsert} of writes.changes.values()) {
    if (isInsert) continue;
    if (oldRow !== null && isRead(columns, reads, owner, oldRow)) return true;
    const row = writes.current(rid);
    if (row !== null && row !== undefined && isRead(columns, reads, owner, row)) return true;
  }
  return false;
}

function isRead(
  columns: readonly StorageColumn[],
  reads: readonly Read[],
  owner: number,
  row: readonly Datum[],
): boolean {
  for (const read of reads) {
    if (read.owner !== null && read.owner !== owner) continue;
    if (read.codec !== null) {
      const key = read.codec.ofRow(row);
      if (key !== null && read.keys!.has(key)) return true;
    } else if (read.predicates.every(predicate => mayHold(columns, predicate, row))) return true;
  }
  return false;
}

function mayHold(
  columns: readonly StorageColumn[],
  {column, op, values}: ScanPredicate,
  row: readonly Datum[],
): boolean {
  return mayMatchDatum(columns[column]!.type, op, values, row[column] ?? null);
}
