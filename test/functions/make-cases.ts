// Asks a real PostgreSQL 15 what functions answer: `PGPORT=5432 node test/functions/make-cases.ts > test/functions/cases.json`.
import pg from 'pg';
import {createFunctionLibrary} from '../../src/functions/library.ts';
import {argumentPools} from './argument-pools.ts';
import {concreteTypes, valuePools} from './value-pools.ts';

const PER_FUNCTION = Number(process.env['PER_FUNCTION'] ?? 6);
const client = new pg.Client({
  host: process.env['PGHOST'] ?? '127.0.0.1',
  port: Number(process.env['PGPORT'] ?? 5432),
  user: 'postgres',
  database: process.env['PGDATABASE'] ?? 'postgres',
});
await client.connect();
await client.query(
  "set timezone = 'America/New_York'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set lc_monetary = 'C'; set statement_timeout = 5000",
);
const library = createFunctionLibrary();
let seed = 7;
const random = (size: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 4294967296) * size);
};

interface ProcRow {
  readonly proname: string;
  readonly prosrc: string;
  readonly ret: number;
  readonly types: string[];
}

const {rows} = await client.query<ProcRow>(`select proname, prosrc,
  case when (select typtype from pg_type where oid = prorettype) = 'p' then 0 else prorettype::int end as ret,
  array(select typname::text from unnest(proargtypes) with ordinality u(o, n) join pg_type t on t.oid = u.o order by n) as types
  from pg_proc where prokind = 'f' and prolang = 12 and not proretset and provariadic = 0
  and (provolatile <> 'v' or prosrc ~ 'to_char') order by prosrc, oid`);

/** What depends on the session or on a running server. */
const unstable = new RegExp(
  '^(pg_typeof|pg_current|pg_trigger|text_regclass|now|statement_timestamp|transaction|current_|session_user|timeofday|show_config' +
    '|pg_client|getdatabase|pg_backend|pg_is|inet_client|inet_server|pg_conf|pg_post|pg_jit|pgsql_version)',
);
const skipped = new Set(['internal', 'cstring', 'any', 'record', 'anyenum']);
const out: string[] = [];
for (const row of rows) {
  if (
    unstable.test(row.prosrc) ||
    library.scalar(row.prosrc) === undefined ||
    row.types.some(type => skipped.has(type))
  )
    continue;
  const seen = new Set<string>();
  for (let round = 0; round < PER_FUNCTION * 3 && seen.size < PER_FUNCTION; round++) {
    const pick = row.types.some(type => type === 'anyrange' || type === 'anymultirange')
      ? 0
      : random(2);
    const types = row.types.map(type => concreteTypes[type]?.[pick] ?? type);
    if (types.some(type => valuePools[type] === undefined && type !== 'jsonpath')) break;
    const special = argumentPools.find(each => each.pattern.test(row.prosrc))?.pools ?? [];
    const args = types.map((type, index) => {
      const pool = special[index] ?? valuePools[type]!;
      const value = pool[random(pool.length)]!;
      return value === null && random(3) !== 0 ? pool[0]! : value;
    });
    if (row.prosrc === 'timestamptz_age' && args.some(arg => arg?.includes('infinity') === true))
      continue;
    const key = JSON.stringify([types, args]);
    if (seen.has(key)) continue;
    seen.add(key);
    out.push(JSON.stringify(await ask(row, types, args)));
  }
}
console.log(`[\n${out.join(',\n')}\n]`);
await client.end();

async function ask(row: ProcRow, types: string[], args: (string | null)[]): Promise<unknown[]> {
  const list = types.map(
    (type, index) =>
      `$${index + 1}::text::pg_catalog.${type.startsWith('_') ? `"${type}"` : `"${type}"`}`,
  );
  try {
    const call = `pg_catalog."${row.proname}"(${list.join(', ')})`;
    const result = await client.query(
      `select case when x is null then null else format('%s', x) end as value, pg_typeof(x)::oid::int as type from (select ${call} as x) s`,
      args,
    );
    return [row.prosrc, types, args, result.rows[0].type, result.rows[0].value];
  } catch (error) {
    const {code, message} = error as {code: string; message: string};
    return [row.prosrc, types, args, row.ret, null, code, message];
  }
}
