import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {lockTable} from './ddl.ts';
import {objectNode} from './dependencies.ts';
import {dropObjects} from './drop-objects.ts';

/** What ON COMMIT asks for a new table; nothing for rows that stay. 42P16 for what is not temporary. */
export function onCommitOf(
  oncommit: string | undefined,
  persistence: TableDescriptor['persistence'],
): Pick<TableDescriptor, 'onCommit'> {
  if (oncommit === undefined || oncommit === 'ONCOMMIT_NOOP') return {};
  if (persistence !== 't')
    throw new PgError(
      SqlState.invalidTableDefinition,
      'ON COMMIT can only be used on temporary tables',
    );
  if (oncommit === 'ONCOMMIT_PRESERVE_ROWS') return {};
  return {onCommit: oncommit === 'ONCOMMIT_DROP' ? 'drop' : 'delete'};
}

/** Drops and empties the session's tables with ON COMMIT, as the last thing before the commit. */
export async function runOnCommit(session: SessionContext): Promise<void> {
  const {transaction} = session;
  const tables: TableDescriptor[] = [];
  for (const oid of transaction.onCommitTables) {
    const table = transaction.catalog.tableByOid(oid);
    if (table === undefined) transaction.onCommitTables.delete(oid);
    else tables.push(table);
  }
  const dropped = tables.filter(table => table.onCommit === 'drop');
  const emptied = tables.filter(table => table.onCommit === 'delete');
  if (dropped.length > 0) await dropObjects(session, dropped.map(objectNode), true, true);
  if (emptied.length === 0 || !transaction.tx.hasWrites) return;
  for (const table of emptied) {
    checkReferencing(session, table, dropped);
    await lockTable(session, table, 'accessExclusive');
  }
  session.beginStatement(false);
  for (const table of emptied)
    transaction.tx.truncate(session.storages.of(transaction.catalog, table));
  session.endStatement();
}

function checkReferencing(
  session: SessionContext,
  table: TableDescriptor,
  dropped: readonly TableDescriptor[],
): void {
  const {catalog} = session.transaction;
  for (const constraint of catalog.referencingConstraints(table.oid)) {
    const other = catalog.tableByOid(constraint.table)!;
    if (other.onCommit === 'delete' || dropped.includes(other)) continue;
    throw featureNotSupported('unsupported ON COMMIT and foreign key combination', {
      detail: `Table "${other.name}" references "${table.name}", but they do not have the same ON COMMIT setting.`,
    });
  }
}
