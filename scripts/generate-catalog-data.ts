/**
 * Writes src/catalog/data/*.ts: the built-in rows of a real PostgreSQL 15 (facts), one module per catalog, one JSON array per line.
 * Usage: node scripts/generate-catalog-data.ts postgres://postgres@127.0.0.1:5432/template1
 */
import {writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import pg from 'pg';

const outDir = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src/catalog/data');
const url = process.argv[2];
if (url === undefined) throw new Error('usage: generate-catalog-data.ts postgres://...');
const client = new pg.Client({connectionString: url});

/** Catalogs written row by row, with the filter that keeps only what initdb makes everywhere. */
const catalogs: Readonly<Record<string, string>> = {
  pg_aggregate: 'aggfnoid < 16384',
  pg_am: 'oid < 16384',
  pg_amop: 'oid < 16384',
  pg_amproc: 'oid < 16384',
  pg_cast: 'oid < 16384',
  pg_class: "oid < 16384 and relkind <> 't' and relnamespace::regnamespace::text <> 'pg_toast'",
  pg_attribute:
    "attrelid in (select oid from pg_class where oid < 16384 and relnamespace::regnamespace::text <> 'pg_toast')",
  pg_collation:
    "oid < 16384 and (collname in ('default','C','POSIX','ucs_basic') or collname = 'C.utf8')",
  pg_constraint: 'oid < 16384',
  pg_conversion: 'oid < 16384',
  pg_description: 'objoid < 16384',
  pg_extension: 'oid < 16384',
  pg_index:
    "indexrelid in (select oid from pg_class where oid < 16384 and relnamespace::regnamespace::text <> 'pg_toast')",
  pg_init_privs: 'objoid < 16384',
  pg_language: 'oid < 16384',
  pg_opclass: 'oid < 16384',
  pg_operator: 'oid < 16384',
  pg_opfamily: 'oid < 16384',
  pg_proc: 'oid < 16384',
  pg_range: 'rngtypid < 16384',
  pg_rewrite: 'oid < 16384',
  pg_shdescription: 'objoid < 16384',
  pg_tablespace: 'oid < 16384',
  pg_ts_config: 'oid < 16384',
  pg_ts_config_map: 'mapcfg < 16384',
  pg_ts_dict: 'oid < 16384',
  pg_ts_parser: 'oid < 16384',
  pg_ts_template: 'oid < 16384',
  pg_type: 'oid < 16384',
  'information_schema.sql_features': 'true',
  'information_schema.sql_implementation_info': 'true',
  'information_schema.sql_parts': 'true',
  'information_schema.sql_sizing': 'true',
};

/** Columns whose value is not taken as it is: run-dependent, or an internal tree that is stored as deparsed text. */
const replaced: Readonly<Record<string, string>> = {
  'pg_class.relpages': '0',
  'pg_class.reltuples': '-1',
  'pg_class.relallvisible': '0',
  'pg_class.reltoastrelid': '0',
  'pg_class.relfrozenxid': "case when relkind = 'r' then 1 else 0 end",
  'pg_class.relminmxid': "case when relkind = 'r' then 1 else 0 end",
  'pg_class.relfilenode':
    "case when relkind in ('r', 'i') and relfilenode <> 0 then oid::int8 else 0 end",
  'pg_index.indexprs': 'pg_get_expr(indexprs, indrelid)',
  'pg_index.indpred': 'pg_get_expr(indpred, indrelid)',
  'pg_constraint.conbin': 'pg_get_expr(conbin, conrelid)',
  'pg_type.typdefaultbin': 'null',
  'pg_rewrite.ev_qual': "'<>'",
  'pg_rewrite.ev_action': "'<>'",
  'pg_attribute.attmissingval': 'null',
  'pg_proc.prosqlbody': 'pg_get_function_sqlbody(oid)',
  'pg_proc.proargdefaults':
    '(select json_agg(pg_get_function_arg_default(p.oid, n) order by n) from generate_series(pronargs - pronargdefaults + 1, pronargs) n)',
};

/** Other facts, by file. */
const extras: Readonly<Record<string, string>> = {
  'view-definitions':
    "select json_build_array(oid::int8, pg_get_viewdef(oid)) from pg_class where relkind = 'v' and oid < 16384 order by oid",
  settings: `select json_build_array(name, boot_val, unit, category, short_desc, extra_desc, context, vartype, min_val, max_val, enumvals,
    to_jsonb(pg_settings_get_flags(name))) from pg_settings where name !~ '[.]' order by lower(name)`,
  keywords:
    'select json_build_array(word, catcode, barelabel, catdesc, baredesc) from pg_get_keywords() order by word collate "C"',
  'timezone-abbrevs':
    'select json_build_array(abbrev, extract(epoch from utc_offset)::int, is_dst) from pg_timezone_abbrevs order by abbrev',
};

interface Column {
  readonly name: string;
  readonly type: string;
}

await client.connect();
for (const [name, filter] of Object.entries(catalogs)) {
  const relation = name.replace(/^.*\./, '');
  const columns = await columnsOf(name);
  const fields = columns.map(column => jsonExpr(relation, column));
  await write(
    relation.replaceAll('_', '-'),
    `select json_build_array(${fields.join(', ')}) from ${name} p where ${filter} ${orderOf(relation)}`,
  );
}
for (const [file, sql] of Object.entries(extras)) await write(file, sql);
await client.end();

/** Names and types of a relation's columns in attnum order. */
async function columnsOf(relation: string): Promise<readonly Column[]> {
  const result = await client.query<{attname: string; type: string}>(
    'select attname, atttypid::regtype::text as type from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum',
    [relation],
  );
  return result.rows.map(row => ({name: row.attname, type: row.type}));
}

/** SQL of one column as a JSON-friendly value. */
function jsonExpr(relation: string, column: Column): string {
  const special = replaced[`${relation}.${column.name}`];
  if (special !== undefined) return special === 'null' ? 'null::text' : special;
  const name = `p.${column.name}`;
  switch (column.type) {
    case 'oid':
    case 'regproc':
      return `${name}::oid::int8`;
    case 'xid':
      return `${name}::text::int8`;
    case 'oidvector':
      return `${name}::oid[]::int8[]`;
    case 'int2vector':
      return `${name}::int2[]`;
    case 'oid[]':
      return `${name}::int8[]`;
    case '"char"[]':
    case 'aclitem[]':
      return `${name}::text[]`;
    case '"char"':
    case 'pg_node_tree':
      return `${name}::text`;
    default:
      return name;
  }
}

/** The order of rows: as a fresh cluster's heap has them, by key where later updates would move them. */
function orderOf(relation: string): string {
  const byKey: Readonly<Record<string, string>> = {
    pg_attribute: 'attrelid, attnum',
    pg_class: 'oid',
    pg_constraint: 'oid',
    pg_description: 'classoid, objoid, objsubid',
    pg_index: 'indrelid, indexrelid',
    pg_init_privs: 'classoid, objoid, objsubid',
    pg_shdescription: 'classoid, objoid',
  };
  return `order by ${byKey[relation] ?? 'ctid'}`;
}

/** Runs a query of one JSON column and writes its lines as a string constant. */
async function write(file: string, sql: string): Promise<void> {
  const result = await client.query<unknown[]>({text: sql, rowMode: 'array'});
  const lines = result.rows.map(row => JSON.stringify(row[0]));
  const constant = file.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const text = lines.join('\n').replace(/[\\`]|\$\{/g, '\\$&');
  const head = `// Generated by scripts/generate-catalog-data.ts from PostgreSQL 15; one JSON array per line.\n`;
  writeFileSync(
    join(outDir, `${file}.ts`),
    `${head}/** Rows of ${file}. */\nexport const ${constant}: string = \`${text}\`;\n`,
  );
  process.stdout.write(`${file}: ${lines.length} rows, ${text.length} bytes\n`);
}
