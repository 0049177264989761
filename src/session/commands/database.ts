import type {
  AlterDatabaseSetStmt,
  AlterDatabaseStmt,
  CreatedbStmt,
  DefElem,
  DropdbStmt,
} from '@pgsql/types';
import {isAuditTable} from '../../catalog/audit-table.ts';
import {ownsObject, rolesOfMember} from '../../catalog/acl.ts';
import type {CatalogSnapshot} from '../../catalog/contract.ts';
import {descriptorKey, descriptorToJson} from '../../catalog/descriptor-json.ts';
import type {DatabaseDescriptor, Descriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {DdlEffect} from '../../storage/contract.ts';
import {checkOwner} from '../privileges.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {booleanOption, constantText, defElems} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {ddlExecution, deletion, errorAt, newOid, notice, puts} from './ddl.ts';
import {roleNamed} from './object-names.ts';
import {changedSettings} from './role.ts';

/** Kinds of objects that belong to one database. */
const OWN_KINDS: readonly Descriptor['kind'][] = [
  'schema',
  'table',
  'index',
  'constraint',
  'view',
  'sequence',
  'type',
  'function',
  'cast',
  'liveQuery',
  'policy',
  'defaultAcl',
];

/** What the options of CREATE or ALTER DATABASE ask for. */
interface DatabaseOptions {
  owner?: Oid;
  template?: string;
  attributes: Partial<
    Pick<DatabaseDescriptor, 'allowConnections' | 'connectionLimit' | 'isTemplate'>
  >;
}

/** CREATE DATABASE: a copy of its template's schemas, types, functions and views. */
export function createDatabaseCommand({
  session,
  node,
  statement,
}: CommandInput<CreatedbStmt>): Execution {
  return ddlExecution(session, 'CREATE DATABASE', async () => {
    assertAlone(session, 'CREATE DATABASE');
    const name = node.dbname ?? '';
    const options = readOptions(session, node.options, statement);
    const owner = options.owner ?? session.currentRole;
    checkMayCreate(session, owner);
    const {catalog} = session.transaction;
    const templateName = options.template ?? 'template1';
    const template = catalog.databaseByName(templateName);
    if (template === undefined)
      throw new PgError(
        SqlState.invalidCatalogName,
        `template database "${templateName}" does not exist`,
      );
    if (!template.isTemplate && !ownsObject(session.currentRole, template.owner, catalog)) {
      throw new PgError(
        SqlState.insufficientPrivilege,
        `permission denied to copy database "${templateName}"`,
      );
    }
    if (catalog.databaseByName(name) !== undefined)
      throw new PgError(SqlState.duplicateDatabase, `database "${name}" already exists`);
    assertUnused(session, template, 'source');
    const database: DatabaseDescriptor = {
      kind: 'database',
      oid: newOid(session),
      name,
      owner,
      acl: null,
      comment: null,
      allowConnections: true,
      connectionLimit: -1,
      isTemplate: false,
      ...options.attributes,
    };
    session.transaction.ddl(puts(database), copyOf(session, template, database.oid));
  });
}

function copyOf(session: SessionContext, template: DatabaseDescriptor, into: Oid): DdlEffect[] {
  const source = session.engine.catalog(template.oid);
  const own = ownObjects(source).filter(each => !isAuditTable(each));
  return own.map(descriptor => {
    if (descriptor.kind === 'table' || descriptor.kind === 'sequence') {
      throw featureNotSupported(
        `database "${template.name}" cannot be a template: it has tables or sequences`,
      );
    }
    return {
      kind: 'catalog',
      key: descriptorKey(into, descriptor.kind, descriptor.oid),
      json: descriptorToJson(descriptor, source),
    };
  });
}

/** Everything that belongs to a database, in the order in which it may be made. */
function ownObjects(catalog: CatalogSnapshot): Descriptor[] {
  return OWN_KINDS.flatMap(kind => [...catalog.list(kind)]);
}

function checkMayCreate(session: SessionContext, owner: Oid): void {
  if (session.isSuperuser) return;
  const {catalog} = session.transaction;
  if (catalog.roleByOid(session.currentRole)?.canCreateDb !== true) {
    throw new PgError(SqlState.insufficientPrivilege, 'permission denied to create database');
  }
  if (rolesOfMember(session.currentRole, catalog).has(owner)) return;
  throw new PgError(
    SqlState.insufficientPrivilege,
    `must be member of role "${catalog.roleByOid(owner)?.name}"`,
  );
}

function readOptions(
  session: SessionContext,
  nodes: CreatedbStmt['options'],
  statement: ParsedStatement,
): DatabaseOptions {
  const options: DatabaseOptions = {attributes: {}};
  const seen = new Set<string>();
  for (const option of defElems(nodes)) {
    const name = option.defname ?? '';
    if (seen.has(name))
      throw errorAt(
        statement.text,
        option.location,
        SqlState.syntaxError,
        'conflicting or redundant options',
      );
    seen.add(name);
    readOption(session, option, options, statement);
  }
  return options;
}

function readOption(
  session: SessionContext,
  option: DefElem,
  options: DatabaseOptions,
  statement: ParsedStatement,
): void {
  const text = option.arg === undefined ? null : constantText(option.arg);
  switch (option.defname) {
    case 'owner':
      if (text !== null)
        options.owner = roleNamed(session, {rolename: text, roletype: 'ROLESPEC_CSTRING'}).oid;
      return;
    case 'template':
      if (text !== null) options.template = text;
      return;
    case 'allow_connections':
      options.attributes = {...options.attributes, allowConnections: booleanOption(option)};
      return;
    case 'is_template':
      options.attributes = {...options.attributes, isTemplate: booleanOption(option)};
      return;
    case 'connection_limit':
      options.attributes = {...options.attributes, connectionLimit: limitOf(text ?? '-1')};
      return;
    case 'encoding':
      if (text !== null && !/^(utf-?8|unicode|6)$/i.test(text))
        throw featureNotSupported(`encoding "${text}" is not supported`);
      return;
    case 'lc_collate':
    case 'lc_ctype':
    case 'locale':
      if (text !== null && !/^(c|posix|c\.utf-?8)$/i.test(text))
        throw featureNotSupported(`locale "${text}" is not supported`);
      return;
    case 'tablespace':
      if (text === null || text === 'pg_default') return;
      throw new PgError(SqlState.undefinedObject, `tablespace "${text}" does not exist`);
    case 'locale_provider':
      if (text === 'libc') return;
      throw featureNotSupported(`locale provider "${text}" is not supported`);
    case 'strategy':
      return;
    default:
      throw errorAt(
        statement.text,
        option.location,
        SqlState.syntaxError,
        `option "${option.defname}" not recognized`,
      );
  }
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= -1) return limit;
  throw new PgError(SqlState.invalidParameterValue, `invalid connection limit: ${text}`);
}

