import {internalError, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {diskError} from '../common/system-errors.ts';
import {isTooLong, stringTooLong} from '../functions/room.ts';
import {movedError, originalPosition} from './legacy-strings.ts';
import type {SessionContext} from './session-context.ts';
import {withoutSecrets} from './without-secrets.ts';

/** A thrown value as a client may see it, with a position in the text that it sent. */
export function knownError(session: SessionContext, thrown: unknown): PgError {
  const known = thrown instanceof PgError ? thrown : unexpectedError(session, thrown);
  const {position} = known.fields;
  const {insertedCharacters} = session;
  if (insertedCharacters.length === 0 || position === undefined) return known;
  return movedError(known, originalPosition(position, insertedCharacters));
}

/** Exhausted stacks, strings and disks; the rest is a bug, logged with its stack. */
function unexpectedError({engine, activity}: SessionContext, error: unknown): PgError {
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause instanceof RangeError && cause.message.includes('call stack')) {
    return new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded', {cause});
  }
  if (isTooLong(cause)) return stringTooLong();
  const disk = diskError('could not write', cause);
  if (disk !== null) return disk;
  const query = withoutSecrets(activity.query);
  engine.logger.error({err: cause, query}, 'unexpected error in a statement');
  return internalError(cause.message, cause);
}
