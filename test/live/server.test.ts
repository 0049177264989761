import pg from 'pg';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

interface LiveRow {
  readonly _seq: string;
  readonly _op: string;
  readonly _last: boolean;
  readonly _resume: string | null;
  readonly [column: string]: unknown;
}

/** A SUBSCRIBE on a connection of its own: rows as they come. */
class Stream {
  readonly rows: LiveRow[] = [];
  error: (Error & {code?: string; detail?: string}) | null = null;
  readonly client: pg.Client;
  #wake: (() => void) | null = null;

  constructor(client: pg.Client) {
    this.client = client;
  }

  start(text: string, values: readonly unknown[] = [], rows?: number): void {
    const query = new pg.Query({
      text,
      values: values.length > 0 || rows !== undefined ? [...values] : undefined,
      rows,
    } as never);
    const events = query as unknown as {on(event: string, listener: (value: never) => void): void};
    events.on('row', (row: LiveRow) => {
      this.rows.push(row);
      this.#wake?.();
    });
    events.on('error', (error: Error) => {
      this.error = error;
      this.#wake?.();
    });
    this.client.query(query as never);
  }

  /** Waits until a condition holds. */
  async until(test: () => boolean, what: string): Promise<void> {
    while (!test()) {
      if (this.error !== null && !/error/.test(what)) throw this.error;
      await new Promise<void>(resolve => (this.#wake = resolve));
    }
  }

  ops(...columns: readonly string[]): string[] {
    return this.rows.map(row => [row._op, ...columns.map(name => String(row[name]))].join(' '));
  }

  async cancel(admin: pg.Client): Promise<string> {
    const {processID} = this.client as unknown as {processID: number};
    await admin.query('SELECT pg_cancel_backend($1)', [processID]);
    await this.until(() => this.error !== null, 'error');
    return this.error?.detail ?? '';
  }
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

async function stream(
  text: string,
  values: readonly unknown[] = [],
  options: {user?: string; rows?: number} = {},
): Promise<Stream> {
  const made = new Stream(await connect(options.user));
  made.start(text, values, options.rows);
  return made;
}

t.before(async () => {
  server = await startWadi();
});
t.teardown(async () => {
  for (const client of clients) await client.end().catch(() => {});
  await server.stop();
});

t.test('SUBSCRIBE: rows, a mark, then changes; the detail of a cancel resumes it', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE s1 (id int PRIMARY KEY, v int, s text)');
  await admin.query("INSERT INTO s1 VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 5, 'c')");
  const live = await stream('SUBSCRIBE (SELECT id, s FROM s1 WHERE v >= 10)');
  await live.until(() => live.rows.some(row => row._op === 'mark'), 'the mark');
  t.same(live.ops('id', 's').sort(), ['mark null null', 'snap 1 a', 'snap 2 b']);
  await admin.query("INSERT INTO s1 VALUES (4, 40, 'd')");
  await admin.query('UPDATE s1 SET v = 1 WHERE id = 1');
  await admin.query("UPDATE s1 SET s = 'bb' WHERE id = 2");
  await admin.query('UPDATE s1 SET v = 21 WHERE id = 2');
  await admin.query('DELETE FROM s1 WHERE id = 4');
  await admin.query(
    "BEGIN; INSERT INTO s1 VALUES (7, 70, 'x'); INSERT INTO s1 VALUES (8, 80, 'y'); COMMIT",
  );
  await live.until(() => live.rows.length >= 9, 'nine rows');
  t.same(live.ops('id', 's').slice(3), [
    'ins 4 d',
    'del 1 a',
    'upd 2 bb',
    'del 4 d',
    'ins 7 x',
    'ins 8 y',
  ]);
  t.same(
    live.rows.slice(3).map(row => row._last),
    [true, true, true, true, false, true],
  );
  t.equal(live.rows[7]!._seq, live.rows[8]!._seq, 'one commit, one seq');
  const token = await live.cancel(admin);
  t.equal(live.error?.code, '57014');
  t.ok(token.length > 20);
  await admin.query("INSERT INTO s1 VALUES (9, 90, 'z')");
  const again = await stream(
    `SUBSCRIBE (SELECT id, s FROM s1 WHERE v >= 10) WITH (resume = '${token}')`,
  );
  await again.until(() => again.rows.length >= 2, 'the missed row');
  t.same(again.ops('id', 's'), ['ins 9 z', 'mark null null']);
  const from = await stream(
    `SUBSCRIBE (SELECT id, s FROM s1 WHERE v >= 10) WITH (resume = '${live.rows[5]!._resume}')`,
  );
  await from.until(() => from.rows.length >= 5, 'rows after the third change');
  t.same(from.ops('id'), ['del 4', 'ins 7', 'ins 8', 'ins 9', 'mark null']);
  await t.rejects(admin.query(`SUBSCRIBE (SELECT id FROM s1) WITH (resume = '${token}')`), {
    code: '22023',
  });
  await t.rejects(admin.query('SUBSCRIBE (SELECT id FROM s1) WITH (nonsense = 1)'), {
    code: '22023',
  });
  await t.rejects(admin.query('SUBSCRIBE (SELECT random() FROM s1)'), {
    code: '0A000',
    message: /random/,
  });
  await t.rejects(admin.query('SUBSCRIBE (SELECT id FROM nothing)'), {code: '42P01'});
});

t.test('parameters, row limits, the short form', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE s2 (id int8 PRIMARY KEY, room int, body text)');
  await admin.query("INSERT INTO s2 SELECT g, g % 2, 'm' FROM generate_series(1, 10) g");
  const byParam = await stream('SUBSCRIBE (SELECT id FROM s2 WHERE room = $1)', [1]);
  const limited = await stream('SUBSCRIBE (SELECT id FROM s2 WHERE room = 0)', [], {rows: 2});
  const newest = await stream('SUBSCRIBE TO s2 WHERE room = 1 OPTIONS (last_rows = 0)');
  const fresh = await stream('SUBSCRIBE TO s2 WITH (snapshot = false)');
  for (const each of [byParam, limited, newest, fresh])
    await each.until(() => each.rows.some(row => row._op === 'mark'), 'the mark');
  t.same(byParam.ops('id').sort(), ['mark null', 'snap 1', 'snap 3', 'snap 5', 'snap 7', 'snap 9']);
  t.equal(limited.rows.length, 6);
  t.same(newest.ops(), ['mark']);
  t.same(fresh.ops(), ['mark']);
  await admin.query(
    "INSERT INTO s2 VALUES (11, 1, 'odd'), (12, 0, 'even'), (14, 0, 'even'), (16, 0, 'even')",
  );
  await byParam.until(() => byParam.rows.length >= 7, 'an odd row');
  await limited.until(() => limited.rows.length >= 9, 'three even rows');
  await fresh.until(() => fresh.rows.length >= 5, 'all rows');
  t.equal(byParam.ops('id').at(-1), 'ins 11');
  t.same(limited.ops('id').slice(-3), ['ins 12', 'ins 14', 'ins 16']);
  t.same(
    limited.rows.slice(-3).map(row => row._last),
    [false, false, true],
  );
});

t.test('user tables and lost rights', async t => {
  const admin = await connect();
  await admin.query('CREATE ROLE lalice LOGIN; CREATE ROLE lbob LOGIN');
  await admin.query("CREATE TABLE u1 (id int PRIMARY KEY, body text) WITH (type = 'user')");
  await admin.query('CREATE TABLE s3 (id int PRIMARY KEY, v int)');
  await admin.query('GRANT SELECT, INSERT ON u1 TO lalice, lbob; GRANT SELECT ON s3 TO lbob');
  const alice = await stream('SUBSCRIBE TO u1', [], {user: 'lalice'});
  const everybody = await stream('SUBSCRIBE (SELECT _user_id, id, body FROM u1)');
  const ofBob = await stream("SUBSCRIBE (SELECT id, body FROM u1 WHERE _user_id = 'lbob')");
  const shared = await stream('SUBSCRIBE TO s3', [], {user: 'lbob'});
  for (const each of [alice, everybody, ofBob, shared])
    await each.until(() => each.rows.length > 0, 'the mark');
  const bob = await connect('lbob');
  const aliceToo = await connect('lalice');
  await bob.query("INSERT INTO u1 VALUES (1, 'of bob')");
  await aliceToo.query("INSERT INTO u1 VALUES (1, 'of alice')");
  await alice.until(() => alice.rows.length > 1, 'her row');
  await everybody.until(() => everybody.rows.length > 2, 'both rows');
  await ofBob.until(() => ofBob.rows.length > 1, 'his row');
  t.same(alice.ops('body'), ['mark null', 'ins of alice']);
  t.same(everybody.ops('_user_id', 'body').slice(1), ['ins lbob of bob', 'ins lalice of alice']);
  t.same(ofBob.ops('body'), ['mark null', 'ins of bob']);
  await admin.query('INSERT INTO s3 VALUES (1, 1)');
  await shared.until(() => shared.rows.length > 1, 'the row');
  await admin.query('REVOKE SELECT ON s3 FROM lbob');
  await shared.until(() => shared.error !== null, 'error');
  t.equal(shared.error?.code, '42501');
  await t.rejects(bob.query('SUBSCRIBE TO s3'), {code: '42501'});
});

t.test('a client that goes away leaves nothing', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE gone (id int PRIMARY KEY)');
  const live = await stream('SUBSCRIBE TO gone');
  const limited = await stream('SUBSCRIBE TO gone', [], {rows: 1});
  for (const each of [live, limited]) await each.until(() => each.rows.length > 0, 'the mark');
  const count = async (): Promise<number> => {
    const {rows} = await admin.query(
      "SELECT count(*)::int AS n FROM system.live_queries WHERE query LIKE '%gone%' AND surface = 'subscribe'",
    );
    return (rows[0] as {n: number}).n;
  };
  t.equal(await count(), 2);
  for (const each of [live, limited])
    (
      each.client as unknown as {connection: {stream: {destroy(): void}}}
    ).connection.stream.destroy();
  while ((await count()) > 0);
  await admin.query('INSERT INTO gone VALUES (1)');
});

