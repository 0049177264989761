import type {RangeVar, RoleSpec} from '@pgsql/types';
import {hasPrivileges} from '../../catalog/acl.ts';
import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {
  RelationDescriptor,
  RoleDescriptor,
  SchemaDescriptor,
} from '../../catalog/descriptors.ts';
import {SchemaOid} from '../../catalog/well-known.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {checkSchemaUsage} from '../privileges.ts';
import {tempSchemaName} from '../search-path.ts';
import type {SessionContext} from '../session-context.ts';
import type {QualifiedName} from './ast-values.ts';
import {errorAt, newOid, puts} from './ddl.ts';

/** The schema of an explicit name; `pg_temp` is the session's own. 3F000 when there is none. */
export function schemaNamed(session: SessionContext, name: string): SchemaDescriptor {
  const found = findSchema(session, name);
  if (found === undefined)
    throw new PgError(SqlState.invalidSchemaName, `schema "${name}" does not exist`);
  return found;
}

/** The same, undefined when there is none. */
export function findSchema(session: SessionContext, name: string): SchemaDescriptor | undefined {
  return session.transaction.catalog.schemaByName(
    name === 'pg_temp' ? tempSchemaName(session.pid) : name,
  );
}

/** `schema.name` as error texts print it. */
export function nameText(name: QualifiedName): string {
  return name.schema === null ? name.name : `${name.schema}.${name.name}`;
}

/** Where a new object goes: the named schema, or the first of the search path; CREATE on it is required. */
export function creationSchema(
  session: SessionContext,
  name: QualifiedName,
  at: {readonly text: string; readonly location: number | undefined} = {
    text: '',
    location: undefined,
  },
): SchemaDescriptor {
  if (name.schema === 'pg_temp') return temporarySchema(session);
  const schema =
    name.schema === null
      ? firstOfPath(session)
      : session.transaction.catalog.schemaByName(name.schema);
  if (schema === undefined) {
    const message =
      name.schema === null
        ? 'no schema has been selected to create in'
        : `schema "${name.schema}" does not exist`;
    throw errorAt(at.text, at.location, SqlState.invalidSchemaName, message);
  }
  const {catalog} = session.transaction;
  if (
    !hasPrivileges(
      catalog,
      session.currentRole,
      {kind: 'n', owner: schema.owner, acl: schema.acl},
      'C',
    )
  ) {
    throw errorAt(
      at.text,
      at.location,
      SqlState.insufficientPrivilege,
      `permission denied for schema ${schema.name}`,
    );
  }
  if (schema.oid === SchemaOid.pgCatalog || schema.oid === SchemaOid.system) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied to create "${schema.name}.${name.name}"`,
      {
        detail: 'System catalog modifications are currently disallowed.',
      },
    );
  }
  return schema;
}

function firstOfPath(session: SessionContext): SchemaDescriptor | undefined {
  const first = session.explicitSchemas()[0];
  return first === undefined ? undefined : session.transaction.catalog.schemaByOid(first);
}

/** The session's schema of temporary objects, made on demand. */
export function temporarySchema(session: SessionContext): SchemaDescriptor {
  const name = tempSchemaName(session.pid);
  const known = session.transaction.catalog.schemaByName(name);
  if (known !== undefined) return known;
  const made: SchemaDescriptor = {
    kind: 'schema',
    oid: newOid(session),
    name,
    owner: session.currentRole,
    acl: null,
    comment: null,
  };
  session.transaction.ddl(puts(made), []);
  return made;
}

/** Whether a schema is one of temporary objects. */
export function isTemporary(schema: SchemaDescriptor | undefined): boolean {
  return schema !== undefined && /^pg_temp_\d+$/.test(schema.name);
}

/** A relation by its name, undefined when there is none; 3F000 for a schema that is missing unless `isMissingOk`. */
export function findRelation(
  session: SessionContext,
  name: QualifiedName,
  isMissingOk: boolean,
): RelationDescriptor | undefined {
  const {catalog} = session.transaction;
  if (name.schema === null) {
    for (const schema of session.searchPath()) {
      const found = catalog.relationByName(schema, name.name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const schema = isMissingOk ? findSchema(session, name.schema) : schemaNamed(session, name.schema);
  if (schema === undefined) return undefined;
  checkSchemaUsage(catalog, session.currentRole, schema.oid);
  return catalog.relationByName(schema.oid, name.name);
}

/** The name of a RangeVar; other databases cannot be reached. */
export function nameOf(session: SessionContext, range: RangeVar | undefined): QualifiedName {
  const database = range?.catalogname;
  if (database !== undefined && database !== '' && database !== session.databaseName) {
    const text = [database, range?.schemaname, range?.relname].join('.');
    throw featureNotSupported(`cross-database references are not implemented: "${text}"`);
  }
  const schema = range?.schemaname;
  return {
    schema: schema === undefined || schema === '' ? null : schema,
    name: range?.relname ?? '',
  };
}

/** A relation that must exist: 42P01 `relation "x" does not exist`. */
export function relationNamed(
  session: SessionContext,
  range: RangeVar | undefined,
): RelationDescriptor {
  const name = nameOf(session, range);
  const found = findRelation(session, name, false);
  if (found === undefined)
    throw new PgError(SqlState.undefinedTable, `relation "${nameText(name)}" does not exist`);
  return found;
}

/** The role that a statement names. */
export function roleNamed(session: SessionContext, spec: RoleSpec | undefined): RoleDescriptor {
  const {catalog} = session.transaction;
  switch (spec?.roletype) {
    case 'ROLESPEC_CURRENT_ROLE':
    case 'ROLESPEC_CURRENT_USER':
      return catalog.roleByOid(session.currentRole)!;
    case 'ROLESPEC_SESSION_USER':
      return catalog.roleByOid(session.sessionRole)!;
    case 'ROLESPEC_PUBLIC':
      throw new PgError(SqlState.undefinedObject, 'role "public" does not exist');
    default:
      return roleByName(catalog, spec?.rolename ?? '');
  }
}

/** A role by name; 42704 when there is none. */
export function roleByName(catalog: CatalogSnapshot, name: string): RoleDescriptor {
  const found = catalog.roleByName(name);
  if (found === undefined)
    throw new PgError(SqlState.undefinedObject, `role "${name}" does not exist`);
  return found;
}

/** The roles of a GRANT's TO or FROM list; PUBLIC is 0. */
export function granteeOid(session: SessionContext, spec: RoleSpec | undefined): Oid {
  return spec?.roletype === 'ROLESPEC_PUBLIC' ? (0 as Oid) : roleNamed(session, spec).oid;
}
