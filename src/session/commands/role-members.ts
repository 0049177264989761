import {isSuperuser, rolesOfMember} from '../../catalog/acl.ts';
import type {RoleDescriptor, RoleMembership} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {change, notice, puts} from './ddl.ts';

/** GRANT role TO member, with PostgreSQL's checks. */
export function addMember(
  session: SessionContext,
  roleOid: Oid,
  memberOid: Oid,
  withAdmin: boolean,
): void {
  const {catalog} = session.transaction;
  const role = catalog.roleByOid(roleOid)!;
  const member = catalog.roleByOid(memberOid)!;
  checkMayGrant(session, role);
  if (role.name === 'pg_database_owner') {
    throw new PgError(
      SqlState.featureNotSupported,
      `role "${role.name}" cannot have explicit members`,
    );
  }
  if (rolesOfMember(roleOid, catalog).has(memberOid)) {
    throw new PgError(
      SqlState.invalidGrantOperation,
      `role "${role.name}" is a member of role "${member.name}"`,
    );
  }
  const known = member.memberOf.find(each => each.role === roleOid);
  if (known !== undefined && (known.withAdmin || !withAdmin)) {
    notice(session, `role "${member.name}" is already a member of role "${role.name}"`);
    return;
  }
  const membership: RoleMembership = {role: roleOid, grantor: session.currentRole, withAdmin};
  setMemberships(session, member, [
    ...member.memberOf.filter(each => each.role !== roleOid),
    membership,
  ]);
}

/** REVOKE [ADMIN OPTION FOR] role FROM member. */
export function removeMember(
  session: SessionContext,
  roleOid: Oid,
  memberOid: Oid,
  adminOnly: boolean,
): void {
  const {catalog} = session.transaction;
  const role = catalog.roleByOid(roleOid)!;
  const member = catalog.roleByOid(memberOid)!;
  checkMayGrant(session, role);
  const known = member.memberOf.find(each => each.role === roleOid);
  if (known === undefined) {
    session.warn(SqlState.warning, `role "${member.name}" is not a member of role "${role.name}"`);
    return;
  }
  const others = member.memberOf.filter(each => each.role !== roleOid);
  setMemberships(session, member, adminOnly ? [...others, {...known, withAdmin: false}] : others);
}

function setMemberships(
  session: SessionContext,
  member: RoleDescriptor,
  memberOf: readonly RoleMembership[],
): void {
  change(session, puts({...member, memberOf}));
}

function checkMayGrant(session: SessionContext, role: RoleDescriptor): void {
  const {catalog} = session.transaction;
  const {currentRole} = session;
  if (isSuperuser(currentRole, catalog)) return;
  if (role.isSuperuser)
    throw new PgError(SqlState.insufficientPrivilege, 'must be superuser to alter superusers');
  if (catalog.roleByOid(currentRole)?.canCreateRole === true) return;
  for (const each of rolesOfMember(currentRole, catalog)) {
    const memberships = catalog.roleByOid(each)?.memberOf ?? [];
    if (memberships.some(membership => membership.role === role.oid && membership.withAdmin))
      return;
  }
  throw new PgError(
    SqlState.insufficientPrivilege,
    `must have admin option on role "${role.name}"`,
  );
}
