// Memory of the process stays bounded whatever the size of the data. CI takes a small form; WADI_FAULTS_FULL=1 the full one.
import {readFileSync} from 'node:fs';
import pg from 'pg';
import {from as copyFrom} from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import t, {type Test} from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

const IS_FULL = process.env['WADI_FAULTS_FULL'] !== undefined;
const BOUND_MB = 256;
/** UPDATE and DELETE fill the cache of segment pages, too: 256 MB at most. */
const CHANGE_BOUND_MB = 512;
const LIMIT_MS = 600_000;
const LOOK_MS = 20;
/** As `npm start` runs it (decision 18): by itself V8 lets the young generation alone grow to 128 MB. */
const NODE_FLAGS = ['--max-semi-space-size=8'];
t.setTimeout(3_000_000);

/** Megabytes of the process that are in memory. */
function residentMb(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1024;
}

async function connect(server: WadiServer): Promise<pg.Client> {
  const {host, port} = server;
  const client = new pg.Client({host, port, user: 'postgres', database: 'postgres'});
  await client.connect();
  return client;
}

/** Runs work on a fresh server, and compares its peak with what it held before; `from`: before or after it was prepared. */
function measured(
  name: string,
  prepare: readonly string[],
  work: (t: Test, client: pg.Client, server: WadiServer) => Promise<void>,
  from: 'idle' | 'prepared' = 'idle',
): void {
  t.test(name, {timeout: LIMIT_MS}, async t => {
    if (process.platform !== 'linux') return t.comment('skipped: needs /proc');
    const server = await startWadi({nodeFlags: NODE_FLAGS});
    t.teardown(() => server.stop());
    const client = await connect(server);
    await client.query('SELECT 1');
    let idle = residentMb(server.pid);
    for (const sql of prepare) await client.query(sql);
    if (from === 'prepared') idle = residentMb(server.pid);
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, residentMb(server.pid))), LOOK_MS);
    await work(t, client, server);
    clearInterval(timer);
    await client.end();
    t.comment(`idle ${idle.toFixed(0)} MB, peak ${peak.toFixed(0)} MB`);
    const bound = from === 'idle' ? BOUND_MB : CHANGE_BOUND_MB;
    t.ok(peak - idle < bound, `${name}: ${(peak - idle).toFixed(0)} MB more than idle`);
  });
}

const COPIED = IS_FULL ? 5_000_000 : 300_000;
measured(
  `COPY of ${COPIED} rows in`,
  ['CREATE TABLE copied (id bigint PRIMARY KEY, a text, b text)'],
  async (t, client) => {
    const stream = client.query(copyFrom('COPY copied FROM STDIN'));
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('finish', resolve);
      stream.on('error', reject);
    });
    const text = 'x'.repeat(140);
    for (let i = 0; i < COPIED; ) {
      let chunk = '';
      for (const end = Math.min(COPIED, i + 500); i < end; i++)
        chunk += `${i}\t${text}${i}\t${text}${i}\n`;
      if (!stream.write(chunk)) await new Promise<void>(resolve => stream.once('drain', resolve));
    }
    stream.end();
    await ended;
    t.same((await client.query('SELECT count(*)::int AS n FROM copied')).rows, [{n: COPIED}]);
  },
);

const INSERTED = IS_FULL ? 2_000_000 : 400_000;
measured(
  `a transaction of ${INSERTED} rows`,
  ['CREATE TABLE inserted (id bigint PRIMARY KEY, a text)'],
  async (t, client) => {
    const {rowCount} = await client.query(
      `INSERT INTO inserted SELECT g, md5(g::text) FROM generate_series(1, ${INSERTED}) g`,
    );
    t.equal(rowCount, INSERTED);
  },
);

