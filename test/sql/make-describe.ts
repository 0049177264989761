// Writes describe.json: what a real PostgreSQL 15 says of each query of describe-queries.sql. Run by hand: node
// make-describe.ts <connection string>.
import {readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import pg from 'pg';

const folder = fileURLToPath(new URL('.', import.meta.url));
const client = new pg.Client({connectionString: process.argv[2] ?? ''});
await client.connect();
await client.query(`
  drop table if exists t, u, m; drop sequence if exists s1; create sequence s1;
  create table t (id int primary key, a int, b text, c numeric, d timestamp);
  create table u (id int primary key, t_id int, name varchar, j jsonb, arr int[], e int8);
  create index on u (t_id)`);
interface Described {
  fields: {name: string; dataTypeID: number; dataTypeModifier: number; columnID: number}[];
}
const results: unknown[] = [];
for (const sql of readFileSync(`${folder}describe-queries.sql`, 'utf8')
  .split('\n')
  .filter(line => line !== '')) {
  await client.query('begin');
  try {
    await client.query(`prepare q as ${sql}`);
    const {rows} = await client.query(
      `select parameter_types::oid[] as p from pg_prepared_statements where name = 'q'`,
    );
    await client.query('rollback; deallocate q; begin');
    const args = (rows[0].p as number[]).map(() => null);
    let columns: unknown = null;
    try {
      const result = (await client.query(sql, args)) as unknown as Described;
      columns = result.fields.map(field => [
        field.name,
        field.dataTypeID,
        field.dataTypeModifier,
        field.columnID,
      ]);
    } catch {}
    results.push({sql, parameters: rows[0].p, columns});
  } catch (error) {
    const {code, message, position} = error as {code: string; message: string; position?: string};
    const at = position === undefined ? null : Number(position) - 'prepare q as '.length;
    results.push({sql, code, message, position: at});
  }
  await client.query('rollback');
}
writeFileSync(
  `${folder}describe.json`,
  `[\n${results.map(result => JSON.stringify(result)).join(',\n')}\n]\n`,
);
await client.end();
