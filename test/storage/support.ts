import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {oid, type Oid, type OwnerId} from '../../src/common/ids.ts';
import type {Batch} from '../../src/columns/batch.ts';
import {createSegmentStore} from '../../src/storage/cold/segment-store.ts';
import {
  END,
  PAUSE,
  type IsolationLevel,
  type RowVersion,
  type ScanRequest,
  type Storage,
  type StorageColumn,
  type StorageIndex,
  type TableStorage,
  type Transaction,
  type WaiterInfo,
} from '../../src/storage/contract.ts';
import {readCell} from '../../src/storage/hot/cells.ts';
import {openStorage} from '../../src/storage/open-storage.ts';
import type {StorageSettings} from '../../src/storage/settings.ts';
import {createBuiltinTypes} from '../../src/types/registry.ts';
import type {Datum} from '../../src/types/contract.ts';

const registry = createBuiltinTypes();

/** A built-in type by OID. */
export function type(id: number) {
  const found = registry.typeByOid(oid(id));
  if (found === undefined) throw new Error(`no type ${id}`);
  return found;
}

export const INT4 = 23;
export const INT8 = 20;
export const TEXT = 25;
export const NUMERIC = 1700;

/** A temporary directory that `remove` deletes. */
export function temporaryDirectory(): {readonly path: string; remove(): void} {
  const path = mkdtempSync(join(tmpdir(), 'wadi-storage-'));
  return {path, remove: () => rmSync(path, {recursive: true, force: true})};
}

/** Opens storage in a directory; `tables` answers by OID. */
export function open(
  dataDir: string,
  tables: readonly TableStorage[] = [],
  settings: Partial<StorageSettings> = {},
): Storage {
  return openStorage({
    dataDir,
    logger: {
      info: () => {},
      warn: () => {},
      error: message => process.stderr.write(`${message}\n`),
    },
    segments: createSegmentStore({cacheBytes: 64 * 1024 * 1024}),
    types: registry,
    resolveTable: id => tables.find(table => table.oid === id),
    settings,
  });
}

/** A storage in a directory of its own that the end of the test removes, and the first of its tables. */
export function setup(
  test: {teardown(run: () => Promise<void>): void},
  tables = [table(20000)],
): {readonly storage: Storage; readonly made: TableStorage} {
  const directory = temporaryDirectory();
  const storage = open(directory.path, tables);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  return {storage, made: tables[0]!};
}

export function column(
  attnum: number,
  name: string,
  typeOid: number,
  missingValue: Datum = null,
): StorageColumn {
  return {attnum, type: type(typeOid), typmod: -1, name, isNotNull: false, missingValue};
}

export function index(
  id: number,
  columns: readonly StorageColumn[],
  keyColumns: readonly number[],
  isUnique: boolean,
): StorageIndex {
  return {
    oid: oid(id),
    name: `index_${id}`,
    isUnique,
    isPrimary: false,
    nullsNotDistinct: false,
    keyColumns,
    keyTypes: keyColumns.map(at => columns[at]!.type),
    keyOf: null,
    method: 'btree',
    options: {},
  };
}

/** A table (id int4 primary key, v int4, s text) unless other columns are given. */
export function table(id: number, options: Partial<TableStorage> = {}): TableStorage {
  const columns = options.columns ?? [
    column(1, 'id', INT4),
    column(2, 'v', INT4),
    column(3, 's', TEXT),
  ];
  return {
    databaseOid: oid(5),
    oid: oid(id),
    name: `table_${id}`,
    namespace: 'public',
    kind: 'shared',
    persistence: 'p',
    schemaVersion: 1,
    columns,
    indexes: [index(id + 1, columns, [0], true)],
    clusterColumns: [],
    options: {},
    ttlMs: 0,
    ...options,
  };
}

export function waiter(pid: number, lockTimeoutMs = 0, deadlockTimeoutMs = 20): WaiterInfo {
  return {pid, lockTimeoutMs: () => lockTimeoutMs, deadlockTimeoutMs: () => deadlockTimeoutMs};
}

let pid = 100;

/** Begins a transaction and its first statement. */
export function begin(
  storage: Storage,
  isolation: IsolationLevel = 'read committed',
  by: WaiterInfo = waiter(pid++),
): Transaction {
  const tx = storage.begin({isolation, isReadOnly: false, databaseOid: oid(5), waiter: by});
  tx.beginStatement();
  return tx;
}

/** The next statement of a transaction. */
export function next(tx: Transaction): Transaction {
  tx.endStatement();
  tx.beginStatement();
  return tx;
}

export async function createTable(storage: Storage, made: TableStorage): Promise<void> {
  const tx = begin(storage);
  tx.ddl({kind: 'createTable', table: made});
  await tx.commit();
}