t.test('live queries as channels', async t => {
  const admin = await connect();
  await admin.query('CREATE ROLE lcarol LOGIN');
  await admin.query(
    'CREATE TABLE inboxes (id int PRIMARY KEY, recipient text, body text, at timestamptz, n numeric)',
  );
  await admin.query('GRANT SELECT, INSERT ON inboxes TO lcarol');
  await admin.query(
    'CREATE LIVE QUERY inbox(uid text) AS SELECT id, body, at, n FROM inboxes WHERE recipient = uid',
  );
  await t.rejects(admin.query('CREATE LIVE QUERY inbox(uid text) AS SELECT id FROM inboxes'), {
    code: '42710',
  });
  await t.rejects(admin.query('CREATE LIVE QUERY bad AS SELECT now() FROM inboxes'), {
    code: '0A000',
  });
  const carol = await connect('lcarol');
  const {rows} = await carol.query(`SELECT * FROM live_open('inbox', '["carol"]')`);
  const {channel, seq, resume} = rows[0] as {channel: string; seq: string; resume: string};
  t.match(channel, /^lq_[0-9a-f]{32}$/);
  t.match(seq, /^\d+$/);
  t.ok(resume.length > 20);
  await admin.query(
    "INSERT INTO inboxes VALUES (1, 'carol', 'before LISTEN', '2026-01-02 03:04:05+00', 1.50), (2, 'dave', 'no', null, null)",
  );
  const payloads: {seq: string; ops: unknown[][]; p: number[]; r?: string}[] = [];
  let wake = (): void => {};
  carol.on('notification', message => {
    t.equal(message.channel, channel);
    payloads.push(JSON.parse(message.payload ?? ''));
    wake();
  });
  const until = async (count: number): Promise<void> => {
    while (payloads.length < count) await new Promise<void>(resolve => (wake = resolve));
  };
  await carol.query(`LISTEN ${channel}`);
  await until(1);
  t.same(payloads[0]!.ops, [['+', [1], [1, 'before LISTEN', '2026-01-02T03:04:05+00:00', 1.5]]]);
  t.same(payloads[0]!.p, [1, 1]);
  t.ok(payloads[0]!.r);
  await admin.query("UPDATE inboxes SET body = 'changed' WHERE id = 1");
  await until(2);
  t.same(payloads[1]!.ops, [
    ['~', [1], [1, 'changed', '2026-01-02T03:04:05+00:00', 1.5], {body: 'before LISTEN'}],
  ]);
  await admin.query('UPDATE inboxes SET id = 3 WHERE id = 1');
  await until(3);
  t.same(
    payloads[2]!.ops.map(op => op.slice(0, 2)),
    [
      ['-', [1]],
      ['+', [3]],
    ],
  );
  await admin.query('DELETE FROM inboxes WHERE id = 3');
  await until(4);
  t.same(payloads[3]!.ops, [['-', [3]]]);
  await admin.query(
    "INSERT INTO inboxes SELECT g, 'carol', repeat('x', 100) FROM generate_series(100, 299) g",
  );
  while (payloads.slice(4).flatMap(each => each.ops).length < 200) await until(payloads.length + 1);
  const parts = payloads.slice(4);
  t.ok(
    parts.length > 1 &&
      parts.every(
        each => each.p[1] === parts.length && Buffer.byteLength(JSON.stringify(each)) < 8000,
      ),
    `${parts.length} parts`,
  );
  t.ok(parts.at(-1)!.r);
  const other = await connect();
  await t.rejects(other.query(`LISTEN ${channel}`), {code: '42501'});
  await t.rejects(other.query(`NOTIFY ${channel}, 'x'`), {code: '42501'});
  await t.rejects(carol.query('SELECT pg_notify($1, $2)', [channel, 'x']), {code: '42501'});
  const changes = await carol.query('SELECT * FROM live_changes($1, $2)', [channel, seq]);
  t.equal(changes.rows.length, payloads.length);
  t.same(JSON.parse((changes.rows[0] as {payload: string}).payload), payloads[0]);
  await carol.query(`UNLISTEN ${channel}`);
  t.same(
    (
      await admin.query('SELECT count(*)::int AS n FROM system.live_queries WHERE surface = $1', [
        'channel',
      ])
    ).rows,
    [{n: 0}],
  );
  const sql = await carol.query(
    `SELECT channel FROM live_open_sql('SELECT id FROM inboxes WHERE id > $1', '[5]')`,
  );
  t.equal(
    (await carol.query('SELECT live_close($1) AS ok', [(sql.rows[0] as {channel: string}).channel]))
      .rows[0].ok,
    true,
  );
  await admin.query('DROP LIVE QUERY inbox');
  await t.rejects(carol.query(`SELECT * FROM live_open('inbox', '["carol"]')`), {code: '42704'});
});

