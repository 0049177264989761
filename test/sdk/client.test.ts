// The client library against a real server: docs/websocket.md, sdk/README.md.
import {randomInt} from 'node:crypto';
import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import pg from 'pg';
import t from 'tap';
import {type WebSocket, WebSocketServer} from 'ws';
import {array, connect, passwordTokens} from '../../sdk/src/client.ts';
import {basic, post} from '../support/http-client.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import {until} from './support.ts';

t.setTimeout(240_000);

async function withAdmin(
  t: {teardown(fn: () => unknown): void},
  server: WadiServer,
): Promise<pg.Client> {
  const admin = new pg.Client(server.postgresUrl);
  await admin.connect();
  t.teardown(() => admin.end());
  return admin;
}

t.test('statements and live queries', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const admin = await withAdmin(t, server);
  const db = connect({url: server.httpUrl, user: 'postgres', types: {int8: BigInt}});
  t.teardown(() => db.close());

  await t.test('values and parameters', async t => {
    const when = new Date(1_700_000_000_123);
    const [row] = await db.sql<{big: bigint; at: string}>`
      SELECT ${9_007_199_254_740_993n}::int8 AS big, ${'ä'} || 'b' AS text, ${2}::int4 AS small, ${1.5}::numeric AS exact,
        ${true}::bool AS yes, ${null}::text AS nothing, ${new Uint8Array([1, 255])}::bytea AS bytes,
        ${when}::timestamptz = to_timestamp(1700000000.123) AS at,
        ${{a: [1]}}::jsonb AS object, ${'a'} = ANY(${array(['x"y', 'a'])}::text[]) AS found`;
    t.match(row, {
      ...{big: 9_007_199_254_740_993n, text: 'äb', small: 2, exact: '1.5', yes: true},
      ...{nothing: null, bytes: '\\x01ff', at: true, object: {a: [1]}, found: true},
    });
    const made = await db.sql('CREATE TABLE t1 (id int)');
    t.match({...made}, {tag: 'CREATE TABLE', count: 0});
    t.equal((await db.sql('INSERT INTO t1 SELECT generate_series(1, $1)', [5000])).count, 5000);
    t.equal((await db.sql('SELECT * FROM t1')).length, 5000);
    const live = db.live('SELECT id FROM t1 WHERE id = $1', [6000]);
    await live.ready;
    const {seq} = await db.sql('INSERT INTO t1 VALUES (6000)');
    t.match(seq, /^\d+$/);
    await until(live, () => live.rows.length === 1);
    t.equal(live.seq, seq, 'the write is in the frame of its commit');
    live.unsubscribe();
    t.equal((await db.sql('SELECT 1')).seq, null);
    t.equal((await db.sql('DELETE FROM t1 WHERE id = 7000')).seq, null, 'nothing was written');
    const results = await db.script('SELECT 1 AS a; SELECT id FROM t1 LIMIT 2; DROP TABLE t1');
    t.same(
      results.map(({tag, length}) => [tag, length]),
      [
        ['SELECT 1', 1],
        ['SELECT 2', 2],
        ['DROP TABLE', 0],
      ],
    );
    await t.rejects(db.sql('SELEC'), {code: '42601', fields: {position: 1}});
    await t.rejects(db.sql('SELECT $1', ['x'.repeat(2 ** 20)]), {code: '54000'});
    await t.rejects(db.sql('SELECT 1 -- \0'), {code: '22021'});
    await t.rejects(db.sql('SELECT $1', [{big: 1n}]), TypeError);
    t.match(await db.sql`SELECT ${NaN}::float8 AS nan`, [{nan: 'NaN'}]);
    await t.rejects(db.sql`SELECT ${1}0`, {code: '42601'}, 'not parameter 10');
    await t.rejects(db.sql('SELECT $1', [undefined as never]), /\$1 is undefined/);
    const many = await Promise.all(
      Array.from({length: 300}, (_, i) => db.sql`SELECT ${i}::int4 AS i`),
    );
    t.ok(many.every(([each], i) => each?.['i'] === i));
  });

  await t.test('rows are in the order of the query', async t => {
    const seed = Number(process.env['SEED'] ?? randomInt(1e9));
    t.comment(`SEED=${seed}`);
    const random = mulberry(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
    const columns: Readonly<Record<string, readonly string[]>> = {
      n: ['NaN', 'Infinity', '-Infinity', '0', '-1.5', '1.50', '1.45', '-10', '100.001', '0.05'],
      f: ['NaN', 'Infinity', '-Infinity', '0', '-1.5', '1e300', '0.1'],
      b: ['-9223372036854775808', '9223372036854775807', '-10', '-9', '0', '7', '10'],
      s: ['', 'a', 'B', 'ab', 'ä', '\u{1f600}', '\uffee', 'a b'],
      d: ['2020-01-01', 'infinity', '-infinity', '0044-03-15 BC', '12020-01-01', '0099-12-31'],
      z: [
        '2020-06-01 10:00:00.5+02',
        '2020-06-01 08:00:00.49+00',
        'infinity',
        '1999-12-31 23:59:59.999999+00',
      ],
      o: ['true', 'false'],
      u: ['00000000-0000-0000-0000-000000000001', 'f0000000-0000-0000-0000-000000000001'],
    };
    await admin.query(
      'CREATE TABLE sorted (id int4 PRIMARY KEY, n numeric, f float8, b int8, s text, d date, z timestamptz, o bool, u uuid)',
    );
    const value = (name: string): string =>
      random() < 0.15 ? 'NULL' : `'${pick(columns[name]!)}'`;
    const put = async (id: number): Promise<void> => {
      const values = Object.keys(columns).map(value).join();
      await admin.query(
        `DELETE FROM sorted WHERE id = ${id}; INSERT INTO sorted VALUES (${id}, ${values})`,
      );
    };
    for (let id = 0; id < 30; id++) await put(id);
    const lives = Object.keys(columns).flatMap(name =>
      ['ASC', 'DESC', 'ASC NULLS FIRST', 'DESC NULLS LAST'].map(order => {
        const sql = `SELECT id, ${name} FROM sorted ORDER BY ${name} ${order}, id`;
        return {sql, live: db.live<{id: number}>(random() < 0.5 ? sql : `${sql} LIMIT 12`)};
      }),
    );
    await Promise.all(lives.map(({live}) => live.ready));
    for (let i = 0; i < 60; i++) await put(Math.floor(random() * 40));
    for (const {sql, live} of lives) {
      const {rows} = await admin.query<{id: number}>(sql);
      const wanted = rows
        .map(row => row.id)
        .slice(0, live.class === 'B' ? 12 : rows.length)
        .join();
      await until(live, () => live.rows.map(row => row.id).join() === wanted);
      live.unsubscribe();
    }
    t.pass(`${lives.length} orders`);
  });

  await t.test('a commit is told once, in all queries at once', async t => {
    await admin.query('CREATE TABLE pairs (id int PRIMARY KEY, n int)');
    const left = db.live('SELECT id FROM pairs WHERE n > 0');
    const right = db.live('SELECT id FROM pairs WHERE n <= 0');
    await Promise.all([left.ready, right.ready]);
    const seen: string[] = [];
    const note = (): void => void seen.push(`${left.rows.length}/${right.rows.length}`);
    left.subscribe(note);
    right.subscribe(note);
    await admin.query('INSERT INTO pairs VALUES (1, 1), (2, 1), (3, 0)');
    await admin.query('UPDATE pairs SET n = 1 - n WHERE id IN (1, 3)');
    await until(right, () => seen.length >= 4);
    t.same(new Set(seen), new Set(['2/1']));
    left.unsubscribe();
    right.unsubscribe();
    t.equal(left.state, 'closed');
    t.equal((await db.sql(`SELECT 1 FROM system.live_queries`)).length, 0);
  });

  await t.test('named queries, the newest rows only, changes only', async t => {
    await admin.query(
      `CREATE TABLE notes (id int PRIMARY KEY, who text); INSERT INTO notes SELECT i, 'ann' FROM generate_series(1, 9) i;
      CREATE LIVE QUERY notes_of(name text) AS SELECT id FROM notes WHERE who = name`,
    );
    await admin.query(`UPDATE notes SET who = 'ann' WHERE id = 4`);
    const named = db.live<{id: number}>({query: 'notes_of'}, ['ann'], null, {lastRows: 1});
    const later = db.live<{id: number}>('SELECT id FROM notes', [], null, {snapshot: false});
    await Promise.all([named.ready, later.ready]);
    t.same(named.rows, [{id: 4}]);
    t.same(later.rows, []);
    await admin.query(`INSERT INTO notes VALUES (10, 'ann'), (11, 'bob')`);
    await until(later, () => later.rows.length === 2);
    await until(named, () => named.rows.length === 2);
    named.unsubscribe();
    later.unsubscribe();
    const broken = connect({url: server.httpUrl, user: 'postgres'});
    await broken.ready;
    const closed = new Promise<void>(resolve => broken.onState(() => resolve()));
    const wrong = broken.live('SELECT id FROM notes', [], null, {lastRows: -1});
    await t.rejects(wrong.ready);
    await closed;
    t.match(broken, {state: 'closed', error: {code: '08P01'}}, 'no other attempt with the same');
  });

  await t.test('errors, lost rights, and a limit', async t => {
    const errors: string[] = [];
    const wrong = db.live('SELECT nothing FROM pairs', [], null, {
      onError: e => errors.push(e.code),
    });
    await t.rejects(wrong.ready, {code: '42703'});
    t.same(errors, ['42703']);
    t.equal(wrong.error?.code, '42703');
    const gone = db.live('SELECT * FROM pairs');
    await gone.ready;
    const reading = (async () => {
      for await (const commit of gone.changes()) t.equal(commit.kind, 'snapshot');
    })();
    const rejected = t.rejects(reading, {code: '42P01'});
    await admin.query('DROP TABLE pairs');
    await rejected;
    t.equal(gone.state, 'closed');
  });

  await t.test('a reader of changes that falls behind', async t => {
    await admin.query('CREATE TABLE fast (id int PRIMARY KEY, pad text)');
    const small = connect({url: server.httpUrl, user: 'postgres', window: 4096});
    t.teardown(() => small.close());
    const live = small.live<{id: number}>('SELECT id, pad FROM fast', [], null, {maxBacklog: 10});
    await live.ready;
    const changes = live.changes();
    for (let i = 0; i < 200; i++)
      await admin.query(`INSERT INTO fast VALUES (${i}, repeat('x', 300))`);
    await until(live, () => live.state === 'paused');
    const [row] = await small.sql`SELECT repeat('y', 20000) AS y`;
    t.match(row, {y: /^y{20000}$/}, 'nothing else waits for it');
    const ids: number[] = [];
    for await (const {changes: each} of changes) {
      for (const change of each) if (change.row !== undefined) ids.push(change.row.id);
      if (ids.length >= 200) break;
    }
    t.same(
      ids,
      Array.from({length: 200}, (_, i) => i),
    );
    await until(live, () => live.state === 'live' && live.rows.length === 200);
  });

  await t.test('rows are read anew after a TRUNCATE', async t => {
    const live = db.live('SELECT id FROM fast WHERE id >= 0');
    await live.ready;
    t.equal(live.rows.length, 200);
    await admin.query('BEGIN; TRUNCATE fast; INSERT INTO fast VALUES (7); COMMIT');
    await until(live, () => live.rows.length === 1);
    t.same(live.rows, [{id: 7}]);
    const kinds: string[] = [];
    for await (const {kind, changes} of db.changes('SELECT id FROM fast')) {
      kinds.push(`${kind} ${changes.length}`);
      if (kinds.length === 1) await admin.query('TRUNCATE fast');
      else break;
    }
    t.same(kinds, ['snapshot 1', 'snapshot 0']);
  });
});

