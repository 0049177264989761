import {existsSync} from 'node:fs';
import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import type {KeyConflict, Storage, TableStorage} from '../../src/storage/contract.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
  byKey,
  contents,
  createTable,
  deleteByKey,
  insertRows,
  next,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  updateByKey,
} from './support.ts';

const shared = oid(0) as OwnerId;

interface Fixture {
  storage: Storage;
  readonly made: TableStorage;
  reopen(): Promise<Storage>;
}

async function setup(
  test: {teardown(run: () => Promise<void>): void},
  made: TableStorage = table(20000),
): Promise<Fixture> {
  const directory = temporaryDirectory();
  const fixture: Fixture = {
    storage: open(directory.path, [made]),
    made,
    reopen: async () => {
      await fixture.storage.close();
      fixture.storage = open(directory.path, [made]);
      return fixture.storage;
    },
  };
  test.teardown(async () => {
    await fixture.storage.close();
    directory.remove();
  });
  await createTable(fixture.storage, made);
  return fixture;
}

function numbered(count: number, from = 0): Datum[][] {
  return Array.from({length: count}, (_, i) => [from + i, (from + i) * 2, `s${(from + i) % 7}`]);
}

/** Inserts, and repeats after each wait (cold keys are read). */
async function insertOne(
  tx: ReturnType<typeof begin>,
  into: TableStorage,
  row: readonly Datum[],
): Promise<'done' | 'conflict'> {
  for (;;) {
    const result = tx.insert(into, shared, row);
    if (result === 'done') return 'done';
    if (!(result instanceof Promise)) return (result as KeyConflict).kind;
    await result;
  }
}

t.test(
  '5.1: flushed rows are read from the segment, by scan, key and after a restart',
  async test => {
    const fixture = await setup(test);
    const {made} = fixture;
    await insertRows(fixture.storage, made, numbered(5000));
    const result = await fixture.storage.flush(made, null);
    test.match(result, {rows: 5000, segments: 1});
    test.equal(fixture.storage.tableStats(made).hotRows, 0);
    test.same(await contents(fixture.storage, made), numbered(5000));
    const tx = begin(fixture.storage);
    const found = await byKey(tx, made, [4321]);
    test.same(found!.row, [4321, 8642, 's2']);
    test.ok(found!.location > 0);
    // The background may still be filling the cache when the machine is busy: a few turns are granted.
    let cached = tx.getByKey(made, made.indexes[0]!, null, [4321]);
    for (let turn = 0; turn < 1000 && cached === undefined; turn++) {
      await new Promise(resolve => setImmediate(resolve));
      cached = tx.getByKey(made, made.indexes[0]!, null, [4321]);
    }
    test.same(cached?.row, [4321, 8642, 's2'], 'sync once cached');
    tx.rollback();
    await insertRows(fixture.storage, made, numbered(10, 9000));
    const again = await fixture.reopen();
    test.same(await contents(again, made), [...numbered(5000), ...numbered(10, 9000)]);
    test.same(await again.check(), []);
    const {path} = again.segments()[0]!;
    const drop = begin(again);
    drop.ddl({kind: 'dropTable', table: made});
    await drop.commit();
    await again.whenDurable(again.lastSeq);
    await again.close();
    test.notOk(existsSync(path), 'the file goes with the table');
  },
);

t.test('5.5: a cold row is updated and deleted; the live row is in one place', async test => {
  const {storage, made} = await setup(test);
  await insertRows(storage, made, numbered(100));
  await storage.flush(made, null);
  const tx = begin(storage);
  const before = (await byKey(tx, made, [10]))!;
  await updateByKey(tx, made, [10], row => [row[0]!, -1, 'hot']);
  await deleteByKey(tx, made, [11]);
  next(tx);
  test.equal((await rowsOf(tx, request(made))).length, 99, 'own view');
  test.equal((await contents(storage, made)).length, 100, 'others see the segment');
  await tx.commit();
  const rows = await contents(storage, made);
  test.equal(rows.length, 99);
  test.same(rows[10], [10, -1, 'hot']);
  test.equal(storage.segments()[0]!.deletedRows, 2);
  const after = begin(storage);
  test.equal((await byKey(after, made, [10]))!.rid, before.rid, 'the same row');
  after.rollback();
  const old = await storage.flush(made, null);
  test.equal(old.rows, 1);
  test.same(await contents(storage, made), rows);
});

t.test(
  '2.1: an old snapshot reads the manifest of its time, over flush, delete and compaction',
  async test => {
    const {storage, made} = await setup(test);
    await insertRows(storage, made, numbered(50));
    const hot = begin(storage, 'repeatable read');
    hot.snapshot();
    await storage.flush(made, null);
    const cold = begin(storage, 'repeatable read');
    cold.snapshot();
    const tx = begin(storage);
    for (let i = 0; i < 30; i++) await deleteByKey(tx, made, [i]);
    await tx.commit();
    await insertRows(storage, made, numbered(50, 100));
    await storage.flush(made, null);
    await storage.compact(made);
    test.equal(storage.segments().length, 1);
    test.equal((await rowsOf(hot, request(made))).length, 50);
    test.equal((await rowsOf(cold, request(made))).length, 50);
    test.equal((await contents(storage, made)).length, 70);
    hot.rollback();
    cold.rollback();
  },
);

