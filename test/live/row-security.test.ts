import pg from 'pg';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

interface LiveRow {
  readonly _op: string;
  readonly _resume: string | null;
  readonly id: number | null;
}

interface LiveError extends Error {
  readonly code?: string;
  readonly detail?: string;
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

/** A SUBSCRIBE whose rows and end can be waited for. */
class Stream {
  readonly seen: string[] = [];
  error: LiveError | null = null;
  #wake: (() => void) | null = null;

  constructor(client: pg.Client, text: string) {
    const query = new pg.Query({text} as never);
    const events = query as unknown as {on(event: string, listener: (value: never) => void): void};
    events.on('row', (row: LiveRow) => {
      if (row.id !== null || row._op === 'reset') this.seen.push(`${row._op} ${row.id}`);
      this.#wake?.();
    });
    events.on('error', (error: LiveError) => {
      this.error = error;
      this.#wake?.();
    });
    client.query(query as never);
  }

  async until(test: () => boolean): Promise<void> {
    while (!test()) await new Promise<void>(resolve => (this.#wake = resolve));
  }
}

t.before(async () => {
  server = await startWadi();
});
t.teardown(async () => {
  for (const client of clients) await client.end().catch(() => {});
  await server.stop();
});

t.test('a live query shows what the policies show, and starts over when they change', async t => {
  const admin = await connect();
  await admin.query(`CREATE ROLE rls_a LOGIN; CREATE ROLE rls_b LOGIN;
    CREATE TABLE note (id int PRIMARY KEY, owner text, n int);
    GRANT ALL ON note TO rls_a, rls_b;
    ALTER TABLE note ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON note USING (owner = current_user);
    INSERT INTO note VALUES (1, 'rls_a', 1), (2, 'rls_b', 2)`);
  const a = new Stream(await connect('rls_a'), 'SUBSCRIBE (SELECT id, n FROM note)');
  const b = new Stream(await connect('rls_b'), 'SUBSCRIBE (SELECT id, n FROM note)');
  await a.until(() => a.seen.length === 1);
  await b.until(() => b.seen.length === 1);
  await admin.query("INSERT INTO note VALUES (3, 'rls_a', 3), (4, 'rls_b', 4)");
  await admin.query("UPDATE note SET owner = 'rls_b' WHERE id = 1");
  await admin.query("INSERT INTO note VALUES (9, 'rls_a', 9), (10, 'rls_b', 10)");
  const last = (stream: Stream, id: number): Promise<void> =>
    stream.until(() => stream.seen.some(each => each.endsWith(` ${id}`)));
  await last(a, 9);
  await last(b, 10);
  t.notOk(
    a.seen.some(each => / (2|4|10)$/.test(each)),
    a.seen.join(),
  );
  t.equal(a.seen.length, 4, 'row 1, 3, the loss of 1, 9');
  t.notOk(
    b.seen.some(each => / (3|9)$/.test(each)),
    b.seen.join(),
  );
  t.ok(b.seen.some(each => each.endsWith(' 1')));
  await admin.query('CREATE POLICY more ON note FOR SELECT USING (n > 3)');
  const resetOf = (stream: Stream): readonly string[] =>
    stream.seen.slice(stream.seen.lastIndexOf('reset null'));
  await a.until(() => resetOf(a).length === 5);
  await b.until(() => resetOf(b).length === 6);
  t.same([...resetOf(a)].sort(), ['reset null', 'snap 10', 'snap 3', 'snap 4', 'snap 9'].sort());
  await admin.query('REVOKE SELECT ON note FROM rls_a');
  await a.until(() => a.error !== null);
  t.equal(a.error?.code, '42501');
  t.equal(b.error, null, 'others go on');
  await admin.query('DROP TABLE note; DROP ROLE rls_a, rls_b');
});

t.test(
  'a token from before a change of the policies is a reset; no policy shows nothing',
  async t => {
    const admin = await connect();
    await admin.query(`CREATE ROLE rls_t LOGIN;
    CREATE TABLE note (id int PRIMARY KEY, owner text);
    GRANT ALL ON note TO rls_t;
    ALTER TABLE note ENABLE ROW LEVEL SECURITY;
    INSERT INTO note VALUES (1, 'rls_t'), (2, 'x')`);
    const reader = await connect('rls_t');
    for (const [name, select] of Object.entries({
      a: 'SELECT id FROM note',
      b: 'SELECT id FROM note ORDER BY id LIMIT 5',
      e: 'SELECT DISTINCT id FROM note',
    })) {
      await admin.query('DROP POLICY IF EXISTS own ON note');
      const fetch = async (cursor: string): Promise<LiveRow[]> =>
        (await reader.query(`FETCH 100 FROM ${cursor} WITH (timeout = '60s')`)).rows as LiveRow[];
      const declare = (cursor: string, resume?: string | null): Promise<unknown> =>
        reader.query(
          `DECLARE ${cursor} CURSOR WITH HOLD FOR SUBSCRIBE (${select})${resume == null ? '' : ` WITH (resume = '${resume}')`}`,
        );
      const all = async (cursor: string): Promise<LiveRow[]> => {
        const rows: LiveRow[] = [];
        while (rows.at(-1)?._op !== 'mark') rows.push(...(await fetch(cursor)));
        return rows;
      };
      const shown = (rows: LiveRow[]): string[] => rows.map(({_op, id}) => `${_op} ${id}`);
      await declare(`${name}1`);
      const empty = await all(`${name}1`);
      t.same(shown(empty), ['mark null'], 'default deny');
      await admin.query('CREATE POLICY own ON note USING (owner = current_user)');
      await declare(`${name}2`, empty.at(-1)!._resume);
      const rows = await all(`${name}2`);
      t.same(shown(rows), ['reset null', 'snap 1', 'mark null']);
      await admin.query('ALTER POLICY own ON note USING (true)');
      await declare(`${name}3`, rows.at(-1)!._resume);
      t.same(shown(await all(`${name}3`)).sort(), ['mark null', 'reset null', 'snap 1', 'snap 2']);
      const other = `SUBSCRIBE (SELECT owner FROM note) WITH (resume = '${rows.at(-1)!._resume}')`;
      await t.rejects(reader.query(other), {code: '22023'});
      await admin.query('DROP POLICY own ON note');
    }
    await reader.end();
    await admin.query('DROP TABLE note; DROP ROLE rls_t');
  },
);

t.test('enabling row-level security and losing BYPASSRLS start a live query over', async t => {
  const admin = await connect();
  await admin.query(`CREATE ROLE rls_c LOGIN BYPASSRLS;
    CREATE TABLE note (id int PRIMARY KEY, owner text);
    GRANT ALL ON note TO rls_c;
    INSERT INTO note VALUES (1, 'x')`);
  const open = new Stream(await connect('rls_c'), 'SUBSCRIBE (SELECT id FROM note)');
  await open.until(() => open.seen.length === 1);
  await admin.query('ALTER TABLE note ENABLE ROW LEVEL SECURITY');
  await open.until(() => open.seen.length === 3);
  t.same(open.seen.slice(1), ['reset null', 'snap 1'], 'he is above it');
  await admin.query('ALTER ROLE rls_c NOBYPASSRLS');
  await open.until(() => open.seen.length === 4);
  t.equal(open.seen.at(-1), 'reset null', 'no policy: nothing');
  await admin.query('ALTER TABLE note DISABLE ROW LEVEL SECURITY');
  await open.until(() => open.seen.at(-1) === 'snap 1');
  t.equal(open.error, null);
  await admin.query('DROP TABLE note; DROP ROLE rls_c');
});

t.test('errors do not show hidden rows', async t => {
  const admin = await connect();
  await admin.query(`CREATE ROLE rls_d LOGIN;
    CREATE TABLE note (id int PRIMARY KEY, owner text NOT NULL, n int CHECK (n > 0));
    CREATE TABLE part (id int PRIMARY KEY, note int REFERENCES note);
    GRANT ALL ON note, part TO rls_d;
    INSERT INTO note VALUES (1, 'x', 1);
    ALTER TABLE note ENABLE ROW LEVEL SECURITY;
    ALTER TABLE part ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON note USING (n IS NULL OR n <> 5) WITH CHECK (true);
    CREATE POLICY every ON part USING (true)`);
  const reader = await connect('rls_d');
  for (const [text, code] of [
    ["INSERT INTO note VALUES (1, 'y', 1)", '23505'],
    ['INSERT INTO note VALUES (2, NULL, 1)', '23502'],
    ["INSERT INTO note VALUES (2, 'y', -1)", '23514'],
    ['UPDATE note SET n = -1 WHERE id = 1', '23514'],
  ] as const) {
    const error = await reader.query(text).then(
      () => null,
      (raised: LiveError) => raised,
    );
    t.match(error, {code}, text);
    t.equal(error?.detail, undefined, text);
  }
  const missing = await reader.query('INSERT INTO part VALUES (1, 7)').then(
    () => null,
    (raised: LiveError) => raised,
  );
  t.match(missing, {code: '23503', detail: 'Key is not present in table "note".'});
  const shown = await admin.query("INSERT INTO note VALUES (1, 'y', 1)").then(
    () => null,
    (raised: LiveError) => raised,
  );
  t.match(shown, {code: '23505', detail: 'Key (id)=(1) already exists.'});
  await admin.query('DROP TABLE part, note; DROP ROLE rls_d');
});

t.test('one text on several connections is planned for each role', async t => {
  const admin = await connect();
  await admin.query(`CREATE ROLE rls_e LOGIN; CREATE ROLE rls_f LOGIN;
    CREATE TABLE note (id int PRIMARY KEY, owner text);
    GRANT ALL ON note TO rls_e, rls_f;
    INSERT INTO note VALUES (1, 'rls_e'), (2, 'rls_f'), (3, 'rls_f');
    ALTER TABLE note ENABLE ROW LEVEL SECURITY;
    CREATE POLICY e ON note TO rls_e USING (owner = 'rls_e');
    CREATE POLICY f ON note TO rls_f USING (owner <> 'rls_e')`);
  const [e, f] = [await connect('rls_e'), await connect('rls_f')];
  for (let round = 0; round < 3; round++) {
    const counts: number[] = [];
    for (const client of [e, f, admin]) {
      const simple = await client.query('SELECT count(*)::int AS n FROM note WHERE id < 100');
      const prepared = await client.query({
        name: 'counted',
        text: 'SELECT count(*)::int AS n FROM note WHERE id < $1',
        values: [100],
      });
      counts.push(simple.rows[0].n as number, prepared.rows[0].n as number);
    }
    t.same(counts, [1, 1, 2, 2, 3, 3]);
  }
  await e.query('SET ROLE rls_e');
  await admin.query('GRANT rls_f TO rls_e');
  const both = await e.query({name: 'counted', text: '', values: [100]});
  t.equal(both.rows[0].n, 3, 'a new membership brings its policies');
  await admin.query('DROP TABLE note; DROP ROLE rls_e, rls_f');
});
