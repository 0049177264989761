import type {CreateTableAsStmt} from '@pgsql/types';
import type {MaterializedView} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {QueryPlan} from '../../sql/plan/plan.ts';
import type {Execution} from '../execution.ts';
import {StoredPlan} from '../plan-store.ts';
import type {SessionContext} from '../session-context.ts';
import {stringList} from './ast-values.ts';
import {putTable} from './create-table.ts';
import {ddlExecution, newOid, newTypePair, notice} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {storedQuery} from './definition-binding.ts';
import {tablePlacement} from './new-relation.ts';
import {fillTable, lockedPlan, type MakeExecution} from './query-rows.ts';
import {readOptions, tableOptions} from './table-options.ts';
import {isTemporaryRelation, rejectQueries, viewColumns} from './view.ts';
import {claimTableName} from './claim-name.ts';

/** CREATE MATERIALIZED VIEW [IF NOT EXISTS] name [(columns)] [WITH (options)] AS query [WITH [NO] DATA]. */
export function createMaterializedView(
  session: SessionContext,
  node: CreateTableAsStmt,
  statement: ParsedStatement,
  execute?: MakeExecution,
): Execution {
  return ddlExecution(session, 'CREATE MATERIALIZED VIEW', async () => {
    const {query, into = {}} = node;
    if (query === undefined || !('SelectStmt' in query))
      throw featureNotSupported('CREATE MATERIALIZED VIEW of this statement is not supported');
    rejectQueries(query, 'materialized views must not use');
    const plan = await lockedPlan(
      session,
      {ast: query, text: statement.text},
      [],
      into.skipData === true,
    );
    checkPlan(session, plan, into.rel?.relpersistence === 'u');
    const entry = new StoredPlan(plan, session.transaction.catalog, session.planner.roleKey);
    const {schema, name} = tablePlacement(session, into.rel ?? {}, statement.text);
    if (session.transaction.catalog.relationByName(schema.oid, name) !== undefined) {
      if (node.if_not_exists !== true)
        throw new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
      notice(session, `relation "${name}" already exists, skipping`, {}, SqlState.duplicateTable);
      return undefined;
    }
    await claimTableName(session, schema.oid, name);
    const names = stringList(into.colNames);
    const columns = viewColumns(session, plan, names, 'too many column names were specified');
    const columnNames = columns.map(column => column.name);
    const isPopulated = into.skipData !== true;
    const table: MaterializedView = {
      kind: 'table',
      oid: newOid(session),
      name,
      owner: session.currentRole,
      acl: newObjectAcl(session, 'r', schema.oid, session.currentRole),
      comment: null,
      schema: schema.oid,
      tableKind: 'shared',
      persistence: 'p',
      columns,
      rowType: newTypePair(session),
      schemaVersion: 1,
      options: sharedOptions(session, into.options),
      ttlMs: 0,
      rowSecurity: false,
      forceRowSecurity: false,
      materialized: {
        queryText: storedQuery(session, query, statement.text, columnNames),
        isPopulated,
      },
    };
    putTable(session, table, [], []);
    if (!isPopulated) return undefined;
    return `SELECT ${await fillTable(session, table, entry, [], execute?.(entry, []))}`;
  });
}

function checkPlan(session: SessionContext, plan: QueryPlan, isUnlogged: boolean): void {
  if (plan.parameterTypes.length > 0)
    throw featureNotSupported('materialized views may not be defined using bound parameters');
  if (plan.privileges.some(each => isTemporaryRelation(session, each.relation)))
    throw featureNotSupported('materialized views must not use temporary tables or views');
  if (isUnlogged) throw featureNotSupported('materialized views cannot be unlogged');
}

/** Its rows are for all who may read it: it is never a table of users' own rows. */
function sharedOptions(
  session: SessionContext,
  nodes: Parameters<typeof readOptions>[1],
): Readonly<Record<string, string>> {
  const {tableKind, options} = tableOptions(readOptions(session, nodes), null);
  if (tableKind !== 'shared')
    throw featureNotSupported(`a materialized view of type ${tableKind} is not supported`);
  return options;
}
