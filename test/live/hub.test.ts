import t from 'tap';
import {oid, type Seq} from '../../src/common/ids.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {analyzeLive} from '../../src/live/analyze.ts';
import type {Storage, TableStorage} from '../../src/storage/contract.ts';
import type {Datum} from '../../src/types/contract.ts';
import {
  begin,
  byKey,
  contents,
  createTable,
  insertRows,
  open,
  table,
  temporaryDirectory,
  updateByKey,
} from '../storage/support.ts';
import {
  and,
  call,
  Client,
  column,
  constant,
  fakeCatalog,
  makeHub,
  param,
  planOf,
  randomOf,
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

async function deleteByKey(
  storage: Storage,
  of: TableStorage,
  key: Datum,
  owner: number | null = null,
): Promise<void> {
  const tx = begin(storage);
  const found = await byKey(tx, of, [key], owner === null ? null : oid(owner));
  if (found !== null) void tx.delete(of, found);
  await tx.commit();
}

/** A random transaction of 1 to 4 changes; it can rewrite a row's key. */
async function randomCommit(
  storage: Storage,
  of: TableStorage,
  random: (below: number) => number,
): Promise<void> {
  const tx = begin(storage);
  for (let n = 1 + random(4); n > 0; n--) {
    const id = random(12);
    const found = await byKey(tx, of, [id]);
    if (found === null) void tx.insert(of, oid(0), [id, random(4), `s${random(3)}`]);
    else if (random(3) === 0) void tx.delete(of, found);
    else
      await updateByKey(tx, of, [id], row => [
        row[0]!,
        random(4),
        random(2) === 0 ? row[2]! : `s${random(3)}`,
      ]);
    tx.endStatement();
    tx.beginStatement();
  }
  await tx.commit();
}

interface Case {
  readonly name: string;
  readonly filter: BoundExpr | null;
  readonly accepts: (row: readonly Datum[]) => boolean;
}

const cases: readonly Case[] = [
  {name: 'everything', filter: null, accepts: () => true},
  {
    name: 'v = 2',
    filter: call('int4eq', [column(1, INT4), constant(2, INT4)]),
    accepts: row => row[1] === 2,
  },
  {
    name: 'v > 1',
    filter: call('int4gt', [column(1, INT4), constant(1, INT4)]),
    accepts: row => (row[1] as number) > 1,
  },
  {
    name: "v = 1 and s = 's1'",
    filter: and(
      call('int4eq', [constant(1, INT4), column(1, INT4)]),
      call('texteq', [column(2, TEXT), constant('s1', TEXT)]),
    ),
    accepts: row => row[1] === 1 && row[2] === 's1',
  },
  {
    name: "v = 3 and s <> 's0'",
    filter: and(
      call('int4eq', [column(1, INT4), constant(3, INT4)]),
      call('textne', [column(2, TEXT), constant('s0', TEXT)]),
    ),
    accepts: row => row[1] === 3 && row[2] !== 's0',
  },
];

const textOf = (rows: readonly (readonly Datum[])[]): string =>
  rows
    .map(row => row.join(','))
    .sort()
    .join(' ');

t.test('every state that a client passes through is the result at that commit', async t => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  t.comment(`seed ${seed}`);
  const random = randomOf(seed);
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const history = new Map<Seq, readonly (readonly Datum[])[]>();
    storage.onCommit(() => {});
    await insertRows(storage, of, [
      [1, 1, 's1'],
      [2, 2, 's2'],
      [3, 3, 's0'],
    ]);
    history.set(storage.lastSeq, await contents(storage, of));
    const clients = cases.map(each => {
      const client = new Client();
      return {
        ...each,
        client,
        subscription: subscribe(hub, {plan: planOf(of, each.filter, ALL), table: of}, client),
      };
    });
    for (let i = 0; i < 120; i++) {
      await randomCommit(storage, of, random);
      history.set(storage.lastSeq, await contents(storage, of));
    }
    await settle(storage);
    const final = await contents(storage, of);
    for (const {name, accepts, client, subscription} of clients) {
      t.equal(subscription.state, 'live', name);
      t.equal(client.text, textOf(final.filter(accepts)), `${name}: the last state`);
      let isSame = true;
      for (const {seq, text} of client.states) {
        const at = history.get(seq);
        if (at !== undefined && text !== textOf(at.filter(accepts))) isSame = false;
      }
      t.ok(isSame, `${name}: ${client.states.length} states`);
      t.equal(client.resets, 0);
    }
    hub.close();
    t.equal(hub.size, 0);
  });
});

