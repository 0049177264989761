import {join} from 'node:path';
import t from 'tap';
import {openDatabase} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

/** Back-references make each division of the subject be tried: more than any machine can. */
const endless = ["repeat('ab', 40) || 'c'", '^((\\w+)*)*(\\2|x)+\\1y?$'] as const;

t.test('a search that runs away lets others work, and can be cancelled', async t => {
  const folder = temporaryFolder('regex');
  const database = await openDatabase({dataDir: join(folder.path, 'data')});
  const session = database.session();
  const other = database.session();
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });
  await session.queryAll(`CREATE TABLE texts (id int4 PRIMARY KEY, body text, pattern text);
    INSERT INTO texts SELECT n, ${endless[0]}, '${endless[1]}' FROM generate_series(1, 3) n`);
  const [, pattern] = endless;
  const statements = [
    `SELECT id FROM texts WHERE body ~ '${pattern}'`,
    `SELECT id FROM texts WHERE id = 2 AND body ~ '${pattern}'`,
    `SELECT regexp_replace(body, '${pattern}', 'x', 'g') FROM texts`,
    'SELECT count(*) FROM texts WHERE regexp_like(body, pattern)',
    `SELECT (${endless[0]}) ~ '${pattern}'`,
    `SELECT regexp_match(body, pattern) FROM texts ORDER BY id`,
  ];
  for (const statement of statements) {
    let isOver = false;
    const running = session.query(statement).finally(() => {
      isOver = true;
    });
    const failure = t.rejects(running, {code: '57014'}, statement);
    for (let i = 0; i < 3; i++) await other.query('SELECT count(*) FROM texts');
    t.notOk(isOver, 'others were answered meanwhile');
    session.cancel();
    await failure;
  }
  await session.query("SET statement_timeout = '50ms'");
  for (const statement of statements)
    await t.rejects(session.query(statement), {code: '57014', message: /statement timeout/});
});

t.test('patterns that are slow for engines that try again are not slow here', async t => {
  const folder = temporaryFolder('regex');
  const database = await openDatabase({dataDir: join(folder.path, 'data')});
  const session = database.session();
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });
  for (const pattern of ['(a+)+$', '(a|aa)+$', '(.*)*x', '^(a|a|a)*$', '(?:a*)*b', '((a*)*)*c'])
    t.same(
      (await session.query("SELECT repeat('a', 100000) || '!' ~ $1", [pattern])).rows,
      [[false]],
      pattern,
    );
  t.same(
    (
      await session.query(
        "SELECT length(regexp_replace(repeat('ab ', 200000), '(a+)+b', 'x', 'g'))",
      )
    ).rows,
    [[400_000]],
  );
  t.same(
    (await session.query(String.raw`SELECT repeat('abc', 30) ~ '^(\w+)\1$'`)).rows,
    [[true]],
    'a slow search that ends',
  );
});
