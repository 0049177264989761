import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import {PgError} from '../../src/common/errors.ts';
import type {RowLockMode} from '../../src/storage/contract.ts';
import type {TableLockMode} from '../../src/storage/locks/table-lock-mode.ts';
import {
  begin,
  byKey,
  contents,
  createTable,
  insertRows,
  next,
  open,
  table,
  temporaryDirectory,
  updateByKey,
  waiter,
} from './support.ts';

async function setup(test: {teardown(run: () => Promise<void>): void}) {
  const directory = temporaryDirectory();
  const made = table(20000);
  const storage = open(directory.path, [made]);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  await createTable(storage, made);
  await insertRows(storage, made, [
    [1, 1, 'a'],
    [2, 2, 'b'],
  ]);
  const tx = begin(storage);
  const rids = [(await byKey(tx, made, [1]))!.rid, (await byKey(tx, made, [2]))!.rid] as const;
  tx.rollback();
  return {storage, made, rids};
}

t.test('1.3: row lock modes conflict as in PostgreSQL 13.3.2', async test => {
  const {storage, made, rids} = await setup(test);
  const modes: readonly RowLockMode[] = ['keyShare', 'share', 'noKeyUpdate', 'update'];
  const conflicts = [
    [0, 0, 0, 1],
    [0, 0, 1, 1],
    [0, 1, 1, 1],
    [1, 1, 1, 1],
  ];
  for (let a = 0; a < 4; a++) {
    for (let b = 0; b < 4; b++) {
      const one = begin(storage);
      const two = begin(storage);
      test.equal(one.lockRow(made, rids[0], modes[a]!, 'wait'), 'granted');
      test.equal(
        two.lockRow(made, rids[0], modes[b]!, 'skip'),
        conflicts[a]![b] === 1 ? 'unavailable' : 'granted',
        `${modes[a]} and ${modes[b]}`,
      );
      one.rollback();
      two.rollback();
    }
  }
});

t.test('1.3: table lock modes conflict as in PostgreSQL 13.3.1', async test => {
  const {storage, made} = await setup(test);
  const modes: readonly TableLockMode[] = [
    'accessShare',
    'rowShare',
    'rowExclusive',
    'shareUpdateExclusive',
    'share',
    'shareRowExclusive',
    'exclusive',
    'accessExclusive',
  ];
  const conflicts = [
    '00000001',
    '00000011',
    '00001111',
    '00011111',
    '00110111',
    '00111111',
    '01111111',
    '11111111',
  ];
  for (let a = 0; a < 8; a++) {
    for (let b = 0; b < 8; b++) {
      const one = begin(storage);
      const two = begin(storage);
      test.equal(one.lockTable(made.oid, modes[a]!, 'wait'), 'granted');
      test.equal(
        two.lockTable(made.oid, modes[b]!, 'skip'),
        conflicts[a]![b] === '1' ? 'unavailable' : 'granted',
        `${modes[a]} and ${modes[b]}`,
      );
      one.rollback();
      two.rollback();
    }
  }
  const one = begin(storage);
  const two = begin(storage);
  void one.lockTable(made.oid, 'accessExclusive', 'wait');
  test.throws(() => two.lockTable(made.oid, 'accessShare', 'nowait'), {
    code: '55P03',
    message: 'could not obtain lock on relation "table_20000"',
  });
  one.rollback();
  two.rollback();
});

t.test('1.3: NOWAIT, lock_timeout, cancel', async test => {
  const {storage, made, rids} = await setup(test);
  const one = begin(storage);
  void one.lockRow(made, rids[0], 'update', 'wait');
  const two = begin(storage, 'read committed', waiter(7, 5));
  test.throws(() => two.lockRow(made, rids[0], 'keyShare', 'nowait'), {
    code: '55P03',
    message: 'could not obtain lock on row in relation "table_20000"',
  });
  await test.rejects(two.lockRow(made, rids[0], 'share', 'wait') as Promise<void>, {
    code: '55P03',
    message: 'canceling statement due to lock timeout',
  });
  const three = begin(storage);
  const waits = three.lockRow(made, rids[0], 'share', 'wait') as Promise<void>;
  three.cancelWait(new PgError('57014', 'canceling statement due to user request'));
  await test.rejects(waits, {code: '57014'});
  one.rollback();
  test.equal(three.lockRow(made, rids[0], 'share', 'wait'), 'granted');
  two.rollback();
  three.rollback();
});

