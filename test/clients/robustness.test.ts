// The real engine with clients that vanish, do not read, ask too much, or send nonsense.
import {readFileSync} from 'node:fs';
import t, {type Test} from 'tap';
import {
  bind,
  copyData,
  describe,
  execute,
  int32,
  message,
  parse,
  query,
  sync,
  zero,
} from '../server/raw-client.ts';
import {startWadi} from '../support/wadi-server.ts';
import {texts, WireClient, type WireAnswer} from './wire-client.ts';

const server = await startWadi();
t.teardown(() => server.stop());

async function login(
  t: Test,
  parameters: Readonly<Record<string, string>> = {},
): Promise<WireClient> {
  const client = await WireClient.login(server, parameters);
  t.teardown(() => client.end());
  return client;
}

const watcher = await login(t);

async function value(sql: string): Promise<string | null> {
  const answer = await watcher.query(sql);
  if (answer.error !== null) throw new Error(`${sql}: ${answer.error['M']}`);
  return texts(answer)[0]?.[0] ?? null;
}

/** Resolves when a query of the watcher answers this. */
async function until(sql: string, expected: string): Promise<void> {
  while ((await value(sql)) !== expected);
}

const gone = (client: WireClient): Promise<void> =>
  until(`SELECT count(*) FROM pg_stat_activity WHERE pid = ${client.pid}`, '0');
const waits = (client: WireClient): Promise<void> =>
  until(
    `SELECT count(*) FROM pg_stat_activity WHERE pid = ${client.pid} AND wait_event_type = 'Lock'`,
    '1',
  );

function errorOf(answer: WireAnswer): string {
  return `${answer.error?.['S']} ${answer.error?.['C']} ${answer.error?.['M']}`;
}

await watcher.query(
  'CREATE TABLE kept (id int PRIMARY KEY, v text); INSERT INTO kept VALUES (1, $$one$$), (2, $$two$$)',
);

t.test('a client that vanishes', async t => {
  await t.test('inside COPY FROM', async t => {
    const client = await login(t);
    client.send(query('COPY kept FROM STDIN'));
    await client.until('G');
    client.send(copyData('10\tten\n11\televen\n'));
    client.socket.resetAndDestroy();
    await gone(client);
    t.equal(await value('SELECT count(*) FROM kept'), '2');
    t.equal(await value('SELECT count(*) FROM pg_locks WHERE relation = $$kept$$::regclass'), '0');
  });

  await t.test('inside a long SELECT that it reads slowly', async t => {
    const client = await login(t);
    client.send(query('SELECT x, repeat($$x$$, 100) FROM generate_series(1, 10000000000) x'));
    await client.until('D');
    client.socket.pause();
    await value('SELECT 1');
    client.socket.resetAndDestroy();
    await gone(client);
  });

  await t.test('inside a transaction with row locks', async t => {
    const client = await login(t);
    await client.query(
      'BEGIN; UPDATE kept SET v = $$lost$$ WHERE id = 1; INSERT INTO kept VALUES (20, NULL)',
    );
    const other = await login(t);
    const waiting = other.query('UPDATE kept SET v = v || $$!$$ WHERE id = 1 RETURNING v');
    await waits(other);
    client.socket.resetAndDestroy();
    t.same(texts(await waiting), [['one!']], 'its rows are as before');
    await gone(client);
    t.equal(await value('SELECT count(*) FROM kept'), '2');
  });

  await t.test('waiting for a lock', async t => {
    const holder = await login(t);
    await holder.query('BEGIN; UPDATE kept SET v = $$held$$ WHERE id = 2');
    const client = await login(t);
    client.send(query('UPDATE kept SET v = $$ghost$$ WHERE id = 2'));
    await waits(client);
    client.socket.resetAndDestroy();
    await gone(client);
    await holder.query('COMMIT');
    t.equal(await value('SELECT v FROM kept WHERE id = 2'), 'held');
  });

  await t.test('that says good-bye in the middle', async t => {
    const client = await login(t);
    await client.query('BEGIN; DELETE FROM kept');
    client.send(message('X'));
    await client.next();
    await gone(client);
    t.equal(await value('SELECT count(*) FROM kept'), '2');
  });
});

