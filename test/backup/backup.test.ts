import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type pg from 'pg';
import t from 'tap';
import {connect, failure, rows} from '../jobs/support.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {wadi} from './support.ts';

/** A table whose rows come two at a time, so that a torn state is seen: half of them hot, half in a segment, some deleted there. */
async function makeTables(client: pg.Client): Promise<void> {
  await client.query('CREATE TABLE pairs (id int PRIMARY KEY, twin int NOT NULL, body text)');
  await client.query("INSERT INTO pairs SELECT n, n, 'old ' || n FROM generate_series(1, 2000) n");
  await client.query('STORAGE FLUSH TABLE pairs');
  await client.query('DELETE FROM pairs WHERE id <= 10');
  await client.query("UPDATE pairs SET body = 'changed' WHERE id BETWEEN 11 AND 20");
  await client.query(
    'CREATE SEQUENCE ids; CREATE ROLE bob LOGIN; CREATE USER TABLE own (k text PRIMARY KEY)',
  );
  await client.query("INSERT INTO own (_user_id, k) VALUES ('bob', 'x')");
}

const state =
  "SELECT count(*), sum(id), sum(twin), count(*) FILTER (WHERE body = 'changed') FROM pairs";

t.test('a backup while writers go on', {timeout: 300_000}, async t => {
  const folder = temporaryFolder('backup');
  t.teardown(() => folder.remove());
  const server = await startWadi({dataDir: join(folder.path, 'data')});
  t.teardown(() => server.stop());
  const [client, writer] = [await connect(server), await connect(server)];
  await makeTables(client);
  let isOver = false;
  let written = 0;
  const writing = (async () => {
    for (let n = 10_000; !isOver; n += 2) {
      await writer.query('BEGIN');
      await writer.query('INSERT INTO pairs VALUES ($1, $1)', [n]);
      await writer.query('INSERT INTO pairs VALUES ($1, $1)', [n + 1]);
      await writer.query('COMMIT');
      if (++written % 20 === 0) await writer.query('STORAGE FLUSH TABLE pairs');
      if (written % 100 === 0) await writer.query('STORAGE COMPACT TABLE pairs');
    }
  })();
  const target = join(folder.path, 'copy');
  const [[job, path]] = (await rows(client, `BACKUP DATABASE TO '${target}'`)) as [
    [string, string],
  ];
  await rows(client, `SELECT system.backup('${join(folder.path, 'second')}')`);
  isOver = true;
  await writing;
  t.ok(written > 0, `${written} transactions meanwhile`);
  t.equal(path, target);
  t.same(
    await rows(client, `SELECT type, status, created_by FROM system.jobs WHERE job_id = ${job}`),
    [['backup', 'completed', 'postgres']],
  );
  t.equal(await failure(client, `BACKUP DATABASE TO '${target}'`), '55000', 'not over a backup');
  const twice = join(folder.path, 'twice');
  const codes = await Promise.all(
    [client, writer].map(each => failure(each, `BACKUP DATABASE TO '${twice}'`)),
  );
  t.same(codes.sort(), ['', '55000'], 'two never write into one directory');
  t.equal(await failure(client, "BACKUP DATABASE TO 'here'"), '22023');
  t.equal(await failure(client, "BACKUP DATABASE TO '/x/y.tar.gz'"), '0A000');
  t.equal(await failure(client, `RESTORE DATABASE FROM '${target}'`), '0A000');
  const bob = await connect(server, 'bob');
  t.equal(await failure(bob, `BACKUP DATABASE TO '${target}'`), '42501');
  t.equal(await failure(bob, 'SELECT system.fsck()'), '42501');
  t.same(await rows(client, 'SELECT system.fsck()'), [['{}']]);
  await bob.end();
  for (const name of ['copy', 'second']) {
    const restored = join(folder.path, `${name}-restored`);
    const done = await wadi('restore', '--from', join(folder.path, name), '--data-dir', restored);
    t.match(done, {status: 0, stdout: /^restored seq \d+: \d+ segments, 0 commits/, stderr: ''});
    t.match(await wadi('fsck', '--data-dir', restored), {status: 0, stdout: ''});
    const again = await startWadi({dataDir: restored});
    const other = await connect(again);
    const [[odd, twins]] = (await rows(
      other,
      'SELECT (count(*) - 1990) % 2, sum(id - twin) FROM pairs',
    )) as [[string, string]];
    t.same([odd, twins], ['0', '0'], 'no half of a transaction');
    t.same(await rows(other, "SELECT count(*) FROM pairs WHERE body = 'changed'"), [['10']]);
    t.same(await rows(other, 'SELECT _user_id, k FROM own'), [['bob', 'x']]);
    await other.query(
      "INSERT INTO pairs VALUES (1, 1); INSERT INTO own (_user_id, k) VALUES ('bob', 'y')",
    );
    t.equal(await failure(other, 'INSERT INTO pairs VALUES (2000, 1)'), '23505');
    await other.query('STORAGE FLUSH TABLE pairs; STORAGE COMPACT TABLE pairs');
    t.same(await rows(other, 'SELECT system.fsck()'), [['{}']]);
    await other.end();
    await again.stop();
  }
  t.same(await rows(client, 'SELECT system.fsck()'), [['{}']], 'the source lost no file');
  for (const each of [client, writer]) await each.end();
});

