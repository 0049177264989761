import type {Oid} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {ColumnDescriptor, RelationDescriptor} from '../descriptors.ts';
import {databaseName, formatType, qualifiedScope, schemaName, typeFacts} from '../names.ts';
import {systemRelationAcl} from '../object-acl.ts';
import {isMaterialized} from '../stored-queries.ts';
import {RoleOid, SchemaOid} from '../well-known.ts';
import type {Row, SystemContext, SystemSource} from './source.ts';
import {systemSchemaRelations} from './system-schema.ts';
import {askerCan} from './view-rows.ts';

/** Values of a row by column name; absent ones are NULL. */
export type NamedRow = Readonly<Record<string, Datum>>;

/** A source of an information_schema view from rows by name. */
export function informationView(
  name: string,
  make: (context: SystemContext) => readonly NamedRow[],
  by?: Readonly<Record<string, (context: SystemContext, value: Datum) => readonly NamedRow[]>>,
): SystemSource {
  const all = (context: SystemContext): readonly Row[] => positioned(context, name, make(context));
  const depends = {perRole: true, perPath: true};
  if (by === undefined) return {all, ...depends};
  const lookups = Object.entries(by).map(([column, lookup]) => [
    column,
    (context: SystemContext, value: Datum): readonly Row[] =>
      positioned(context, name, lookup(context, value)),
  ]);
  return {all, ...depends, by: Object.fromEntries(lookups) as NonNullable<SystemSource['by']>};
}

function positioned(
  context: SystemContext,
  view: string,
  rows: readonly NamedRow[],
): readonly Row[] {
  const relation = context.snapshot.relationByName(SchemaOid.informationSchema, view);
  const columns = relation?.kind === 'systemRelation' ? relation.columns : [];
  const names = columns.map(column => column.name);
  return rows.map(row => names.map(name => row[name] ?? null));
}

/** A table, view or built-in relation. */
export type InformationRelation = Extract<
  RelationDescriptor,
  {kind: 'table' | 'view' | 'systemRelation'}
>;

/** Table privileges that make a relation visible, and the rest of what counts for its columns. */
const TABLE_RIGHTS = 'rawdDxt';

/** The relations that the asking role may see, built-in ones first. */
export function visibleRelations(context: SystemContext): readonly InformationRelation[] {
  const {snapshot} = context;
  const builtin = [...builtinRelations(context)];
  return [...builtin, ...snapshot.tables(), ...snapshot.views()].filter(relation =>
    isVisible(context, relation),
  );
}

function builtinRelations(context: SystemContext): readonly InformationRelation[] {
  const {snapshot} = context;
  return snapshot.memo('information.builtin', () =>
    [...context.rows.all('pg_class').map(row => row[0] as Oid), ...systemOids(context)].flatMap(
      relation => {
        const found = snapshot.relationByOid(relation);
        return found?.kind === 'systemRelation' ? [found] : [];
      },
    ),
  );
}

function systemOids(context: SystemContext): readonly Oid[] {
  return systemSchemaRelations.flatMap(each => {
    const found = context.snapshot.relationByName(SchemaOid.system, each.name);
    return found === undefined ? [] : [found.oid];
  });
}

function isVisible(context: SystemContext, relation: InformationRelation): boolean {
  // The standard knows no materialized views.
  if (isMaterialized(relation)) return false;
  if (context.facts.currentRole === undefined) return true;
  if (relation.kind !== 'systemRelation') {
    if (relation.kind === 'view') return askerCan(context, {...relation, kind: 'r'}, TABLE_RIGHTS);
    const isOpen = askerCan(context, {...relation, kind: 'r'}, TABLE_RIGHTS);
    return isOpen || relation.columns.some(column => canSeeColumn(context, relation.owner, column));
  }
  if (relation.schema === SchemaOid.system) return true;
  const acl = systemRelationAcl(context.snapshot, relation);
  return askerCan(context, {kind: 'r', owner: RoleOid.postgres, acl}, TABLE_RIGHTS);
}

function canSeeColumn(context: SystemContext, owner: Oid, column: ColumnDescriptor): boolean {
  return column.acl !== null && askerCan(context, {kind: 'c', owner, acl: column.acl}, 'rawx');
}

/** Visible relations of a name. */
export function relationsNamed(
  context: SystemContext,
  value: Datum,
): readonly InformationRelation[] {
  if (typeof value !== 'string') return [];
  const found: InformationRelation[] = [];
  for (const schema of context.snapshot.schemas()) {
    const relation = context.snapshot.relationByName(schema.oid, value);
    if (relation === undefined || relation.kind === 'index' || relation.kind === 'sequence')
      continue;
    if (isVisible(context, relation)) found.push(relation);
  }
  return found;
}

/** Visible relations of a schema. */
export function relationsOfSchema(
  context: SystemContext,
  value: Datum,
): readonly InformationRelation[] {
  if (typeof value !== 'string') return [];
  const schema = context.snapshot.schemaByName(value);
  return schema === undefined
    ? []
    : visibleRelations(context).filter(relation => relation.schema === schema.oid);
}

