import type {AccessPriv, GrantRoleStmt, GrantStmt} from '@pgsql/types';
import {
  allRightsOf,
  grantTo,
  privilegeLetters,
  type AclObjectKind,
  type AclTarget,
} from '../../catalog/acl.ts';
import type {
  AclItem,
  ColumnDescriptor,
  TableDescriptor,
  ViewDescriptor,
} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {booleanOption, defElems, stringList} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {change, ddlExecution, NO_OID, puts} from './ddl.ts';
import {grantableRights, revokeItems} from './grant-rights.ts';
import {grantTargets, type GrantTarget} from './grant-objects.ts';
import {granteeOid, roleByName, roleNamed} from './object-names.ts';
import {addMember, removeMember} from './role-members.ts';

/** What one GRANT or REVOKE does to each of its objects. */
interface Grant {
  readonly session: SessionContext;
  readonly isGrant: boolean;
  readonly grantOption: boolean;
  readonly cascade: boolean;
  readonly grantees: readonly Oid[];
  /** null = ALL. */
  readonly privileges: readonly AccessPriv[] | null;
  readonly objtype: string;
}

/** GRANT and REVOKE on objects. */
export function grantCommand({session, node}: CommandInput<GrantStmt>): Execution {
  const isGrant = node.is_grant === true;
  const tag = isGrant ? 'GRANT' : 'REVOKE';
  return ddlExecution(session, tag, async () => {
    const specs = (node.grantees ?? []).flatMap(each =>
      'RoleSpec' in each ? [each.RoleSpec] : [],
    );
    const privileges = (node.privileges ?? []).flatMap(each =>
      'AccessPriv' in each ? [each.AccessPriv] : [],
    );
    checkGrantor(session, node);
    const grant: Grant = {
      session,
      isGrant,
      grantOption: node.grant_option === true,
      cascade: node.behavior === 'DROP_CASCADE',
      grantees: specs.map(spec => granteeOid(session, spec)),
      privileges: privileges.length === 0 ? null : privileges,
      objtype: node.objtype ?? '',
    };
    const targets = grantTargets(session, node);
    checkNames(grant);
    if (isGrant && grant.grantOption && grant.grantees.includes(NO_OID)) {
      throw new PgError(
        SqlState.invalidGrantOperation,
        'grant options can only be granted to roles',
      );
    }
    for (const target of targets) applyGrant(grant, target);
  });
}

function checkGrantor(session: SessionContext, node: GrantStmt): void {
  if (node.grantor === undefined || roleNamed(session, node.grantor).oid === session.currentRole)
    return;
  throw featureNotSupported('grantor must be current user');
}

const WORDS: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_SCHEMA: 'schema',
  OBJECT_DATABASE: 'database',
  OBJECT_TYPE: 'type',
  OBJECT_DOMAIN: 'domain',
  OBJECT_FUNCTION: 'function',
  OBJECT_PROCEDURE: 'procedure',
  OBJECT_ROUTINE: 'routine',
};

const KINDS: Readonly<Record<string, AclObjectKind>> = {
  OBJECT_TABLE: 'r',
  OBJECT_SEQUENCE: 's',
  OBJECT_SCHEMA: 'n',
  OBJECT_DATABASE: 'd',
  OBJECT_TYPE: 'T',
  OBJECT_DOMAIN: 'T',
};

/** Privileges that exist, but not for this kind of object; columns only on relations. */
function checkNames(grant: Grant): void {
  for (const {priv_name: name, cols} of grant.privileges ?? []) {
    const letter = letterOf(name);
    if (cols !== undefined) {
      if (grant.objtype !== 'OBJECT_TABLE') {
        throw new PgError(
          SqlState.invalidGrantOperation,
          'column privileges are only valid for relations',
        );
      }
      if (letter !== null && !allRightsOf('c').includes(letter))
        throw invalidPrivilege(letter, 'column');
      continue;
    }
    if (letter === null) continue;
    const isAllowed = allRightsOf(KINDS[grant.objtype] ?? 'f').includes(letter);
    // GRANT USAGE ON TABLE may name a sequence: that is looked at per object.
    if (!isAllowed && !(grant.objtype === 'OBJECT_TABLE' && letter === 'U'))
      throw invalidPrivilege(letter, WORDS[grant.objtype] ?? '');
  }
}

/** Letter of a privilege's name; null for ALL. */
function letterOf(name: string | undefined): string | null {
  if (name === undefined || name === '' || name.toLowerCase() === 'all') return null;
  const letter = privilegeLetters[name.toUpperCase()];
  if (letter === undefined)
    throw new PgError(SqlState.syntaxError, `unrecognized privilege type "${name}"`);
  return letter;
}

function invalidPrivilege(letter: string, word: string): PgError {
  const name = Object.entries(privilegeLetters).find(([, each]) => each === letter)?.[0] ?? letter;
  return new PgError(SqlState.invalidGrantOperation, `invalid privilege type ${name} for ${word}`);
}

function applyGrant(grant: Grant, target: GrantTarget): void {
  const {session} = grant;
  const letters = objectLetters(grant, target);
  const columns = columnLetters(grant, target);
  let acl = target.object.acl;
  const {object, kind, word} = target;
  const aclTarget: AclTarget = {kind, owner: object.owner, acl};
  if (letters !== '') {
    const held = grantableRights(session, aclTarget, letters, {
      isGrant: grant.isGrant,
      isAll: grant.privileges === null,
      name: object.name,
      word,
    });
    acl = changedAcl(grant, aclTarget, held.letters, held.grantor);
  }
  let next = acl === object.acl ? object : {...object, acl};
  if (
    (next.kind === 'table' || next.kind === 'view') &&
    (columns.size > 0 || (!grant.isGrant && letters !== ''))
  ) {
    next = withColumnAcls(grant, next, columns, letters);
  }
  if (next !== object) change(session, puts(next));
}

