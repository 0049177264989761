// Rules of the storage contracts (STORAGE) that no test of one part names, each through SQL. The numbers are those of its sections.
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import t, {type Test} from 'tap';
import {type Database, type EmbeddedSession, openDatabase} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const TURNS = 20_000;

interface Bench {
  readonly database: Database;
  readonly session: EmbeddedSession;
  readonly dataDir: string;
}

async function start(test: Test): Promise<Bench> {
  const folder = temporaryFolder('rules');
  const dataDir = join(folder.path, 'data');
  const database = await openDatabase({dataDir});
  test.teardown(async () => {
    await database.close();
    folder.remove();
  });
  return {database, session: database.session(), dataDir};
}

/** The values of a query, columns by ':' and rows by ' '. */
async function ask(session: EmbeddedSession, sql: string): Promise<string> {
  const {rows} = await session.query(sql);
  return rows.map(row => Object.values(row).join(':')).join(' ');
}

async function run(session: EmbeddedSession, ...statements: readonly string[]): Promise<void> {
  for (const sql of statements) await session.query(sql);
}

/** SQLSTATE of a statement that fails. */
async function failure(session: EmbeddedSession, sql: string): Promise<string> {
  return session.query(sql).then(
    () => 'no error',
    (error: {readonly code?: string}) => error.code ?? String(error),
  );
}

/** Whether something is so within some turns of the event loop. */
async function becomes(isSo: () => boolean, turns = TURNS): Promise<boolean> {
  for (let turn = 0; turn < turns && !isSo(); turn++) await nextTurn();
  return isSo();
}

function segments(dataDir: string): string[] {
  const folder = join(dataDir, 'segments');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, {recursive: true})
    .map(String)
    .filter(name => name.endsWith('.parquet'))
    .sort();
}

