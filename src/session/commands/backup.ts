import {featureNotSupported, PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Job, JobType, JobWork} from '../../jobs/job-table.ts';
import type {BackupInfo} from '../../storage/backup/contract.ts';
import {checkKeys} from '../../storage/backup/check-keys.ts';
import type {Datum} from '../../types/contract.ts';
import {CommandExecution, type Execution, RowsExecution} from '../execution.ts';
import {isMaintainer} from '../run-context.ts';
import {computedShape} from '../result-shape.ts';
import type {SessionContext} from '../session-context.ts';

/** A job that runs, and what it made once it has ended well. */
export interface Started<T> {
  readonly job: Job;
  result(): T;
}

/** Starts a job that is not about one table. */
export function startWork<T>(
  session: SessionContext,
  type: JobType,
  work: (...control: Parameters<JobWork>) => Promise<{readonly message: string; readonly value: T}>,
): Started<T> {
  let made: {readonly value: T} | null = null;
  const job = session.engine.jobs.start({
    type,
    table: null,
    owner: null,
    createdBy: session.currentUser,
    work: async control => {
      const {message, value} = await work(control);
      made = {value};
      return message;
    },
  });
  return {
    job,
    result: () => {
      job.outcome();
      return (made as {readonly value: T} | null)!.value;
    },
  };
}

/**
 * Waits for a job on behalf of a statement; a cancelled statement cancels it. `inSession`: the job works in the statement's
 * transaction, which must not end before it.
 */
export async function finishWork<T>(
  session: SessionContext,
  {job, result}: Started<T>,
  place: 'apart' | 'inSession' = 'apart',
): Promise<T> {
  try {
    await session.wait(job.ended);
  } catch (error) {
    session.engine.jobs.cancel(job.id);
    if (place === 'inSession') await job.ended;
    throw error;
  }
  return result();
}

/** A result of one row. */
export function oneRow(
  session: SessionContext,
  columns: readonly (readonly [name: string, type: 'text' | 'int8'])[],
  load: () => Promise<readonly Datum[]>,
  tag: string,
): Execution {
  const {catalog} = session.transaction;
  const types = {text: catalog.typeByOid(oid(25))!, int8: catalog.typeByOid(oid(20))!};
  const shape = computedShape(columns.map(([name, type]) => [name, types[type]] as const));
  return new RowsExecution(shape, async () => [await load()], tag);
}

/** BACKUP DATABASE TO 'path'. */
export function backupCommand(session: SessionContext, path: string): Execution {
  const columns = [
    ['job_id', 'int8'],
    ['path', 'text'],
    ['seq', 'int8'],
    ['segments', 'int8'],
    ['bytes', 'int8'],
  ] as const;
  const load = async (): Promise<readonly Datum[]> => {
    assertOutsideBlock(session, 'BACKUP DATABASE');
    const started = startBackup(session, path);
    const info = await finishWork(session, started);
    return [
      BigInt(started.job.id),
      path,
      BigInt(info.seq),
      BigInt(info.segments.length),
      BigInt(bytesOf(info)),
    ];
  };
  return oneRow(session, columns, load, 'BACKUP DATABASE');
}

/** RESTORE DATABASE: a running server cannot give up what it serves. */
export function restoreCommand(): Execution {
  return new CommandExecution(() => {
    throw featureNotSupported('a running server cannot be restored', {
      hint: 'Stop the server and use "wadi restore --from BACKUP --data-dir DIRECTORY".',
    });
  });
}

/** Starts a backup of the data directory. */
export function startBackup(session: SessionContext, path: string): Started<BackupInfo> {
  checkMaintainer(session, 'BACKUP DATABASE');
  const {admin} = session.engine.storage;
  return startWork(session, 'backup', async control => {
    const info = await admin.backup(path, control);
    const message = `seq ${info.seq}, ${info.segments.length} segments, ${bytesOf(info)} bytes in "${path}"`;
    return {message, value: info};
  });
}

/** Starts a check of everything that is stored. */
export function startFsck(session: SessionContext): Started<readonly string[]> {
  checkMaintainer(session, 'system.fsck()');
  const {storage, jobs} = session.engine;
  return startWork(session, 'fsck', async control => {
    const findings = [...(await storage.admin.check(control))];
    for (const table of jobs.tables()) {
      control.signal.throwIfAborted();
      findings.push(...(await checkKeys(storage, table)));
    }
    const message = findings.length === 0 ? 'no finding' : `${findings.length} findings`;
    return {message, value: findings};
  });
}

/** 42501 for whoever is no superuser and no member of wadi_dba. */
export function checkMaintainer(session: SessionContext, what: string): void {
  if (isMaintainer(session.transaction.catalog, session.currentRole)) return;
  throw new PgError(SqlState.insufficientPrivilege, `permission denied for ${what}`, {
    detail: 'Only superusers and members of wadi_dba may do this.',
  });
}

/** 25001 inside a transaction block. */
export function assertOutsideBlock(session: SessionContext, what: string): void {
  if (!session.transaction.isInBlock) return;
  throw new PgError(SqlState.activeSqlTransaction, `${what} cannot run inside a transaction block`);
}

function bytesOf({files, segments}: BackupInfo): number {
  let bytes = 0;
  for (const file of [...files, ...segments]) bytes += file.bytes;
  return bytes;
}
