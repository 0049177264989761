// What becomes of subscriptions when rights or definitions change, without SQL.
import t from 'tap';
import {PgError} from '../../src/common/errors.ts';
import {oid} from '../../src/common/ids.ts';
import {analyzeLive} from '../../src/live/analyze.ts';
import type {Storage, TableStorage} from '../../src/storage/contract.ts';
import {createTable, insertRows, open, table, temporaryDirectory} from '../storage/support.ts';
import {
  call,
  changingAuthority,
  Client,
  column,
  constant,
  fakeCatalog,
  makeHub,
  planOf,
  settle,
  subscribe,
} from './support.ts';

const INT4 = 23;
const TEXT = 25;
const ALL = [column(0, INT4), column(1, INT4), column(2, TEXT)];

async function withStorage(
  tables: readonly TableStorage[],
  act: (storage: Storage) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const storage = open(directory.path, tables);
  try {
    for (const each of tables) await createTable(storage, each);
    await act(storage);
  } finally {
    await storage.close();
    directory.remove();
  }
}

t.test('rights and tables that go away close a subscription', async t => {
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const client = new Client();
    const authority = changingAuthority();
    subscribe(hub, {plan: planOf(of, null, ALL), table: of, authority}, client);
    hub.catalogChanged(oid(5), fakeCatalog([of]));
    t.equal(hub.size, 1);
    authority.answer = new PgError('42P01', 'relation does not exist');
    hub.catalogChanged(oid(6), fakeCatalog([]));
    t.notOk(authority.isStale, 'another database');
    hub.catalogChanged(oid(5), fakeCatalog([]));
    await insertRows(storage, of, [[1, 1, 'x']]);
    await settle(storage);
    t.equal(client.error?.code, '42P01');
    t.equal(client.state.size, 0, 'nothing is given in between');
    t.equal(hub.size, 0);
    hub.close();
  });
});

t.test(
  'a query that means something else starts over, and nothing of the former one is given',
  async t => {
    const of = table(900);
    await withStorage([of], async storage => {
      const hub = makeHub(storage);
      await insertRows(storage, of, [
        [1, 1, 'a'],
        [2, 2, 'b'],
      ]);
      const clients = Array.from({length: 100}, () => new Client());
      const authority = changingAuthority();
      const asked = {plan: planOf(of, null, ALL), table: of, authority};
      const cursors = clients.map(client => subscribe(hub, asked, client));
      const slow = clients[1]!;
      slow.capacity = 1;
      await settle(storage, clients[0], cursors[0]);
      const newPlan = planOf(of, call('int4eq', [column(1, INT4), constant(2, INT4)]), ALL);
      const next = changingAuthority();
      authority.answer = 'changed';
      authority.rebind = options =>
        Object.assign(
          {...options},
          {shape: analyzeLive(newPlan, options.catalog), authority: next},
        );
      hub.catalogChanged(oid(5), fakeCatalog([of]));
      await insertRows(storage, of, [
        [3, 1, 'hidden'],
        [4, 2, 'shown'],
      ]);
      await settle(storage, clients[0], cursors[0]);
      t.equal(clients[0]!.text, '2,2,b 4,2,shown');
      t.match(clients[0]!.log.join(), /snap 2,mark,reset policy,snap 1,snap 1,mark$/);
      t.equal(cursors[0]!.resets, 1);
      slow.capacity = Infinity;
      cursors[1]!.wake();
      await settle(storage, slow, cursors[1]);
      t.equal(slow.text, '2,2,b 4,2,shown');
      t.notOk(slow.log.some(line => line.includes('hidden')));
      for (const cursor of cursors) cursor.close();
      t.equal(hub.size, 0);
      hub.close();
    });
  },
);
