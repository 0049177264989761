import {existsSync, readdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import type pg from 'pg';
import t from 'tap';
import {connect, rows} from '../jobs/support.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {wadi} from './support.ts';

const tables = ['t', 'cold', 'bulk', 'made', 'shaped'];

/** All that a restore must bring back, as text. */
async function picture(client: pg.Client): Promise<string> {
  const lines: string[] = [];
  for (const name of tables) {
    const [[kind]] = (await rows(client, `SELECT to_regclass('${name}')`)) as [[string | null]];
    if (kind === null) {
      lines.push(`${name}: none`);
      continue;
    }
    const [[count]] = (await rows(client, `SELECT count(*) FROM ${name}`)) as [[string]];
    const sample = await rows(client, `SELECT * FROM ${name} ORDER BY 1 LIMIT 40`);
    const sum = await rows(client, `SELECT sum(hashtext(x::text)::int8) FROM ${name} x`);
    lines.push(`${name}: ${count} ${JSON.stringify(sum)} ${JSON.stringify(sample)}`);
  }
  lines.push(JSON.stringify(await rows(client, 'SELECT _user_id, * FROM own ORDER BY 1, 2')));
  lines.push(
    JSON.stringify(
      await rows(client, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'r\\_%' ORDER BY 1"),
    ),
  );
  return lines.join('\n');
}

/** Each step is a state that a restore can be asked for: every kind of entry of the log is among them. */
const steps: readonly string[] = [
  "INSERT INTO t SELECT n, 'new ' || n FROM generate_series(1001, 1100) n",
  "UPDATE t SET b = 'changed' WHERE a % 7 = 0; DELETE FROM t WHERE a % 11 = 0",
  "UPDATE cold SET b = 'of a segment' WHERE a % 5 = 0; DELETE FROM cold WHERE a % 13 = 0",
  'STORAGE FLUSH TABLE t',
  "UPDATE t SET b = 'after the flush' WHERE a % 3 = 0; DELETE FROM t WHERE a % 17 = 0",
  'STORAGE COMPACT TABLE cold',
  "UPDATE cold SET b = 'after compaction' WHERE a % 9 = 0; DELETE FROM cold WHERE a % 19 = 0",
  'CREATE TABLE made (k serial PRIMARY KEY, v numeric(10, 2) CHECK (v > 0)); INSERT INTO made (v) VALUES (1.5), (2.5)',
  "ALTER TABLE shaped ADD COLUMN more text DEFAULT 'd'; UPDATE shaped SET more = 'own' WHERE a < 5",
  'ALTER TABLE shaped ALTER COLUMN n TYPE text USING n::text; ALTER TABLE shaped RENAME COLUMN n TO m',
  'ALTER TABLE shaped DROP COLUMN more; INSERT INTO shaped VALUES (900, $$x$$)',
  "INSERT INTO own (_user_id, k) VALUES ('r_ann', 'a'), ('r_bob', 'b'); DELETE FROM own WHERE _user_id = 'r_bob' AND k = 'first'",
  "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE ROLE r_new; ALTER TABLE made ADD COLUMN m mood DEFAULT 'sad'",
  "INSERT INTO bulk SELECT n, 'b' || n FROM generate_series(1, 210000) n",
  'DELETE FROM bulk WHERE a % 1000 = 0; UPDATE bulk SET b = $$x$$ WHERE a < 10',
  'STORAGE COMPACT TABLE bulk',
  // Rows that went to a segment before the commit, some of them changed since.
  `BEGIN; INSERT INTO bulk SELECT n, repeat('w', 500) || n FROM generate_series(300001, 340000) n;
   DELETE FROM bulk WHERE a IN (300001, 300777); UPDATE bulk SET b = 'changed' WHERE a = 300005; COMMIT`,
  "BEGIN; TRUNCATE t; INSERT INTO t SELECT n, 'again' FROM generate_series(1, 50) n; COMMIT",
  'DROP TABLE made; CREATE TABLE made (k int PRIMARY KEY); INSERT INTO made VALUES (7)',
  'TRUNCATE cold; INSERT INTO cold VALUES (1, $$only$$)',
];

t.test('STORAGE 4.2: restore to every point', {timeout: 600_000}, async t => {
  const folder = temporaryFolder('pitr');
  t.teardown(() => folder.remove());
  const data = join(folder.path, 'data');
  const archive = join(folder.path, 'archive');
  const copy = join(folder.path, 'copy');
  const args = ['--archive-dir', archive];
  let server = await startWadi({dataDir: data, args});
  let client = await connect(server);
  await client.query(
    'CREATE ROLE r_ann; CREATE ROLE r_bob; CREATE USER TABLE own (k text PRIMARY KEY)',
  );
  await client.query("INSERT INTO own (_user_id, k) VALUES ('r_bob', 'first')");
  await client.query(
    'CREATE TABLE t (a int PRIMARY KEY, b text); CREATE TABLE bulk (a int PRIMARY KEY, b text)',
  );
  await client.query(
    'CREATE TABLE cold (a int PRIMARY KEY, b text); CREATE TABLE shaped (a int PRIMARY KEY, n int)',
  );
  for (const name of ['t', 'cold'])
    await client.query(`INSERT INTO ${name} SELECT n, 'row ' || n FROM generate_series(1, 300) n`);
  await client.query('INSERT INTO shaped SELECT n, n FROM generate_series(1, 30) n');
  await client.query('STORAGE FLUSH TABLE cold; STORAGE FLUSH TABLE shaped');
  await rows(client, `BACKUP DATABASE TO '${copy}'`);
  const points: {
    readonly seq: string;
    readonly time: string;
    readonly picture: string;
    readonly after: string;
  }[] = [];
  for (const [at, step] of steps.entries()) {
    await client.query(step);
    // The seq of a commit that changes nothing which the picture shows.
    await client.query(`CREATE SCHEMA mark_${at}`);
    const [[seq]] = (await rows(client, 'SELECT system.archive()')) as [[string]];
    const time = new Date();
    // The next commit is of a later millisecond.
    while (Date.now() <= time.getTime()) await rows(client, 'SELECT 1');
    points.push({seq, time: time.toISOString(), picture: await picture(client), after: step});
    if (at !== 8) continue;
    await client.end();
    await server.kill('SIGKILL');
    server = await startWadi({dataDir: data, args});
    client = await connect(server);
  }
  await client.query('DROP TABLE t, cold, bulk, shaped');
  await client.end();
  await server.stop();
  rmSync(data, {recursive: true});
  for (const [at, point] of points.entries()) {
    const target = join(folder.path, `at-${at}`);
    const done = await wadi(
      ...['restore', '--from', copy, '--data-dir', target],
      ...['--archive', archive],
      ...(at % 4 === 1 ? ['--to-time', point.time] : ['--to-seq', point.seq]),
    );
    t.match(done, {status: 0, stderr: ''}, point.after);
    t.match(await wadi('fsck', '--data-dir', target), {status: 0, stdout: ''});
    const again = await startWadi({dataDir: target});
    const other = await connect(again);
    t.equal(await picture(other), point.picture, point.after);
    await other.query(
      'INSERT INTO shaped (a) VALUES (1000); CREATE TABLE fresh (a serial); INSERT INTO fresh DEFAULT VALUES',
    );
    await other.end();
    await again.stop();
    rmSync(target, {recursive: true});
  }
  const log = join(archive, readdirSync(archive).find(name => name !== '.staging')!, 'log');
  const refused = async (...more: string[]) =>
    wadi(
      'restore',
      '--from',
      copy,
      '--data-dir',
      join(folder.path, 'no'),
      '--archive',
      archive,
      ...more,
    );
  t.match(await refused('--to-seq', '999999999'), {status: 1, stderr: /ends at seq \d+/});
  rmSync(join(folder.path, 'no'), {recursive: true, force: true});
  t.match(await refused('--to-time', '2001-01-01T00:00:00Z'), {status: 1, stderr: /older backup/});
  rmSync(join(folder.path, 'no'), {recursive: true, force: true});
  const files = readdirSync(log).sort();
  rmSync(join(log, files[Math.floor(files.length / 2)]!));
  t.match(await refused(), {status: 1, stderr: /the archive has a gap/});
  t.equal(existsSync(join(folder.path, 'no', 'wadi.db')), false);
});
