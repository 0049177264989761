import {rolesWithPrivilegesOf} from '../../catalog/acl.ts';
import type {StorageDescriptor} from '../../catalog/descriptors.ts';
import {RoleOid} from '../../catalog/well-known.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {CustomStatement} from '../../sql/contract.ts';
import {probe} from '../../storage/objects/probe.ts';
import {
  checkDefinition,
  isInside,
  LOCAL_STORAGE,
  PLACE_OPTIONS,
} from '../../storage/objects/storage-definition.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {change, ddlExecution, deletion, lockTable, newOid, notice, puts} from './ddl.ts';
import {readStorageOptions} from './storage-options.ts';

type Of<K> = Extract<CustomStatement, {readonly kind: K}>;

/** CREATE STORAGE. */
export function createStorageCommand(
  session: SessionContext,
  node: Of<'createStorage'>,
): Execution {
  return ddlExecution(session, 'CREATE STORAGE', async () => {
    const types = node.options.filter(([name]) => name === 'type');
    if (types.length !== 1)
      throw new PgError(SqlState.syntaxError, 'CREATE STORAGE needs TYPE once');
    const options = node.options.filter(([name]) => name !== 'type');
    await createStorage(session, {...node, type: types[0]![1], options});
  });
}

/** ALTER STORAGE name SET ... */
export function alterStorageCommand(session: SessionContext, node: Of<'alterStorage'>): Execution {
  return ddlExecution(session, 'ALTER STORAGE', () =>
    alterStorage(session, node.name, node.options),
  );
}

/** DROP STORAGE. */
export function dropStorageCommand(session: SessionContext, node: Of<'dropStorage'>): Execution {
  return ddlExecution(session, 'DROP STORAGE', async () => {
    await dropStorage(session, node.name, node.ifExists);
  });
}

/** Makes a storage after it was tried: one that cannot be written, or that overwrites, is refused. */
export async function createStorage(
  session: SessionContext,
  wanted: {
    readonly name: string;
    readonly type: string;
    readonly ifNotExists: boolean;
    readonly options: Iterable<readonly [string, string]>;
  },
): Promise<void> {
  checkMayManage(session, 'create storage');
  const {name} = wanted;
  const type = typeOf(wanted.type);
  if (name === '' || Buffer.byteLength(name) > 63)
    throw new PgError(SqlState.invalidName, `invalid name of a storage: "${name}"`);
  if (name === LOCAL_STORAGE || session.transaction.catalog.storageByName(name) !== undefined) {
    const message = `storage "${name}" already exists`;
    if (!wanted.ifNotExists) throw new PgError(SqlState.duplicateObject, message);
    notice(session, `${message}, skipping`, {}, SqlState.duplicateObject);
    return;
  }
  const {options, description} = readStorageOptions(type, wanted.options);
  const storage: StorageDescriptor = {
    kind: 'storage',
    oid: newOid(session),
    name,
    owner: session.currentRole,
    acl: null,
    comment: description ?? null,
    type,
    options: checkDefinition(type, options, session.engine.definitionContext),
  };
  checkApart(session, storage);
  const {tx} = session.transaction;
  await tryStorage(session, storage);
  assertStill(session, tx);
  change(session, puts(storage));
}

/** Changes options of a storage; where its files lie only while there are none and no table uses it. */
export async function alterStorage(
  session: SessionContext,
  name: string,
  given: Iterable<readonly [string, string]>,
): Promise<void> {
  checkMayManage(session, 'alter storage');
  const {tx} = session.transaction;
  await lockTable(session, storageNamed(session, name), 'shareUpdateExclusive');
  const old = storageNamed(session, name);
  const {options, description} = readStorageOptions(old.type, given);
  const merged = checkDefinition(
    old.type,
    {...old.options, ...options},
    session.engine.definitionContext,
  );
  const storage = {...old, options: merged, comment: description ?? old.comment};
  if (PLACE_OPTIONS.some(option => merged[option] !== old.options[option]))
    await checkUnused(session, old, 'moved');
  checkApart(session, storage);
  await tryStorage(session, storage);
  assertStill(session, tx);
  change(session, puts(storage));
}

