// node-postgres: every type in and out, prepared names, errors, transactions, portals, COPY, LISTEN, cancel.
import pg from 'pg';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

const server = await startWadi({env: {TZ: 'UTC'}});
t.teardown(() => server.stop());

async function connect(server: WadiServer, config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
    ...config,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const client = await connect(server, {options: '-c timezone=UTC'});
t.teardown(() => client.end());

/** Column type, the value that goes in, what pg gives back. */
const roundTrips: readonly (readonly [string, unknown, unknown])[] = [
  ['bool', true, true],
  ['bool', false, false],
  ['int2', -32768, -32768],
  ['int4', 2147483647, 2147483647],
  ['int8', '9007199254740993', '9007199254740993'],
  ['int8', 9007199254740993n, '9007199254740993'],
  ['float4', 1.5, 1.5],
  ['float8', 0.1, 0.1],
  ['float8', Infinity, Infinity],
  ['float8', NaN, NaN],
  ['numeric', '12345678901234567890.10', '12345678901234567890.10'],
  ['numeric', 1.25, '1.25'],
  ['text', 'äöü "quoted" \\ \n 🙂', 'äöü "quoted" \\ \n 🙂'],
  ['text', '', ''],
  ['varchar(10)', 'abc', 'abc'],
  ['char(5)', 'ab', 'ab   '],
  ['bytea', Buffer.from([0, 255, 16]), Buffer.from([0, 255, 16])],
  ['bytea', Buffer.alloc(0), Buffer.alloc(0)],
  ['date', '2024-02-29', new Date(2024, 1, 29)],
  ['time', '12:34:56.789', '12:34:56.789'],
  ['timestamp', '2024-02-29 12:34:56.789', new Date(2024, 1, 29, 12, 34, 56, 789)],
  ['timestamptz', new Date('2024-02-29T12:34:56.789Z'), new Date('2024-02-29T12:34:56.789Z')],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['json', {a: [1, null, 'x']}, {a: [1, null, 'x']}],
  ['jsonb', {b: 1, a: {c: true}}, {b: 1, a: {c: true}}],
  ['jsonb', JSON.stringify([1, 2]), [1, 2]],
  ['bool[]', [true, null, false], [true, null, false]],
  ['int2[]', [1, -2], [1, -2]],
  ['int4[]', [1, null, 3], [1, null, 3]],
  ['int4[]', [], []],
  [
    'int4[]',
    [
      [1, 2],
      [3, 4],
    ],
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ['int8[]', ['9007199254740993'], ['9007199254740993']],
  ['float4[]', [1.5], [1.5]],
  ['float8[]', [0.1, null], [0.1, null]],
  ['numeric[]', ['1.10', '2'], [1.1, 2]],
  [
    'text[]',
    ['a', 'b c', '', null, 'NULL', '{,}', '"', '\\'],
    ['a', 'b c', '', null, 'NULL', '{,}', '"', '\\'],
  ],
  ['varchar[]', ['ä'], ['ä']],
  ['bytea[]', [Buffer.from([1, 2])], [Buffer.from([1, 2])]],
  ['date[]', ['2024-02-29'], [new Date(2024, 1, 29)]],
  ['time[]', ['01:02:03'], ['01:02:03']],
  ['timestamptz[]', [new Date(0)], [new Date(0)]],
  ['uuid[]', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'], ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ['jsonb[]', [JSON.stringify({a: 1})], [{a: 1}]],
];

t.test('every type as a parameter, stored and read back', async t => {
  const types = [...new Set(roundTrips.map(([type]) => type))];
  await client.query(
    `CREATE TABLE round_trip (id int PRIMARY KEY, ${types.map((type, i) => `c${i} ${type}`).join(', ')}, i interval)`,
  );
  let id = 0;
  for (const [type, value, expected] of roundTrips) {
    const column = `c${types.indexOf(type)}`;
    id++;
    const inserted = await client.query(
      `INSERT INTO round_trip (id, ${column}) VALUES ($1, $2) RETURNING ${column} AS v`,
      [id, value],
    );
    t.same(inserted.rows[0].v, expected, `${type} returning`);
    const named = await client.query({
      name: `get ${column}`,
      text: `SELECT ${column} AS v FROM round_trip WHERE id = $1`,
      values: [id],
    });
    t.same(named.rows[0].v, expected, `${type} by a prepared name`);
  }
  await client.query('INSERT INTO round_trip (id, i) VALUES ($1, $2)', [
    0,
    '1 year 2 mons 3 days 04:05:06.789',
  ]);
  const {rows} = await client.query('SELECT i, i::text AS text FROM round_trip WHERE id = 0');
  t.equal(rows[0].text, '1 year 2 mons 3 days 04:05:06.789');
  t.match(rows[0].i, {
    years: 1,
    months: 2,
    days: 3,
    hours: 4,
    minutes: 5,
    seconds: 6,
    milliseconds: 789,
  });
  const nulls = await client.query(
    `INSERT INTO round_trip (id, ${types.map((_, i) => `c${i}`).join(', ')}) VALUES (-1, ${types.map((_, i) => `$${i + 1}`).join(', ')}) RETURNING *`,
    types.map(() => null),
  );
  t.same(new Set(Object.values(nulls.rows[0] as object)), new Set([-1, null]), 'NULLs');
});

t.test('simple queries: several results, fields, row modes', async t => {
  const results = (await client.query(
    'SELECT 1 AS a; SELECT 2 AS b, 3 AS c; CREATE TABLE several (x int); INSERT INTO several VALUES (1), (2)',
  )) as unknown as pg.QueryResult[];
  t.same(
    results.map(result => [result.command, result.rowCount]),
    [
      ['SELECT', 1],
      ['SELECT', 1],
      ['CREATE', null],
      ['INSERT', 2],
    ],
  );
  const arrays = await client.query({
    text: 'SELECT x, x AS x FROM several ORDER BY 1',
    rowMode: 'array',
  });
  t.same(arrays.rows, [
    [1, 1],
    [2, 2],
  ]);
  t.match(arrays.fields[0], {
    name: 'x',
    columnID: 1,
    dataTypeID: 23,
    dataTypeSize: 4,
    dataTypeModifier: -1,
    format: 'text',
  });
  t.ok(arrays.fields[0]!.tableID > 16383);
  t.equal((await client.query('')).rows.length, 0, 'an empty query');
});

t.test('errors with their fields', async t => {
  await client.query(
    'CREATE TABLE keyed (a int PRIMARY KEY, b text NOT NULL, c int CHECK (c > 0) REFERENCES keyed)',
  );
  await client.query(`INSERT INTO keyed VALUES (1, 'x', 1)`);
  const cases: readonly (readonly [string, unknown[], object])[] = [
    [
      `INSERT INTO keyed VALUES ($1, 'x')`,
      [1],
      {
        code: '23505',
        detail: 'Key (a)=(1) already exists.',
        schema: 'public',
        table: 'keyed',
        constraint: 'keyed_pkey',
        severity: 'ERROR',
        message: 'duplicate key value violates unique constraint "keyed_pkey"',
      },
    ],
    [
      'INSERT INTO keyed (a) VALUES ($1)',
      [2],
      {
        code: '23502',
        detail: 'Failing row contains (2, null, null).',
        schema: 'public',
        table: 'keyed',
        column: 'b',
      },
    ],
    [
      `INSERT INTO keyed VALUES (2, 'x', $1)`,
      [-1],
      {
        code: '23514',
        detail: 'Failing row contains (2, x, -1).',
        constraint: 'keyed_c_check',
        table: 'keyed',
      },
    ],
    [
      `INSERT INTO keyed VALUES (2, 'x', $1)`,
      [77],
      {
        code: '23503',
        detail: 'Key (c)=(77) is not present in table "keyed".',
        constraint: 'keyed_c_fkey',
        table: 'keyed',
      },
    ],
    [
      'SELECT nothing FROM keyed',
      [],
      {code: '42703', position: '8', message: 'column "nothing" does not exist'},
    ],
    ['SELECT * FROM "äö" WHERE 1 = 1', [], {code: '42P01', position: '15'}],
    ['SELECT 1 FRM x', [], {code: '42601', position: '14', message: 'syntax error at or near "x"'}],
    [
      'SELECT $1::int',
      ['abc'],
      {
        code: '22P02',
        message: 'invalid input syntax for type integer: "abc"',
        where: `unnamed portal parameter $1 = '...'`,
      },
    ],
    ['SELECT 1 / $1::int', [0], {code: '22012'}],
    [
      'SELECT nope($1)',
      [1],
      {
        code: '42883',
        hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
      },
    ],
    ['SELECT 2147483647 + $1::int', [1], {code: '22003', message: 'integer out of range'}],
  ];
  for (const [sql, values, expected] of cases) {
    await t.rejects(client.query(sql, values), expected as Error, sql);
  }
  await client.query({name: 'broken once', text: 'SELECT $1::int AS n', values: [1]});
  await t.rejects(client.query({name: 'broken once', text: 'SELECT $1::int AS n', values: ['x']}), {
    code: '22P02',
    where: `unnamed portal parameter $1 = '...'`,
  });
  t.same(
    (await client.query({name: 'broken once', text: 'SELECT $1::int AS n', values: [2]})).rows,
    [{n: 2}],
  );
});

t.test('transactions and savepoints', async t => {
  const other = await connect(server);
  t.teardown(() => other.end());
  await client.query('CREATE TABLE ledger (id int PRIMARY KEY, v text)');
  await client.query('BEGIN');
  await client.query('INSERT INTO ledger VALUES ($1, $2)', [1, 'one']);
  t.equal((await other.query('SELECT * FROM ledger')).rowCount, 0, 'not seen by others');
  await client.query('SAVEPOINT a');
  await t.rejects(client.query('INSERT INTO ledger VALUES (1, NULL)'), {code: '23505'});
  await t.rejects(client.query('SELECT 1'), {code: '25P02'});
  await client.query('ROLLBACK TO a');
  await client.query('INSERT INTO ledger VALUES ($1, $2)', [2, 'two']);
  await client.query('RELEASE a');
  await client.query('COMMIT');
  t.same((await other.query('SELECT * FROM ledger ORDER BY id')).rows, [
    {id: 1, v: 'one'},
    {id: 2, v: 'two'},
  ]);
  await client.query('BEGIN; UPDATE ledger SET v = $$x$$');
  await client.query('ROLLBACK');
  t.same((await other.query('SELECT v FROM ledger ORDER BY id')).rows, [{v: 'one'}, {v: 'two'}]);
  await client.query('BEGIN');
  await t.rejects(client.query('SELECT 1/0'), {code: '22012'});
  t.equal((await client.query('COMMIT')).command, 'ROLLBACK', 'a failed block rolls back');
});

/** Reads a query by portions with pg's own connection. */
class Portions implements pg.Submittable {
  readonly portions: string[][] = [];
  readonly done: Promise<string[][]>;
  #rows: string[] = [];
  readonly #sql: string;
  readonly #size: number;
  #connection!: pg.Connection;
  #resolve!: (portions: string[][]) => void;
  #reject!: (error: Error) => void;

  constructor(sql: string, size: number) {
    this.#sql = sql;
    this.#size = size;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    this.#connection = connection;
    connection.parse({name: '', text: this.#sql, types: []}, true);
    (connection as unknown as {bind(config: object, more: boolean): void}).bind(
      {portal: 'p', statement: '', values: [], binary: false},
      true,
    );
    this.#next();
  }

  #next(): void {
    (this.#connection as unknown as {execute(config: object, more: boolean): void}).execute(
      {portal: 'p', rows: this.#size},
      true,
    );
    this.#connection.flush();
  }

  handleDataRow(message: {fields: (Buffer | null)[]}): void {
    this.#rows.push(String(message.fields[0]));
  }

  handlePortalSuspended(): void {
    this.portions.push(this.#rows);
    this.#rows = [];
    this.#next();
  }

  handleCommandComplete(): void {
    this.portions.push(this.#rows);
    this.#connection.sync();
  }

  handleRowDescription(): void {}
  handleParseComplete(): void {}
  handleBindComplete(): void {}
  handleEmptyQuery(): void {}

  handleError(error: Error): void {
    this.#connection.sync();
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.portions);
  }
}

t.test('portals with row limits', async t => {
  const portions = await client.query(new Portions('SELECT x FROM generate_series(1, 5) x', 2))
    .done;
  t.same(portions, [['1', '2'], ['3', '4'], ['5']]);
  const exact = await client.query(
    new Portions('SELECT x FROM generate_series(1, 4) x ORDER BY x DESC', 2),
  ).done;
  t.same(exact, [['4', '3'], ['2', '1'], []]);
  const returned = await client.query(
    new Portions('INSERT INTO ledger SELECT x FROM generate_series(10, 14) x RETURNING id', 3),
  ).done;
  t.same(returned, [
    ['10', '11', '12'],
    ['13', '14'],
  ]);
  await t.rejects(
    client.query(new Portions('SELECT 10 / (5 - x) FROM generate_series(1, 9) x', 2)).done,
    {code: '22012'},
  );
  await client.query('BEGIN');
  await client.query('DECLARE c SCROLL CURSOR FOR SELECT x FROM generate_series(1, 10) x');
  t.same((await client.query('FETCH 2 FROM c')).rows, [{x: 1}, {x: 2}]);
  t.same((await client.query('FETCH LAST FROM c')).rows, [{x: 10}]);
  t.same((await client.query('FETCH -2 FROM c')).rows, [{x: 9}, {x: 8}]);
  await client.query('CLOSE c; COMMIT');
});

/** COPY by pg's own connection: gives these chunks, or collects what comes. */
class CopyQuery implements pg.Submittable {
  readonly done: Promise<string>;
  readonly #sql: string;
  readonly #chunks: readonly string[];
  readonly #failure: string | null;
  #out = '';
  #tag = '';
  #resolve!: (text: string) => void;
  #reject!: (error: Error) => void;

  constructor(sql: string, chunks: readonly string[] = [], failure: string | null = null) {
    this.#sql = sql;
    this.#chunks = chunks;
    this.#failure = failure;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: pg.Connection): void {
    const raw = connection as unknown as {
      sendCopyFromChunk(chunk: Buffer): void;
      endCopyFrom(): void;
      sendCopyFail(message: string): void;
    };
    for (const chunk of this.#chunks) raw.sendCopyFromChunk(Buffer.from(chunk));
    if (this.#failure === null) raw.endCopyFrom();
    else raw.sendCopyFail(this.#failure);
  }

  handleCopyData(message: {chunk: Buffer}): void {
    this.#out += message.chunk.toString();
  }

  handleCommandComplete(message: {text: string}): void {
    this.#tag = message.text;
  }

  handleRowDescription(): void {}

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(`${this.#out}${this.#tag}`);
  }
}

t.test('COPY', async t => {
  await client.query('CREATE TABLE copied (a int PRIMARY KEY, b text)');
  const copy = (
    sql: string,
    chunks: readonly string[] = [],
    failure: string | null = null,
  ): Promise<string> => client.query(new CopyQuery(sql, chunks, failure)).done;
  t.equal(
    await copy('COPY copied FROM STDIN', ['1\ton', 'e\n2\t\\N\n3', '\ttab\\tbed\n']),
    'COPY 3',
  );
  t.equal(await copy('COPY copied TO STDOUT'), '1\tone\n2\t\\N\n3\ttab\\tbed\nCOPY 3');
  t.equal(
    await copy('COPY (SELECT * FROM copied ORDER BY a DESC) TO STDOUT (FORMAT csv, HEADER)'),
    'a,b\n3,tab\tbed\n2,\n1,one\nCOPY 3',
  );
  t.equal(
    await copy('COPY copied (b, a) FROM STDIN (FORMAT csv)', ['"x, ""y""",4\n,5\n"",6\n']),
    'COPY 3',
  );
  t.same((await client.query('SELECT a, b FROM copied WHERE a > 3 ORDER BY a')).rows, [
    {a: 4, b: 'x, "y"'},
    {a: 5, b: null},
    {a: 6, b: ''},
  ]);
  await t.rejects(copy('COPY copied FROM STDIN', ['7\tok\n', 'zz\tbad\n', '8\tok\n']), {
    code: '22P02',
    message: 'invalid input syntax for type integer: "zz"',
    where: 'COPY copied, line 2, column a: "zz"',
  });
  await t.rejects(copy('COPY copied FROM STDIN', ['7\tok\n', '8\n']), {
    code: '22P04',
    message: 'missing data for column "b"',
    where: 'COPY copied, line 2: "8"',
  });
  await t.rejects(copy('COPY copied FROM STDIN', ['7\tok\n', '1\tagain\n']), {
    code: '23505',
    where: 'COPY copied, line 2',
  });
  await t.rejects(copy('COPY copied FROM STDIN', ['7\tok\n'], 'enough'), {
    code: '57014',
    message: 'COPY from stdin failed: enough',
  });
  t.same(
    (await client.query('SELECT count(*)::int AS n FROM copied')).rows,
    [{n: 6}],
    'a failed COPY keeps nothing',
  );
});

t.test('LISTEN and NOTIFY', async t => {
  const listener = await connect(server);
  t.teardown(() => listener.end());
  const heard: string[] = [];
  let wake = (): void => undefined;
  listener.on('notification', message => {
    heard.push(
      `${message.channel} ${message.payload} ${message.processId === (client as unknown as {processID: number}).processID}`,
    );
    wake();
  });
  const count = async (n: number): Promise<void> => {
    while (heard.length < n) await new Promise<void>(resolve => (wake = resolve));
  };
  await listener.query('LISTEN news');
  await client.query(`NOTIFY news, 'a'`);
  await client.query('SELECT pg_notify($1, $2)', ['news', 'b']);
  await count(2);
  await client.query(`BEGIN; NOTIFY news, 'c'; NOTIFY news, 'c'; NOTIFY news; NOTIFY other, 'x'`);
  t.equal(heard.length, 2, 'nothing before COMMIT');
  await client.query('COMMIT');
  await count(4);
  await client.query(`BEGIN; NOTIFY news, 'undone'; ROLLBACK`);
  await listener.query('BEGIN');
  await client.query(`NOTIFY news, 'late'`);
  await listener.query('SELECT 1');
  t.equal(heard.length, 4, 'nothing inside a transaction');
  await listener.query('COMMIT');
  t.same(heard, ['news a true', 'news b true', 'news c true', 'news  true', 'news late true']);
  await listener.query('UNLISTEN *');
  await client.query(`NOTIFY news, 'gone'`);
  await listener.query('SELECT 1');
  t.equal(heard.length, 5);
});

t.test('cancel by another connection', async t => {
  const victim = await connect(server);
  const running = victim.query('SELECT pg_sleep(1000)');
  const killer = new pg.Client({host: server.host, port: server.port}) as unknown as {
    cancel(client: pg.Client, query: unknown): void;
  };
  const {activeQuery} = victim as unknown as {activeQuery: unknown};
  killer.cancel(victim, activeQuery ?? running);
  await t.rejects(running, {code: '57014', message: 'canceling statement due to user request'});
  t.same((await victim.query('SELECT 1 AS one')).rows, [{one: 1}]);
  const {rows} = await victim.query('SELECT pg_backend_pid() AS pid');
  const asleep = victim.query('SELECT pg_sleep(1000)');
  const rejected = t.rejects(asleep, {code: '57014'});
  for (let done = false; !done; ) {
    const active = await client.query(
      `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE '%1000%'`,
      [rows[0].pid],
    );
    if (active.rowCount === 1)
      done = (await client.query('SELECT pg_cancel_backend($1) AS ok', [rows[0].pid])).rows[0].ok;
  }
  await rejected;
  const ended = new Promise(resolve => victim.once('end', resolve));
  t.same((await client.query('SELECT pg_terminate_backend($1) AS ok', [rows[0].pid])).rows, [
    {ok: true},
  ]);
  await ended;
});

t.test('a pool of connections', async t => {
  const pool = new pg.Pool({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
    max: 10,
  });
  t.teardown(() => pool.end());
  await pool.query('CREATE TABLE pooled (id int PRIMARY KEY, n int NOT NULL)');
  await pool.query('INSERT INTO pooled SELECT x, 0 FROM generate_series(1, 5) x');
  await Promise.all(
    Array.from({length: 500}, (_, i) =>
      pool.query('UPDATE pooled SET n = n + 1 WHERE id = $1', [1 + (i % 5)]),
    ),
  );
  t.same((await pool.query('SELECT DISTINCT n FROM pooled')).rows, [{n: 100}], 'no update is lost');
});
