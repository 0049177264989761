import {join} from 'node:path';
import t from 'tap';
import {openDatabase, PgError} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

t.test('statements answer JavaScript values', async t => {
  const folder = temporaryFolder('embedded');
  const database = await openDatabase({dataDir: join(folder.path, 'data')});
  const session = database.session();
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });

  const one = await session.query(
    `SELECT 1 AS a, 2::int8, 1.5::float8, 0.1::float4, 1.10::numeric, 'x'::text, true, NULL::int4, '\\x0102'::bytea,
      '2024-02-03 04:05:06'::timestamp, ARRAY[1, 2], '{"a": 1}'::jsonb`,
  );
  t.same(one.rows, [
    [
      ...[1, 2n, 1.5, 0.1, '1.10', 'x', true, null, Uint8Array.of(1, 2)],
      ...['2024-02-03 04:05:06', '{1,2}', '{"a": 1}'],
    ],
  ]);
  t.same(one.fields[0], {name: 'a', typeOid: 23, typeName: 'int4'});
  t.equal(one.tag, 'SELECT 1');

  const bound = await session.query(
    'SELECT $1::int8 + 1, $2::text, $3::bytea, $4::bool, $5::text',
    [41n, 'w', Uint8Array.of(255, 0), false, null],
  );
  t.same(bound.rows, [[42n, 'w', Uint8Array.of(255, 0), false, null]]);

  const all = await session.queryAll("SELECT 1; SELECT 'two'; CREATE TABLE t (x int4)");
  t.same(
    all.map(({tag, rows}) => [tag, rows]),
    [
      ['SELECT 1', [[1]]],
      ['SELECT 1', [['two']]],
      ['CREATE TABLE', []],
    ],
  );
  const dropped = await session.query('DROP TABLE IF EXISTS nowhere');
  t.match(dropped.notices[0], {
    severity: 'NOTICE',
    message: 'table "nowhere" does not exist, skipping',
  });
  t.equal((await session.query('')).tag, '');
});

t.test('errors are PgError, and the session goes on', async t => {
  const folder = temporaryFolder('embedded');
  const database = await openDatabase({dataDir: join(folder.path, 'data')});
  const session = database.session();
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });

  await session.query('CREATE TABLE n (id int4 PRIMARY KEY)');
  const failure = session.query('SELECT 1 / $1::int4', [0]);
  await t.rejects(failure, {code: '22012', message: 'division by zero'});
  t.ok((await failure.catch((error: unknown) => error)) instanceof PgError);
  await t.rejects(session.query('INSERT INTO n VALUES (1); INSERT INTO n VALUES (1)'), {
    code: '23505',
  });
  t.same((await session.query('SELECT count(*) FROM n')).rows, [[0n]], 'one implicit transaction');
  await t.rejects(session.query('COPY n FROM STDIN'), {code: '0A000'});
  await t.rejects(session.query('SELEC 1'), {code: '42601'});

  await session.query('BEGIN');
  await t.rejects(session.query('SELECT nothing'), {code: '42703'});
  await t.rejects(session.query('SELECT 1', []), {code: '25P02'});
  t.equal((await session.query('ROLLBACK')).tag, 'ROLLBACK');

  const sleeping = session.query('SELECT pg_sleep(100)');
  const started = new Promise(resolve => setImmediate(resolve));
  await started;
  session.cancel();
  await t.rejects(sleeping, {code: '57014'});

  await t.rejects(session.query("SET statement_timeout = '100ms'; SELECT pg_sleep(100)"), {
    code: '57014',
  });

  t.throws(() => database.session({user: 'nobody'}), {code: '28000'});
  await session.close();
  await t.rejects(session.query('SELECT 1'), {code: '08000'});
});

t.test('each user has his own rows; they survive a reopening', async t => {
  const folder = temporaryFolder('embedded');
  const dataDir = join(folder.path, 'data');
  const database = await openDatabase({dataDir});
  const admin = database.session();
  await admin.queryAll(`
    CREATE ROLE anna LOGIN;
    CREATE ROLE bert LOGIN;
    CREATE NAMESPACE chat;
    CREATE USER TABLE chat.messages (id int8 PRIMARY KEY, body text);
    GRANT USAGE ON SCHEMA chat TO anna, bert;
    GRANT SELECT, INSERT ON chat.messages TO anna, bert`);
  const anna = database.session({user: 'anna'});
  const bert = database.session({user: 'bert'});
  await anna.query('INSERT INTO chat.messages VALUES ($1, $2)', [1, 'from anna']);
  await bert.query('INSERT INTO chat.messages VALUES ($1, $2)', [1, 'from bert']);
  t.same((await anna.query('SELECT * FROM chat.messages')).rows, [[1n, 'from anna']]);
  t.same((await bert.query('SELECT * FROM chat.messages')).rows, [[1n, 'from bert']]);
  await admin.query('STORAGE FLUSH TABLE chat.messages');
  await anna.query("INSERT INTO chat.messages VALUES (2, 'hot')");
  await database.close();

  const again = await openDatabase({dataDir});
  t.teardown(async () => {
    await again.close();
    folder.remove();
  });
  const rows = async (user: string): Promise<unknown> =>
    (await again.session({user}).query('SELECT id, body FROM chat.messages ORDER BY id')).rows;
  t.same(await rows('anna'), [
    [1n, 'from anna'],
    [2n, 'hot'],
  ]);
  t.same(await rows('bert'), [[1n, 'from bert']]);
  t.same(await rows('postgres'), []);
});

t.test('LISTEN calls back', async t => {
  const folder = temporaryFolder('embedded');
  const database = await openDatabase({dataDir: join(folder.path, 'data')});
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });
  const listener = database.session();
  const sender = database.session();
  const heard: string[] = [];
  const {promise, resolve} = Promise.withResolvers<void>();
  const unlisten = await listener.listen('news', (payload, channel, pid) => {
    heard.push(`${channel} ${payload} ${pid === sender.pid}`);
    if (payload === 'last') resolve();
  });
  await sender.query("NOTIFY news, 'first'");
  await sender.query('SELECT pg_notify($1, $2)', ['news', 'last']);
  await promise;
  t.same(heard, ['news first true', 'news last true']);
  await unlisten();
  t.same((await listener.query('SELECT count(*) FROM pg_listening_channels()')).rows, [[0n]]);
});
