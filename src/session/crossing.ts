import type {AuditAction} from './audit-log.ts';
import type {SessionContext} from './session-context.ts';

/** An act on another user's data, as a session tells it. */
export interface Crossing {
  readonly action: AuditAction;
  /** The user whose data it is; null: everybody's. */
  readonly subject: string | null;
  /** The table, qualified, or null when the act is not about one. */
  readonly target: string | null;
}

const MAX_QUERY = 1000;

/**
 * Records a crossing in system.audit_log; nothing that the session writes from now on leaves before the record is durable. While the
 * record waits for its turn, `auditPending` of the session holds back rows.
 */
export function recordCrossing(session: SessionContext, crossing: Crossing): void {
  const details: Record<string, string> = {};
  if (session.currentUser !== session.sessionUser) details['role'] = session.currentUser;
  const {query} = session.activity;
  if (query !== '') details['query'] = query.slice(0, MAX_QUERY);
  const {remoteAddress} = session.options;
  const record = session.engine.audit.append(session.database.oid, {
    ...crossing,
    actor: session.sessionUser,
    details,
    clientAddress: remoteAddress === '' ? null : remoteAddress,
  });
  if (record.applied === undefined) {
    session.sink.holdUntil(record.seq());
    return;
  }
  const pending = Promise.all([session.auditPending, record.applied]).then(() => {
    session.sink.holdUntil(record.seq());
    if (session.auditPending === pending) session.auditPending = null;
  });
  session.auditPending = pending;
}
