import {setImmediate as nextTurn} from 'node:timers/promises';
import t, {type Test} from 'tap';
import {type OwnerId, oid} from '../../src/common/ids.ts';
import type {CommitEvent, Storage, TableStorage, Transaction} from '../../src/storage/contract.ts';
import type {StorageSettings} from '../../src/storage/settings.ts';
import {
  begin,
  byId,
  byKey,
  contents,
  createTable,
  deleteByKey,
  insertRows,
  open,
  request,
  rowsOf,
  table,
  temporaryDirectory,
  updateByKey,
} from './support.ts';

const shared = oid(0) as OwnerId;
const SLICED: Partial<StorageSettings> = {largeCommitRows: 100, sliceMs: 0};

interface Setup {
  readonly storage: Storage;
  readonly made: TableStorage;
  readonly other: TableStorage;
  reopen(): Promise<Storage>;
}

/** Two tables, the first with 500 rows. */
async function setup(test: Test): Promise<Setup> {
  const directory = temporaryDirectory();
  const made = table(20000);
  const other = table(20001);
  let storage = open(directory.path, [made, other], SLICED);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  await createTable(storage, made);
  await createTable(storage, other);
  await insertRows(
    storage,
    made,
    Array.from({length: 500}, (_, i) => [i, i, 'old']),
  );
  return {
    storage,
    made,
    other,
    reopen: async () => {
      await storage.close();
      storage = open(directory.path, [made, other], SLICED);
      return storage;
    },
  };
}

/** Updates rows 0 to 199, deletes 200 to 299, swaps the keys of 300 and 301, adds 1000 to 1299; not committed. */
async function change(
  storage: Storage,
  made: TableStorage,
  tx = begin(storage),
): Promise<Transaction> {
  for (let i = 0; i < 200; i++) await updateByKey(tx, made, [i], row => [row[0]!, -1, 'new']);
  for (let i = 200; i < 300; i++) await deleteByKey(tx, made, [i]);
  await updateByKey(tx, made, [300], row => [9999, row[1]!, row[2]!]);
  await updateByKey(tx, made, [301], row => [300, row[1]!, row[2]!]);
  tx.advanceCommand();
  await updateByKey(tx, made, [9999], row => [301, row[1]!, row[2]!]);
  for (let i = 1000; i < 1300; i++) {
    // Cold keys are read from a file: the insert is tried again.
    for (let result = tx.insert(made, shared, [i, i, 'new']); result !== 'done'; ) {
      await result;
      result = tx.insert(made, shared, [i, i, 'new']);
    }
  }
  return tx;
}

async function assertChanged(test: Test, storage: Storage, made: TableStorage): Promise<void> {
  const rows = (await contents(storage, made)).toSorted(byId);
  test.equal(rows.length, 700);
  test.same(rows[0], [0, -1, 'new']);
  test.same(rows[200], [300, 301, 'old'], 'keys are swapped');
  test.same(rows[201], [301, 300, 'old']);
  test.same(rows[699], [1299, 1299, 'new']);
}

t.test(
  '3: until a large commit is published, reads see nothing of it; then all at once',
  async test => {
    const {storage, made, reopen} = await setup(test);
    const events: CommitEvent[] = [];
    storage.onCommit(event => events.push(event));
    const old = begin(storage, 'repeatable read');
    old.beginStatement();
    const tx = await change(storage, made);
    const before = storage.lastSeq;
    let isDone = false;
    const committed = tx.commit()!.then(() => (isDone = true));
    let turns = 0;
    while (!isDone) {
      const reader = begin(storage);
      reader.beginStatement();
      const rows = await rowsOf(reader, request(made));
      if (storage.lastSeq === before) {
        test.equal(events.length, 0);
        test.equal(rows.length, 500);
        test.equal(rows.filter(row => row[2] === 'new').length, 0);
        test.same((await byKey(reader, made, [300]))?.row, [300, 300, 'old']);
        test.same(reader.getByKey(made, made.indexes[0]!, null, [250])?.row, [250, 250, 'old']);
        test.equal(reader.getByKey(made, made.indexes[0]!, null, [1100]), null);
        test.same(storage.logReader(made, null).read(before, 10).entries, []);
        turns++;
      } else test.equal(rows.length, 700);
      reader.rollback();
      await nextTurn();
    }
    await committed;
    test.ok(turns > 10, `${turns} turns`);
    test.equal(events.length, 1);
    test.equal(events[0]!.parts[0]!.changes.length, 602);
    test.equal(events[0]!.seq, tx.commitSeq);
    test.equal((await rowsOf(old, request(made))).length, 500, 'an old snapshot sees what it saw');
    old.rollback();
    await assertChanged(test, storage, made);
    test.equal(
      storage.logReader(made, null).read(before, 10).entries[0]?.parts[0]?.changes.length,
      602,
    );
    await assertChanged(test, await reopen(), made);
  },
);

t.test('1, 3: rows and keys of a large commit stay locked until it is published', async test => {
  const {storage, made} = await setup(test);
  const tx = await change(storage, made);
  const order: string[] = [];
  const committed = tx.commit()!.then(() => order.push('large'));
  await nextTurn();
  const taken = begin(storage);
  const waiting = taken.insert(made, shared, [1100, 0, 'mine']);
  test.ok(waiting instanceof Promise, 'a new key of the large commit is waited for');
  const updater = begin(storage);
  const version = (await byKey(updater, made, [5]))!;
  const locked = updater.lockRow(made, version.rid, 'update', 'wait');
  test.ok(locked instanceof Promise);
  test.equal(updater.lockRow(made, version.rid, 'update', 'skip'), 'unavailable');
  await Promise.all([committed, waiting, locked].map(async p => p));
  test.same(order, ['large']);
  test.match(taken.insert(made, shared, [1100, 0, 'mine']), {kind: 'conflict'});
  test.equal(taken.insert(made, shared, [250, 0, 'mine']), 'done', 'a deleted key is free');
  await taken.commit();
  updater.rollback();
  test.equal((await contents(storage, made)).length, 701);
});

