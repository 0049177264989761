import {PgError} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum} from '../../types/contract.ts';
import {
  hasGrantOption,
  hasPrivileges,
  isSuperuser,
  privilegeLetters,
  rolesOfMember,
  rolesWithPrivilegesOf,
  type AclTarget,
} from '../acl.ts';
import {functionTarget, relationTarget} from '../object-acl.ts';
import {regIn} from '../reg-names.ts';
import {RoleOid} from '../well-known.ts';
import type {InfoContext, InfoFunction} from './context.ts';

/** One privilege of the text argument. */
interface Wanted {
  readonly letter: string;
  readonly withGrantOption: boolean;
}

/** What a has_*_privilege family asks about. */
interface Family {
  readonly privileges: readonly string[];
  /** OID by name; raises when there is none. */
  resolve(context: InfoContext, name: string): Oid;
  /** Undefined when no object has this OID: the answer is NULL. */
  target(context: InfoContext, object: Oid): AclTarget | undefined;
}

const tablePrivileges = [
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'TRUNCATE',
  'REFERENCES',
  'TRIGGER',
];
const columnPrivileges = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'];

const table: Family = {
  privileges: [...tablePrivileges, 'RULE'],
  resolve: (context, name) => oid(regIn(context, 'regclass', name)),
  target: (context, object) => relationTarget(context.snapshot, object),
};

const families: Readonly<Record<string, Family>> = {
  table,
  any_column: {...table, privileges: columnPrivileges},
  sequence: {...table, privileges: ['USAGE', 'SELECT', 'UPDATE']},
  schema: {
    privileges: ['CREATE', 'USAGE'],
    resolve: (context, name) => {
      const found = context.snapshot.schemaByName(name);
      if (found !== undefined) return found.oid;
      throw new PgError(SqlState.invalidSchemaName, `schema "${name}" does not exist`);
    },
    target: ({snapshot}, object) => targetOf('n', snapshot.schemaByOid(object)),
  },
  database: {
    privileges: ['CREATE', 'TEMPORARY', 'TEMP', 'CONNECT'],
    resolve: (context, name) => {
      const found = context.snapshot.databaseByName(name);
      if (found !== undefined) return found.oid;
      throw new PgError(SqlState.invalidCatalogName, `database "${name}" does not exist`);
    },
    target: ({snapshot}, object) => {
      const found = snapshot.get('database', object);
      return found?.kind === 'database' ? targetOf('d', found) : undefined;
    },
  },
  function: {
    privileges: ['EXECUTE'],
    resolve: (context, name) => oid(regIn(context, 'regprocedure', name)),
    target: (context, object) => functionTarget(context.snapshot, object),
  },
  type: {
    privileges: ['USAGE'],
    resolve: (context, name) => oid(regIn(context, 'regtype', name)),
    target: ({snapshot}, object) => {
      if (snapshot.typeByOid(object) === undefined) return undefined;
      const own = snapshot.typeDescriptorByOid(object);
      return {kind: 'T', owner: own?.owner ?? RoleOid.postgres, acl: own?.acl ?? null};
    },
  },
  language: builtinFamily('pg_language', 'l', ['USAGE'], 'language'),
  tablespace: builtinFamily('pg_tablespace', 't', ['CREATE'], 'tablespace'),
  foreign_data_wrapper: missingFamily('F', 'foreign-data wrapper'),
  server: missingFamily('S', 'server'),
};

function targetOf(
  kind: AclTarget['kind'],
  object: {readonly owner: Oid; readonly acl: AclTarget['acl']} | undefined,
): AclTarget | undefined {
  return object && {kind, owner: object.owner, acl: object.acl};
}

function builtinFamily(
  catalog: 'pg_language' | 'pg_tablespace',
  kind: AclTarget['kind'],
  privileges: readonly string[],
  what: string,
): Family {
  return {
    privileges,
    resolve: (context, name) => {
      const rows = context.snapshot.builtin.data.table(catalog);
      const index = rows.byName(name)[0];
      if (index !== undefined) return rows.row(index)[0] as Oid;
      throw new PgError(SqlState.undefinedObject, `${what} "${name}" does not exist`);
    },
    target: (context, object) => {
      const rows = context.snapshot.builtin.data.table(catalog);
      return rows.byKey(object).length === 0
        ? undefined
        : {kind, owner: RoleOid.postgres, acl: null};
    },
  };
}

/** Objects that do not exist here: names raise, OIDs are unknown. */
function missingFamily(kind: AclTarget['kind'], what: string): Family {
  return {
    privileges: kind === 'F' || kind === 'S' ? ['USAGE'] : [],
    resolve: (_context, name) => {
      throw new PgError(SqlState.undefinedObject, `${what} "${name}" does not exist`);
    },
    target: () => undefined,
  };
}

/** Reads `SELECT, INSERT WITH GRANT OPTION`. */
function parsePrivileges(text: string, allowed: readonly string[]): readonly Wanted[] {
  return text.split(',').map(part => {
    const word = part.trim().toUpperCase();
    const withGrantOption = word.endsWith(' WITH GRANT OPTION');
    const name = withGrantOption ? word.slice(0, -' WITH GRANT OPTION'.length).trim() : word;
    if (!allowed.includes(name)) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `unrecognized privilege type: "${part.trim()}"`,
      );
    }
    return {letter: privilegeLetters[name] ?? '', withGrantOption};
  });
}

/** The role of a name or OID argument; `public` is 0; an unknown OID is a role without privileges. */
function roleArg(context: InfoContext, value: Datum): Oid {
  if (typeof value === 'number') return oid(value);
  const name = value as string;
  const found = context.snapshot.roleByName(name);
  if (found !== undefined) return found.oid;
  if (name === 'public') return oid(0);
  throw new PgError(SqlState.undefinedObject, `role "${name}" does not exist`);
}

