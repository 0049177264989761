import t from 'tap';
import {oid, type OwnerId} from '../../src/common/ids.ts';
import type {Storage, TableStorage, Transaction, WaiterInfo} from '../../src/storage/contract.ts';
import {createTable, open, table, temporaryDirectory, waiter} from './support.ts';

const shared = oid(0) as OwnerId;

interface Fixture {
  readonly storage: Storage;
  readonly made: TableStorage;
}

async function setup(test: {teardown(run: () => Promise<void>): void}): Promise<Fixture> {
  const directory = temporaryDirectory();
  const made = table(20100);
  const storage = open(directory.path, [made]);
  test.teardown(async () => {
    await storage.close();
    directory.remove();
  });
  await createTable(storage, made);
  return {storage, made};
}

function insert({storage, made}: Fixture, by: WaiterInfo, id: number): Transaction {
  const tx = storage.begin({
    isolation: 'read committed',
    isReadOnly: false,
    databaseOid: oid(5),
    waiter: by,
  });
  void tx.insert(made, shared, [id, id, 'x']);
  return tx;
}

async function alone(fixture: Fixture, by: WaiterInfo): Promise<void> {
  for (let i = 0; i < 20; i++) await insert(fixture, by, i).commit();
  await fixture.storage.whenDurable(fixture.storage.lastSeq);
}

t.test(
  'a session that is alone commits in its turn, and hurry makes it durable there',
  async test => {
    const fixture = await setup(test);
    const {storage} = fixture;
    const by = waiter(1);
    await alone(fixture, by);
    const tx = insert(fixture, by, 100);
    test.equal(tx.commit(), undefined, 'applied in the call');
    test.equal(storage.lastSeq, tx.commitSeq);
    test.ok(storage.durableSeq < tx.commitSeq!, 'not durable before it was synced');
    storage.hurry();
    test.equal(storage.durableSeq, tx.commitSeq);
    const second = insert(fixture, by, 101);
    void second.commit();
    await storage.whenDurable(second.commitSeq!);
    test.ok(storage.durableSeq >= second.commitSeq!, 'durable without hurry, too');
  },
);

t.test('with others at work the thread syncs; hurry does nothing', async test => {
  const fixture = await setup(test);
  const {storage} = fixture;
  await alone(fixture, waiter(1));
  const first = insert(fixture, waiter(2), 200);
  const pending = first.commit();
  test.ok(pending instanceof Promise, 'waits for those of the same turn');
  await pending;
  storage.hurry();
  test.ok(storage.durableSeq < first.commitSeq!);
  const second = insert(fixture, waiter(3), 201);
  const third = insert(fixture, waiter(4), 202);
  await Promise.all([second.commit(), third.commit()]);
  test.equal(
    storage.durableSeq >= first.commitSeq!,
    true,
    'they waited for the end of the sync that was under way',
  );
  await storage.whenDurable(third.commitSeq!);
  test.same(await storage.check(), []);
});

t.test('a commit that others wait for, or that is urgent, does not wait for a sync', async test => {
  const fixture = await setup(test);
  const {made} = fixture;
  await alone(fixture, waiter(1));
  await insert(fixture, waiter(2), 300).commit();
  const urgent = insert(fixture, waiter(3), 301);
  await urgent.commit(true);
  test.ok(urgent.commitSeq !== null);
  const holder = insert(fixture, waiter(4), 302);
  const rid = 1n as Parameters<Transaction['lockRow']>[1];
  test.equal(holder.lockRow(made, rid, 'update', 'wait'), 'granted');
  const committing = holder.commit();
  const other = insert(fixture, waiter(5), 303);
  const wait = other.lockRow(made, rid, 'update', 'wait');
  test.ok(wait instanceof Promise);
  await wait;
  await committing;
  await other.commit();
});
