import type {AlterTableCmd} from '@pgsql/types';
import type {IndexDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';
import {alteredColumn, withColumn} from './alter-column.ts';
import {columnCompression, columnStorage} from './column-marks.ts';
import {change, puts} from './ddl.ts';
import type {TableAlteration} from './table-alteration.ts';

// Marks that steer PostgreSQL's own storage and statistics: kept, and shown by the catalogs; nothing here goes by them.

const MAX_STATISTICS = 10_000;
/** ALTER COLUMN ... SET STATISTICS. */
export function setStatistics({session, table, cmd}: TableAlteration): void {
  if (cmd.name === undefined)
    throw featureNotSupported('cannot refer to non-index column by number');
  const column = alteredColumn(table, cmd.name);
  const statistics = statisticsTarget(session, cmd);
  change(session, puts(withColumn(table, column.attnum, {statistics})));
}

/** The number of SET STATISTICS, within its limits. */
function statisticsTarget(session: SessionContext, {def}: AlterTableCmd): number {
  const given = def !== undefined && 'Integer' in def ? (def.Integer.ival ?? 0) : -1;
  if (given < -1)
    throw new PgError(SqlState.invalidParameterValue, `statistics target ${given} is too low`);
  if (given <= MAX_STATISTICS) return given;
  const message = `lowering statistics target to ${MAX_STATISTICS}`;
  session.notice('WARNING', SqlState.invalidParameterValue, message, {});
  return MAX_STATISTICS;
}

/** ALTER COLUMN ... SET STORAGE. */
export function setStorage({session, table, cmd}: TableAlteration): void {
  const column = alteredColumn(table, cmd.name);
  const type = session.transaction.catalog.typeByOid(column.typeOid)!;
  const storage = columnStorage(session, type, word(cmd));
  change(session, puts(withColumn(table, column.attnum, {storage})));
}

/** ALTER COLUMN ... SET COMPRESSION. */
export function setCompression({session, table, cmd}: TableAlteration): void {
  const column = alteredColumn(table, cmd.name);
  const type = session.transaction.catalog.typeByOid(column.typeOid)!;
  const compression = columnCompression(session, type, word(cmd));
  change(session, puts(withColumn(table, column.attnum, {compression})));
}

function word({def}: AlterTableCmd): string {
  return def !== undefined && 'String' in def ? (def.String.sval ?? '') : '';
}

/** CLUSTER ON index. */
export function clusterOn({session, table, cmd}: TableAlteration): void {
  const index = indexOf(session, table, cmd.name ?? '');
  if (index.method !== 'btree')
    throw featureNotSupported(
      `cannot cluster on index "${index.name}" because access method does not support clustering`,
    );
  if (index.predicateText !== null)
    throw featureNotSupported(`cannot cluster on partial index "${index.name}"`);
  mark(session, table, 'isClustered', index);
}

/** SET WITHOUT CLUSTER. */
export function dropCluster({session, table}: TableAlteration): void {
  mark(session, table, 'isClustered', null);
}

/** REPLICA IDENTITY. */
export function setReplicaIdentity({session, table, cmd}: TableAlteration): void {
  const def =
    cmd.def !== undefined && 'ReplicaIdentityStmt' in cmd.def ? cmd.def.ReplicaIdentityStmt : {};
  const identity = (def.identity_type ?? 'd') as NonNullable<TableDescriptor['replicaIdentity']>;
  const index = identity === 'i' ? indexOf(session, table, def.name ?? '') : null;
  if (index !== null) checkIdentity(table, index);
  mark(session, table, 'isReplicaIdentity', index);
  change(session, puts({...table, replicaIdentity: identity}));
}

function checkIdentity(table: TableDescriptor, index: IndexDescriptor): void {
  const wrong = (message: string): PgError => new PgError(SqlState.wrongObjectType, message);
  const cannot = (kind: string): PgError =>
    wrong(`cannot use ${kind} index "${index.name}" as replica identity`);
  if (!index.isUnique) throw cannot('non-unique');
  if (index.keys.some(key => key.attnum === 0)) throw cannot('expression');
  if (index.predicateText !== null) throw cannot('partial');
  for (const key of index.keys) {
    const column = table.columns.find(each => each.attnum === key.attnum);
    if (column === undefined || column.isNotNull) continue;
    throw wrong(
      `index "${index.name}" cannot be used as replica identity because column "${column.name}" is nullable`,
    );
  }
}

function indexOf(session: SessionContext, table: TableDescriptor, name: string): IndexDescriptor {
  const {catalog} = session.transaction;
  const found = catalog.relationByName(table.schema, name);
  if (found === undefined)
    throw new PgError(
      SqlState.undefinedObject,
      `index "${name}" for table "${table.name}" does not exist`,
    );
  if (found.kind !== 'index')
    throw new PgError(SqlState.wrongObjectType, `"${name}" is not an index`);
  if (found.table !== table.oid)
    throw new PgError(
      SqlState.wrongObjectType,
      `"${name}" is not an index for table "${table.name}"`,
    );
  return found;
}

/** At most one index of a table has the mark. */
function mark(
  session: SessionContext,
  table: TableDescriptor,
  name: 'isClustered' | 'isReplicaIdentity',
  marked: IndexDescriptor | null,
): void {
  for (const index of session.transaction.catalog.indexesOf(table.oid)) {
    const isMarked = index.oid === marked?.oid;
    if ((index[name] ?? false) !== isMarked) change(session, puts({...index, [name]: isMarked}));
  }
}
