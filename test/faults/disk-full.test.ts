// A full disk: 53100, reads go on, nothing acknowledged is lost, and writes work again when there is space.
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import {Client} from './client.ts';
import {mountSmallDisk, type SmallDisk} from './small-disk.ts';

t.setTimeout(600_000);
const MANY = 100_000;
const LIMIT_MS = 120_000;

interface Setting {
  readonly disk: SmallDisk;
  readonly dataDir: string;
  server: WadiServer;
  client: Client;
}

/** A server on a small disk, with a table of 1,000 rows. */
async function start(t: Test, megabytes: number): Promise<Setting | null> {
  const disk = mountSmallDisk(megabytes);
  if (disk === null) {
    t.comment('skipped: mounting a tmpfs needs root');
    return null;
  }
  const dataDir = join(disk.path, 'data');
  const server = await startWadi({dataDir});
  const client = await Client.open(server);
  const setting = {disk, dataDir, server, client};
  t.teardown(async () => {
    await setting.client.end().catch(() => null);
    if (!t.passing()) console.error(setting.server.errors());
    await setting.server.kill('SIGKILL');
    disk.unmount();
  });
  await client.outcome('CREATE TABLE kept (id bigserial PRIMARY KEY, v text)');
  await client.outcome(`INSERT INTO kept (v) SELECT 'row ' || g FROM generate_series(1, 1000) g`);
  return setting;
}

/** Commits rows until the disk is full; how many were acknowledged. */
async function insertUntilFull(t: Test, client: Client): Promise<number> {
  for (let acknowledged = 0; ; acknowledged++) {
    const outcome = await client.outcome(`INSERT INTO kept (v) VALUES (repeat('x', 4000))`);
    if (outcome === 'ok') continue;
    t.match(outcome, /^53100 .*No space left on device/);
    return acknowledged;
  }
}

async function restart(t: Test, setting: Setting): Promise<void> {
  await setting.server.kill('SIGKILL');
  setting.server = await startWadi({dataDir: setting.dataDir});
  setting.client = await Client.open(setting.server);
  t.same(await setting.client.value('SELECT system.fsck()'), []);
}

t.test('commits', {timeout: LIMIT_MS}, async t => {
  const setting = await start(t, 48);
  if (setting === null) return;
  const {disk, client} = setting;
  disk.fill(512 * 1024);
  const added = await insertUntilFull(t, client);
  t.equal(await client.value('SELECT count(*) FROM kept'), String(1000 + added), 'reads go on');
  t.match(await client.outcome('CREATE TABLE other (id int)'), /^53100/, 'DDL');
  t.match(await client.outcome(`UPDATE kept SET v = 'changed'`), /^53100/, 'a large UPDATE');
  t.match(await client.outcome('DELETE FROM kept'), /^53100/, 'a large DELETE');
  const last = await client.value('SELECT max(id) FROM kept');
  disk.free();
  t.equal(await client.outcome(`INSERT INTO kept (v) VALUES ('again')`), 'ok', 'space is back');
  t.ok(Number(await client.value('SELECT max(id) FROM kept')) > Number(last));
  t.equal(await client.outcome('CREATE TABLE other (id int)'), 'ok');
  await restart(t, setting);
  const {client: again} = setting;
  t.equal(await again.value('SELECT count(*) FROM kept'), String(1001 + added));
  t.equal(
    await again.outcome(`INSERT INTO kept (v) VALUES ('after')`),
    'ok',
    'no value comes twice',
  );
});

t.test('a server that starts on a full disk', {timeout: LIMIT_MS}, async t => {
  const setting = await start(t, 48);
  if (setting === null) return;
  const {disk} = setting;
  disk.fill();
  await setting.server.kill('SIGKILL');
  const failure = await startWadi({dataDir: setting.dataDir}).then(
    async server => {
      setting.server = server;
      setting.client = await Client.open(server);
      t.equal(await setting.client.value('SELECT count(*) FROM kept'), '1000');
      return null;
    },
    (error: Error) => error.message,
  );
  if (failure !== null) t.match(failure, /No space left|disk is full/i);
  disk.free();
  await restart(t, setting);
  t.equal(await setting.client.value('SELECT count(*) FROM kept'), '1000');
});

