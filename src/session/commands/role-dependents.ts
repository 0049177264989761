import type {AclItem, CatalogObject, Descriptor} from '../../catalog/descriptors.ts';
import type {Oid} from '../../common/ids.ts';
import type {SessionContext} from '../session-context.ts';
import {columnText, nameScope, objectText} from './object-text.ts';

/** What keeps a role from being dropped, as the DETAIL of PostgreSQL's error tells it. */
export function roleDependents(session: SessionContext, role: Oid): string[] {
  const scope = nameScope(session);
  const lines: string[] = [];
  for (const object of ownedObjects(session)) {
    if (object.owner === role) lines.push(`owner of ${objectText(scope, object)}`);
    if (mentions(object.acl, role)) lines.push(`privileges for ${objectText(scope, object)}`);
    if (object.kind !== 'table') continue;
    for (const column of object.columns) {
      if (!column.isDropped && mentions(column.acl, role))
        lines.push(`privileges for ${columnText(scope, object.oid, column.attnum)}`);
    }
  }
  for (const policy of session.transaction.catalog.policies()) {
    if (policy.roles.includes(role)) lines.push(`target of ${objectText(scope, policy)}`);
  }
  for (const entry of session.transaction.catalog.defaultAcls()) {
    if (entry.owner === role) lines.push(`owner of ${objectText(scope, entry)}`);
    else if (mentions(entry.acl, role)) lines.push(`privileges for ${objectText(scope, entry)}`);
  }
  return lines;
}

/** Everything that has an owner, by OID; indexes, constraints and sequences of columns go with their table. */
export function ownedObjects(session: SessionContext): Extract<Descriptor, CatalogObject>[] {
  const {catalog} = session.transaction;
  const objects: Extract<Descriptor, CatalogObject>[] = [
    ...catalog.databases(),
    ...catalog.schemas(),
    ...catalog.tables(),
    ...catalog.views(),
    ...catalog.sequences(),
    ...catalog.userTypes(),
    ...catalog.userFunctions(),
    ...catalog.liveQueries(),
    ...catalog.storages(),
  ];
  return objects.sort((a, b) => a.oid - b.oid);
}

function mentions(acl: readonly AclItem[] | null, role: Oid): boolean {
  return acl !== null && acl.some(item => item.grantee === role || item.grantor === role);
}
