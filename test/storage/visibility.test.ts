// What is seen when: durable prefixes, snapshots, restarts.
import {copyFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import {
  begin,
  contents,
  createTable,
  insertRows,
  next,
  open,
  request,
  rowsOf,
  setup,
  table,
  temporaryDirectory,
  updateByKey,
} from './support.ts';

const shared = oid(0) as OwnerId;

t.test(
  'durable: onDurable in order, after the sync; an error of one commit leaves the others',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    const order: bigint[] = [];
    const commits = [1, 2, 3].map(id => {
      const tx = begin(storage);
      void tx.insert(made, shared, [id, id, 'x']);
      return tx
        .commit()!
        .then(() => storage.onDurable(tx.commitSeq!, () => order.push(tx.commitSeq!)));
    });
    await Promise.all(commits);
    await storage.whenDurable(storage.lastSeq);
    test.equal(order.length, 3);
    test.same(
      order,
      order.toSorted((a, b) => Number(a - b)),
    );
    test.ok(storage.durableSeq >= order[2]!);
  },
);

t.test('4.4: commits of memory tables use seqs that no later start gives out again', async test => {
  const directory = temporaryDirectory();
  const stream = table(20000, {kind: 'stream'});
  const storage = open(directory.path, [stream]);
  await createTable(storage, stream);
  const before = storage.lastSeq;
  for (let i = 0; i < 5; i++) await insertRows(storage, stream, [[i, i, 'typing']], 16400);
  test.equal(storage.lastSeq, before + 5n);
  test.equal((await contents(storage, stream, oid(16400))).length, 5);
  await storage.whenDurable(storage.lastSeq);
  const copy = temporaryDirectory();
  for (const file of ['wadi.db', 'wadi.db-wal']) {
    copyFileSync(join(directory.path, file), join(copy.path, file));
  }
  const crashed = open(copy.path, [stream]);
  test.ok(crashed.lastSeq >= before + 5n);
  test.same(await contents(crashed, stream, oid(16400)), [], 'a restart empties streams');
  await crashed.close();
  await storage.close();
  const again = open(directory.path, [stream]);
  test.equal(again.lastSeq, before + 5n, 'a clean close loses none');
  await again.close();
  directory.remove();
  copy.remove();
});

t.test(
  '3: a durable read sees nothing that is not on disk yet, the newest read does',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    await insertRows(storage, made, [[1, 1, 'a']]);
    await storage.whenDurable(storage.lastSeq);
    const tx = begin(storage);
    void tx.insert(made, shared, [2, 2, 'b']);
    void tx.commit();
    storage.flushCommits();
    const reader = begin(storage);
    reader.beginStatement('durable');
    test.ok(storage.durableSeq < storage.lastSeq);
    test.equal((await rowsOf(reader, request(made))).length, 1);
    test.equal(reader.getByKey(made, made.indexes[0]!, null, [2]), null);
    reader.beginStatement();
    test.equal((await rowsOf(reader, request(made))).length, 2);
    await storage.whenDurable(storage.lastSeq);
    reader.beginStatement('durable');
    test.equal((await rowsOf(reader, request(made))).length, 2);
    reader.rollback();
  },
);

t.test(
  '3: what was shown, or committed before a lock was granted, is read, durable or not',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    await insertRows(storage, made, [[1, 1, 'a']]);
    await storage.whenDurable(storage.lastSeq);
    const tx = begin(storage);
    void tx.insert(made, shared, [2, 2, 'b']);
    void tx.commit();
    storage.flushCommits();
    const count = (reader: ReturnType<typeof begin>): number => {
      reader.beginStatement('durable');
      const found = [1, 2].filter(
        id => reader.getByKey(made, made.indexes[0]!, null, [id]) !== null,
      ).length;
      reader.endStatement();
      return found;
    };
    const locks: Readonly<Record<string, (reader: ReturnType<typeof begin>) => unknown>> = {
      table: reader => reader.lockTable(made.oid, 'shareRowExclusive', 'wait'),
      advisory: reader => reader.lockAdvisory(7n, false, false, 'wait'),
      row: reader => {
        reader.beginStatement('durable');
        const found = reader.getByKey(made, made.indexes[0]!, null, [1])!;
        return reader.lockRow(made, found.rid, 'share', 'wait');
      },
      shown: reader => {
        reader.beginStatement();
        return reader.getByKey(made, made.indexes[0]!, null, [2]);
      },
    };
    const counts = Object.entries(locks).map(([name, take]) => {
      const reader = begin(storage);
      void take(reader);
      const found = count(reader);
      reader.rollback();
      return [name, found];
    });
    const plain = begin(storage);
    void plain.lockTable(made.oid, 'accessShare', 'wait');
    counts.push(['plain', count(plain)]);
    plain.rollback();
    test.ok(storage.durableSeq < storage.lastSeq);
    test.same(Object.fromEntries(counts), {table: 2, advisory: 2, row: 2, shown: 2, plain: 1});
    await storage.whenDurable(storage.lastSeq);
  },
);

t.test('2.1: TRUNCATE empties a table for older snapshots of those who lock it', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 1, 'a'],
    [2, 2, 'b'],
  ]);
  const [locking, free] = [begin(storage, 'repeatable read'), begin(storage, 'repeatable read')];
  for (const tx of [locking, free]) tx.beginStatement();
  const truncating = begin(storage);
  truncating.beginStatement();
  truncating.truncate(made);
  void truncating.insert(made, shared, [3, 3, 'c']);
  await truncating.commit();
  void locking.lockTable(made.oid, 'accessShare', 'wait');
  test.same(await rowsOf(locking, request(made)), []);
  test.equal(locking.getByKey(made, made.indexes[0]!, null, [1]), null);
  test.equal(locking.seenSeq, truncating.commitSeq);
  test.equal((await rowsOf(free, request(made))).length, 2);
  for (const tx of [locking, free]) tx.rollback();
});

t.test('3: seenSeq is the newest commit that reads showed', async test => {
  const apart = table(21000);
  const {storage, made} = setup(test, [table(20000), apart]);
  await createTable(storage, made);
  await createTable(storage, apart);
  await insertRows(storage, made, [[1, 1, 'a']]);
  const first = storage.lastSeq;
  await insertRows(storage, made, [[2, 2, 'b']]);
  const second = storage.lastSeq;
  await insertRows(storage, apart, [[1, 1, 'elsewhere']]);
  const tx = begin(storage);
  test.equal(tx.seenSeq, 0n);
  test.equal(tx.getByKey(made, made.indexes[0]!, null, [1])!.seq, first);
  test.equal(tx.seenSeq, first);
  await updateByKey(tx, made, [1], row => [row[0]!, 3, row[2]!]);
  test.equal(next(tx).getByKey(made, made.indexes[0]!, null, [1])!.row[1], 3);
  test.equal(tx.seenSeq, first, 'own rows do not count');
  tx.getByKey(made, made.indexes[0]!, null, [77]);
  test.equal(tx.seenSeq, second, 'absence shows the table');
  await rowsOf(tx, request(apart));
  test.equal(tx.seenSeq, storage.lastSeq);
  tx.rollback();
});
