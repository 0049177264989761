// What is written to SQLite beside the commit queue never joins the open transaction of a large commit.
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import Database from 'better-sqlite3';
import t, {type Test} from 'tap';
import {type OwnerId, oid} from '../../src/common/ids.ts';
import type {Storage, TableStorage} from '../../src/storage/contract.ts';
import {openFileObjectStore} from '../../src/storage/objects/file-object-store.ts';
import type {StorageDefinition} from '../../src/storage/objects/storage-definition.ts';
import {
  begin,
  contents,
  createTable,
  insertRows,
  open,
  table,
  temporaryDirectory,
} from './support.ts';

const shared = oid(0) as OwnerId;
const ROWS = 600;

interface Setup {
  readonly path: string;
  readonly storage: Storage;
  readonly made: TableStorage;
  readonly other: TableStorage;
  reopen(): Promise<Storage>;
}

async function setup(test: Test): Promise<Setup> {
  const directory = temporaryDirectory();
  const made = table(20000);
  const other = table(20010);
  const settings = {largeCommitRows: 100, sliceMs: 0, archives: true};
  let storage = open(directory.path, [made, other], settings);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  await createTable(storage, made);
  await createTable(storage, other);
  return {
    path: directory.path,
    storage,
    made,
    other,
    reopen: async () => {
      await storage.close();
      storage = open(directory.path, [made, other], settings);
      return storage;
    },
  };
}

/** A large commit that SQLite refuses at its end, its transaction open for some turns. */
function failingCommit({storage, made}: Setup, firstId = 10_000): Promise<unknown> {
  const tx = begin(storage);
  for (let i = 0; i < ROWS; i++) void tx.insert(made, shared, [firstId + i, i, 'x']);
  void tx.insert(table(29999), shared, [firstId, 1, 'no such table']);
  return Promise.resolve(tx.commit()).then(
    () => null,
    (error: unknown) => error,
  );
}

/** Whether a large commit's transaction is open: another connection cannot write then. */
function isOpen(path: string): boolean {
  const db = new Database(join(path, 'wadi.db'), {timeout: 0});
  try {
    db.exec('BEGIN IMMEDIATE; ROLLBACK');
    return false;
  } catch {
    return true;
  } finally {
    db.close();
  }
}

async function untilOpen(path: string): Promise<void> {
  while (!isOpen(path)) await nextTurn();
}

/** The connection of large commits, once one has begun. */
function writerOf(test: Test): () => Database {
  const usual = Database.prototype.exec;
  const writers: Database[] = [];
  Database.prototype.exec = function exec(sql) {
    if (sql.includes('cache_size')) writers.push(this);
    return usual.call(this, sql);
  };
  test.teardown(() => (Database.prototype.exec = usual));
  return () => writers.at(-1)!;
}

t.test('records of jobs survive a large commit that fails', async test => {
  const made = await setup(test);
  const {storage, path, reopen} = made;
  storage.admin.putJob(1, '"old"');
  storage.admin.putJob(2, '"running"');
  const failed = failingCommit(made);
  await untilOpen(path);
  storage.admin.deleteJobs([1]);
  storage.admin.putJob(2, '"almost"');
  storage.admin.putJob(2, '"completed"');
  storage.admin.putJob(3, '"new"');
  test.ok(isOpen(path), 'all of it came in the middle');
  test.ok(await failed);
  const again = await reopen();
  test.same(again.admin.jobs(), [
    [2, '"completed"'],
    [3, '"new"'],
  ]);
});

t.test('what the archive has is noted outside of a large commit that fails', async test => {
  const made = await setup(test);
  const {storage, other, path, reopen} = made;
  const store = await openFileObjectStore(join(path, 'archive'));
  await storage.admin.archive(store);
  await insertRows(storage, other, [[1, 1, 'x']]);
  await storage.whenDurable(storage.lastSeq);
  const upTo = storage.lastSeq;
  const failed: Promise<unknown>[] = [];
  const put = store.put.bind(store);
  store.put = async (...args) => {
    const result = await put(...args);
    failed.push(failingCommit(made));
    await untilOpen(path);
    return result;
  };
  test.equal(BigInt((await storage.admin.archive(store)).seq), upTo);
  test.ok((await Promise.all(failed)).every(error => error !== null));
  // Stored, not found again by looking at the archive.
  const again = await reopen();
  test.equal(BigInt(again.admin.archivedSeq ?? -1), upTo);
  await store.close();
});

