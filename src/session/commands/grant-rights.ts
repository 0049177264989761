import {
  allRightsOf,
  defaultAcl,
  hasGrantOption,
  heldPrivileges,
  ownsObject,
  revokeFrom,
  rolesWithPrivilegesOf,
  type AclTarget,
} from '../../catalog/acl.ts';
import type {AclItem} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';

/** Words of the warnings about privileges that cannot be given. */
export interface GrantWords {
  readonly isGrant: boolean;
  readonly isAll: boolean;
  readonly name: string;
  readonly word: string;
  readonly column?: string;
}

/** Which of the letters the current role may grant, and as whom (PostgreSQL select_best_grantor). 42501 when it holds nothing at all. */
export function grantableRights(
  session: SessionContext,
  target: AclTarget,
  letters: string,
  words: GrantWords,
): {readonly letters: string; readonly grantor: Oid} {
  const {catalog} = session.transaction;
  const role = session.currentRole;
  if (ownsObject(role, target.owner, catalog)) return {letters, grantor: target.owner};
  const able = [...letters]
    .filter(letter => hasGrantOption(catalog, role, target, letter))
    .join('');
  if (able === '' && heldPrivileges(catalog, role, target, allRightsOf(target.kind)) === '') {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for ${words.word} ${words.name}`,
    );
  }
  if (able.length < letters.length && (able === '' || !words.isAll))
    warn(session, words, able === '');
  return {letters: able, grantor: grantorOf(session, target, able)};
}

function grantorOf(session: SessionContext, target: AclTarget, letters: string): Oid {
  const roles = rolesWithPrivilegesOf(session.currentRole, session.transaction.catalog);
  const holds = (role: Oid): boolean =>
    (target.acl ?? []).some(
      item =>
        item.grantee === role && [...letters].every(letter => item.grantOptions.includes(letter)),
    );
  if (holds(session.currentRole)) return session.currentRole;
  for (const role of roles) if (holds(role)) return role;
  return session.currentRole;
}

function warn(session: SessionContext, words: GrantWords, isNone: boolean): void {
  const object =
    words.column === undefined
      ? `"${words.name}"`
      : `column "${words.column}" of relation "${words.name}"`;
  const verb = words.isGrant ? 'were granted' : 'could be revoked';
  const text = isNone
    ? `no privileges ${verb} for ${object}`
    : `not all privileges ${verb} for ${object}`;
  session.warn(words.isGrant ? '01007' : '01006', text);
}

/** What REVOKE takes. */
export interface Revocation {
  readonly grantee: Oid;
  readonly grantor: Oid;
  readonly letters: string;
  readonly grantOptionOnly: boolean;
  readonly cascade: boolean;
}

/** The acl after a REVOKE; privileges that the grantee gave on go with CASCADE, else 2BP01. */
export function revokeItems(target: AclTarget, what: Revocation): readonly AclItem[] {
  const before = target.acl ?? defaultAcl(target.kind, target.owner);
  let acl = revokeFrom({...target, acl: before}, what.grantee, what.grantor, {
    privileges: what.letters,
    grantOptionOnly: what.grantOptionOnly,
  });
  if (what.grantee === target.owner) return acl;
  for (const item of before) {
    if (item.grantor !== what.grantee) continue;
    const lost = [...item.privileges]
      .filter(letter => what.letters.includes(letter) && !stillGrants(acl, what.grantee, letter))
      .join('');
    if (lost === '') continue;
    if (!what.cascade) {
      throw new PgError(SqlState.dependentObjectsStillExist, 'dependent privileges exist', {
        hint: 'Use CASCADE to revoke them too.',
      });
    }
    acl = revokeItems(
      {...target, acl},
      {
        ...what,
        grantee: item.grantee,
        grantor: what.grantee,
        letters: lost,
        grantOptionOnly: false,
      },
    );
  }
  return acl;
}

function stillGrants(acl: readonly AclItem[], grantee: Oid, letter: string): boolean {
  return acl.some(item => item.grantee === grantee && item.grantOptions.includes(letter));
}