t.test('a transaction holds channel messages back, as any notification', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE held (id int PRIMARY KEY)');
  const listener = await connect();
  const opened = await listener.query("SELECT channel FROM live_open_sql('SELECT id FROM held')");
  const got: string[] = [];
  let wake = (): void => {};
  listener.on('notification', message => {
    got.push(message.payload ?? '');
    wake();
  });
  await listener.query(`LISTEN ${(opened.rows[0] as {channel: string}).channel}`);
  await listener.query('BEGIN');
  for (let i = 0; i < 5; i++) await admin.query('INSERT INTO held VALUES ($1)', [i]);
  await listener.query('SELECT 1');
  t.equal(got.length, 0);
  await listener.query('COMMIT');
  while (got.length < 5) await new Promise<void>(resolve => (wake = resolve));
  t.same(
    got.map(text => JSON.parse(text).ops[0][1][0]),
    [0, 1, 2, 3, 4],
  );
});

t.test('system.live_queries and KILL LIVE QUERY', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE k1 (id int PRIMARY KEY)');
  const live = await stream('SUBSCRIBE (SELECT id FROM k1 WHERE id > 3)');
  await live.until(() => live.rows.length > 0, 'the mark');
  const {rows} = await admin.query("SELECT * FROM system.live_queries WHERE query LIKE '%k1%'");
  t.match(rows, [
    {surface: 'subscribe', class: 'A', state: 'live', user_name: 'postgres', lag: '0'},
  ]);
  await admin.query(`KILL LIVE QUERY ${(rows[0] as {live_id: string}).live_id}`);
  await live.until(() => live.error !== null, 'error');
  t.equal(live.error?.code, '57014');
  t.same(
    await live.client.query('SELECT 1 AS one').then(result => result.rows),
    [{one: 1}],
    'the session goes on',
  );
  await t.rejects(admin.query('KILL LIVE QUERY 123456'), {code: '42704'});
});

