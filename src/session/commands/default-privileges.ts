import type {AccessPriv, AlterDefaultPrivilegesStmt, GrantStmt} from '@pgsql/types';
import {
  allRightsOf,
  defaultAcl,
  grantTo,
  type AclObjectKind,
  isSuperuser,
  privilegeLetters,
  rolesOfMember,
} from '../../catalog/acl.ts';
import type {AclItem, DefaultAclDescriptor, RoleDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {defElems, stringList} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, deletion, NO_OID, newOid, puts} from './ddl.ts';
import {revokeItems} from './grant-rights.ts';
import {granteeOid, roleNamed, schemaNamed} from './object-names.ts';

type ObjectType = DefaultAclDescriptor['objectType'];

const TYPES: Readonly<Record<string, readonly [type: ObjectType, word: string]>> = {
  OBJECT_TABLE: ['r', 'relation'],
  OBJECT_SEQUENCE: ['S', 'sequence'],
  OBJECT_FUNCTION: ['f', 'function'],
  OBJECT_PROCEDURE: ['f', 'procedure'],
  OBJECT_ROUTINE: ['f', 'routine'],
  OBJECT_TYPE: ['T', 'type'],
  OBJECT_SCHEMA: ['n', 'schema'],
};

function aclKind(type: ObjectType): AclObjectKind {
  return type === 'S' ? 's' : type;
}

/** What one ALTER DEFAULT PRIVILEGES does to each of its roles and schemas. */
interface DefaultGrant {
  readonly isGrant: boolean;
  readonly grantOption: boolean;
  readonly cascade: boolean;
  readonly grantees: readonly Oid[];
  readonly letters: string;
  readonly type: ObjectType;
}

/** ALTER DEFAULT PRIVILEGES [FOR ROLE ...] [IN SCHEMA ...] GRANT | REVOKE. */
export function alterDefaultPrivilegesCommand({
  session,
  node,
}: CommandInput<AlterDefaultPrivilegesStmt>): Execution {
  return ddlExecution(session, 'ALTER DEFAULT PRIVILEGES', async () => {
    const action = node.action ?? {};
    const {roles, schemas} = targets(session, node);
    const grant = readGrant(session, action);
    if (grant.type === 'n' && schemas.length > 0) {
      throw invalidGrant('cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS');
    }
    for (const role of roles)
      for (const schema of schemas.length === 0 ? [NO_OID] : schemas)
        changeDefaults(session, role.oid, schema, grant);
  });
}

function targets(
  session: SessionContext,
  node: AlterDefaultPrivilegesStmt,
): {readonly roles: readonly RoleDescriptor[]; readonly schemas: readonly Oid[]} {
  const {catalog} = session.transaction;
  const options = defElems(node.options);
  const listOf = (name: string) => {
    const arg = options.find(option => option.defname === name)?.arg;
    return arg !== undefined && 'List' in arg ? (arg.List.items ?? []) : [];
  };
  const roles = listOf('roles').flatMap(each =>
    'RoleSpec' in each ? [roleNamed(session, each.RoleSpec)] : [],
  );
  for (const role of roles) {
    if (isSuperuser(session.currentRole, catalog)) continue;
    if (rolesOfMember(session.currentRole, catalog).has(role.oid)) continue;
    throw new PgError(SqlState.insufficientPrivilege, `must be member of role "${role.name}"`);
  }
  return {
    roles: roles.length === 0 ? [catalog.roleByOid(session.currentRole)!] : roles,
    schemas: stringList(listOf('schemas')).map(name => schemaNamed(session, name).oid),
  };
}

function readGrant(session: SessionContext, node: GrantStmt): DefaultGrant {
  const [type, word] = TYPES[node.objtype ?? ''] ?? ['r', 'relation'];
  const grantees = (node.grantees ?? []).flatMap(each =>
    'RoleSpec' in each ? [granteeOid(session, each.RoleSpec)] : [],
  );
  const privileges = (node.privileges ?? []).flatMap(each =>
    'AccessPriv' in each ? [each.AccessPriv] : [],
  );
  const all = allRightsOf(aclKind(type));
  const letters =
    privileges.length === 0
      ? all
      : privileges.map(privilege => letterOf(privilege, all, word)).join('');
  const isGrant = node.is_grant === true;
  const grantOption = node.grant_option === true;
  if (isGrant && grantOption && grantees.includes(NO_OID))
    throw invalidGrant('grant options can only be granted to roles');
  return {
    isGrant,
    grantOption,
    cascade: node.behavior === 'DROP_CASCADE',
    grantees,
    letters,
    type,
  };
}

