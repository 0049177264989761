import {hasPrivileges} from '../catalog/acl.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {DatabaseDescriptor, RoleDescriptor} from '../catalog/descriptors.ts';
import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';

/** An open session as the limits count it. */
export interface AdmittedSession {
  readonly loginRole: Oid;
  readonly database: {readonly oid: Oid};
}

/** FATAL errors of a role that may not connect, in PostgreSQL's order (InitPostgres): the role, its limit, the database's doors. */
export function checkAdmission(
  role: RoleDescriptor,
  database: DatabaseDescriptor,
  catalog: CatalogSnapshot,
  sessions: Iterable<AdmittedSession>,
  isAnonymous = false,
): void {
  if (!role.canLogin && !isAnonymous) {
    throw fatal(
      SqlState.invalidAuthorizationSpecification,
      `role "${role.name}" is not permitted to log in`,
    );
  }
  let [ofRole, ofDatabase] = [0, 0];
  for (const session of sessions) {
    if (session.loginRole === role.oid) ofRole++;
    if (session.database.oid === database.oid) ofDatabase++;
  }
  if (!role.isSuperuser && isReached(role.connectionLimit, ofRole)) {
    throw fatal(SqlState.tooManyConnections, `too many connections for role "${role.name}"`);
  }
  if (!database.allowConnections) {
    throw fatal(
      SqlState.objectNotInPrerequisiteState,
      `database "${database.name}" is not currently accepting connections`,
    );
  }
  if (role.isSuperuser) return;
  if (
    !hasPrivileges(catalog, role.oid, {kind: 'd', owner: database.owner, acl: database.acl}, 'c')
  ) {
    throw fatal(
      SqlState.insufficientPrivilege,
      `permission denied for database "${database.name}"`,
      'User does not have CONNECT privilege.',
    );
  }
  if (isReached(database.connectionLimit, ofDatabase)) {
    throw fatal(
      SqlState.tooManyConnections,
      `too many connections for database "${database.name}"`,
    );
  }
}

/** A limit below 0 is none. */
function isReached(limit: number, count: number): boolean {
  return limit >= 0 && count >= limit;
}

function fatal(code: string, message: string, detail?: string): PgError {
  return new PgError(code, message, {severity: 'FATAL', ...(detail === undefined ? {} : {detail})});
}
