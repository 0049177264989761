import {oid, type Oid} from '../common/ids.ts';
import {aclItem} from './acl.ts';
import {StaticBuiltinCatalog} from './builtin.ts';
import {BuiltinTypes} from './catalog-types.ts';
import {createTypeMakers} from './default-makers.ts';
import {decodeMissing, descriptorFromJson, parseDescriptorKey} from './descriptor-json.ts';
import type {
  AclItem,
  DatabaseDescriptor,
  Descriptor,
  RoleDescriptor,
  SchemaDescriptor,
} from './descriptors.ts';
import {Snapshot, type CatalogBase} from './snapshot.ts';
import {SystemDescriptors} from './system-descriptors.ts';
import type {TypeMakers} from './type-makers.ts';
import {DatabaseOid, RoleOid, SchemaOid} from './well-known.ts';

const PUBLIC = oid(0);

/** Built-in rows, types and relations for a process: made once, passed to every snapshot. */
export function createCatalogBase(makers: TypeMakers = createTypeMakers()): CatalogBase {
  const builtin = new StaticBuiltinCatalog();
  const systemRelations = new SystemDescriptors(builtin.data);
  const types = new BuiltinTypes(makers, builtin.data, systemRelations);
  return {builtin, systemRelations, types, makers};
}

/** The catalog of database postgres in a new cluster. */
export function bootstrapCatalog(base: CatalogBase): Snapshot {
  return Snapshot.of(base, DatabaseOid.postgres, 1, [
    ...clusterDescriptors(),
    ...databaseDescriptors(),
  ]);
}

/** What a new cluster has beside its databases' own objects: roles and databases. */
export function clusterDescriptors(): readonly Descriptor[] {
  return [...roles(), ...databases()];
}

/** What every new database has: its schemas. */
export function databaseDescriptors(): readonly Descriptor[] {
  return [
    schema(SchemaOid.pgCatalog, 'pg_catalog', systemUsage, 'system catalog schema'),
    schema(SchemaOid.pgToast, 'pg_toast', null, 'reserved schema for TOAST tables'),
    schema(SchemaOid.informationSchema, 'information_schema', systemUsage, null),
    schema(SchemaOid.system, 'system', systemUsage, "Wadi's own views"),
    {
      ...schema(SchemaOid.public, 'public', publicAcl, 'standard public schema'),
      owner: RoleOid.databaseOwner,
    },
  ];
}

/** Snapshots of all databases from the records in storage, by database OID. Empty records: undefined, the cluster is new. */
export function loadCatalogs(
  base: CatalogBase,
  records: Iterable<readonly [key: string, json: string]>,
  version: number,
): ReadonlyMap<Oid, Snapshot> | undefined {
  const byDatabase = new Map<Oid, Descriptor[]>();
  for (const [key, json] of records) {
    const {databaseOid} = parseDescriptorKey(key);
    const list = byDatabase.get(databaseOid);
    if (list === undefined) byDatabase.set(databaseOid, [descriptorFromJson(json)]);
    else list.push(descriptorFromJson(json));
  }
  const common = byDatabase.get(PUBLIC);
  if (common === undefined) return undefined;
  const snapshots = new Map<Oid, Snapshot>();
  for (const database of common) {
    if (database.kind !== 'database') continue;
    const own = byDatabase.get(database.oid) ?? databaseDescriptors();
    const snapshot = Snapshot.of(base, database.oid, version, [...common, ...own]);
    const missing = own.flatMap(descriptor => {
      const decoded = decodeMissing(descriptor, snapshot);
      return decoded === descriptor ? [] : [{op: 'put' as const, descriptor: decoded}];
    });
    snapshots.set(database.oid, missing.length === 0 ? snapshot : snapshot.apply(missing));
  }
  return snapshots;
}

/** The snapshot of one database from its own records alone: without roles, databases and storages. */
export function loadCatalog(
  base: CatalogBase,
  database: Oid,
  records: Iterable<readonly [key: string, json: string]>,
): Snapshot {
  const wanted = [...records].filter(([key]) => key.startsWith(`${database}/`));
  const own = wanted.map(([, json]) => descriptorFromJson(json));
  return Snapshot.of(base, database, 1, own);
}

