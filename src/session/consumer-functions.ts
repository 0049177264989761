import {policiesBind} from '../catalog/row-security.ts';
import {featureNotSupported, PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {SetFunctionCode} from '../functions/contract.ts';
import {jsonText} from '../functions/json-build.ts';
import {quoteJson} from '../types/jsonb.ts';
import type {ConsumerSource} from '../live/consumer-groups.ts';
import {isMemoryTable} from '../live/memory-log.ts';
import type {TableStorage} from '../storage/contract.ts';
import type {Datum} from '../types/contract.ts';
import {recordCrossing} from './crossing.ts';
import {SessionEvalContext} from './eval-context.ts';
import {checkObject, checkPlanPrivileges, checkSchemaUsage} from './privileges.ts';
import {hasServiceRight} from './run-context.ts';
import type {SessionContext} from './session-context.ts';

/** system.ack(group, table, seq). */
export function acknowledge(session: SessionContext, args: readonly unknown[]): Datum {
  const [group, table, seq] = args as readonly [Oid, Oid, Seq];
  const source = sourceOf(session, group, table);
  return session.engine.live.consumers.acknowledge(source, seq);
}

/** system.consume(group, table, max_changes, visibility_seconds): whole commits for one consumer of the group. */
export const consumeFunction: SetFunctionCode = {
  create: () => (args: readonly Datum[], context) => {
    if (!(context instanceof SessionEvalContext) || args.includes(null))
      return [][Symbol.iterator]();
    const [group, table, max, seconds] = args as readonly [Oid, Oid, number, number];
    return consume(context.boundSession, {group, table, max, seconds})[Symbol.iterator]();
  },
};

function consume(
  session: SessionContext,
  asked: {readonly group: Oid; readonly table: Oid; readonly max: number; readonly seconds: number},
): Datum[][] {
  const {group, max, seconds} = asked;
  if (max < 1 || seconds < 1)
    throw new PgError(
      SqlState.invalidParameterValue,
      'max_changes and visibility_seconds must be greater than zero',
    );
  const source = sourceOf(session, group, asked.table);
  const {table} = source;
  const {catalog} = session.transaction;
  if (table.kind === 'user' && source.owner === null)
    recordCrossing(session, {
      action: 'read all owners',
      subject: null,
      target: `${table.namespace}.${table.name}`,
    });
  const rows: Datum[][] = [];
  for (const {seq, parts} of session.engine.live.consumers.take(source, max, seconds * 1000)) {
    for (const part of parts) {
      if (part.table.oid !== table.oid) continue;
      const user = table.kind === 'user' ? (catalog.roleByOid(part.owner)?.name ?? null) : null;
      if (part.isTruncate) rows.push([seq, 'truncate', user, null, null]);
      for (const {op, newRow, oldRow} of part.changes)
        rows.push([
          ...[seq, op, user],
          ...[rowText(session, part.table, newRow), rowText(session, part.table, oldRow)],
        ]);
    }
  }
  return rows;
}

function rowText(
  session: SessionContext,
  table: TableStorage,
  row: readonly Datum[] | null,
): string | null {
  if (row === null) return null;
  const context = {lookup: session.transaction.catalog, settings: session.evalContext.format};
  const fields = table.columns.map(
    (column, index) =>
      `${quoteJson(column.name)}:${jsonText(row[index] ?? null, column.type, context)}`,
  );
  return `{${fields.join(',')}}`;
}

/** What a group reads, when the role may: UPDATE on the sequence, SELECT on the whole table. */
function sourceOf(session: SessionContext, group: Oid, table: Oid): ConsumerSource {
  const {catalog} = session.transaction;
  const role = session.currentRole;
  const sequence = catalog.relationByOid(group);
  if (sequence?.kind !== 'sequence')
    throw new PgError(SqlState.wrongObjectType, `"${sequence?.name ?? group}" is not a sequence`, {
      hint: 'A consumer group is a sequence: CREATE SEQUENCE name MINVALUE 0.',
    });
  session.assertWritable('system.consume()');
  checkSchemaUsage(catalog, role, sequence.schema);
  checkObject(catalog, role, 's', sequence, 'w', 'sequence');
  const found = catalog.tableByOid(table);
  if (found === undefined)
    throw new PgError(SqlState.wrongObjectType, `relation with OID ${table} is not a table`);
  checkSchemaUsage(catalog, role, found.schema);
  const columns = found.columns.filter(column => !column.isDropped).map(column => column.attnum);
  const privilege = {relation: table, columns, privilege: 'r', asRole: 0 as Oid} as const;
  checkPlanPrivileges(catalog, role, [privilege]);
  if (policiesBind(catalog, found, role, 'on'))
    throw featureNotSupported('consumers of a table with row-level security are not supported');
  const storage = session.storages.get(catalog, table);
  if (isMemoryTable(storage))
    throw featureNotSupported('consumers of stream and temporary tables are not supported');
  const isAll = storage.kind !== 'user' || hasServiceRight(catalog, role);
  const owner = isAll ? null : session.effectiveOwner;
  return {group, groupName: sequence.name, table: storage, owner};
}
