import {hasPrivileges} from '../catalog/acl.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import {SchemaOid} from '../catalog/well-known.ts';
import type {Oid} from '../common/ids.ts';

/** The names in a search_path value: identifiers separated by commas, double quotes kept whole. */
export function parseSearchPath(text: string): string[] {
  const names: string[] = [];
  for (const match of text.matchAll(/"((?:[^"]|"")*)"|([^,\s"]+)/g)) {
    names.push(match[1] === undefined ? match[2]!.toLowerCase() : match[1].replaceAll('""', '"'));
  }
  return names;
}

/** Name of a session's schema of temporary objects. */
export function tempSchemaName(pid: number): string {
  return `pg_temp_${pid}`;
}

/** The schemas on a search path that exist and that the role may use, without the implied ones. */
export function explicitSchemas(
  catalog: CatalogSnapshot,
  text: string,
  role: {readonly oid: Oid; readonly name: string},
  pid: number,
): Oid[] {
  const schemas: Oid[] = [];
  for (const name of parseSearchPath(text)) {
    const isTemporary = name === 'pg_temp';
    const actual = name === '$user' ? role.name : isTemporary ? tempSchemaName(pid) : name;
    const schema = catalog.schemaByName(actual);
    if (schema === undefined || schemas.includes(schema.oid)) continue;
    const {owner, acl} = schema;
    if (isTemporary || hasPrivileges(catalog, role.oid, {kind: 'n', owner, acl}, 'U'))
      schemas.push(schema.oid);
  }
  return schemas;
}

/** The schemas searched for names, in order: pg_temp and pg_catalog come first unless they are named (PostgreSQL 5.9.5). */
export function searchedSchemas(
  catalog: CatalogSnapshot,
  explicit: readonly Oid[],
  pid: number,
): Oid[] {
  const schemas = [...explicit];
  if (!schemas.includes(SchemaOid.pgCatalog)) schemas.unshift(SchemaOid.pgCatalog);
  const temp = catalog.schemaByName(tempSchemaName(pid));
  if (temp !== undefined && !schemas.includes(temp.oid)) schemas.unshift(temp.oid);
  return schemas;
}
