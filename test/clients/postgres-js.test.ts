// postgres.js: tagged queries, arrays, json, helpers, transactions, listen, cursors, unsafe, describe.
import postgres from 'postgres';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

const server = await startWadi({env: {TZ: 'UTC'}});
t.teardown(() => server.stop());
const {host, port} = server;
const sql = postgres({
  host,
  port,
  user: 'postgres',
  database: 'postgres',
  max: 4,
  onnotice: () => undefined,
});
t.teardown(() => sql.end());

t.test('tagged queries with every kind of value', async t => {
  await sql`
    CREATE TABLE things (
      id serial PRIMARY KEY, b bool, i int, big int8, f float8, n numeric, s text, y bytea,
      d date, ts timestamptz, u uuid, j json, jb jsonb, ia int[], ta text[])`;
  const when = new Date('2024-02-29T12:34:56.789Z');
  const [row] = await sql`
    INSERT INTO things (b, i, big, f, n, s, y, d, ts, u, j, jb, ia, ta)
    VALUES (${true}, ${7}, ${'9007199254740993'}, ${0.1}, ${'1.10'}, ${'ä "x"'},
      ${Buffer.from([0, 255])}, ${'2024-02-29'}, ${when}, ${'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'},
      ${sql.json({a: [1, null]})}, ${sql.json({b: 'x'})}, ${[1, 2, 3]}, ${['a', 'b c', '', 'q"']})
    RETURNING *`;
  t.same(row, {
    ...{
      id: 1,
      b: true,
      i: 7,
      big: '9007199254740993',
      f: 0.1,
      n: '1.10',
      s: 'ä "x"',
      y: Buffer.from([0, 255]),
    },
    ...{
      d: new Date('2024-02-29'),
      ts: when,
      u: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      j: {a: [1, null]},
      jb: {b: 'x'},
    },
    ...{ia: [1, 2, 3], ta: ['a', 'b c', '', 'q"']},
  });
  const [nulls] =
    await sql`INSERT INTO things (b, i, ta) VALUES (${null}, ${null}, ${null}) RETURNING b, i, ta`;
  t.same(nulls, {b: null, i: null, ta: null});
  t.same(await sql`SELECT id FROM things WHERE id = ANY(${[1, 5]}) AND s = ${'ä "x"'}`.values(), [
    [1],
  ]);
  t.same(
    [...(await sql`SELECT id FROM things WHERE id IN ${sql([1, 2])} ORDER BY id DESC`)],
    [{id: 2}, {id: 1}],
  );
});

t.test('helpers, fragments, columns', async t => {
  await sql`INSERT INTO things ${sql(
    [
      {i: 10, s: 'x'},
      {i: 11, s: 'y'},
    ],
    'i',
    's',
  )}`;
  await sql`UPDATE things SET ${sql({s: 'z', f: 2.5}, 's', 'f')} WHERE i = ${11}`;
  const where = sql`WHERE i >= ${10}`;
  const rows = await sql`SELECT ${sql(['i', 's', 'f'])} FROM ${sql('things')} ${where} ORDER BY i`;
  t.same(
    [...rows],
    [
      {i: 10, s: 'x', f: null},
      {i: 11, s: 'z', f: 2.5},
    ],
  );
  t.equal(rows.command, 'SELECT');
  t.equal(rows.count, 2);
  t.same(
    rows.columns.map(({name, type}) => [name, type]),
    [
      ['i', 23],
      ['s', 25],
      ['f', 701],
    ],
  );
  t.equal((await sql`DELETE FROM things WHERE i > ${9}`).count, 2);
});

t.test('errors, and the connection goes on', async t => {
  await t.rejects(sql`SELECT ${1}::int / ${0}::int`, {code: '22012', severity: 'ERROR'});
  await t.rejects(sql`INSERT INTO things (id) VALUES (1)`, {
    code: '23505',
    table_name: 'things',
    constraint_name: 'things_pkey',
    detail: 'Key (id)=(1) already exists.',
  });
  await t.rejects(sql`SELECT * FROM missing`, {code: '42P01', position: '15'});
  await t.rejects(sql`SELECT ${'abc'}::int`, {code: '22P02'});
  const many = await Promise.all(Array.from({length: 100}, (_, i) => sql`SELECT ${i}::int AS i`));
  t.same(
    many.map(([row]) => row!['i']),
    Array.from({length: 100}, (_, i) => i),
    '100 in flight over 4 connections',
  );
});

