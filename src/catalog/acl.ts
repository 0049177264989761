import {oid, type Oid} from '../common/ids.ts';
import type {CatalogSnapshot} from './contract.ts';
import type {AclItem} from './descriptors.ts';
import {RoleOid} from './well-known.ts';

/** What an ACL belongs to, by the letters of PostgreSQL's acldefault(); 'c' is a column. */
export type AclObjectKind =
  | 'c'
  | 'r'
  | 's'
  | 'd'
  | 'f'
  | 'l'
  | 'L'
  | 'n'
  | 't'
  | 'F'
  | 'S'
  | 'T'
  | 'p';

/**
 * All privilege letters in print order: insert, select, update, delete, truncate, references, trigger, execute, usage,
 * create, temporary, connect, set, alter system.
 */
export const ALL_PRIVILEGES = 'arwdDxtXUCTcsA';

/** Privilege names as GRANT and the has_*_privilege functions spell them. */
export const privilegeLetters: Readonly<Record<string, string>> = {
  INSERT: 'a',
  SELECT: 'r',
  UPDATE: 'w',
  DELETE: 'd',
  TRUNCATE: 'D',
  REFERENCES: 'x',
  TRIGGER: 't',
  EXECUTE: 'X',
  USAGE: 'U',
  CREATE: 'C',
  TEMPORARY: 'T',
  TEMP: 'T',
  CONNECT: 'c',
  SET: 's',
  'ALTER SYSTEM': 'A',
};

const ownerRights: Readonly<Record<AclObjectKind, string>> = {
  c: '',
  r: 'arwdDxt',
  s: 'rwU',
  d: 'CTc',
  f: 'X',
  l: 'U',
  L: 'rw',
  n: 'UC',
  t: 'C',
  F: 'U',
  S: 'U',
  T: 'U',
  p: 'sA',
};

const publicRights: Readonly<Partial<Record<AclObjectKind, string>>> = {
  d: 'Tc',
  f: 'X',
  l: 'U',
  T: 'U',
};

/** Every privilege that an object of this kind can have. */
export function allRightsOf(kind: AclObjectKind): string {
  return kind === 'c' ? 'arwx' : ownerRights[kind];
}

/** The privileges of an object whose acl is NULL. */
export function defaultAcl(kind: AclObjectKind, owner: Oid): readonly AclItem[] {
  const items: AclItem[] = [];
  const world = publicRights[kind];
  if (world !== undefined) items.push(aclItem(oid(0), owner, world));
  if (ownerRights[kind] !== '') items.push(aclItem(owner, owner, ownerRights[kind]));
  return items;
}

/** An aclitem with letters in print order. */
export function aclItem(
  grantee: Oid,
  grantor: Oid,
  privileges: string,
  grantOptions = '',
): AclItem {
  return {grantee, grantor, privileges: ordered(privileges), grantOptions: ordered(grantOptions)};
}

function ordered(letters: string): string {
  return [...ALL_PRIVILEGES].filter(letter => letters.includes(letter)).join('');
}

/** Text of an aclitem: `grantee=privileges/grantor`. */
export function aclText(item: AclItem, snapshot: CatalogSnapshot): string {
  const letters = [...item.privileges]
    .map(letter => (item.grantOptions.includes(letter) ? `${letter}*` : letter))
    .join('');
  return `${item.grantee === 0 ? '' : roleText(item.grantee, snapshot)}=${letters}/${roleText(item.grantor, snapshot)}`;
}

/** A role in an aclitem: quoted unless letters, digits and underscores only; its OID when it is gone. */
function roleText(role: Oid, snapshot: CatalogSnapshot): string {
  const name = snapshot.roleByOid(role)?.name;
  if (name === undefined) return String(role);
  return /^[A-Za-z0-9_]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Reads the text form; undefined when it is malformed or names an unknown role. */
export function parseAcl(text: string, snapshot: CatalogSnapshot): AclItem | undefined {
  const match =
    /^(?:group |user )?("(?:[^"]|"")*"|[^="\s]*)=([a-zA-Z*]*)(?:\/("(?:[^"]|"")*"|\S+))?$/.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, granteeText = '', letters = '', grantorText] = match;
  const grantee = granteeText === '' ? oid(0) : snapshot.roleByName(unquote(granteeText))?.oid;
  const grantor =
    grantorText === undefined ? RoleOid.postgres : snapshot.roleByName(unquote(grantorText))?.oid;
  if (grantee === undefined || grantor === undefined) return undefined;
  let privileges = '';
  let options = '';
  for (const letter of letters) {
    if (letter === '*') options += privileges.at(-1) ?? '';
    else if (ALL_PRIVILEGES.includes(letter)) privileges += letter;
    else return undefined;
  }
  return aclItem(grantee, grantor, privileges, options);
}

function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

/** The roles whose privileges a role has: itself and, through INHERIT, what it is a member of. */
export function rolesWithPrivilegesOf(role: Oid, snapshot: CatalogSnapshot): ReadonlySet<Oid> {
  return snapshot.memo(`acl.privileges:${role}`, () => closure(role, snapshot, true));
}

/** The roles that a role is a member of, directly or not, and itself: what SET ROLE may choose. */
export function rolesOfMember(role: Oid, snapshot: CatalogSnapshot): ReadonlySet<Oid> {
  return snapshot.memo(`acl.member:${role}`, () => closure(role, snapshot, false));
}

