// A clock that jumps: seqs, ids and limits of time stay sound. The process sees a shifted Date by a preloaded module.
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {Client} from './client.ts';

t.setTimeout(300_000);
const DAY_MS = 86_400_000;

t.test(
  'back and forth by a day, while it runs and between two starts',
  {timeout: 240_000},
  async t => {
    const folder = temporaryFolder('clock');
    t.teardown(() => folder.remove());
    mkdirSync(folder.path, {recursive: true});
    const shift = join(folder.path, 'shift');
    const preload = join(folder.path, 'clock.mjs');
    writeFileSync(shift, '0');
    writeFileSync(
      preload,
      `import {readFileSync} from 'node:fs';
     const now = Date.now;
     Date.now = () => now() + Number(readFileSync(${JSON.stringify(shift)}, 'utf8'));`,
    );
    const dataDir = join(folder.path, 'data');
    const start = () => startWadi({dataDir, nodeFlags: ['--import', preload]});
    let server = await start();
    t.teardown(() => server.stop());
    let client = await Client.open(server);
    await client.outcome(
      'CREATE TABLE kept (id bigint PRIMARY KEY DEFAULT snowflake_id(), n serial)',
    );
    let seq = 0;
    const insert = async (): Promise<void> => {
      for (let i = 0; i < 20; i++)
        t.equal(await client.outcome('INSERT INTO kept DEFAULT VALUES'), 'ok');
      const newest = Number(await client.value('SELECT max(_seq) FROM kept'));
      t.ok(newest > seq, 'seqs grow');
      seq = newest;
    };
    const ascending = `SELECT count(*) FROM kept a JOIN kept b ON a.n < b.n AND a.id >= b.id`;
    await insert();
    for (const days of [-1, 1, -2]) {
      writeFileSync(shift, String(days * DAY_MS));
      await insert();
      t.equal(
        await client.value('SELECT count(*) - count(DISTINCT id) FROM kept'),
        '0',
        'no id twice',
      );
      await client.outcome(`SET statement_timeout = '50ms'`);
      t.match(await client.outcome('SELECT pg_sleep(600)'), /^57014/, 'limits go by another clock');
      await client.outcome('RESET statement_timeout');
      t.equal(await client.outcome('STORAGE FLUSH TABLE kept'), 'ok');
    }
    t.equal(await client.value(ascending), '0', 'ids ascend');
    await client.end();
    await server.stop();
    writeFileSync(shift, String(-3 * DAY_MS));
    server = await start();
    client = await Client.open(server);
    await insert();
    t.equal(await client.value('SELECT count(*) - count(DISTINCT id) FROM kept'), '0');
    t.same(await client.value('SELECT system.fsck()'), []);
    await client.end();
  },
);
