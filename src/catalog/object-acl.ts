import {oid, type Oid} from '../common/ids.ts';
import {aclItem, allRightsOf, parseAcl, type AclTarget} from './acl.ts';
import type {CatalogSnapshot} from './contract.ts';
import type {AclItem} from './descriptors.ts';
import {RoleOid, SchemaOid} from './well-known.ts';

const PUBLIC = oid(0);
const RELACL = 30;
const PROACL = 29;

/** Relations of schema `system` that tell of other users: read by wadi_dba only. */
const guarded: ReadonlySet<string> = new Set([
  'audit_log',
  'live_queries',
  'sessions',
  'slow_queries',
  'transactions',
  'users',
]);

const ownerAll = aclItem(RoleOid.postgres, RoleOid.postgres, allRightsOf('r'));
const openAcl: readonly AclItem[] = [ownerAll, aclItem(PUBLIC, RoleOid.postgres, 'r')];
const guardedAcl: readonly AclItem[] = [ownerAll, aclItem(RoleOid.dba, RoleOid.postgres, 'r')];

/** Privileges of a built-in relation: initdb's for PostgreSQL's own; pg_authid and the like are closed to PUBLIC. */
export function systemRelationAcl(
  snapshot: CatalogSnapshot,
  relation: {readonly oid: Oid; readonly schema: Oid; readonly name: string},
): readonly AclItem[] | null {
  if (relation.schema === SchemaOid.system)
    return guarded.has(relation.name) ? guardedAcl : openAcl;
  return staticAcl(snapshot, 'pg_class', relation.oid, RELACL);
}

function staticAcl(
  snapshot: CatalogSnapshot,
  catalog: 'pg_class' | 'pg_proc',
  key: Oid,
  column: number,
): readonly AclItem[] | null {
  const table = snapshot.builtin.data.table(catalog);
  const index = table.byKey(key)[0];
  const texts = index === undefined ? null : (table.row(index)[column] as readonly string[] | null);
  return texts?.flatMap(text => parseAcl(text, snapshot) ?? []) ?? null;
}

/** What the privileges of a relation are asked of; undefined when there is no such relation. */
export function relationTarget(snapshot: CatalogSnapshot, relation: Oid): AclTarget | undefined {
  const found = snapshot.relationByOid(relation);
  if (found === undefined) return undefined;
  if (found.kind === 'systemRelation') {
    return {kind: 'r', owner: RoleOid.postgres, acl: systemRelationAcl(snapshot, found)};
  }
  return {kind: found.kind === 'sequence' ? 's' : 'r', owner: found.owner, acl: found.acl};
}

/** The same of a function, built-in or user-made. */
export function functionTarget(snapshot: CatalogSnapshot, fn: Oid): AclTarget | undefined {
  const own = snapshot.get('function', fn);
  if (own?.kind === 'function') return {kind: 'f', owner: own.owner, acl: own.acl};
  if (snapshot.builtin.functionByOid(fn) === undefined) return undefined;
  const acl = staticAcl(snapshot, 'pg_proc', fn, PROACL);
  return {kind: 'f', owner: RoleOid.postgres, acl};
}