t.test('writes at every turn of the hand-over are neither lost nor given twice', async t => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  t.comment(`seed ${seed}`);
  const random = randomOf(seed);
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    // One writer: its transactions do not wait for each other, but they fall between any two steps of the hand-over.
    let writer: Promise<void> = Promise.resolve();
    const write = (): Promise<void> =>
      (writer = writer.then(() => randomCommit(storage, of, random)));
    for (let round = 0; round < 30; round++) {
      await write();
      const client = new Client();
      client.capacity = round % 3 === 0 ? 2 : Infinity;
      let writes = 6;
      // A commit from inside the delivery, while the snapshot is being read.
      client.onEvent = () => {
        if (writes-- > 0 && round % 2 === 0) void write();
      };
      if (round % 4 === 0) void write();
      const subscription = subscribe(hub, {plan: planOf(of, null, ALL), table: of}, client);
      for (let i = 0; i < 6; i++) {
        if (i % 2 === round % 2) void write();
        await new Promise<void>(resolve => setImmediate(resolve));
        if (client.capacity <= 0) {
          client.capacity = 3;
          subscription.wake();
        }
      }
      client.onEvent = () => {};
      await writer;
      await new Promise<void>(resolve => setImmediate(resolve));
      client.capacity = Infinity;
      subscription.wake();
      await settle(storage, client, subscription);
      await settle(storage, client, subscription);
      t.equal(client.error, null);
      t.equal(client.text, textOf(await contents(storage, of)), `round ${round}`);
      subscription.close();
    }
    t.equal(hub.size, 0);
  });
});

t.test('a slow reader keeps a cursor and gets the log', async t => {
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const client = new Client();
    const subscription = subscribe(hub, {plan: planOf(of, null, ALL), table: of}, client);
    await settle(storage, client, subscription);
    client.capacity = 3;
    for (let i = 0; i < 50; i++) await insertRows(storage, of, [[i, i, 'x']]);
    await storage.whenDurable(storage.lastSeq);
    await new Promise<void>(resolve => setImmediate(resolve));
    t.equal(client.state.size, 3);
    t.equal(subscription.state, 'replay');
    client.capacity = Infinity;
    subscription.wake();
    await settle(storage, client, subscription);
    t.equal(client.state.size, 50);
    t.equal(subscription.state, 'live');
    await insertRows(storage, of, [[100, 1, 'live']]);
    await settle(storage, client, subscription);
    t.ok(client.state.has(100));
    hub.close();
  });
});

