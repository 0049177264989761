import {join} from 'node:path';
import t from 'tap';
import {openDatabase, PgError} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

t.test(
  'DDL that commits beside a large commit, or with many rows: one name, one table',
  async t => {
    const folder = temporaryFolder('large-ddl');
    const open = () => openDatabase({dataDir: join(folder.path, 'data')});
    let database = await open();
    t.teardown(async () => {
      await database.close();
      folder.remove();
    });
    const sessions = Array.from({length: 5}, () => database.session());
    await sessions[0]!.query('CREATE TABLE big (a int4)');
    const results = await Promise.allSettled([
      sessions[0]!.query('INSERT INTO big SELECT g FROM generate_series(1, 20000) g'),
      sessions[1]!.query('CREATE TABLE made AS SELECT g FROM generate_series(1, 5000) g'),
      sessions[2]!.query('CREATE TABLE made AS SELECT g FROM generate_series(1, 5001) g'),
      sessions[3]!.query('CREATE TABLE made (a int4)'),
      sessions[4]!.query('CREATE TABLE another (a int4)'),
    ]);
    const failed = results.flatMap(result => (result.status === 'rejected' ? [result.reason] : []));
    t.equal(failed.length, 2);
    for (const error of failed) t.match(error, {code: /42P07|23505/});
    t.ok(failed.every(error => error instanceof PgError));
    await database.close();
    database = await open();
    const session = database.session();
    const {rows} = await session.query(
      `SELECT relname FROM pg_class WHERE relname IN ('made', 'another') ORDER BY 1`,
    );
    t.same(rows, [['another'], ['made']]);
    t.same((await session.query('SELECT count(*) FROM big')).rows, [[20000n]]);
  },
);
