import {readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';
import {openDatabase, PgError} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Statements of the table under "Not supported". */
function refusedStatements(): string[] {
  const text = readFileSync(join(root, 'docs/compatibility.md'), 'utf8');
  const section = text.slice(text.indexOf('## Not supported'));
  const end = section.indexOf('\n## ', 1);
  return [...section.slice(0, end).matchAll(/^\| `(.+?)` \|/gm)].map(match => match[1] ?? '');
}

t.test('what docs/compatibility.md says is not supported answers 0A000', async t => {
  const folder = temporaryFolder('compatibility');
  const database = await openDatabase({dataDir: join(folder.path, 'data')});
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });
  const session = database.session();
  await session.queryAll(`
    CREATE TABLE t (id int4 PRIMARY KEY, body text, tags int4[]);
    CREATE FUNCTION one() RETURNS int4 LANGUAGE sql AS 'SELECT 1'`);
  const statements = refusedStatements();
  t.ok(statements.length > 20, `${statements.length} statements`);
  for (const statement of statements) {
    const answer = await session.query(statement).then(
      result => result.tag,
      (error: unknown) => (error instanceof PgError ? error.code : String(error)),
    );
    t.equal(answer, '0A000', `${statement}: supported now? Then its line goes from the page`);
  }
});
