import {quoteLiteral} from '../catalog/quote.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Job} from '../jobs/job-table.ts';
import {PgArray} from '../types/array-value.ts';
import {checkMaintainer, startBackup, startFsck} from './commands/backup.ts';
import {startTableCheck, tableNamed} from './commands/table-check.ts';
import {ownerOf, startDeletion, startExport} from './commands/user-data.ts';
import type {SessionContext} from './session-context.ts';

/** prosrc of the functions of operators. */
export const ADMIN_FUNCTIONS: readonly string[] = [
  'system.backup',
  'system.fsck',
  'system.archive',
  'system.export_user_data',
  'system.delete_user_data',
  'system.import_user_data',
  'system.check_table',
];

/** Answers a function of operators; undefined when the prosrc is not one. */
export function adminCall(
  session: SessionContext,
  source: string,
  [first, second]: readonly unknown[],
): unknown {
  switch (source) {
    case 'system.backup':
      return jobId(session, startBackup(session, first as string).job);
    case 'system.fsck':
      return fsck(session);
    case 'system.archive':
      return archive(session);
    case 'system.export_user_data':
      return jobId(session, startExport(session, first as string | null, null).job);
    case 'system.delete_user_data':
      return jobId(session, startDeletion(session, first as string).job);
    case 'system.import_user_data':
      return importBeside(session, first as string | null, second as string | null);
    case 'system.check_table':
      return checkNamed(session, first as string);
    default:
      return undefined;
  }
}

async function fsck(session: SessionContext): Promise<PgArray> {
  const {job, result} = startFsck(session);
  await jobId(session, job);
  return PgArray.of([...result()]);
}

/** An import inserts rows as a session does: one beside this, whose transaction waits for nothing of the statement. */
async function importBeside(
  session: SessionContext,
  path: string | null,
  user: string | null,
): Promise<bigint | null> {
  if (path === null) return null;
  session.assertWritable('system.import_user_data()');
  const {name} = ownerOf(session, user);
  const beside = session.engine.openBeside(session);
  const sleeping = {isOver: false, cancel: () => beside.cancel()};
  session.sleeping = sleeping;
  try {
    const {rows} = await beside.query(
      `IMPORT USER DATA FROM ${quoteLiteral(path)} FOR ${quoteLiteral(name)}`,
    );
    return rows[0]![0] as bigint;
  } finally {
    if (session.sleeping === sleeping) session.sleeping = null;
    await beside.close();
  }
}

async function checkNamed(session: SessionContext, name: string): Promise<PgArray> {
  const {job, result} = startTableCheck(session, tableNamed(session, name));
  await jobId(session, job);
  return PgArray.of([...result()]);
}

async function archive(session: SessionContext): Promise<bigint> {
  checkMaintainer(session, 'system.archive()');
  const {archive: keeper} = session.engine;
  if (keeper === null)
    throw new PgError(
      SqlState.objectNotInPrerequisiteState,
      'this server keeps no archive of the change log',
      {hint: 'Start it with --archive-dir.'},
    );
  return BigInt((await keeper.run()).seq);
}

/** Waits for a job that the statement started; a cancelled statement cancels it. */
async function jobId(session: SessionContext, job: Job): Promise<bigint> {
  const sleeping = {isOver: false, cancel: () => void session.engine.jobs.cancel(job.id)};
  session.sleeping = sleeping;
  await job.ended;
  if (session.sleeping === sleeping) session.sleeping = null;
  job.outcome();
  return BigInt(job.id);
}
