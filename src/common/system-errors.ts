import {PgError} from './errors.ts';
import {SqlState} from './sqlstate.ts';

/**
 * An error of the operating system or of SQLite that says something about the disk, as a client may see it: 53100 when it is full,
 * 58030 when it does not read or write; null for every other error.
 */
export function diskError(what: string, error: unknown): PgError | null {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT')
    return new PgError(SqlState.diskFull, `${what}: No space left on device`, {cause: error});
  if (code === 'EIO' || code === 'EROFS' || code?.startsWith('SQLITE_IOERR') === true)
    return new PgError(SqlState.ioError, `${what}: ${(error as Error).message}`, {cause: error});
  return null;
}
