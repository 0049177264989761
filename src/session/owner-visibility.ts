import {rolesWithPrivilegesOf} from '../catalog/acl.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {TableDescriptor} from '../catalog/descriptors.ts';
import {hasServiceRight} from './run-context.ts';
import type {SessionContext} from './session-context.ts';

/**
 * Whether figures over all rows of a table (counts, sizes, estimates) may be told to the session: rows of user and stream tables are
 * everybody's own, and so is how many there are; whoever made the table, and the service right, see the sum.
 */
export function seesFiguresOf(session: SessionContext, table: TableDescriptor): boolean {
  if (table.tableKind === 'shared') return true;
  const {catalog} = session.transaction;
  return (
    hasServiceRight(catalog, session.currentRole) ||
    rolesWithPrivilegesOf(session.currentRole, catalog).has(table.owner)
  );
}

/** The bytes of a table that the session may know of: of a user table its own rows' share. */
export function visibleBytes(
  session: SessionContext,
  catalog: CatalogSnapshot,
  table: TableDescriptor,
): bigint {
  const {storage, storages} = session.engine;
  const stored = storages.of(catalog, table);
  const stats = storage.tableStats(stored);
  const bytes = stats.hotBytes + stats.coldBytes;
  if (seesFiguresOf(session, table)) return BigInt(bytes);
  const all = storage.countRows(stored, null);
  const own = storage.countRows(stored, session.effectiveOwner);
  return all === 0 ? 0n : BigInt(Math.round((bytes * own) / all));
}
