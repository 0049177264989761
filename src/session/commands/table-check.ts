import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {splitName} from '../../catalog/reg-names.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import {checkKeys} from '../../storage/backup/check-keys.ts';
import type {Execution} from '../execution.ts';
import {checkOwner, checkSchemaUsage} from '../privileges.ts';
import {isMaintainer} from '../run-context.ts';
import type {SessionContext} from '../session-context.ts';
import {finishWork, oneRow, type Started, startWork} from './backup.ts';
import {findTable} from './find-relation.ts';
import {bodyRange} from './storage.ts';

/** STORAGE CHECK TABLE t: the checks of fsck that are about one table. */
export function tableCheckCommand(session: SessionContext, statement: ParsedStatement): Execution {
  const columns = [
    ['table_name', 'text'],
    ['status', 'text'],
    ['segments', 'int8'],
    ['error', 'text'],
  ] as const;
  const load = async () => {
    const table = findTable(session, bodyRange(statement));
    const started = startTableCheck(session, table);
    const segments = session.engine.storage.segments().filter(each => each.table === table.oid);
    const findings = await finishWork(session, started);
    return [
      table.name,
      findings.length === 0 ? 'healthy' : 'damaged',
      BigInt(segments.length),
      findings.length === 0 ? null : findings.join('\n'),
    ];
  };
  return oneRow(session, columns, load, 'STORAGE CHECK');
}

/** Starts a check of a table: by its owner, or whoever keeps the server. */
export function startTableCheck(
  session: SessionContext,
  table: TableDescriptor,
): Started<readonly string[]> {
  const {catalog} = session.transaction;
  if (!isMaintainer(catalog, session.currentRole))
    checkOwner(catalog, session.currentRole, table, 'table');
  const {storage} = session.engine;
  const stored = session.engine.storages.of(catalog, table);
  return startWork(session, 'fsck', async control => {
    const findings = [...(await storage.admin.checkTable(table.oid, control))];
    control.signal.throwIfAborted();
    findings.push(...(await checkKeys(storage, stored)));
    const message = findings.length === 0 ? 'no finding' : `${findings.length} findings`;
    return {message: `${stored.namespace}.${table.name}: ${message}`, value: findings};
  });
}

/** The table of a name as regclass reads it. */
export function tableNamed(session: SessionContext, text: string): TableDescriptor {
  const parts = splitName(text);
  if (parts.length > 2)
    throw new PgError(
      SqlState.invalidName,
      `improper relation name (too many dotted names): ${text}`,
    );
  const table = findTable(
    session,
    parts.length === 2 ? {schemaname: parts[0]!, relname: parts[1]!} : {relname: parts[0]!},
  );
  checkSchemaUsage(session.transaction.catalog, session.currentRole, table.schema);
  return table;
}