/** Drops a storage that no table uses and that holds no file; false when there is none and that is fine. */
export async function dropStorage(
  session: SessionContext,
  name: string,
  ifExists: boolean,
): Promise<boolean> {
  checkMayManage(session, 'drop storage');
  if (name === LOCAL_STORAGE)
    throw new PgError(
      SqlState.dependentObjectsStillExist,
      `cannot drop storage "${name}" because it is required by the database system`,
    );
  if (ifExists && session.transaction.catalog.storageByName(name) === undefined) {
    notice(session, `storage "${name}" does not exist, skipping`);
    return false;
  }
  const {tx} = session.transaction;
  await lockTable(session, storageNamed(session, name), 'accessExclusive');
  const storage = storageNamed(session, name);
  await checkUnused(session, storage, 'dropped');
  assertStill(session, tx);
  change(session, [deletion(storage)]);
  return true;
}

/** A function call can outlive its statement: what it then finds out must not change the next one's transaction. */
function assertStill(session: SessionContext, tx: SessionContext['transaction']['tx']): void {
  if (session.transaction.tx !== tx)
    throw new PgError(SqlState.queryCanceled, 'canceling statement due to user request');
}

/** A storage of the catalog; 42704 when there is none. */
export function storageNamed(session: SessionContext, name: string): StorageDescriptor {
  const found = session.transaction.catalog.storageByName(name);
  if (found !== undefined) return found;
  throw new PgError(SqlState.undefinedObject, `storage "${name}" does not exist`);
}

/** Storages are the business of superusers and of members of wadi_dba. */
export function checkMayManage(session: SessionContext, what: string): void {
  if (session.isSuperuser) return;
  const {catalog} = session.transaction;
  if (rolesWithPrivilegesOf(session.currentRole, catalog).has(RoleOid.dba)) return;
  throw new PgError(SqlState.insufficientPrivilege, `permission denied to ${what}`, {
    hint: 'Must be superuser or a member of wadi_dba.',
  });
}

function typeOf(text: string): 'fs' | 's3' {
  const type = text.toLowerCase();
  if (type === 'filesystem' || type === 'fs') return 'fs';
  if (type === 's3') return 's3';
  if (type === 'gcs' || type === 'azure')
    throw featureNotSupported(`storages of type "${type}" are not supported`);
  throw new PgError(SqlState.invalidParameterValue, `invalid type of a storage: "${text}"`, {
    hint: 'Valid types are "filesystem" and "s3".',
  });
}

async function tryStorage(session: SessionContext, storage: StorageDescriptor): Promise<void> {
  const run = async (): Promise<void> => {
    const store = await session.engine.objectStores.open(storage);
    try {
      const {error} = await probe(store);
      if (error !== null) throw error;
    } finally {
      await store.close();
    }
  };
  try {
    await session.wait(run());
  } catch (error) {
    if (!(error instanceof PgError) || error.code === SqlState.queryCanceled) throw error;
    throw new PgError(error.code, `storage "${storage.name}" cannot be used: ${error.message}`, {
      ...error.fields,
      cause: error,
    });
  }
}

/** Each directory belongs to one storage: a path must tell whose segment it is. */
function checkApart(session: SessionContext, storage: StorageDescriptor): void {
  const directory = storage.options['base_directory'];
  if (directory === undefined) return;
  for (const other of session.transaction.catalog.storages()) {
    const taken = other.options['base_directory'];
    if (taken === undefined || other.oid === storage.oid) continue;
    if (!isInside(directory, taken) && !isInside(taken, directory)) continue;
    throw new PgError(
      SqlState.invalidObjectDefinition,
      `directory "${directory}" overlaps with that of storage "${other.name}"`,
    );
  }
}

async function checkUnused(
  session: SessionContext,
  storage: StorageDescriptor,
  what: 'moved' | 'dropped',
): Promise<void> {
  const {engine, transaction} = session;
  const tables: string[] = [];
  for (const database of transaction.catalog.list('database')) {
    const catalog =
      database.oid === session.database.oid ? transaction.catalog : engine.catalog(database.oid);
    for (const table of catalog.tables())
      if (table.options['storage'] === storage.name) tables.push(table.name);
  }
  if (tables.length > 0) {
    throw new PgError(
      SqlState.dependentObjectsStillExist,
      `storage "${storage.name}" cannot be ${what} because tables use it`,
      {
        detail: `Tables: ${tables.slice(0, 10).join(', ')}${tables.length > 10 ? ', ...' : ''}`,
        hint: "Use ALTER TABLE ... SET (storage = 'local') to move a table.",
      },
    );
  }
  const files = await engine.storage.filesIn(storage);
  if (files === 0) return;
  throw new PgError(
    SqlState.objectInUse,
    `storage "${storage.name}" cannot be ${what} because it holds ${files} ${files === 1 ? 'file' : 'files'}`,
    {hint: 'Files of moved and dropped tables are removed when nobody reads them any more.'},
  );
}
