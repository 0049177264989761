import {oid, type Oid} from '../common/ids.ts';
import type {CatalogSnapshot, FunctionRow} from './contract.ts';
import {quoteIdentifier} from './quote.ts';
import {SchemaOid} from './well-known.ts';

/** Where names are resolved and printed: a snapshot and the effective search path, implicit schemas included. */
export interface NameScope {
  readonly snapshot: CatalogSnapshot;
  readonly searchPath: readonly Oid[];
}

/** The search path of a text that names everything outside pg_catalog with its schema. */
export function qualifiedScope(snapshot: CatalogSnapshot): NameScope {
  return {snapshot, searchPath: [SchemaOid.pgCatalog]};
}

/** Whether the first schema of the path that has such a name is this one. */
function isFirst(scope: NameScope, schema: Oid, has: (schema: Oid) => boolean): boolean {
  for (const each of scope.searchPath) {
    if (each === schema) return true;
    if (has(each)) return false;
  }
  return false;
}

/** Whether a relation is found by its bare name. */
export function isRelationVisible(scope: NameScope, schema: Oid, name: string): boolean {
  const {snapshot} = scope;
  return isFirst(
    scope,
    schema,
    each =>
      snapshot.relationByName(each, name) !== undefined ||
      (each === SchemaOid.pgCatalog && catalogIndexOid(snapshot, name) !== undefined),
  );
}

/** OID of an index of the catalogs, which only the built-in pg_class rows know. */
export function catalogIndexOid(snapshot: CatalogSnapshot, name: string): Oid | undefined {
  const table = snapshot.builtin.data.table('pg_class');
  const index = table.byName(name)[0];
  return index === undefined ? undefined : (table.row(index)[0] as Oid);
}

/** Whether a type is found by its bare name. */
export function isTypeVisible(scope: NameScope, schema: Oid, name: string): boolean {
  return isFirst(scope, schema, each => typeOidByName(scope.snapshot, each, name) !== undefined);
}

/** OID of a type by schema and name, also of those without codecs. */
export function typeOidByName(
  snapshot: CatalogSnapshot,
  schema: Oid,
  name: string,
): Oid | undefined {
  const found = snapshot.typeByName(schema, name);
  if (found !== undefined) return found.oid;
  const table = snapshot.builtin.data.table('pg_type');
  const index = table.byName(name).find(at => table.row(at)[2] === schema);
  return index === undefined ? undefined : (table.row(index)[0] as Oid);
}

/** Whether a function is found by its bare name and argument types. */
export function isFunctionVisible(scope: NameScope, fn: FunctionRow): boolean {
  return isFirst(scope, fn.schema, each =>
    scope.snapshot.functionsByName(each, fn.name).some(other => sameArguments(other, fn)),
  );
}

function sameArguments(a: FunctionRow, b: FunctionRow): boolean {
  return (
    a.argTypes.length === b.argTypes.length &&
    a.argTypes.every((type, at) => type === b.argTypes[at])
  );
}

/** Name of a schema, `???` when it is gone. */
export function schemaName(snapshot: CatalogSnapshot, schema: Oid): string {
  return snapshot.schemaByOid(schema)?.name ?? '???';
}

/** `schema.name` with quotes where needed. */
export function qualifiedName(snapshot: CatalogSnapshot, schema: Oid, name: string): string {
  return `${quoteIdentifier(schemaName(snapshot, schema))}.${quoteIdentifier(name)}`;
}

/** Schema and name of any relation, indexes of the catalogs included. */
export function relationLocation(
  snapshot: CatalogSnapshot,
  relation: Oid,
): {readonly schema: Oid; readonly name: string} | undefined {
  const found = snapshot.relationByOid(relation);
  if (found !== undefined) return found;
  const table = snapshot.builtin.data.table('pg_class');
  const index = table.byKey(relation)[0];
  const row = index === undefined ? undefined : table.row(index);
  return row && {schema: row[2] as Oid, name: row[1] as string};
}

/** A relation as it must be written here: bare when visible (PostgreSQL generate_relation_name); its OID when unknown. */
export function relationName(scope: NameScope, relation: Oid): string {
  const found = relationLocation(scope.snapshot, relation);
  if (found === undefined) return String(relation);
  return isRelationVisible(scope, found.schema, found.name)
    ? quoteIdentifier(found.name)
    : qualifiedName(scope.snapshot, found.schema, found.name);
}

/** Types whose SQL name is not their catalog name. */
const sqlNames: ReadonlyMap<number, string> = new Map([
  [16, 'boolean'],
  [18, '"char"'],
  [20, 'bigint'],
  [21, 'smallint'],
  [23, 'integer'],
  [700, 'real'],
  [701, 'double precision'],
  [1042, 'character'],
  [1043, 'character varying'],
  [1083, 'time without time zone'],
  [1114, 'timestamp without time zone'],
  [1184, 'timestamp with time zone'],
  [1186, 'interval'],
  [1266, 'time with time zone'],
  [1560, 'bit'],
  [1562, 'bit varying'],
  [1700, 'numeric'],
]);

