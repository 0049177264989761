// STORAGE section 6.3: acts on other users' data are recorded apart, durable before a row leaves, whatever becomes of the transaction.
import t from 'tap';
import {connect, failure, rows} from '../jobs/support.ts';
import {startWadi} from '../support/wadi-server.ts';

const RECORDS = 'SELECT actor, subject, action, target FROM system.audit_log ORDER BY audit_id';

t.test('STORAGE 6.3: crossings of users are recorded', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const admin = await connect(server);
  await admin.query(`
    CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE svc LOGIN; GRANT wadi_service TO svc;
    CREATE SCHEMA chat; GRANT USAGE ON SCHEMA chat TO PUBLIC;
    CREATE TABLE chat.m (id int PRIMARY KEY, body text) WITH (type = 'user'); GRANT ALL ON chat.m TO PUBLIC;
    CREATE TABLE plain (id int); GRANT ALL ON plain TO PUBLIC`);
  const ann = await connect(server, 'ann');
  const svc = await connect(server, 'svc');

  await ann.query("INSERT INTO chat.m VALUES (1, 'own')");
  await ann.query('SELECT * FROM chat.m; SELECT _user_id FROM chat.m; SELECT * FROM plain');
  await svc.query('SELECT * FROM chat.m; SELECT * FROM plain');
  t.same(await rows(admin, RECORDS), [], 'own rows and shared tables leave no record');

  await svc.query('SELECT _user_id, id FROM chat.m');
  await svc.query("SELECT id FROM chat.m WHERE _user_id = 'ann'");
  await svc.query("INSERT INTO chat.m (_user_id, id) VALUES ('bob', 1), ('bob', 2), ('ann', 3)");
  await svc.query("UPDATE chat.m SET body = 'x' WHERE _user_id = 'bob'");
  await svc.query('BEGIN');
  await svc.query("EXECUTE AS USER 'bob' (SELECT id FROM chat.m)");
  await svc.query("EXECUTE AS USER 'bob' (DELETE FROM chat.m)");
  await svc.query('ROLLBACK');
  await admin.query(
    'SET ROLE ann; RESET ROLE; SET SESSION AUTHORIZATION bob; RESET SESSION AUTHORIZATION',
  );
  t.same(await rows(admin, RECORDS), [
    ['svc', null, 'read all owners', 'chat.m'],
    ['svc', 'ann', 'read as user', 'chat.m'],
    ['svc', 'bob', 'write as user', 'chat.m'],
    ['svc', 'ann', 'write as user', 'chat.m'],
    ['svc', 'bob', 'read as user', 'chat.m'],
    ['svc', 'bob', 'execute as user', null],
    ['svc', 'bob', 'execute as user', null],
    ['postgres', 'ann', 'set role', null],
    ['postgres', 'bob', 'set session authorization', null],
  ]);
  t.equal(await failure(ann, 'SELECT * FROM system.audit_log'), '42501');

  await admin.query('STORAGE FLUSH TABLE system.audit_log');
  t.same(await rows(admin, 'SELECT count(*) FROM system.audit_log'), [['9']], 'cold records');
  await server.kill('SIGKILL');
});

t.test('a record is there after kill -9 as soon as its row was seen', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const admin = await connect(server);
  await admin.query(`
    CREATE TABLE m (id int PRIMARY KEY) WITH (type = 'user');
    CREATE ROLE bob LOGIN; GRANT ALL ON m TO bob`);
  await admin.query("INSERT INTO m (_user_id, id) VALUES ('bob', 1)");
  await admin.query('BEGIN');
  t.same(await rows(admin, "EXECUTE AS USER 'bob' (SELECT id FROM m)"), [['1']]);
  await server.kill('SIGKILL');
  const again = await startWadi({dataDir: server.dataDir});
  t.teardown(() => again.stop());
  t.same(await rows(await connect(again), RECORDS), [
    ['postgres', 'bob', 'write as user', 'public.m'],
    ['postgres', 'bob', 'execute as user', null],
  ]);
});

t.test('nobody changes the log', async t => {
  const server = await startWadi();
  t.teardown(() => server.stop());
  const admin = await connect(server);
  for (const text of [
    "INSERT INTO system.audit_log (actor) VALUES ('x')",
    "UPDATE system.audit_log SET actor = 'x'",
    'DELETE FROM system.audit_log',
    'TRUNCATE system.audit_log',
    'DROP TABLE system.audit_log',
    'ALTER TABLE system.audit_log ADD COLUMN x int',
    'ALTER TABLE system.audit_log RENAME TO y',
    'ALTER TABLE system.audit_log OWNER TO wadi_dba',
    'CREATE INDEX ON system.audit_log (actor)',
    'COPY system.audit_log FROM STDIN',
  ]) {
    t.equal(await failure(admin, text), '42501', text);
  }
  await admin.query('CREATE DATABASE other');
  const other = await connect(server, 'postgres', 'other');
  t.same(await rows(other, 'SELECT count(*) FROM system.audit_log'), [['0']]);
  await other.end();
  await admin.query('DROP DATABASE other');
});
