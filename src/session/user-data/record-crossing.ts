import type {AuditAction} from '../audit-log.ts';
import type {SessionContext} from '../session-context.ts';
import type {DataOwner} from './data-owner.ts';

/** What is done to another user's data is recorded, durably, before it is done. */
export async function recordCrossing(
  session: SessionContext,
  {owner, name}: DataOwner,
  action: AuditAction,
): Promise<void> {
  if (owner === session.effectiveOwner) return;
  const {engine, options} = session;
  const record = engine.audit.append(session.database.oid, {
    actor: session.sessionUser,
    subject: name,
    action,
    target: null,
    details: {},
    clientAddress: options.remoteAddress === '' ? null : options.remoteAddress,
  });
  await record.applied;
  await engine.storage.whenDurable(record.seq());
}
