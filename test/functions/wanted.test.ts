import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {openDatabase, PgError} from '../../src/database.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const folder = temporaryFolder('wanted');
const database = await openDatabase({dataDir: join(folder.path, 'data')});
const session = database.session();
t.teardown(async () => {
  await database.close();
  folder.remove();
});

/** What stands for a generic type in a call. */
const examples: Readonly<Record<string, string>> = {
  any: 'int4',
  anyelement: 'int4',
  anynonarray: 'int4',
  anyarray: 'int4[]',
  anyenum: 'mood',
  anyrange: 'int4range',
  anymultirange: 'int4multirange',
  anycompatible: 'int4',
  anycompatiblenonarray: 'int4',
  anycompatiblearray: 'int4[]',
  anycompatiblerange: 'int4range',
  anycompatiblemultirange: 'int4multirange',
  record: 'record',
};
await session.query("CREATE TYPE mood AS ENUM ('sad', 'ok')");
/** Functions that the grammar knows. */
const syntax: Readonly<Record<string, string>> = {
  coalesce: 'coalesce(1, 2)',
  nullif: 'nullif(1, 2)',
  greatest: 'greatest(1, 2)',
  least: 'least(1, 2)',
  grouping: '1',
  trim: "trim('a')",
  'collation for': "collation for ('a'::text)",
};
const withoutParentheses =
  /^(current_(catalog|date|role|time|timestamp|user)|localtime(stamp)?|session_user|user)$/;
/** Chapter 12 is not among the wanted ones. */
const textSearch = /^(tsvector|tsquery)$/;
const {rows} = await session.query(`
  SELECT proname, array_to_json(ARRAY(SELECT format_type(u, NULL) FROM unnest(proargtypes) WITH ORDINALITY a (u, n) ORDER BY n))::text,
    prokind::text, provariadic <> 0, coalesce((SELECT aggkind::text FROM pg_aggregate WHERE aggfnoid = p.oid), ''),
    coalesce((SELECT aggnumdirectargs::int4 FROM pg_aggregate WHERE aggfnoid = p.oid), 0)
  FROM pg_proc p WHERE pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`);
const overloads = new Map<string, (typeof rows)[number][]>();
for (const row of rows) {
  const name = row[0] as string;
  overloads.set(name, [...(overloads.get(name) ?? []), row]);
}

/** Functions that the session answers are asked for real: they resolve in any case. */
const outer =
  /^(inet_|pg_blocking|pg_safe|pg_current_xact|pg_current_snap|pg_xact_status|txid_current|txid_status)/;

function callOf(row: (typeof rows)[number]): string | null {
  const [name, types, kind, isVariadic, aggregate, direct] = row;
  const all = JSON.parse(types as string) as string[];
  if (
    all.some(
      type =>
        type === 'internal' || type === 'cstring' || type === 'trigger' || textSearch.test(type),
    )
  )
    return null;
  const args = all.map((type, index) => {
    const bare = type.replace(/^"(.*)"$/, '$1');
    if (bare === 'record') return 'ROW(1)';
    const value = `NULL::${examples[bare] ?? type}`;
    return isVariadic === true && bare !== 'any' && index === all.length - 1
      ? `VARIADIC ${value}`
      : value;
  });
  const schema = (name as string).startsWith('_pg_') ? 'information_schema' : 'pg_catalog';
  const call = `${schema}."${name as string}"`;
  if (aggregate === 'o' || aggregate === 'h') {
    const before = aggregate === 'h' ? ['NULL::int4'] : args.slice(0, Number(direct));
    const order = aggregate === 'h' ? ['NULL::int4'] : args.slice(Number(direct));
    return `${call}(${before.join(', ')}) WITHIN GROUP (ORDER BY ${order.join(', ')})`;
  }
  return `${call}(${args.join(', ')})${kind === 'w' ? ' OVER ()' : ''}`;
}

/** The message of 0A000, 42883 or 42704; null when the expression can be bound and run. */
async function problemOf(expr: string, isRun = false): Promise<string | null> {
  try {
    await session.query(
      `${isRun ? '' : 'EXPLAIN '}SELECT ${isRun ? expr.replaceAll('NULL::integer', '1').replaceAll('NULL::xid8', "'3'::xid8").replaceAll('NULL::bigint', '3') : expr}`,
    );
    return null;
  } catch (error) {
    if (!(error instanceof PgError)) return String(error);
    const isMissing = /^(0A000|42883|42704|42601|42725)$/.test(error.code);
    const isColumns = /record|column definition list/.test(error.message);
    return isMissing && !isColumns ? `${error.code} ${error.message}` : null;
  }
}

async function problemsOfFunction(name: string): Promise<string[]> {
  if (Object.hasOwn(syntax, name) || withoutParentheses.test(name)) {
    const problem = await problemOf(syntax[name] ?? name);
    return problem === null ? [] : [problem];
  }
  const found = overloads.get(name);
  if (found === undefined) return ['there is none'];
  const problems: string[] = [];
  for (const row of found) {
    const call = callOf(row);
    const problem = call === null ? null : await problemOf(call, outer.test(name));
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

async function problemsOfOperator(words: readonly string[]): Promise<string[]> {
  const isSymbol = (word: string): boolean => !/^[a-z]/.test(word);
  const at = words.findIndex(isSymbol);
  const operand = (type: string): string =>
    /^(number|string|boolean|value|jsonpath|object|array)$/.test(type) ? '' : `NULL::${type}`;
  const left = at === 0 ? '' : operand(words.slice(0, at).join(' '));
  const right = operand(words.slice(at + 1).join(' '));
  if ((at > 0 && left === '') || right === '') return [];
  const problem = await problemOf(`${left} ${words[at]!} ${right}`);
  return problem === null ? [] : [problem];
}

const wanted = readFileSync(new URL('wanted.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const manual = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');
let missing = 0;
for (const line of wanted) {
  const [kind, ...words] = line.split('\t')[0]!.split(' ') as [string, ...string[]];
  const problems =
    kind === 'function'
      ? await problemsOfFunction(words.join(' '))
      : await problemsOfOperator(words);
  if (problems.length === 0) continue;
  missing++;
  const name = words.join(' ');
  t.ok(manual.includes(`\`${name}\``), `docs/compatibility.md says why there is no ${name}`, {
    problems,
  });
}
const share = (100 * (wanted.length - missing)) / wanted.length;
t.ok(share >= 98, `${share.toFixed(1)} % of ${wanted.length} wanted functions and operators work`);
