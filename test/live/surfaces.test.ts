import pg from 'pg';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

interface LiveRow {
  readonly _seq: string;
  readonly _op: string;
  readonly _resume: string | null;
  readonly [column: string]: unknown;
}

let server: WadiServer;
const clients: pg.Client[] = [];

async function connect(user = 'postgres'): Promise<pg.Client> {
  const client = new pg.Client({host: server.host, port: server.port, user, database: 'postgres'});
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

async function fetched(client: pg.Client, sql: string): Promise<LiveRow[]> {
  return (await client.query(sql)).rows as LiveRow[];
}

const shown = (rows: readonly LiveRow[], ...columns: readonly string[]): string[] =>
  rows.map(row => [row._op, ...columns.map(name => String(row[name]))].join(' '));

t.before(async () => {
  server = await startWadi();
});
t.teardown(async () => {
  for (const client of clients) await client.end().catch(() => {});
  await server.stop();
});

t.test('a cursor of SUBSCRIBE, in a transaction and held', async t => {
  const admin = await connect();
  const reader = await connect();
  await admin.query('CREATE TABLE c1 (id int PRIMARY KEY, room int)');
  await admin.query('INSERT INTO c1 SELECT g, g % 2 FROM generate_series(1, 6) g');
  await t.rejects(reader.query('DECLARE c CURSOR FOR SUBSCRIBE TO c1'), {code: '25P01'});
  await reader.query('BEGIN');
  await reader.query(
    'DECLARE c CURSOR FOR SUBSCRIBE (SELECT id FROM c1 WHERE room = 1 ORDER BY id)',
  );
  t.same(shown(await fetched(reader, 'FETCH 2 FROM c'), 'id'), ['snap 1', 'snap 3']);
  t.same(shown(await fetched(reader, 'FETCH 10 FROM c'), 'id'), ['snap 5', 'mark null']);
  t.same(await fetched(reader, 'FETCH 10 FROM c'), []);
  t.same(await fetched(reader, "FETCH 10 FROM c WITH (timeout = '20ms')"), []);
  await admin.query('INSERT INTO c1 VALUES (7, 1), (8, 0)');
  t.same(shown(await fetched(reader, "FETCH 10 FROM c WITH (timeout = '60s')"), 'id'), ['ins 7']);
  const waiting = fetched(reader, "FETCH ALL FROM c WITH (timeout = '60s')");
  await admin.query('DELETE FROM c1 WHERE id = 1');
  const rows = await waiting;
  t.same(shown(rows, 'id'), ['del 1']);
  await reader.query('COMMIT');
  await t.rejects(fetched(reader, 'FETCH 1 FROM c'), {code: '34000'});
  await reader.query(
    `DECLARE h CURSOR WITH HOLD FOR SUBSCRIBE (SELECT id FROM c1 WHERE room = 1 ORDER BY id) WITH (resume = '${rows[0]!._resume}')`,
  );
  await admin.query('DELETE FROM c1 WHERE id = 3');
  t.same(shown(await fetched(reader, 'FETCH 10 FROM h'), 'id'), ['del 3', 'mark null']);
  await t.rejects(reader.query('FETCH BACKWARD 1 FROM h'), {code: '0A000'});
  await t.rejects(reader.query("FETCH 1 FROM h WITH (patience = '1s')"), {code: '22023'});
  await reader.query('CLOSE h');
  const {rows: left} = await admin.query('SELECT * FROM system.live_queries');
  t.same(left, []);
});

t.test('COPY (SUBSCRIBE ...) TO STDOUT', async t => {
  const admin = await connect();
  const reader = await connect();
  await admin.query('CREATE TABLE c2 (id int PRIMARY KEY, body text)');
  await admin.query("INSERT INTO c2 VALUES (1, 'one')");
  let text = '';
  let wake: () => void = () => {};
  const ended = new Promise<Error & {code?: string; detail?: string}>(resolve => {
    const copy = {
      submit: (connection: {query(text: string): void}) =>
        connection.query('COPY (SUBSCRIBE (SELECT id, body FROM c2)) TO STDOUT (FORMAT csv)'),
      handleCopyData: (message: {readonly chunk: Buffer}) => {
        text += message.chunk.toString();
        wake();
      },
      handleError: resolve,
      handleReadyForQuery: () => {},
      callback: () => {},
    };
    reader.query(copy as never);
  });
  const until = async (wanted: RegExp): Promise<void> => {
    while (!wanted.test(text)) await new Promise<void>(resolve => (wake = resolve));
  };
  await until(/mark/);
  await admin.query("INSERT INTO c2 VALUES (2, 'two, or more')");
  await until(/\d+,ins,t,[^,]+,2,"two, or more"\n/);
  t.match(text, /^\d+,snap,f,,1,one\n\d+,mark,t,[^,]+,,\n/);
  const {processID} = reader as unknown as {processID: number};
  await admin.query('SELECT pg_cancel_backend($1)', [processID]);
  const error = await ended;
  t.equal(error.code, '57014');
  t.ok((error.detail ?? '').length > 20, 'the token');
});

t.test('classes B and E over SQL; EXPLAIN (LIVE)', async t => {
  const admin = await connect();
  const reader = await connect();
  await admin.query('CREATE TABLE m (id int PRIMARY KEY, room int, body text)');
  await admin.query('CREATE TABLE rooms (id int PRIMARY KEY, name text)');
  await admin.query("INSERT INTO rooms VALUES (1, 'one'), (2, 'two')");
  await admin.query("INSERT INTO m SELECT g, 1 + g % 2, 'm' || g FROM generate_series(1, 20) g");
  await reader.query(
    'DECLARE b CURSOR WITH HOLD FOR SUBSCRIBE (SELECT id FROM m WHERE room = 1 ORDER BY id DESC LIMIT 3)',
  );
  await reader.query(
    'DECLARE e CURSOR WITH HOLD FOR SUBSCRIBE (SELECT r.name, count(*) FROM m JOIN rooms r ON r.id = m.room GROUP BY 1)',
  );
  const next = (cursor: string): Promise<LiveRow[]> =>
    fetched(reader, `FETCH 100 FROM ${cursor} WITH (timeout = '60s')`);
  const both = async (cursor: string): Promise<LiveRow[]> => {
    const rows = await next(cursor);
    return rows.some(row => row._op === 'mark') ? rows : [...rows, ...(await next(cursor))];
  };
  t.same(shown(await both('b'), 'id'), ['snap 20', 'snap 18', 'snap 16', 'mark null']);
  t.same(shown(await both('e'), 'name', 'count').sort(), [
    'mark null null',
    'snap one 10',
    'snap two 10',
  ]);
  await admin.query("INSERT INTO m VALUES (22, 1, 'new')");
  t.same(shown(await next('b'), 'id'), ['del 16', 'ins 22']);
  t.same(shown(await next('e'), 'name', 'count'), ['upd one 11']);
  await admin.query('DELETE FROM m WHERE id > 2 AND room = 1');
  t.same(shown(await next('b'), 'id').sort(), ['del 18', 'del 20', 'del 22', 'ins 2']);
  t.same(shown(await next('e'), 'name', 'count'), ['upd one 1']);
  await admin.query('TRUNCATE m');
  t.same(shown(await both('b'), 'id'), ['reset null', 'mark null'], 'as in class A');
  t.same(shown(await both('e'), 'name'), ['reset null', 'mark null']);
  await admin.query("INSERT INTO m VALUES (30, 1, 'after')");
  t.same(shown(await next('b'), 'id'), ['ins 30']);
  t.same(shown(await next('e'), 'name', 'count'), ['ins one 1']);
  await admin.query('DELETE FROM m');
  t.same(shown(await next('b'), 'id'), ['del 30']);
  const explain = async (sql: string): Promise<string> =>
    (await admin.query(`EXPLAIN (LIVE) ${sql}`)).rows
      .map(row => (row as Record<string, string>)['QUERY PLAN'])
      .join('\n');
  t.match(await explain('SELECT id FROM m WHERE room = 1'), /class A[^]*hash of room/);
  t.match(await explain('SELECT id FROM m ORDER BY id LIMIT 5'), /class B/);
  t.match(await explain('SELECT count(*) FROM m'), /class E[^]*aggregates/);
  await t.rejects(explain('SELECT id FROM m WHERE random() > 0.5'), {code: '0A000'});
  await t.rejects(explain('SELECT now(), id FROM m'), {code: '0A000', message: /now\(\)/});
  await t.rejects(admin.query('EXPLAIN (LIVE, ANALYZE) SELECT 1'), {code: '42601'});
});

t.test('limits, lost rights and dropped tables end a kept result', async t => {
  const admin = await connect();
  await admin.query('CREATE ROLE sally LOGIN; CREATE TABLE big (id int PRIMARY KEY)');
  await admin.query('CREATE TABLE other (id int); GRANT SELECT ON big, other TO sally');
  await admin.query('INSERT INTO big SELECT generate_series(1, 50)');
  const sally = await connect('sally');
  await sally.query('SET live_max_result_rows = 20');
  await t.rejects(sally.query('SUBSCRIBE (SELECT b.id FROM big b JOIN big c USING (id))'), {
    code: '54000',
  });
  await t.rejects(sally.query('SUBSCRIBE (SELECT id FROM big ORDER BY id LIMIT 30)'), {
    code: '54000',
  });
  await t.rejects(sally.query('SUBSCRIBE (SELECT id FROM big ORDER BY id LIMIT -1)'), {
    code: '2201W',
  });
  const lost = sally.query('SUBSCRIBE (SELECT count(*) FROM big, other)');
  const watched = async (): Promise<boolean> =>
    (
      await admin.query(
        "SELECT 1 FROM system.live_queries WHERE state = 'live' AND user_name = 'sally'",
      )
    ).rows.length === 1;
  while (!(await watched()));
  const [outcome] = await Promise.all([
    lost.catch((error: unknown) => error as {code: string}),
    admin.query('REVOKE SELECT ON other FROM sally'),
  ]);
  t.match(outcome, {code: '42501'});
  await admin.query('GRANT SELECT ON other TO sally');
  const dropped = sally.query('SUBSCRIBE (SELECT count(*) FROM big, other)');
  while (!(await watched()));
  const [gone] = await Promise.all([
    dropped.catch((error: unknown) => error as {code: string}),
    admin.query('DROP TABLE other'),
  ]);
  t.match(gone, {code: '42P01'});
});

t.test('channels of kept results', async t => {
  const admin = await connect();
  const listener = await connect();
  await admin.query('CREATE TABLE votes (id int PRIMARY KEY, choice text)');
  await admin.query(
    'CREATE LIVE QUERY tally AS SELECT choice, count(*)::int AS n FROM votes GROUP BY choice',
  );
  const {rows} = await listener.query("SELECT channel FROM live_open('tally')");
  const {channel} = rows[0] as {channel: string};
  const payloads: {readonly ops: readonly unknown[]}[] = [];
  let wake: () => void = () => {};
  listener.on('notification', ({payload}) => {
    payloads.push(JSON.parse(payload ?? ''));
    wake();
  });
  const until = async (count: number): Promise<void> => {
    while (payloads.length < count) await new Promise<void>(resolve => (wake = resolve));
  };
  await listener.query(`LISTEN ${channel}`);
  const live = "SELECT 1 FROM system.live_queries WHERE name = 'tally' AND state = 'live'";
  while ((await admin.query(live)).rows.length === 0);
  await admin.query("INSERT INTO votes VALUES (1, 'yes')");
  await until(1);
  await admin.query("INSERT INTO votes VALUES (2, 'yes')");
  await until(2);
  t.same(payloads[0]!.ops, [['+', ['yes'], ['yes', 1]]]);
  t.same(payloads[1]!.ops, [['~', ['yes'], ['yes', 2], {n: 1}]]);
  t.equal(
    (await listener.query('SELECT * FROM live_changes($1, 0)', [channel])).rowCount,
    2,
    'a reset, and the rows',
  );
});

t.test('two logins in one role are not one subscriber', async t => {
  const admin = await connect();
  await admin.query(`
    CREATE ROLE app; CREATE ROLE ann LOGIN IN ROLE app; CREATE ROLE ben LOGIN IN ROLE app;
    CREATE TABLE notes (id int PRIMARY KEY, who text);
    GRANT SELECT ON notes TO app;
    INSERT INTO notes VALUES (1, 'ann'), (2, 'ben');
  `);
  for (const [user, id, other] of [
    ['ann', 1, 3],
    ['ben', 2, 4],
  ] as const) {
    const client = await connect(user);
    await client.query('SET ROLE app');
    for (const [name, order] of [
      ['a', ''],
      ['b', 'ORDER BY id DESC LIMIT 5'],
    ] as const) {
      const sql = `SELECT id FROM notes WHERE who = session_user ${order}`;
      await client.query(`DECLARE ${name} CURSOR WITH HOLD FOR SUBSCRIBE (${sql})`);
      const next = (): Promise<LiveRow[]> =>
        fetched(client, `FETCH 1 FROM ${name} WITH (timeout = '60s')`);
      t.same(shown([...(await next()), ...(await next())], 'id'), [`snap ${id}`, 'mark null']);
    }
    await admin.query('INSERT INTO notes VALUES ($1, $2)', [other, user]);
    for (const name of ['a', 'b'])
      t.same(shown(await fetched(client, `FETCH 9 FROM ${name} WITH (timeout = '60s')`), 'id'), [
        `ins ${other}`,
      ]);
  }
});

t.test('a new column starts a window over, whose rows are known by their place', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE grown (id int PRIMARY KEY, v int)');
  const reader = await connect();
  await reader.query(
    'DECLARE g CURSOR WITH HOLD FOR SUBSCRIBE (SELECT id FROM grown ORDER BY v LIMIT 2)',
  );
  const next = (): Promise<LiveRow[]> => fetched(reader, "FETCH 1 FROM g WITH (timeout = '60s')");
  t.same(shown(await next()), ['mark']);
  await admin.query('ALTER TABLE grown ADD COLUMN w int');
  t.same(shown([...(await next()), ...(await next())]), ['reset', 'mark']);
  await admin.query('INSERT INTO grown VALUES (1, 1, 1)');
  t.same(shown(await next(), 'id'), ['ins 1']);
});

