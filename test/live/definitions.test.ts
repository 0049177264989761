// A policy, view, function, type, table or role that a live query depends on changes: it starts over, on every surface.
import pg from 'pg';
import t from 'tap';
import type {PgError} from '../../src/common/errors.ts';
import type {Seq} from '../../src/common/ids.ts';
import {type Database, openDatabase} from '../../src/database.ts';
import type {ResultSink} from '../../src/session/contract.ts';
import type {EmbeddedSession} from '../../src/session/embedded-session.ts';
import type {LiveHandle, LiveReceiver} from '../../src/session/live-contract.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi} from '../support/wadi-server.ts';

const SILENT = new Proxy(
  {isFull: false},
  {get: (target, name) => (name in target ? target[name as 'isFull'] : () => undefined)},
) as unknown as ResultSink;

/** A client that keeps the rows, and tells what it was told. */
class Reader implements LiveReceiver {
  readonly wanted = 1000;
  readonly state = new Map<string, string>();
  readonly resets: string[] = [];
  handle: LiveHandle | null = null;
  error: PgError | null = null;
  token = '';
  isLive = false;
  #woken: () => void = () => {};

  static async open(
    database: Database,
    user: string,
    sql: string,
    resume: string | null = null,
  ): Promise<Reader> {
    const reader = new Reader();
    const asked = {sql, name: null, args: [], snapshot: true, lastRows: null, resume, from: null};
    reader.handle = await database.connect(user, SILENT).subscribe!(asked, reader);
    if (resume === null) await reader.until(() => reader.isLive);
    return reader;
  }

  get text(): string {
    return [...this.state.values()].sort().join(' ');
  }