const systemUsage: readonly AclItem[] = [
  aclItem(RoleOid.postgres, RoleOid.postgres, 'UC'),
  aclItem(PUBLIC, RoleOid.postgres, 'U'),
];

const publicAcl: readonly AclItem[] = [
  aclItem(RoleOid.databaseOwner, RoleOid.databaseOwner, 'UC'),
  aclItem(PUBLIC, RoleOid.databaseOwner, 'U'),
];

function schema(
  schemaOid: Oid,
  name: string,
  acl: readonly AclItem[] | null,
  comment: string | null,
): SchemaDescriptor {
  return {kind: 'schema', oid: schemaOid, name, owner: RoleOid.postgres, acl, comment};
}

/** Predefined roles of PostgreSQL 15 with what they are members of. */
const predefined: readonly (readonly [oid: number, name: string])[] = [
  [3373, 'pg_monitor'],
  [3374, 'pg_read_all_settings'],
  [3375, 'pg_read_all_stats'],
  [3377, 'pg_stat_scan_tables'],
  [4200, 'pg_signal_backend'],
  [4544, 'pg_checkpoint'],
  [4569, 'pg_read_server_files'],
  [4570, 'pg_write_server_files'],
  [4571, 'pg_execute_server_program'],
  [6171, 'pg_database_owner'],
  [6181, 'pg_read_all_data'],
  [6182, 'pg_write_all_data'],
];

function roles(): readonly RoleDescriptor[] {
  const monitor = [3374, 3375, 3377].map(role => ({
    role: oid(role),
    grantor: RoleOid.postgres,
    withAdmin: false,
  }));
  const service = [{role: RoleOid.service, grantor: RoleOid.postgres, withAdmin: false}];
  return [
    {
      ...role(RoleOid.postgres, 'postgres'),
      isSuperuser: true,
      canCreateRole: true,
      canCreateDb: true,
      canLogin: true,
      canReplicate: true,
      bypassesRls: true,
    },
    ...predefined.map(([roleOid, name]) => ({
      ...role(oid(roleOid), name),
      memberOf: name === 'pg_monitor' ? monitor : [],
    })),
    {...role(RoleOid.anonymous, 'wadi_anonymous'), comment: 'what a client without login may do'},
    {...role(RoleOid.service, 'wadi_service'), comment: 'may act across users'},
    {
      ...role(RoleOid.dba, 'wadi_dba'),
      memberOf: service,
      comment: 'may administer tables, storages and jobs',
    },
  ];
}

function role(roleOid: Oid, name: string): RoleDescriptor {
  return {
    kind: 'role',
    oid: roleOid,
    name,
    isSuperuser: false,
    inherits: true,
    canCreateRole: false,
    canCreateDb: false,
    canLogin: false,
    canReplicate: false,
    bypassesRls: false,
    connectionLimit: -1,
    password: null,
    validUntil: null,
    memberOf: [],
    settings: [],
    comment: null,
  };
}

const templateAcl: readonly AclItem[] = [
  aclItem(PUBLIC, RoleOid.postgres, 'c'),
  aclItem(RoleOid.postgres, RoleOid.postgres, 'CTc'),
];

function databases(): readonly DatabaseDescriptor[] {
  const database = (databaseOid: Oid, name: string, comment: string): DatabaseDescriptor => ({
    kind: 'database',
    oid: databaseOid,
    name,
    owner: RoleOid.postgres,
    acl: null,
    comment,
    allowConnections: true,
    connectionLimit: -1,
    isTemplate: false,
  });
  return [
    {
      ...database(DatabaseOid.template1, 'template1', 'default template for new databases'),
      acl: templateAcl,
      isTemplate: true,
    },
    {
      ...database(DatabaseOid.template0, 'template0', 'unmodifiable empty database'),
      acl: templateAcl,
      isTemplate: true,
      allowConnections: false,
    },
    database(DatabaseOid.postgres, 'postgres', 'default administrative connection database'),
  ];
}
