// COPY FROM, CREATE INDEX, ADD CHECK and STORAGE FLUSH over many rows: others are answered first, a cancel and statement_timeout end them.
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import pg from 'pg';
import {from as copyFrom} from 'pg-copy-streams';
import t, {type Test} from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const runLimitMs = 300_000;
t.setTimeout(runLimitMs);
const server = await startWadi();
t.teardown(() => server.stop());

async function connect(t: Test): Promise<pg.Client> {
  const {host, port} = server;
  const client = new pg.Client({host, port, user: 'postgres', database: 'postgres'});
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

const rowCount = 150_000;
const other = await connect(t);
await other.query(
  'CREATE TABLE copied (id int, note text); CREATE TABLE big (id int, note text); CREATE TABLE small AS SELECT 7 AS id',
);
// In parts: many rows at once would go to segments, and a flush would have nothing to do.
for (let from = 0; from < rowCount; from += 5000)
  await other.query(
    `INSERT INTO big SELECT i, repeat(md5(i::text), 8) FROM generate_series(${from + 1}, ${from + 5000}) i`,
  );

/** Rows without end: only an error of the server ends the COPY. */
function* endlessRows(): Iterable<string> {
  for (let i = 0; ; i += 1000)
    yield Array.from({length: 1000}, (_, k) => `${i + k}\tnote ${i + k}\n`).join('');
}

type Run = (client: pg.Client) => Promise<unknown>;

const commands: Readonly<Record<string, Run>> = {
  'COPY FROM': client =>
    pipeline(Readable.from(endlessRows()), client.query(copyFrom('COPY copied FROM STDIN'))),
  // Only unique indexes are made at once; others when they are first asked.
  'CREATE INDEX': client => client.query(`CREATE UNIQUE INDEX ON big (md5(repeat(note, 20)))`),
  'ADD CHECK': client => client.query(`ALTER TABLE big ADD CHECK (md5(repeat(note, 20)) <> '')`),
  'STORAGE FLUSH': client => client.query('STORAGE FLUSH TABLE big'),
};

for (const [name, run] of Object.entries(commands)) {
  await t.test(`${name} lets others work, and is cancelled`, async t => {
    const client = await connect(t);
    const {rows} = await client.query<{pid: number}>('SELECT pg_backend_pid() AS pid');
    const pid = rows[0]!.pid;
    let outcome: string | null = null;
    const ended = run(client).then(
      () => (outcome = 'done'),
      (error: {code?: string}) => (outcome = error.code ?? String(error)),
    );
    for (let isActive = false; !isActive && outcome === null; ) {
      const found = await other.query(
        `SELECT 1 FROM pg_stat_activity WHERE pid = ${pid} AND state = 'active' AND query NOT LIKE '%pg_backend_pid%'`,
      );
      isActive = found.rows.length === 1;
    }
    t.equal((await other.query('SELECT count(*)::int AS n FROM small WHERE id = 7')).rows[0].n, 1);
    t.equal(outcome, null, 'the other query was answered first');
    await other.query(`SELECT pg_cancel_backend(${pid})`);
    await ended;
    t.equal(outcome, '57014');
    t.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1, 'the session goes on');
  });

  await t.test(`statement_timeout ends ${name}`, async t => {
    const client = await connect(t);
    await client.query(`SET statement_timeout = '20ms'`);
    await t.rejects(run(client), {code: '57014', message: /statement timeout/});
    t.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1, 'the session goes on');
  });
}

t.test('what was ended left nothing', async t => {
  const {rows} = await other.query(
    `SELECT (SELECT count(*)::int FROM copied) AS copied, (SELECT count(*)::int FROM big) AS big,
      (SELECT count(*)::int FROM pg_index WHERE indrelid = 'big'::regclass) AS indexes`,
  );
  t.same(rows, [{copied: 0, big: rowCount, indexes: 0}]);
  await other.query('STORAGE FLUSH TABLE big; CREATE INDEX ON big (note, id)');
  t.equal((await other.query('SELECT count(*)::int AS n FROM big')).rows[0].n, rowCount);
});
