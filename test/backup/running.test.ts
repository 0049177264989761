// `wadi backup` and `wadi fsck` on the directory of a server that runs: they ask it.
import {existsSync, mkdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import pg from 'pg';
import t from 'tap';
import {openDatabase} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import {wadi} from './support.ts';

t.setTimeout(300_000);

async function connect({host, port}: WadiServer): Promise<pg.Client> {
  const client = new pg.Client({host, port, user: 'postgres', database: 'postgres'});
  await client.connect();
  return client;
}

async function makeTables(client: pg.Client): Promise<void> {
  await client.query('CREATE TABLE a (id int PRIMARY KEY, s text)');
  await client.query(`INSERT INTO a SELECT g, 'x' FROM generate_series(1, 100) g`);
  await client.query('STORAGE FLUSH TABLE a');
  await client.query(`INSERT INTO a VALUES (1000, 'hot')`);
}

t.test('backup and fsck of a running server', async t => {
  const folder = temporaryFolder('running');
  t.teardown(() => folder.remove());
  const data = join(folder.path, 'data');
  const server = await startWadi({dataDir: data, args: ['--auth', 'trust-loopback']});
  t.teardown(() => server.stop());
  const client = await connect(server);
  await makeTables(client);
  await client.query(`ALTER ROLE postgres SET statement_timeout = '1ms'`);
  t.equal(statSync(join(data, 'control.sock')).mode & 0o777, 0o600);
  const copy = join(folder.path, "it's a copy");
  t.match(await wadi('backup', '--data-dir', data, '--to', copy), {
    status: 0,
    stdout: `, 1 segments in ${copy}\n`,
    stderr: '',
  });
  t.ok(existsSync(join(copy, 'backup.json')));
  const jobs = await client.query(`SELECT type, status FROM system.jobs WHERE type = 'backup'`);
  t.same(jobs.rows, [{type: 'backup', status: 'completed'}]);
  const restored = join(folder.path, 'restored');
  t.match(await wadi('restore', '--from', copy, '--data-dir', restored), {status: 0});
  t.match(await wadi('fsck', '--data-dir', restored), {status: 0, stdout: ''});
  t.match(
    await wadi('backup', '--data-dir', data, '--to', copy),
    {status: 1, stdout: '', stderr: /not empty/},
    'what the server refuses is told',
  );
  t.match(await wadi('fsck', '--data-dir', data), {status: 0, stdout: '', stderr: /no finding/});
  const segments = await client.query('SELECT path FROM system.segments');
  const orphan = join(segments.rows[0].path as string, '..', '4711.parquet');
  writeFileSync(orphan, 'x');
  t.match(await wadi('fsck', '--data-dir', data), {
    status: 1,
    stdout: `${orphan}: no table has this file\n`,
  });
  await client.end();
});

t.test('a long path, a server that was killed, one that is stopped', async t => {
  const folder = temporaryFolder('running');
  t.teardown(() => folder.remove());
  const data = join(folder.path, 'long'.repeat(30));
  mkdirSync(data);
  let server = await startWadi({dataDir: data});
  const client = await connect(server);
  await makeTables(client);
  await client.end();
  const backup = (to: string): ReturnType<typeof wadi> =>
    wadi('backup', '--data-dir', data, '--to', join(folder.path, to));
  t.match(await backup('asked'), {status: 0});
  await server.kill('SIGKILL');
  t.match(await backup('killed'), {status: 0}, 'the socket of a server that is gone is none');
  server = await startWadi({dataDir: data});
  t.match(await backup('again'), {status: 0});
  await server.stop();
  t.notOk(existsSync(join(data, 'control.sock')));
  t.match(await backup('stopped'), {status: 0});
});

t.test('a directory that a process uses without a server', async t => {
  const folder = temporaryFolder('running');
  t.teardown(() => folder.remove());
  const database = await openDatabase({dataDir: folder.path});
  t.teardown(() => database.close());
  t.match(await wadi('backup', '--data-dir', folder.path, '--to', join(folder.path, 'x')), {
    status: 1,
    stderr: /in use by process \d+; ask it by BACKUP DATABASE TO/,
  });
});

t.test('a backup of a stopped server does not end its archive', async t => {
  const folder = temporaryFolder('running');
  t.teardown(() => folder.remove());
  const data = join(folder.path, 'data');
  const archive = join(folder.path, 'archive');
  const base = join(folder.path, 'base');
  const args = ['--archive-dir', archive];
  let server = await startWadi({dataDir: data, args});
  let client = await connect(server);
  await client.query('CREATE TABLE a (id int PRIMARY KEY)');
  t.match(await wadi('backup', '--data-dir', data, '--to', base), {status: 0});
  await client.query('SELECT system.archive()');
  await client.query('INSERT INTO a VALUES (1)');
  client.on('error', () => {});
  await server.kill('SIGKILL');
  // The archive lacks the last commit, which this must not make it forget.
  t.match(await wadi('backup', '--data-dir', data, '--to', join(folder.path, 'x')), {status: 0});
  server = await startWadi({dataDir: data, args});
  client = await connect(server);
  await client.query('INSERT INTO a VALUES (2)');
  await client.query('SELECT system.archive()');
  await client.end();
  await server.stop();
  const restored = join(folder.path, 'restored');
  t.match(await wadi('restore', '--from', base, '--archive', archive, '--data-dir', restored), {
    status: 0,
    stderr: '',
  });
  const again = await openDatabase({dataDir: restored});
  t.same((await again.session().query('SELECT id FROM a ORDER BY id')).rows, [[1], [2]]);
  await again.close();
  t.ok(readFileSync(join(restored, 'wadi.db')).length > 0);
});
