import {oid, type Oid} from '../common/ids.ts';

/** OIDs of schemas that every database has. `system` is in our reserved range 9000-9999, which PostgreSQL 15 leaves unused. */
export const SchemaOid: Readonly<
  Record<'pgCatalog' | 'pgToast' | 'public' | 'informationSchema' | 'system', Oid>
> = {
  pgCatalog: oid(11),
  pgToast: oid(99),
  public: oid(2200),
  informationSchema: oid(13207),
  system: oid(9900),
};

/** OIDs of roles that every cluster has. */
export const RoleOid: Readonly<
  Record<'postgres' | 'databaseOwner' | 'anonymous' | 'service' | 'dba', Oid>
> = {
  postgres: oid(10),
  databaseOwner: oid(6171),
  anonymous: oid(9901),
  service: oid(9902),
  dba: oid(9903),
};

/** OIDs of the first databases, as PostgreSQL 15 numbers them. */
export const DatabaseOid: Readonly<Record<'template1' | 'template0' | 'postgres', Oid>> = {
  template1: oid(1),
  template0: oid(4),
  postgres: oid(5),
};

/** OIDs of the catalogs that name object classes (classoid, classid). */
export const ClassOid: Readonly<Record<string, Oid>> = {
  pg_type: oid(1247),
  pg_attribute: oid(1249),
  pg_proc: oid(1255),
  pg_class: oid(1259),
  pg_authid: oid(1260),
  pg_database: oid(1262),
  pg_tablespace: oid(1213),
  pg_attrdef: oid(2604),
  pg_constraint: oid(2606),
  pg_namespace: oid(2615),
  pg_operator: oid(2617),
  pg_rewrite: oid(2618),
  pg_am: oid(2601),
  pg_cast: oid(2605),
  pg_language: oid(2612),
  pg_collation: oid(3456),
  pg_opclass: oid(2616),
  pg_opfamily: oid(2753),
  pg_conversion: oid(2607),
  pg_extension: oid(3079),
  pg_policy: oid(3256),
};

/** Type OIDs that the catalog layer itself needs. */
export const TypeOid: Readonly<
  Record<
    | 'bool'
    | 'bytea'
    | 'char'
    | 'name'
    | 'int8'
    | 'int2'
    | 'int4'
    | 'text'
    | 'oid'
    | 'float8'
    | 'record'
    | 'timestamptz'
    | 'jsonb'
    | 'uuid'
    | 'void'
    | 'varchar'
    | 'bpchar'
    | 'numeric'
    | 'textArray'
    | 'interval',
    Oid
  >
> = {
  bool: oid(16),
  bytea: oid(17),
  char: oid(18),
  name: oid(19),
  int8: oid(20),
  int2: oid(21),
  int4: oid(23),
  text: oid(25),
  oid: oid(26),
  float8: oid(701),
  textArray: oid(1009),
  bpchar: oid(1042),
  varchar: oid(1043),
  timestamptz: oid(1184),
  interval: oid(1186),
  numeric: oid(1700),
  record: oid(2249),
  void: oid(2278),
  uuid: oid(2950),
  jsonb: oid(3802),
};

/** The collation `default`, of every collatable column without COLLATE. */
export const DEFAULT_COLLATION: Oid = oid(100);

/** The array type of a relation's row type has the next OID: DDL takes both together. */
export function rowArrayOid(rowType: Oid): Oid {
  return rowType === 0 ? rowType : oid(rowType + 1);
}

/** The name under which a cast is kept that was dropped. */
export function retiredCastName(source: Oid, target: Oid): string {
  return `retired ${source} ${target}`;
}
