import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {isSuperuser, ownsObject} from './acl.ts';
import type {CatalogSnapshot} from './contract.ts';
import type {TableDescriptor} from './descriptors.ts';

/**
 * Whether a table's policies bind a role (PostgreSQL check_enable_rls). 42501 when they would and the setting `row_security` is off.
 */
export function policiesBind(
  catalog: CatalogSnapshot,
  table: TableDescriptor,
  role: Oid,
  setting: 'on' | 'off',
): boolean {
  if (!table.rowSecurity || isSuperuser(role, catalog)) return false;
  if (catalog.roleByOid(role)?.bypassesRls === true) return false;
  const isOwner = ownsObject(role, table.owner, catalog);
  if (isOwner && !table.forceRowSecurity) return false;
  if (setting === 'on') return true;
  throw new PgError(
    SqlState.insufficientPrivilege,
    `query would be affected by row-level security policy for table "${table.name}"`,
    isOwner
      ? {
          hint: "To disable the policy for the table's owner, use ALTER TABLE NO FORCE ROW LEVEL SECURITY.",
        }
      : {},
  );
}