t.test('STORAGE 1.4: a foreign key shares the key of its parent, hot or cold', async test => {
  const {database, session} = await start(test);
  await run(
    session,
    'CREATE TABLE parent (id int PRIMARY KEY, name text)',
    'CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent)',
    "INSERT INTO parent VALUES (1, 'a'), (2, 'b')",
    'STORAGE FLUSH TABLE parent',
  );
  const other = database.session();
  await run(session, 'BEGIN', 'INSERT INTO child VALUES (1, 1)');
  await run(other, "SET lock_timeout = '50ms'");
  test.equal(await ask(other, "UPDATE parent SET name = 'x' WHERE id = 1 RETURNING name"), 'x');
  test.equal(await failure(other, 'DELETE FROM parent WHERE id = 1'), '55P03', 'the key is shared');
  await run(other, 'DELETE FROM parent WHERE id = 2');
  test.equal(
    await failure(session, 'INSERT INTO child VALUES (2, 2)'),
    '23503',
    'the newest committed state is looked at',
  );
  await run(session, 'ROLLBACK', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
  await ask(session, 'SELECT count(*) FROM child');
  await run(other, "INSERT INTO parent VALUES (3, 'later')");
  test.equal(
    await failure(session, 'INSERT INTO child VALUES (3, 3)'),
    '23503',
    'one snapshot for all, as in PostgreSQL',
  );
  await run(session, 'ROLLBACK', 'BEGIN');
  await ask(session, 'SELECT count(*) FROM child');
  await run(other, "INSERT INTO parent VALUES (4, 'later')");
  await run(session, 'INSERT INTO child VALUES (4, 4)', 'COMMIT');
});

t.test('STORAGE 1.4: keys of user tables include the owner', async test => {
  const {database, session} = await start(test);
  await run(
    session,
    'CREATE ROLE ann LOGIN',
    'CREATE ROLE ben LOGIN',
    'CREATE USER TABLE folders (id int PRIMARY KEY)',
    'CREATE USER TABLE notes (id int PRIMARY KEY, folder int REFERENCES folders)',
    'GRANT ALL ON folders, notes TO ann, ben',
  );
  const ann = database.session({user: 'ann'});
  const ben = database.session({user: 'ben'});
  await run(ann, 'INSERT INTO folders VALUES (1)', 'INSERT INTO notes VALUES (1, 1)');
  test.equal(await failure(ben, 'INSERT INTO notes VALUES (1, 1)'), '23503', "another's parent");
  await run(ben, 'INSERT INTO folders VALUES (1)', 'INSERT INTO notes VALUES (1, 1)');
  test.equal(await failure(ben, 'INSERT INTO folders VALUES (1)'), '23505');
  test.not(
    await failure(session, 'CREATE TABLE all_notes (folder int REFERENCES folders)'),
    'no error',
    'a shared table refers to no user table',
  );
});

t.test('STORAGE 2.2: what is read in portions is of one snapshot', async test => {
  const {database, session} = await start(test);
  await run(
    session,
    'CREATE TABLE t (id int PRIMARY KEY, v int)',
    'INSERT INTO t SELECT g, 0 FROM generate_series(1, 5000) g',
    'BEGIN',
    'DECLARE c CURSOR FOR SELECT v FROM t',
  );
  test.equal(await ask(session, 'FETCH 3 FROM c'), '0 0 0');
  const other = database.session();
  await run(other, 'UPDATE t SET v = 1', 'DELETE FROM t WHERE id > 4000', 'STORAGE FLUSH TABLE t');
  const {rows} = await session.query('FETCH ALL FROM c');
  test.equal(rows.length, 4997);
  test.ok(rows.every(row => Object.values(row)[0] === 0));
  await run(session, 'COMMIT');
  test.equal(await ask(session, 'SELECT sum(v), count(*) FROM t'), '4000:4000');
});

t.test('STORAGE 3.2: _seq is the place in the one commit order', async test => {
  const {database, session} = await start(test);
  await run(session, 'CREATE TABLE a (id int PRIMARY KEY)', 'CREATE TABLE b (id int PRIMARY KEY)');
  const other = database.session();
  await run(session, 'BEGIN', 'INSERT INTO a VALUES (1), (2)');
  await run(other, 'INSERT INTO b VALUES (1)');
  test.equal(await ask(session, 'SELECT _seq FROM a WHERE _seq IS NOT NULL'), '', 'not yet known');
  await run(session, 'INSERT INTO b VALUES (2)', 'COMMIT');
  const order =
    'SELECT count(DISTINCT a._seq), max(a._seq) = max(own._seq), max(own._seq) > max(b._seq)';
  const of = 'FROM a, b, b AS own WHERE b.id = 1 AND own.id = 2';
  test.equal(await ask(session, `${order} ${of}`), '1:true:true');
  await run(session, 'STORAGE FLUSH TABLE b');
  test.equal(await ask(session, `${order} ${of}`), '1:true:true', 'a flush changes no seq');
});

t.test(
  'STORAGE 3.5: a notification is heard after its commit, in the order of commits',
  async test => {
    const {database, session} = await start(test);
    await run(session, 'CREATE TABLE t (id int PRIMARY KEY)');
    const listener = database.session();
    const reader = database.session();
    const heard: Promise<string>[] = [];
    await listener.listen('told', payload => {
      heard.push(ask(reader, `SELECT '${payload}', count(*) FROM t WHERE id = ${payload}`));
    });
    await run(session, 'BEGIN', 'INSERT INTO t VALUES (1)', "NOTIFY told, '1'");
    const other = database.session();
    await run(other, 'BEGIN', 'INSERT INTO t VALUES (2)', "NOTIFY told, '2'", 'COMMIT');
    await run(other, 'BEGIN', 'INSERT INTO t VALUES (3)', "NOTIFY told, '3'", 'ROLLBACK');
    await run(session, 'COMMIT');
    test.ok(await becomes(() => heard.length === 2));
    test.same(await Promise.all(heard), ['2:1', '1:1']);
  },
);

t.test('STORAGE 5.4: a file lies there while a snapshot refers to it', async test => {
  const {database, session, dataDir} = await start(test);
  await run(
    session,
    'CREATE TABLE t (id int PRIMARY KEY, v int)',
    'INSERT INTO t SELECT g, g FROM generate_series(1, 500) g',
    'STORAGE FLUSH TABLE t',
  );
  const before = segments(dataDir);
  test.equal(before.length, 1);
  const old = database.session();
  await run(old, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
  test.equal(await ask(old, 'SELECT sum(v) FROM t WHERE id <= 10'), '55');
  await run(
    session,
    'INSERT INTO t SELECT g, g FROM generate_series(501, 900) g',
    'DELETE FROM t WHERE id <= 100',
    'STORAGE FLUSH TABLE t',
    'STORAGE COMPACT TABLE t',
  );
  const isGone = (): boolean => !segments(dataDir).includes(before[0]!);
  test.notOk(await becomes(isGone, 300), 'it is still read');
  test.equal(await ask(old, 'SELECT sum(v), count(*) FROM t'), '125250:500');
  await run(old, 'COMMIT');
  test.equal(await ask(session, 'SELECT count(*) FROM t'), '800');
  test.ok(await becomes(isGone), 'nobody reads it any more');
});

t.test('STORAGE 6.1: a role of an old name inherits nothing', async test => {
  const {database, session, dataDir} = await start(test);
  await run(
    session,
    'CREATE ROLE bob LOGIN',
    'CREATE ROLE "../bob" LOGIN',
    'CREATE USER TABLE t (id int PRIMARY KEY)',
    'GRANT ALL ON t TO bob, "../bob"',
  );
  await run(database.session({user: 'bob'}), 'INSERT INTO t VALUES (1)');
  await run(database.session({user: '../bob'}), 'INSERT INTO t VALUES (2)');
  await run(session, 'STORAGE FLUSH TABLE t');
  test.equal(await ask(session, 'SELECT _user_id, id FROM t ORDER BY id'), 'bob:1 ../bob:2');
  const files = segments(dataDir);
  test.equal(files.length, 2);
  test.ok(
    files.every(file => !file.includes('bob') && !file.includes('..')),
    'paths have ids, not names',
  );
  await run(session, 'ALTER ROLE bob RENAME TO robert');
  test.equal(await ask(session, "SELECT id FROM t WHERE _user_id = 'robert'"), '1');
  await run(session, 'CREATE ROLE bob LOGIN', 'GRANT ALL ON t TO bob');
  const bob = database.session({user: 'bob'});
  test.equal(await ask(bob, 'SELECT count(*) FROM t'), '0');
  await run(bob, 'INSERT INTO t VALUES (1)');
  test.equal(
    await ask(session, 'SELECT _user_id FROM t WHERE id = 1 ORDER BY 1'),
    'bob robert',
    'keys of one do not meet those of the other',
  );
});

t.test('STORAGE 6.2: a column decides whose rows a FROM item reads', async test => {
  const {database, session} = await start(test);
  await run(
    session,
    'CREATE ROLE ann LOGIN',
    'CREATE ROLE ben LOGIN',
    'CREATE USER TABLE t (id int PRIMARY KEY, v text)',
    'GRANT ALL ON t TO ann, ben',
    "INSERT INTO t (_user_id, id, v) VALUES ('ann', 1, 'a'), ('ben', 1, 'b'), ('ben', 2, 'c')",
    'STORAGE FLUSH TABLE t',
  );
  const ben = database.session({user: 'ben'});
  test.equal(await ask(session, 'SELECT count(*) FROM t'), '0', 'own rows only');
  test.equal(
    await ask(session, 'SELECT _user_id, v FROM t WHERE id = 1 ORDER BY 1'),
    'ann:a ben:b',
  );
  test.equal(await ask(session, "SELECT v FROM t WHERE id = 1 AND _user_id = 'ben'"), 'b');
  test.equal(
    await ask(ben, 'SELECT _user_id, v FROM t WHERE id = 1'),
    'ben:b',
    'no right: own rows',
  );
  test.equal(await ask(ben, "SELECT v FROM t WHERE id = 1 AND _user_id = 'ann'"), '');
  test.equal(await failure(session, "UPDATE t SET _user_id = 'ann'"), '0A000');
  test.equal(
    await failure(session, 'SELECT x.id FROM t x, t y WHERE x._user_id IS NOT NULL AND y.id = 1'),
    '0A000',
    'both scopes in one query level',
  );
  test.equal(await failure(session, 'CREATE TABLE c (_user_id int)'), '42701');
  test.equal(await failure(ben, "INSERT INTO t (_user_id, id) VALUES ('ann', 9)"), '42501');
});

t.test('STORAGE 6.4: row_security = off and a user table', async test => {
  const {database, session} = await start(test);
  await run(
    session,
    'CREATE ROLE ann LOGIN',
    'CREATE USER TABLE t (id int PRIMARY KEY)',
    'GRANT ALL ON t TO ann',
  );
  const ann = database.session({user: 'ann'});
  await run(ann, 'INSERT INTO t VALUES (1)', 'SET row_security = off');
  test.equal(await failure(ann, 'SELECT * FROM t'), '42501', "own rows are not everybody's");
  await run(ann, 'SET row_security = on');
  test.equal(await ask(ann, 'SELECT * FROM t'), '1');
});