t.test('a million rows to a client that does not read', async t => {
  const rss = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1] ?? 0) /
    1024;
  const canMeasure = process.platform === 'linux';
  const before = canMeasure ? rss() : 0;
  const lazy = await Promise.all([login(t), login(t), login(t)]);
  const sql = 'SELECT x, repeat($$abc $$, 50) AS t FROM generate_series(1, 1000000) x';
  lazy[0]!.send(query(sql));
  lazy[1]!.send(parse(sql), bind(), execute(), sync);
  lazy[2]!.send(query(`COPY (${sql}) TO STDOUT`));
  for (const client of lazy) client.socket.pause();
  let most = 0;
  for (let i = 0; i < 300; i++) {
    await value('SELECT count(*) FROM kept');
    if (canMeasure) most = Math.max(most, rss());
  }
  t.ok(most - before < 256, `${Math.round(most - before)} MB more`);
  const [reader] = lazy;
  reader!.socket.resume();
  let rows = 0;
  for (
    let next = await reader!.next();
    next !== null && next.type !== 'Z';
    next = await reader!.next()
  )
    if (next.type === 'D') rows++;
  t.equal(rows, 1_000_000);
  for (const client of lazy) client.end();
  for (const client of lazy) await gone(client);
});

t.test('200 open portals', async t => {
  const client = await login(t);
  await client.query('BEGIN');
  client.send(parse('SELECT x * $1::int FROM generate_series(1, 100000) x', 's'), sync);
  await client.ready();
  for (let i = 0; i < 200; i++) client.send(bind([String(i)], 's', `p${i}`), execute(`p${i}`, 2));
  client.send(sync);
  const first = await client.ready();
  t.equal(first.rows.length, 400);
  for (let i = 199; i >= 0; i--) client.send(execute(`p${i}`, 1));
  client.send(sync);
  t.same(
    texts(await client.ready()).map(row => row[0]),
    Array.from({length: 200}, (_, i) => String(3 * (199 - i))),
  );
  await client.query('COMMIT');
  client.send(execute('p5', 1), sync);
  t.equal(errorOf(await client.ready()), 'ERROR 34000 portal "p5" does not exist');
});

const endless: Readonly<Record<string, string>> = {
  sort: 'SELECT x FROM generate_series(1, 200000000) x ORDER BY -x OFFSET 100000000',
  'hash join':
    'SELECT count(*) FROM generate_series(1, 100000000) a JOIN generate_series(1, 100000000) b ON a = b',
  'nested loop':
    'SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a < b',
  generate_series: 'SELECT count(*) FROM generate_series(1, 10000000000)',
  'generate_series of numeric': 'SELECT sum(x) FROM generate_series(1::numeric, 10000000000) x',
  'series in the target list': 'SELECT generate_series(1, 10000000000)  OFFSET 9000000000',
  'recursive query':
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 - 1 FROM r) SELECT count(*) FROM r',
  'recursive union':
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r) SELECT count(*) FROM r',
  window:
    'SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY -x) AS n FROM generate_series(1, 100000000) x) w',
  'group by':
    'SELECT count(*) FROM (SELECT x, count(*) FROM generate_series(1, 100000000) x GROUP BY x) g',
  distinct: 'SELECT count(DISTINCT x) FROM generate_series(1, 100000000) x',
  array_agg: 'SELECT cardinality(array_agg(x)) FROM generate_series(1, 100000000) x',
  pg_sleep: 'SELECT pg_sleep(100000)',
  insert: 'INSERT INTO sink SELECT x FROM generate_series(1, 1000000000) x',
  'correlated subquery':
    'SELECT count(*) FROM generate_series(1, 1000000) a WHERE (SELECT count(*) FROM generate_series(1, 1000000) b WHERE b < a) < 0',
  'create table as': 'CREATE TABLE never AS SELECT x FROM generate_series(1, 1000000000) x',
  'explain analyze': 'EXPLAIN ANALYZE SELECT count(*) FROM generate_series(1, 10000000000)',
};

t.test('statement_timeout and cancel end every kind of work', async t => {
  const client = await login(t);
  const holder = await login(t);
  await client.query('CREATE TABLE sink (x int)');
  await holder.query('BEGIN; LOCK TABLE kept');
  for (const [name, sql] of [
    ...Object.entries(endless),
    ['lock wait', 'SELECT * FROM kept'],
  ] as const) {
    await client.query(`SET statement_timeout = '40ms'`);
    t.equal(
      errorOf(await client.query(sql)),
      'ERROR 57014 canceling statement due to statement timeout',
      name,
    );
    await client.query('RESET statement_timeout');
    const running = client.query(sql);
    await until(
      `SELECT count(*) FROM pg_stat_activity WHERE pid = ${client.pid} AND state = 'active'`,
      '1',
    );
    await client.cancel(server);
    t.equal(
      errorOf(await running),
      'ERROR 57014 canceling statement due to user request',
      `${name} canceled`,
    );
  }
  await holder.query('COMMIT');
  t.equal(await value('SELECT count(*) FROM sink'), '0');
  client.send(parse(endless['generate_series']!), bind(), execute(), sync);
  await until(
    `SELECT count(*) FROM pg_stat_activity WHERE pid = ${client.pid} AND state = 'active'`,
    '1',
  );
  await client.cancel(server);
  t.equal(
    errorOf(await client.ready()),
    'ERROR 57014 canceling statement due to user request',
    'extended',
  );
  await client.cancel(server);
  t.same(
    texts(await client.query('SELECT 1')),
    [['1']],
    'a cancel that comes too late does nothing',
  );
});

