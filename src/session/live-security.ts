import {isSuperuser, rolesWithPrivilegesOf} from '../catalog/acl.ts';
import type {CatalogSnapshot} from '../catalog/contract.ts';
import type {Oid} from '../common/ids.ts';
import type {QueryPlan} from '../sql/plan/plan.ts';

/**
 * What the row-level security of a plan's tables depends on, as a text: equal texts mean the same conditions. A live query whose text has
 * changed would show what its reader may no longer see, or hide what he may.
 */
export function securityOf(catalog: CatalogSnapshot, role: Oid, plan: QueryPlan): string {
  const tables = plan.tables.map(({oid}) => {
    const table = catalog.tableByOid(oid);
    if (table === undefined || !table.rowSecurity) return [oid, false];
    const policies = catalog
      .policiesOf(oid)
      .map(({name, command, isPermissive, roles, usingText, checkText}) =>
        JSON.stringify([name, command, isPermissive, roles, usingText, checkText]),
      )
      .sort();
    return [oid, table.forceRowSecurity, table.owner, policies];
  });
  const reader = plan.dependsOnRole
    ? [
        isSuperuser(role, catalog),
        catalog.roleByOid(role)?.bypassesRls === true,
        [...rolesWithPrivilegesOf(role, catalog)].sort((a, b) => a - b),
      ]
    : [];
  return JSON.stringify([tables, reader]);
}
