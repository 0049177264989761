import t from 'tap';
import {openDatabase} from '../../src/database.ts';
import {JobTable} from '../../src/jobs/job-table.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';
import {connect, failure, rows, until} from './support.ts';

t.test('the list of jobs is bounded', async t => {
  const jobs = new JobTable(() => 0n, 3);
  const request = {
    type: 'flush',
    table: {namespace: 'n', name: 't'} as never,
    owner: null,
    createdBy: 'me',
  } as const;
  const first = jobs.add(request);
  for (let i = 0; i < 5; i++) jobs.add(request).end('completed', 1n);
  t.same(
    jobs.rows().map(({id, status}) => `${id} ${status}`),
    ['1 new', '5 completed', '6 completed'],
  );
  t.equal(jobs.cancel(first.id), true);
  t.equal(jobs.cancel(first.id), false);
  t.equal(jobs.cancel(99), false);
  t.match(first.row(), {status: 'cancelled', error: 'canceling job due to user request'});
});

t.test('jobs can be stopped', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const [admin, holder, worker] = [
    await connect(server),
    await connect(server),
    await connect(server),
  ];
  await admin.query('CREATE TABLE m (id int PRIMARY KEY); CREATE ROLE ann LOGIN');
  await admin.query('INSERT INTO m SELECT generate_series(1, 10)');
  const running = "SELECT count(*) FROM system.jobs WHERE status = 'running'";

  /** Runs a statement that waits for the lock of `holder`, lets `act` end it, and answers its SQLSTATE. */
  async function stopped(text: string, act: (job: string) => Promise<unknown>): Promise<string> {
    await holder.query('BEGIN; LOCK TABLE m IN ACCESS EXCLUSIVE MODE');
    const failed = failure(worker, text);
    await until(admin, running, '1');
    const [[job]] = (await rows(
      admin,
      "SELECT job_id FROM system.jobs WHERE status = 'running'",
    )) as [[string]];
    await act(job);
    const code = await failed;
    await until(admin, running, '0');
    await holder.query('ROLLBACK');
    return code;
  }

  t.equal(await stopped('STORAGE FLUSH TABLE m', job => admin.query(`KILL JOB ${job}`)), '57014');
  t.equal(
    await stopped("SELECT system.flush('m')", job =>
      admin.query('SELECT system.cancel_job($1)', [job]),
    ),
    '57014',
  );
  t.equal(
    await stopped("SELECT system.compact('public.m')", job => admin.query(`KILL JOB ${job}`)),
    '57014',
  );
  const {processID} = worker as unknown as {processID: number};
  t.equal(
    await stopped('STORAGE FLUSH TABLE m', () =>
      admin.query('SELECT pg_cancel_backend($1)', [processID]),
    ),
    '57014',
  );
  t.equal(
    await stopped("SELECT system.flush('m')", () =>
      admin.query('SELECT pg_cancel_backend($1)', [processID]),
    ),
    '57014',
  );
  t.same(await rows(admin, 'SELECT DISTINCT status, error, created_by FROM system.jobs'), [
    ['cancelled', 'canceling job due to user request', 'postgres'],
  ]);
  const ann = await connect(server, 'ann');
  await holder.query('BEGIN; LOCK TABLE m IN ACCESS EXCLUSIVE MODE');
  const flushed = rows(worker, "SELECT system.flush('m')");
  await until(admin, running, '1');
  t.equal(await failure(ann, 'KILL JOB 6'), '42501');
  t.equal(await failure(ann, 'SELECT system.cancel_job(6)'), '42501');
  await holder.query('ROLLBACK');
  t.same(await flushed, [['6']]);
  t.equal(await failure(admin, 'KILL JOB 6'), '55000');
  t.equal(await failure(admin, 'KILL JOB 4711'), '42704');
  t.same(await rows(admin, "SELECT hot_rows, cold_rows FROM system.stats WHERE table_name = 'm'"), [
    ['0', '10'],
  ]);
  for (const client of [admin, holder, worker, ann]) await client.end();
});

t.test('a stop of the server ends its jobs', async t => {
  const folder = temporaryFolder('jobs');
  t.teardown(() => folder.remove());
  const server = await startWadi({dataDir: folder.path});
  const [admin, holder, worker] = [
    await connect(server),
    await connect(server),
    await connect(server),
  ];
  await admin.query('CREATE TABLE m (id int PRIMARY KEY)');
  await admin.query('INSERT INTO m SELECT generate_series(1, 10)');
  await holder.query('BEGIN; LOCK TABLE m IN ACCESS EXCLUSIVE MODE');
  const failed = failure(worker, 'STORAGE FLUSH TABLE m');
  await until(admin, "SELECT count(*) FROM system.jobs WHERE status = 'running'", '1');
  await server.kill('SIGTERM');
  t.not(await failed, '');
  t.notMatch(server.errors(), /fatal|unexpected/);
  const again = await startWadi({dataDir: folder.path});
  t.teardown(() => again.stop());
  const client = await connect(again);
  t.teardown(() => client.end());
  t.same(await rows(client, 'SELECT count(*) FROM m'), [['10']]);
  t.same(await rows(client, 'SELECT status, type FROM system.jobs'), [['cancelled', 'flush']]);
});

t.test('flush_on_shutdown moves all rows to segments', async t => {
  const folder = temporaryFolder('jobs');
  t.teardown(() => folder.remove());
  const first = await openDatabase({dataDir: folder.path, flushOnShutdown: true});
  const session = first.session();
  await session.query('CREATE TABLE m (id int PRIMARY KEY)');
  await session.query('INSERT INTO m SELECT generate_series(1, 10)');
  await first.close();
  const second = await openDatabase({dataDir: folder.path});
  const {rows: found} = await second
    .session()
    .query("SELECT hot_rows::int, cold_rows::int FROM system.stats WHERE table_name = 'm'");
  t.match(found, [[0, 10]]);
  await second.close();
});
