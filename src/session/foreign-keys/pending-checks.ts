import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import type {DeferredCheck} from './deferred.ts';

/** 55006 when deferred checks of the transaction wait for rows of a table that a command would change (PostgreSQL CheckTableNotInUse). */
export function rejectPendingChecks(
  session: SessionContext,
  table: {readonly oid: Oid; readonly name: string},
  command: string,
): void {
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
