import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import type {DeferredCheck} from './deferred.ts';

/** 55006 when cursors of the session read a table that a command would change, or deferred checks wait for it (CheckTableNotInUse). */
export function rejectInUse(
  session: SessionContext,
  table: {readonly oid: Oid; readonly name: string},
  command: string,
): void {
  for (const {execution, isHeld, hasFailed} of session.extended.portals.values()) {
    if (isHeld || hasFailed || execution?.reads?.(table.oid) !== true) continue;
    throw new PgError(
      SqlState.objectInUse,
      `cannot ${command} "${table.name}" because it is being used by active queries in this session`,
    );
  }
  const {deferred} = session.transaction;
  if (deferred.isEmpty || !deferred.due(true).some(check => tableOf(check) === table.oid)) return;
  throw new PgError(
    SqlState.objectInUse,
    `cannot ${command} "${table.name}" because it has pending trigger events`,
  );
}

/** The table whose change asked for the check. */
function tableOf(check: DeferredCheck): Oid {
  if (check.kind === 'unique') return check.key.table.oid;
  const {child, parent} = check.key.reference;
  return check.kind === 'referencing' ? child.oid : parent.oid;
}
