import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {JobTable} from '../../src/jobs/job-table.ts';
import {Maintenance} from '../../src/jobs/maintenance.ts';
import {connect, rows, until} from '../jobs/support.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

t.test('jobs outlive the process', {timeout: 200_000}, async t => {
  const folder = temporaryFolder('jobs');
  t.teardown(() => folder.remove());
  const first = await startWadi({dataDir: folder.path});
  const [admin, holder, worker] = [
    await connect(first),
    await connect(first),
    await connect(first),
  ];
  await admin.query('CREATE TABLE m (id int PRIMARY KEY); INSERT INTO m VALUES (1)');
  await admin.query('STORAGE FLUSH TABLE m');
  await admin.query('INSERT INTO m VALUES (2)');
  await holder.query('BEGIN; LOCK TABLE m IN ACCESS EXCLUSIVE MODE');
  const ended = worker.query('STORAGE FLUSH TABLE m').catch(() => null);
  await until(admin, "SELECT count(*) FROM system.jobs WHERE status = 'running'", '1');
  await first.kill('SIGKILL');
  await ended;
  const second = await startWadi({dataDir: folder.path});
  t.teardown(() => second.stop());
  const client = await connect(second);
  t.teardown(() => client.end());
  t.same(
    await rows(
      client,
      'SELECT job_id, type, status, table_name, message, error, finished_at IS NOT NULL FROM system.jobs ORDER BY 1',
    ),
    [
      [
        '1',
        'flush',
        'completed',
        'm',
        (await rows(client, 'SELECT message FROM system.jobs WHERE job_id = 1'))[0]![0],
        null,
        't',
      ],
      ['2', 'flush', 'failed', 'm', null, 'the server ended while the job was not over', 't'],
    ],
  );
  t.same(await rows(client, "SELECT system.flush('m')"), [['3']], 'numbers go on');
});

t.test(
  'a failure of the machine is tried again, one of the data is not',
  {timeout: 200_000},
  async t => {
    const folder = temporaryFolder('jobs');
    t.teardown(() => folder.remove());
    const server = await startWadi({dataDir: folder.path});
    t.teardown(() => server.stop());
    const client = await connect(server);
    t.teardown(() => client.end());
    const blocker = join(folder.path, 'segments');
    rmSync(blocker, {recursive: true, force: true});
    writeFileSync(blocker, 'not a folder');
    await client.query("CREATE TABLE m (id int PRIMARY KEY) WITH (flush_policy = 'rows:10')");
    await client.query('INSERT INTO m SELECT generate_series(1, 10)');
    await until(client, 'SELECT status, retry_count FROM system.jobs', 'retrying 1');
    rmSync(blocker);
    mkdirSync(blocker);
    await until(client, 'SELECT status, retry_count, error FROM system.jobs', 'completed 1 ');
  },
);

t.test('a job that does not move is ended', async t => {
  const jobs = new JobTable(() => 0n);
  const maintenance = new Maintenance({
    storage: null as never,
    jobs,
    logger: {info: () => {}, warn: () => {}},
    now: () => 1n,
    stuckMs: 20,
  });
  const request = {type: 'backup', table: null, owner: null, createdBy: 'me'} as const;
  const polite = maintenance.start({
    ...request,
    work: ({signal}) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      ),
  });
  const deaf = maintenance.start({...request, work: () => new Promise(() => {})});
  // The watchdog's timers keep no process alive.
  const alive = setInterval(() => {}, 1000);
  await Promise.all([polite.ended, deaf.ended]);
  clearInterval(alive);
  for (const job of [polite, deaf])
    t.match(job.row(), {status: 'failed', error: /^the job made no progress/});
  const bad = maintenance.start({
    ...request,
    maxRetries: 3,
    work: () => Promise.reject(Object.assign(new Error('no'), {})),
  });
  t.equal(bad.cancel('stop', 2n), true);
});

t.test('system.schema_versions has every shape', async t => {
  const folder = temporaryFolder('jobs');
  t.teardown(() => folder.remove());
  const server = await startWadi({dataDir: folder.path});
  const client = await connect(server);
  await client.query('CREATE TABLE v (id int PRIMARY KEY, n int)');
  await client.query('INSERT INTO v VALUES (1, 1)');
  await client.query('STORAGE FLUSH TABLE v');
  await client.query("ALTER TABLE v ADD COLUMN more text DEFAULT 'd'");
  await client.query('ALTER TABLE v ALTER COLUMN n TYPE text USING n::text');
  await client.query('ALTER TABLE v DROP COLUMN more');
  const query =
    "SELECT version, is_current, columns, created_at IS NOT NULL, seq > lag(seq, 1, 0::int8) OVER (ORDER BY version) FROM system.schema_versions WHERE table_name = 'v' ORDER BY version";
  const found = await rows(client, query);
  t.same(found.map(([, isCurrent, columns]) => [isCurrent, columns]).at(-1), [
    't',
    '{"n": "text", "id": "integer"}',
  ]);
  t.same(found[0]!.slice(1), ['f', '{"n": "integer", "id": "integer"}', 't', 't']);
  t.ok(found.length >= 3, `${found.length} versions`);
  t.ok(
    found.every(row => row[3] === 't' && row[4] === 't'),
    'each with its time and seq, in order',
  );
  await client.end();
  await server.kill('SIGKILL');
  const again = await startWadi({dataDir: folder.path});
  const other = await connect(again);
  t.same(await rows(other, query), found, 'over a restart');
  await other.end();
  await again.stop();
});
