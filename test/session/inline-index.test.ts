import {join} from 'node:path';
import t from 'tap';
import {openDatabase} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const folder = temporaryFolder('inline-index');
const database = await openDatabase({dataDir: join(folder.path, 'data')});
t.teardown(async () => {
  await database.close();
  folder.remove();
});
const session = database.session();

/** Lines of EXPLAIN ANALYZE that tell what was read and skipped. */
async function counted(sql: string): Promise<readonly string[]> {
  const {rows} = await session.query(
    `EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ${sql}`,
  );
  return rows.map(([line]) => String(line).trim()).filter(line => / read \d+, skipped /.test(line));
}

/** A user table of two segments: conversations are even in one and odd in the other, times go down while keys go up. */
async function filled(name: string, clauses: string): Promise<void> {
  await session.query(
    `CREATE USER TABLE ${name} (id int8 PRIMARY KEY, conversation_id int8, created_at timestamp${clauses})`,
  );
  for (const half of [0, 1]) {
    await session.query(`INSERT INTO ${name} SELECT 30000 * ${half} + x, 2 * x + ${half},
      timestamp '2024-01-01' + (x * 7919 % 30000) * interval '1 minute' FROM generate_series(1, 30000) x`);
    await session.query(`STORAGE FLUSH TABLE ${name}`);
  }
}

t.test('segments are skipped and sorted as INDEX clauses say', async t => {
  await filled('plain', '');
  await filled(
    'clauses',
    ', INDEX (conversation_id) USING BLOOM (fpp = 0.001, num_items = 30000), INDEX (created_at) USING SORTED DESC',
  );
  await filled('tiny', ', INDEX (conversation_id) USING BLOOM (fpp = 0.001, num_items = 1)');
  const equal = (table: string) => `SELECT id FROM ${table} WHERE conversation_id = 20000`;
  const early = (table: string) =>
    `SELECT id FROM ${table} WHERE created_at < timestamp '2024-01-01 00:05'`;
  t.match(await counted(equal('plain')), ['Segments: read 2', 'Row Groups: read 2, skipped 0']);
  t.match(await counted(equal('clauses')), ['Segments: read 2', 'Row Groups: read 1, skipped 1']);
  t.match(await counted(equal('tiny')), ['Segments: read 2', 'Row Groups: read 2, skipped 0']);
  t.match((await counted(early('plain'))).at(-1), /^Pages: read \d+, skipped 0$/);
  t.match((await counted(early('clauses'))).at(-1), /^Pages: read \d+, skipped [1-9]/);
  t.same((await session.query(equal('clauses'))).rows, [[10_000n]]);
  t.equal((await session.query(early('clauses'))).rows.length, 10);
});

t.test('errors point into the text as sent', async t => {
  const sql = `SELECT 'ä'; CREATE USER TABLE e ("ö" int, INDEX ("ö", nope) USING BTREE, b int CHECK (wrong > 1))`;
  const early = sql.replace('wrong', 'b');
  await t.rejects(session.queryAll(early), {
    code: '42703',
    fields: {position: early.indexOf('nope') + 1},
  });
  const later = sql.replace('nope', '"ö"');
  await t.rejects(session.queryAll(later), {
    code: '42703',
    fields: {position: later.indexOf('wrong') + 1},
  });
});

t.test('an index that cannot be made leaves no table, and a savepoint undoes both', async t => {
  await t.rejects(session.query('CREATE TABLE j (a json, INDEX (a) USING SORTED)'), {
    code: '42704',
  });
  await session.queryAll(`BEGIN; SAVEPOINT s; CREATE USER TABLE j (a int, INDEX (a) USING SORTED);
    INSERT INTO j VALUES (1); ROLLBACK TO s; CREATE USER TABLE j (a int, INDEX (a) USING BLOOM); COMMIT`);
  const {rows} = await session.query(`SELECT indexdef FROM pg_indexes WHERE tablename = 'j'`);
  t.same(rows, [['CREATE INDEX j_a_idx ON public.j USING bloom (a)']]);
});
