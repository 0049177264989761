// pg with its streams; and what drivers of other languages do on the wire, tested where those are not installed.
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {text} from 'node:stream/consumers';
import pg from 'pg';
import copyStreams from 'pg-copy-streams';
import QueryStream from 'pg-query-stream';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const server = await startWadi({env: {TZ: 'UTC'}});
t.teardown(() => server.stop());
const client = new pg.Client({connectionString: server.postgresUrl});
await client.connect();
t.teardown(() => client.end());

t.test('parameters within commands', async t => {
  await client.query('BEGIN');
  await client.query('DECLARE c CURSOR FOR SELECT x, $2 || x AS t FROM generate_series(1, $1) x', [
    3,
    'row ',
  ]);
  t.same((await client.query('FETCH ALL FROM c')).rows, [
    {x: 1, t: 'row 1'},
    {x: 2, t: 'row 2'},
    {x: 3, t: 'row 3'},
  ]);
  await client.query('COMMIT');
  t.equal((await client.query('CREATE TABLE made AS SELECT $1::int4 AS a', [7])).rowCount, 1);
  t.equal((await client.query('SELECT $1::int4 AS a INTO made_too', [8])).command, 'SELECT');
  t.same((await client.query('TABLE made UNION ALL TABLE made_too')).rows, [{a: 7}, {a: 8}]);
  t.ok((await client.query('EXPLAIN SELECT * FROM made WHERE a = $1', [1])).rows.length > 0);
  await t.rejects(client.query('DROP TABLE nowhere', [1]), {code: '08P01'});
});

t.test('settings of the transaction', async t => {
  await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY');
  const {rows} = await client.query(
    `SELECT current_setting('transaction_isolation') AS i, current_setting('transaction_read_only') AS r`,
  );
  t.same(rows, [{i: 'serializable', r: 'on'}]);
  await client.query('COMMIT');
  await client.query(`BEGIN; SELECT set_config('role', 'wadi_service', true)`);
  t.same((await client.query('SELECT current_user AS u')).rows, [{u: 'wadi_service'}]);
  await client.query('COMMIT');
  t.same((await client.query('SELECT current_user AS u')).rows, [{u: 'postgres'}]);
});

t.test('catalogs and errors of own types', async t => {
  await client.query('CREATE TYPE address AS (street text, number int4)');
  await client.query('CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)');
  const {rows} = await client.query(
    `SELECT attname FROM pg_attribute a JOIN pg_class c ON a.attrelid = c.oid
     WHERE c.reltype = 'address'::regtype ORDER BY attnum`,
  );
  t.same(rows, [{attname: 'street'}, {attname: 'number'}]);
  await t.rejects(client.query('SELECT 0::positive'), {
    ...{code: '23514', schema: 'public', dataType: 'positive', constraint: 'positive_check'},
  });
});

t.test('a changed result names the routine by which drivers prepare again', async t => {
  await client.query('CREATE TABLE shape (a int4)');
  const statement = {name: 'shape', text: 'SELECT * FROM shape'};
  await client.query(statement);
  await client.query('ALTER TABLE shape ADD COLUMN b text');
  await t.rejects(client.query(statement), {code: '0A000', routine: 'RevalidateCachedQuery'});
});

t.test('pg-copy-streams and pg-query-stream', async t => {
  await client.query('CREATE TABLE copied (a int4 PRIMARY KEY, b text)');
  const lines = Array.from({length: 20_000}, (_, i) => `${i}\tline ${i}\n`);
  await pipeline(Readable.from(lines), client.query(copyStreams.from('COPY copied FROM STDIN')));
  const out = await text(
    client.query(copyStreams.to('COPY (SELECT * FROM copied ORDER BY a) TO STDOUT')),
  );
  t.ok(out === lines.join(''), 'what went in comes out');
  const again = client.query(copyStreams.from('COPY copied FROM STDIN'));
  await t.rejects(pipeline(Readable.from(['20000\tx\n', '7\ty\n']), again), {code: '23505'});
  let total = 0;
  const stream = client.query(new QueryStream('SELECT a FROM copied WHERE a < $1', [5_000]));
  for await (const row of stream) total += row.a;
  t.equal(total, 12_497_500);
});
