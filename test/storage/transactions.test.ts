import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import type {KeyConflict} from '../../src/storage/contract.ts';
import {
  begin,
  byId,
  byKey,
  contents,
  createTable,
  deleteByKey,
  index,
  insertRows,
  next,
  request,
  rowsOf,
  setup,
  table,
  updateByKey,
} from './support.ts';

const shared = oid(0) as OwnerId;

t.test(
  '1.2: a statement does not see its own rows, the next one does; ROLLBACK TO drops them',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    const tx = begin(storage);
    test.equal(tx.insert(made, shared, [1, 10, 'a']), 'done');
    test.same(await rowsOf(tx, request(made)), [], 'not in the same command');
    next(tx);
    test.same(await rowsOf(tx, request(made)), [[1, 10, 'a']]);
    tx.savepoint('s');
    next(tx);
    test.equal(tx.insert(made, shared, [2, 20, 'b']), 'done');
    await updateByKey(tx, made, [1], () => [1, 11, 'a']);
    next(tx);
    test.same(await rowsOf(tx, request(made)), [
      [1, 11, 'a'],
      [2, 20, 'b'],
    ]);
    tx.rollbackTo('s');
    next(tx);
    test.same(await rowsOf(tx, request(made)), [[1, 10, 'a']]);
    test.equal(tx.insert(made, shared, [2, 21, 'c']), 'done', 'the key is free again');
    test.throws(() => tx.rollbackTo('unknown'), {code: '3B001'});
    await tx.commit();
    test.same(await contents(storage, made), [
      [1, 10, 'a'],
      [2, 21, 'c'],
    ]);
  },
);

t.test('1.2: a cursor keeps its command id and does not see later changes', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 1, 'a'],
    [2, 2, 'b'],
  ]);
  const tx = begin(storage);
  const cursor = tx.scan(request(made));
  next(tx);
  void tx.insert(made, shared, [3, 3, 'c']);
  await updateByKey(tx, made, [1], row => [row[0]!, 99, row[2]!]);
  next(tx);
  let rows = 0;
  for (let batch = cursor.next(1); typeof batch !== 'symbol'; batch = cursor.next(1))
    rows += batch.count;
  test.equal(rows, 2);
  tx.rollback();
});

t.test(
  '1.1: a row keeps its rid over a change of its key; a waiter by rid updates the same row',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    await insertRows(storage, made, [[1, 1, 'a']]);
    const one = begin(storage);
    const before = await byKey(one, made, [1]);
    await updateByKey(one, made, [1], row => [100, row[1]!, row[2]!]);
    const two = begin(storage);
    const updated = updateByKey(two, made, [1], row => [row[0]!, 7, row[2]!]);
    await one.commit();
    test.equal(await updated, true);
    await two.commit();
    test.same(await contents(storage, made), [[100, 7, 'a']]);
    const after = begin(storage);
    test.equal((await byKey(after, made, [100]))!.rid, before!.rid);
    after.rollback();
  },
);

t.test(
  '1.5: duplicate keys, also of own rows and of keys freed in the same transaction',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    await insertRows(storage, made, [
      [1, 1, 'a'],
      [2, 2, 'b'],
    ]);
    const tx = begin(storage);
    test.equal((tx.insert(made, shared, [1, 0, '']) as KeyConflict).kind, 'conflict');
    test.equal(tx.insert(made, shared, [3, 0, '']), 'done');
    test.equal((tx.insert(made, shared, [3, 0, '']) as KeyConflict).kind, 'conflict');
    await deleteByKey(tx, made, [1]);
    test.equal(tx.insert(made, shared, [1, 5, 'new']), 'done');
    await updateByKey(tx, made, [2], row => [row[0]!, 3, 'same key']);
    test.equal(
      (tx.insert(made, shared, [2, 0, '']) as KeyConflict).kind,
      'conflict',
      'updated without its key',
    );
    await tx.commit();
    test.same(await contents(storage, made), [
      [1, 5, 'new'],
      [2, 3, 'same key'],
      [3, 0, ''],
    ]);
  },
);