t.test(
  '1.3: who must wait goes in order, who fits with the holders does not; locks are granted when they resolve',
  async test => {
    const {storage, made, rids} = await setup(test);
    const first = begin(storage);
    void first.lockRow(made, rids[0], 'share', 'wait');
    const second = begin(storage);
    const secondWaits = second.lockRow(made, rids[0], 'update', 'wait') as Promise<void>;
    const third = begin(storage);
    const thirdWaits = third.lockRow(made, rids[0], 'noKeyUpdate', 'wait') as Promise<void>;
    const fourth = begin(storage);
    test.equal(fourth.lockRow(made, rids[0], 'share', 'wait'), 'granted');
    test.equal(storage.locks().filter(lock => !lock.granted).length, 2);
    fourth.rollback();
    first.rollback();
    await secondWaits;
    test.equal(second.lockRow(made, rids[0], 'update', 'wait'), 'granted');
    const fifth = begin(storage);
    test.equal(fifth.lockRow(made, rids[0], 'keyShare', 'skip'), 'unavailable');
    second.rollback();
    await thirdWaits;
    for (const tx of [third, fifth]) tx.rollback();
    test.equal(storage.locks().length, 0);
  },
);

t.test("1.3: deadlock over rows, with PostgreSQL's text", async test => {
  const {storage, made, rids} = await setup(test);
  const one = begin(storage, 'read committed', waiter(11, 0, 5));
  const two = begin(storage, 'read committed', waiter(12, 0, 10_000));
  void one.lockRow(made, rids[0], 'update', 'wait');
  void two.lockRow(made, rids[1], 'update', 'wait');
  const oneWaits = one.lockRow(made, rids[1], 'update', 'wait') as Promise<void>;
  const twoWaits = two.lockRow(made, rids[0], 'update', 'wait') as Promise<void>;
  await test.rejects(oneWaits, {
    code: '40P01',
    message: 'deadlock detected',
    fields: {
      detail: `Process 11 waits for ShareLock on transaction ${two.id}; blocked by process 12.\nProcess 12 waits for ShareLock on transaction ${one.id}; blocked by process 11.`,
      hint: 'See server log for query details.',
    },
  });
  one.rollback();
  await twoWaits;
  two.rollback();
});

t.test('1.3: deadlock between a unique key and a table lock', async test => {
  const {storage, made} = await setup(test);
  const shared = oid(0) as OwnerId;
  const one = begin(storage, 'read committed', waiter(11, 0, 5));
  const two = begin(storage, 'read committed', waiter(12, 0, 10_000));
  void one.insert(made, shared, [10, 0, '']);
  void two.lockTable(oid(4711), 'exclusive', 'wait');
  const waits = two.insert(made, shared, [10, 0, '']);
  test.ok(waits instanceof Promise);
  await test.rejects(one.lockTable(oid(4711), 'share', 'wait') as Promise<void>, {code: '40P01'});
  one.rollback();
  await waits;
  test.equal(two.insert(made, shared, [10, 0, '']), 'done');
  two.rollback();
});

t.test('1.2: ROLLBACK TO releases row and table locks taken since', async test => {
  const {storage, made, rids} = await setup(test);
  const one = begin(storage);
  const two = begin(storage);
  void one.lockRow(made, rids[0], 'keyShare', 'wait');
  one.savepoint('s');
  void one.lockRow(made, rids[0], 'update', 'wait');
  void one.lockRow(made, rids[1], 'update', 'wait');
  void one.lockTable(made.oid, 'exclusive', 'wait');
  const waits = two.lockRow(made, rids[1], 'update', 'wait');
  one.rollbackTo('s');
  await waits;
  test.equal(two.lockRow(made, rids[0], 'noKeyUpdate', 'skip'), 'granted', 'weakened to key share');
  test.equal(two.lockRow(made, rids[0], 'update', 'skip'), 'unavailable');
  test.equal(two.lockTable(made.oid, 'rowExclusive', 'skip'), 'granted');
  one.rollback();
  two.rollback();
});

