// Two sessions beside PostgreSQL's chapters 13 and 14: what waits for what, what is seen, what fails.
import pg from 'pg';
import t, {type Test} from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const server = await startWadi();
t.teardown(() => server.stop());

async function connect(t: Test): Promise<pg.Client> {
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  });
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

const watcher = await connect(t);

/** Resolves when the session's statement waits for a lock. */
async function waits(client: pg.Client): Promise<void> {
  const {processID} = client as unknown as {processID: number};
  for (;;) {
    const {rows} = await watcher.query(
      'SELECT wait_event_type AS w, state FROM pg_stat_activity WHERE pid = $1',
      [processID],
    );
    if (rows[0]?.w === 'Lock') return;
  }
}

/** A statement that must wait for a lock: its result once it may go on. */
async function waiting(
  client: pg.Client,
  sql: string,
): Promise<{readonly result: Promise<pg.QueryResult>}> {
  const result = client.query(sql);
  result.catch(() => undefined);
  await waits(client);
  return {result};
}

let made = 0;
/** A new table with rows (1, 10), (2, 20), and two sessions. */
async function scene(t: Test): Promise<{table: string; a: pg.Client; b: pg.Client}> {
  const table = `scene${++made}`;
  const [a, b] = [await connect(t), await connect(t)];
  await a.query(
    `CREATE TABLE ${table} (id int PRIMARY KEY, n int); INSERT INTO ${table} VALUES (1, 10), (2, 20)`,
  );
  return {table, a, b};
}

const notSerializable = {
  code: '40001',
  message: 'could not serialize access due to concurrent update',
};

t.test('READ COMMITTED: UPDATE sees the newest version after a wait', async t => {
  const {table, a, b} = await scene(t);
  await a.query(`BEGIN; UPDATE ${table} SET n = n + 1 WHERE id = 1`);
  const second = await waiting(b, `UPDATE ${table} SET n = n + 100 WHERE id = 1 RETURNING n`);
  await a.query('COMMIT');
  t.same((await second.result).rows, [{n: 111}]);
});

t.test('READ COMMITTED: the condition is checked again', async t => {
  const {table, a, b} = await scene(t);
  await a.query(`BEGIN; UPDATE ${table} SET n = n + 10`);
  const gone = await waiting(b, `DELETE FROM ${table} WHERE n = 20`);
  await a.query('COMMIT');
  t.equal(
    (await gone.result).rowCount,
    0,
    'the row that was 20 is 30, the one that became 20 was not seen: the example of 13.2.1',
  );
  await a.query(`BEGIN; UPDATE ${table} SET n = 0 WHERE id = 1`);
  const locked = await waiting(b, `SELECT * FROM ${table} WHERE n > 5 ORDER BY id FOR UPDATE`);
  await a.query('COMMIT');
  t.same(
    (await locked.result).rows,
    [{id: 2, n: 30}],
    'FOR UPDATE leaves out what does not fit any more',
  );
  await a.query(`BEGIN; DELETE FROM ${table} WHERE id = 2`);
  const deleted = await waiting(b, `UPDATE ${table} SET n = 1 WHERE id = 2`);
  await a.query('COMMIT');
  t.equal((await deleted.result).rowCount, 0, 'a deleted row is left alone');
});

t.test('READ COMMITTED: a rollback leaves the row as it was', async t => {
  const {table, a, b} = await scene(t);
  await a.query(`BEGIN; UPDATE ${table} SET n = 0`);
  const second = await waiting(b, `UPDATE ${table} SET n = n + 1 WHERE n = 10 RETURNING n`);
  await a.query('ROLLBACK');
  t.same((await second.result).rows, [{n: 11}]);
});

