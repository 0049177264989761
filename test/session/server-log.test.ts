// The log_* settings: what a superuser asks for is in the server's log.
import pg from 'pg';
import t from 'tap';
import {connect, failure} from '../jobs/support.ts';
import {startWadi} from '../support/wadi-server.ts';

const server = await startWadi({args: ['--log-level', 'info']});
t.teardown(() => server.stop());
const admin = await connect(server);
t.teardown(() => admin.end());

interface Line {
  readonly msg: string;
  readonly [field: string]: unknown;
}

let read = 0;

/** The lines written since the last call that the database's sessions wrote. */
async function lines(client: pg.Client): Promise<Line[]> {
  const mark = `mark ${read}`;
  await failure(client, `SELECT '${mark}'::int4`);
  for (;;) {
    const all = server.errors();
    if (!all.slice(read).includes(mark)) {
      await client.query('SELECT 1');
      continue;
    }
    const found = all.slice(read).split('\n');
    read = all.length;
    return found
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as Line)
      .filter(line => 'user' in line && !line.msg.includes('mark '));
  }
}

t.test('statements by their class', async t => {
  await admin.query('CREATE TABLE t (id int4)');
  await lines(admin);
  await admin.query("SET log_statement = 'mod'");
  await admin.query('SELECT 1');
  await admin.query('INSERT INTO t VALUES (1)');
  await admin.query('INSERT INTO t VALUES (1)');
  await admin.query('INSERT INTO t VALUES ($1)', [7]);
  await admin.query('COMMENT ON TABLE t IS NULL');
  await admin.query("SET log_statement = 'ddl'");
  await admin.query('DELETE FROM t');
  await admin.query('CREATE TABLE u (id int4); SELECT 2');
  await admin.query("SET log_statement = 'all'");
  await admin.query('SELECT 3');
  await admin.query('RESET log_statement');
  const found = await lines(admin);
  t.same(
    found.map(({msg}) => msg),
    [
      'statement: INSERT INTO t VALUES (1)',
      'statement: INSERT INTO t VALUES (1)',
      'execute <unnamed>: INSERT INTO t VALUES ($1)',
      'statement: COMMENT ON TABLE t IS NULL',
      'statement: CREATE TABLE u (id int4); SELECT 2',
      'statement: SELECT 3',
      'statement: RESET log_statement',
    ],
  );
  t.equal(found[2]!['parameters'], "$1 = '7'");
  t.equal(found[0]!['user'], 'postgres');
});

t.test('durations', async t => {
  await admin.query('SET log_min_duration_statement = 0');
  await admin.query('SELECT 1');
  await admin.query('SELECT $1::int4', [1]);
  await admin.query('SET log_min_duration_statement = 1000000');
  await admin.query('SELECT 2');
  await admin.query('SET log_duration = on; SET log_min_duration_statement = -1');
  await admin.query('SELECT 3');
  await admin.query('RESET log_duration');
  const found = (await lines(admin)).map(({msg}) => msg.replace(/[\d.]+ ms/, 'N ms'));
  t.same(
    found.filter(message => message.includes('SELECT')),
    ['duration: N ms  statement: SELECT 1', 'duration: N ms  statement: SELECT $1::int4'],
  );
  t.ok(found.includes('duration: N ms'));
});

t.test('errors, and their absence', async t => {
  t.equal(await failure(admin, 'SELECT nosuch'), '42703');
  await admin.query('SET log_min_error_statement = fatal');
  t.equal(await failure(admin, 'SELECT nosuch2'), '42703');
  const found = await lines(admin);
  t.match(found, [
    {msg: 'ERROR: column "nosuch" does not exist', code: '42703', statement: 'SELECT nosuch'},
    {msg: 'ERROR: column "nosuch2" does not exist', statement: undefined},
  ]);
  await admin.query('SET log_min_messages = fatal');
  t.equal(await failure(admin, 'SELECT nosuch3'), '42703');
  await admin.query('RESET log_min_messages; RESET log_min_error_statement');
  t.same(await lines(admin), []);
});

t.test('connections of roles for whom it was set', async t => {
  await admin.query(
    'CREATE ROLE ann LOGIN; ALTER ROLE ann SET log_connections = on; ALTER ROLE ann SET log_disconnections = on',
  );
  await lines(admin);
  const ann = await connect(server, 'ann');
  await t.rejects(ann.query('SET log_connections = off'), {code: '55P02'});
  await ann.end();
  let found: string[] = [];
  while (!found.includes('disconnection'))
    found = [...found, ...(await lines(admin)).map(({msg}) => msg)];
  t.ok(found.includes('connection authorized'));
  const denied = new pg.Client({
    ...{host: server.host, port: server.port, user: 'ann', database: 'postgres'},
    options: '-c log_connections=off',
  });
  await t.rejects(denied.connect(), {code: '42501'});
});
