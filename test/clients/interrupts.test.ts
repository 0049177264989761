// Long statements: another client's query is answered first, and a cancel ends them. No time is asserted, only the order of answers.
import pg from 'pg';
import t, {type Test} from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const runLimitMs = 300_000;
t.setTimeout(runLimitMs);
const server = await startWadi();
t.teardown(() => server.stop());

async function connect(t: Test): Promise<pg.Client> {
  const {host, port} = server;
  const client = new pg.Client({host, port, user: 'postgres', database: 'postgres'});
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

const other = await connect(t);
await other.query('CREATE TABLE big (id int, note text)');
await other.query(`INSERT INTO big SELECT i, md5(i::text) FROM generate_series(1, 100000) i`);

const endless: Readonly<Record<string, string>> = {
  'a series': 'SELECT count(*) FROM generate_series(1, 10000000000)',
  'a recursive query':
    'WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r',
  'a nested loop': 'SELECT count(*) FROM big a, big b WHERE a.id + b.id < 0',
  'a sort': 'SELECT i FROM generate_series(1, 10000000000) i ORDER BY md5(i::text)',
  'a hash build':
    'SELECT count(*) FROM generate_series(1, 10000000000) i JOIN generate_series(1, 10000000000) j ON i = j',
  'a copy': 'COPY (SELECT * FROM generate_series(1, 10000000000)) TO STDOUT',
  'a sleep': 'SELECT pg_sleep(100000)',
};

for (const [name, sql] of Object.entries(endless)) {
  await t.test(`${name} lets others work, and is cancelled`, async t => {
    const client = await connect(t);
    const {rows} = await client.query<{pid: number}>('SELECT pg_backend_pid() AS pid');
    const pid = rows[0]!.pid;
    let isAnswered = false;
    const outcome = client.query(sql).then(
      () => 'done',
      (error: {code?: string}) => error.code ?? String(error),
    );
    void outcome.then(() => (isAnswered = true));
    for (let isActive = false; !isActive; ) {
      const found = await other.query(
        `SELECT 1 FROM pg_stat_activity WHERE pid = ${pid} AND state = 'active'`,
      );
      isActive = found.rows.length === 1;
    }
    t.equal((await other.query('SELECT count(*)::int AS n FROM big WHERE id = 7')).rows[0].n, 1);
    t.notOk(isAnswered, 'the other query was answered first');
    await other.query(`SELECT pg_cancel_backend(${pid})`);
    t.equal(await outcome, '57014');
    t.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1, 'the session goes on');
  });
}

t.test('timeouts have the SQLSTATEs of PostgreSQL', async t => {
  const client = await connect(t);
  await client.query(`SET statement_timeout = '20ms'`);
  await t.rejects(client.query(endless['a sort']!), {code: '57014', message: /statement timeout/});
  await client.query(`SET statement_timeout = 0; SET lock_timeout = '20ms'`);
  await other.query('BEGIN; LOCK TABLE big');
  await t.rejects(client.query('SELECT * FROM big LIMIT 1'), {
    code: '55P03',
    message: /lock timeout/,
  });
  await other.query('COMMIT');
  for (const [setting, code, before] of [
    ['idle_in_transaction_session_timeout', '25P03', 'BEGIN'],
    ['idle_session_timeout', '57P05', 'SELECT 1'],
  ] as const) {
    const idle = await connect(t);
    const ended = new Promise(resolve => idle.once('error', resolve));
    await idle.query(`SET ${setting} = '20ms'; ${before}`);
    t.match(await ended, {code}, setting);
  }
});

t.test('idle_session_timeout counts from the start of a session', async t => {
  await other.query(`CREATE ROLE idler LOGIN; ALTER ROLE idler SET idle_session_timeout = '20ms'`);
  const {host, port} = server;
  const idle = new pg.Client({host, port, user: 'idler', database: 'postgres'});
  const ended = new Promise(resolve => idle.on('error', resolve));
  await idle.connect();
  t.match(await ended, {code: '57P05', message: /idle-session timeout/});
  await other.query('DROP ROLE idler');
});
