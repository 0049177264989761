import {hasPrivileges, rolesWithPrivilegesOf} from '../catalog/acl.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {TableDescriptor} from '../catalog/descriptors.ts';
import {policiesBind} from '../catalog/row-security.ts';
import type {Oid} from '../common/ids.ts';
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

/**
 * Whether the session may know where and how the rows of a table lie (segments, their sizes and bounds, jobs on them): of
 * shared tables who may read all their rows, which no policy hides; of the others as with `seesFiguresOf`.
 */
export function seesStorageOf(session: SessionContext, table: TableDescriptor): boolean {
  const {catalog} = session.transaction;
  const role = session.currentRole;
  if (hasServiceRight(catalog, role)) return true;
  if (table.tableKind !== 'shared') return seesFiguresOf(session, table);
  return mayReadAll(catalog, role, table) && !policiesBind(catalog, table, role, 'on');
}

function mayReadAll(catalog: CatalogSnapshot, role: Oid, table: TableDescriptor): boolean {
  const {owner, acl, columns} = table;
  if (hasPrivileges(catalog, role, {kind: 'r', owner, acl}, 'r')) return true;
  return columns.every(
    column =>
      column.isDropped ||
      (column.acl !== null &&
        hasPrivileges(catalog, role, {kind: 'c', owner, acl: column.acl}, 'r')),
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
