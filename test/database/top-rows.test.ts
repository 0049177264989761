import {join} from 'node:path';
import t from 'tap';
import {openDatabase} from '../../src/database.ts';
import {randomOf} from '../exec/support.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const KEYS = ['i', 'l', 'f', 'ts', 'w', 'u'];

/** Rows whose keys grow, fall, or lie anywhere, with NULL, NaN and infinities; more than one row group at once. */
function load(from: number, to: number, seed: number): string {
  const place = `(g * 7919::bigint + ${seed}) % 100003`;
  return `INSERT INTO r SELECT g,
    CASE WHEN g % 997 = ${seed % 997} THEN NULL WHEN g % 2 = 0 THEN g ELSE ${place} END,
    CASE WHEN g % 3 = 0 THEN 9007199254740993 - g ELSE (${place}) * 90071992547409 END,
    CASE g % 5003 WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN '-0' ELSE (${place}) / 7.0 END,
    CASE WHEN g % 4999 = 0 THEN 'infinity' WHEN g % 4999 = 1 THEN NULL
      ELSE timestamptz '2020-01-01' + g * interval '1 second' END,
    'w' || (${place}),
    md5(g::text)::uuid
    FROM generate_series(${from}, ${to}) g`;
}

t.test(
  'the first rows of any order are those of a whole sort, of hot rows, segments and own rows',
  async t => {
    const seed = Date.now() % 1_000_000;
    const random = randomOf(seed);
    const folder = temporaryFolder('top-rows');
    const database = await openDatabase({dataDir: join(folder.path, 'data')});
    t.teardown(async () => {
      await database.close();
      folder.remove();
    });
    const session = database.session();
    await session.query(
      'CREATE TABLE r (id int4 PRIMARY KEY, i int4, l int8, f float8, ts timestamptz, w text, u uuid)',
    );
    const compare = async (): Promise<void> => {
      const key = KEYS[random(KEYS.length)]!;
      const order = `${key} ${random(2) === 0 ? 'ASC' : 'DESC'} ${['', 'NULLS FIRST', 'NULLS LAST'][random(3)]!}`;
      const limit = [1, 20, 300][random(3)]!;
      const where = random(3) === 0 ? `WHERE id % ${2 + random(50)} = 1` : '';
      const top = await session.query(
        `SELECT ${key} FROM r ${where} ORDER BY ${order} LIMIT ${limit}`,
      );
      const all =
        await session.query(`SELECT ${key} FROM (SELECT ${key}, row_number() OVER (ORDER BY ${order}) AS n FROM r ${where}) s
      WHERE n <= ${limit} ORDER BY n`);
      const [actual, wanted] = [String(top.rows.map(String)), String(all.rows.map(String))];
      if (actual !== wanted)
        t.equal(actual, wanted, `seed ${seed}: ${order} ${where} LIMIT ${limit}`);
    };
    await session.query(load(1, 68_000, seed));
    await session.query('STORAGE FLUSH TABLE r');
    for (let i = 0; i < 6; i++) await compare();
    for (let part = 0; part < 3; part++) {
      const from = 68_001 + part * 2000;
      await session.query(load(from, from + 1999, seed));
      if (part < 2) await session.query('STORAGE FLUSH TABLE r');
    }
    await session.query('ALTER TABLE r ALTER i TYPE int8');
    await session.query(`DELETE FROM r WHERE id % 5 = 2 OR i IS NULL AND id < 1000`);
    for (let i = 0; i < 6; i++) await compare();
    await session.query('BEGIN');
    await session.query(load(200_000, 200_050, seed));
    await session.query('DELETE FROM r WHERE id > 67_000 AND id % 3 = 0');
    for (let i = 0; i < 6; i++) await compare();
    await session.query('COMMIT');
    const plan = await session.query(
      'EXPLAIN (ANALYZE, TIMING OFF) SELECT id FROM r ORDER BY ts DESC NULLS LAST LIMIT 5',
    );
    t.match(JSON.stringify(plan.rows), /Row Groups/i, 'counters of the scan');
    t.pass(`seed ${seed}`);
  },
);
