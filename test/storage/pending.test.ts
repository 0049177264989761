// New rows of an open transaction that were written to segments: seen, changed and dropped as if they were in memory.
import {existsSync, readdirSync} from 'node:fs';
import t, {type Test} from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import type {Storage, TableStorage, Transaction} from '../../src/storage/contract.ts';
import type {StorageSettings} from '../../src/storage/settings.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
  byId,
  byKey,
  column,
  contents,
  createTable,
  deleteByKey,
  index,
  INT4,
  insertRows,
  next,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  TEXT,
  updateByKey,
} from './support.ts';

t.setTimeout(300_000);

const SMALL = {
  pendingBytes: 96 * 1024,
  pendingStep: 48 * 1024,
  allPendingBytes: 1 << 30,
  pendingRows: 40,
};
const PAD = 'x'.repeat(40);

/** A fresh directory with one table. */
async function opened(
  test: Test,
  made: TableStorage = table(20000),
  settings: Partial<StorageSettings> = {},
): Promise<{storage: Storage; made: TableStorage; files: () => string[]; path: string}> {
  const directory = temporaryDirectory();
  const storage = open(directory.path, [made], {...SMALL, ...settings});
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  await createTable(storage, made);
  const files = (): string[] =>
    readdirSync(directory.path, {recursive: true, encoding: 'utf8'}).filter(path =>
      path.endsWith('.parquet'),
    );
  return {storage, made, files, path: directory.path};
}

/** Rows (id, v, padded text). */
function rows(from: number, to: number, v = 0): Datum[][] {
  return Array.from({length: to - from}, (_, i) => [from + i, v, `${PAD}${from + i}`]);
}

/** Inserts as an operator does; gives the duplicate key that stopped it, if any. */
async function put(
  tx: Transaction,
  into: TableStorage,
  list: readonly (readonly Datum[])[],
  owner = 0,
): Promise<Datum> {
  for (let from = 0; from < list.length; ) {
    const {taken, result} = tx.insertMany(into, list, oid(owner) as OwnerId, from);
    from += taken;
    if (result instanceof Promise) await result;
    else if (result !== 'done') return result.key[0]!;
  }
  return 'done';
}

async function seen(tx: Transaction, of: TableStorage): Promise<Datum[][]> {
  return (await rowsOf(tx, request(of))).sort(byId);
}

t.test('rows are seen by later commands, not by the one that writes them', async test => {
  const {storage, made, files} = await opened(test);
  const tx = begin(storage);
  await put(tx, made, rows(0, 3000));
  test.equal((await seen(tx, made)).length, 0, 'the same command');
  next(tx);
  test.same(await seen(tx, made), rows(0, 3000));
  test.ok(files().length > 0, 'they lie in files');
  test.same((await byKey(tx, made, [17]))?.row, rows(17, 18)[0]);
  test.equal(await byKey(tx, made, [3000]), null);
  const sequence = await rowsOf(tx, request(made, {columns: [0, 'seq']}));
  test.ok(
    sequence.every(row => row[1] === null),
    '_seq is NULL before the commit',
  );
  test.same(await contents(storage, made), [], 'others see nothing');
  await tx.commit();
  test.same(await contents(storage, made), rows(0, 3000));
  test.equal(files().length, storage.segments().length);
  test.same(await storage.check(), []);
});

t.test('a portal that was opened before goes on without them', async test => {
  const {storage, made} = await opened(test);
  const tx = begin(storage);
  await put(tx, made, rows(0, 500));
  next(tx);
  await put(tx, made, rows(500, 700));
  const view = tx.keepView();
  next(tx);
  await put(tx, made, rows(700, 3000));
  next(tx);
  tx.useView(view);
  test.equal((await seen(tx, made)).length, 500, 'as of the second command');
  tx.useView(null);
  test.equal((await seen(tx, made)).length, 3000);
  view.release();
  tx.rollback();
});

