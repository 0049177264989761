import t from 'tap';
import {type EmbeddedSession, openDatabase} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const OWNERS = 30;

/** The segments that a lookup of a key across all owners reads. */
async function segmentsRead(session: EmbeddedSession, id: number): Promise<number> {
  const {rows} = await session.query(
    `EXPLAIN ANALYZE SELECT _user_id, body FROM notes WHERE id = ${id}`,
  );
  const text = rows.map(row => Object.values(row)[0]).join('\n');
  return Number(/Segments: read (\d+)/.exec(text)?.[1] ?? 0);
}

t.test('keys across owners are looked up in the segments that can hold them', async t => {
  const folder = temporaryFolder('owner-lookups');
  const database = await openDatabase({dataDir: folder.path});
  t.teardown(async () => {
    await database.close();
    folder.remove();
  });
  const session = database.session();
  const found = async (id: number, by: EmbeddedSession = session): Promise<string> => {
    const {rows} = await by.query('SELECT _user_id, body FROM notes WHERE id = $1 ORDER BY 1', [
      String(id),
    ]);
    return rows.map(row => Object.values(row).join(':')).join(' ');
  };
  for (let i = 0; i < OWNERS; i++) await session.query(`CREATE ROLE u${i}`);
  await session.query('CREATE USER TABLE notes (id int8 PRIMARY KEY, body text)');
  const insert = (from: number, to: number): Promise<unknown> =>
    session.query(
      `INSERT INTO notes (_user_id, id, body)
        SELECT 'u' || g % ${OWNERS}, g, 'n' || g FROM generate_series(${from}, ${to}) g`,
    );
  await insert(1, 3000);
  await session.query('STORAGE FLUSH TABLE notes');
  // A search that was interrupted is counted twice.
  t.ok((await segmentsRead(session, 777)) >= OWNERS, 'who looks once looks everywhere');
  t.ok((await segmentsRead(session, 777)) <= 2);
  t.equal(await found(777), 'u27:n777');
  t.equal(await found(3001), '');
  t.equal(await found(-777), '');

  await insert(3001, 3030);
  t.equal(await found(3030), 'u0:n3030', 'a hot row');
  await session.query('STORAGE FLUSH TABLE notes');
  t.equal(await found(3030), 'u0:n3030', 'a segment that came later');
  t.ok((await segmentsRead(session, 3030)) <= 2);

  await session.query("INSERT INTO notes (_user_id, id, body) VALUES ('u5', 777, 'another')");
  t.equal(await found(777), 'u27:n777 u5:another', 'one hot, one cold');
  await session.query('STORAGE FLUSH TABLE notes');
  t.equal(await found(777), 'u27:n777 u5:another');
  const old = database.session();
  await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  t.equal(await found(778, old), 'u28:n778');
  await session.query("UPDATE notes SET body = 'new' WHERE id = 777 AND _user_id = 'u27'");
  await session.query('DELETE FROM notes WHERE _user_id IS NOT NULL AND id = 778');
  t.equal(await found(777), 'u27:new u5:another');
  t.equal(await found(778), '');
  t.equal(await found(777, old), 'u27:n777 u5:another', 'an older snapshot');
  t.equal(await found(778, old), 'u28:n778');
  await session.query('STORAGE FLUSH TABLE notes');
  await session.query('STORAGE COMPACT TABLE notes');
  t.equal(await found(777), 'u27:new u5:another', 'after compaction');
  t.equal(await found(778), '');
  t.equal(await found(778, old), 'u28:n778', 'of segments that are gone for everybody else');
  await old.query('COMMIT');

  await session.query('BEGIN');
  await session.query("INSERT INTO notes (_user_id, id, body) VALUES ('u6', 777, 'own')");
  await session.query("DELETE FROM notes WHERE _user_id = 'u5' AND id = 777");
  t.equal(await found(777), 'u27:new u6:own', 'the own write-set');
  await session.query('ROLLBACK');
  for (let id = 1; id <= 3030; id += 101) {
    const expected = id === 777 ? 'u27:new u5:another' : id === 778 ? '' : `u${id % OWNERS}:n${id}`;
    if ((await found(id)) !== expected) t.fail(`key ${id}: ${await found(id)}`);
  }
  await session.query('TRUNCATE notes');
  t.equal(await found(1), '');
  await insert(1, 10);
  t.equal(await found(1), 'u1:n1');
});