function closure(role: Oid, snapshot: CatalogSnapshot, inheritOnly: boolean): ReadonlySet<Oid> {
  const found = new Set<Oid>([role]);
  for (const each of found) {
    const descriptor = snapshot.roleByOid(each);
    if (descriptor === undefined || (inheritOnly && !descriptor.inherits)) continue;
    for (const membership of descriptor.memberOf) found.add(membership.role);
    const database = databaseOf(snapshot);
    if (database?.owner === each) found.add(RoleOid.databaseOwner);
  }
  return found;
}

function databaseOf(snapshot: CatalogSnapshot): {readonly owner: Oid} | undefined {
  for (const database of snapshot.databases()) {
    if (database.oid === snapshot.databaseOid) return database;
  }
  return undefined;
}

/** Whether a role is a superuser. */
export function isSuperuser(role: Oid, snapshot: CatalogSnapshot): boolean {
  return snapshot.roleByOid(role)?.isSuperuser === true;
}

/** Whether a role may act as the owner. */
export function ownsObject(role: Oid, owner: Oid, snapshot: CatalogSnapshot): boolean {
  return isSuperuser(role, snapshot) || rolesWithPrivilegesOf(role, snapshot).has(owner);
}

/** An object whose privileges are asked for. */
export interface AclTarget {
  readonly kind: AclObjectKind;
  readonly owner: Oid;
  readonly acl: readonly AclItem[] | null;
}

/** Those of `wanted` letters that the role holds on the object. */
export function heldPrivileges(
  snapshot: CatalogSnapshot,
  role: Oid,
  target: AclTarget,
  wanted: string,
): string {
  if (isSuperuser(role, snapshot)) return wanted;
  const roles = rolesWithPrivilegesOf(role, snapshot);
  const acl = target.acl ?? defaultAcl(target.kind, target.owner);
  let held = predefinedRights(target.kind, roles);
  for (const item of acl) {
    if (item.grantee === 0 || roles.has(item.grantee)) held += item.privileges;
  }
  return [...wanted].filter(letter => held.includes(letter)).join('');
}

/** Whether the role holds all `wanted` letters. */
export function hasPrivileges(
  snapshot: CatalogSnapshot,
  role: Oid,
  target: AclTarget,
  wanted: string,
): boolean {
  return heldPrivileges(snapshot, role, target, wanted).length === wanted.length;
}

/** Whether the role may grant this privilege on: owner, superuser, or WITH GRANT OPTION. */
export function hasGrantOption(
  snapshot: CatalogSnapshot,
  role: Oid,
  target: AclTarget,
  letter: string,
): boolean {
  if (ownsObject(role, target.owner, snapshot)) return true;
  const roles = rolesWithPrivilegesOf(role, snapshot);
  const acl = target.acl ?? [];
  return acl.some(item => roles.has(item.grantee) && item.grantOptions.includes(letter));
}

/** What pg_read_all_data and pg_write_all_data give. */
function predefinedRights(kind: AclObjectKind, roles: ReadonlySet<Oid>): string {
  const isData = kind === 'r' || kind === 's' || kind === 'c';
  let held = '';
  if (roles.has(READ_ALL_DATA)) held += isData ? 'r' : kind === 'n' ? 'U' : '';
  if (roles.has(WRITE_ALL_DATA)) held += isData ? 'awd' : kind === 'n' ? 'U' : '';
  return held;
}

const READ_ALL_DATA = oid(6181);
const WRITE_ALL_DATA = oid(6182);

/** The acl after GRANT of letters to a role (by a grantor), starting from the default when null. */
export function grantTo(
  target: AclTarget,
  grantee: Oid,
  grantor: Oid,
  more: {readonly privileges: string; readonly withGrantOption: boolean},
): readonly AclItem[] {
  const acl = [...(target.acl ?? defaultAcl(target.kind, target.owner))];
  const at = acl.findIndex(item => item.grantee === grantee && item.grantor === grantor);
  const old = acl[at];
  const options = more.withGrantOption ? more.privileges : '';
  const item = aclItem(
    grantee,
    grantor,
    (old?.privileges ?? '') + more.privileges,
    (old?.grantOptions ?? '') + options,
  );
  if (at < 0) acl.push(item);
  else acl[at] = item;
  return acl;
}

/** The acl after REVOKE of letters (or only of their grant option) from a role, whoever granted them when `grantor` is null. */
export function revokeFrom(
  target: AclTarget,
  grantee: Oid,
  grantor: Oid | null,
  more: {readonly privileges: string; readonly grantOptionOnly: boolean},
): readonly AclItem[] {
  const keeps = (letters: string): string =>
    [...letters].filter(letter => !more.privileges.includes(letter)).join('');
  return (target.acl ?? defaultAcl(target.kind, target.owner)).flatMap(item => {
    if (item.grantee !== grantee || (grantor !== null && item.grantor !== grantor)) return [item];
    const privileges = more.grantOptionOnly ? item.privileges : keeps(item.privileges);
    return privileges === ''
      ? []
      : [aclItem(grantee, item.grantor, privileges, keeps(item.grantOptions))];
  });
}