t.test('own rows are updated and deleted', async test => {
  for (const mode of ['commit', 'rollback'] as const) {
    const {storage, made, files} = await opened(test);
    const tx = begin(storage);
    await put(tx, made, rows(0, 2000));
    next(tx);
    for (const id of [3, 1500, 1999])
      test.ok(await updateByKey(tx, made, [id], row => [row[0]!, 7, row[2]!]));
    test.ok(await deleteByKey(tx, made, [4]));
    test.equal((await byKey(tx, made, [3]))?.row[1], 0, 'the command that updates sees the old');
    next(tx);
    test.equal((await byKey(tx, made, [3]))?.row[1], 7);
    test.ok(await updateByKey(tx, made, [3], row => [5000, 8, row[2]!]));
    next(tx);
    test.ok(await deleteByKey(tx, made, [1500]));
    next(tx);
    const expected = rows(0, 2000)
      .filter(([id]) => id !== 4 && id !== 3 && id !== 1500)
      .map(row => (row[0] === 1999 ? [1999, 7, row[2]!] : row));
    expected.push([5000, 8, `${PAD}3`]);
    test.same(await seen(tx, made), expected);
    test.equal(await put(tx, made, [[3, 0, 'free again']]), 'done');
    test.equal(await put(tx, made, [[1999, 0, 'taken']]), 1999);
    test.equal(await put(tx, made, [[5000, 0, 'taken']]), 5000);
    if (mode === 'commit') await tx.commit();
    else tx.rollback();
    const after =
      mode === 'commit' ? [...expected, [3, 0, 'free again']].sort(byId) : ([] as Datum[][]);
    test.same(await contents(storage, made), after);
    await storage.whenDurable(storage.lastSeq);
    test.equal(files().length, storage.segments().length);
    test.same(await storage.check(), []);
  }
});

t.test('keys: within, across segments, against hot, cold and other sessions', async test => {
  const {storage, made} = await opened(test);
  await insertRows(storage, made, rows(100_000, 100_100));
  await storage.flush(made, null);
  await insertRows(storage, made, rows(200_000, 200_100));
  const tx = begin(storage);
  await put(tx, made, rows(0, 2000));
  for (const taken of [0, 777, 1999, 100_050, 200_050])
    test.equal(await put(tx, made, [[taken, 0, 'again']]), taken, `${taken} in the same command`);
  next(tx);
  for (const taken of [0, 777, 1999, 100_050, 200_050])
    test.equal(await put(tx, made, [[taken, 0, 'again']]), taken, `${taken} in a later one`);
  const other = begin(storage);
  let isDone = false;
  const waiting = put(other, made, [[777, 0, 'other']]).then(result => {
    isDone = true;
    return result;
  });
  await new Promise(resolve => setImmediate(resolve));
  test.notOk(isDone, 'another session waits for the end');
  await tx.commit();
  test.equal(await waiting, 777);
  other.rollback();
  const third = begin(storage);
  await put(third, made, rows(300_000, 302_000));
  const fourth = begin(storage);
  const granted = put(fourth, made, [[300_001, 0, 'other']]);
  third.rollback();
  test.equal(await granted, 'done', 'a rollback gives the keys back');
  fourth.rollback();
});

t.test('keys of expressions, and of random order', async test => {
  const columns = [column(1, 'id', INT4), column(2, 'v', INT4), column(3, 's', TEXT)];
  const lower = {
    ...index(20002, columns, [2], true),
    keyColumns: [-1],
    keyOf: (row: readonly Datum[]) => [String(row[2]).toLowerCase()],
  };
  const made = table(20000, {
    columns,
    indexes: [index(20001, columns, [0], true), lower],
  });
  const {storage} = await opened(test, made);
  const tx = begin(storage);
  const shuffled = rows(0, 3000).map((row, i) => [(i * 1009) % 3000, row[1]!, `${PAD}${i}`]);
  test.equal(await put(tx, made, shuffled), 'done');
  test.equal(await put(tx, made, [[9000, 0, `${PAD.toUpperCase()}5`]]), `${PAD}5`);
  for (let id = 0; id < 3000; id += 97) test.equal(await put(tx, made, [[id, 0, `n${id}`]]), id);
  next(tx);
  test.same((await byKey(tx, made, [2018]))?.row, [2018, 0, `${PAD}2`]);
  await tx.commit();
  test.same(await storage.check(), []);
});

t.test('savepoints: what came after one goes, with its files', async test => {
  const {storage, made, files} = await opened(test);
  const tx = begin(storage);
  await put(tx, made, rows(0, 1200));
  next(tx);
  tx.savepoint('a');
  next(tx);
  await put(tx, made, rows(1200, 3000));
  next(tx);
  test.ok(await updateByKey(tx, made, [5], row => [row[0]!, 9, row[2]!]));
  tx.savepoint('b');
  next(tx);
  await put(tx, made, rows(3000, 5000));
  next(tx);
  test.equal((await seen(tx, made)).length, 5000);
  tx.rollbackTo('b');
  next(tx);
  test.equal((await seen(tx, made)).length, 3000);
  test.equal((await byKey(tx, made, [5]))?.row[1], 9);
  tx.rollbackTo('a');
  next(tx);
  test.same(await seen(tx, made), rows(0, 1200));
  test.equal(await put(tx, made, rows(1200, 2500)), 'done', 'the keys are free again');
  next(tx);
  test.same(await seen(tx, made), rows(0, 2500));
  await tx.commit();
  test.same(await contents(storage, made), rows(0, 2500));
  test.equal(files().length, storage.segments().length);
});