t.test('flush and compaction', {timeout: LIMIT_MS}, async t => {
  const setting = await start(t, 48);
  if (setting === null) return;
  const {disk, client, dataDir} = setting;
  const segments = (): readonly string[] =>
    existsSync(join(dataDir, 'segments'))
      ? readdirSync(join(dataDir, 'segments'), {recursive: true, encoding: 'utf8'}).filter(name =>
          name.endsWith('.parquet'),
        )
      : [];
  await client.outcome(
    // Hardly to be compressed: files of some megabytes, more than what a server frees in passing.
    `INSERT INTO kept (v) SELECT (SELECT string_agg(md5((g * 40 + k)::text), '') FROM generate_series(1, 40) k)
     FROM generate_series(1, 5000) g`,
  );
  disk.fill();
  t.match(await client.outcome('STORAGE FLUSH TABLE kept'), /^53100/);
  t.equal(await client.value('SELECT count(*) FROM kept'), '6000');
  disk.free();
  t.equal(await client.outcome('STORAGE FLUSH TABLE kept'), 'ok');
  t.equal(await client.value('SELECT count(*) FROM kept'), '6000');
  await client.outcome('UPDATE kept SET v = v WHERE id <= 3000');
  await client.outcome('STORAGE FLUSH TABLE kept');
  // What the log of SQLite gives back later would be room for the compaction.
  await client.outcome('CHECKPOINT');
  disk.fill();
  t.match(await client.outcome('STORAGE COMPACT TABLE kept'), /^53100/);
  t.equal(await client.value('SELECT count(*) FROM kept'), '6000');
  disk.free();
  t.equal(await client.outcome('STORAGE COMPACT TABLE kept'), 'ok');
  t.equal(await client.value('SELECT count(*) FROM kept'), '6000');
  await restart(t, setting);
  t.equal(await setting.client.value('SELECT count(*) FROM kept'), '6000');
  t.equal(segments().length, 1, 'no file is left that no table has');
});

t.test(
  'a large transaction, which writes segments before its commit',
  {timeout: LIMIT_MS},
  async t => {
    const setting = await start(t, 48);
    if (setting === null) return;
    const {disk, client} = setting;
    disk.fill(256 * 1024);
    const load = `INSERT INTO kept (v) SELECT md5(g::text) FROM generate_series(1, 250000) g`;
    t.match(await client.outcome(load), /^53100/);
    t.equal(await client.value('SELECT count(*) FROM kept'), '1000');
    disk.free();
    t.equal(await client.outcome(load), 'ok');
    await restart(t, setting);
    t.equal(await setting.client.value('SELECT count(*) FROM kept'), '251000');
  },
);

t.test('a sort that spills', {timeout: LIMIT_MS}, async t => {
  const setting = await start(t, 64);
  if (setting === null) return;
  const {disk, client} = setting;
  await client.outcome(`SET work_mem = '64kB'`);
  disk.fill(2 * 1024 * 1024);
  const sort = `SELECT count(*) FROM (SELECT md5(g::text) AS h, repeat('x', 100) FROM generate_series(1, ${MANY}) g ORDER BY 1 OFFSET 1) s`;
  t.match(await client.outcome(sort), /^53100/);
  t.equal(await client.outcome(`INSERT INTO kept (v) VALUES ('small')`), 'ok', 'its file is gone');
  disk.free();
  t.equal(await client.outcome(sort), 'ok');
});

t.test('a backup', {timeout: LIMIT_MS}, async t => {
  const setting = await start(t, 48);
  if (setting === null) return;
  const {disk, client} = setting;
  const target = join(disk.path, 'backup');
  disk.fill(128 * 1024);
  t.match(await client.outcome(`BACKUP DATABASE TO '${target}'`), /^53100/);
  t.equal(await client.outcome(`INSERT INTO kept (v) VALUES ('meanwhile')`), 'ok');
  t.notOk(existsSync(join(target, 'backup.json')), 'what is there is no backup');
  disk.free();
  t.equal(await client.outcome(`BACKUP DATABASE TO '${target}-2'`), 'ok');
});

t.test('a checkpoint', {timeout: LIMIT_MS}, async t => {
  // Twice the size at which the log is copied into the database, so that it is the copy that finds no room.
  const setting = await start(t, 150);
  if (setting === null) return;
  const {client} = setting;
  const load = `INSERT INTO kept (v) SELECT repeat('x', 4000) FROM generate_series(1, 100)`;
  let rows = 1000;
  for (let outcome = 'ok'; outcome === 'ok'; ) {
    outcome = await client.outcome(load);
    if (outcome === 'ok') rows += 100;
    else t.match(outcome, /^53100/);
  }
  t.ok(rows > 15_000, `${rows} rows`);
  t.equal(await client.value('SELECT count(*) FROM kept'), String(rows), 'reads go on');
  t.match(await client.outcome(load), /^(53100|ok)/, 'commits are not held for good');
  const full = await client.value('SELECT count(*) FROM kept');
  await restart(t, setting);
  t.equal(await setting.client.value('SELECT count(*) FROM kept'), full);
  // Less is stored afterwards, but first the log needs room.
  const emptied = await setting.client.outcome('TRUNCATE kept');
  t.match(emptied, /^(ok|53100)/);
  t.equal(await setting.client.outcome(`INSERT INTO kept (v) VALUES ('after')`), 'ok');
  await restart(t, setting);
  const left = emptied === 'ok' ? 1 : Number(full) + 1;
  t.equal(await setting.client.value('SELECT count(*) FROM kept'), String(left));
});
