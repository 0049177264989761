import {
  hasPrivileges,
  isSuperuser,
  ownsObject,
  type AclObjectKind,
  type AclTarget,
} from '../catalog/acl.ts';
import {isAuditTable} from '../catalog/audit-table.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {ColumnDescriptor, RelationDescriptor} from '../catalog/descriptors.ts';
import {functionTarget, relationTarget} from '../catalog/object-acl.ts';
import {relationWord} from '../catalog/stored-queries.ts';
import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {RequiredPrivilege} from '../sql/plan/plan.ts';

/** Throws 42501 unless the role holds every privilege that a plan needs (PostgreSQL 5.7). */
export function checkPlanPrivileges(
  catalog: CatalogSnapshot,
  role: Oid,
  required: readonly RequiredPrivilege[],
): void {
  if (required.length === 0) return;
  for (const need of required) {
    const asRole = need.asRole === 0 ? role : need.asRole;
    const isWrite = need.privilege !== 'r';
    const table = isWrite ? catalog.tableByOid(need.relation) : undefined;
    if (table !== undefined && isAuditTable(table)) throw isSystemCatalog(table.name);
    if (!isWrite) checkPopulated(catalog, need.relation);
    if (isSuperuser(asRole, catalog)) continue;
    if (need.privilege === 'X') {
      checkFunction(catalog, asRole, need.relation);
      continue;
    }
    if (need.privilege === 'U') {
      checkSchemaUsage(catalog, asRole, need.relation);
      continue;
    }
    const relation = catalog.relationByOid(need.relation);
    if (relation === undefined || relation.kind === 'index') continue;
    if (relation.kind === 'systemRelation') {
      checkSystemRelation(catalog, asRole, relation, need);
      continue;
    }
    checkSchemaUsage(catalog, asRole, relation.schema);
    checkRelation(catalog, asRole, relation, need);
  }
}

/** 55000 for views of users, which restrict_nonsystem_relation_kind has closed. */
export function rejectViews(
  catalog: CatalogSnapshot,
  required: readonly RequiredPrivilege[],
): void {
  for (const {relation} of required) {
    const view = catalog.relationByOid(relation);
    if (view?.kind === 'view')
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        `access to non-system view "${view.name}" is restricted`,
      );
  }
}

/** 55000 for a materialized view that no REFRESH has filled. */
function checkPopulated(catalog: CatalogSnapshot, relation: Oid): void {
  const table = catalog.tableByOid(relation);
  if (table?.materialized === undefined || table.materialized.isPopulated) return;
  throw new PgError(
    SqlState.objectNotInPrerequisiteState,
    `materialized view "${table.name}" has not been populated`,
    {hint: 'Use the REFRESH MATERIALIZED VIEW command.'},
  );
}

/** 42501: nobody changes what the server itself writes. */
export function isSystemCatalog(name: string): PgError {
  return new PgError(
    SqlState.insufficientPrivilege,
    `permission denied: "${name}" is a system catalog`,
  );
}

function checkFunction(catalog: CatalogSnapshot, role: Oid, fn: Oid): void {
  const target = functionTarget(catalog, fn);
  if (target === undefined || hasPrivileges(catalog, role, target, 'X')) return;
  const row = catalog.functionByOid(fn);
  const word = row?.kind === 'p' ? 'procedure' : row?.kind === 'a' ? 'aggregate' : 'function';
  throw denied(word, row?.name ?? String(fn));
}

/** Catalogs that initdb closes to PUBLIC (pg_authid, pg_statistic ...), views of `system` about other users; the rest are open. */
function checkSystemRelation(
  catalog: CatalogSnapshot,
  role: Oid,
  relation: Extract<RelationDescriptor, {kind: 'systemRelation'}>,
  need: RequiredPrivilege,
): void {
  const target = relationTarget(catalog, relation.oid);
  if (target === undefined || hasPrivileges(catalog, role, target, need.privilege)) return;
  if (holdsOnColumns(catalog, role, {owner: target.owner, columns: relation.columns}, need)) return;
  throw denied(relation.isView ? 'view' : 'table', relation.name);
}

function checkRelation(
  catalog: CatalogSnapshot,
  role: Oid,
  relation: Exclude<RelationDescriptor, {kind: 'systemRelation' | 'index'}>,
  need: RequiredPrivilege,
): void {
  const target: AclTarget = {
    kind: relation.kind === 'sequence' ? 's' : 'r',
    owner: relation.owner,
    acl: relation.acl,
  };
  if (hasPrivileges(catalog, role, target, need.privilege)) return;
  if (relation.kind !== 'sequence' && holdsOnColumns(catalog, role, relation, need)) return;
  throw denied(relationWord(relation), relation.name);
}

function holdsOnColumns(
  catalog: CatalogSnapshot,
  role: Oid,
  relation: {readonly owner: Oid; readonly columns: readonly ColumnDescriptor[]},
  need: RequiredPrivilege,
): boolean {
  const isHeld = (acl: ColumnDescriptor['acl']): boolean =>
    acl !== null &&
    hasPrivileges(catalog, role, {kind: 'c', owner: relation.owner, acl}, need.privilege);
  // count(*) reads no column, DEFAULT VALUES writes none: the right to any will do (PostgreSQL ExecCheckRTEPerms).
  if (need.columns.length === 0) {
    const isOfColumns = 'raw'.includes(need.privilege);
    return isOfColumns && relation.columns.some(column => isHeld(column.acl));
  }
  return need.columns.every(attnum =>
    isHeld(relation.columns.find(column => column.attnum === attnum)?.acl ?? null),
  );
}

/** 42501 unless the role may look into the schema. */
export function checkSchemaUsage(catalog: CatalogSnapshot, role: Oid, schemaOid: Oid): void {
  checkObject(catalog, role, 'n', catalog.schemaByOid(schemaOid), 'U', 'schema');
}

/** 42501 unless the role holds `privileges` on an object. */
export function checkObject(
  catalog: CatalogSnapshot,
  role: Oid,
  kind: AclObjectKind,
  object: {readonly name: string; readonly owner: Oid; readonly acl: AclTarget['acl']} | undefined,
  privileges: string,
  what: string,
): void {
  if (object === undefined) return;
  if (!hasPrivileges(catalog, role, {kind, owner: object.owner, acl: object.acl}, privileges))
    throw denied(what, object.name);
}

/** 42501 unless the role owns the object or is a superuser: `must be owner of table x`. */
export function checkOwner(
  catalog: CatalogSnapshot,
  role: Oid,
  object: {readonly name: string; readonly owner: Oid},
  what: string,
): void {
  if (ownsObject(role, object.owner, catalog)) return;
  throw new PgError(SqlState.insufficientPrivilege, `must be owner of ${what} ${object.name}`);
}

function denied(what: string, name: string): PgError {
  return new PgError(SqlState.insufficientPrivilege, `permission denied for ${what} ${name}`);
}