t.test('READ COMMITTED: the re-check uses the new row and the old partners of a join', async t => {
  const {table, a, b} = await scene(t);
  await a.query(
    `CREATE TABLE ${table}p (id int, m int); INSERT INTO ${table}p VALUES (1, 1), (2, 2)`,
  );
  await a.query(`BEGIN; UPDATE ${table} SET n = n + 5 WHERE id = 1`);
  const second = await waiting(
    b,
    `UPDATE ${table} s SET n = s.n + p.m FROM ${table}p p WHERE p.id = s.id RETURNING s.id, s.n`,
  );
  await a.query('COMMIT');
  t.same(
    (await second.result).rows.sort((x, y) => x.id - y.id),
    [
      {id: 1, n: 16},
      {id: 2, n: 22},
    ],
  );
  await a.query(`BEGIN; UPDATE ${table} SET n = -1 WHERE id = 1`);
  const third = await waiting(
    b,
    `SELECT s.id, s.n, p.m FROM ${table} s JOIN ${table}p p USING (id) WHERE s.n > 0 ORDER BY s.id FOR UPDATE OF s`,
  );
  await a.query('COMMIT');
  t.same((await third.result).rows, [{id: 2, n: 22, m: 2}]);
});

t.test('REPEATABLE READ: a snapshot that stays', async t => {
  const {table, a, b} = await scene(t);
  await b.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  t.equal((await b.query(`SELECT sum(n)::int AS s FROM ${table}`)).rows[0].s, 30);
  await a.query(`UPDATE ${table} SET n = 0; INSERT INTO ${table} VALUES (3, 30)`);
  t.same((await b.query(`SELECT sum(n)::int AS s, count(*)::int AS c FROM ${table}`)).rows, [
    {s: 30, c: 2},
  ]);
  t.same((await b.query(`SELECT n FROM ${table} WHERE id = 3`)).rows, []);
  await b.query('COMMIT');
  t.same((await b.query(`SELECT sum(n)::int AS s, count(*)::int AS c FROM ${table}`)).rows, [
    {s: 30, c: 3},
  ]);
});

t.test('REPEATABLE READ: 40001 on what another changed', async t => {
  const {table, a, b} = await scene(t);
  const begin = async (): Promise<void> => {
    await b.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await b.query(`SELECT 1 FROM ${table}`);
  };
  await begin();
  await a.query(`UPDATE ${table} SET n = n + 1 WHERE id = 1`);
  await t.rejects(b.query(`UPDATE ${table} SET n = n + 1 WHERE id = 1`), notSerializable);
  await b.query('ROLLBACK');
  await begin();
  await a.query(`UPDATE ${table} SET n = n + 1 WHERE id = 1`);
  await t.rejects(b.query(`SELECT * FROM ${table} WHERE id = 1 FOR UPDATE`), notSerializable);
  await b.query('ROLLBACK');
  await begin();
  await a.query(`BEGIN; UPDATE ${table} SET n = n + 1 WHERE id = 1`);
  const loser = await waiting(b, `UPDATE ${table} SET n = n + 1 WHERE id = 1`);
  await a.query('COMMIT');
  await t.rejects(loser.result, notSerializable, 'after a wait');
  await b.query('ROLLBACK');
  await begin();
  await a.query(`BEGIN; UPDATE ${table} SET n = n + 1 WHERE id = 1`);
  const winner = await waiting(b, `UPDATE ${table} SET n = 100 WHERE id = 1 RETURNING n`);
  await a.query('ROLLBACK');
  t.same((await winner.result).rows, [{n: 100}], 'after a rollback it goes on');
  await b.query('COMMIT');
  await begin();
  await a.query(`DELETE FROM ${table} WHERE id = 2`);
  await t.rejects(b.query(`DELETE FROM ${table} WHERE id = 2`), {
    code: '40001',
    message: /could not serialize access due to concurrent (update|delete)/,
  });
  await b.query('ROLLBACK');
});

