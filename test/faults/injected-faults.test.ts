// A disk that fails: syncs that report an error end the process, so that nothing is acknowledged that is not on disk; a
// segment that cannot be written whole fails its statement. Faults are injected by WADI_FAULT (src/storage/failpoint.ts).
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {wadi} from '../backup/support.ts';
import {Client} from './client.ts';

t.setTimeout(600_000);
const LIMIT_MS = 120_000;

/** A data directory with a table of 3,000 rows, and a server on it with a fault to come. */
async function start(
  t: Test,
  fault: string,
): Promise<{readonly server: WadiServer; readonly client: Client; readonly dataDir: string}> {
  const folder = temporaryFolder('fault');
  const dataDir = join(folder.path, 'data');
  const first = await startWadi({dataDir});
  const setup = await Client.open(first);
  await setup.outcome('CREATE TABLE kept (id int PRIMARY KEY, v text)');
  await setup.outcome(`INSERT INTO kept SELECT g, md5(g::text) FROM generate_series(1, 3000) g`);
  await setup.end();
  await first.stop();
  const server = await startWadi({dataDir, env: {WADI_FAULT: fault}});
  t.teardown(async () => {
    await server.kill('SIGKILL');
    folder.remove();
  });
  return {server, client: await Client.open(server), dataDir};
}

/** Starts once more without a fault: how many rows are there; fsck must be clean. */
async function rowsAfterRestart(t: Test, dataDir: string): Promise<number> {
  const server = await startWadi({dataDir});
  const client = await Client.open(server);
  t.same(await client.value('SELECT system.fsck()'), []);
  const rows = Number(await client.value('SELECT count(*) FROM kept'));
  t.equal(await client.outcome(`INSERT INTO kept VALUES (-1, 'after')`), 'ok');
  await client.end();
  await server.stop();
  const fsck = await wadi('fsck', '--data-dir', dataDir);
  t.equal(fsck.status, 0, fsck.stdout);
  return rows;
}

for (const [name, sessions] of [
  ['in place, for a lone session', 1],
  ['on its thread, for many', 8],
] as const) {
  t.test(`a sync of the log that fails ${name}`, {timeout: LIMIT_MS}, async t => {
    const {server, client, dataDir} = await start(t, 'wal-sync:20=EIO');
    const others: Client[] = [];
    for (let i = 1; i < sessions; i++) others.push(await Client.open(server));
    let acknowledged = 0;
    let sent = 0;
    const work = async (one: Client): Promise<string> => {
      for (;;) {
        const outcome = await one.outcome(`INSERT INTO kept VALUES (${10_000 + sent++}, 'new')`);
        if (outcome !== 'ok') return outcome;
        acknowledged++;
      }
    };
    const outcomes = await Promise.all([client, ...others].map(work));
    for (const outcome of outcomes) t.notMatch(outcome, /^(?!57P)[0-9A-Z]{5} /, 'no answer');
    await server.kill('SIGTERM');
    t.match(server.errors(), /cannot make commits durable: fdatasync failed/);
    const rows = await rowsAfterRestart(t, dataDir);
    t.ok(rows >= 3000 + acknowledged, `${acknowledged} acknowledged, ${rows - 3000} there`);
    t.ok(rows <= 3000 + sent, 'nothing else');
  });
}

for (const [fault, expected] of [
  ['segment-sync:1=EIO', /^58030 could not (sync|write) segment file ".*": EIO/],
  ['segment-sync:1=ENOSPC', /^53100 could not (sync|write) segment file ".*": ENOSPC/],
  ['segment-write:2=EIO', /^58030 could not write segment file ".*": EIO/],
  ['directory-sync:1=EIO', /^58030 could not sync segment file ".*": EIO/],
] as const) {
  t.test(`${fault}: the flush fails, rows stay`, {timeout: LIMIT_MS}, async t => {
    const {server, client, dataDir} = await start(t, fault);
    t.match(await client.outcome('STORAGE FLUSH TABLE kept'), expected);
    t.equal(await client.value('SELECT count(*) FROM kept'), '3000');
    t.equal(await client.outcome(`INSERT INTO kept VALUES (0, 'on')`), 'ok', 'writes go on');
    const bulk = 'CREATE TABLE bulk AS SELECT g AS id FROM generate_series(1, 250000) g';
    t.match(await client.outcome(bulk), expected, 'on the encoder thread');
    await server.kill('SIGKILL');
    t.equal(await rowsAfterRestart(t, dataDir), 3001);
  });
}

t.test('short writes are continued', {timeout: LIMIT_MS}, async t => {
  const {server, client, dataDir} = await start(t, 'segment-write:1=SHORT');
  t.equal(await client.outcome('STORAGE FLUSH TABLE kept'), 'ok');
  t.equal(
    await client.outcome('CREATE TABLE bulk AS SELECT g AS id FROM generate_series(1, 250000) g'),
    'ok',
  );
  t.equal(await client.value('SELECT sum(id) FROM bulk'), '31250125000');
  await server.kill('SIGKILL');
  t.equal(await rowsAfterRestart(t, dataDir), 3000);
});