t.test(
  'policies: only rows that they show; a change of one starts the subscription over',
  async t => {
    const admin = await connect();
    await admin.query(`
    CREATE ROLE rick LOGIN;
    CREATE TABLE docs (id int PRIMARY KEY, reader text, body text);
    CREATE TABLE members (room int, who text, PRIMARY KEY (room, who));
    CREATE TABLE msgs (id int PRIMARY KEY, room int);
    ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE msgs ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON docs USING (reader = current_user);
    CREATE POLICY member ON msgs USING (EXISTS (SELECT FROM members m WHERE m.room = msgs.room AND m.who = current_user));
    GRANT SELECT ON docs, members, msgs TO rick;
    INSERT INTO docs VALUES (1, 'rick', 'a'), (2, 'bob', 'b');
    INSERT INTO msgs VALUES (1, 1), (2, 2);
  `);
    const rick = await connect('rick');
    await rick.query('DECLARE d CURSOR WITH HOLD FOR SUBSCRIBE (SELECT id, body FROM docs)');
    await rick.query('DECLARE m CURSOR WITH HOLD FOR SUBSCRIBE (SELECT id FROM msgs)');
    const next = (cursor: string): Promise<LiveRow[]> =>
      fetched(rick, `FETCH 1 FROM ${cursor} WITH (timeout = '60s')`);
    t.same(shown([...(await next('d')), ...(await next('d'))], 'id'), ['snap 1', 'mark null']);
    t.same(shown(await next('m')), ['mark']);
    await admin.query(
      "UPDATE docs SET body = 'bb' WHERE id = 2; UPDATE docs SET reader = 'bob' WHERE id = 1",
    );
    t.same(
      shown(await next('d'), 'id', 'body'),
      ['del 1 a'],
      'a row that leaves shows what it was',
    );
    await admin.query("INSERT INTO members VALUES (2, 'rick')");
    t.same(shown(await next('m'), 'id'), ['ins 2'], 'membership brings rows in');
    await admin.query('DELETE FROM members');
    t.same(shown(await next('m'), 'id'), ['del 2']);
    await admin.query("ALTER POLICY mine ON docs USING (reader = 'nobody')");
    t.same(shown(await next('d')), ['reset']);
    t.same(shown(await next('d')), ['mark'], 'it shows nothing now');
    await admin.query("INSERT INTO docs VALUES (3, 'nobody', 'c')");
    t.same(shown(await next('d'), 'id'), ['ins 3']);
    await admin.query('CREATE VIEW shown AS SELECT id FROM members, docs WHERE false');
    await admin.query('GRANT SELECT ON shown TO rick');
    await rick.query('DECLARE v CURSOR WITH HOLD FOR SUBSCRIBE TO shown');
    t.same(shown(await next('v')), ['mark']);
    await admin.query('CREATE OR REPLACE VIEW shown AS SELECT id FROM docs ORDER BY id');
    t.same(shown([...(await next('v')), ...(await next('v'))], 'id'), ['reset null', 'snap 1']);
    t.same(shown([...(await next('v')), ...(await next('v'))], 'id'), ['snap 2', 'snap 3']);
    t.same(shown(await next('v')), ['mark']);
    await admin.query('CREATE OR REPLACE VIEW shown AS SELECT id, 1 AS one FROM docs');
    await t.rejects(next('v'), {code: '0A000', hint: 'Subscribe again.'});
  },
);