/** format_type: a type's SQL name with its modifier; typmod null prints none, and -1 marks `bpchar` and `"bit"`. */
export function formatType(scope: NameScope, typeOid: Oid, typmod: number | null): string {
  if (typeOid === 0) return '-';
  const type = typeFacts(scope.snapshot, typeOid);
  if (type === undefined) return '???';
  if (type.element !== 0) return `${formatType(scope, type.element, typmod)}[]`;
  if (typmod === -1 && typeOid === BPCHAR) return 'bpchar';
  if (typmod === -1 && typeOid === BIT) return '"bit"';
  const known = sqlNames.get(typeOid);
  if (known !== undefined) return withTypmod(typeOid, known, typmod);
  const schema = scope.snapshot.typeSchema(typeOid);
  return isTypeVisible(scope, schema, type.name)
    ? quoteIdentifier(type.name)
    : qualifiedName(scope.snapshot, schema, type.name);
}

/** Name and true array element (0 if none) of any type, also of those without codecs. */
export function typeFacts(
  snapshot: CatalogSnapshot,
  typeOid: Oid,
): {readonly name: string; readonly element: Oid} | undefined {
  const table = snapshot.builtin.data.table('pg_type');
  const index = table.byKey(typeOid)[0];
  if (index !== undefined) {
    const row = table.row(index);
    const isArray = row[12] === ARRAY_SUBSCRIPT && row[23] !== 'p'; // int2vector and oidvector lie plain
    return {name: row[1] as string, element: isArray ? (row[13] as Oid) : NO_OID};
  }
  const type = snapshot.typeByOid(typeOid);
  if (type === undefined) return undefined;
  const element = type.category === 'A' && type.base === null ? type.element : null;
  return {name: type.name, element: element?.oid ?? NO_OID};
}

const ARRAY_SUBSCRIPT = 6179;
const BPCHAR = 1042;
const BIT = 1560;

function withTypmod(typeOid: Oid, name: string, typmod: number | null): string {
  const modifier = typmod === null || typmod < 0 ? '' : typmodText(typeOid, typmod);
  if (modifier === '') return name;
  const zone = name.indexOf(' with');
  if (typeOid === 1083 || typeOid === 1114 || typeOid === 1184 || typeOid === 1266) {
    return `${name.slice(0, zone)}${modifier}${name.slice(zone)}`;
  }
  return name + modifier;
}

/** What a type's typmodout prints; '' when nothing. */
export function typmodText(typeOid: Oid, typmod: number): string {
  switch (typeOid as number) {
    case 1042:
    case 1043:
      return typmod > 4 ? `(${typmod - 4})` : '';
    case 1560:
    case 1562:
    case 1083:
    case 1114:
    case 1184:
    case 1266:
      return `(${typmod})`;
    case 1186:
      return intervalTypmod(typmod);
    case 1700: {
      const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
      return `(${((typmod - 4) >> 16) & 0xffff},${scale})`;
    }
    default:
      return '';
  }
}

const intervalFields: ReadonlyMap<number, string> = new Map([
  [1 << 2, ' year'],
  [1 << 1, ' month'],
  [1 << 3, ' day'],
  [1 << 10, ' hour'],
  [1 << 11, ' minute'],
  [1 << 12, ' second'],
  [(1 << 2) | (1 << 1), ' year to month'],
  [(1 << 3) | (1 << 10), ' day to hour'],
  [(1 << 3) | (1 << 10) | (1 << 11), ' day to minute'],
  [(1 << 3) | (1 << 10) | (1 << 11) | (1 << 12), ' day to second'],
  [(1 << 10) | (1 << 11), ' hour to minute'],
  [(1 << 10) | (1 << 11) | (1 << 12), ' hour to second'],
  [(1 << 11) | (1 << 12), ' minute to second'],
]);

function intervalTypmod(typmod: number): string {
  const fields = intervalFields.get((typmod >> 16) & 0x7fff) ?? '';
  const precision = typmod & 0xffff;
  return precision === 0xffff ? fields : `${fields}(${precision})`;
}

/** A type's name without modifier, as regtype prints it. */
export function typeName(scope: NameScope, typeOid: Oid): string {
  return formatType(scope, typeOid, null);
}

/** A role's name, `unknown (OID=n)` when it is gone. */
export function roleName(snapshot: CatalogSnapshot, role: Oid): string {
  return snapshot.roleByOid(role)?.name ?? `unknown (OID=${role})`;
}

/** The name of the database that a snapshot belongs to. */
export function databaseName(snapshot: CatalogSnapshot): string {
  return snapshot.memo('names.database', () => {
    for (const database of snapshot.databases()) {
      if (database.oid === snapshot.databaseOid) return database.name;
    }
    return 'postgres';
  });
}

/** Branded 0: no object. */
export const NO_OID: Oid = oid(0);