t.test('tokens and sealed queries', async t => {
  const folder = temporaryFolder('sdk-config');
  t.teardown(() => folder.remove());
  const config = join(folder.path, 'wadi.toml');
  writeFileSync(config, '[tokens]\naccess_ttl = 2\n');
  const server = await startWadi({args: ['--config', config]});
  t.teardown(() => server.stop());
  const admin = await withAdmin(t, server);
  await admin.query(
    `CREATE ROLE ann LOGIN PASSWORD 'pw'; CREATE TABLE secret (id int PRIMARY KEY)`,
  );

  await t.test('a token is renewed without another connection', async t => {
    const source = passwordTokens({url: server.httpUrl, user: 'ann', password: 'pw'});
    let calls = 0;
    const db = connect({url: server.httpUrl, getToken: () => (calls++, source())});
    t.teardown(() => db.close());
    const pid = async (): Promise<unknown> =>
      (await db.sql('SELECT pg_backend_pid() AS pid'))[0]?.['pid'];
    const first = await pid();
    const end = Date.now() + 3_500;
    const pids = new Set([first]);
    while (Date.now() < end) pids.add(await pid());
    t.equal(pids.size, 1);
    t.ok(calls >= 2, `${calls} tokens`);
  });

  await t.test('who is refused', async t => {
    const calls: string[] = [];
    const db = connect({url: server.httpUrl, getToken: () => (calls.push(''), 'wrong')});
    await t.rejects(db.ready, {code: /^28/});
    t.equal(calls.length, 2, 'another token is asked for once');
    t.equal(db.state, 'closed');
    await t.rejects(db.sql('SELECT 1'), {code: /^28/});
    t.throws(() => connect({url: 'no address'}));
  });

  await t.test('a sealed query shows what its reader has no rights for', async t => {
    const db = connect({url: server.httpUrl, user: 'ann'});
    t.teardown(() => db.close());
    await t.rejects(db.live('SELECT id FROM secret').ready, {code: '42501'});
    let seals = 0;
    const sealed = async (): Promise<string> => {
      const body = {sql: 'SELECT id FROM secret', ttl: ++seals};
      const answer = await post(`${server.httpUrl}/seal`, body, {
        authorization: basic('postgres', ''),
      });
      return answer.body['sealed'] as string;
    };
    const live = db.live({sealed});
    await live.ready;
    await admin.query('INSERT INTO secret VALUES (1)');
    await until(live, () => live.rows.length === 1);
    await until(live, () => seals === 2 && live.state === 'live');
    await admin.query('INSERT INTO secret VALUES (2)');
    await until(live, () => live.rows.length === 2);
    t.pass('a seal that ends is followed by another');
  });
});