t.test('1.5: a duplicate of a row that lies only in a segment', async test => {
  const {storage, made} = await setup(test);
  await insertRows(storage, made, numbered(3000));
  await storage.flush(made, null);
  const tx = begin(storage);
  test.equal(await insertOne(tx, made, [1234, 0, '']), 'conflict');
  test.equal(await insertOne(tx, made, [3000, 0, '']), 'done');
  await deleteByKey(tx, made, [1234]);
  test.equal(await insertOne(tx, made, [1234, 7, 'again']), 'done');
  for (let i = 5000; i < 5500; i++) test.equal(await insertOne(tx, made, [i, 0, '']), 'done');
  test.equal(await insertOne(tx, made, [77, 0, '']), 'conflict', 'through the sidecar');
  await tx.commit();
  test.equal((await contents(storage, made)).length, 3501);
});

t.test('5.1: rows that change or are locked while a flush runs stay hot', async test => {
  const fixture = await setup(test);
  const {storage, made} = fixture;
  await insertRows(storage, made, numbered(2000));
  const locked = begin(storage);
  await updateByKey(locked, made, [5], row => [row[0]!, 555, row[2]!]);
  const flushing = storage.flush(made, null);
  const during = begin(storage);
  await updateByKey(during, made, [6], row => [row[0]!, 666, row[2]!]);
  await deleteByKey(during, made, [7]);
  await during.commit();
  const open = begin(storage);
  await updateByKey(open, made, [8], row => [row[0]!, 888, row[2]!]);
  await flushing;
  const rolledBack = begin(storage);
  rolledBack.rollback();
  await locked.commit();
  open.rollback();
  const expected = numbered(2000).filter(row => row[0] !== 7);
  expected[5] = [5, 555, 's5'];
  expected[6] = [6, 666, 's6'];
  test.same(await contents(storage, made), expected);
  test.ok(storage.tableStats(made).hotRows >= 3);
  test.same(await contents(await fixture.reopen(), made), expected, 'after a restart');
});

t.test('5.2: compaction carries deletions over and moves open write-sets', async test => {
  const {storage, made} = await setup(test);
  for (let part = 0; part < 3; part++) {
    await insertRows(storage, made, numbered(100, part * 100));
    await storage.flush(made, null);
  }
  test.equal(storage.segments().length, 3);
  const open = begin(storage);
  await updateByKey(open, made, [150], row => [row[0]!, -5, 'moved']);
  const compacting = storage.compact(made);
  const during = begin(storage);
  await deleteByKey(during, made, [20]);
  await during.commit();
  test.match(await compacting, {segments: 1});
  await open.commit();
  const rows = await contents(storage, made);
  test.equal(rows.length, 299);
  test.same(
    rows.find(row => row[0] === 150),
    [150, -5, 'moved'],
  );
  test.same(
    rows.filter(row => row[0] === 20),
    [],
  );
});

t.test('5.6: many partitions share one flush; each owner has a file of his own', async test => {
  const {storage, made} = await setup(test, table(20000, {kind: 'user'}));
  for (let owner = 0; owner < 40; owner++)
    await insertRows(storage, made, numbered(5), 16400 + owner);
  const result = await storage.flush(made, null);
  test.match(result, {rows: 200, segments: 40});
  test.same(await contents(storage, made, oid(16407)), numbered(5));
  test.equal((await contents(storage, made)).length, 200);
  const segment = storage.segments().find(info => info.owner === 16407)!;
  test.match(segment.path, /\/20000\/16407\/\d+\.parquet$/);
  const tx = begin(storage);
  test.equal(await updateByKey(tx, made, [3], row => [row[0]!, 33, row[2]!], oid(16407)), true);
  await tx.commit();
  test.same((await contents(storage, made, oid(16407)))[3], [3, 33, 's3']);
  test.same((await contents(storage, made, oid(16408)))[3], [3, 6, 's3']);
});

t.test(
  'truncate drops segments; REPEATABLE READ does not update a cold row that changed',
  async test => {
    const {storage, made} = await setup(test);
    await insertRows(storage, made, numbered(10));
    await storage.flush(made, null);
    const fixed = begin(storage, 'repeatable read');
    const found = (await byKey(fixed, made, [3]))!;
    const tx = begin(storage);
    await updateByKey(tx, made, [3], row => [row[0]!, 0, '']);
    await tx.commit();
    test.throws(() => fixed.lockRow(made, found.rid, 'noKeyUpdate', 'wait'), {code: '40001'});
    fixed.rollback();
    const truncating = begin(storage);
    truncating.truncate(made);
    await truncating.commit();
    test.same(await contents(storage, made), []);
    test.equal(storage.segments().length, 0);
  },
);

