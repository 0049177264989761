// The live protocol of /ws against a real server: docs/websocket.md.
import {randomInt} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {WebSocket} from 'ws';
import pg from 'pg';
import t from 'tap';
import {basic, type Message, post, WsClient} from '../support/http-client.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

/** Applies what comes for one live query to a map by key. */
class Mirror {
  readonly rows = new Map<string, unknown>();
  token = '';
  seq = 0n;

  apply(message: Message): void {
    const {rows} = this;
    if (message.type === 'reset') rows.clear();
    if (message.type === 'rows')
      for (const [key, row] of message['rows'] as [unknown, unknown][])
        rows.set(JSON.stringify(key), row);
    if (message.type === 'live') this.token = message['token'] as string;
    if (message.type === 'lag') this.#change(message);
    if (message.type === 'tx')
      for (const change of message['changes'] as Message[]) this.#change(change);
  }

  #change(change: Record<string, unknown>): void {
    for (const [op, key, row] of change['ops'] as [string, unknown, unknown][]) {
      if (op === '-') this.rows.delete(JSON.stringify(key));
      else this.rows.set(JSON.stringify(key), row);
    }
    this.token = change['token'] as string;
  }
}

t.test('/ws', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const {httpUrl, postgresUrl} = server;
  const admin = new pg.Client(postgresUrl);
  await admin.connect();
  t.teardown(() => admin.end());
  await admin.query('CREATE TABLE msgs (id int8 PRIMARY KEY, room int, body text, price numeric)');
  await admin.query('CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN');

  await t.test('statements', async t => {
    const client = await WsClient.open(httpUrl, {user: 'postgres', database: 'postgres'});
    const answers = await client.sql(
      `SELECT 1 AS a; CREATE TEMP TABLE own (x int); SELECT 2::int8 WHERE false`,
    );
    t.match(answers, [
      {type: 'result', columns: [{name: 'a', type: 'int4', oid: 23}], rows: [[1]], tag: 'SELECT 1'},
      {type: 'result', columns: [], rows: [], tag: 'CREATE TABLE'},
      {type: 'result', columns: [{name: 'int8'}], rows: [], tag: 'SELECT 0'},
    ]);
    await client.sql('BEGIN');
    await client.sql('INSERT INTO own VALUES ($1)', [7]);
    await t.rejects(client.sql('SELEC'), {code: '42601', position: 1});
    await t.rejects(client.sql('SELECT 1'), {code: '25P02'});
    await client.sql('ROLLBACK');
    t.match(await client.sql('SELECT count(*) FROM own'), [{rows: [['0']]}]);
    const large = await client.sql('SELECT g, repeat($1, 20) FROM generate_series(1, 50000) g', [
      'ä',
    ]);
    t.ok(large.length > 10, 'rows come in many frames');
    t.equal(large.flatMap(message => message['rows'] as unknown[]).length, 50_000);
    t.ok(large.every((message, i) => (message['columns'] !== undefined) === (i === 0)));
    await client.sql('LISTEN news');
    await admin.query(`NOTIFY news, 'hello'`);
    t.match(await client.next('notification'), {channel: 'news', payload: 'hello'});
    client.send({type: 'sql', id: 'long', sql: 'SELECT pg_sleep(100)'});
    client.send({type: 'ping'});
    await client.next('pong');
    const active = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100)' AND state = 'active'`;
    while (((await admin.query(active)).rows[0] as {n: number}).n === 0);
    client.send({type: 'cancel'});
    t.match(await client.next('error', 'long'), {error: {code: '57014'}});
    await client.close();
  });

  await t.test('a live query: rows, changes, resume on another surface and back', async t => {
    await admin.query(
      `INSERT INTO msgs VALUES (9007199254740993, 1, 'a', 1.50), (2, 2, 'b', NULL)`,
    );
    const client = await WsClient.open(httpUrl);
    client.send({type: 'sub', id: 1, sql: 'SELECT * FROM msgs WHERE room = $1', args: [1]});
    t.match(await client.next('subscribed', 1), {
      class: 'A',
      columns: [
        {name: 'id', type: 'int8', oid: 20},
        {name: 'room'},
        {name: 'body'},
        {name: 'price'},
      ],
    });
    t.match(await client.next('rows', 1), {
      rows: [[['9007199254740993'], ['9007199254740993', 1, 'a', '1.50']]],
    });
    const {token} = (await client.next('live', 1)) as unknown as {token: string};
    client.send({type: 'sub', id: 'all', sql: 'SELECT id FROM msgs'});
    await client.next('live', 'all');
    await admin.query(`UPDATE msgs SET room = 1 WHERE id = 2`);
    t.match(await client.next('tx'), {
      changes: [{ops: [[/[+~]/, ['2']]]}, ...[]],
    });
    await admin.query(
      `BEGIN; INSERT INTO msgs VALUES (3, 1, 'c'); DELETE FROM msgs WHERE id = 2; COMMIT`,
    );
    const both = await client.next('tx');
    t.same(
      new Set((both['changes'] as Message[]).map(change => change['id'])),
      new Set([1, 'all']),
      'one commit is one frame',
    );
    client.send({type: 'unsub', id: 'all'});
    await client.next('unsubscribed', 'all');
    await client.close();

    const again = await WsClient.open(httpUrl);
    again.send({
      type: 'sub',
      id: 'x',
      sql: 'SELECT * FROM msgs WHERE room = $1',
      args: [1],
      resume: token,
    });
    await again.next('subscribed');
    const mirror = new Mirror();
    mirror.rows.set('["9007199254740993"]', ['9007199254740993', 1, 'a', '1.50']);
    await again.next('live');
    for (const message of again.messages) mirror.apply(message);
    t.same([...mirror.rows.keys()].sort(), ['["3"]', '["9007199254740993"]']);
    t.notOk(
      again.messages.some(message => message.type === 'rows'),
      'nothing is sent twice',
    );
    again.send({type: 'sub', id: 'y', sql: 'SELECT * FROM msgs', resume: token});
    t.match(await again.next('error', 'y'), {error: {code: '22023'}}, 'a token is of one query');
    again.send({type: 'sub', id: 'z', sql: 'SELECT 1/0 FROM nothing'});
    t.match(await again.next('error', 'z'), {error: {code: '42P01'}});
    again.send({type: 'sub', id: 'x', sql: 'SELECT * FROM msgs'});
    t.match(await again.next('error', 'x'), {error: {code: '42710'}});
    await again.close();
  });

  await t.test('live rows are exact, inside of arrays and records too', async t => {
    await admin.query(`CREATE DOMAIN big AS int8;
      CREATE TYPE pair AS (a int8, b numeric[], c int);
      CREATE TABLE exact (id int8 PRIMARY KEY, list int8[], grid numeric[], pair pair, pairs pair[], big big, bigs big[], nan numeric)`);
    const client = await WsClient.open(httpUrl);
    const subscribe = {type: 'sub', id: 1, sql: 'SELECT * FROM exact'};
    const ordered = {type: 'sub', id: 2, sql: 'SELECT * FROM exact ORDER BY id LIMIT 5'};
    for (const message of [subscribe, ordered]) client.send(message);
    await client.next('live', 2);
    await admin.query(`INSERT INTO exact VALUES (9007199254740993, '{9007199254740993,NULL}', '{{1.10},{2}}',
      '(9007199254740993,"{9007199254740993.10}",3)', ARRAY['(9007199254740993,,4)'::pair], 9007199254740993, '{9007199254740993}', 'NaN')`);
    const big = '9007199254740993';
    const row = [
      ...[big, [big, null], [['1.10'], ['2']], {a: big, b: [`${big}.10`], c: 3}],
      ...[[{a: big, b: null, c: 4}], big, [big], 'NaN'],
    ];
    const ops = new Map<unknown, unknown>();
    while (ops.size < 2) {
      const {changes} = (await client.next('tx')) as unknown as {changes: Message[]};
      for (const change of changes) ops.set(change['id'], change['ops']);
    }
    t.same(ops.get(1), [['+', [big], row]]);
    t.same((ops.get(2) as unknown[][])[0]![2], row);
    const again = {...subscribe, id: 3};
    client.send(again);
    t.same((await client.next('rows', 3))['rows'], [[[big], row]]);
    await client.close();
  });

  await t.test('a statement that committed writes says as what', async t => {
    const client = await WsClient.open(httpUrl);
    client.send({type: 'sub', id: 'w', sql: 'SELECT id FROM msgs'});
    await client.next('live', 'w');
    const doneOf = async (sql: string, params?: unknown[]): Promise<unknown> => {
      client.send({type: 'sql', id: sql, sql, params});
      return (await client.next('done', sql))['seq'];
    };
    t.equal(await doneOf('SELECT 1'), undefined);
    t.equal(await doneOf('BEGIN; INSERT INTO msgs VALUES (70, 7, NULL, NULL)'), undefined);
    const seqs = [
      await doneOf('COMMIT'),
      await doneOf('DELETE FROM msgs WHERE id = $1', [70]),
      await doneOf('INSERT INTO msgs VALUES (71, 7, NULL, NULL); SELECT 2'),
    ];
    t.equal(await doneOf('SELECT 3', []), undefined);
    t.equal(await doneOf('BEGIN; DELETE FROM msgs WHERE id = 71; ROLLBACK'), undefined);
    client.send({type: 'unsub', id: 'w'});
    await client.next('unsubscribed', 'w');
    const frames = client.messages.filter(({type}) => type === 'tx');
    t.same(
      frames.map(({seq}) => seq),
      seqs,
    );
    await admin.query('DELETE FROM msgs WHERE id = 71');
    await client.close();
  });

  await t.test('rights: of the role, and when they go', async t => {
    await admin.query('CREATE TABLE secrets (id int PRIMARY KEY)');
    const ann = await WsClient.open(httpUrl, {user: 'ann'});
    ann.send({type: 'sub', id: 1, sql: 'SELECT * FROM secrets'});
    t.match(await ann.next('error', 1), {error: {code: '42501'}});
    await admin.query('GRANT SELECT ON secrets TO ann');
    ann.send({type: 'sub', id: 1, sql: 'SELECT * FROM secrets'});
    await ann.next('live', 1);
    await admin.query('REVOKE SELECT ON secrets FROM ann');
    t.match(await ann.next('closed', 1), {error: {code: '42501'}});
    await ann.close();
  });

  await t.test('a named live query', async t => {
    await admin.query('CREATE LIVE QUERY room(r int) AS SELECT id, body FROM msgs WHERE room = r');
    const client = await WsClient.open(httpUrl);
    client.send({type: 'sub', id: 1, query: 'room', args: [1]});
    t.match(await client.next('subscribed', 1), {columns: [{name: 'id'}, {name: 'body'}]});
    await client.next('live', 1);
    await client.close();
  });

  await t.test(
    'a slow client costs a cursor: it stops at its credit and ends with the right rows',
    async t => {
      await admin.query('CREATE TABLE load (id int PRIMARY KEY, v text)');
      const window = 8192;
      const slow = await WsClient.open(httpUrl, {user: 'postgres', window});
      const quick = await WsClient.open(httpUrl);
      for (const client of [slow, quick]) {
        client.send({type: 'sub', id: 'l', sql: 'SELECT * FROM load'});
        await client.next('live', 'l');
      }
      for (let i = 0; i < 200; i++)
        await admin.query(
          `INSERT INTO load VALUES ($1, repeat('x', 200)) ON CONFLICT (id) DO UPDATE SET v = $1::text`,
          [randomInt(50)],
        );
      await admin.query(`INSERT INTO load VALUES (1000, 'end')`);
      const mirrors = [slow, quick].map(() => new Mirror());
      const drain = async (client: WsClient, mirror: Mirror, acks: boolean): Promise<void> => {
        let at = 0;
        while (!mirror.rows.has('[1000]')) {
          while (at < client.messages.length) mirror.apply(client.messages[at++]!);
          if (acks) client.send({type: 'ack', bytes: client.dataBytes});
          await new Promise(resolve => setImmediate(resolve));
        }
      };
      await drain(quick, mirrors[1]!, false);
      slow.send({type: 'ping'});
      await slow.next('pong');
      t.ok(
        slow.dataBytes >= window && slow.dataBytes < window + 70_000,
        `stopped at ${slow.dataBytes} bytes`,
      );
      await drain(slow, mirrors[0]!, true);
      const truth = (await admin.query('SELECT id, v FROM load ORDER BY id')).rows as {
        id: number;
        v: string;
      }[];
      for (const mirror of mirrors)
        t.same(
          [...mirror.rows.values()].sort((a, b) => (a as number[])[0]! - (b as number[])[0]!),
          truth.map(({id, v}) => [id, v]),
        );
      slow.send({
        type: 'sql',
        id: 'big',
        sql: `SELECT repeat('y', 1000) FROM generate_series(1, 1000)`,
      });
      let done = false;
      void slow.next('done', 'big').then(() => (done = true));
      while (!done) {
        slow.send({type: 'ack', bytes: slow.dataBytes});
        await new Promise(resolve => setImmediate(resolve));
      }
      await slow.close();
      await quick.close();
    },
  );

  await t.test('acks and cancel are read, however many requests wait', async t => {
    const client = await WsClient.open(httpUrl, {user: 'postgres', window: 4096});
    const sql = `SELECT repeat('y', 1000) FROM generate_series(1, 1000)`;
    client.send({type: 'sql', id: 'big', sql});
    for (let i = 0; i < 500; i++) client.send({type: 'sql', id: i, sql: 'SELECT 1'});
    client.send({type: 'ping'});
    await client.next('pong');
    let done = false;
    void client.next('done', 499).then(() => (done = true));
    while (!done) {
      client.send({type: 'ack', bytes: client.dataBytes});
      await new Promise(resolve => setImmediate(resolve));
    }
    t.notOk(client.messages.some(message => message.type === 'error'));
    client.send({type: 'sql', id: 'sleep', sql: 'SELECT pg_sleep(1000)'});
    for (let i = 0; i < 2100; i++) client.send({type: 'sub', id: `s${i}`, sql: 'SELECT'});
    client.send({type: 'ping'});
    t.match(await client.next('error', 's2099'), {error: {code: '53400'}});
    client.send({type: 'cancel'});
    let isCancelled = false;
    void client.next('error', 'sleep').then(() => (isCancelled = true));
    while (!isCancelled) {
      client.send({type: 'cancel'});
      client.send({type: 'ack', bytes: client.dataBytes});
      await new Promise(resolve => setImmediate(resolve));
    }
    await client.close();
  });

  await t.test('a sealed query: the rights of who sealed it, for whoever shows it', async t => {
    await admin.query(
      'CREATE TABLE hidden (id int PRIMARY KEY); INSERT INTO hidden VALUES (1), (2)',
    );
    const headers = {authorization: basic('postgres', '')};
    const sealOf = async (body: object): Promise<unknown> =>
      (await post(`${httpUrl}/seal`, body, headers)).body['sealed'];
    const sql = 'SELECT id FROM hidden WHERE id > $1';
    const sealed = await sealOf({sql, args: [1]});
    const client = await WsClient.open(httpUrl, {user: 'bob'});
    client.send({type: 'sub', id: 1, sql, args: [1]});
    t.match(await client.next('error', 1), {error: {code: '42501'}});
    client.send({type: 'sub', id: 1, sealed});
    t.match(await client.next('rows', 1), {rows: [[[2], [2]]]});
    await client.next('live', 1);
    await admin.query('INSERT INTO hidden VALUES (3)');
    t.match(await client.next('tx'), {changes: [{id: 1, ops: [['+', [3], [3]]]}]});
    client.send({type: 'sub', id: 2, sealed: await sealOf({sql, args: [0], ttl: 1})});
    await client.next('live', 2);
    t.match(await client.next('closed', 2), {error: {code: '28000'}});
    const token = (await post(`${httpUrl}/auth`, {role: 'postgres'})).body['access_token'];
    for (const bad of [token, `${String(sealed)}x`, 'nonsense']) {
      client.send({type: 'sub', id: 3, sealed: bad});
      t.match(await client.next('error', 3), {error: {code: '28000'}});
    }
    const byseal = {authorization: `Bearer ${String(sealed)}`};
    t.equal((await post(`${httpUrl}/seal`, {sql}, byseal)).status, 401, 'a seal is no login');
    t.equal((await post(`${httpUrl}/seal`, {sql, query: 'x'}, headers)).status, 400);
    await client.close();
  });

  await t.test('what is no client of ours', async t => {
    const refused = (path: string, protocol: string | undefined, headers = {}): Promise<string> =>
      new Promise(resolve => {
        const socket = new WebSocket(httpUrl.replace('http', 'ws') + path, protocol, {headers});
        socket.on('error', error => resolve(error.message));
        socket.on('open', () => resolve('open'));
      });
    t.match(await refused('/ws', undefined), '400');
    t.match(await refused('/ws', 'other'), '400');
    t.match(await refused('/nothing', 'wadi.v1'), '404');
    t.match(await refused('/ws', 'wadi.v1', {origin: 'https://evil.example'}), '403');
    t.match(await refused('/v2', undefined, {origin: 'https://evil.example'}), '403');
    const closes = async (...frames: (string | Buffer)[]): Promise<number> => {
      const client = new WsClient(httpUrl);
      await new Promise(resolve => client.socket.once('open', resolve));
      for (const frame of frames) client.socket.send(frame);
      return (await client.closed).code;
    };
    t.equal(await closes('nonsense'), 1002);
    t.equal(await closes('{"type":"sql","id":1,"sql":"SELECT 1"}'), 1002);
    t.equal(await closes(Buffer.from('{}')), 1003);
    t.equal(await closes(JSON.stringify({type: 'hello'})), 4001);
    t.equal(await closes(JSON.stringify({type: 'hello', user: 'nobody'})), 4001);
    t.equal(await closes(JSON.stringify({type: 'hello', user: 'ann', other: 1})), 1002);
    t.equal(await closes(`"${'x'.repeat(1_100_000)}"`), 1009);
    t.equal(await closes('{"type":"hello","user":"ann"}', '{"type":"ack","bytes":1000000}'), 1002);
    t.equal(await closes(), 4001, 'silence');
  });

  await t.test('temporary objects and locks go with the socket', async t => {
    const client = await WsClient.open(httpUrl);
    await client.sql('BEGIN; LOCK TABLE msgs');
    client.socket.terminate();
    await admin.query('SELECT count(*) FROM msgs');
    const sockets = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid <> pg_backend_pid()`;
    while (((await admin.query(sockets)).rows[0] as {n: number}).n > 0);
    t.match((await admin.query('SELECT count(*)::int AS n FROM system.live_queries')).rows, [
      {n: 0},
    ]);
  });
});

t.test('a token ends the connection, a new one keeps it; shutdown says so', async t => {
  const folder = temporaryFolder('ws');
  writeFileSync(join(folder.path, 'wadi.toml'), '[tokens]\naccess_ttl = 2\n');
  const server = await startWadi({args: ['--config', join(folder.path, 'wadi.toml')]});
  t.teardown(() => folder.remove());
  const {httpUrl} = server;
  const token = async (): Promise<string> =>
    (await post(`${httpUrl}/auth`, {role: 'postgres'})).body['access_token'] as string;
  const short = await WsClient.open(httpUrl, {token: await token()});
  t.ok(short.messages[0]!['expires']);
  const long = await WsClient.open(httpUrl, {token: await token()});
  let isOpen = true;
  void short.closed.then(() => (isOpen = false));
  while (isOpen) {
    long.send({type: 'auth', token: await token()});
    t.match(await long.next('auth'), {user: 'postgres'});
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  t.match(await short.closed, {code: 4003});
  t.match(await short.next('bye'), {reason: 'the token has expired'});
  t.match(await long.sql('SELECT 1'), [{rows: [[1]]}]);
  long.send({type: 'auth', token: 'eyJx.y.z'});
  t.match(await long.next('error'), {error: {code: '28P01'}});
  t.match(await long.sql('SELECT 1'), [{rows: [[1]]}]);
  long.send({type: 'sql', id: 'l', sql: 'SELECT pg_sleep(100)'});
  await server.stop();
  t.match(await long.closed, {code: 1001});
});