t.test('consumer groups share the commits of a table, at least once', async t => {
  const admin = await connect();
  await admin.query(`
    CREATE ROLE worker LOGIN;
    CREATE SEQUENCE mailer MINVALUE 0;
    CREATE TABLE mails (id int PRIMARY KEY, body text);
    INSERT INTO mails VALUES (0, 'before');
  `);
  const first = await connect();
  const second = await connect('worker');
  const take = async (
    client: pg.Client,
    max = 100,
    seconds = 60,
  ): Promise<Record<string, string>[]> =>
    (await client.query("SELECT * FROM system.consume('mailer', 'mails', $1, $2)", [max, seconds]))
      .rows as [];
  const ack = async (client: pg.Client, seq: string | undefined): Promise<boolean> =>
    (await client.query("SELECT system.ack('mailer', 'mails', $1) AS ok", [seq])).rows[0]
      .ok as boolean;
  t.same(await take(first), [], 'a new group begins here');
  await t.rejects(take(second), {code: '42501'});
  await admin.query(
    'GRANT UPDATE ON SEQUENCE mailer TO worker; GRANT SELECT (id) ON mails TO worker',
  );
  await t.rejects(take(second), {code: '42501'}, 'needs the whole row');
  await admin.query('GRANT SELECT ON mails TO worker');
  for (let id = 1; id <= 6; id++) await admin.query("INSERT INTO mails VALUES ($1, 'm')", [id]);
  await admin.query("UPDATE mails SET body = 'x' WHERE id IN (1, 2)");
  const ofFirst = await take(first, 2);
  const ofSecond = await take(second, 3);
  t.same(
    ofFirst.map(row => row['new_row']),
    [
      {id: 1, body: 'm'},
      {id: 2, body: 'm'},
    ],
  );
  t.same(
    ofSecond.map(row => row['new_row']),
    [
      {id: 3, body: 'm'},
      {id: 4, body: 'm'},
      {id: 5, body: 'm'},
    ],
  );
  for (const row of ofSecond) t.equal(await ack(second, row['seq']), true);
  t.equal(await ack(second, ofSecond[0]!['seq']), false, 'only once');
  const rest = await take(first);
  t.same(
    rest.map(row => [row['op'], row['old_row'], row['new_row']]),
    [
      ['insert', null, {id: 6, body: 'm'}],
      ['update', {id: 1, body: 'm'}, {id: 1, body: 'x'}],
      ['update', {id: 2, body: 'm'}, {id: 2, body: 'x'}],
    ],
    'a commit comes whole',
  );
  await ack(first, ofFirst[0]!['seq']);
  const position = async (): Promise<string> =>
    (await admin.query('SELECT last_value FROM mailer')).rows[0].last_value as string;
  t.equal(await position(), ofFirst[0]!['seq'], 'the position waits for the second');
  await ack(first, ofFirst[1]!['seq']);
  t.equal(await position(), ofSecond[2]!['seq'], 'and then is behind all that is done');
  t.same(await take(second), [], 'what is not done belongs to the first consumer');
  await admin.query("SELECT setval('mailer', $1)", [await position()]);
  t.same(await take(second), []);
  await admin.query("SELECT setval('mailer', $1)", [ofFirst[1]!['seq']]);
  t.equal((await take(second)).length, 6, 'moved back by setval()');
  await t.rejects(admin.query("SELECT * FROM system.consume('mailer', 'docs')"), {code: '55000'});
  await t.rejects(admin.query("SELECT * FROM system.consume('mails', 'mails')"), {code: '42809'});
});
