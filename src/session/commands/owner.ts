import type {AlterOwnerStmt, DropOwnedStmt, ReassignOwnedStmt, RoleSpec} from '@pgsql/types';
import {hasPrivileges, isSuperuser, rolesOfMember} from '../../catalog/acl.ts';
import type {
  AclItem,
  CatalogObject,
  Descriptor,
  RelationDescriptor,
  RoleDescriptor,
} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, deletion, puts} from './ddl.ts';
import {dropDefaultAclsOf} from './default-privileges.ts';
import {objectNode} from './dependencies.ts';
import {dropObjects} from './drop-objects.ts';
import {alterTarget, objectWord} from './alter-target.ts';
import {roleNamed} from './object-names.ts';
import {ownedObjects} from './role-dependents.ts';

type Owned = Extract<Descriptor, CatalogObject>;

/** ALTER ... OWNER TO of objects that are no relations. */
export function alterOwnerCommand({session, node}: CommandInput<AlterOwnerStmt>): Execution {
  return ddlExecution(session, `ALTER ${objectWord(node.objectType).toUpperCase()}`, async () => {
    const object = alterTarget(session, node.objectType, node.object);
    changeOwner(session, object, roleNamed(session, node.newowner));
  });
}

/** ALTER TABLE ... OWNER TO. */
export function changeRelationOwner(
  session: SessionContext,
  relation: Exclude<RelationDescriptor, {kind: 'systemRelation'}>,
  spec: RoleSpec | undefined,
): void {
  if (relation.kind === 'index') {
    session.warn(SqlState.wrongObjectType, `cannot change owner of index "${relation.name}"`);
    return;
  }
  if (relation.kind === 'sequence' && relation.ownedByTable !== 0) {
    const table = session.transaction.catalog.tableByOid(relation.ownedByTable);
    throw featureNotSupported(`cannot change owner of sequence "${relation.name}"`, {
      detail: `Sequence "${relation.name}" is linked to table "${table?.name ?? ''}".`,
    });
  }
  changeOwner(
    session,
    session.transaction.catalog.get(relation.kind, relation.oid) as Owned,
    roleNamed(session, spec),
  );
}

/** Gives an object to another role, as far as the current one may. */
export function changeOwner(session: SessionContext, object: Owned, owner: RoleDescriptor): void {
  const {catalog} = session.transaction;
  if (object.owner === owner.oid) return;
  checkOwner(catalog, session.currentRole, object, object.kind);
  if (!isSuperuser(session.currentRole, catalog)) {
    if (!rolesOfMember(session.currentRole, catalog).has(owner.oid)) {
      throw new PgError(SqlState.insufficientPrivilege, `must be member of role "${owner.name}"`);
    }
    const schema = 'schema' in object ? catalog.schemaByOid(object.schema) : undefined;
    if (
      schema !== undefined &&
      !hasPrivileges(catalog, owner.oid, {kind: 'n', owner: schema.owner, acl: schema.acl}, 'C')
    ) {
      throw new PgError(
        SqlState.insufficientPrivilege,
        `permission denied for schema ${schema.name}`,
      );
    }
  }
  change(
    session,
    puts(...withParts(session, object).map(each => reowned(each, object.owner, owner.oid))),
  );
}

/** An object with its indexes, constraints and owned sequences. */
function withParts(session: SessionContext, object: Owned): Owned[] {
  const {catalog} = session.transaction;
  if (object.kind !== 'table') return [object];
  const sequences = [...catalog.sequences()].filter(each => each.ownedByTable === object.oid);
  return [
    object,
    ...catalog.indexesOf(object.oid),
    ...catalog.constraintsOf(object.oid),
    ...sequences,
  ];
}

function reowned(object: Owned, from: Oid, to: Oid): Owned {
  const swap = (role: Oid): Oid => (role === from ? to : role);
  const acl =
    object.acl?.map(
      (item): AclItem => ({...item, grantee: swap(item.grantee), grantor: swap(item.grantor)}),
    ) ?? null;
  return {...object, owner: to, acl};
}

/** REASSIGN OWNED BY roles TO role. */
export function reassignOwnedCommand({session, node}: CommandInput<ReassignOwnedStmt>): Execution {
  return ddlExecution(session, 'REASSIGN OWNED', async () => {
    const roles = (node.roles ?? []).flatMap(each =>
      'RoleSpec' in each ? [roleNamed(session, each.RoleSpec)] : [],
    );
    const to = roleNamed(session, node.newrole);
    for (const role of [...roles, to]) checkMember(session, role, 'reassign objects');
    for (const role of roles) {
      for (const object of ownedObjects(session)) {
        if (object.owner !== role.oid) continue;
        change(
          session,
          puts(...withParts(session, object).map(each => reowned(each, role.oid, to.oid))),
        );
      }
    }
  });
}

/** DROP OWNED BY roles: their objects, and what was granted to them. */
export function dropOwnedCommand({session, node}: CommandInput<DropOwnedStmt>): Execution {
  return ddlExecution(session, 'DROP OWNED', async () => {
    const roles = (node.roles ?? []).flatMap(each =>
      'RoleSpec' in each ? [roleNamed(session, each.RoleSpec)] : [],
    );
    for (const role of roles) checkMember(session, role, 'drop objects');
    const oids = new Set(roles.map(role => role.oid));
    const owned = ownedObjects(session).filter(
      each => oids.has(each.owner) && each.kind !== 'database',
    );
    if (owned.length > 0)
      await dropObjects(session, owned.map(objectNode), node.behavior === 'DROP_CASCADE');
    for (const object of ownedObjects(session)) {
      const acl = without(object.acl, oids);
      let next: Owned = acl === object.acl ? object : {...object, acl};
      if (next.kind === 'table' && next.columns.some(column => column.acl !== null)) {
        next = {
          ...next,
          columns: next.columns.map(column => ({...column, acl: without(column.acl, oids)})),
        };
      }
      if (next !== object) change(session, puts(next));
    }
    dropPoliciesOf(session, oids);
    dropDefaultAclsOf(session, oids);
  });
}

/** The roles leave the policies that are for them; a policy for nobody else goes. */
function dropPoliciesOf(session: SessionContext, roles: ReadonlySet<Oid>): void {
  for (const policy of session.transaction.catalog.policies()) {
    const left = policy.roles.filter(role => !roles.has(role));
    if (left.length === policy.roles.length) continue;
    const table = session.transaction.catalog.tableByOid(policy.table)!;
    const changed = left.length === 0 ? deletion(policy) : puts({...policy, roles: left})[0]!;
    change(session, [changed, ...puts({...table})]);
  }
}

function without(
  acl: readonly AclItem[] | null,
  roles: ReadonlySet<Oid>,
): readonly AclItem[] | null {
  if (acl === null || !acl.some(item => roles.has(item.grantee))) return acl;
  return acl.filter(item => !roles.has(item.grantee));
}

function checkMember(session: SessionContext, role: RoleDescriptor, what: string): void {
  const {catalog} = session.transaction;
  if (
    isSuperuser(session.currentRole, catalog) ||
    rolesOfMember(session.currentRole, catalog).has(role.oid)
  )
    return;
  throw new PgError(SqlState.insufficientPrivilege, `permission denied to ${what}`);
}