measured(
  `a transaction of ${INSERTED} rows that reads and changes some of them, in random order`,
  ['CREATE TABLE changed (id bigint PRIMARY KEY, a text, v int DEFAULT 0)'],
  async (t, client) => {
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO changed SELECT (g * 7368787::bigint) % ${INSERTED}, md5(g::text) FROM generate_series(1, ${INSERTED}) g`,
    );
    await client.query('SAVEPOINT s');
    await client.query('DELETE FROM changed WHERE id >= 1000 AND id < 5000');
    await client.query('ROLLBACK TO s');
    await client.query('UPDATE changed SET v = 1 WHERE id < 1000');
    t.same((await client.query('SELECT count(*)::int AS n, sum(v)::int AS v FROM changed')).rows, [
      {n: INSERTED, v: 1000},
    ]);
    await t.rejects(client.query('INSERT INTO changed VALUES (17)'), {code: '23505'});
    await client.query('ROLLBACK TO s');
    await client.query('COMMIT');
    t.same((await client.query('SELECT count(*)::int AS n, sum(v)::int AS v FROM changed')).rows, [
      {n: INSERTED, v: 0},
    ]);
  },
);

/** Rows of 300 bytes that lie in segments, their pages in the cache, or hot ones in memory. */
const CHANGED = IS_FULL ? 5_000_000 : 300_000;
const HOT = IS_FULL ? 1_000_000 : 200_000;
const MOST_HOT = 20_000;
const wide = (from: number, to: number): string =>
  `INSERT INTO wide SELECT g, 0, repeat('x', 290) || g FROM generate_series(${from}, ${to}) g`;
const hotLoads = Array.from({length: HOT / MOST_HOT}, (_, i) =>
  wide(i * MOST_HOT + 1, (i + 1) * MOST_HOT),
);
for (const [name, loads, count] of [
  [`UPDATE and DELETE of ${CHANGED} cold rows`, [wide(1, CHANGED)], CHANGED],
  [`UPDATE and DELETE of ${HOT} hot rows`, hotLoads, HOT],
] as const) {
  measured(
    name,
    [
      'CREATE TABLE wide (id bigint PRIMARY KEY, x int, a text)',
      ...loads,
      'SELECT sum(length(a)) FROM wide',
    ],
    async (t, client) => {
      t.equal((await client.query('UPDATE wide SET x = x + 1')).rowCount, count);
      await client.query('BEGIN');
      t.equal((await client.query('DELETE FROM wide WHERE id % 10 > 0')).rowCount, count * 0.9);
      t.same((await client.query('SELECT count(*)::int AS n, sum(x)::int AS x FROM wide')).rows, [
        {n: count / 10, x: count / 10},
      ]);
      await client.query('COMMIT');
      t.equal((await client.query('DELETE FROM wide')).rowCount, count / 10);
    },
    'prepared',
  );
}

const READ = IS_FULL ? 10_000_000 : 1_000_000;
measured(`a result of ${READ} rows to a slow reader`, [], async (t, client) => {
  const cursor = client.query(
    new Cursor(`SELECT g, md5(g::text) FROM generate_series(1, ${READ}) g`),
  );
  for (let i = 0; i < 50; i++) {
    t.equal((await cursor.read(1000)).length, 1000);
    await new Promise(resolve => setImmediate(resolve));
  }
  await cursor.close();
  const all = await client.query({
    text: `SELECT g FROM generate_series(1, ${READ / 10}) g`,
    rowMode: 'array',
  });
  t.equal(all.rows.length, READ / 10);
});

measured('200 open portals', [], async (t, client) => {
  await client.query('BEGIN');
  for (let i = 0; i < 200; i++) {
    await client.query(
      `DECLARE c${i} CURSOR FOR SELECT g, md5(g::text) FROM generate_series(1, 1000000) g`,
    );
    await client.query(`FETCH 100 FROM c${i}`);
  }
  t.equal((await client.query('FETCH 100 FROM c7')).rows.length, 100);
  await client.query('ROLLBACK');
});

const LARGE = IS_FULL ? 10_000_000 : 1_000_000;
const series = `generate_series(1, ${LARGE}) g`;
for (const [name, sql, expected] of [
  [
    'a sort',
    `SELECT count(*)::int AS n FROM (SELECT md5(g::text) AS h FROM ${series} ORDER BY 1 OFFSET 1) s`,
    LARGE - 1,
  ],
  [
    'a hash join',
    `SELECT count(*)::int AS n FROM (SELECT md5(g::text) AS h FROM ${series}) a JOIN (SELECT md5(g::text) AS h FROM ${series}) b USING (h)`,
    LARGE,
  ],
  [
    'an aggregation',
    `SELECT count(*)::int AS n FROM (SELECT md5(g::text), count(*) FROM ${series} GROUP BY 1) s`,
    LARGE,
  ],
] as const) {
  measured(
    `${name} of ${LARGE} rows with little work_mem`,
    [`SET work_mem = '4MB'`],
    async (t, client) => {
      t.same((await client.query(sql)).rows, [{n: expected}]);
    },
  );
}