/** catalog, schema and name columns under a prefix: `table_catalog`, `table_schema`, `table_name`. */
export function located(
  context: SystemContext,
  prefix: string,
  schema: Oid,
  name: string,
): NamedRow {
  const {snapshot} = context;
  return {
    [`${prefix}_catalog`]: databaseName(snapshot),
    [`${prefix}_schema`]: schemaName(snapshot, schema),
    [`${prefix}_name`]: name,
  };
}

/** YES or NO. */
export function yesNo(is: boolean): string {
  return is ? 'YES' : 'NO';
}

/** data_type of information_schema: the SQL name of built-in types, ARRAY or USER-DEFINED; a domain's base. */
export function dataTypeName(context: SystemContext, typeOid: Oid): string {
  const {snapshot} = context;
  const shown = snapshot.typeByOid(typeOid)?.base?.oid ?? typeOid;
  const facts = typeFacts(snapshot, shown);
  if (facts === undefined) return 'USER-DEFINED';
  if (facts.element !== 0 || shown === INT2VECTOR || shown === OIDVECTOR) return 'ARRAY';
  return snapshot.typeSchema(shown) === SchemaOid.pgCatalog
    ? formatType(qualifiedScope(snapshot), shown, null)
    : 'USER-DEFINED';
}

const INT2VECTOR = 22;
const OIDVECTOR = 30;
const UTF8_MAX_BYTES = 4;
const TEXT_MAX_BYTES = 1073741824;

/** Lengths, precisions and the like of a type, as many information_schema views repeat them. */
export function typeColumns(context: SystemContext, typeOid: Oid, typmod: number): NamedRow {
  const type = context.snapshot.typeByOid(typeOid);
  const isDomain = type?.base != null;
  const base = type?.base?.oid ?? typeOid;
  const modifier = isDomain ? (type?.baseTypmod ?? -1) : typmod;
  const length = characterLength(base, modifier);
  return {
    data_type: dataTypeName(context, typeOid),
    character_maximum_length: length,
    character_octet_length: octetLength(base, length),
    numeric_precision: numericPrecision(base, modifier),
    numeric_precision_radix: numericRadix(base),
    numeric_scale: numericScale(base, modifier),
    datetime_precision: datetimePrecision(base, modifier),
    interval_type: intervalType(context, base, modifier),
  };
}

function characterLength(base: number, typmod: number): number | null {
  if (typmod === -1) return null;
  if (base === 1042 || base === 1043) return typmod - 4;
  return base === 1560 || base === 1562 ? typmod : null;
}

function octetLength(base: number, length: number | null): number | null {
  if (base !== 25 && base !== 1042 && base !== 1043) return null;
  return length === null ? TEXT_MAX_BYTES : length * UTF8_MAX_BYTES;
}

function numericPrecision(base: number, typmod: number): number | null {
  const bits = new Map([
    [21, 16],
    [23, 32],
    [20, 64],
    [700, 24],
    [701, 53],
  ]).get(base);
  if (base === 1700) return typmod === -1 ? null : ((typmod - 4) >> 16) & 65535;
  return bits ?? null;
}

function numericRadix(base: number): number | null {
  if (base === 1700) return 10;
  return numericPrecision(base, -1) === null ? null : 2;
}

function numericScale(base: number, typmod: number): number | null {
  if (base === 21 || base === 23 || base === 20) return 0;
  return base === 1700 && typmod !== -1 ? (typmod - 4) & 65535 : null;
}

function datetimePrecision(base: number, typmod: number): number | null {
  if (base === 1082) return 0;
  if (base === 1083 || base === 1114 || base === 1184 || base === 1266)
    return typmod < 0 ? 6 : typmod;
  if (base !== 1186) return null;
  return typmod < 0 || (typmod & 65535) === 65535 ? 6 : typmod & 65535;
}

function intervalType(context: SystemContext, base: Oid, typmod: number): string | null {
  if ((base as number) !== 1186) return null;
  const text = formatType(qualifiedScope(context.snapshot), base, typmod);
  return /^interval[()0-9]* (.*)$/.exec(text)?.[1]?.toUpperCase() ?? null;
}

/** udt_catalog, udt_schema, udt_name of a type; a domain's base. */
export function udtColumns(context: SystemContext, typeOid: Oid, prefix = 'udt'): NamedRow {
  const {snapshot} = context;
  const shown = snapshot.typeByOid(typeOid)?.base?.oid ?? typeOid;
  const facts = typeFacts(snapshot, shown);
  if (facts === undefined) return {};
  return located(context, prefix, snapshot.typeSchema(shown), facts.name);
}

/** collation_* columns: NULL for the default collation. */
export function collationColumns(context: SystemContext, collation: Oid): NamedRow {
  const name = context.rows.raw('pg_collation', collation)?.[1];
  if (typeof name !== 'string' || name === 'default') return {};
  return located(context, 'collation', SchemaOid.pgCatalog, name);
}
