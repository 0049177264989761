import {isSuperuser, rolesOfMember} from '../catalog/acl.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {IsolationLevel} from '../storage/contract.ts';
import {recordCrossing} from './crossing.ts';
import type {SessionContext} from './session-context.ts';
import {checkSetting} from './setting-values.ts';
import {applyModes} from './transaction-settings.ts';

/** SET of any setting: those that are more than a value change the roles or the transaction. */
export function assignSetting(
  session: SessionContext,
  name: string,
  value: string,
  isLocal: boolean,
): void {
  switch (name.toLowerCase()) {
    case 'role':
      return setRole(session, value, isLocal);
    case 'session_authorization':
      return setSessionAuthorization(session, value, isLocal);
    case 'transaction_isolation':
      return applyModes(session, {isolation: checked(session, name, value) as IsolationLevel});
    case 'transaction_read_only':
      return applyModes(session, {readOnly: checked(session, name, value) === 'on'});
    case 'transaction_deferrable':
      return applyModes(session, {deferrable: checked(session, name, value) === 'on'});
    case 'seed':
      session.evalContext.random.seed(Number(value));
      return;
    default:
      session.settings.set(name, value, isLocal);
  }
}

/** set_config(): as SET, but never a role from inside of a statement that runs as another role. */
export function assignByFunction(
  session: SessionContext,
  name: string,
  value: string,
  isLocal: boolean,
): void {
  const key = name.toLowerCase();
  if (key === 'role' || key === 'session_authorization') assertOwnRole(session, key);
  assignSetting(session, name, value, isLocal);
}

/** The role that runs is the one that SET ROLE left: what EXECUTE AS or SECURITY DEFINER put in its place ends with its statement. */
function assertOwnRole(session: SessionContext, name: string): void {
  const role = session.settings.raw('role') ?? 'none';
  const own =
    role === 'none' ? session.sessionRole : session.transaction.catalog.roleByName(role)?.oid;
  if (own === session.currentRole) return;
  throw new PgError(
    SqlState.insufficientPrivilege,
    `cannot set parameter "${name}" within security-definer function`,
  );
}

function checked(session: SessionContext, name: string, value: string): string {
  return checkSetting(session.settings.definition(name)!, value);
}

/** SET ROLE, in the audit log when it is another's. */
export function setRole(session: SessionContext, name: string, isLocal: boolean): void {
  const {catalog} = session.transaction;
  if (name === 'none') {
    session.assignRole(session.sessionRole, 'none', isLocal);
    return;
  }
  const role = catalog.roleByName(name);
  if (role === undefined)
    throw new PgError(SqlState.invalidParameterValue, `role "${name}" does not exist`);
  if (
    !isSuperuser(session.sessionRole, catalog) &&
    !rolesOfMember(session.sessionRole, catalog).has(role.oid)
  ) {
    throw new PgError(SqlState.insufficientPrivilege, `permission denied to set role "${name}"`);
  }
  if (role.oid !== session.sessionRole)
    recordCrossing(session, {action: 'set role', subject: name, target: null});
  session.assignRole(role.oid, name, isLocal);
}

/** SET SESSION AUTHORIZATION, in the audit log when it is another's. */
export function setSessionAuthorization(
  session: SessionContext,
  name: string,
  isLocal: boolean,
): void {
  const {catalog} = session.transaction;
  const target = name === 'default' ? session.options.user : name;
  const role = catalog.roleByName(target);
  if (role === undefined)
    throw new PgError(SqlState.invalidParameterValue, `role "${target}" does not exist`);
  const loggedIn = catalog.roleByName(session.options.user);
  if (target !== session.options.user && loggedIn?.isSuperuser !== true) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      'permission denied to set session authorization',
    );
  }
  if (target !== session.options.user)
    recordCrossing(session, {
      action: 'set session authorization',
      subject: role.name,
      target: null,
    });
  session.assignSessionRole(role.oid, role.name, isLocal);
}