t.test('SERIALIZABLE: write skew', async t => {
  const {table, a, b} = await scene(t);
  for (const client of [a, b]) await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
  await a.query(`SELECT sum(n) FROM ${table}`);
  await b.query(`SELECT sum(n) FROM ${table}`);
  const outcome = async (client: pg.Client, sql: string): Promise<string> => {
    try {
      await client.query(sql);
      return (await client.query('COMMIT')).command;
    } catch (error) {
      await client.query('ROLLBACK');
      return (error as {code: string}).code;
    }
  };
  const outcomes = [
    await outcome(a, `UPDATE ${table} SET n = 0 WHERE id = 1`),
    await outcome(b, `UPDATE ${table} SET n = 0 WHERE id = 2`),
  ];
  t.same(outcomes.sort(), ['40001', 'COMMIT']);
  for (const client of [a, b]) await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
  await a.query(`SELECT count(*) FROM ${table} WHERE n = 77`);
  await b.query(`SELECT count(*) FROM ${table} WHERE n = 77`);
  const phantoms = [
    await outcome(a, `INSERT INTO ${table} VALUES (10, 77)`),
    await outcome(b, `INSERT INTO ${table} VALUES (11, 77)`),
  ];
  t.same(phantoms.sort(), ['40001', 'COMMIT'], 'phantoms');
  for (const client of [a, b]) await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
  await a.query(`SELECT n FROM ${table} WHERE id = 1`);
  await b.query(`SELECT n FROM ${table} WHERE id = 2`);
  const apart = [
    await outcome(a, `UPDATE ${table} SET n = 5 WHERE id = 1`),
    await outcome(b, `UPDATE ${table} SET n = 5 WHERE id = 2`),
  ];
  t.same(apart, ['COMMIT', 'COMMIT'], 'transactions that do not meet');
});

