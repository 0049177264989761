import {oid, type Oid} from '../common/ids.ts';
import {aclItem, allRightsOf} from './acl.ts';
import type {CatalogSnapshot} from './contract.ts';
import type {TableDescriptor} from './descriptors.ts';
import {makeColumn} from './system-descriptors.ts';
import {auditRelation, systemColumnTypes} from './system/system-schema.ts';
import {DEFAULT_COLLATION, RoleOid, SchemaOid, TypeOid} from './well-known.ts';

/** Whether a table is the log, which the server alone writes. */
export function isAuditTable(table: {
  readonly kind: string;
  readonly name: string;
  readonly schema?: Oid;
}): boolean {
  return (
    table.kind === 'table' && table.schema === SchemaOid.system && table.name === auditRelation.name
  );
}

/** The log of a database; undefined before its first opening. */
export function findAuditTable(catalog: CatalogSnapshot): TableDescriptor | undefined {
  const found = catalog.relationByName(SchemaOid.system, auditRelation.name);
  return found?.kind === 'table' ? found : undefined;
}

/**
 * system.audit_log: a real table, append-only for everybody, so that its rows are as durable, flushed and queryable as any. Made in each
 * database when that is first opened; read by superusers and wadi_dba. Takes the OIDs of the table, its row type and that type's array.
 */
export function auditTable(first: Oid, rowType: Oid): TableDescriptor {
  return {
    kind: 'table',
    oid: first,
    name: auditRelation.name,
    owner: RoleOid.postgres,
    acl: [
      aclItem(RoleOid.postgres, RoleOid.postgres, allRightsOf('r')),
      aclItem(RoleOid.dba, RoleOid.postgres, 'r'),
    ],
    comment: auditRelation.comment,
    schema: SchemaOid.system,
    tableKind: 'shared',
    persistence: 'p',
    columns: auditRelation.columns.map((text, index) => {
      const [name = '', typeName = ''] = text.split(' ');
      const type = oid(systemColumnTypes[typeName] ?? 0);
      return makeColumn(index + 1, name, type, {
        typmod: -1,
        isNotNull: false,
        collation: type === TypeOid.text ? DEFAULT_COLLATION : oid(0),
      });
    }),
    rowType,
    schemaVersion: 1,
    options: {},
    ttlMs: 0,
    rowSecurity: false,
    forceRowSecurity: false,
  };
}
