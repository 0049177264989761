import pg from 'pg';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

async function open(
  wadi: WadiServer,
  database: string,
  options: pg.ClientConfig = {},
): Promise<pg.Client> {
  const url = new URL(wadi.postgresUrl);
  url.pathname = `/${database}`;
  const client = new pg.Client({connectionString: url.href, ...options});
  await client.connect();
  return client;
}

t.test(
  'databases are apart, outlive a restart, and are dropped only when nobody uses them',
  async t => {
    const folder = temporaryFolder('databases');
    t.teardown(() => folder.remove());
    let wadi = await startWadi({dataDir: folder.path});
    t.teardown(() => wadi.stop());
    const postgres = await open(wadi, 'postgres');
    await postgres.query('CREATE TABLE here (a int)');
    await postgres.query('CREATE DATABASE one');
    await t.rejects(postgres.query('CREATE DATABASE one'), {code: '42P04'});
    await t.rejects(postgres.query('BEGIN; CREATE DATABASE two'), {code: '25001'});
    await postgres.query('ROLLBACK');
    const one = await open(wadi, 'one');
    await one.query('CREATE TABLE there (a int PRIMARY KEY); INSERT INTO there VALUES (1)');
    await t.rejects(one.query('SELECT * FROM here'), {code: '42P01'});
    await t.rejects(postgres.query('DROP DATABASE one'), {code: '55006'});
    await one.end();
    await postgres.end();
    await wadi.stop();

    wadi = await startWadi({dataDir: folder.path});
    const again = await open(wadi, 'one');
    t.same((await again.query('SELECT * FROM there')).rows, [{a: 1}]);
    const admin = await open(wadi, 'postgres');
    again.on('error', () => {});
    await admin.query('DROP DATABASE one WITH (FORCE)');
    await t.rejects(open(wadi, 'one'), {code: '3D000'});
    await t.rejects(admin.query('DROP DATABASE postgres'), {code: '55006'});
    await t.rejects(admin.query('DROP DATABASE template1'), {code: '42809'});
    await admin.query('DROP DATABASE IF EXISTS one');
    await admin.end();
  },
);

t.test('a client of one byte per character is answered in its encoding', async t => {
  const wadi = await startWadi();
  t.teardown(() => wadi.stop());
  const client = await open(wadi, 'postgres');
  await client.query("SET client_encoding = 'LATIN1'");
  // The driver reads UTF-8: a lone byte above 127 becomes the replacement character.
  t.equal((await client.query("SELECT U&'\\00e9' AS a")).rows[0].a, '\ufffd');
  t.equal(
    (await client.query("SELECT octet_length('é') AS n")).rows[0].n,
    4,
    'two bytes sent are two characters',
  );
  await t.rejects(client.query("SELECT U&'\\20ac'"), {code: '22P05'});
  await client.end();
});

t.test('RETURNING runs to its end however few rows are fetched', async t => {
  const wadi = await startWadi();
  t.teardown(() => wadi.stop());
  const client = await open(wadi, 'postgres');
  await client.query('CREATE TABLE r (a int)');
  const result = await client.query({
    text: 'INSERT INTO r SELECT generate_series(1, 3) RETURNING a',
    rows: 1,
  } as pg.QueryConfig);
  t.equal(result.rows.length, 3);
  t.same((await client.query('SELECT count(*)::int AS n FROM r')).rows, [{n: 3}]);
  await client.end();
});
