// live_changes() and last_rows of results that are kept (classes B and E).
import pg from 'pg';
import t from 'tap';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

interface Payload {
  readonly reset?: string;
  readonly ops: readonly (readonly [op: string, key: unknown, row: readonly unknown[]])[];
}

let server: WadiServer;
let client: pg.Client;

t.before(async () => {
  server = await startWadi();
  client = new pg.Client({connectionString: server.postgresUrl});
  await client.connect();
});
t.teardown(async () => {
  await client.end();
  await server.stop();
});

async function open(sql: string): Promise<{channel: string; seq: string}> {
  const {rows} = await client.query('SELECT * FROM live_open_sql($1)', [sql]);
  return rows[0] as {channel: string; seq: string};
}

async function changes(
  channel: string,
  since: string,
): Promise<{readonly seq: string; readonly told: Payload[]}> {
  const {rows} = await client.query('SELECT * FROM live_changes($1, $2)', [channel, since]);
  const found = rows as {seq: string; payload: string}[];
  return {
    seq: found.at(-1)?.seq ?? since,
    told: found.map(({payload}) => JSON.parse(payload) as Payload),
  };
}

const opsOf = (told: readonly Payload[]): string[] =>
  told.flatMap(({reset, ops}) => [
    ...(reset === undefined ? [] : [`reset ${reset}`]),
    ...ops.map(([op, key, row]) => `${op}${JSON.stringify(row ?? key)}`),
  ]);

t.test('live_changes() of a window: the net effect', async t => {
  await client.query(`CREATE TABLE w (id int PRIMARY KEY, v int);
    INSERT INTO w SELECT g, g FROM generate_series(1, 30) g`);
  const {channel, seq} = await open('SELECT id FROM w ORDER BY v DESC LIMIT 3');
  t.same((await changes(channel, seq)).told, []);
  await client.query('INSERT INTO w VALUES (40, 40)');
  await client.query('INSERT INTO w VALUES (41, 41)');
  const first = await changes(channel, seq);
  t.same(opsOf(first.told).sort(), ['+[40]', '+[41]', '-[28]', '-[29]']);
  t.same((await changes(channel, first.seq)).told, [], 'until nothing comes');
  await client.query('TRUNCATE w');
  t.match(opsOf((await changes(channel, first.seq)).told), ['reset retention']);
});

t.test('live_changes() of a result that is run again: a reset and all rows', async t => {
  await client.query(`CREATE TABLE e1 (id int PRIMARY KEY, room int);
    CREATE TABLE e2 (id int PRIMARY KEY, name text); CREATE TABLE apart (id int);
    INSERT INTO e1 SELECT g, g % 2 FROM generate_series(1, 10) g; INSERT INTO e2 VALUES (0, 'a'), (1, 'b')`);
  const {channel, seq} = await open(
    'SELECT name, count(*)::int FROM e1 JOIN e2 ON e2.id = room GROUP BY 1',
  );
  await client.query('INSERT INTO apart VALUES (1)');
  t.same((await changes(channel, seq)).told, [], 'no table of it has changed');
  await client.query('DELETE FROM e1 WHERE id = 1');
  const {seq: next, told} = await changes(channel, seq);
  t.same(opsOf(told).sort(), ['+["a",5]', '+["b",4]', 'reset retention']);
  t.same((await changes(channel, next)).told, []);
  await t.rejects(client.query('SELECT live_changes($1, 0)', [channel]), {code: '0A000'});
  const {rows} = await client.query(
    'SELECT count(*)::int AS n FROM generate_series(1, 3) g, LATERAL live_changes($1, g * 0)',
    [channel],
  );
  t.equal((rows[0] as {n: number}).n, 6, 'waited for in every row');
  t.same((await client.query('SELECT * FROM system.live_queries')).rows, [], 'nothing is left');
  await client.query('DROP TABLE e2');
  await t.rejects(changes(channel, next), {code: '42P01'});
});

t.test('last_rows', async t => {
  await client.query(`CREATE TABLE l (id int PRIMARY KEY, v int);
    INSERT INTO l SELECT g, -g FROM generate_series(1, 9) g`);
  const shown = async (query: string): Promise<string> => {
    await client.query(`DECLARE c CURSOR WITH HOLD FOR SUBSCRIBE (${query}) WITH (last_rows = 2)`);
    const seen: string[] = [];
    try {
      while (!seen.includes('mark null'))
        for (const row of (await client.query("FETCH 9 FROM c WITH (timeout = '60s')")).rows)
          seen.push(`${row._op} ${row.id}`);
    } finally {
      await client.query('CLOSE c').catch(() => {});
    }
    return seen.join(', ');
  };
  t.equal(await shown('SELECT id FROM l ORDER BY v LIMIT 5'), 'snap 6, snap 5, mark null');
  t.equal(await shown('SELECT id FROM l LIMIT 5'), 'snap 4, snap 5, mark null', 'the youngest');
  const joined = 'SELECT l.id, k.v FROM l JOIN l k ON k.id = l.id + 1';
  t.equal(await shown(`${joined} ORDER BY l.id`), 'snap 7, snap 8, mark null');
  t.equal(await shown(`${joined} WHERE l.id = 3 ORDER BY l.id`), 'snap 3, mark null', 'fewer');
  await t.rejects(shown(joined), {code: '0A000', hint: /ORDER BY/});
});
