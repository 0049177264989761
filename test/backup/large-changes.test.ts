// UPDATE and DELETE of so many rows that they are no single changes in the log: restored to each point.
import {rmSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {connect, rows} from '../jobs/support.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {wadi} from './support.ts';

const ROWS = 18_000;
/** About 40 MB of rows each: more than a transaction keeps in memory. */
const steps: readonly string[] = [
  `INSERT INTO big SELECT n, 0, repeat('w', 2000) FROM generate_series(1, ${ROWS}) n`,
  'UPDATE big SET v = v + 1',
  `BEGIN; UPDATE big SET v = v + 1; UPDATE big SET v = v + 1 WHERE a % 2 = 0; DELETE FROM big WHERE a % 5 > 0;
   INSERT INTO big VALUES (0, 7, 'new'); UPDATE big SET v = 9 WHERE a = 10; COMMIT`,
  `UPDATE hot SET v = v + 1`,
  'DELETE FROM hot WHERE a > 100',
];
const PICTURE = `SELECT count(*), sum(v), sum(a::int8), min(a), sum(length(w)) FROM `;

t.test('restore to points between large changes', {timeout: 900_000}, async t => {
  const folder = temporaryFolder('pitr-large');
  t.teardown(() => folder.remove());
  const data = join(folder.path, 'data');
  const archive = join(folder.path, 'archive');
  const copy = join(folder.path, 'copy');
  let server = await startWadi({dataDir: data, args: ['--archive-dir', archive]});
  let client = await connect(server);
  for (const name of ['big', 'hot'])
    await client.query(`CREATE TABLE ${name} (a int PRIMARY KEY, v int, w text)`);
  for (let at = 0; at < ROWS; at += 6000)
    await client.query(
      `INSERT INTO hot SELECT n, 0, repeat('h', 2000) FROM generate_series(${at + 1}, ${at + 6000}) n`,
    );
  await rows(client, `BACKUP DATABASE TO '${copy}'`);
  const points: {readonly seq: string; readonly picture: string; readonly step: string}[] = [];
  const picture = async (of: typeof client): Promise<string> =>
    JSON.stringify([await rows(of, `${PICTURE} big`), await rows(of, `${PICTURE} hot`)]);
  for (const step of steps) {
    await client.query(step);
    await client.query('CREATE TABLE IF NOT EXISTS mark (a int)');
    const [[seq]] = (await rows(client, 'SELECT system.archive()')) as [[string]];
    points.push({seq, picture: await picture(client), step});
  }
  await client.end();
  await server.kill('SIGKILL');
  rmSync(data, {recursive: true});
  for (const {seq, picture: wanted, step} of points) {
    const target = join(folder.path, 'restored');
    const from = ['--from', copy, '--archive', archive, '--to-seq', seq];
    const done = await wadi('restore', '--data-dir', target, ...from);
    t.match(done, {status: 0, stderr: ''}, step);
    t.match(await wadi('fsck', '--data-dir', target), {status: 0, stdout: ''});
    server = await startWadi({dataDir: target});
    client = await connect(server);
    t.equal(await picture(client), wanted, step);
    await client.end();
    await server.stop();
    rmSync(target, {recursive: true});
  }
});
