import type {TableDescriptor} from '../catalog/descriptors.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {ADMIN_FUNCTIONS, adminCall} from './admin-functions.ts';
import {findJob, startJob} from './commands/job.ts';
import {assertFlushable, flushOwner} from './commands/storage.ts';
import {tableNamed} from './commands/table-check.ts';
import {checkOwner} from './privileges.ts';
import type {SessionContext} from './session-context.ts';

/** prosrc of the functions about jobs. */
export const JOB_FUNCTIONS: ReadonlySet<string> = new Set([
  'system.flush',
  'system.compact',
  'system.cancel_job',
  ...ADMIN_FUNCTIONS,
]);

/** Answers a function about jobs; undefined when the prosrc is not one. A promise is awaited by the caller's operator. */
export function jobCall(
  session: SessionContext,
  source: string,
  args: readonly unknown[],
): unknown {
  const [first] = args;
  switch (source) {
    case 'system.flush':
      return runNamed(session, 'flush', first as string);
    case 'system.compact':
      return runNamed(session, 'compact', first as string);
    case 'system.cancel_job':
      return cancelJob(session, first as bigint);
    default:
      return adminCall(session, source, args);
  }
}

/** Runs a job on the table of that name to its end; its id. */
async function runNamed(
  session: SessionContext,
  type: 'flush' | 'compact',
  name: string,
): Promise<bigint> {
  session.assertWritable(`system.${type}()`);
  const table = flushableTable(session, name);
  const {catalog} = session.transaction;
  if (type === 'compact') checkOwner(catalog, session.currentRole, table, 'table');
  const owner = type === 'flush' ? flushOwner(session, table, false)! : null;
  const job = startJob(session, type, table, owner);
  // The operator waits for this promise; when its statement fails meanwhile, the session cancels what sleeps.
  const sleeping = {isOver: false, cancel: () => void session.engine.jobs.cancel(job.id)};
  session.sleeping = sleeping;
  await job.ended;
  if (session.sleeping === sleeping) session.sleeping = null;
  job.outcome();
  return BigInt(job.id);
}

/** The table of a name; it must be committed and not locked by this very transaction. */
function flushableTable(session: SessionContext, text: string): TableDescriptor {
  const table = tableNamed(session, text);
  assertFlushable(table);
  const isLocked = session.engine.storage
    .locks()
    .some(
      lock =>
        lock.pid === session.pid &&
        lock.relation === table.oid &&
        lock.granted &&
        STRONG_MODES.has(lock.mode),
    );
  if (isLocked) {
    throw new PgError(
      SqlState.objectInUse,
      `table "${table.name}" is locked by this transaction, which the job would wait for`,
    );
  }
  return table;
}

/** Modes that exclude the lock of flush and compaction. */
const STRONG_MODES: ReadonlySet<string> = new Set([
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
]);

/** Whether a job was asked to stop: false when there is none of that id that has not ended. */
function cancelJob(session: SessionContext, id: bigint): boolean {
  const job = id > 0n && id < 1n << 53n ? findJob(session, Number(id)) : undefined;
  return job !== undefined && session.engine.jobs.cancel(job.id);
}
