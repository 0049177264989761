import t from 'tap';
import {join} from 'node:path';
import Database from 'better-sqlite3';
import type {OwnerId, Seq} from '../../src/common/ids.ts';
import {oid} from '../../src/common/ids.ts';
import {checkSqlite} from '../../src/storage/backup/check-sqlite.ts';
import {type CommitEvent, type Storage, type TableStorage} from '../../src/storage/contract.ts';
import {Random} from '../differential/random.ts';
import {begin, createTable, insertRows, open, table, temporaryDirectory} from './support.ts';

const OWNERS = [16400, 16401, 16402].map(id => oid(id) as OwnerId);

/** Everything that a reader gives after a seq, by portions of a size. */
function readAll(
  storage: Storage,
  of: TableStorage,
  owner: OwnerId | null,
  since: Seq,
  portion: number,
) {
  const reader = storage.logReader(of, owner);
  const found: string[] = [];
  for (let at = since; ; ) {
    const {entries, gap, next} = reader.read(at, portion);
    if (gap) return null;
    found.push(...entries.map(entry => told(entry, of, owner)));
    if (entries.length === 0) return found;
    at = next;
  }
}

/** What an entry says about a table and an owner. */
function told(entry: CommitEvent, of: TableStorage, owner: OwnerId | null): string {
  const parts = entry.parts.filter(
    part => part.table.oid === of.oid && (owner === null || part.owner === owner),
  );
  return `${entry.seq}: ${parts.map(part => `${part.owner} ${part.changes.map(({newRow}) => newRow?.[0]).join()}`).join('; ')}`;
}

t.test(
  '4.1: the log is found by table and owner, over batches of its index and restarts',
  async test => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    test.comment(`SEED=${seed}`);
    const random = new Random(seed);
    const directory = temporaryDirectory();
    const tables = [table(20000, {kind: 'user'}), table(20010), table(20020, {kind: 'user'})];
    let storage = open(directory.path, tables);
    test.teardown(async () => {
      await storage.close();
      directory.remove();
    });
    for (const made of tables) await createTable(storage, made);
    const events: CommitEvent[] = [];
    const listen = (): void => void storage.onCommit(event => events.push(event));
    listen();
    let next = 1;
    for (let i = 0; i < 900; i++) {
      const of = tables[random.int(0, tables.length - 1)]!;
      const rows = Array.from({length: random.int(1, 3)}, () => [next++, i, null]);
      await insertRows(storage, of, rows, of.kind === 'shared' ? 0 : OWNERS[random.int(0, 2)]!);
      if (random.int(0, 299) !== 0) continue;
      await storage.close();
      storage = open(directory.path, tables);
      listen();
    }
    for (let check = 0; check < 40; check++) {
      const of = tables[random.int(0, tables.length - 1)]!;
      const owner =
        of.kind === 'shared' || random.int(0, 2) === 0 ? null : OWNERS[random.int(0, 2)]!;
      const since = events[random.int(0, events.length - 1)]!.seq;
      const expected = events
        .filter(
          ({seq, parts}) =>
            seq > since &&
            parts.some(
              part => part.table.oid === of.oid && (owner === null || part.owner === owner),
            ),
        )
        .map(event => told(event, of, owner));
      test.same(
        readAll(storage, of, owner, since, random.int(1, 100)),
        expected,
        `${of.name} ${owner}`,
      );
    }
  },
);

t.test('4.1: a commit of many owners, and fsck of the index', async test => {
  const directory = temporaryDirectory();
  const tables = [table(20000, {kind: 'user'})];
  const storage = open(directory.path, tables);
  test.teardown(() => directory.remove());
  const [users] = tables as [TableStorage];
  await createTable(storage, users);
  const since = storage.lastSeq;
  await insertRows(storage, users, [[1, 1, 'a']], 16400);
  const tx = begin(storage);
  for (let i = 0; i < 1500; i++)
    test.equal(tx.insertMany(users, [[i, i, 'b']], oid(17000 + i) as OwnerId, 0).result, 'done');
  await tx.commit();
  await insertRows(storage, users, [[2, 1, 'c']], 16400);
  test.equal(readAll(storage, users, oid(17003) as OwnerId, since, 10)!.length, 1);
  test.equal(readAll(storage, users, oid(16400) as OwnerId, since, 10)!.length, 2);
  test.equal(readAll(storage, users, null, since, 1)!.length, 3);
  await storage.close();
  const db = new Database(join(directory.path, 'wadi.db'));
  db.defaultSafeIntegers(true);
  test.same(checkSqlite(db), []);
  db.exec('DELETE FROM log_tables WHERE id = (SELECT min(id) FROM log_tables)');
  db.exec('INSERT INTO log_owners(tbl, owner, id) VALUES (1, 2, 3)');
  test.same(checkSqlite(db), [
    'change log: 1 parts are missing in log_tables',
    'change log: 1 parts in log_owners are not there',
  ]);
  db.close();
});