t.test('credit: what is worked off is acknowledged, and only that', async t => {
  const fake = new WebSocketServer({port: 0, host: '127.0.0.1', handleProtocols: () => 'wadi.v1'});
  t.teardown(() => fake.close());
  await once(fake, 'listening');
  const port = (fake.address() as AddressInfo).port;
  const db = connect({url: `ws://127.0.0.1:${port}`, window: 4096});
  t.teardown(() => db.close());
  const live = db.live('SELECT 1');
  const [socket] = (await once(fake, 'connection')) as [WebSocket];
  const read = async (): Promise<Record<string, unknown>> => {
    const [data] = (await once(socket, 'message')) as [Buffer];
    return JSON.parse(data.toString()) as Record<string, unknown>;
  };
  t.same(await read(), {type: 'hello', window: 4096});
  const send = (message: object): number => {
    const text = JSON.stringify(message);
    socket.send(text);
    return Buffer.byteLength(text);
  };
  send({type: 'welcome', user: 'x', expires: null});
  const {id} = await read();
  const columns = [{name: 'a', type: 'text', oid: 25}];
  send({type: 'subscribed', id, class: 'A', columns, order: null});
  let bytes = 0;
  let acknowledged = 0;
  for (let i = 0; i < 40; i++) {
    const answer = read();
    bytes += send({type: 'rows', id, seq: '1', rows: [[[i], ['ä\u{1f600}€'.repeat(200)]]]});
    const {type, bytes: given} = await answer;
    t.equal(type, 'ack');
    acknowledged = given as number;
    t.equal(acknowledged, bytes, 'bytes of UTF-8');
  }
  send({type: 'live', id, seq: '1', token: 't'});
  await live.ready;
  t.equal(live.rows.length, 40);
});

/** A small random generator with a seed. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
}