t.test('views, keys, lists; a dropped table', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE d1 (id int PRIMARY KEY, v int)');
  await admin.query('CREATE VIEW d1_view AS SELECT id, v * 2 AS twice FROM d1 WHERE v > 0');
  const live = await stream('SUBSCRIBE TO d1');
  const byView = await stream('SUBSCRIBE (SELECT * FROM d1_view WHERE twice < 100)');
  const byKey = await stream(
    'SUBSCRIBE (SELECT id, v, _seq > 0 AS has_seq FROM d1 WHERE id = $1)',
    [7],
  );
  const byList = await stream('SUBSCRIBE (SELECT id FROM d1 WHERE v = ANY($1::int[]))', [[5, 6]]);
  const all = [live, byView, byKey, byList];
  for (const each of all) await each.until(() => each.rows.length > 0, 'the mark');
  await admin.query('INSERT INTO d1 VALUES (1, -1), (7, 5), (8, 60)');
  await admin.query('UPDATE d1 SET v = 6 WHERE id = 7');
  await admin.query('UPDATE d1 SET id = 9 WHERE id = 7');
  await live.until(() => live.rows.length >= 7, 'six changes');
  t.same(live.ops('id', 'v').slice(1), [
    'ins 1 -1',
    'ins 7 5',
    'ins 8 60',
    'upd 7 6',
    'del 7 6',
    'ins 9 6',
  ]);
  await byView.until(() => byView.rows.length >= 5, 'changes of the view');
  t.same(byView.ops('id', 'twice').slice(1), ['ins 7 10', 'upd 7 12', 'del 7 12', 'ins 9 12']);
  await byKey.until(() => byKey.rows.length >= 4, 'changes of the key');
  t.same(byKey.ops('id', 'v', 'has_seq').slice(1), [
    'ins 7 5 true',
    'upd 7 6 true',
    'del 7 6 true',
  ]);
  await byList.until(() => byList.rows.length >= 4, 'changes of the list');
  t.same(byList.ops('id').slice(1), ['ins 7', 'del 7', 'ins 9']);
  const again = await stream('SUBSCRIBE TO d1');
  await again.until(() => again.rows.length > 0, 'the mark');
  await admin.query('DROP TABLE d1 CASCADE');
  await again.until(() => again.error !== null, 'error');
  t.equal(again.error?.code, '42P01');
});