t.test('STORAGE 4.5: resume at every commit of a history gives the rest of it', async t => {
  const random = randomOf(42);
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const plan = planOf(of, call('int4gt', [column(1, INT4), constant(0, INT4)]), ALL);
    const first = new Client();
    const subscription = subscribe(hub, {plan, table: of}, first);
    for (let i = 0; i < 60; i++) await randomCommit(storage, of, random);
    await settle(storage, first, subscription);
    const whole = first.log.length;
    t.ok(whole > 20);
    for (const {token, text} of first.states) {
      const client = new Client();
      for (const row of text === '' ? [] : text.split(' ')) {
        const [id, v, s] = row.split(',');
        client.state.set(Number(id), [Number(id), Number(v), s!]);
      }
      const again = subscribe(hub, {plan, table: of, start: {resume: token}}, client);
      await settle(storage, client, again);
      t.equal(client.text, first.text);
      t.notOk(client.log.some(line => line.startsWith('snap') || line.startsWith('reset')));
      again.close();
    }
    const {token} = first.states.at(-1)!;
    t.throws(
      () => subscribe(hub, {plan, table: of, role: 11, start: {resume: token}}, new Client()),
      {code: '22023'},
      'another role',
    );
    const other = planOf(of, call('int4gt', [column(1, INT4), constant(1, INT4)]), ALL);
    t.throws(
      () => subscribe(hub, {plan: other, table: of, start: {resume: token}}, new Client()),
      {code: '22023'},
      'another constant',
    );
    t.throws(() => subscribe(hub, {plan, table: of, start: {resume: `${token}x`}}, new Client()), {
      code: '22023',
    });
    t.equal(hub.size, 1, 'refused ones leave nothing');
    hub.close();
  });
});

t.test('TRUNCATE is a reset with the rows anew', async t => {
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const client = new Client();
    await insertRows(storage, of, [
      [1, 1, 'a'],
      [2, 1, 'b'],
    ]);
    const subscription = subscribe(hub, {plan: planOf(of, null, ALL), table: of}, client);
    await settle(storage, client, subscription);
    t.equal(client.state.size, 2);
    const tx = begin(storage);
    tx.truncate(of);
    void tx.insert(of, oid(0), [3, 3, 'c']);
    await tx.commit();
    await settle(storage, client, subscription);
    await settle(storage, client, subscription);
    t.equal(client.resets, 1);
    t.equal(client.text, '3,3,c');
    t.match(client.log.join('; '), /reset truncate; snap 1; mark$/);
    hub.close();
  });
});

t.test('an update that touches nothing that the query reads sends nothing', async t => {
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const client = new Client();
    await insertRows(storage, of, [[1, 1, 'a']]);
    const plan = planOf(of, call('int4lt', [column(1, INT4), constant(3, INT4)]), [
      column(0, INT4),
    ]);
    const subscription = subscribe(hub, {plan, table: of}, client);
    await settle(storage, client, subscription);
    const update = async (change: (row: readonly Datum[]) => readonly Datum[]): Promise<void> => {
      const tx = begin(storage);
      await updateByKey(tx, of, [1], change);
      await tx.commit();
      await settle(storage, client, subscription);
    };
    const before = client.log.length;
    await update(row => [row[0]!, row[1]!, 'changed']);
    t.equal(client.log.length, before, 'a column that it does not read');
    await update(row => [row[0]!, 2, row[2]!]);
    t.equal(client.log.length, before, 'a column of the condition only, and the row stays');
    await update(row => [row[0]!, 5, row[2]!]);
    t.equal(client.log.at(-1), 'del 1');
    await update(row => [row[0]!, 0, row[2]!]);
    t.equal(client.log.at(-1), 'ins 1');
    hub.close();
  });
});

t.test('own scope: an owner hears of his rows only', async t => {
  const of = table(900, {kind: 'user'});
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const alice = new Client();
    const bob = new Client();
    const all = new Client();
    const plan = planOf(of, null, ALL);
    await insertRows(storage, of, [[1, 1, 'a']], 501);
    const subscriptions = [
      subscribe(hub, {plan, table: of, owner: 501}, alice),
      subscribe(hub, {plan, table: of, owner: 502}, bob),
      subscribe(hub, {plan: {...plan}, table: of, owner: null}, all),
    ];
    for (const each of subscriptions) await settle(storage, null, each);
    await insertRows(storage, of, [[2, 2, 'b']], 502);
    await deleteByKey(storage, of, 1, 501);
    for (const each of subscriptions) await settle(storage, null, each);
    t.equal(alice.text, '');
    t.same(alice.log, ['snap 1', 'mark', 'del 1,1,a']);
    t.equal(bob.text, '2,2,b');
    t.same(bob.log, ['mark', 'ins 2,2,b']);
    t.equal(all.text, '2,2,b');
    hub.close();
  });
});

