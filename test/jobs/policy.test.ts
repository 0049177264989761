import {rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {parseFlushPolicy} from '../../src/jobs/flush-policy.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {connect, failure, rows, until} from './support.ts';

const sizes = (table: string): string =>
  `SELECT hot_rows, cold_rows FROM system.stats WHERE table_name = '${table}'`;

t.test('policies are read strictly', async t => {
  t.same(parseFlushPolicy('rows:10000,interval:300'), {rows: 10000, intervalMs: 300_000});
  t.same(parseFlushPolicy(' interval : 5 '), {rows: null, intervalMs: 5000});
  t.same(parseFlushPolicy('ROWS:1'), {rows: 1, intervalMs: null});
  t.equal(parseFlushPolicy('none'), null);
  const wrong = [
    '',
    'rows',
    'rows:',
    'rows:0',
    'rows:-1',
    'rows:1.5',
    'rows:1,rows:2',
    'rows:1,',
    'none,rows:1',
  ];
  for (const bad of [...wrong, 'interval:9999999999', 'days:1']) {
    t.throws(() => parseFlushPolicy(bad), {code: '22023'}, bad);
  }
});

t.test('tables are flushed by their policy', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const client = await connect(server);
  t.teardown(() => client.end());

  await t.test('by rows', async t => {
    await client.query(
      "CREATE TABLE by_rows (id int PRIMARY KEY) WITH (flush_policy = 'rows:100')",
    );
    await client.query('INSERT INTO by_rows SELECT generate_series(1, 99)');
    t.same(await rows(client, sizes('by_rows')), [['99', '0']]);
    await client.query('INSERT INTO by_rows VALUES (100)');
    await until(client, sizes('by_rows'), '0 100');
    await until(
      client,
      "SELECT type, status, progress, message ~ '^100 rows in 1 segment', error IS NULL, created_by FROM system.jobs " +
        "WHERE table_name = 'by_rows'",
      'flush completed 1 t t system',
    );
    // Changes of few rows do not fill a table.
    await client.query('INSERT INTO by_rows VALUES (101)');
    for (let i = 0; i < 120; i++) await client.query('UPDATE by_rows SET id = id WHERE id = 101');
    t.same(await rows(client, sizes('by_rows')), [['1', '100']]);
  });

  await t.test('by interval', async () => {
    await client.query(
      "CREATE TABLE by_time (id int PRIMARY KEY) WITH (flush_policy = 'rows:1000,interval:1')",
    );
    await client.query('INSERT INTO by_time SELECT generate_series(1, 5)');
    await until(client, sizes('by_time'), '0 5');
    await client.query('INSERT INTO by_time SELECT generate_series(6, 7)');
    await until(client, sizes('by_time'), '0 7');
  });

  await t.test('small partitions stay hot', async t => {
    await client.query(
      "CREATE USER TABLE own (id int PRIMARY KEY) WITH (flush_policy = 'rows:100', flush_min_rows = 50); CREATE ROLE ann; CREATE ROLE bob",
    );
    await client.query("INSERT INTO own (_user_id, id) SELECT 'bob', generate_series(1, 5)");
    await client.query("INSERT INTO own (_user_id, id) SELECT 'ann', generate_series(1, 150)");
    await until(client, sizes('own'), '5 150');
    t.same(await rows(client, "SELECT owner, rows FROM system.segments WHERE table_name = 'own'"), [
      ['ann', '150'],
    ]);
  });

  await t.test('nothing worth doing is a skipped job', async () => {
    await client.query(
      "CREATE TABLE tiny (id int PRIMARY KEY) WITH (flush_policy = 'interval:1', flush_min_rows = 50)",
    );
    await client.query('INSERT INTO tiny VALUES (1)');
    await until(
      client,
      "SELECT status, message FROM system.jobs WHERE table_name = 'tiny'",
      'skipped nothing to flush',
    );
  });

  await t.test('a policy can come and go', async t => {
    await client.query('CREATE TABLE later (id int PRIMARY KEY)');
    await client.query('INSERT INTO later SELECT generate_series(1, 50)');
    t.equal(await failure(client, "ALTER TABLE later SET (flush_policy = 'often')"), '22023');
    await client.query("ALTER TABLE later SET (flush_policy = 'interval:1')");
    await until(client, sizes('later'), '0 50');
    await client.query('ALTER TABLE later RESET (flush_policy)');
    await client.query('INSERT INTO later SELECT generate_series(51, 60)');
    t.same(await rows(client, sizes('later')), [['10', '50']]);
  });

  await t.test('many segments are compacted', async () => {
    await client.query('CREATE TABLE many (id int PRIMARY KEY)');
    for (let i = 1; i <= 13; i++) {
      await client.query('INSERT INTO many VALUES ($1)', [i]);
      await client.query('STORAGE FLUSH TABLE many');
    }
    await until(
      client,
      "SELECT count(*), sum(rows) FROM system.segments WHERE table_name = 'many'",
      '1 13',
    );
    await until(
      client,
      "SELECT status, created_by FROM system.jobs WHERE table_name = 'many' AND type = 'compact'",
      'completed system',
    );
  });
});

t.test('hot rows of before a restart are flushed, too', async t => {
  const folder = temporaryFolder('jobs');
  t.teardown(() => folder.remove());
  const first = await startWadi({dataDir: folder.path});
  const before = await connect(first);
  await before.query("CREATE TABLE kept (id int PRIMARY KEY) WITH (flush_policy = 'interval:2')");
  await before.query('INSERT INTO kept SELECT generate_series(1, 20)');
  await first.kill('SIGKILL');
  const second = await startWadi({dataDir: folder.path});
  t.teardown(() => second.stop());
  const after = await connect(second);
  t.teardown(() => after.end());
  await until(after, sizes('kept'), '0 20');
});

t.test('a failed policy job is tried again', async t => {
  const folder = temporaryFolder('jobs');
  t.teardown(() => folder.remove());
  const server = await startWadi({dataDir: folder.path});
  t.teardown(() => server.stop());
  const client = await connect(server);
  t.teardown(() => client.end());
  const blocker = join(folder.path, 'segments');
  rmSync(blocker, {recursive: true, force: true});
  writeFileSync(blocker, 'not a folder');
  await client.query("CREATE TABLE unlucky (id int PRIMARY KEY) WITH (flush_policy = 'rows:10')");
  await client.query('INSERT INTO unlucky SELECT generate_series(1, 10)');
  const firstJob =
    "SELECT status, message FROM system.jobs WHERE table_name = 'unlucky' ORDER BY job_id LIMIT 1";
  await until(client, firstJob, 'retrying to be tried again in 1 s');
  t.same(await rows(client, 'SELECT count(*) FROM unlucky'), [['10']]);
  rmSync(blocker);
  await until(client, sizes('unlucky'), '0 10');
});