t.test('TRUNCATE drops own rows, ROLLBACK TO brings them back', async test => {
  const {storage, made, files} = await opened(test);
  const tx = begin(storage);
  await put(tx, made, rows(0, 1500));
  next(tx);
  tx.savepoint('s');
  next(tx);
  tx.truncate(made);
  next(tx);
  test.same(await seen(tx, made), []);
  await put(tx, made, rows(0, 1200, 1));
  next(tx);
  test.same(await seen(tx, made), rows(0, 1200, 1));
  tx.rollbackTo('s');
  next(tx);
  test.same(await seen(tx, made), rows(0, 1500));
  tx.truncate(made);
  next(tx);
  await put(tx, made, rows(10, 1400, 2));
  await tx.commit();
  test.same(await contents(storage, made), rows(10, 1400, 2));
  await storage.whenDurable(storage.lastSeq);
  test.equal(files().length, storage.segments().length);
});

t.test('owners: each has files of his own; few rows of one stay in memory', async test => {
  const made = table(20000, {kind: 'user'});
  const {storage} = await opened(test, made);
  const tx = begin(storage);
  for (let i = 0; i < 20; i++) {
    await put(tx, made, rows(i * 100, i * 100 + 100), 16400);
    await put(tx, made, rows(i * 100, i * 100 + 90), 16401);
    await put(tx, made, rows(i, i + 1), 16402);
  }
  next(tx);
  test.equal((await rowsOf(tx, request(made, {owner: oid(16400) as OwnerId}))).length, 2000);
  test.equal((await rowsOf(tx, request(made, {owner: oid(16402) as OwnerId}))).length, 20);
  test.equal((await rowsOf(tx, request(made))).length, 3820);
  await tx.commit();
  test.equal((await contents(storage, made, oid(16400))).length, 2000);
  test.equal((await contents(storage, made, oid(16402))).length, 20);
  test.same(new Set(storage.segments().map(({owner}) => Number(owner))), new Set([16400, 16401]));
});

t.test('the order of another index than the one that segments are sorted by', async test => {
  const columns = [column(1, 'id', INT4), column(2, 'v', INT4), column(3, 's', TEXT)];
  const second = index(20002, columns, [1], false);
  const made = table(20000, {columns, indexes: [index(20001, columns, [0], true), second]});
  const {storage} = await opened(test, made);
  await insertRows(storage, made, [[-1, 5000, 'hot']]);
  const tx = begin(storage);
  await put(
    tx,
    made,
    rows(0, 3000).map(row => [row[0]!, (Number(row[0]) * 7919) % 10_007, 's']),
  );
  next(tx);
  for (const descending of [false, true]) {
    const got = await rowsOf(tx, request(made, {order: {index: second, descending}}));
    const values = got.map(row => Number(row[1]));
    const sorted = values.toSorted((a, b) => (descending ? b - a : a - b));
    test.equal(values.length, 3001);
    test.same(values, sorted);
    const byKeyOrder = await rowsOf(
      tx,
      request(made, {order: {index: made.indexes[0]!, descending}}),
    );
    test.equal(Number(byKeyOrder[0]![0]), descending ? 2999 : -1);
    test.equal(byKeyOrder.length, 3001);
  }
  tx.rollback();
});

t.test('REPEATABLE READ and SERIALIZABLE change their own rows', async test => {
  for (const isolation of ['repeatable read', 'serializable'] as const) {
    const {storage, made} = await opened(test);
    const tx = begin(storage, isolation);
    await put(tx, made, rows(0, 2000));
    next(tx);
    test.ok(await updateByKey(tx, made, [1], row => [row[0]!, 1, row[2]!]));
    const found = await byKey(tx, made, [2]);
    test.equal(tx.lockRow(made, found!.rid, 'update', 'wait'), 'granted');
    await tx.commit();
    test.equal((await contents(storage, made))[1]![1], 1);
  }
  const {storage, made} = await opened(test);
  const reader = begin(storage, 'serializable');
  await seen(reader, made);
  const loader = begin(storage, 'serializable');
  await rowsOf(loader, request(table(20010)));
  await seen(loader, made);
  await put(loader, made, rows(0, 2000));
  test.equal(reader.insert(made, oid(0) as OwnerId, [90_000, 0, 'x']), 'done');
  await loader.commit();
  await test.rejects(async () => reader.commit(), {code: '40001'});
});

