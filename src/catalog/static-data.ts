import {pgAggregate} from './data/pg-aggregate.ts';
import {pgAm} from './data/pg-am.ts';
import {pgAmop} from './data/pg-amop.ts';
import {pgAmproc} from './data/pg-amproc.ts';
import {pgAttribute} from './data/pg-attribute.ts';
import {pgCast} from './data/pg-cast.ts';
import {pgClass} from './data/pg-class.ts';
import {pgCollation} from './data/pg-collation.ts';
import {pgConstraint} from './data/pg-constraint.ts';
import {pgConversion} from './data/pg-conversion.ts';
import {pgDescription} from './data/pg-description.ts';
import {pgExtension} from './data/pg-extension.ts';
import {pgIndex} from './data/pg-index.ts';
import {pgInitPrivs} from './data/pg-init-privs.ts';
import {pgLanguage} from './data/pg-language.ts';
import {pgOpclass} from './data/pg-opclass.ts';
import {pgOperator} from './data/pg-operator.ts';
import {pgOpfamily} from './data/pg-opfamily.ts';
import {pgProc} from './data/pg-proc.ts';
import {pgRange} from './data/pg-range.ts';
import {pgRewrite} from './data/pg-rewrite.ts';
import {pgShdescription} from './data/pg-shdescription.ts';
import {pgTablespace} from './data/pg-tablespace.ts';
import {pgTsConfigMap} from './data/pg-ts-config-map.ts';
import {pgTsConfig} from './data/pg-ts-config.ts';
import {pgTsDict} from './data/pg-ts-dict.ts';
import {pgTsParser} from './data/pg-ts-parser.ts';
import {pgTsTemplate} from './data/pg-ts-template.ts';
import {pgType} from './data/pg-type.ts';
import {sqlFeatures} from './data/sql-features.ts';
import {sqlImplementationInfo} from './data/sql-implementation-info.ts';
import {sqlParts} from './data/sql-parts.ts';
import {sqlSizing} from './data/sql-sizing.ts';
import {viewDefinitions} from './data/view-definitions.ts';
import {StaticTable} from './static-table.ts';

const texts = {
  pg_aggregate: pgAggregate,
  pg_am: pgAm,
  pg_amop: pgAmop,
  pg_amproc: pgAmproc,
  pg_attribute: pgAttribute,
  pg_cast: pgCast,
  pg_class: pgClass,
  pg_collation: pgCollation,
  pg_constraint: pgConstraint,
  pg_conversion: pgConversion,
  pg_description: pgDescription,
  pg_extension: pgExtension,
  pg_index: pgIndex,
  pg_init_privs: pgInitPrivs,
  pg_language: pgLanguage,
  pg_opclass: pgOpclass,
  pg_operator: pgOperator,
  pg_opfamily: pgOpfamily,
  pg_proc: pgProc,
  pg_range: pgRange,
  pg_rewrite: pgRewrite,
  pg_shdescription: pgShdescription,
  pg_tablespace: pgTablespace,
  pg_ts_config: pgTsConfig,
  pg_ts_config_map: pgTsConfigMap,
  pg_ts_dict: pgTsDict,
  pg_ts_parser: pgTsParser,
  pg_ts_template: pgTsTemplate,
  pg_type: pgType,
  sql_features: sqlFeatures,
  sql_implementation_info: sqlImplementationInfo,
  sql_parts: sqlParts,
  sql_sizing: sqlSizing,
  view_definitions: viewDefinitions,
} as const;

/** Catalogs with built-in rows. */
export type StaticName = keyof typeof texts;

/** PostgreSQL's built-in rows by catalog, split and decoded lazily; one per process is enough. */
export class StaticData {
  readonly #tables = new Map<string, StaticTable>();

  /** The rows of a catalog. */
  table(name: StaticName): StaticTable {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = new StaticTable(texts[name]);
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Whether a catalog has built-in rows. */
  has(name: string): name is StaticName {
    return Object.hasOwn(texts, name);
  }
}