t.test('3.4: two unique keys are swapped in one commit', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 1, 'a'],
    [2, 2, 'b'],
  ]);
  const tx = begin(storage);
  await updateByKey(tx, made, [1], row => [3, row[1]!, row[2]!]);
  next(tx);
  await updateByKey(tx, made, [2], row => [1, row[1]!, row[2]!]);
  next(tx);
  await updateByKey(tx, made, [3], row => [2, row[1]!, row[2]!]);
  await tx.commit();
  test.same(await contents(storage, made), [
    [1, 2, 'b'],
    [2, 1, 'a'],
  ]);
  const reader = begin(storage);
  test.same(reader.getByKey(made, made.indexes[0]!, null, [1])!.row, [1, 2, 'b']);
  reader.rollback();
});

t.test('1.5: an insert waits for another transaction that holds the key', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  for (const ends of ['commit', 'rollback'] as const) {
    const key = ends === 'commit' ? 1 : 2;
    const one = begin(storage);
    test.equal(one.insert(made, shared, [key, 1, 'one']), 'done');
    const two = begin(storage);
    const waits = two.insert(made, shared, [key, 2, 'two']);
    test.ok(waits instanceof Promise);
    if (ends === 'commit') await one.commit();
    else one.rollback();
    await waits;
    const again = two.insert(made, shared, [key, 2, 'two']);
    test.equal(
      again === 'done' ? 'done' : (again as KeyConflict).kind,
      ends === 'commit' ? 'conflict' : 'done',
    );
    two.rollback();
  }
});

t.test(
  '2.1: READ COMMITTED sees each commit, REPEATABLE READ its snapshot; a lost race is 40001',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    await insertRows(storage, made, [
      [1, 1, 'a'],
      [2, 2, 'b'],
    ]);
    const fixed = begin(storage, 'repeatable read');
    const fresh = begin(storage);
    test.equal((await rowsOf(fixed, request(made))).length, 2);
    const found = (await byKey(fixed, made, [1]))!;
    const other = begin(storage);
    await updateByKey(other, made, [1], row => [row[0]!, 50, row[2]!]);
    await deleteByKey(other, made, [2]);
    void other.insert(made, shared, [3, 3, 'c']);
    await other.commit();
    test.same((await rowsOf(next(fresh), request(made))).sort(byId), [
      [1, 50, 'a'],
      [3, 3, 'c'],
    ]);
    next(fixed);
    test.same((await rowsOf(fixed, request(made))).sort(byId), [
      [1, 1, 'a'],
      [2, 2, 'b'],
    ]);
    test.same(
      fixed.getByKey(made, made.indexes[0]!, null, [1])!.row,
      [1, 1, 'a'],
      'older version by key',
    );
    test.same(
      fixed.getByKey(made, made.indexes[0]!, null, [2])!.row,
      [2, 2, 'b'],
      'deleted since, by key',
    );
    test.equal(fixed.getByKey(made, made.indexes[0]!, null, [3]), null);
    test.throws(() => fixed.lockRow(made, found.rid, 'noKeyUpdate', 'wait'), {
      code: '40001',
      message: 'could not serialize access due to concurrent update',
    });
    fixed.rollback();
    fresh.rollback();
  },
);

t.test('2.4: an old snapshot survives thousands of updates of its rows', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  await insertRows(
    storage,
    made,
    Array.from({length: 50}, (_, i) => [i, 0, 'x']),
  );
  const fixed = begin(storage, 'repeatable read');
  fixed.snapshot();
  for (let round = 1; round <= 100; round++) {
    const tx = begin(storage);
    for (let i = 0; i < 50; i++) await updateByKey(tx, made, [i], row => [row[0]!, round, 'y']);
    await tx.commit();
  }
  const seen = await rowsOf(fixed, request(made));
  test.equal(seen.length, 50);
  test.ok(seen.every(row => row[1] === 0));
  fixed.rollback();
  await insertRows(storage, made, [[1000, 0, '']]);
  test.equal((await contents(storage, made)).length, 51);
  test.ok((await contents(storage, made)).slice(0, 50).every(row => row[1] === 100));
});

t.test('1.6: SERIALIZABLE fails a write skew', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 1, 'on'],
    [2, 1, 'on'],
  ]);
  const one = begin(storage, 'serializable');
  const two = begin(storage, 'serializable');
  await rowsOf(one, request(made));
  await rowsOf(two, request(made));
  await updateByKey(one, made, [1], row => [row[0]!, 0, 'off']);
  await updateByKey(two, made, [2], row => [row[0]!, 0, 'off']);
  await one.commit();
  test.throws(() => void two.commit(), {code: '40001'});
});

