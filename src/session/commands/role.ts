import type {
  AlterRoleSetStmt,
  AlterRoleStmt,
  CreateRoleStmt,
  DropRoleStmt,
  VariableSetStmt,
} from '@pgsql/types';
import {isSuperuser} from '../../catalog/acl.ts';
import type {RoleDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {FIRST_NORMAL_OID, oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {argon2idVerifier} from '../argon2id-verifier.ts';
import type {Execution} from '../execution.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, deletion, newOid, notice, puts} from './ddl.ts';
import {roleNamed} from './object-names.ts';
import {addMember, removeMember} from './role-members.ts';
import {checkRoleName, readRoleOptions, type RoleOptions} from './role-options.ts';
import {roleDependents} from './role-dependents.ts';
import {valueText} from './variable.ts';
import {claimRoleName} from './claim-name.ts';

const NEW_ROLE: Omit<RoleDescriptor, 'oid' | 'name'> = {
  kind: 'role',
  isSuperuser: false,
  inherits: true,
  canCreateRole: false,
  canCreateDb: false,
  canLogin: false,
  canReplicate: false,
  bypassesRls: false,
  connectionLimit: -1,
  password: null,
  validUntil: null,
  memberOf: [],
  settings: [],
  comment: null,
};

function denied(message: string): PgError {
  return new PgError(SqlState.insufficientPrivilege, message);
}

function mayCreateRoles(session: SessionContext): boolean {
  return (
    session.isSuperuser ||
    session.transaction.catalog.roleByOid(session.currentRole)?.canCreateRole === true
  );
}

async function roleOptions(
  session: SessionContext,
  nodes: CreateRoleStmt['options'],
  {text, custom}: ParsedStatement,
): Promise<RoleOptions> {
  if (custom?.kind !== 'argon2idPassword') return readRoleOptions(session, nodes, text);
  const options = readRoleOptions(session, nodes, text, true);
  const {password} = options.attributes;
  if (password === undefined || password === null) return options;
  const verifier = await argon2idVerifier(password);
  return {...options, attributes: {...options.attributes, password: verifier}};
}

/** CREATE ROLE, USER or GROUP. */
export function createRoleCommand({
  session,
  node,
  statement,
}: CommandInput<CreateRoleStmt>): Execution {
  return ddlExecution(session, 'CREATE ROLE', async () => {
    const name = node.role ?? '';
    const options = await roleOptions(session, node.options, statement);
    const {attributes} = options;
    if (!session.isSuperuser) {
      if (attributes.isSuperuser === true) throw denied('must be superuser to create superusers');
      if (attributes.canReplicate === true)
        throw denied('must be superuser to create replication users');
      if (attributes.bypassesRls === true)
        throw denied('must be superuser to create bypassrls users');
      if (!mayCreateRoles(session)) throw denied('permission denied to create role');
    }
    checkRoleName(name, statement.text);
    if (session.transaction.catalog.roleByName(name) !== undefined) {
      throw new PgError(SqlState.duplicateObject, `role "${name}" already exists`);
    }
    await claimRoleName(session, name);
    const canLogin = node.stmt_type === 'ROLESTMT_USER';
    const role: RoleDescriptor = {...NEW_ROLE, canLogin, ...attributes, oid: newOid(session), name};
    change(session, puts(role));
    joinRoles(session, role, options);
  });
}

function joinRoles(session: SessionContext, role: RoleDescriptor, options: RoleOptions): void {
  for (const each of options.joins) addMember(session, each, role.oid, false);
  for (const each of options.members) addMember(session, role.oid, each, false);
  for (const each of options.admins) addMember(session, role.oid, each, true);
}

/** ALTER ROLE ... options; ALTER GROUP ... ADD | DROP USER. */
export function alterRoleCommand({
  session,
  node,
  statement,
}: CommandInput<AlterRoleStmt>): Execution {
  return ddlExecution(session, 'ALTER ROLE', async () => {
    const options = await roleOptions(session, node.options, statement);
    const role = roleNamed(session, node.role);
    checkAlterable(role);
    checkMayAlter(session, role, options);
    if (Object.keys(options.attributes).length > 0)
      change(session, puts({...role, ...options.attributes}));
    for (const member of options.members) {
      if ((node.action ?? 1) < 0) removeMember(session, role.oid, member, false);
      else addMember(session, role.oid, member, false);
    }
  });
}

function checkAlterable(role: RoleDescriptor): void {
  if (!role.name.startsWith('pg_')) return;
  throw new PgError(SqlState.reservedName, `role name "${role.name}" is reserved`, {
    detail: 'Cannot alter reserved roles.',
  });
}

function checkMayAlter(session: SessionContext, role: RoleDescriptor, options: RoleOptions): void {
  if (session.isSuperuser) return;
  const {attributes} = options;
  if (role.isSuperuser || attributes.isSuperuser !== undefined) {
    throw denied('must be superuser to alter superuser roles or change superuser attribute');
  }
  if (role.canReplicate || attributes.canReplicate !== undefined) {
    throw denied('must be superuser to alter replication roles or change replication attribute');
  }
  if (attributes.bypassesRls !== undefined)
    throw denied('must be superuser to change bypassrls attribute');
  if (mayCreateRoles(session)) return;
  const names = Object.keys(attributes);
  const isOwnPassword =
    role.oid === session.currentRole &&
    names.every(name => name === 'password') &&
    options.members.length === 0;
  if (!isOwnPassword) throw denied('permission denied');
}

/** ALTER ROLE ... SET | RESET. */
export function alterRoleSetCommand({session, node}: CommandInput<AlterRoleSetStmt>): Execution {
  return ddlExecution(session, 'ALTER ROLE', async () => {
    if (node.role === undefined) throw featureNotSupported('ALTER ROLE ALL SET is not supported');
    if (node.database !== undefined && node.database !== '')
      throw featureNotSupported('ALTER ROLE ... IN DATABASE is not supported');
    const role = roleNamed(session, node.role);
    checkAlterable(role);
    if (!session.isSuperuser) {
      if (role.isSuperuser) throw denied('must be superuser to alter superusers');
      if (!mayCreateRoles(session) && role.oid !== session.currentRole)
        throw denied('permission denied');
    }
    change(
      session,
      puts({...role, settings: changedSettings(session, role.settings, node.setstmt ?? {})}),
    );
  });
}

/** Settings kept with a role or database after a SET or RESET of ALTER. */
export function changedSettings(
  session: SessionContext,
  settings: readonly string[],
  set: VariableSetStmt,
): readonly string[] {
  if (set.kind === 'VAR_RESET_ALL') return [];
  const name = settingName(session, set.name ?? '');
  if (set.kind === 'VAR_RESET' || set.kind === 'VAR_SET_DEFAULT')
    return settings.filter(each => !each.startsWith(`${name}=`));
  const value =
    set.kind === 'VAR_SET_CURRENT' ? (session.settings.raw(name) ?? '') : valueText(set);
  session.settings.check(name, value);
  return replaceSetting(settings, name, `${name}=${value}`);
}

function settingName(session: SessionContext, name: string): string {
  const definition = session.settings.definition(name);
  if (definition !== undefined) return definition.name;
  if (name.includes('.')) return name.toLowerCase();
  throw new PgError(SqlState.undefinedObject, `unrecognized configuration parameter "${name}"`);
}

function replaceSetting(
  settings: readonly string[],
  name: string,
  text: string,
): readonly string[] {
  const at = settings.findIndex(each => each.startsWith(`${name}=`));
  return at < 0 ? [...settings, text] : settings.with(at, text);
}

/** DROP ROLE [IF EXISTS] role, ... */
export function dropRoleCommand({session, node}: CommandInput<DropRoleStmt>): Execution {
  return ddlExecution(session, 'DROP ROLE', async () => {
    if (!mayCreateRoles(session)) throw denied('permission denied to drop role');
    for (const item of node.roles ?? []) {
      if (!('RoleSpec' in item)) continue;
      const spec = item.RoleSpec;
      if (spec.roletype !== 'ROLESPEC_CSTRING') {
        throw new PgError(
          SqlState.invalidParameterValue,
          'cannot use special role specifier in DROP ROLE',
        );
      }
      const name = spec.rolename ?? '';
      const role = session.transaction.catalog.roleByName(name);
      if (role !== undefined) dropRole(session, role);
      else if (node.missing_ok === true) notice(session, `role "${name}" does not exist, skipping`);
      else throw new PgError(SqlState.undefinedObject, `role "${name}" does not exist`);
    }
  });
}

function dropRole(session: SessionContext, role: RoleDescriptor): void {
  const {catalog} = session.transaction;
  if (role.oid === session.currentRole)
    throw new PgError(SqlState.objectInUse, 'current user cannot be dropped');
  if (role.oid === session.sessionRole)
    throw new PgError(SqlState.objectInUse, 'session user cannot be dropped');
  if (role.isSuperuser && !isSuperuser(session.currentRole, catalog))
    throw denied('must be superuser to drop superusers');
  if (role.oid < oid(FIRST_NORMAL_OID)) {
    throw new PgError(
      SqlState.dependentObjectsStillExist,
      `cannot drop role ${role.name} because it is required by the database system`,
    );
  }
  const dependents = roleDependents(session, role.oid);
  if (dependents.length > 0) {
    throw new PgError(
      SqlState.dependentObjectsStillExist,
      `role "${role.name}" cannot be dropped because some objects depend on it`,
      {
        detail: dependents.join('\n'),
      },
    );
  }
  const members = [...catalog.roles()].filter(each =>
    each.memberOf.some(membership => membership.role === role.oid),
  );
  const left = members.map(each => ({
    ...each,
    memberOf: each.memberOf.filter(membership => membership.role !== role.oid),
  }));
  change(session, [deletion(role), ...puts(...left)]);
}
