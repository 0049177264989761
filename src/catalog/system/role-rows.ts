import {rolesOfMember} from '../acl.ts';
import type {Datum} from '../../types/contract.ts';
import type {RoleDescriptor} from '../descriptors.ts';
import {PgArray} from '../../types/array-value.ts';
import {
  aclDatum,
  arrayOrNull,
  timestampOf,
  type Row,
  type SystemContext,
  type SystemSource,
} from './source.ts';

const UTF8 = 6;
const DEFAULT_TABLESPACE = 1663;
const FIRST_XID = 3;
const MASK = '********';

function roles(context: SystemContext): readonly RoleDescriptor[] {
  return [...context.snapshot.roles()];
}

function settingsOf(role: RoleDescriptor): Datum {
  return arrayOrNull(role.settings);
}

/** pg_authid. */
export const pgAuthid: SystemSource = {
  all: context =>
    roles(context).map(role => [
      ...[role.oid, role.name, role.isSuperuser, role.inherits, role.canCreateRole],
      ...[role.canCreateDb, role.canLogin, role.canReplicate, role.bypassesRls],
      ...[role.connectionLimit, role.password, timestampOf(role.validUntil)],
    ]),
};

/** pg_roles. */
export const pgRoles: SystemSource = {
  all: context =>
    roles(context).map(role => [
      ...[role.name, role.isSuperuser, role.inherits, role.canCreateRole, role.canCreateDb],
      ...[role.canLogin, role.canReplicate, role.connectionLimit, MASK],
      ...[timestampOf(role.validUntil), role.bypassesRls, settingsOf(role), role.oid],
    ]),
};

function userRow(role: RoleDescriptor, password: Datum): Row {
  return [
    ...[role.name, role.oid, role.canCreateDb, role.isSuperuser, role.canReplicate],
    ...[role.bypassesRls, password, timestampOf(role.validUntil), settingsOf(role)],
  ];
}

/** pg_user. */
export const pgUser: SystemSource = {
  all: context =>
    roles(context)
      .filter(role => role.canLogin)
      .map(role => userRow(role, MASK)),
};

/** pg_shadow. */
export const pgShadow: SystemSource = {
  all: context =>
    roles(context)
      .filter(role => role.canLogin)
      .map(role => userRow(role, role.password)),
};

/** pg_group. */
export const pgGroup: SystemSource = {
  all: context =>
    roles(context)
      .filter(role => !role.canLogin)
      .map(role => [
        role.name,
        role.oid,
        PgArray.of(
          roles(context)
            .filter(member => member.memberOf.some(each => each.role === role.oid))
            .map(member => member.oid),
        ),
      ]),
};

/** pg_auth_members. */
export const pgAuthMembers: SystemSource = {
  all: context =>
    roles(context).flatMap(role =>
      role.memberOf.map(each => [each.role, role.oid, each.grantor, each.withAdmin]),
    ),
};

/** pg_db_role_setting. */
export const pgDbRoleSetting: SystemSource = {
  all: context => [
    ...[...context.snapshot.databases()].flatMap(({oid, settings = []}) =>
      settings.length === 0 ? [] : [[oid, 0, arrayOrNull(settings)]],
    ),
    ...roles(context).flatMap(role =>
      role.settings.length === 0 ? [] : [[0, role.oid, settingsOf(role)]],
    ),
  ],
};

/** pg_database. */
export const pgDatabase: SystemSource = {
  all: context =>
    [...context.snapshot.databases()].map(database => [
      ...[database.oid, database.name, database.owner, UTF8, 'c', database.isTemplate],
      ...[database.allowConnections, database.connectionLimit, FIRST_XID, 1, DEFAULT_TABLESPACE],
      ...['C.UTF-8', 'C.UTF-8', null, null, aclDatum(database.acl, context.snapshot)],
    ]),
};

/** pg_namespace. */
export const pgNamespace: SystemSource = {
  all: context =>
    [...context.snapshot.schemas()].map(schema => [
      ...[schema.oid, schema.name, schema.owner, aclDatum(schema.acl, context.snapshot)],
    ]),
};

/** The roles that the asking role belongs to; all of them for a superuser or when nobody in particular asks. */
export function rolesOfAsker(context: SystemContext): (role: number) => boolean {
  const {currentRole} = context.facts;
  if (currentRole === undefined) return () => true;
  if (context.snapshot.roleByOid(currentRole)?.isSuperuser === true) return () => true;
  const member: ReadonlySet<number> = rolesOfMember(currentRole, context.snapshot);
  return role => member.has(role);
}