t.test('NOWAIT and SKIP LOCKED', async t => {
  const {table, a, b} = await scene(t);
  await a.query(`BEGIN; SELECT * FROM ${table} WHERE id = 1 FOR UPDATE`);
  await t.rejects(b.query(`SELECT * FROM ${table} FOR UPDATE NOWAIT`), {
    code: '55P03',
    message: `could not obtain lock on row in relation "${table}"`,
  });
  t.same((await b.query(`SELECT id FROM ${table} ORDER BY id FOR UPDATE SKIP LOCKED`)).rows, [
    {id: 2},
  ]);
  t.same(
    (await b.query(`SELECT id FROM ${table} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`)).rows,
    [{id: 2}],
    'a queue',
  );
  t.same(
    (await b.query(`SELECT id FROM ${table} ORDER BY id`)).rows,
    [{id: 1}, {id: 2}],
    'readers do not wait',
  );
  await t.rejects(b.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE NOWAIT`), {
    code: '55P03',
    message: `could not obtain lock on relation "${table}"`,
  });
  await b.query('ROLLBACK');
  await a.query('ROLLBACK');
});

t.test('strengths of row locks', async t => {
  const {table, a, b} = await scene(t);
  const strengths = ['KEY SHARE', 'SHARE', 'NO KEY UPDATE', 'UPDATE'];
  for (const [i, held] of strengths.entries()) {
    for (const [j, wanted] of strengths.entries()) {
      await a.query(`BEGIN; SELECT 1 FROM ${table} WHERE id = 1 FOR ${held}`);
      const got = await b.query(`SELECT 1 FROM ${table} WHERE id = 1 FOR ${wanted} NOWAIT`).then(
        () => true,
        (error: {code: string}) => error.code !== '55P03',
      );
      t.equal(got, i + j < 3, `${wanted} beside ${held}`);
      await a.query('ROLLBACK');
    }
  }
});

t.test('unique keys: the second inserter waits', async t => {
  const {table, a, b} = await scene(t);
  await a.query(`BEGIN; INSERT INTO ${table} VALUES (5, 1)`);
  const loser = await waiting(b, `INSERT INTO ${table} VALUES (5, 2)`);
  await a.query('COMMIT');
  await t.rejects(loser.result, {
    code: '23505',
    detail: 'Key (id)=(5) already exists.',
    constraint: `${table}_pkey`,
  });
  await a.query(`BEGIN; INSERT INTO ${table} VALUES (6, 1)`);
  const winner = await waiting(b, `INSERT INTO ${table} VALUES (6, 2)`);
  await a.query('ROLLBACK');
  t.equal((await winner.result).rowCount, 1);
  await a.query(`BEGIN; DELETE FROM ${table} WHERE id = 6`);
  const after = await waiting(b, `INSERT INTO ${table} VALUES (6, 3)`);
  await a.query('COMMIT');
  t.equal((await after.result).rowCount, 1, 'a deleted key is free after COMMIT');
  await a.query(`BEGIN; INSERT INTO ${table} VALUES (7, 1)`);
  const upsert = await waiting(
    b,
    `INSERT INTO ${table} VALUES (7, 2) ON CONFLICT (id) DO UPDATE SET n = ${table}.n + excluded.n RETURNING n`,
  );
  await a.query('COMMIT');
  t.same((await upsert.result).rows, [{n: 3}], 'ON CONFLICT DO UPDATE');
  await a.query(`BEGIN; INSERT INTO ${table} VALUES (8, 1)`);
  const nothing = await waiting(b, `INSERT INTO ${table} VALUES (8, 2) ON CONFLICT DO NOTHING`);
  await a.query('COMMIT');
  t.equal((await nothing.result).rowCount, 0, 'ON CONFLICT DO NOTHING');
});

t.test('foreign keys: the parent row is kept', async t => {
  const {table, a, b} = await scene(t);
  await a.query(`CREATE TABLE ${table}c (p int REFERENCES ${table})`);
  await a.query(`BEGIN; INSERT INTO ${table}c VALUES (1)`);
  t.equal(
    (await b.query(`UPDATE ${table} SET n = n + 1 WHERE id = 1`)).rowCount,
    1,
    'KEY SHARE lets non-key updates through',
  );
  const deleting = await waiting(b, `DELETE FROM ${table} WHERE id = 1`);
  await a.query('COMMIT');
  await t.rejects(deleting.result, {code: '23503'});
  await a.query(`BEGIN; DELETE FROM ${table} WHERE id = 2`);
  const child = await waiting(b, `INSERT INTO ${table}c VALUES (2)`);
  await a.query('COMMIT');
  await t.rejects(child.result, {
    code: '23503',
    detail: `Key (p)=(2) is not present in table "${table}".`,
  });
});

t.test('DDL: undone by ROLLBACK, unseen before COMMIT, waits for readers', async t => {
  const {table, a, b} = await scene(t);
  await a.query(
    `BEGIN; CREATE TABLE ${table}x (a int); INSERT INTO ${table}x VALUES (1); ALTER TABLE ${table} ADD COLUMN extra int DEFAULT 7`,
  );
  t.same((await a.query(`SELECT extra FROM ${table} WHERE id = 1`)).rows, [{extra: 7}]);
  await t.rejects(b.query(`SELECT * FROM ${table}x`), {code: '42P01'});
  await a.query('ROLLBACK');
  await t.rejects(a.query(`SELECT * FROM ${table}x`), {code: '42P01'});
  await t.rejects(a.query(`SELECT extra FROM ${table}`), {code: '42703'});
  await b.query(`BEGIN; SELECT * FROM ${table}`);
  const dropping = await waiting(a, `DROP TABLE ${table}`);
  t.equal((await b.query(`SELECT * FROM ${table}`)).rowCount, 2, 'the reader goes on');
  await b.query('COMMIT');
  await dropping.result;
  await t.rejects(b.query(`SELECT * FROM ${table}`), {code: '42P01'});
});

t.test('DDL: a statement that waited for it sees the new table', async t => {
  const {table, a, b} = await scene(t);
  await b.query({name: 'all', text: `SELECT * FROM ${table} ORDER BY id`});
  await a.query(`BEGIN; ALTER TABLE ${table} ADD COLUMN extra int DEFAULT 7`);
  const reader = await waiting(b, `SELECT * FROM ${table} ORDER BY id`);
  await a.query('COMMIT');
  t.same((await reader.result).rows, [
    {id: 1, n: 10, extra: 7},
    {id: 2, n: 20, extra: 7},
  ]);
  await t.rejects(b.query({name: 'all', text: `SELECT * FROM ${table} ORDER BY id`}), {
    code: '0A000',
    message: 'cached plan must not change result type',
  });
  await a.query(`BEGIN; DROP TABLE ${table}`);
  const lost = await waiting(b, `INSERT INTO ${table} VALUES (9, 9)`);
  await a.query('COMMIT');
  await t.rejects(lost.result, {code: '42P01'});
});

t.test("deadlock: one of the two, with PostgreSQL's words", async t => {
  const {table, a, b} = await scene(t);
  for (const client of [a, b]) await client.query(`SET deadlock_timeout = '10ms'`);
  await a.query(`BEGIN; UPDATE ${table} SET n = 1 WHERE id = 1`);
  await b.query(`BEGIN; UPDATE ${table} SET n = 2 WHERE id = 2`);
  const first = a.query(`UPDATE ${table} SET n = 1 WHERE id = 2`).then(
    () => null,
    (error: pg.DatabaseError) => error,
  );
  const second = b.query(`UPDATE ${table} SET n = 2 WHERE id = 1`).then(
    () => null,
    (error: pg.DatabaseError) => error,
  );
  const victim = await Promise.race([
    first.then(error => error && {error, client: a}),
    second.then(error => error && {error, client: b}),
  ]);
  t.match(victim?.error, {
    code: '40P01',
    message: 'deadlock detected',
    detail:
      /^Process \d+ waits for ShareLock on transaction \d+; blocked by process \d+\.\nProcess \d+ waits for ShareLock on transaction \d+; blocked by process \d+\.$/,
    hint: 'See server log for query details.',
  });
  await victim?.client.query('ROLLBACK');
  const errors = await Promise.all([first, second]);
  t.equal(errors.filter(error => error === null).length, 1, 'the other goes on');
  for (const client of [a, b]) await client.query('COMMIT');
});

t.test('advisory locks', async t => {
  const {a, b} = await scene(t);
  await a.query('SELECT pg_advisory_lock(42)');
  t.same((await b.query('SELECT pg_try_advisory_lock(42) AS got')).rows, [{got: false}]);
  const second = await waiting(b, 'SELECT pg_advisory_lock(42)');
  t.same((await a.query('SELECT pg_advisory_unlock(42) AS done')).rows, [{done: true}]);
  await second.result;
  await b.query('BEGIN; SELECT pg_advisory_xact_lock(43); SELECT pg_advisory_unlock_all()');
  t.same(
    (await a.query('SELECT pg_try_advisory_lock(42) AS s, pg_try_advisory_lock(43) AS x')).rows,
    [{s: true, x: false}],
  );
  await b.query('COMMIT');
  t.same((await a.query('SELECT pg_try_advisory_lock(43) AS x')).rows, [{x: true}]);
});

t.test('DDL: cursors, COPY and INSERT that waited see the new table', async t => {
  const {table, a, b} = await scene(t);
  const change = `BEGIN; ALTER TABLE ${table} ADD COLUMN c${1} int DEFAULT 7`;
  await a.query(change);
  await b.query('BEGIN');
  const declared = await waiting(b, `DECLARE cur CURSOR FOR SELECT * FROM ${table} ORDER BY id`);
  await a.query('COMMIT');
  await declared.result;
  t.same((await b.query('FETCH 1 FROM cur')).rows, [{id: 1, n: 10, c1: 7}]);
  await b.query('COMMIT');
  await a.query(`BEGIN; ALTER TABLE ${table} ADD COLUMN c2 int DEFAULT 8`);
  const inserted = await waiting(b, `INSERT INTO ${table} VALUES (3, 30) RETURNING *`);
  await a.query('COMMIT');
  t.same((await inserted.result).rows, [{id: 3, n: 30, c1: 7, c2: 8}]);
  await a.query(`BEGIN; ALTER TABLE ${table} DROP COLUMN n`);
  const prepared = await waiting(b, `UPDATE ${table} SET c1 = 0 WHERE id = 3 RETURNING *`);
  await a.query('COMMIT');
  t.same((await prepared.result).rows, [{id: 3, c1: 0, c2: 8}]);
  await a.query(`BEGIN; ALTER TABLE ${table} ADD COLUMN c3 int DEFAULT 9`);
  const made = await waiting(b, `CREATE TABLE ${table}copy AS SELECT * FROM ${table}`);
  await a.query('COMMIT');
  await made.result;
  t.same((await b.query(`SELECT * FROM ${table}copy WHERE id = 3`)).rows, [
    {id: 3, c1: 0, c2: 8, c3: 9},
  ]);
  await a.query(`BEGIN; ALTER TABLE ${table} ADD COLUMN c4 int DEFAULT 10`);
  const reader = b.query({text: `SELECT * FROM ${table} WHERE id = $1`, values: [3]});
  await waits(b);
  await a.query('COMMIT');
  t.same((await reader).rows, [{id: 3, c1: 0, c2: 8, c3: 9, c4: 10}], 'by the extended protocol');
});
