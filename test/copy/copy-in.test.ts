// What COPY FROM takes, refuses, and says of the line that it refuses. Expectations are PostgreSQL 15's.
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import pg from 'pg';
import {from as copyFrom} from 'pg-copy-streams';
import t from 'tap';
import {startWadi} from '../support/wadi-server.ts';

t.setTimeout(120_000);
const server = await startWadi();
t.teardown(() => server.stop());
const {host, port} = server;
const client = new pg.Client({host, port, user: 'postgres', database: 'postgres'});
await client.connect();
t.teardown(() => client.end());

/** What a COPY of this text ends with: its count, or SQLSTATE and CONTEXT. */
async function copy(sql: string, text: string): Promise<string> {
  const stream = client.query(copyFrom(sql));
  try {
    await pipeline(Readable.from([Buffer.from(text)]), stream);
    return `COPY ${stream.rowCount}`;
  } catch (error) {
    const {code, where} = error as {code?: string; where?: string};
    return `${code} ${where ?? ''}`;
  }
}

t.test('CONTEXT names the line, and shows it while it is being read', async t => {
  await client.query(
    `CREATE TABLE t (a int PRIMARY KEY, b int CHECK (b > 0), c text NOT NULL DEFAULT 'd',
      g int GENERATED ALWAYS AS (10 / b) STORED)`,
  );
  const sql = 'COPY t (a, b, c) FROM STDIN';
  t.equal(await copy(sql, '1\t1\tx\n2\tx\ty\n'), '22P02 COPY t, line 2, column b: "x"');
  t.equal(await copy(sql, '1\t1\tx\n2\t-1\ty\n3\tx\ty\n'), '23514 COPY t, line 2: "2\t-1\ty"');
  t.equal(await copy(sql, '1\t1\tx\n2\t1\t\\N\n'), '23502 COPY t, line 2: "2\t1\t\\N"');
  t.equal(await copy(sql, '1\t1\tx\n1\t1\tx\n3\t1\tx\n'), '23505 COPY t, line 2');
  t.equal(
    await copy(sql, '1\t1\tx\n1\t1\tx\n3\tx\tx\n'),
    '22P02 COPY t, line 3, column b: "x"',
    'lines are read before keys are looked at',
  );
  t.equal(
    await copy(sql, `1\t1\tx\n2\t0\t${'long '.repeat(40)}\n`),
    `22012 COPY t, line 2: "2\t0\t${'long '.repeat(20).slice(0, 96)}..."`,
  );
  await client.query('CREATE TABLE u (id int PRIMARY KEY DEFAULT random()::int * 0, v text)');
  t.equal(
    await copy('COPY u (v) FROM STDIN', 'a\nb\n'),
    '23505 COPY u, line 2: "b"',
    'row by row where a default is volatile',
  );
});

t.test('domains', async t => {
  await client.query('CREATE DOMAIN pos AS int NOT NULL CHECK (value > 5)');
  await client.query('CREATE TABLE w (x pos, y int)');
  t.equal(await copy('COPY w FROM STDIN', '3\t1\n'), '23514 COPY w, line 1, column x: "3"');
  t.equal(
    await copy('COPY w FROM STDIN', '\\N\t1\n'),
    '23502 COPY w, line 1, column x: null input',
  );
  t.equal(await copy('COPY w FROM STDIN', '6\t1\n'), 'COPY 1');
});

t.test('WHERE', async t => {
  const csv = 'COPY t (a, b, c) FROM STDIN WITH (FORMAT csv) WHERE';
  t.equal(
    await copy(`${csv} a > 1 AND t.b < 10`, '1,1,x\n2,2,"y ""q"""\n3,11,z\n4,4,é\n'),
    'COPY 2',
  );
  t.same((await client.query('SELECT a, c FROM t ORDER BY a')).rows, [
    {a: 2, c: 'y "q"'},
    {a: 4, c: 'é'},
  ]);
  t.equal(await copy(`${csv} 10 / (a - 5) > 0`, '6,1,x\n5,5,y\n'), '22012 COPY t, line 2: "5,5,y"');
  t.equal(
    await copy("COPY t (a, b) FROM STDIN (FORMAT csv) WHERE c = 'd'", '7,1\n8,-5\n'),
    '23514 COPY t, line 2: "8,-5"',
    'defaults are there when it is asked',
  );
  t.equal(
    await copy(`${csv} a > 20`, '8,-5,x\n21,1,y\n21,1,z\n'),
    '23505 COPY t, line 3',
    'a row that is not taken is not checked',
  );
});
