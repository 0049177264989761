import type {ClusterStmt, DefElem, RangeVar, ReindexStmt, VacuumStmt} from '@pgsql/types';
import {ownsObject} from '../../catalog/acl.ts';
import type {
  IndexDescriptor,
  RelationDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';
import {lockTable, notice} from './ddl.ts';
import {findRelation} from './find-relation.ts';
import {runJob} from './job.ts';

/** VACUUM and ANALYZE: rows need neither; segments of the named tables are compacted; what is no table is skipped with a warning. */
export function vacuumCommand({session, node}: CommandInput<VacuumStmt>): Execution {
  const isVacuum = node.is_vacuumcmd === true;
  const verb = isVacuum ? 'vacuum' : 'analyze';
  const skipsLocked = (node.options ?? []).some(
    option => 'DefElem' in option && isOn(option.DefElem, 'skip_locked'),
  );
  return new CommandExecution(async () => {
    if (isVacuum) assertAlone(session, 'VACUUM');
    for (const each of node.rels ?? []) {
      if (!('VacuumRelation' in each) || each.VacuumRelation.relation === undefined) continue;
      const table = maintained(session, each.VacuumRelation.relation, verb);
      if (table === null) continue;
      if (!(await lockMaintained(session, table, verb, skipsLocked))) continue;
      if (!isVacuum || table.tableKind === 'stream' || table.persistence === 't') continue;
      await runJob(session, 'compact', table, null);
    }
    return verb.toUpperCase();
  });
}

function isOn(option: DefElem, name: string): boolean {
  if (option.defname !== name) return false;
  const {arg} = option;
  if (arg === undefined) return true;
  if ('Integer' in arg) return arg.Integer.ival === 1;
  return 'String' in arg && /^(?:on|true)$/i.test(arg.String.sval ?? '');
}

/** SHARE UPDATE EXCLUSIVE: ANALYZE keeps it; the job of VACUUM takes it for itself. False: others hold it, and SKIP_LOCKED. */
async function lockMaintained(
  session: SessionContext,
  table: TableDescriptor,
  verb: string,
  skipsLocked: boolean,
): Promise<boolean> {
  const {tx} = session.transaction;
  if (verb === 'vacuum') tx.savepoint(VACUUM_LOCK);
  try {
    await lockTable(session, table, 'shareUpdateExclusive', skipsLocked ? 'skip' : 'wait');
  } catch (error) {
    if (!skipsLocked || !(error instanceof PgError) || error.code !== SqlState.lockNotAvailable)
      throw error;
    session.warn(
      SqlState.lockNotAvailable,
      `skipping ${verb} of "${table.name}" --- lock not available`,
    );
    return false;
  } finally {
    if (verb === 'vacuum') {
      tx.rollbackTo(VACUUM_LOCK);
      tx.release(VACUUM_LOCK);
    }
  }
  return true;
}

const VACUUM_LOCK = 'vacuum lock';

/** The table to work on; null, with PostgreSQL's warning, for what needs or allows no work. */
function maintained(
  session: SessionContext,
  range: RangeVar,
  verb: string,
): TableDescriptor | null {
  const relation = findRelation(session, range);
  const {catalog} = session.transaction;
  const isTable =
    relation.kind === 'table' || (relation.kind === 'systemRelation' && !relation.isView);
  if (!isTable) {
    session.warn(
      SqlState.warning,
      `skipping "${relation.name}" --- cannot ${verb} non-tables or special system tables`,
    );
    return null;
  }
  if (relation.kind === 'table' && ownsObject(session.currentRole, relation.owner, catalog))
    return relation;
  if (!session.isSuperuser)
    session.warn(SqlState.warning, `permission denied to ${verb} "${relation.name}", skipping it`);
  return null;
}

/** REINDEX: indexes are kept by every change and never decay; names, rights, locks and the rules of blocks are PostgreSQL's. */
export function reindexCommand({session, node}: CommandInput<ReindexStmt>): Execution {
  return new CommandExecution(async () => {
    const isConcurrent = (node.params ?? []).some(
      each => 'DefElem' in each && each.DefElem.defname === 'concurrently',
    );
    if (isConcurrent) assertAlone(session, 'REINDEX CONCURRENTLY');
    switch (node.kind) {
      case 'REINDEX_OBJECT_INDEX':
      case 'REINDEX_OBJECT_TABLE': {
        const isIndex = node.kind === 'REINDEX_OBJECT_INDEX';
        const relation = checkReindexed(session, node.relation ?? {}, isIndex);
        await lockReindexed(session, relation, isConcurrent);
        if (!isIndex) noticeWithoutIndexes(session, relation, isConcurrent);
        return 'REINDEX';
      }
      case 'REINDEX_OBJECT_SCHEMA': {
        if (!isConcurrent) assertAlone(session, 'REINDEX SCHEMA');
        const schema = session.transaction.catalog.schemaByName(node.name ?? '');
        if (schema === undefined)
          throw new PgError(SqlState.invalidSchemaName, `schema "${node.name}" does not exist`);
        checkOwner(session.transaction.catalog, session.currentRole, schema, 'schema');
        await reindexAll(session, schema.oid, isConcurrent);
        return 'REINDEX';
      }
      default: {
        const what = node.kind === 'REINDEX_OBJECT_SYSTEM' ? 'REINDEX SYSTEM' : 'REINDEX DATABASE';
        if (!isConcurrent) assertAlone(session, what);
        if (node.name !== undefined && node.name !== session.databaseName) {
          throw featureNotSupported('can only reindex the currently open database');
        }
        checkOwner(session.transaction.catalog, session.currentRole, session.database, 'database');
        if (node.kind !== 'REINDEX_OBJECT_SYSTEM') await reindexAll(session, null, isConcurrent);
        return 'REINDEX';
      }
    }
  });
}

/** Each table of a schema, or of the database, by itself: no lock is held while another is waited for. */
async function reindexAll(
  session: SessionContext,
  schema: Oid | null,
  isConcurrent: boolean,
): Promise<void> {
  const {catalog, tx} = session.transaction;
  for (const table of catalog.tables()) {
    if ((schema !== null && table.schema !== schema) || table.persistence === 't') continue;
    tx.savepoint(REINDEX_LOCK);
    try {
      await lockReindexed(session, table, isConcurrent);
    } finally {
      tx.rollbackTo(REINDEX_LOCK);
      tx.release(REINDEX_LOCK);
    }
  }
}

const REINDEX_LOCK = 'reindex lock';

/** REINDEX lets nobody write meanwhile; CONCURRENTLY stands in the way of other maintenance only. */
async function lockReindexed(
  session: SessionContext,
  relation: RelationDescriptor,
  isConcurrent: boolean,
): Promise<void> {
  const {catalog} = session.transaction;
  const table = relation.kind === 'index' ? catalog.tableByOid(relation.table) : relation;
  if (table?.kind !== 'table') return;
  await lockTable(session, table, isConcurrent ? 'shareUpdateExclusive' : 'share');
  if (relation.kind === 'index' && !isConcurrent)
    await lockTable(session, relation, 'accessExclusive');
}

function noticeWithoutIndexes(
  session: SessionContext,
  {kind, oid, name}: RelationDescriptor,
  isConcurrent: boolean,
): void {
  if (kind !== 'table' || session.transaction.catalog.indexesOf(oid).length > 0) return;
  const what = isConcurrent ? 'that can be reindexed concurrently' : 'to reindex';
  notice(session, `table "${name}" has no indexes ${what}`);
}

function checkReindexed(
  session: SessionContext,
  range: RangeVar,
  isIndex: boolean,
): RelationDescriptor {
  const relation = findRelation(session, range);
  const {catalog, currentRole} = {
    catalog: session.transaction.catalog,
    currentRole: session.currentRole,
  };
  if (isIndex && relation.kind !== 'index')
    throw new PgError(SqlState.wrongObjectType, `"${relation.name}" is not an index`);
  const isTable =
    relation.kind === 'table' || (relation.kind === 'systemRelation' && !relation.isView);
  if (!isIndex && !isTable)
    throw new PgError(
      SqlState.wrongObjectType,
      `"${relation.name}" is not a table or materialized view`,
    );
  if (relation.kind === 'table') checkOwner(catalog, currentRole, relation, 'table');
  else if (relation.kind === 'index') checkIndexOwner(session, relation);
  else if (!session.isSuperuser)
    throw new PgError(SqlState.insufficientPrivilege, `must be owner of table ${relation.name}`);
  return relation;
}

function checkIndexOwner(session: SessionContext, index: IndexDescriptor): void {
  const {catalog} = session.transaction;
  const table = catalog.tableByOid(index.table);
  if (table !== undefined)
    checkOwner(catalog, session.currentRole, {name: index.name, owner: table.owner}, 'index');
}

/** CLUSTER without a name works on the tables that CLUSTER ON marked. Rows cannot be put into the order of an index. */
export function clusterCommand({session, node}: CommandInput<ClusterStmt>): Execution {
  return new CommandExecution(() => {
    if (node.relation === undefined) {
      assertAlone(session, 'CLUSTER');
      const {catalog} = session.transaction;
      for (const table of catalog.tables())
        if (catalog.indexesOf(table.oid).some(index => index.isClustered === true))
          throw featureNotSupported(`CLUSTER of "${table.name}" is not supported`);
      return 'CLUSTER';
    }
    const relation = findRelation(session, node.relation);
    throw featureNotSupported(`CLUSTER of "${relation.name}" is not supported`);
  });
}

function assertAlone(session: SessionContext, what: string): void {
  if (!session.transaction.isInBlock && !session.isInMultiStatement) return;
  throw new PgError(SqlState.activeSqlTransaction, `${what} cannot run inside a transaction block`);
}
