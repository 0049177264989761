import type {DefElem, Node} from '@pgsql/types';
import type {RoleDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {makeScramVerifier, parseScramVerifier} from '../../common/scram.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {defaultFormatSettings} from '../../types/format-settings.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText, defElems} from './ast-values.ts';
import {errorAt, notice} from './ddl.ts';
import {roleNamed} from './object-names.ts';

const TIMESTAMPTZ = oid(1184);

/** What the options of CREATE or ALTER ROLE ask for; undefined = not named. */
export interface RoleOptions {
  readonly attributes: Partial<Omit<RoleDescriptor, 'kind' | 'oid' | 'name'>>;
  /** IN ROLE: roles that the new one joins. */
  readonly joins: readonly Oid[];
  /** ROLE (or USER) and ADMIN: roles that join the new one. */
  readonly members: readonly Oid[];
  readonly admins: readonly Oid[];
}

type Flag =
  | 'isSuperuser'
  | 'inherits'
  | 'canCreateRole'
  | 'canCreateDb'
  | 'canLogin'
  | 'canReplicate'
  | 'bypassesRls';

const FLAGS: Readonly<Record<string, Flag>> = {
  superuser: 'isSuperuser',
  inherit: 'inherits',
  createrole: 'canCreateRole',
  createdb: 'canCreateDb',
  canlogin: 'canLogin',
  isreplication: 'canReplicate',
  bypassrls: 'bypassesRls',
};

/** Reads the options; the same one twice is 42601. A kept password is given as it is, for another kind of verifier. */
export function readRoleOptions(
  session: SessionContext,
  nodes: readonly Node[] | undefined,
  text: string,
  keepsPassword = false,
): RoleOptions {
  const seen = new Set<string>();
  const attributes: {
    -readonly [K in keyof RoleOptions['attributes']]: RoleOptions['attributes'][K];
  } = {};
  const lists: Record<string, Oid[]> = {};
  for (const option of defElems(nodes)) {
    const name = option.defname ?? '';
    if (seen.has(name))
      throw errorAt(
        text,
        option.location,
        SqlState.syntaxError,
        'conflicting or redundant options',
      );
    seen.add(name);
    const flag = FLAGS[name];
    if (flag !== undefined) attributes[flag] = constantText(option.arg) === 'true';
    else if (name === 'password') attributes.password = passwordOf(session, option, keepsPassword);
    else if (name === 'connectionlimit') attributes.connectionLimit = limitOf(option);
    else if (name === 'validUntil') attributes.validUntil = validUntilOf(session, option);
    else if (name === 'addroleto' || name === 'rolemembers' || name === 'adminmembers')
      lists[name] = rolesOf(session, option.arg);
    else if (name === 'sysid') notice(session, 'SYSID can no longer be specified');
    else throw new PgError(SqlState.syntaxError, `unrecognized role option "${name}"`);
  }
  return {
    attributes,
    joins: lists['addroleto'] ?? [],
    members: lists['rolemembers'] ?? [],
    admins: lists['adminmembers'] ?? [],
  };
}

function rolesOf(session: SessionContext, node: Node | undefined): Oid[] {
  if (node === undefined || !('List' in node)) return [];
  return (node.List.items ?? []).flatMap(item =>
    'RoleSpec' in item ? [roleNamed(session, item.RoleSpec).oid] : [],
  );
}

function limitOf(option: DefElem): number {
  const limit = Number(constantText(option.arg));
  if (limit < -1)
    throw new PgError(SqlState.invalidParameterValue, `invalid connection limit: ${limit}`);
  return limit;
}

/** A verifier is kept as it is; anything else becomes a SCRAM verifier. */
function passwordOf(session: SessionContext, option: DefElem, isKept: boolean): string | null {
  if (option.arg === undefined) return null;
  const password = constantText(option.arg);
  if (parseScramVerifier(password) !== null || password.startsWith('$argon2id$')) return password;
  if (password === '') {
    notice(session, 'empty string is not a valid password, clearing password');
    return null;
  }
  return isKept ? password : makeScramVerifier(password);
}

function validUntilOf(session: SessionContext, option: DefElem): string | null {
  if (option.arg === undefined) return null;
  const type = session.transaction.catalog.typeByOid(TIMESTAMPTZ)!;
  const value = type.input(constantText(option.arg), -1, session.evalContext.format);
  return type.output(value, defaultFormatSettings);
}

/** 42939 for names that no role may have. */
export function checkRoleName(name: string, text: string, location?: number): void {
  if (name === 'public' || name === 'none') {
    throw errorAt(text, location, SqlState.reservedName, `role name "${name}" is reserved`);
  }
  if (!name.startsWith('pg_')) return;
  throw new PgError(SqlState.reservedName, `role name "${name}" is reserved`, {
    detail: 'Role names starting with "pg_" are reserved.',
  });
}