/** DROP DATABASE [IF EXISTS] name [WITH (FORCE)]. */
export function dropDatabaseCommand({
  session,
  node,
  statement,
}: CommandInput<DropdbStmt>): Execution {
  return ddlExecution(session, 'DROP DATABASE', async () => {
    assertAlone(session, 'DROP DATABASE');
    const name = node.dbname ?? '';
    const isForced = forced(node, statement);
    const {catalog} = session.transaction;
    const database = catalog.databaseByName(name);
    if (database === undefined) {
      if (node.missing_ok !== true)
        throw new PgError(SqlState.invalidCatalogName, `database "${name}" does not exist`);
      notice(session, `database "${name}" does not exist, skipping`);
      return;
    }
    checkDroppable(session, database);
    if (isForced) await endSessions(session, database);
    assertUnused(session, database, 'target');
    session.transaction.ddl([deletion(database)], removalOf(session, database.oid));
  });
}

function forced(node: DropdbStmt, statement: ParsedStatement): boolean {
  for (const option of defElems(node.options)) {
    if (option.defname === 'force') return true;
    throw errorAt(
      statement.text,
      option.location,
      SqlState.syntaxError,
      `unrecognized DROP DATABASE option "${option.defname}"`,
    );
  }
  return false;
}

function checkDroppable(session: SessionContext, database: DatabaseDescriptor): void {
  if (!ownsObject(session.currentRole, database.owner, session.transaction.catalog)) {
    throw new PgError(SqlState.insufficientPrivilege, `must be owner of database ${database.name}`);
  }
  if (database.isTemplate)
    throw new PgError(SqlState.wrongObjectType, 'cannot drop a template database');
  if (database.oid !== session.database.oid) return;
  throw new PgError(SqlState.objectInUse, 'cannot drop the currently open database');
}

