import {checkReachesAllRows} from '../all-rows.ts';
import type {TruncateStmt} from '@pgsql/types';
import {hasPrivileges} from '../../catalog/acl.ts';
import {isAuditTable} from '../../catalog/audit-table.ts';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {isMaterialized} from '../../catalog/stored-queries.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import {rejectInUse} from '../foreign-keys/table-in-use.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {loadLocked} from '../table-loading.ts';
import type {CommandInput} from './command-types.ts';
import {ddlExecution, lockFound, lockTable, notice} from './ddl.ts';
import {relationNamed} from './object-names.ts';
import {sequenceState} from './sequence-options.ts';

/** TRUNCATE tables [RESTART IDENTITY] [CASCADE]. */
export function truncateCommand({session, node}: CommandInput<TruncateStmt>): Execution {
  return ddlExecution(session, 'TRUNCATE TABLE', async () => {
    const tables = new Map<Oid, TableDescriptor>();
    for (const item of node.relations ?? []) {
      if (!('RangeVar' in item)) continue;
      const table = await lockFound(session, 'accessExclusive', () =>
        truncatable(session, relationNamed(session, item.RangeVar)),
      );
      tables.set(table.oid, table);
    }
    await addReferencing(session, tables, node.behavior === 'DROP_CASCADE');
    const {transaction, storages} = session;
    session.beginStatement(false);
    for (const table of tables.values()) {
      rejectInUse(session, table, 'TRUNCATE');
      checkReachesAllRows(session, table.oid);
    }
    for (const table of tables.values())
      transaction.tx.truncate(storages.of(transaction.catalog, table));
    session.endStatement();
    if (node.restart_seqs === true) await restartSequences(session, tables);
  });
}

function truncatable(
  session: SessionContext,
  relation: ReturnType<typeof relationNamed>,
): TableDescriptor {
  if (relation.kind === 'systemRelation' || isAuditTable(relation)) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied: "${relation.name}" is a system catalog`,
    );
  }
  if (relation.kind !== 'table' || isMaterialized(relation))
    throw new PgError(SqlState.wrongObjectType, `"${relation.name}" is not a table`);
  const target = {kind: 'r', owner: relation.owner, acl: relation.acl} as const;
  if (!hasPrivileges(session.transaction.catalog, session.currentRole, target, 'D')) {
    throw new PgError(
      SqlState.insufficientPrivilege,
      `permission denied for table ${relation.name}`,
    );
  }
  return relation;
}

/** Tables with foreign keys to the truncated ones go with them, or refuse. */
async function addReferencing(
  session: SessionContext,
  tables: Map<Oid, TableDescriptor>,
  isCascade: boolean,
): Promise<void> {
  const {catalog} = session.transaction;
  for (const table of tables.values()) {
    for (const constraint of catalog.referencingConstraints(table.oid)) {
      if (tables.has(constraint.table)) continue;
      const other = catalog.tableByOid(constraint.table)!;
      if (!isCascade) {
        throw new PgError(
          SqlState.featureNotSupported,
          'cannot truncate a table referenced in a foreign key constraint',
          {
            detail: `Table "${other.name}" references "${table.name}".`,
            hint: `Truncate table "${other.name}" at the same time, or use TRUNCATE ... CASCADE.`,
          },
        );
      }
      notice(session, `truncate cascades to table "${other.name}"`);
      await lockTable(session, other, 'accessExclusive');
      await loadLocked(session, other.oid);
      tables.set(other.oid, truncatable(session, other));
    }
  }
}

async function restartSequences(
  session: SessionContext,
  tables: ReadonlyMap<Oid, TableDescriptor>,
): Promise<void> {
  const {catalog, tx} = session.transaction;
  for (const sequence of catalog.sequences()) {
    if (!tables.has(sequence.ownedByTable)) continue;
    checkOwner(catalog, session.currentRole, sequence, 'sequence');
    await lockTable(session, sequence, 'accessExclusive');
    tx.ddl({kind: 'createSequence', oid: sequence.oid, state: sequenceState(sequence)});
  }
}
