import {type Socket, connect as connectSocket} from 'node:net';
import pg from 'pg';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {startWadi, type WadiServer} from '../support/wadi-server.ts';

interface LiveRow {
  readonly _seq: string;
  readonly _op: string;
  readonly _resume: string | null;
  readonly id: number | null;
}

async function connect(server: WadiServer): Promise<pg.Client> {
  const client = new pg.Client({connectionString: server.postgresUrl});
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Reads a SUBSCRIBE until `enough`, then drops the connection. */
async function read(
  server: WadiServer,
  text: string,
  enough: (rows: readonly LiveRow[]) => boolean,
): Promise<readonly LiveRow[]> {
  const client = await connect(server);
  const rows: LiveRow[] = [];
  await new Promise<void>((resolve, reject) => {
    const query = new pg.Query(text) as unknown as {
      on(event: string, listener: (value: never) => void): void;
    };
    query.on('row', (row: LiveRow) => {
      rows.push(row);
      if (enough(rows)) resolve();
    });
    query.on('error', reject as (value: never) => void);
    client.query(query as never);
  });
  (client as unknown as {connection: {stream: Socket}}).connection.stream.destroy();
  return rows;
}

const hasMark = (rows: readonly LiveRow[]): boolean => rows.some(row => row._op === 'mark');
const ops = (rows: readonly LiveRow[]): string[] => rows.map(row => `${row._op} ${row.id}`);

t.test('a token resumes after the server was killed', async t => {
  const folder = temporaryFolder('live');
  let server = await startWadi({dataDir: folder.path});
  let admin = await connect(server);
  await admin.query('CREATE TABLE r1 (id int PRIMARY KEY, v int)');
  await admin.query('INSERT INTO r1 VALUES (1, 1)');
  const text = 'SUBSCRIBE (SELECT id FROM r1 WHERE v IN (1, 3))';
  const first = await read(server, text, hasMark);
  const token = first.at(-1)!._resume!;
  await admin.query('INSERT INTO r1 VALUES (2, 2), (3, 3)');
  await admin.query('UPDATE r1 SET v = 3 WHERE id = 1');
  await admin.query('UPDATE r1 SET v = 2 WHERE id = 3');
  await server.kill('SIGKILL');
  server = await startWadi({dataDir: folder.path});
  admin = await connect(server);
  await admin.query('INSERT INTO r1 VALUES (4, 1)');
  const resumed = await read(server, `${text} WITH (resume = '${token}')`, hasMark);
  t.same(ops(resumed), ['ins 3', 'del 3', 'ins 4', 'mark null']);
  await admin.end();
  await server.stop();
  folder.remove();
});

t.test('kept results and consumer groups go on after the server was killed', async t => {
  const folder = temporaryFolder('live');
  let server = await startWadi({dataDir: folder.path});
  let admin = await connect(server);
  await admin.query('CREATE TABLE k1 (id int PRIMARY KEY, v int); CREATE TABLE k2 (id int)');
  await admin.query('INSERT INTO k1 SELECT g, g FROM generate_series(1, 9) g');
  await admin.query('CREATE SEQUENCE workers MINVALUE 0');
  const consume = async (): Promise<readonly {readonly seq: string}[]> =>
    (await admin.query("SELECT seq FROM system.consume('workers', 'k1')")).rows as [];
  await consume();
  const window = 'SUBSCRIBE (SELECT id FROM k1 ORDER BY v DESC LIMIT 3)';
  const changed = 'SUBSCRIBE (SELECT max(id) AS id FROM k1)';
  const unchanged = 'SUBSCRIBE (SELECT count(*)::int AS id FROM k2)';
  const tokens: string[] = [];
  for (const text of [window, changed, unchanged])
    tokens.push((await read(server, text, hasMark)).at(-1)!._resume!);
  await admin.query('UPDATE k1 SET v = 0 WHERE id = 8');
  await admin.query('INSERT INTO k1 VALUES (10, 100)');
  const [first] = await consume();
  await admin.query("SELECT system.ack('workers', 'k1', $1)", [first!.seq]);
  await server.kill('SIGKILL');
  server = await startWadi({dataDir: folder.path});
  admin = await connect(server);
  await admin.query('DELETE FROM k1 WHERE id = 9');
  const resume = (text: string, token: string): Promise<readonly LiveRow[]> =>
    read(server, `${text} WITH (resume = '${token}')`, hasMark);
  t.same(ops(await resume(window, tokens[0]!)), [
    ...['del 9', 'del 8', 'ins 10', 'ins 6', 'mark null'],
  ]);
  t.same(ops(await resume(changed, tokens[1]!)), ['reset null', 'snap 10', 'mark null']);
  t.same(ops(await resume(unchanged, tokens[2]!)), ['mark null']);
  const again = await consume();
  t.equal(again.length, 2, 'what was not acknowledged comes again');
  t.ok(again.every(({seq}) => BigInt(seq) > BigInt(first!.seq)));
  await admin.end();
  await server.stop();
  folder.remove();
});

t.test('a client that does not read is not buffered for, and misses nothing', async t => {
  const server = await startWadi();
  const admin = await connect(server);
  await admin.query('CREATE TABLE slow (id int PRIMARY KEY, body text)');
  const socket = connectSocket(server.port, server.host);
  await new Promise<void>(resolve => socket.once('connect', () => resolve()));
  const startup = Buffer.from('\0\0\0\0\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
  startup.writeInt32BE(startup.length, 0);
  socket.write(startup);
  const text = Buffer.from('Q\0\0\0\0SUBSCRIBE TO slow\0', 'latin1');
  text.writeInt32BE(text.length - 1, 1);
  let received = '';
  await new Promise<void>(resolve => {
    socket.on('data', chunk => {
      received += chunk.toString('latin1');
      if (received.endsWith('Z\0\0\0\x05I')) socket.write(text);
      if (received.includes('mark')) resolve();
    });
  });
  socket.pause();
  socket.removeAllListeners('data');
  // 60 MB that nobody reads.
  for (let i = 0; i < 60; i++) {
    await admin.query(
      "INSERT INTO slow SELECT g, repeat('x', 10000) FROM generate_series($1::int, $2::int) g",
      [i * 100, i * 100 + 99],
    );
  }
  const {rows} = await admin.query(
    "SELECT state, lag FROM system.live_queries WHERE surface = 'subscribe'",
  );
  t.equal((rows[0] as {state: string}).state, 'replay');
  t.ok(Number((rows[0] as {lag: string}).lag) > 5, 'it is behind');
  await admin.query("INSERT INTO slow VALUES (100000, 'the last one')");
  let bytes = 0;
  let tail = '';
  await new Promise<void>(resolve => {
    socket.on('data', chunk => {
      bytes += chunk.length;
      tail = (tail + chunk.toString('latin1')).slice(-2000);
      if (tail.includes('the last one')) resolve();
    });
    socket.resume();
  });
  t.ok(bytes > 60_000_000);
  const after = await admin.query(
    "SELECT state, changes FROM system.live_queries WHERE surface = 'subscribe'",
  );
  t.same(after.rows, [{state: 'live', changes: '6001'}]);
  socket.destroy();
  await admin.end();
  await server.stop();
});
