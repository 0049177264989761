// Neon's serverless driver, unchanged, over /v2: the PostgreSQL protocol inside of WebSocket frames.
import {Client, neonConfig, Pool} from '@neondatabase/serverless';
import t from 'tap';
import {WebSocket} from 'ws';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

neonConfig.webSocketConstructor = WebSocket;
neonConfig.useSecureWebSocket = false;

function point(server: WadiServer): void {
  const {host} = new URL(server.httpUrl);
  neonConfig.wsProxy = () => `${host}/v2`;
}

function options(
  user: string,
  password: string,
): {host: string; user: string; password: string; database: string} {
  return {host: 'localhost', user, password, database: 'postgres'};
}

async function connected(user: string, password: string): Promise<Client> {
  const client = new Client(options(user, password));
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

t.test('Neon serverless driver', async t => {
  const folder = temporaryFolder('neon');
  t.teardown(() => folder.remove());

  await t.test('trusted, with the password sent unasked', async t => {
    const server = await startWadi({dataDir: folder.path});
    t.teardown(() => server.stop());
    point(server);
    const client = await connected('postgres', 'whatever');
    t.same((await client.query('SELECT $1::int8 + 1 AS x', [5])).rows, [{x: '6'}]);
    t.equal((await client.query('SELECT g FROM generate_series(1, 200000) g')).rowCount, 200_000);
    await t.rejects(client.query('SELEC'), {code: '42601', position: '1'});
    await client.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    await client.query('BEGIN');
    await client.query('INSERT INTO t VALUES (1, $1)', ['x'.repeat(1_000_000)]);
    await client.query('COMMIT');
    t.same((await client.query('SELECT length(v) AS n FROM t')).rows, [{n: 1_000_000}]);
    const heard = new Promise(resolve => client.on('notification', resolve));
    await client.query('LISTEN c');
    await client.query(`NOTIFY c, 'p'`);
    t.match(await heard, {channel: 'c', payload: 'p'});
    await client.query(`ALTER ROLE postgres PASSWORD 'root-Pass'`);
    await client.end();
  });

  await t.test('passwords in clear text, as Neon has them', async t => {
    const server = await startWadi({dataDir: folder.path, args: ['--auth', 'password']});
    t.teardown(() => server.stop());
    point(server);
    const client = await connected('postgres', 'root-Pass');
    t.same((await client.query('SELECT current_user AS u')).rows, [{u: 'postgres'}]);
    await client.end();
    const pool = new Pool({...options('postgres', 'root-Pass'), max: 4});
    pool.on('error', () => undefined);
    const answers = await Promise.all(
      [...Array(20).keys()].map(i => pool.query('SELECT $1::int AS i', [i])),
    );
    t.same(
      answers.map(({rows}) => (rows[0] as {i: number}).i),
      [...Array(20).keys()],
    );
    await pool.end();
  });

  await t.test('SCRAM, when the driver waits to be asked', async t => {
    const server = await startWadi({dataDir: folder.path, args: ['--auth', 'scram']});
    t.teardown(() => server.stop());
    point(server);
    neonConfig.pipelineConnect = false;
    const client = await connected('postgres', 'root-Pass');
    t.same((await client.query('SELECT 1 AS one')).rows, [{one: 1}]);
    await client.end();
    await t.rejects(connected('postgres', 'wrong'), {code: '28P01'});
  });
});