/** The letters asked for on the object as a whole. */
function objectLetters(grant: Grant, target: GrantTarget): string {
  const all = allRightsOf(target.kind);
  if (grant.privileges === null) return all;
  let letters = '';
  for (const {priv_name: name, cols} of grant.privileges) {
    if (cols === undefined) letters += letterOf(name) ?? all;
  }
  const kept = [...new Set(letters)].filter(letter => all.includes(letter)).join('');
  if (kept.length === new Set(letters).size) return kept;
  if (target.kind === 's') {
    grant.session.warn(
      SqlState.invalidGrantOperation,
      `sequence "${target.object.name}" only supports USAGE, SELECT, and UPDATE privileges`,
    );
    return kept;
  }
  throw invalidPrivilege(
    [...letters].find(letter => !all.includes(letter)) ?? 'U',
    WORDS[grant.objtype] ?? '',
  );
}

/** The letters asked for on columns, by attnum. */
function columnLetters(grant: Grant, target: GrantTarget): Map<number, string> {
  const found = new Map<number, string>();
  const {object} = target;
  for (const {priv_name: name, cols} of grant.privileges ?? []) {
    if (cols === undefined) continue;
    for (const column of stringList(cols)) {
      const known =
        object.kind === 'table' || object.kind === 'view'
          ? object.columns.find(each => each.name === column && !each.isDropped)
          : undefined;
      if (known === undefined) {
        throw new PgError(
          SqlState.undefinedColumn,
          `column "${column}" of relation "${object.name}" does not exist`,
        );
      }
      found.set(
        known.attnum,
        (found.get(known.attnum) ?? '') + (letterOf(name) ?? allRightsOf('c')),
      );
    }
  }
  return found;
}

function changedAcl(
  grant: Grant,
  target: AclTarget,
  letters: string,
  grantor: Oid,
): readonly AclItem[] | null {
  if (letters === '') return target.acl;
  let {acl} = target;
  for (const grantee of grant.grantees) {
    const now = {...target, acl};
    if (grant.isGrant)
      acl = grantTo(now, grantee, grantor, {
        privileges: letters,
        withGrantOption: grant.grantOption && grantee !== target.owner,
      });
    else
      acl = revokeItems(now, {
        grantee,
        grantor,
        letters,
        grantOptionOnly: grant.grantOption,
        cascade: grant.cascade,
      });
  }
  return acl;
}

/** Columns with their acls changed; a REVOKE on the table takes the same letters from its columns. */
function withColumnAcls<T extends TableDescriptor | ViewDescriptor>(
  grant: Grant,
  object: T,
  columns: ReadonlyMap<number, string>,
  letters: string,
): T {
  let hasChanged = false;
  const next = object.columns.map((column): ColumnDescriptor => {
    const revoked =
      grant.isGrant || column.acl === null
        ? ''
        : [...letters].filter(letter => allRightsOf('c').includes(letter)).join('');
    const wanted = (columns.get(column.attnum) ?? '') + revoked;
    if (wanted === '') return column;
    const target: AclTarget = {kind: 'c', owner: object.owner, acl: column.acl};
    const rights = grantableRights(
      grant.session,
      {...target, acl: [...(object.acl ?? []), ...(column.acl ?? [])]},
      wanted,
      {
        isGrant: grant.isGrant,
        isAll: grant.privileges === null,
        name: object.name,
        word: object.kind,
        column: column.name,
      },
    );
    const acl = changedAcl(grant, target, rights.letters, rights.grantor);
    if (acl === column.acl) return column;
    hasChanged = true;
    return {...column, acl: acl === null || acl.length === 0 ? null : acl};
  });
  return hasChanged ? {...object, columns: next} : object;
}

/** GRANT role TO role, REVOKE role FROM role. */
export function grantRoleCommand({session, node}: CommandInput<GrantRoleStmt>): Execution {
  const isGrant = node.is_grant === true;
  return ddlExecution(session, isGrant ? 'GRANT ROLE' : 'REVOKE ROLE', async () => {
    if (
      node.grantor !== undefined &&
      roleNamed(session, node.grantor).oid !== session.currentRole &&
      !session.isSuperuser
    ) {
      throw new PgError(SqlState.insufficientPrivilege, 'must be superuser to set grantor');
    }
    const admin = adminOption(node);
    const grantees = (node.grantee_roles ?? []).flatMap(each =>
      'RoleSpec' in each ? [roleNamed(session, each.RoleSpec).oid] : [],
    );
    for (const item of node.granted_roles ?? []) {
      if (!('AccessPriv' in item)) continue;
      if (item.AccessPriv.cols !== undefined) {
        throw new PgError(
          SqlState.invalidGrantOperation,
          'column names cannot be included in GRANT/REVOKE ROLE',
        );
      }
      const role = roleByName(session.transaction.catalog, item.AccessPriv.priv_name ?? '');
      for (const grantee of grantees) {
        if (isGrant) addMember(session, role.oid, grantee, admin === true);
        else removeMember(session, role.oid, grantee, admin !== null);
      }
    }
  });
}

/** WITH ADMIN OPTION, ADMIN OPTION FOR; null when not named. Options of later PostgreSQL are refused. */
function adminOption(node: GrantRoleStmt): boolean | null {
  let admin: boolean | null = null;
  for (const option of defElems(node.opt)) {
    if (option.defname !== 'admin')
      throw new PgError(SqlState.syntaxError, `unrecognized role option "${option.defname ?? ''}"`);
    admin = booleanOption(option);
  }
  return admin;
}