t.test('3: commits that come meanwhile wait their turn, and are in order', async test => {
  const {storage, made, other} = await setup(test);
  const seqs: bigint[] = [];
  storage.onCommit(event => seqs.push(event.seq));
  const large = await change(storage, made);
  const first = large.commit()!;
  const small = begin(storage);
  void small.insert(other, shared, [1, 1, 'small']);
  const second = small.commit()!;
  test.equal(small.commitSeq, null);
  small.rollback();
  const next = begin(storage);
  for (let i = 2; i < 400; i++) void next.insert(other, shared, [i, i, 'large']);
  await Promise.all([first, second, next.commit()]);
  test.same(
    [large, small, next].map(tx => tx.commitSeq),
    seqs,
    'a rollback of what is on its way is no rollback',
  );
  test.ok(seqs[0]! < seqs[1]! && seqs[1]! < seqs[2]!);
  test.equal((await contents(storage, other)).length, 399);
});

t.test(
  '1.6: a SERIALIZABLE commit is validated after a large one that was under way',
  async test => {
    const {storage, made, other} = await setup(test);
    const serial = begin(storage, 'serializable');
    await rowsOf(serial, request(made));
    void serial.insert(other, shared, [1, 1, 'x']);
    // Write skew: each reads what the other writes.
    const large = begin(storage, 'serializable');
    await rowsOf(large, request(other));
    const first = (await change(storage, made, large)).commit()!;
    await nextTurn();
    await test.rejects(async () => serial.commit(), {code: '40001'});
    await first;
    test.equal((await contents(storage, other)).length, 0);
  },
);

t.test(
  '3: a large commit that SQLite refuses leaves nothing; those behind it go on',
  async test => {
    const {storage, made, other, reopen} = await setup(test);
    const bad = await change(storage, made);
    void bad.insert(table(29999), shared, [1, 1, 'no such table']);
    const failed = bad.commit()!;
    const good = begin(storage);
    void good.insert(other, shared, [1, 1, 'good']);
    const results = await Promise.allSettled([failed, good.commit()]);
    test.same(
      results.map(({status}) => status),
      ['rejected', 'fulfilled'],
    );
    test.equal((await contents(storage, made)).filter(row => row[2] === 'old').length, 500);
    const again = await reopen();
    test.equal((await contents(again, made)).length, 500);
    test.equal((await contents(again, other)).length, 1);
  },
);

t.test('5.1: flush and compaction wait for a large commit and see it', async test => {
  const {storage, made} = await setup(test);
  await storage.flush(made, null);
  const tx = await change(storage, made);
  const committed = tx.commit()!;
  await Promise.all([committed, storage.flush(made, null)]);
  await assertChanged(test, storage, made);
  const more = begin(storage);
  for (let i = 1000; i < 1200; i++) await deleteByKey(more, made, [i]);
  await Promise.all([storage.compact(made), more.commit()]);
  test.equal((await contents(storage, made)).length, 500);
});

t.test('3: TRUNCATE with many rows goes in slices; a close waits for it', async test => {
  const {storage, made, reopen} = await setup(test);
  const tx = begin(storage);
  tx.truncate(made);
  for (let i = 0; i < 300; i++) void tx.insert(made, shared, [i, i, 'again']);
  const committed = tx.commit()!;
  await nextTurn();
  test.equal((await contents(storage, made)).length, 500);
  const again = await reopen();
  await committed;
  test.equal((await contents(again, made)).length, 300);
});

t.test('5.1: rows that are changed while a flush writes stay hot', async test => {
  const {storage, made, reopen} = await setup(test);
  const flushing = storage.flush(made, null);
  const tx = begin(storage);
  await updateByKey(tx, made, [7], row => [row[0]!, 777, row[2]!]);
  await updateByKey(tx, made, [8], row => [row[0]!, 888, row[2]!]);
  const quick = begin(storage);
  await updateByKey(quick, made, [9], row => [row[0]!, 999, row[2]!]);
  await quick.commit();
  test.match(await flushing, {segments: 1});
  await tx.commit();
  for (const store of [storage, await reopen()]) {
    const rows = (await contents(store, made)).toSorted(byId);
    test.equal(rows.length, 500);
    test.same(
      rows.slice(7, 10).map(row => row[1]),
      [777, 888, 999],
    );
    test.equal(store.tableStats(made).hotRows, 3);
  }
});

t.test('3: who needs the queue to itself has its turn between large commits', async test => {
  const {storage, made, other} = await setup(test);
  const first = (await change(storage, made)).commit()!;
  const serial = begin(storage, 'serializable');
  await rowsOf(serial, request(other));
  void serial.insert(other, shared, [1, 1, 'x']);
  const second = serial.commit();
  const later = begin(storage);
  for (let i = 2000; i < 2300; i++) void later.insert(made, shared, [i, i, 'later']);
  await Promise.all([first, second, later.commit(), storage.flush(made, null)]);
  test.ok(serial.commitSeq! < later.commitSeq!);
  test.equal((await contents(storage, made)).length, 1000);
});