t.test('advisory locks: of transactions, of sessions, shared', async test => {
  const {storage} = await setup(test);
  const session = waiter(21);
  const one = begin(storage, 'read committed', session);
  test.equal(one.lockAdvisory(5n, false, true, 'wait'), 'granted');
  test.equal(one.lockAdvisory(5n, false, true, 'wait'), 'granted', 'counted');
  test.equal(one.lockAdvisory(6n, true, false, 'wait'), 'granted');
  await one.commit();
  const two = begin(storage);
  test.equal(two.lockAdvisory(5n, true, false, 'skip'), 'unavailable');
  test.equal(two.lockAdvisory(6n, false, false, 'skip'), 'granted', 'ended with its transaction');
  const again = begin(storage, 'read committed', session);
  const waits = two.lockAdvisory(5n, false, true, 'wait');
  test.ok(waits instanceof Promise);
  test.equal(again.unlockAdvisory(5n, false), true);
  test.equal(again.unlockAdvisory(5n, false), true);
  test.equal(again.unlockAdvisory(5n, false), false);
  await waits;
  test.equal(two.lockAdvisory(5n, false, true, 'wait'), 'granted');
  test.equal(two.unlockAdvisory(5n, false), true);
  test.equal(two.unlockAdvisory(5n, false), false, 'the wait and its repeat took it once');
  again.rollback();
  two.rollback();
  storage.releaseSession(session);
});

t.test('1.3: after a wait READ COMMITTED sees the newest version', async test => {
  const {storage, made, rids} = await setup(test);
  const one = begin(storage);
  const two = begin(storage);
  await updateByKey(one, made, [1], row => [row[0]!, 100, row[2]!]);
  const waits = two.lockRow(made, rids[0], 'noKeyUpdate', 'wait') as Promise<void>;
  await one.commit();
  await waits;
  const newest = two.newestVersion(made, rids[0]);
  test.ok(
    newest !== null &&
      !(newest instanceof Promise) &&
      newest.row[1] === 100 &&
      newest.seq > two.snapshot().seq,
  );
  two.rollback();
  test.same((await contents(storage, made))[0], [1, 100, 'a']);
});

t.test('random transfers keep their sum, with deadlocks retried', async test => {
  const seed = Date.now() % 1_000_000;
  test.comment(`seed ${seed}`);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const {storage, made} = await setup(test);
  await insertRows(
    storage,
    made,
    Array.from({length: 10}, (_, i) => [100 + i, 1000, '']),
  );
  let deadlocks = 0;
  const client = async (id: number): Promise<void> => {
    for (let i = 0; i < 40; i++) {
      const [from, to] = [100 + random(10), 100 + random(10)];
      const tx = begin(storage, 'read committed', waiter(1000 + id, 0, 2));
      try {
        await updateByKey(tx, made, [from], row => [row[0]!, Number(row[1]) - 1, '']);
        await updateByKey(next(tx), made, [to], row => [row[0]!, Number(row[1]) + 1, '']);
        await tx.commit();
      } catch (error) {
        if (!(error instanceof PgError) || error.code !== '40P01') throw error;
        deadlocks++;
        tx.rollback();
      }
    }
  };
  await Promise.all(Array.from({length: 8}, (_, id) => client(id)));
  const rows = (await contents(storage, made)).slice(2);
  test.equal(
    rows.reduce((sum, row) => sum + Number(row[1]), 0),
    10_000,
    `${deadlocks} deadlocks`,
  );
  test.equal(storage.locks().length, 0);
});