function letterOf({priv_name: name, cols}: AccessPriv, all: string, word: string): string {
  if (cols !== undefined) throw invalidGrant('default privileges cannot be set for columns');
  if (name === undefined || name === '') return all;
  const letter = privilegeLetters[name.toUpperCase()];
  if (letter === undefined)
    throw new PgError(SqlState.syntaxError, `unrecognized privilege type "${name}"`);
  if (!all.includes(letter)) {
    throw invalidGrant(`invalid privilege type ${name.toUpperCase()} for ${word}`);
  }
  return letter;
}

function invalidGrant(message: string): PgError {
  return new PgError(SqlState.invalidGrantOperation, message);
}

/** Changes the entry of a role, a schema (0 = any) and a type of object; one that says nothing any more goes. */
function changeDefaults(
  session: SessionContext,
  owner: Oid,
  schema: Oid,
  grant: DefaultGrant,
): void {
  const {type, letters} = grant;
  const kind = aclKind(type);
  const old = entryOf(session, owner, schema, type);
  const base = schema === NO_OID ? defaultAcl(kind, owner) : [];
  let acl: readonly AclItem[] = old?.acl ?? base;
  for (const grantee of grant.grantees) {
    const target = {kind, owner, acl};
    acl = grant.isGrant
      ? grantTo(target, grantee, owner, {
          privileges: letters,
          withGrantOption: grant.grantOption && grantee !== owner,
        })
      : revokeItems(target, {
          grantee,
          grantor: owner,
          letters,
          grantOptionOnly: grant.grantOption,
          cascade: grant.cascade,
        });
  }
  keepEntry(session, {owner, schema, type, acl, old});
}

interface Entry {
  readonly owner: Oid;
  readonly schema: Oid;
  readonly type: ObjectType;
  readonly acl: readonly AclItem[];
  readonly old: DefaultAclDescriptor | undefined;
}

function keepEntry(session: SessionContext, {owner, schema, type, acl, old}: Entry): void {
  const base = schema === NO_OID ? defaultAcl(aclKind(type), owner) : [];
  if (isSameAcl(acl, base)) {
    if (old !== undefined) change(session, [deletion(old)]);
    return;
  }
  change(
    session,
    puts({
      kind: 'defaultAcl',
      oid: old?.oid ?? newOid(session),
      name: `${owner}/${type}`,
      owner,
      acl: sorted(acl),
      comment: null,
      schema,
      objectType: type,
    }),
  );
}

function entryOf(
  session: SessionContext,
  owner: Oid,
  schema: Oid,
  type: ObjectType,
): DefaultAclDescriptor | undefined {
  return session.transaction.catalog
    .defaultAcls()
    .find(each => each.owner === owner && each.schema === schema && each.objectType === type);
}

/** By grantee, PUBLIC first, then by grantor (aclitemsort). */
function sorted(acl: readonly AclItem[]): readonly AclItem[] {
  return acl.toSorted((a, b) => a.grantee - b.grantee || a.grantor - b.grantor);
}

function isSameAcl(left: readonly AclItem[], right: readonly AclItem[]): boolean {
  const texts = (acl: readonly AclItem[]): string =>
    acl
      .map(item => [item.grantee, item.grantor, item.privileges, item.grantOptions].join())
      .sort()
      .join(';');
  return texts(left) === texts(right);
}

/** The acl of an object that a role makes now: null where nothing but PostgreSQL's own defaults holds. */
export function newObjectAcl(
  session: SessionContext,
  type: ObjectType,
  schema: Oid,
  owner: Oid,
): readonly AclItem[] | null {
  const anywhere = entryOf(session, owner, NO_OID, type)?.acl ?? null;
  const here = schema === NO_OID ? null : (entryOf(session, owner, schema, type)?.acl ?? null);
  if (anywhere === null && here === null) return null;
  const kind = aclKind(type);
  const base = defaultAcl(kind, owner);
  let acl = anywhere ?? base;
  if (acl.length === 0) {
    // As in PostgreSQL: general rights that were all revoked say nothing.
    return here;
  }
  for (const item of here ?? []) {
    acl = grantTo({kind, owner, acl}, item.grantee, item.grantor, {
      privileges: item.privileges,
      withGrantOption: false,
    });
    if (item.grantOptions !== '')
      acl = grantTo({kind, owner, acl}, item.grantee, item.grantor, {
        privileges: item.grantOptions,
        withGrantOption: true,
      });
  }
  return isSameAcl(acl, base) ? null : sorted(acl);
}

/** DROP OWNED: the entries of these roles go, and what entries of others give to them. */
export function dropDefaultAclsOf(session: SessionContext, roles: ReadonlySet<Oid>): void {
  for (const entry of session.transaction.catalog.defaultAcls()) {
    if (roles.has(entry.owner)) {
      change(session, [deletion(entry)]);
      continue;
    }
    const acl = (entry.acl ?? []).filter(item => !roles.has(item.grantee));
    if (acl.length === (entry.acl ?? []).length) continue;
    keepEntry(session, {...entry, type: entry.objectType, acl, old: entry});
  }
}