  async until(test: () => boolean): Promise<void> {
    while (!test()) await new Promise<void>(resolve => (this.#woken = resolve));
  }

  /** Until it shows these rows and is live. */
  async shows(text: string): Promise<void> {
    await this.until(() => this.isLive && this.text === text);
  }

  rows(_seq: Seq, rows: readonly string[]): void {
    for (const text of rows) {
      const [key, row] = JSON.parse(text) as [unknown, unknown];
      this.state.set(JSON.stringify(key), JSON.stringify(row));
    }
    this.#woken();
  }

  mark(_seq: Seq, token: string): void {
    this.token = token;
    this.isLive = true;
    this.#woken();
  }

  changes(_seq: Seq, operations: readonly string[], token: string): void {
    this.token = token;
    for (const text of operations) {
      const [op, key, row] = JSON.parse(text) as [string, unknown, unknown];
      if (op === '-') this.state.delete(JSON.stringify(key));
      else this.state.set(JSON.stringify(key), JSON.stringify(row));
    }
    this.#woken();
  }

  reset(_seq: Seq, reason: string): void {
    this.state.clear();
    this.resets.push(reason);
    this.isLive = false;
    this.#woken();
  }

  closed(error: PgError): void {
    this.error = error;
    this.#woken();
  }

  flush(): void {}
}

async function withDatabase(
  act: (database: Database, admin: EmbeddedSession) => Promise<void>,
): Promise<void> {
  const folder = temporaryFolder('definitions');
  const database = await openDatabase({dataDir: folder.path});
  const admin = database.session({user: 'postgres'});
  try {
    await act(database, admin);
  } finally {
    await admin.close();
    await database.close();
    folder.remove();
  }
}

t.test('policies: the class may change with them', async t => {
  await withDatabase(async (database, admin) => {
    await admin.query(`
      CREATE ROLE reader LOGIN; CREATE ROLE crew;
      CREATE TABLE docs (id int PRIMARY KEY, room int, body text);
      CREATE TABLE rooms (id int PRIMARY KEY, who text);
      GRANT SELECT ON docs, rooms TO reader;
      INSERT INTO docs VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 1, 'c');
      INSERT INTO rooms VALUES (1, 'reader'), (2, 'other');
    `);
    const sql = 'SELECT id FROM docs';
    const readers = [
      await Reader.open(database, 'reader', sql),
      await Reader.open(database, 'reader', `${sql} ORDER BY id LIMIT 2`),
      await Reader.open(database, 'reader', 'SELECT count(*)::int FROM docs'),
    ] as const;
    const all = async (...texts: readonly string[]): Promise<void> => {
      for (const [index, text] of texts.entries()) await readers[index]!.shows(text);
    };
    await all('[1] [2] [3]', '[1] [2]', '[3]');
    await admin.query(`ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
      CREATE POLICY mine ON docs USING (room = 1)`);
    await all('[1] [3]', '[1] [3]', '[2]');
    t.equal(readers[0].handle!.class, 'A');
    await admin.query(`ALTER POLICY mine ON docs USING (EXISTS
      (SELECT FROM rooms WHERE rooms.id = docs.room AND who = current_user))`);
    for (const reader of readers) await reader.until(() => reader.resets.length > 1);
    await all('[1] [3]', '[1] [3]', '[2]');
    t.equal(readers[0].handle!.class, 'E', 'it needs a join now');
    await admin.query(
      "INSERT INTO rooms VALUES (3, 'reader'); INSERT INTO docs VALUES (4, 3, 'd')",
    );
    await all('[1] [3] [4]', '[1] [3]', '[3]');
    await admin.query('CREATE POLICY crew ON docs TO crew USING (true); GRANT crew TO reader');
    await all('[1] [2] [3] [4]', '[1] [2]', '[4]');
    await admin.query('REVOKE crew FROM reader; ALTER POLICY mine ON docs USING (id > 1)');
    await all('[2] [3] [4]', '[2] [3]', '[3]');
    t.equal(readers[0].handle!.class, 'A');
    for (const reader of readers) t.ok(reader.resets.every(reason => reason === 'policy'));
    const resumed = await Reader.open(database, 'reader', sql, readers[0].token);
    await admin.query("INSERT INTO docs VALUES (5, 9, 'e')");
    await resumed.shows('[5]');
    t.same(resumed.resets, [], 'the newest token goes on');
    const {changes, resets} = database.engine.live.hub.rows()[0]!;
    t.ok(changes > 0n && resets === readers[0].resets.length, 'counted through');
    await admin.query('REVOKE SELECT ON docs FROM reader');
    for (const reader of [...readers, resumed]) {
      await reader.until(() => reader.error !== null);
      t.equal(reader.error?.code, '42501');
    }
    t.equal(database.engine.live.hub.size, 0);
  });
});

t.test('views, functions and types', async t => {
  await withDatabase(async (database, admin) => {
    await admin.query(`
      CREATE TYPE mood AS ENUM ('sad', 'ok');
      CREATE TABLE n (id int PRIMARY KEY, v int, m mood);
      INSERT INTO n SELECT g, g * 10, 'ok' FROM generate_series(1, 4) g;
      CREATE FUNCTION inner_f(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + 1';
      CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT inner_f(x)';
      CREATE VIEW low AS SELECT id, v FROM n WHERE v < 30;
      CREATE VIEW high AS SELECT id, v FROM n ORDER BY id;
      CREATE VIEW lowest AS SELECT id FROM low WHERE v < 25;
    `);
    const view = await Reader.open(database, 'postgres', 'SELECT * FROM low WHERE id > 0');
    const ordered = await Reader.open(database, 'postgres', 'SELECT * FROM high');
    const nested = await Reader.open(database, 'postgres', 'SELECT count(*)::int FROM lowest');
    const called = await Reader.open(
      database,
      'postgres',
      'SELECT id, f(v) FROM n WHERE f(v) > 25',
    );
    const typed = await Reader.open(database, 'postgres', 'SELECT id, m FROM n WHERE id < 2');
    await called.shows('[3,31] [4,41]');
    await admin.query('CREATE OR REPLACE VIEW low AS SELECT id, v FROM n WHERE v < 20');
    await view.shows('[1,10]');
    await admin.query('CREATE OR REPLACE VIEW high AS SELECT id, v FROM n ORDER BY v DESC');
    await ordered.until(() => ordered.resets.length > 0);
    t.match(ordered.handle!.order, [{column: 1, descending: true}]);
    await nested.shows('[1]');
    t.same(view.resets, ['schema']);
    t.same(called.resets, [], 'others are not disturbed');
    await admin.query(
      "CREATE OR REPLACE FUNCTION inner_f(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x - 10'",
    );
    await called.shows('[4,30]');
    await admin.query('INSERT INTO n VALUES (5, 50)');
    await called.shows('[4,30] [5,40]');
    await admin.query("ALTER TYPE mood ADD VALUE 'glad'");
    await admin.query("UPDATE n SET m = 'glad' WHERE id = 1");
    await typed.shows('[1,"glad"]');
    await admin.query('DROP VIEW lowest; DROP VIEW low');
    for (const reader of [view, nested]) {
      await reader.until(() => reader.error !== null);
      t.equal(reader.error?.code, '42P01');
    }
    await admin.query(
      "CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT x + random()::int'",
    );
    await called.until(() => called.error !== null);
    t.equal(called.error?.code, '0A000', 'it cannot be live any more');
    t.equal(typed.error, null);
  });
});

t.test('tables: what does not concern the query goes on; new places are a reset', async t => {
  await withDatabase(async (database, admin) => {
    await admin.query(`
      CREATE TABLE d (id int PRIMARY KEY, a int, b text);
      CREATE INDEX d_a ON d (a);
      INSERT INTO d SELECT g, g % 3, 'x' || g FROM generate_series(1, 9) g;
    `);
    const rows = await Reader.open(database, 'postgres', 'SELECT id, b FROM d WHERE a = 1');
    const window = await Reader.open(
      database,
      'postgres',
      'SELECT id FROM d ORDER BY a, id LIMIT 2',
    );
    await admin.query(`ALTER TABLE d ADD COLUMN c int; CREATE INDEX ON d (b); COMMENT ON TABLE d IS 'x';
      GRANT SELECT ON d TO PUBLIC; CREATE TABLE other (d int); ANALYZE d`);
    await admin.query("INSERT INTO d VALUES (11, 1, 'y', 5)");
    await rows.shows('[1,"x1"] [11,"y"] [4,"x4"] [7,"x7"]');
    t.same(rows.resets, []);
    t.same(new Set(window.resets), new Set(['schema']), 'a window knows rows by their place');
    await admin.query('DROP INDEX d_a; TRUNCATE d');
    await rows.shows('');
    await admin.query("INSERT INTO d VALUES (1, 1, 'new')");
    await rows.shows('[1,"new"]');
    await window.shows('[1]');
    await admin.query('ALTER TABLE d DROP CONSTRAINT d_pkey');
    await admin.query("INSERT INTO d VALUES (1, 1, 'again')");
    await rows.shows('[1,"again"] [1,"new"]');
    await admin.query('ALTER TABLE d ALTER COLUMN c TYPE text');
    await rows.shows('[1,"again"] [1,"new"]');
    // Of the same type, but written anew.
    await admin.query("ALTER TABLE d ALTER COLUMN b TYPE text USING b || '!'");
    await rows.shows('[1,"again!"] [1,"new!"]');
    await admin.query('ALTER TABLE d DROP COLUMN a');
    for (const reader of [rows, window]) {
      await reader.until(() => reader.error !== null);
      t.match(reader.error, {code: '42703', message: 'column "a" does not exist'});
    }
  });
});

t.test('the service right, given and taken', async t => {
  await withDatabase(async (database, admin) => {
    await admin.query(`
      CREATE ROLE agent LOGIN; CREATE ROLE ann LOGIN;
      CREATE TABLE u (id int PRIMARY KEY, body text) WITH (type = 'user');
      GRANT ALL ON u TO agent, ann;
    `);
    await admin.query("EXECUTE AS USER 'ann' (INSERT INTO u VALUES (1, 'hers'))");
    await admin.query("EXECUTE AS USER 'agent' (INSERT INTO u VALUES (1, 'own'))");
    const rows = await Reader.open(database, 'agent', 'SELECT _user_id, body FROM u');
    const counted = await Reader.open(
      database,
      'agent',
      "SELECT count(*)::int FROM u WHERE _user_id > ''",
    );
    await rows.shows('["agent","own"]');
    await admin.query('GRANT wadi_service TO agent');
    await rows.shows('["agent","own"] ["ann","hers"]');
    await counted.shows('[2]');
    const audit = await admin.query(
      "SELECT action, target FROM system.audit_log WHERE actor = 'agent' AND action LIKE 'read%'",
    );
    t.ok(audit.rows.length >= 2, 'on record');
    await admin.query("EXECUTE AS USER 'ann' (INSERT INTO u VALUES (2, 'too'))");
    await rows.shows('["agent","own"] ["ann","hers"] ["ann","too"]');
    await admin.query('REVOKE wadi_service FROM agent');
    for (const reader of [rows, counted]) {
      await reader.until(() => reader.error !== null);
      t.equal(reader.error?.code, '42501');
    }
  });
});

t.test('on the surfaces of SQL', async t => {
  const server = await startWadi();
  const clients: pg.Client[] = [];
  const connect = async (user: string): Promise<pg.Client> => {
    const client = new pg.Client({
      host: server.host,
      port: server.port,
      user,
      database: 'postgres',
    });
    client.on('error', () => {});
    await client.connect();
    clients.push(client);
    return client;
  };
  t.teardown(async () => {
    for (const client of clients) await client.end().catch(() => {});
    await server.stop();
  });
  const admin = await connect('postgres');
  await admin.query(`
    CREATE ROLE reader LOGIN;
    CREATE TABLE docs (id int PRIMARY KEY, body text);
    GRANT SELECT ON docs TO reader;
    INSERT INTO docs VALUES (1, 'a'), (2, 'b');
    ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON docs USING (id < 10);
  `);
  const listener = await connect('reader');
  const told: string[] = [];
  let wake: () => void = () => {};
  listener.on('notification', ({payload = ''}) => {
    told.push(payload);
    wake();
  });
  const opened = await listener.query("SELECT * FROM live_open_sql('SELECT id FROM docs')");
  const {channel, seq} = opened.rows[0] as {channel: string; seq: string};
  const early = await listener.query("SELECT * FROM live_open_sql('SELECT id FROM docs')");
  const {channel: unheard, seq: since} = early.rows[0] as {channel: string; seq: string};
  await listener.query(`LISTEN ${channel}`);
  const copier = await connect('reader');
  let copied = '';
  copier.query({
    submit: (connection: {query(text: string): void}) =>
      connection.query('COPY (SUBSCRIBE (SELECT id FROM docs)) TO STDOUT (FORMAT csv)'),
    handleCopyData: (message: {readonly chunk: Buffer}) => {
      copied += message.chunk.toString();
      wake();
    },
    handleError: () => {},
    handleReadyForQuery: () => {},
    callback: () => {},
  } as never);
  const until = async (test: () => boolean): Promise<void> => {
    while (!test()) await new Promise<void>(resolve => (wake = resolve));
  };
  await until(() => /mark/.test(copied));
  await admin.query('ALTER POLICY p ON docs USING (id > 1)');
  await until(() => /reset,[^]*snap,f,,2\n[^]*mark/.test(copied));
  await until(() => told.length > 0);
  t.match(JSON.parse(told[0]!), {reset: 'policy', ops: []});
  await admin.query("INSERT INTO docs VALUES (0, 'hidden'), (5, 'shown')");
  await until(() => told.length > 1);
  t.match(JSON.parse(told[1]!), {ops: [['+', [5], [5]]]});
  const changes = (of: string, from: string): Promise<pg.QueryResult> =>
    listener.query('SELECT payload FROM live_changes($1, $2)', [of, from]);
  await t.rejects(changes(channel, seq), {code: '72000'}, 'read the rows anew');
  await t.rejects(changes(unheard, since), {code: '72000'});
  await listener.query(`LISTEN ${unheard}`);
  await until(() => told.length > 2);
  t.match(JSON.parse(told[2]!), {reset: 'policy'}, 'who listens later is told, too');
  await admin.query('REVOKE SELECT ON docs FROM reader');
  await until(() => told.length > 4);
  t.match(JSON.parse(told[3]!), {error: {code: '42501'}});
  await t.rejects(changes(channel, seq), {code: '42501'});
});
