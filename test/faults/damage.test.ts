// Files that are damaged, gone, or from a newer version: an error that names the file, everything else stays readable.
import {openSync, closeSync, readFileSync, renameSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import Database from 'better-sqlite3';
import t, {type Test} from 'tap';
import {wadi} from '../backup/support.ts';
import {startWadi} from '../support/wadi-server.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {Client} from './client.ts';

t.setTimeout(600_000);
const LIMIT_MS = 120_000;

/** A directory with two tables in segments, whose server has ended; the first one's file. */
async function prepare(t: Test): Promise<{readonly dataDir: string; readonly file: string}> {
  const folder = temporaryFolder('damage');
  t.teardown(() => folder.remove());
  const dataDir = join(folder.path, 'data');
  const server = await startWadi({dataDir});
  const client = await Client.open(server);
  await client.outcome('CREATE TABLE broken (id int PRIMARY KEY, v text)');
  await client.outcome('CREATE TABLE whole (id int PRIMARY KEY, v text)');
  for (const table of ['broken', 'whole']) {
    await client.outcome(
      `INSERT INTO ${table} SELECT g, md5(g::text) FROM generate_series(1, 3000) g`,
    );
    await client.outcome(`STORAGE FLUSH TABLE ${table}`);
  }
  const file = String(
    await client.value(`SELECT path FROM system.segments WHERE table_name = 'broken'`),
  );
  await client.end();
  await server.stop();
  return {dataDir, file};
}

/** What a client and both forms of fsck say about the file. */
async function isNamed(t: Test, dataDir: string, file: string, text: RegExp): Promise<void> {
  const offline = await wadi('fsck', '--data-dir', dataDir);
  t.equal(offline.status, 1);
  t.ok(offline.stdout.includes(file), offline.stdout);
  const server = await startWadi({dataDir});
  const client = await Client.open(server);
  const outcome = await client.outcome('SELECT count(DISTINCT v) FROM broken');
  t.match(outcome, text);
  t.ok(outcome.includes(file), 'it names the file');
  t.equal(
    await client.value('SELECT count(DISTINCT v) FROM whole'),
    '3000',
    'the rest is readable',
  );
  // A unique key cannot be checked against a file that is gone; one whose key column is whole can.
  t.match(await client.outcome(`INSERT INTO broken VALUES (5000, 'hot')`), /^(ok|XX001)/);
  t.ok(String(await client.value('SELECT system.fsck()')).includes(file), 'system.fsck()');
  t.match(
    await client.outcome(`BACKUP DATABASE TO '${dataDir}-backup'`),
    /^(XX001|58030)/,
    'no backup of damage',
  );
  await client.end();
  await server.kill('SIGKILL');
}

t.test('a flipped byte', {timeout: LIMIT_MS}, async t => {
  const {dataDir, file} = await prepare(t);
  const bytes = readFileSync(file);
  // In the pages of the text column, which are most of the file.
  bytes[Math.floor(bytes.length / 2)]! ^= 0x10;
  writeFileSync(file, bytes);
  await isNamed(t, dataDir, file, /^XX001 segment file ".*" is corrupted/);
});

t.test('a cut file', {timeout: LIMIT_MS}, async t => {
  const {dataDir, file} = await prepare(t);
  writeFileSync(file, readFileSync(file).subarray(0, 5000));
  await isNamed(t, dataDir, file, /^XX001/);
});

t.test('a missing file', {timeout: LIMIT_MS}, async t => {
  const {dataDir, file} = await prepare(t);
  renameSync(file, `${file}.elsewhere`);
  await isNamed(t, dataDir, file, /^XX001 could not read segment file/);
  renameSync(`${file}.elsewhere`, file);
  const server = await startWadi({dataDir});
  const client = await Client.open(server);
  t.equal(await client.value('SELECT count(*) FROM broken WHERE id < 5000'), '3000', 'it is back');
  await client.end();
  await server.stop();
});

t.test('a damaged page of wadi.db is found by fsck', {timeout: LIMIT_MS}, async t => {
  const {dataDir} = await prepare(t);
  const file = openSync(join(dataDir, 'wadi.db'), 'r+');
  writeSync(file, Buffer.alloc(64, 0xff), 0, 64, 4096 * 12);
  closeSync(file);
  const {status, stdout, stderr} = await wadi('fsck', '--data-dir', dataDir);
  t.equal(status, 1, stdout + stderr);
  t.match(stdout + stderr, /wadi\.db|malformed|page/);
});

t.test('a directory of a newer version is refused and left alone', {timeout: LIMIT_MS}, async t => {
  const {dataDir} = await prepare(t);
  const path = join(dataDir, 'wadi.db');
  const db = new Database(path);
  db.prepare(`UPDATE meta SET value = 99 WHERE key = 'format_version'`).run();
  db.close();
  const before = readFileSync(path);
  await t.rejects(startWadi({dataDir}), /format version 99, this server reads up to/);
  t.ok(readFileSync(path).equals(before), 'nothing is written');
});

t.test('a storage that cannot be written is refused', {timeout: LIMIT_MS}, async t => {
  const {dataDir} = await prepare(t);
  const server = await startWadi({dataDir});
  const client = await Client.open(server);
  writeFileSync(`${dataDir}-file`, '');
  const create = (path: string): Promise<string> =>
    client.outcome(`CREATE STORAGE no TYPE 'filesystem' BASE_DIRECTORY '${path}'`);
  t.match(await create('/proc/wadi'), /^(58030|42501) /);
  t.match(await create(join(`${dataDir}-file`, 'below')), /^58030 /);
  t.equal(await client.value('SELECT count(*) FROM system.storages'), '1', 'it is not there');
  await client.end();
  await server.stop();
});
