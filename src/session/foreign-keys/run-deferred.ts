import type {SessionContext} from '../session-context.ts';
import {checkDeferredKey, checkReferencedKey, checkUniqueKey} from './check-keys.ts';
import {constraintOf} from './deferred.ts';

/** Does the deferred checks that are due: all at commit, those no longer deferred after SET CONSTRAINTS. */
export async function runDeferred(session: SessionContext, isCommit: boolean): Promise<void> {
  const {transaction} = session;
  const {deferred} = transaction;
  const due = deferred.due(isCommit);
  if (due.length === 0) return;
  session.beginStatement(false);
  transaction.tx.advanceCommand();
  try {
    for (const check of due) {
      if (transaction.catalog.constraintByOid(constraintOf(check).oid) === undefined) continue;
      if (check.kind === 'unique') await checkUniqueKey(session, check.key);
      else if (check.kind === 'referencing') await checkDeferredKey(session, check.key);
      else await checkReferencedKey(session, check.key, true);
    }
  } finally {
    session.endStatement();
  }
  deferred.done(due);
}