t.test('regular expressions that explode', async t => {
  const client = await login(t);
  const linear = await client.query(`SELECT (repeat('a', 40) || 'b') ~ '^(a+)+$'`);
  t.same(texts(linear), [['f']], 'in linear time');
  const searches = [
    `SELECT (repeat('a', 40) || 'b') ~ '^(a+)+(?=c)$'`,
    `SELECT (repeat('a', 60) || 'b') ~ '^((a+)+)\\2c$'`,
    `SELECT (repeat('ä', 40) || 'b') ~ '^(ä+)+$'`,
    `SELECT regexp_replace(repeat('ä', 40) || 'b', '^(ä+)+$', '')`,
  ];
  for (const sql of searches) {
    const answer = await client.query(sql);
    t.ok(answer.error === null || answer.error['C'] === '2201B', `${sql}: ${errorOf(answer)}`);
  }
  t.same(texts(await client.query(`SELECT 'ääää' ~ '^(ä+)+$', 'abab' ~ '^(ab)\\1$'`)), [
    ['t', 't'],
  ]);
});

t.test('timeouts of locks and of idle transactions', async t => {
  const [a, b] = [await login(t), await login(t)];
  await a.query('BEGIN; UPDATE kept SET v = v');
  await b.query(`SET lock_timeout = '20ms'`);
  t.equal(
    errorOf(await b.query('UPDATE kept SET v = v')),
    'ERROR 55P03 canceling statement due to lock timeout',
    'a row',
  );
  t.equal(
    errorOf(await b.query('BEGIN; LOCK TABLE kept')),
    'ERROR 55P03 canceling statement due to lock timeout',
    'a table',
  );
  await b.query('ROLLBACK');
  t.equal(
    errorOf(await b.query('ALTER TABLE kept ADD COLUMN w int')),
    'ERROR 55P03 canceling statement due to lock timeout',
    'DDL',
  );
  await a.query(`COMMIT; SET idle_in_transaction_session_timeout = '20ms'; BEGIN`);
  const idle = await a.ready();
  t.equal(errorOf(idle), 'FATAL 25P03 terminating connection due to idle-in-transaction timeout');
  t.equal(idle.status, 'closed');
  await gone(a);
});

t.test('too large, too deep', async t => {
  const client = await login(t);
  const comment = Buffer.alloc(65 * 1024 * 1024, 0x20);
  client.send(message('Q', Buffer.from('SELECT 1'), comment, Buffer.from([0])));
  t.match(errorOf(await client.ready()), /^ERROR 54000 /);
  t.same(texts(await client.query('SELECT 1')), [['1']]);
  const deep = [
    `SELECT ${'('.repeat(60_000)}1${')'.repeat(60_000)}`,
    `SELECT ${'-'.repeat(0)}${'- '.repeat(100_000)}1`,
    `SELECT ${'1 + '.repeat(200_000)}1`,
    `SELECT ${'NOT '.repeat(100_000)}true`,
    `SELECT ${'abs('.repeat(20_000)}1${')'.repeat(20_000)}`,
    `SELECT ${'ARRAY['.repeat(10_000)}1${']'.repeat(10_000)}`,
    `${'SELECT * FROM ('.repeat(5000)}SELECT 1${') x'.repeat(5000)}`,
    `SELECT 1 ${'UNION ALL SELECT 1 '.repeat(20_000)}`,
    `SELECT ${'CASE WHEN true THEN '.repeat(10_000)}1${' END'.repeat(10_000)}`,
    `SELECT '${'['.repeat(200_000)}${']'.repeat(200_000)}'::json`,
    `SELECT '${'['.repeat(200_000)}${']'.repeat(200_000)}'::jsonb`,
    `SELECT '${'{'.repeat(100_000)}${'}'.repeat(100_000)}'::int[]`,
    `SELECT repeat('(', 100000) ~ repeat('(', 100000)`,
  ];
  for (const sql of deep) {
    const answer = await client.query(sql);
    const code = answer.error?.['C'] ?? '00000';
    t.ok(
      ['00000', '54001', '42601', '54011', '54000', '22P02', '2201B', '42804', '54023'].includes(
        code,
      ),
      `${sql.slice(7, 30)}: ${code} ${answer.error?.['M']?.slice(0, 60)}`,
    );
    t.same(texts(await client.query('SELECT 2')), [['2']]);
  }
  const columns = Array.from({length: 1601}, (_, i) => `c${i} int`).join();
  t.match(
    errorOf(await client.query(`CREATE TABLE wide (${columns})`)),
    'ERROR 54011 tables can have at most 1600 columns',
  );
  t.match(
    errorOf(await client.query(`SELECT ${Array.from({length: 1665}, () => '1').join()}`)),
    'ERROR 54011 target lists can have at most 1664 entries',
  );
  t.match(
    errorOf(await client.query(`SELECT repeat('x', 2000000000)`)),
    /ERROR (54000|22023|53200)/,
  );
});

