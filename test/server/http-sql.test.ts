// POST /sql against a real server: results, errors, limits, Arrow, origins, shutdown.
import {request} from 'node:http';
import {tableFromIPC} from 'apache-arrow';
import t from 'tap';
import {basic, post, postSql} from '../support/http-client.ts';
import {startWadi} from '../support/wadi-server.ts';

const authorization = basic('postgres', '');

t.test('POST /sql', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const {httpUrl} = server;

  await t.test('values, columns, tags', async t => {
    const answer = await postSql(
      httpUrl,
      `SELECT 1 AS a, 9007199254740993::int8 AS b, 1.50::numeric AS c, true AS d, NULL AS e, 'NaN'::float8 AS f,
         0.1::float8 AS g, '{"x":[1]}'::jsonb AS h, ARRAY[[1,2],[3,NULL]] AS i, E'"\\\\\\n\\u2028' AS j, '\\x00ff'::bytea AS k;
       CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'one'), (2, 'two'); ;`,
    );
    t.equal(answer.status, 200);
    const [first, created, inserted] = answer.results;
    t.same(first!.rows, [
      [
        ...[1, '9007199254740993', '1.50', true, null, 'NaN', 0.1, {x: [1]}],
        ...[
          [
            [1, 2],
            [3, null],
          ],
          '"\\\n\u2028',
          '\\x00ff',
        ],
      ],
    ]);
    t.same(first!.columns.slice(0, 2), [
      {name: 'a', type: 'int4', oid: 23},
      {name: 'b', type: 'int8', oid: 20},
    ]);
    t.same([first!.tag, created!.tag, inserted!.tag], ['SELECT 1', 'CREATE TABLE', 'INSERT 0 2']);
    const select = await postSql(httpUrl, 'SELECT v, $2::int8 FROM t WHERE id = $1', [2, '7']);
    t.same(select.results, [
      {
        columns: [
          {name: 'v', type: 'text', oid: 25},
          {name: 'int8', type: 'int8', oid: 20},
        ],
        rows: [['two', '7']],
        tag: 'SELECT 1',
      },
    ]);
    const notice = await postSql(httpUrl, 'DROP TABLE IF EXISTS nothing');
    t.match(notice.results[0]!.notices, [{message: 'table "nothing" does not exist, skipping'}]);
  });

  await t.test(
    'errors have a SQLSTATE, a position and a status; nothing stays of a failed request',
    async t => {
      const cases: readonly (readonly [
        sql: string,
        status: number,
        code: string,
        position?: number,
      ])[] = [
        ['SELECT nothing', 400, '42703', 8],
        ['INSERT INTO t VALUES (1)', 409, '23505'],
        ['SELECT 1/0', 400, '22012'],
        ['COPY t FROM STDIN', 501, '0A000'],
        ['COPY t TO STDOUT', 501, '0A000'],
        [
          'SET statement_timeout = 50; SELECT count(*) FROM generate_series(1, 1000000000)',
          504,
          '57014',
        ],
        ['INSERT INTO t VALUES (3); SELECT 1/0', 400, '22012'],
      ];
      for (const [sql, status, code, position] of cases) {
        const answer = await postSql(httpUrl, sql);
        t.match({status: answer.status, error: answer.error}, {status, error: {code}}, sql);
        if (position !== undefined) t.equal(answer.error?.position, position);
        t.equal(answer.results, undefined);
      }
      t.same((await postSql(httpUrl, 'SELECT count(*) FROM t')).results[0]!.rows, [['2']]);
      t.same((await postSql(httpUrl, 'BEGIN; INSERT INTO t VALUES (9)')).status, 200);
      t.same((await postSql(httpUrl, 'SELECT count(*) FROM t')).results[0]!.rows, [['2']]);
    },
  );

  await t.test('an error after rows have left is told at the end', async t => {
    const answer = await postSql(
      httpUrl,
      'SELECT 1000000 / (500000 - g) FROM generate_series(1, 600000) g',
    );
    t.equal(answer.status, 200);
    t.equal(answer.error?.code, '22012');
    t.ok(answer.results[0]!.rows.length > 1000);
  });

  await t.test('requests that are none', async t => {
    const bad = async (body: unknown, headers = {}): Promise<number> =>
      (await post(`${httpUrl}/sql`, body, {authorization, ...headers})).status;
    t.equal(await bad('{'), 400);
    t.equal(await bad('[]'), 400);
    t.equal(await bad({}), 400);
    t.equal(await bad({sql: 1}), 400);
    t.equal(await bad({sql: 'SELECT 1', params: {}}), 400);
    t.equal(await bad({sql: 'SELECT 1', other: 1}), 400);
    t.equal(await bad({sql: 'SELECT 1\0'}), 400);
    t.equal(await bad({sql: 'SELECT 1', database: 'nowhere'}), 404);
    t.equal(await bad({sql: 'SELECT 1'}, {'content-type': 'text/plain'}), 415);
    t.equal(await bad({sql: 'SELECT 1'}, {accept: 'text/html'}), 406);
    t.equal(await bad({sql: 'x'.repeat(5_000_000)}), 413);
    t.equal((await fetch(`${httpUrl}/sql`)).status, 405);
    t.equal((await fetch(`${httpUrl}/nothing`)).status, 404);
    t.equal((await fetch(`${httpUrl}/ws`)).status, 426);
    t.equal((await post(`${httpUrl}/sql`, {sql: 'SELECT 1'})).status, 401);
  });

  await t.test('Arrow', async t => {
    const arrow = async (sql: string): Promise<Response> =>
      fetch(`${httpUrl}/sql`, {
        ...{method: 'POST', body: JSON.stringify({sql})},
        headers: {
          ...{authorization, 'content-type': 'application/json'},
          accept: 'application/vnd.apache.arrow.stream',
        },
      });
    const response = await arrow(
      `SELECT g, g::int8 AS big, g::text AS txt, g / 2.0 AS num, g::float8 AS f, g % 2 = 0 AS even,
         timestamptz '2024-02-29 12:00:00.123456+00' AS at, date '2024-02-29' AS day,
         CASE WHEN g = 2 THEN NULL ELSE 'x' END AS n FROM generate_series(1, 5000) g`,
    );
    t.equal(response.headers.get('content-type'), 'application/vnd.apache.arrow.stream');
    const table = tableFromIPC(new Uint8Array(await response.arrayBuffer()));
    t.equal(table.numRows, 5000);
    t.same(
      table.schema.fields.map(field => String(field.type)),
      [
        'Int32',
        'Int64',
        'Utf8',
        'Utf8',
        'Float64',
        'Bool',
        'Timestamp<MICROSECOND, UTC>',
        'Date32<DAY>',
        'Utf8',
      ],
    );
    const row = table.get(1)!.toJSON();
    t.same(row, {
      ...{g: 2, big: 2n, txt: '2', num: '1.00000000000000000000', f: 2, even: true},
      ...{at: Date.UTC(2024, 1, 29, 12, 0, 0, 123) + 0.456, day: Date.UTC(2024, 1, 29), n: null},
    });
    const empty = tableFromIPC(
      new Uint8Array(await (await arrow('SELECT 1 AS a WHERE false')).arrayBuffer()),
    );
    t.equal(empty.numRows, 0);
    t.equal(empty.schema.fields[0]!.name, 'a');
    t.equal((await arrow('SELECT 1; SELECT 2')).status, 501);
    t.equal((await arrow("SELECT 'infinity'::timestamp")).status, 400);
    const broken = arrow('SELECT 1 / (500000 - g) FROM generate_series(1, 600000) g');
    await t.rejects(
      broken.then(answer => answer.arrayBuffer()),
      'a stream that fails breaks off',
    );
  });

  await t.test('web pages of others are turned away', async t => {
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await post(`${httpUrl}/sql`, {sql: 'SELECT 1'}, {authorization, ...headers})).status;
    t.equal(await status({origin: 'https://evil.example'}), 403);
    t.equal(await status({origin: 'null'}), 403);
    t.equal(await status({origin: httpUrl}), 200);
    const rebound = await new Promise<number>(resolve => {
      const {port} = new URL(httpUrl);
      const headers = {host: 'evil.example', origin: 'http://evil.example', authorization};
      request({port, host: '127.0.0.1', path: '/sql', method: 'POST', headers}, response =>
        resolve(response.statusCode ?? 0),
      ).end('{}');
    });
    t.equal(rebound, 403, 'a name that leads here is no proof');
  });

  await t.test('who hangs up ends his statement; large results wait for their reader', async t => {
    const abort = new AbortController();
    const running = fetch(`${httpUrl}/sql`, {
      ...{
        method: 'POST',
        signal: abort.signal,
        headers: {authorization, 'content-type': 'application/json'},
      },
      body: JSON.stringify({sql: `SELECT repeat('x', 1000) FROM generate_series(1, 10000000)`}),
    });
    const response = await running;
    await response.body!.getReader().read();
    const active = `SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT repeat%' AND state = 'active'`;
    t.same((await postSql(httpUrl, active)).results[0]!.rows, [['1']]);
    abort.abort();
    let left = '1';
    while (left !== '0') left = (await postSql(httpUrl, active)).results[0]!.rows[0]![0] as string;
    t.equal(left, '0');
  });

  await t.test('metrics', async t => {
    const text = await (await fetch(`${httpUrl}/metrics`)).text();
    t.match(text, /^wadi_http_requests_total\{path="\/sql",status="200"\} \d+$/m);
    t.match(text, /^process_resident_memory_bytes \d+$/m);
  });
});

t.test('a request that runs does not keep the server', async t => {
  const server = await startWadi();
  const running = postSql(server.httpUrl, 'SELECT pg_sleep(100)');
  const active = `SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'`;
  while ((await postSql(server.httpUrl, active)).results[0]!.rows[0]![0] === '0');
  await server.stop();
  const answer = await running.catch(() => ({status: 504}));
  t.equal(answer.status, 504);
});