t.test('damage and a full target are refused', {timeout: 300_000}, async t => {
  const folder = temporaryFolder('backup');
  t.teardown(() => folder.remove());
  const data = join(folder.path, 'data');
  const copy = join(folder.path, 'copy');
  const server = await startWadi({dataDir: data});
  const client = await connect(server);
  await makeTables(client);
  const [before] = await rows(client, state);
  await client.end();
  await server.stop();
  t.match(await wadi('backup', '--data-dir', data, '--to', copy), {status: 0, stderr: ''});
  const full = await wadi('restore', '--from', copy, '--data-dir', data);
  t.match(full, {status: 1, stderr: /not empty/});
  t.match(await wadi('restore', '--from', data, '--data-dir', join(folder.path, 'x')), {
    status: 1,
    stderr: /no complete backup/,
  });
  const good = await wadi('restore', '--from', copy, '--data-dir', join(folder.path, 'good'));
  t.match(good, {status: 0});
  const again = await startWadi({dataDir: join(folder.path, 'good')});
  const other = await connect(again);
  t.same(await rows(other, state), [before]);
  await other.end();
  await again.stop();
  const files = [
    'wadi.db',
    'backup.json',
    join('segments', readdirSync(join(copy, 'segments'))[0]!),
  ];
  for (const name of files) {
    const path = join(copy, name);
    const bytes = readFileSync(path);
    const bad = Buffer.from(bytes);
    bad[bad.length >> 1]! ^= 1;
    writeFileSync(path, bad);
    const target = join(folder.path, `bad-${files.indexOf(name)}`);
    const refused = await wadi('restore', '--from', copy, '--data-dir', target);
    t.match(refused, {status: 1, stdout: '', stderr: /damaged/}, name);
    t.equal(existsSync(join(target, 'wadi.db')), false, 'nothing that opens');
    writeFileSync(path, bytes);
  }
});

t.test('fsck finds what is wrong', {timeout: 300_000}, async t => {
  const folder = temporaryFolder('backup');
  t.teardown(() => folder.remove());
  const server = await startWadi({dataDir: folder.path});
  const client = await connect(server);
  await makeTables(client);
  const [[path]] = (await rows(client, 'SELECT path FROM system.segments')) as [[string]];
  const orphan = join(path, '..', '4711.parquet');
  writeFileSync(orphan, 'x');
  t.same(await rows(client, 'SELECT system.fsck()'), [[`{"${orphan}: no table has this file"}`]]);
  await client.end();
  await server.stop();
  const first = await wadi('fsck', '--data-dir', folder.path);
  t.same([first.status, first.stdout], [1, `${orphan}: no table has this file\n`]);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
  const second = await wadi('fsck', '--data-dir', folder.path);
  t.equal(second.status, 1);
  t.match(second.stdout, /the checksum is \w+ instead of \w+\n/);
  t.match(await wadi('fsck', '--data-dir', join(folder.path, 'none')), {status: 1});
});