t.test('hot copies are deleted and their list is closed outside of large commits', async test => {
  const made = await setup(test);
  const {storage, other, path, reopen} = made;
  const rows = Array.from({length: 1500}, (_, i) => [i, i, 'cold']);
  await insertRows(storage, other, rows);
  // The deletion begins with the flush's end and takes a few turns.
  await storage.flush(other, null);
  const failed = [1, 2, 3, 4, 5, 6, 7, 8].map(many => failingCommit(made, many * ROWS));
  test.ok((await Promise.all(failed)).every(error => error !== null));
  test.equal((await contents(storage, other)).length, 1500);
  const db = new Database(join(path, 'wadi.db'), {readonly: true});
  // What is not done at a close is left for the next start.
  while (db.prepare('SELECT count(*) FROM drains').pluck().get() !== 0) await nextTurn();
  await storage.close();
  test.equal(db.prepare('SELECT count(*) FROM t_20010_1').pluck().get(), 0);
  db.close();
  test.equal((await contents(await reopen(), other)).length, 1500);
});

t.test('a TRUNCATE that fails costs no segment file, whoever looks meanwhile', async test => {
  const directory = temporaryDirectory();
  const tables = [table(20000), table(20010)] as const;
  const [made, other] = tables;
  const storage = open(directory.path, tables, {largeCommitRows: 100, sliceMs: 0});
  const definition = {name: 'none', type: 's3'} as StorageDefinition;
  await createTable(storage, made);
  await createTable(storage, other);
  await insertRows(storage, made, [[1, 1, 'cold']]);
  await storage.flush(made, null);
  await storage.filesIn(definition);
  // A new manifest: files that came and went since are asked of SQLite.
  await insertRows(storage, other, [[1, 1, 'cold']]);
  await storage.flush(other, null);
  const [segment] = storage.segments().filter(each => each.table === made.oid);
  const writer = writerOf(test);
  const tx = begin(storage);
  tx.truncate(made);
  for (let i = 0; i < ROWS; i++) void tx.insert(made, shared, [i, i, 'x']);
  const failed = Promise.resolve(tx.commit()).catch((error: unknown) => error);
  await untilOpen(directory.path);
  const listed = writer().prepare('SELECT count(*) FROM unlinks').pluck();
  while (listed.get() === 0n) await nextTurn();
  const looked = storage.filesIn(definition);
  writer().exec('ROLLBACK');
  test.ok((await failed) instanceof Error);
  await looked;
  // A commit takes the place of the one that failed.
  await insertRows(storage, other, [[2, 2, 'hot']]);
  await storage.whenDurable(storage.lastSeq);
  await storage.filesIn(definition);
  test.ok(existsSync(segment!.path), 'the segment is there');
  test.same(await contents(storage, made), [[1, 1, 'cold']]);
  await storage.close();
  directory.remove();
});

t.test('a transaction that SQLite ended is not gone on with row by row', async test => {
  const made = await setup(test);
  const {storage, path, reopen} = made;
  const writer = writerOf(test);
  const tx = begin(storage);
  for (let i = 0; i < ROWS; i++) void tx.insert(made.made, shared, [i, i, 'x']);
  const committed = Promise.resolve(tx.commit()).then(
    () => null,
    (error: unknown) => error,
  );
  await untilOpen(path);
  // SQLite does this itself when a statement of anybody meets a full disk or a read error.
  writer().exec('ROLLBACK');
  test.match(await committed, {code: '58030'});
  test.equal((await contents(await reopen(), made.made)).length, 0);
});
