// system.import_user_data(): IMPORT USER DATA for drivers, in a transaction of its own.
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import t from 'tap';
import {type EmbeddedSession, openDatabase} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

t.setTimeout(200_000);

async function code(session: EmbeddedSession, sql: string): Promise<string> {
  return session.query(sql).then(
    () => 'ok',
    (error: unknown) => (error as {code: string}).code,
  );
}

t.test('a user reads back an own export', async t => {
  const folder = temporaryFolder('import');
  const database = await openDatabase({dataDir: folder.path});
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });
  const root = database.session();
  await root.query('CREATE USER TABLE own (id int PRIMARY KEY, s text)');
  await root.query('CREATE ROLE bob LOGIN');
  await root.query('CREATE ROLE eve LOGIN');
  await root.query('GRANT ALL ON own TO bob, eve');
  const bob = database.session({user: 'bob'});
  await bob.query(`INSERT INTO own SELECT g, 'x' FROM generate_series(1, 100) g`);
  await bob.query('SELECT system.export_user_data()');
  const exports = join(folder.path, 'exports');
  const [file] = readdirSync(exports, {recursive: true, encoding: 'utf8'}).filter(name =>
    name.endsWith('.zip'),
  );
  const path = join(exports, file!);
  t.equal(await code(bob, `SELECT system.import_user_data('${path}')`), '23505');
  await bob.query('DELETE FROM own WHERE id > 10');
  t.equal(await code(bob, `SELECT system.import_user_data('${path}')`), '23505');
  t.same((await bob.query('SELECT count(*) FROM own')).rows, [[10n]], 'all or nothing');
  await bob.query('DELETE FROM own');
  const [[job]] = (await bob.query(`SELECT system.import_user_data('${path}')`)).rows as [[bigint]];
  t.same((await bob.query('SELECT count(*) FROM own')).rows, [[100n]]);
  t.same((await bob.query(`SELECT type, status FROM system.jobs WHERE job_id = ${job}`)).rows, [
    ['import', 'completed'],
  ]);
  const eve = database.session({user: 'eve'});
  t.equal(await code(eve, `SELECT system.import_user_data('${path}')`), '42501', 'a foreign file');
  t.equal(await code(eve, `SELECT system.import_user_data('${path}', 'bob')`), '42501');
  t.equal(await code(eve, `SELECT system.import_user_data('${path}/../../../x', 'eve')`), '42501');
  t.equal(await code(eve, `SELECT system.import_user_data('relative')`), '22023');
  t.same((await eve.query('SELECT system.import_user_data(NULL)')).rows, [[null]]);
  await eve.query('BEGIN READ ONLY');
  t.equal(await code(eve, `SELECT system.import_user_data('${path}')`), '25006');
  await eve.query('ROLLBACK');
  // The import stays when the statement that asked for it goes.
  await bob.query('DELETE FROM own');
  await bob.query('BEGIN');
  await bob.query(`SELECT system.import_user_data('${path}')`);
  await bob.query('ROLLBACK');
  t.same((await bob.query('SELECT count(*) FROM own')).rows, [[100n]]);
  // One that waits for a lock of its own caller is ended by a cancel.
  await bob.query('BEGIN');
  await bob.query('DELETE FROM own');
  const waiting = code(bob, `SELECT system.import_user_data('${path}')`);
  const isWaiting = (): boolean =>
    [...database.engine.sessions.values()].some(
      each => each.activity.state === 'active' && each.activity.query.startsWith('IMPORT'),
    );
  for (let turns = 0; turns < 200; turns += isWaiting() ? 1 : 0) await nextTurn();
  bob.cancel();
  t.equal(await waiting, '57014');
  await bob.query('ROLLBACK');
  t.same((await bob.query('SELECT count(*) FROM own')).rows, [[100n]]);
  await bob.query('CREATE TEMP TABLE later (id int)');
  await bob.query('DELETE FROM own');
  t.same((await bob.query('SELECT count(*) FROM own')).rows, [[0n]], 'nothing comes later');
  for (const session of [root, bob, eve]) await session.close();
});