function removalOf(session: SessionContext, database: Oid): DdlEffect[] {
  const {engine} = session;
  const catalog = engine.catalog(database);
  return ownObjects(catalog).flatMap((descriptor): DdlEffect[] => {
    const record: DdlEffect = {
      kind: 'catalog',
      key: descriptorKey(database, descriptor.kind, descriptor.oid),
      json: null,
    };
    if (descriptor.kind === 'table')
      return [record, {kind: 'dropTable', table: engine.storages.of(catalog, descriptor)}];
    if (descriptor.kind === 'sequence')
      return [record, {kind: 'dropSequence', oid: descriptor.oid}];
    return [record];
  });
}

function sessionsIn(session: SessionContext, database: DatabaseDescriptor): SessionContext[] {
  return [...session.engine.sessions.values()].filter(
    other => other !== session && other.database.oid === database.oid,
  );
}

/** WITH (FORCE): other sessions end; waits until they have. */
async function endSessions(session: SessionContext, database: DatabaseDescriptor): Promise<void> {
  const error = new PgError(
    SqlState.adminShutdown,
    'terminating connection due to administrator command',
    {severity: 'FATAL'},
  );
  for (const other of sessionsIn(session, database)) other.terminate(error);
  const deadline = Date.now() + 5000;
  while (sessionsIn(session, database).length > 0 && Date.now() < deadline)
    await session.wait(null);
}

function assertUnused(
  session: SessionContext,
  database: DatabaseDescriptor,
  role: 'source' | 'target',
): void {
  const count = sessionsIn(session, database).length;
  if (count === 0) return;
  const message = `${role === 'source' ? 'source ' : ''}database "${database.name}" is being accessed by other users`;
  const detail =
    count === 1
      ? 'There is 1 other session using the database.'
      : `There are ${count} other sessions using the database.`;
  throw new PgError(SqlState.objectInUse, message, {detail});
}

/** The database that an ALTER names: 3D000 when there is none, 42501 for who does not own it. */
function ownedDatabase(session: SessionContext, name: string): DatabaseDescriptor {
  const {catalog} = session.transaction;
  const database = catalog.databaseByName(name);
  if (database === undefined)
    throw new PgError(SqlState.invalidCatalogName, `database "${name}" does not exist`);
  checkOwner(catalog, session.currentRole, database, 'database');
  return database;
}

/** ALTER DATABASE name WITH options. */
export function alterDatabaseCommand({
  session,
  node,
  statement,
}: CommandInput<AlterDatabaseStmt>): Execution {
  return ddlExecution(session, 'ALTER DATABASE', async () => {
    const database = ownedDatabase(session, node.dbname ?? '');
    const {attributes} = readOptions(session, node.options, statement);
    session.transaction.ddl(puts({...database, ...attributes}), []);
  });
}

/** ALTER DATABASE name SET | RESET: what sessions of the database begin with. */
export function alterDatabaseSetCommand({
  session,
  node,
}: CommandInput<AlterDatabaseSetStmt>): Execution {
  return ddlExecution(session, 'ALTER DATABASE', async () => {
    const database = ownedDatabase(session, node.dbname ?? '');
    const settings = changedSettings(session, database.settings ?? [], node.setstmt ?? {});
    session.transaction.ddl(puts({...database, settings}), []);
  });
}

/** 25001 inside a transaction block or among other statements of one query string. */
function assertAlone(session: SessionContext, what: string): void {
  if (!session.transaction.isInBlock && !session.isInMultiStatement) return;
  throw new PgError(SqlState.activeSqlTransaction, `${what} cannot run inside a transaction block`);
}
