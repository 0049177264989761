import {createRequire} from 'node:module';
import {StaticTable} from './static-table.ts';

/** Each is a file of data/: `pg_am` is data/pg-am.ts, which exports one text. */
const names = [
  'pg_aggregate',
  'pg_am',
  'pg_amop',
  'pg_amproc',
  'pg_attribute',
  'pg_cast',
  'pg_class',
  'pg_collation',
  'pg_constraint',
  'pg_conversion',
  'pg_description',
  'pg_extension',
  'pg_index',
  'pg_init_privs',
  'pg_language',
  'pg_opclass',
  'pg_operator',
  'pg_opfamily',
  'pg_proc',
  'pg_range',
  'pg_rewrite',
  'pg_shdescription',
  'pg_tablespace',
  'pg_ts_config',
  'pg_ts_config_map',
  'pg_ts_dict',
  'pg_ts_parser',
  'pg_ts_template',
  'pg_type',
  'sql_features',
  'sql_implementation_info',
  'sql_parts',
  'sql_sizing',
  'view_definitions',
] as const;

/** Catalogs with built-in rows. */
export type StaticName = (typeof names)[number];

const namesAsSet: ReadonlySet<string> = new Set(names);

/** PostgreSQL's built-in rows by catalog, split and decoded lazily; one per process is enough. */
export class StaticData {
  readonly #tables = new Map<string, StaticTable>();

  /** The rows of a catalog. */
  table(name: StaticName): StaticTable {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = new StaticTable(loadText(name));
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Whether a catalog has built-in rows. */
  has(name: string): name is StaticName {
    return namesAsSet.has(name);
  }
}

/** Most of the 2 MB are never asked for: a file is loaded, at once, when a catalog is first read. */
function loadText(name: StaticName): string {
  const suffix = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const file = `./data/${name.replaceAll('_', '-')}${suffix}`;
  const [text] = Object.values(createRequire(import.meta.url)(file) as Record<string, string>);
  return text!;
}