t.test('a load that waits for its file and is rolled back leaves nothing', async test => {
  const {storage, made, files} = await opened(test);
  for (const how of ['rollback', 'savepoint'] as const) {
    const tx = begin(storage);
    tx.savepoint('s');
    next(tx);
    const list = rows(0, 3000);
    let from = 0;
    let writing: Promise<void> | null = null;
    while (writing === null) {
      const {taken, result} = tx.insertMany(made, list, oid(0) as OwnerId, from);
      from += taken;
      if (result instanceof Promise) writing = result;
    }
    if (how === 'rollback') tx.rollback();
    else tx.rollbackTo('s');
    await writing;
    if (how === 'savepoint') {
      next(tx);
      test.same(await seen(tx, made), []);
      await tx.commit();
    }
    await storage.whenDurable(storage.lastSeq);
    test.same(files(), []);
  }
  test.same(await contents(storage, made), []);
});

t.test('all transactions together have a bound', async test => {
  const {storage, made, files} = await opened(test, table(20000), {
    pendingBytes: 1 << 20,
    allPendingBytes: 128 * 1024,
  });
  const open = Array.from({length: 6}, () => begin(storage));
  for (let i = 0; i < 8; i++)
    for (const [at, tx] of open.entries())
      await put(tx, made, rows(at * 10_000 + i * 100, at * 10_000 + i * 100 + 100));
  for (const tx of open) await tx.commit();
  test.ok(files().length > 0, 'none of them alone was over its own bound');
  test.equal((await contents(storage, made)).length, 4800);
  test.same(await storage.check(), []);
});

t.test('a table of the same transaction: rolled back, dropped, altered', async test => {
  const {storage, files, path} = await opened(test);
  const columns = [column(1, 'id', INT4), column(2, 'v', INT4), column(3, 's', TEXT)];
  const bare = table(20100, {columns, indexes: []});
  const keyed = {...bare, indexes: [index(20101, columns, [0], true)]};
  const load = async (list: readonly Datum[][]): Promise<Transaction> => {
    const tx = begin(storage);
    tx.ddl({kind: 'createTable', table: bare});
    await put(tx, bare, list);
    next(tx);
    return tx;
  };
  (await load(rows(0, 2000))).rollback();
  const dropping = await load(rows(0, 2000));
  dropping.ddl({kind: 'dropTable', table: bare});
  await dropping.commit();
  await storage.whenDurable(storage.lastSeq);
  test.same(files(), []);
  const twice = await load([...rows(0, 2000), ...rows(5, 6)]);
  await test.rejects(
    async () => {
      twice.ddl({kind: 'alterTable', before: bare, after: keyed});
      await twice.commit();
    },
    {code: '23505'},
  );
  const good = await load(rows(0, 2000));
  good.ddl({kind: 'alterTable', before: bare, after: keyed});
  next(good);
  test.equal(await put(good, keyed, [[77, 0, 'taken']]), 77);
  test.equal(await put(good, keyed, [[2000, 0, `${PAD}2000`]]), 'done');
  await good.commit();
  test.same(await contents(storage, keyed), rows(0, 2001));
  test.ok(existsSync(path));
  test.same(await storage.check(), []);
});

t.test('what is committed is told: how many rows, not which', async test => {
  const {storage, made} = await opened(test);
  const told: number[] = [];
  storage.onCommit(event => {
    for (const part of event.parts) told.push(part.unlistedRows ?? 0, part.changes.length);
  });
  const tx = begin(storage);
  await put(tx, made, rows(0, 3000));
  next(tx);
  await deleteByKey(tx, made, [0]);
  await tx.commit();
  test.equal(
    told.reduce((sum, n) => sum + n, 0),
    2999,
  );
  const {gap} = storage.logReader(made, null).read(0n as never, 10);
  test.ok(gap, 'readers of the change log behind it get a gap');
});

t.test('flush and compaction beside an open load', async test => {
  const {storage, made} = await opened(test);
  await insertRows(storage, made, rows(100_000, 100_500));
  const tx = begin(storage);
  await put(tx, made, rows(0, 1500));
  await storage.flush(made, null);
  next(tx);
  await put(tx, made, rows(1500, 3000));
  await storage.compact(made);
  next(tx);
  test.ok(await updateByKey(tx, made, [100_003], row => [row[0]!, 4, row[2]!]));
  test.ok(await updateByKey(tx, made, [3], row => [row[0]!, 4, row[2]!]));
  await tx.commit();
  const after = await contents(storage, made);
  test.equal(after.length, 3500);
  test.same(
    after.filter(row => row[1] === 4).map(row => row[0]),
    [3, 100_003],
  );
  await storage.flush(made, null);
  await storage.compact(made);
  test.equal((await contents(storage, made)).length, 3500);
  test.same(await storage.check(), []);
});
