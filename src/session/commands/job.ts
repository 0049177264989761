import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {OwnerId} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Job} from '../../jobs/job-table.ts';
import type {FlushResult} from '../../storage/contract.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import {hasServiceRight} from '../run-context.ts';
import type {SessionContext} from '../session-context.ts';

/** Starts a flush or compaction as a job. */
export function startJob(
  session: SessionContext,
  type: 'flush' | 'compact',
  table: TableDescriptor,
  owner: OwnerId | null,
): Job {
  const storage = session.engine.storages.of(session.transaction.catalog, table);
  return session.engine.jobs.start({type, table: storage, owner, createdBy: session.currentUser});
}

/** Runs a flush or compaction as a job and waits for its end; a cancelled statement cancels its job. */
export async function runJob(
  session: SessionContext,
  type: 'flush' | 'compact',
  table: TableDescriptor,
  owner: OwnerId | null,
): Promise<FlushResult> {
  const job = startJob(session, type, table, owner);
  try {
    await session.wait(job.ended);
  } catch (error) {
    session.engine.jobs.cancel(job.id);
    throw error;
  }
  return job.outcome();
}

/** KILL JOB id: asks a job to stop; it ends as `cancelled`. */
export function killJobCommand(session: SessionContext, id: string): Execution {
  return new CommandExecution(() => {
    if (!/^\d{1,15}$/.test(id))
      throw new PgError(SqlState.invalidTextRepresentation, `invalid job id: "${id}"`);
    const job = findJob(session, Number(id));
    if (job === undefined) throw new PgError(SqlState.undefinedObject, `job ${id} does not exist`);
    if (!session.engine.jobs.cancel(job.id)) {
      throw new PgError(SqlState.objectNotInPrerequisiteState, `job ${id} is not running`, {
        detail: `Its status is "${job.status}".`,
      });
    }
    return 'KILL JOB';
  });
}

/** A job that this role may stop: its own, or any with the service right (42501 otherwise). */
export function findJob(session: SessionContext, id: number): Job | undefined {
  const job = session.engine.jobs.find(id);
  if (job === undefined || job.request.createdBy === session.currentUser) return job;
  if (hasServiceRight(session.transaction.catalog, session.currentRole)) return job;
  throw new PgError(
    SqlState.insufficientPrivilege,
    'permission denied to cancel a job of another role',
  );
}