/** Inserts rows in a transaction of their own; awaits waits. */
export async function insertRows(
  storage: Storage,
  into: TableStorage,
  rows: readonly (readonly Datum[])[],
  owner = 0,
): Promise<void> {
  const tx = begin(storage);
  let from = 0;
  while (from < rows.length) {
    const {taken, result} = tx.insertMany(into, rows, oid(owner) as OwnerId, from);
    from += taken;
    if (result instanceof Promise) await result;
    else if (result !== 'done') throw new Error(`duplicate key ${String(result.key[0])}`);
  }
  await tx.commit();
}

export function request(of: TableStorage, options: Partial<ScanRequest> = {}): ScanRequest {
  return {
    table: of,
    owner: null,
    columns: of.columns.map((_, i) => i),
    predicates: [],
    lookup: null,
    order: null,
    ...options,
  };
}

/** All rows of a scan. */
export async function rowsOf(
  tx: Transaction,
  scan: ScanRequest,
  wanted = 1024,
): Promise<Datum[][]> {
  const cursor = tx.scan(scan);
  const rows: Datum[][] = [];
  for (;;) {
    const batch = cursor.next(wanted);
    if (batch === END) break;
    if (batch === PAUSE) {
      await cursor.pause;
      continue;
    }
    rows.push(...batchRows(batch, scan.columns.length));
  }
  cursor.close();
  return rows;
}

function batchRows(batch: Batch, columns: number): Datum[][] {
  const rows: Datum[][] = [];
  for (let i = 0; i < batch.count; i++) {
    const at = batch.selection === null ? i : batch.selection[i]!;
    rows.push(Array.from({length: columns}, (_, c) => readCell(batch.vectors[c]!, at)));
  }
  return rows;
}

/** The rows of a table in id order, as a fresh transaction sees them. */
export async function contents(
  storage: Storage,
  of: TableStorage,
  owner: Oid | null = null,
): Promise<Datum[][]> {
  const tx = begin(storage);
  const rows = await rowsOf(tx, request(of, {owner}));
  tx.rollback();
  return rows.sort((a, b) => Number(a[0]) - Number(b[0]));
}

/** The version of a row by the first index; waits for cold reads. */
export async function byKey(
  tx: Transaction,
  of: TableStorage,
  key: readonly Datum[],
  owner: Oid | null = null,
): Promise<RowVersion | null> {
  const scan = request(of, {
    owner,
    columns: [...of.columns.map((_, i) => i), 'rid', 'seq', 'owner', 'location'],
    lookup: {index: of.indexes[0]!, keys: [key]},
  });
  const [row] = await rowsOf(tx, scan);
  if (row === undefined) return null;
  const n = of.columns.length;
  return {
    row: row.slice(0, n),
    rid: row[n],
    seq: row[n + 1] ?? 0n,
    owner: row[n + 2],
    location: row[n + 3],
  } as unknown as RowVersion;
}

/** UPDATE by key as READ COMMITTED does it: lock, newest version, change. */
export async function updateByKey(
  tx: Transaction,
  of: TableStorage,
  key: readonly Datum[],
  change: (row: readonly Datum[]) => readonly Datum[],
  owner: Oid | null = null,
): Promise<boolean> {
  const found = await byKey(tx, of, key, owner);
  if (found === null) return false;
  for (;;) {
    const locked = tx.lockRow(of, found.rid, 'noKeyUpdate', 'wait');
    if (locked === 'granted') break;
    await locked;
  }
  for (;;) {
    const newest = tx.newestVersion(of, found.rid, found);
    if (newest instanceof Promise) {
      await newest;
      continue;
    }
    if (newest === null) return false;
    const result = tx.update(of, newest, change(newest.row));
    if (result === 'done') return true;
    if (!(result instanceof Promise)) throw new Error(`duplicate key ${String(result.key[0])}`);
    await result;
  }
}

/** DELETE by key. */
export async function deleteByKey(
  tx: Transaction,
  of: TableStorage,
  key: readonly Datum[],
  owner: Oid | null = null,
): Promise<boolean> {
  const found = await byKey(tx, of, key, owner);
  if (found === null) return false;
  for (;;) {
    const locked = tx.lockRow(of, found.rid, 'update', 'wait');
    if (locked === 'granted') break;
    await locked;
  }
  for (;;) {
    const newest = tx.newestVersion(of, found.rid, found);
    if (newest instanceof Promise) {
      await newest;
      continue;
    }
    if (newest === null) return false;
    const result = tx.delete(of, newest);
    if (result === 'done') return true;
    if (!(result instanceof Promise)) throw new Error('DELETE meets no key');
    await result;
  }
}

/** Order of rows by their first column. */
export function byId(a: readonly Datum[], b: readonly Datum[]): number {
  return Number(a[0]) - Number(b[0]);
}