t.test(
  '3.1: a large transaction writes its new rows to a segment before it commits',
  async test => {
    const directory = temporaryDirectory();
    const made = table(20000);
    let storage = open(directory.path, [made], {bulkRows: 1000});
    test.teardown(async () => {
      await storage.close();
      directory.remove();
    });
    await createTable(storage, made);
    await insertRows(storage, made, numbered(10, 90_000));
    const since = storage.lastSeq;
    let announced = 0;
    storage.onCommit(event => {
      for (const part of event.parts) announced += part.changes.length;
    });
    const tx = begin(storage);
    for (const row of numbered(3000).reverse()) void tx.insert(made, shared, row);
    next(tx);
    await updateByKey(tx, made, [5], row => [row[0]!, 55, row[2]!]);
    await deleteByKey(tx, made, [6]);
    await updateByKey(tx, made, [90_000], row => [row[0]!, 0, row[2]!]);
    const committing = tx.commit()!;
    const other = begin(storage);
    const waits = other.insert(made, shared, [100, 0, 'same key']);
    test.ok(waits instanceof Promise, 'keys are held while the file is written');
    await committing;
    await waits;
    test.equal(await insertOne(other, made, [100, 0, 'same key']), 'conflict');
    other.rollback();
    const expected = numbered(3000).filter(row => row[0] !== 6);
    expected[5] = [5, 55, 's5'];
    const hot = numbered(10, 90_000);
    hot[0] = [90_000, 0, hot[0]![2]!];
    test.same(await contents(storage, made), [...expected, ...hot]);
    test.match(storage.tableStats(made), {segments: 1, hotRows: 10});
    test.equal(announced, 3000);
    const reader = begin(storage);
    test.equal((await byKey(reader, made, [7]))!.seq, tx.commitSeq);
    const seqs = await rowsOf(reader, request(made, {columns: ['seq']}));
    test.ok(seqs.every(row => row[0] === tx.commitSeq || Number(row[0]) === Number(since)));
    reader.rollback();
    test.equal(
      storage.logReader(made, null).read(since, 10).gap,
      true,
      'readers behind it start anew',
    );
    await insertRows(storage, made, numbered(5, 50_000));
    await storage.flush(made, null);
    await storage.compact(made);
    test.equal(storage.segments().length, 1);
    await storage.close();
    storage = open(directory.path, [made], {bulkRows: 1000});
    test.equal((await contents(storage, made)).length, 2999 + 15);
    const after = begin(storage);
    test.equal((await byKey(after, made, [7]))!.seq, tx.commitSeq, 'compaction keeps the seq');
    after.rollback();
    test.same(await storage.check(), []);
  },
);

t.test(
  'ordered reads merge own, hot and cold rows of either direction, from a bound',
  async test => {
    for (const kind of ['shared', 'user'] as const) {
      const {storage, made} = await setup(test, table(20000, {kind}));
      const owners = kind === 'user' ? [16400, 16401] : [0];
      for (const owner of owners) {
        await insertRows(storage, made, numbered(300), owner);
        await storage.flush(made, null);
        await insertRows(storage, made, numbered(300, 300), owner);
        await storage.flush(made, null);
        await insertRows(storage, made, numbered(10, 600), owner);
      }
      const [order] = made.indexes;
      test.equal(storage.canOrder(made, order!), false);
      test.equal(storage.canOrder(made, order!, true), true);
      const tx = begin(storage);
      const owner = kind === 'user' ? oid(16401) : null;
      await deleteByKey(tx, made, [305], owner);
      await updateByKey(tx, made, [304], row => [row[0]!, -1, row[2]!], owner);
      void tx.insert(made, oid(owners[owners.length - 1]!), [1000, 0, 'own']);
      next(tx);
      const ids = async (
        descending: boolean,
        low: number,
        high: number,
        of = owner,
      ): Promise<unknown[]> => {
        const rows = await rowsOf(
          tx,
          request(made, {
            owner: of,
            order: {index: order!, descending},
            predicates: [
              {column: 0, op: '>', values: [low]},
              {column: 0, op: '<=', values: [high]},
            ],
          }),
          7,
        );
        return rows.map(row => row[0]).filter(id => Number(id) > low && Number(id) <= high);
      };
      const expected = Array.from({length: 20}, (_, i) => 291 + i).filter(id => id !== 305);
      test.same(await ids(false, 290, 310), expected);
      test.same(await ids(true, 290, 310), expected.toReversed());
      test.same(
        await ids(true, 598, 2000),
        [1000, 609, 608, 607, 606, 605, 604, 603, 602, 601, 600, 599],
      );
      test.same(
        await ids(false, 597, 601, null),
        owners.length === 2 ? [598, 598, 599, 599, 600, 600, 601, 601] : [598, 599, 600, 601],
      );
      tx.rollback();
    }
  },
);
