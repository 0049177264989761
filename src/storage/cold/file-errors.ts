import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** The error of a file that cannot be created, written or synced. */
export function fileError(
  what: 'create' | 'write' | 'sync' | 'remove',
  path: string,
  cause: {readonly code?: string | undefined; readonly message: string},
): PgError {
  const isFull = cause.code === 'ENOSPC' || cause.code === 'EDQUOT';
  return new PgError(
    isFull ? SqlState.diskFull : SqlState.ioError,
    `could not ${what} segment file "${path}": ${cause.message}`,
    {cause},
  );
}

/** XX001: a segment does not hold what it must hold. */
export function corrupt(path: string, what: string, cause?: unknown): PgError {
  return new PgError(SqlState.dataCorrupted, `segment file "${path}" is corrupted: ${what}`, {
    cause,
  });
}

/** XX001: a segment that should be there cannot be read. */
export function unreadable(path: string, cause: unknown): PgError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new PgError(SqlState.dataCorrupted, `could not read segment file "${path}": ${message}`, {
    cause,
  });
}