t.test('altered and truncated tables', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE d2 (id int PRIMARY KEY, v int)');
  const live = await stream('SUBSCRIBE (SELECT id, v FROM d2)');
  const whole = await stream('SUBSCRIBE TO d2');
  await live.until(() => live.rows.length > 0, 'the mark');
  await whole.until(() => whole.rows.length > 0, 'the mark');
  await admin.query('ALTER TABLE d2 ADD COLUMN extra text');
  await admin.query('INSERT INTO d2 VALUES (10, 5, $1)', ['x']);
  await whole.until(() => whole.error !== null, 'it has other columns now');
  t.match(whole.error, {code: '0A000', message: /must not change result type/});
  await live.until(() => live.rows.length > 1, 'a row of the new form');
  t.equal(live.ops('id', 'v').at(-1), 'ins 10 5', 'an added column does not disturb');
  await admin.query('TRUNCATE d2');
  await live.until(() => live.rows.length >= 4, 'the reset');
  t.same(live.ops().slice(2), ['reset', 'mark']);
  await admin.query('ALTER TABLE d2 ALTER COLUMN v TYPE bigint');
  await live.until(() => live.error !== null, 'error');
  t.equal(live.error?.code, '0A000');
});

t.test('stream tables: subscribers hear, nothing is kept', async t => {
  const admin = await connect();
  await admin.query(
    "CREATE TABLE typing (id int PRIMARY KEY, who text) WITH (type = 'stream', ttl = '60s')",
  );
  const live = await stream('SUBSCRIBE TO typing');
  await live.until(() => live.rows.length > 0, 'the mark');
  await admin.query("INSERT INTO typing VALUES (1, 'bob')");
  await live.until(() => live.rows.length > 1, 'the row');
  t.same(live.ops('who'), ['mark null', 'ins bob']);
});

t.test('a flush is invisible; rows in segments change as any', async t => {
  const admin = await connect();
  await admin.query('CREATE TABLE cold (id int PRIMARY KEY, v int)');
  await admin.query('INSERT INTO cold SELECT g, g FROM generate_series(1, 3) g');
  const live = await stream('SUBSCRIBE (SELECT id, v FROM cold)');
  await live.until(() => live.rows.length >= 4, 'the mark');
  await admin.query('STORAGE FLUSH TABLE cold');
  await admin.query('UPDATE cold SET v = 20 WHERE id = 2');
  await admin.query('DELETE FROM cold WHERE id = 3');
  await live.until(() => live.rows.length >= 6, 'two changes');
  t.same(live.ops('id', 'v').slice(4), ['upd 2 20', 'del 3 3']);
  const later = await stream(
    `SUBSCRIBE (SELECT id, v FROM cold) WITH (resume = '${live.rows[3]!._resume}')`,
  );
  await later.until(() => later.rows.length >= 3, 'the same from the log');
  t.same(later.ops('id', 'v'), ['upd 2 20', 'del 3 3', 'mark null null']);
  const anew = await stream('SUBSCRIBE (SELECT id, v FROM cold)');
  await anew.until(() => anew.rows.some(row => row._op === 'mark'), 'the mark');
  t.same(anew.ops('id', 'v').sort(), ['mark null null', 'snap 1 1', 'snap 2 20']);
});
