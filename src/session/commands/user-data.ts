import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {hasServiceRight} from '../run-context.ts';
import type {SessionContext} from '../session-context.ts';
import type {DataOwner} from '../user-data/data-owner.ts';
import {exportUserData, type Exported} from '../user-data/export-user-data.ts';
import {importUserData, type Imported} from '../user-data/import-user-data.ts';
import {deleteUserData, type Deleted} from '../user-data/delete-user-data.ts';
import {
  assertOutsideBlock,
  checkMaintainer,
  finishWork,
  oneRow,
  type Started,
  startWork,
} from './backup.ts';

/** EXPORT USER DATA [FOR user] [TO 'path']. */
export function exportUserDataCommand(
  session: SessionContext,
  user: string | null,
  path: string | null,
): Execution {
  const columns = [
    ['job_id', 'int8'],
    ['path', 'text'],
    ['tables', 'int8'],
    ['rows', 'int8'],
    ['bytes', 'int8'],
  ] as const;
  const load = async () => {
    assertOutsideBlock(session, 'EXPORT USER DATA');
    const started = startExport(session, user, path);
    const {tables, rows, bytes, path: file} = await finishWork(session, started);
    return [BigInt(started.job.id), file, BigInt(tables), BigInt(rows), BigInt(bytes)];
  };
  return oneRow(session, columns, load, 'EXPORT USER DATA');
}

/** IMPORT USER DATA FROM 'path' [FOR user]. */
export function importUserDataCommand(
  session: SessionContext,
  user: string | null,
  path: string,
): Execution {
  const columns = [
    ['job_id', 'int8'],
    ['tables', 'int8'],
    ['rows', 'int8'],
  ] as const;
  const load = async () => {
    assertOutsideBlock(session, 'IMPORT USER DATA');
    const started = startImport(session, user, path);
    const {tables, rows} = await finishWork(session, started, 'inSession');
    return [BigInt(started.job.id), BigInt(tables), BigInt(rows)];
  };
  return oneRow(session, columns, load, 'IMPORT USER DATA');
}

/** DROP USER DATA FOR user. */
export function dropUserDataCommand(session: SessionContext, user: string): Execution {
  const columns = [
    ['job_id', 'int8'],
    ['tables', 'int8'],
    ['rows', 'int8'],
    ['log_parts', 'int8'],
    ['remains', 'text'],
  ] as const;
  const load = async () => {
    assertOutsideBlock(session, 'DROP USER DATA');
    const started = startDeletion(session, user);
    const {tables, rows, logParts, remains} = await finishWork(session, started);
    return [BigInt(started.job.id), BigInt(tables), BigInt(rows), BigInt(logParts), remains];
  };
  return oneRow(session, columns, load, 'DROP USER DATA');
}

/** Starts an export. A path of the caller's choice on the server is for operators. */
export function startExport(
  session: SessionContext,
  user: string | null,
  path: string | null,
): Started<Exported> {
  const owner = ownerOf(session, user);
  if (path !== null) checkMaintainer(session, 'EXPORT USER DATA TO a file of the server');
  assertAlone(session, 'export');
  return startWork(session, 'export', async control => {
    const value = await exportUserData(session, {...owner, path}, control);
    return {message: `${value.rows} rows of "${owner.name}" in "${value.path}"`, value};
  });
}

/** Starts an import. Everybody may read back an own export; other files of the server are for operators. */
export function startImport(
  session: SessionContext,
  user: string | null,
  path: string,
): Started<Imported> {
  const owner = ownerOf(session, user);
  return startWork(session, 'import', async control => {
    const value = await importUserData(session, {...owner, path}, control);
    return {message: `${value.rows} rows of "${owner.name}" in ${value.tables} tables`, value};
  });
}

/** Starts the deletion of all rows of a user. */
export function startDeletion(session: SessionContext, user: string): Started<Deleted> {
  const owner = ownerOf(session, user);
  return startWork(session, 'cleanup', async control => {
    const value = await deleteUserData(session, owner, control);
    return {message: `${value.rows} rows of "${owner.name}" deleted; ${value.remains}`, value};
  });
}

/** Oneself, or anybody with the service right. Rights come before existence. */
export function ownerOf(session: SessionContext, user: string | null): DataOwner {
  const {catalog} = session.transaction;
  const self = catalog.roleByOid(session.effectiveOwner)?.name ?? '';
  if (user === null || user === self) return {owner: session.effectiveOwner, name: self};
  if (!hasServiceRight(catalog, session.currentRole))
    throw new PgError(SqlState.insufficientPrivilege, 'permission denied for data of another user');
  const role = catalog.roleByName(user);
  if (role === undefined)
    throw new PgError(SqlState.undefinedObject, `role "${user}" does not exist`);
  return {owner: role.oid, name: role.name};
}

/** A user runs one export at a time. */
function assertAlone(session: SessionContext, type: 'export'): void {
  const isBusy = session.engine.jobs
    .rows()
    .some(
      job =>
        job.type === type &&
        job.createdBy === session.currentUser &&
        (job.status === 'running' || job.status === 'retrying'),
    );
  if (isBusy)
    throw new PgError(SqlState.objectInUse, 'another export of this user is not over yet');
}