function holds(context: InfoContext, role: Oid, target: AclTarget, wanted: Wanted): boolean {
  if (wanted.letter === '') return false;
  return wanted.withGrantOption
    ? hasGrantOption(context.snapshot, role, target, wanted.letter)
    : hasPrivileges(context.snapshot, role, target, wanted.letter);
}

/** has_*_privilege([role,] object, privileges): any of them suffices. */
function privilegeFunction(family: Family, isAnyColumn: boolean): InfoFunction {
  return (context, args) => {
    const hasRole = args.length === 3;
    const role = hasRole ? roleArg(context, args[0] ?? null) : context.currentRole;
    const object = args[hasRole ? 1 : 0] ?? null;
    const wanted = parsePrivileges(args[hasRole ? 2 : 1] as string, family.privileges);
    const key =
      typeof object === 'string' ? family.resolve(context, object) : oid(object as number);
    const target = family.target(context, key);
    if (target === undefined) return null;
    if (wanted.some(each => holds(context, role, target, each))) return true;
    return isAnyColumn && wanted.some(each => holdsOnColumn(context, role, key, target, each));
  };
}

function holdsOnColumn(
  context: InfoContext,
  role: Oid,
  relation: Oid,
  target: AclTarget,
  wanted: Wanted,
): boolean {
  const found = context.snapshot.tableByOid(relation);
  return (found?.columns ?? []).some(
    column =>
      column.acl !== null &&
      holds(context, role, {kind: 'c', owner: target.owner, acl: column.acl}, wanted),
  );
}

/** has_column_privilege([role,] table, column, privileges). */
const hasColumnPrivilege: InfoFunction = (context, args) => {
  const hasRole = args.length === 4;
  const role = hasRole ? roleArg(context, args[0] ?? null) : context.currentRole;
  const from = hasRole ? 1 : 0;
  const tableArg = args[from] ?? null;
  const key =
    typeof tableArg === 'string' ? table.resolve(context, tableArg) : oid(tableArg as number);
  const wanted = parsePrivileges(args[from + 2] as string, columnPrivileges);
  const relation = context.snapshot.relationByOid(key);
  const target = relationTarget(context.snapshot, key);
  if (relation === undefined || target === undefined || !('columns' in relation)) return null;
  const columnArg = args[from + 1];
  const column = relation.columns.find(each =>
    typeof columnArg === 'string'
      ? each.name === columnArg && !each.isDropped
      : each.attnum === columnArg,
  );
  if (column === undefined || column.isDropped) {
    if (typeof columnArg !== 'string') return null;
    const text = `column "${columnArg}" of relation "${relation.name}" does not exist`;
    throw new PgError(SqlState.undefinedColumn, text);
  }
  const ofColumn: AclTarget = {kind: 'c', owner: target.owner, acl: column.acl ?? []};
  return wanted.some(
    each => holds(context, role, target, each) || holds(context, role, ofColumn, each),
  );
};

/** pg_has_role([member,] role, privileges): USAGE inherits, MEMBER may SET ROLE. */
const pgHasRole: InfoFunction = (context, args) => {
  const hasMember = args.length === 3;
  const member = hasMember ? roleArg(context, args[0] ?? null) : context.currentRole;
  const role = roleArg(context, args[hasMember ? 1 : 0] ?? null);
  const {snapshot} = context;
  return (args[hasMember ? 2 : 1] as string).split(',').some(part => {
    const word = part.trim().toUpperCase();
    const isAdmin = / WITH (GRANT|ADMIN) OPTION$/.test(word);
    const name = word.replace(/ WITH (GRANT|ADMIN) OPTION$/, '');
    if (name !== 'USAGE' && name !== 'MEMBER') {
      const text = `unrecognized privilege type: "${part.trim()}"`;
      throw new PgError(SqlState.invalidParameterValue, text);
    }
    if (isSuperuser(member, snapshot)) return true;
    if (isAdmin) return isAdminOf(context, member, role);
    const roles =
      name === 'USAGE' ? rolesWithPrivilegesOf(member, snapshot) : rolesOfMember(member, snapshot);
    return roles.has(role);
  });
};

function isAdminOf(context: InfoContext, member: Oid, role: Oid): boolean {
  for (const each of rolesOfMember(member, context.snapshot)) {
    const memberships = context.snapshot.roleByOid(each)?.memberOf ?? [];
    if (memberships.some(membership => membership.role === role && membership.withAdmin))
      return true;
  }
  return false;
}

/** has_parameter_privilege: a superuser may, others as GRANT ON PARAMETER says, which does not exist here. */
const hasParameterPrivilege: InfoFunction = (context, args) => {
  const hasRole = args.length === 3;
  const role = hasRole ? roleArg(context, args[0] ?? null) : context.currentRole;
  parsePrivileges(args[hasRole ? 2 : 1] as string, ['SET', 'ALTER SYSTEM']);
  return isSuperuser(role, context.snapshot);
};

/** The has_* function behind a prosrc such as `has_table_privilege_name_id`; undefined when it is none. */
export function privilegeFunctionOf(source: string): InfoFunction | undefined {
  if (source.startsWith('pg_has_role')) return pgHasRole;
  const name = /^has_(\w+?)_privilege(?:_|$)/.exec(source)?.[1];
  if (name === undefined) return undefined;
  if (name === 'column') return hasColumnPrivilege;
  if (name === 'parameter') return hasParameterPrivilege;
  const family = families[name];
  return family && privilegeFunction(family, name === 'any_column');
}