t.test('text that is not text', async t => {
  const client = await login(t);
  client.send(message('Q', Buffer.from("SELECT 'a\xff'", 'latin1'), Buffer.from([0])));
  t.match(
    errorOf(await client.ready()),
    'ERROR 22021 invalid byte sequence for encoding "UTF8": 0xff',
  );
  client.send(
    parse('SELECT $1::text'),
    message(
      'B',
      zero(''),
      zero(''),
      int32(1).subarray(2),
      int32(0).subarray(2),
      int32(1).subarray(2),
      int32(3),
      Buffer.from([0x61, 0xc3, 0x28]),
      int32(0).subarray(2),
    ),
    execute(),
    sync,
  );
  t.match(
    errorOf(await client.ready()),
    'ERROR 22021 invalid byte sequence for encoding "UTF8": 0xc3 0x28',
  );
  client.send(
    parse('SELECT $1::text'),
    message(
      'B',
      zero(''),
      zero(''),
      int32(1).subarray(2),
      int32(0).subarray(2),
      int32(1).subarray(2),
      int32(3),
      Buffer.from([0x61, 0, 0x28]),
      int32(0).subarray(2),
    ),
    execute(),
    sync,
  );
  t.match(
    errorOf(await client.ready()),
    'ERROR 22021 invalid byte sequence for encoding "UTF8": 0x00',
  );
  client.send(
    parse('SELECT $1::text'),
    message(
      'B',
      zero(''),
      zero(''),
      int32(1).subarray(2),
      int32(1).subarray(2),
      int32(1).subarray(2),
      int32(2),
      Buffer.from([0x61, 0]),
      int32(0).subarray(2),
    ),
    execute(),
    sync,
  );
  t.match(
    errorOf(await client.ready()),
    'ERROR 22021 invalid byte sequence for encoding "UTF8": 0x00',
  );
  client.send(query('COPY kept FROM STDIN'));
  await client.until('G');
  client.send(
    copyData('7\tok\n8\tx'),
    message('d', Buffer.from([0xe2, 0x28, 0xa1, 0x0a])),
    message('c'),
  );
  const copied = await client.ready();
  t.match(errorOf(copied), 'ERROR 22021 invalid byte sequence for encoding "UTF8": 0xe2 0x28 0xa1');
  t.equal(copied.error?.['W'], 'COPY kept, line 2');
  client.send(query('COPY kept FROM STDIN'));
  await client.until('G');
  client.send(copyData('7\tok\n8\tx\0y\n'), message('c'));
  t.match(
    errorOf(await client.ready()),
    'ERROR 22021 invalid byte sequence for encoding "UTF8": 0x00',
  );
  t.match(errorOf(await client.query("SELECT E'a\\000b'")), 'ERROR 22021');
  t.match(errorOf(await client.query('SELECT chr(0)')), 'ERROR 54000 null character not permitted');
  t.match(
    errorOf(await client.query('SELECT \'"\\u0000"\'::jsonb')),
    'ERROR 22P05 unsupported Unicode escape sequence',
  );
  t.match(
    errorOf(await client.query("SELECT convert_from('\\xff'::bytea, 'UTF8')")),
    'ERROR 22021',
  );
  t.equal(await value('SELECT count(*) FROM kept'), '2');
});

t.test('messages that make no sense', async t => {
  const client = await login(t);
  client.send(
    parse('SELECT $1::int'),
    message('B', zero(''), zero(''), int32(0).subarray(2), int32(0xffff).subarray(2)),
    sync,
  );
  t.match(errorOf(await client.ready()), 'ERROR 08P01');
  client.send(bind([], 'nope'), sync);
  t.equal(errorOf(await client.ready()), 'ERROR 26000 prepared statement "nope" does not exist');
  client.send(execute('nope'), sync);
  t.equal(errorOf(await client.ready()), 'ERROR 34000 portal "nope" does not exist');
  client.send(describe('X', ''), sync);
  t.match(errorOf(await client.ready()), 'ERROR 08P01 invalid DESCRIBE message subtype 88');
  client.send(message('z'));
  t.equal(errorOf(await client.ready()), 'FATAL 08P01 invalid frontend message type 122');
});