t.test('transactions', async t => {
  await sql`CREATE TABLE accounts (id int PRIMARY KEY, n int CHECK (n >= 0))`;
  const result = await sql.begin(async tx => {
    await tx`INSERT INTO accounts VALUES (1, 10), (2, 0)`;
    await tx
      .savepoint(async inner => {
        await inner`UPDATE accounts SET n = n - 100 WHERE id = 1`;
      })
      .catch(() => undefined);
    return tx`UPDATE accounts SET n = n + 1 WHERE id = 2 RETURNING n`;
  });
  t.same([...result], [{n: 1}]);
  await t.rejects(
    sql.begin(async tx => {
      await tx`DELETE FROM accounts`;
      throw new Error('mine');
    }),
    {message: 'mine'},
  );
  await t.rejects(
    sql.begin('read only', tx => tx`DELETE FROM accounts`),
    {code: '25006'},
  );
  t.same(
    [...(await sql`SELECT * FROM accounts ORDER BY id`)],
    [
      {id: 1, n: 10},
      {id: 2, n: 1},
    ],
  );
  const piped = await sql.begin(tx => [
    tx`SELECT 1 AS x`,
    tx`UPDATE accounts SET n = 5`,
    tx`SELECT sum(n)::int AS s FROM accounts`,
  ]);
  t.same(
    piped.map(rows => rows.count),
    [1, 2, 1],
  );
  const one = await sql.reserve();
  await one`SET application_name = 'reserved'`;
  t.same([...(await one`SHOW application_name`)], [{application_name: 'reserved'}]);
  one.release();
});

t.test('listen', async t => {
  const heard: string[] = [];
  let wake = (): void => undefined;
  const {unlisten} = await sql.listen('news', payload => {
    heard.push(payload);
    wake();
  });
  await sql.notify('news', 'a');
  await sql`SELECT pg_notify('news', ${'b'})`;
  while (heard.length < 2) await new Promise<void>(resolve => (wake = resolve));
  t.same(heard, ['a', 'b']);
  await unlisten();
});

t.test('cursors and forEach', async t => {
  const sizes: number[] = [];
  for await (const rows of sql`SELECT x FROM generate_series(1, 25) x`.cursor(10))
    sizes.push(rows.length);
  t.same(sizes, [10, 10, 5]);
  let seen = 0;
  await sql`SELECT x FROM generate_series(1, 1000000) x`.cursor(10, rows => {
    seen += rows.length;
    return seen >= 30 ? sql.CLOSE : undefined;
  });
  t.equal(seen, 30, 'closed early');
  let sum = 0;
  await sql`SELECT x FROM generate_series(1, 1000) x`.forEach(row => (sum += row['x'] as number));
  t.equal(sum, 500500);
});

t.test('unsafe, simple, file-like scripts, describe', async t => {
  t.same([...(await sql.unsafe('SELECT $1::int + $2::int AS n', [1, 2]))], [{n: 3}]);
  t.same([...(await sql.unsafe('SELECT $1::int AS n', [5], {prepare: true}))], [{n: 5}]);
  const several = (await sql
    .unsafe('SELECT 1 AS a; SELECT 2 AS b')
    .simple()) as unknown as object[][];
  t.same(
    several.map(rows => [...rows]),
    [[{a: 1}], [{b: 2}]],
  );
  const described =
    await sql`SELECT id, s FROM things WHERE id = ${1} AND s LIKE ${'x'}`.describe();
  t.same(described.types, [23, 25]);
  t.same(
    described.columns.map(({name, type}) => [name, type]),
    [
      ['id', 23],
      ['s', 25],
    ],
  );
});

t.test('COPY streams', async t => {
  await sql`CREATE TABLE copied (a int, b text)`;
  const writable = await sql`COPY copied FROM STDIN`.writable();
  const written = new Promise((resolve, reject) =>
    writable.on('finish', resolve).on('error', reject),
  );
  for (let i = 0; i < 20_000; i++) writable.write(`${i}\tvalue ${i}\n`);
  writable.end();
  await written;
  t.same(
    [...(await sql`SELECT count(*)::int AS n, sum(a)::int AS s, max(b) AS b FROM copied`)],
    [{n: 20_000, s: 199_990_000, b: 'value 9999'}],
  );
  const readable = await sql`COPY (SELECT a FROM copied ORDER BY a) TO STDOUT`.readable();
  let text = '';
  for await (const chunk of readable) text += String(chunk);
  t.equal(text.split('\n').length, 20_001);
});

t.test('cancel', async t => {
  const query = sql`SELECT pg_sleep(1000)`;
  const rejected = t.rejects(query.execute(), {code: '57014'});
  const {state} = query as unknown as {state: {pid: number} | null};
  while (
    (
      await sql`SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(1000)'`
    ).count === 0
  );
  t.ok(state === null || state !== undefined);
  query.cancel();
  await rejected;
});
