import type {CreateTableAsStmt, IntoClause, Node, SelectStmt} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {intoClause, withoutInto} from '../../sql/bind/into.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {Oid} from '../../common/ids.ts';
import type {Execution} from '../execution.ts';
import {StoredPlan} from '../plan-store.ts';
import type {SessionContext} from '../session-context.ts';
import {stringList} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {putTable} from './create-table.ts';
import {ddlExecution, newOid, newTypePair, notice} from './ddl.ts';
import {createMaterializedView} from './materialized-view.ts';
import {fillTable, lockedPlan, type MakeExecution} from './query-rows.ts';
import {newObjectAcl} from './default-privileges.ts';
import {tablePlacement} from './new-relation.ts';
import {onCommitOf} from './on-commit.ts';
import {executeArguments, preparedStatement} from './prepared.ts';
import {readOptions, tableOptions} from './table-options.ts';
import {viewColumns} from './view.ts';
import {claimTableName} from './claim-name.ts';

/** CREATE TABLE AS. */
export function createTableAsCommand(
  {session, node, statement, params, parameterTypes}: CommandInput<CreateTableAsStmt>,
  execute?: MakeExecution,
): Execution {
  if (node.objtype === 'OBJECT_MATVIEW')
    return createMaterializedView(session, node, statement, execute);
  const query = node.query!;
  const into = node.into ?? {};
  const isIfNotExists = node.if_not_exists === true;
  if ('ExecuteStmt' in query) {
    const prepared = preparedStatement(session, query.ExecuteStmt.name ?? '');
    const ast = prepared.statement?.ast ?? null;
    if (
      prepared.statement === null ||
      ast === null ||
      !session.planner.isPlannable(prepared.statement) ||
      prepared.shape === null
    )
      throw new PgError(SqlState.wrongObjectType, 'prepared statement is not a SELECT');
    return makeTableAs(session, {
      statement: prepared.statement,
      custom: statement.custom,
      query: ast,
      into,
      params: executeArguments(session, prepared, query.ExecuteStmt),
      parameterTypes: prepared.parameterTypes.map(type => type.oid),
      isIfNotExists,
      execute,
    });
  }
  return makeTableAs(session, {
    statement,
    custom: statement.custom,
    query,
    into,
    params,
    parameterTypes,
    isIfNotExists,
    execute,
  });
}

/** SELECT ... INTO table. */
export function selectIntoCommand(
  {session, node, statement, params, parameterTypes}: CommandInput<SelectStmt>,
  execute?: MakeExecution,
): Execution {
  return makeTableAs(session, {
    statement,
    custom: null,
    query: {SelectStmt: withoutInto(node)},
    into: intoClause(node) ?? {},
    params,
    parameterTypes,
    isIfNotExists: false,
    execute,
  });
}

interface TableAs {
  readonly statement: ParsedStatement;
  readonly custom: ParsedStatement['custom'];
  readonly query: Node;
  readonly into: IntoClause;
  readonly params: readonly Datum[];
  readonly parameterTypes: readonly Oid[];
  readonly isIfNotExists: boolean;
  readonly execute: MakeExecution | undefined;
}

function makeTableAs(session: SessionContext, made: TableAs): Execution {
  return ddlExecution(session, 'CREATE TABLE AS', async () => {
    const {into, statement} = made;
    const {schema, name, persistence} = tablePlacement(session, into.rel ?? {}, statement.text);
    if (session.transaction.catalog.relationByName(schema.oid, name) !== undefined) {
      if (!made.isIfNotExists)
        throw new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
      notice(session, `relation "${name}" already exists, skipping`, {}, SqlState.duplicateTable);
      return undefined;
    }
    const onCommit = onCommitOf(into.onCommit, persistence);
    await claimTableName(session, schema.oid, name);
    const query = {ast: made.query, text: statement.text};
    const plan = await lockedPlan(session, query, made.parameterTypes, into.skipData === true);
    const entry = new StoredPlan(plan, session.transaction.catalog, session.planner.roleKey);
    const custom = made.custom?.kind === 'createTable' ? made.custom : null;
    const options = tableOptions(readOptions(session, into.options), custom);
    const table: TableDescriptor = {
      kind: 'table',
      oid: newOid(session),
      name,
      owner: session.currentRole,
      acl: newObjectAcl(session, 'r', schema.oid, session.currentRole),
      comment: null,
      schema: schema.oid,
      tableKind: options.tableKind,
      persistence,
      columns: viewColumns(
        session,
        plan,
        stringList(into.colNames),
        'too many column names were specified',
      ),
      rowType: newTypePair(session),
      schemaVersion: 1,
      options: options.options,
      ttlMs: options.ttlMs,
      rowSecurity: false,
      forceRowSecurity: false,
      ...onCommit,
    };
    putTable(session, table, [], []);
    return into.skipData === true
      ? 'CREATE TABLE AS'
      : `SELECT ${await fillTable(session, table, entry, made.params, made.execute?.(entry, made.params))}`;
  });
}
