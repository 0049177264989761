import type {Oid} from '../common/ids.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {recordCrossing} from './crossing.ts';
import {hasServiceRight} from './run-context.ts';
import type {SessionContext} from './session-context.ts';

/**
 * Before a command that reads, checks or changes every row of a table (constraints, unique keys, rewrites, TRUNCATE): where rows of
 * others are among them, owning the table is not enough, it takes the right to cross users (decision 20), and is recorded. Their values
 * would come back in errors otherwise.
 */
export function checkReachesAllRows(session: SessionContext, table: Oid): void {
  const {catalog} = session.transaction;
  const found = catalog.tableByOid(table);
  if (found === undefined || found.tableKind === 'shared') return;
  const {storage} = session.engine;
  const stored = session.storages.of(catalog, found);
  if (storage.countRows(stored, null) <= storage.countRows(stored, session.effectiveOwner)) return;
  if (!hasServiceRight(catalog, session.currentRole)) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied: table "${found.name}" has rows of other users`,
      {hint: 'A superuser, or a role with wadi_service or wadi_dba, can do this.'},
    );
  }
  recordCrossing(session, {
    action: 'read all owners',
    subject: null,
    target: `${stored.namespace}.${stored.name}`,
  });
}