t.test('one bad row ends only the query that cannot evaluate it', async t => {
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const bad = new Client();
    const good = new Client();
    const division = call('int4div', [constant(10, INT4), column(1, INT4)], INT4);
    subscribe(
      hub,
      {plan: planOf(of, call('int4gt', [division, constant(1, INT4)]), ALL), table: of},
      bad,
    );
    const other = subscribe(hub, {plan: planOf(of, null, ALL), table: of}, good);
    await settle(storage, good, other);
    await insertRows(storage, of, [[1, 0, 'zero']]);
    await settle(storage, good, other);
    t.equal(bad.error?.code, '22012');
    t.equal(good.error, null);
    t.equal(good.text, '1,0,zero');
    t.equal(hub.size, 1);
    hub.close();
    t.equal(good.error?.code, '57P01');
  });
});

t.test('queries that differ in constants share a shape; keys find them', async t => {
  const of = table(900);
  await withStorage([of], async storage => {
    const hub = makeHub(storage);
    const clients = Array.from({length: 200}, (_, i) => {
      const client = new Client();
      subscribe(
        hub,
        {plan: planOf(of, call('int4eq', [column(1, INT4), constant(i, INT4)]), ALL), table: of},
        client,
      );
      return client;
    });
    const withParam = new Client();
    const byParam = planOf(of, call('int4eq', [column(1, INT4), param(0, INT4)]), ALL, [INT4]);
    const last = subscribe(hub, {plan: byParam, table: of, params: [7]}, withParam);
    await settle(storage, null, last);
    const ids = new Set(
      clients.map(
        (_, i) =>
          analyzeLive(
            planOf(of, call('int4eq', [column(1, INT4), constant(i, INT4)]), ALL),
            fakeCatalog([of]),
          ).id,
      ),
    );
    t.equal(ids.size, 1);
    await insertRows(storage, of, [
      [1, 7, 'seven'],
      [2, null, 'null'],
      [3, 150, 'x'],
    ]);
    await settle(storage, null, last);
    t.equal(clients[7]!.text, '1,7,seven');
    t.equal(clients[150]!.text, '3,150,x');
    t.equal(clients.filter(client => client.state.size > 0).length, 2);
    t.equal(withParam.text, '1,7,seven');
    hub.close();
  });
});

t.test('the class of a query, and why it has none', async t => {
  const of = table(900);
  const plan = planOf(of, null, ALL);
  const catalog = fakeCatalog([of]);
  const input = plan.root;
  const rooted = (root: Record<string, unknown>): Parameters<typeof analyzeLive>[0] => ({
    ...plan,
    root: {...input, ...root} as never,
  });
  const sorted = rooted({kind: 'sort', input, keys: []});
  t.equal(analyzeLive(sorted, catalog).class, 'A', 'order alone is of the first rows');
  const limited = rooted({kind: 'limit', input, limit: null, offset: null, tieKeys: null});
  t.equal(analyzeLive(limited, catalog).class, 'B');
  const distinct = analyzeLive(rooted({kind: 'distinct', input, on: null}), catalog);
  t.match(distinct, {class: 'E', cause: 'DISTINCT', keyColumns: [0, 1, 2]});
  t.throws(() => analyzeLive(rooted({kind: 'sample', input}), catalog), {
    code: '0A000',
    message: /sample/,
  });
  t.throws(() => analyzeLive(planOf(of, call('random', [], 16, 'v'), ALL), catalog), {
    code: '0A000',
    message: /volatile function random/,
  });
  t.throws(() => analyzeLive(planOf(of, call('now', [], 16, 's'), ALL), catalog), {
    code: '0A000',
    message: /not immutable/,
  });
});