t.test(
  '1.6: SERIALIZABLE by key: only what was read counts, a key that was free too',
  async test => {
    const {storage, made} = setup(test);
    await createTable(storage, made);
    await insertRows(storage, made, [
      [1, 1, 'a'],
      [2, 2, 'b'],
    ]);
    const free = begin(storage, 'serializable');
    const apart = begin(storage, 'serializable');
    test.equal(free.getByKey(made, made.indexes[0]!, null, [9]), null);
    await updateByKey(free, made, [1], row => [row[0]!, 10, row[2]!]);
    await updateByKey(apart, made, [2], row => [row[0]!, 20, row[2]!]);
    await insertRows(storage, made, [[9, 9, 'new']]);
    await apart.commit();
    // It comes before the one that took the key: a serial order.
    await free.commit();
    test.same((await contents(storage, made))[0], [1, 10, 'a']);
    test.same((await contents(storage, made))[1], [2, 20, 'b']);
  },
);

t.test('6: user tables: keys and rows per owner', async test => {
  const made = table(20000, {kind: 'user'});
  const {storage} = setup(test, [made]);
  await createTable(storage, made);
  await insertRows(
    storage,
    made,
    [
      [1, 1, 'bob'],
      [2, 1, 'bob'],
    ],
    16400,
  );
  await insertRows(storage, made, [[1, 1, 'ann']], 16401);
  test.same(await contents(storage, made, oid(16400)), [
    [1, 1, 'bob'],
    [2, 1, 'bob'],
  ]);
  test.same(await contents(storage, made, oid(16401)), [[1, 1, 'ann']]);
  test.equal((await contents(storage, made)).length, 3);
  const tx = begin(storage);
  test.equal((tx.insert(made, oid(16401), [1, 2, '']) as KeyConflict).kind, 'conflict');
  test.equal(tx.insert(made, oid(16401), [2, 2, 'ann']), 'done');
  test.same(tx.getByKey(made, made.indexes[0]!, oid(16400), [2])!.row, [2, 1, 'bob']);
  tx.rollback();
});

t.test('non-unique lookup, ranges and order, merged with own rows', async test => {
  const base = table(20000);
  const made = table(20000, {indexes: [base.indexes[0]!, index(20009, base.columns, [1], false)]});
  const {storage} = setup(test, [made]);
  await createTable(storage, made);
  await insertRows(
    storage,
    made,
    Array.from({length: 3000}, (_, i) => [i, (i * 7919) % 3000, `s${i % 5}`]),
  );
  const tx = begin(storage);
  const byV = made.indexes[1]!;
  test.equal((await rowsOf(tx, request(made, {lookup: {index: byV, keys: [[5], [6]]}}))).length, 2);
  const range = await rowsOf(
    tx,
    request(made, {
      order: {index: byV, descending: true},
      predicates: [
        {column: 1, op: '<', values: [10]},
        {column: 1, op: '>=', values: [5]},
      ],
    }),
    2,
  );
  test.same(
    range.map(row => row[1]),
    [9, 8, 7, 6, 5],
  );
  await deleteByKey(tx, made, [range[1]![0]!]);
  void tx.insert(made, shared, [5000, 6, 'own']);
  next(tx);
  const merged = await rowsOf(
    tx,
    request(made, {
      order: {index: byV, descending: false},
      predicates: [
        {column: 1, op: '<', values: [10]},
        {column: 1, op: '>=', values: [5]},
      ],
    }),
  );
  test.same(
    merged.map(row => row[1]),
    [5, 6, 6, 7, 9],
  );
  tx.rollback();
});

t.test('truncate, and insert after it', async test => {
  const {storage, made} = setup(test);
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 1, 'a'],
    [2, 2, 'b'],
  ]);
  const tx = begin(storage);
  void tx.insert(made, shared, [3, 3, 'c']);
  next(tx);
  tx.truncate(made);
  next(tx);
  test.equal(tx.insert(made, shared, [1, 9, 'new']), 'done');
  next(tx);
  test.same(await rowsOf(tx, request(made)), [[1, 9, 'new']]);
  test.equal((await contents(storage, made)).length, 2, 'others see the old rows');
  await tx.commit();
  test.same(await contents(storage, made), [[1, 9, 'new']]);
});
