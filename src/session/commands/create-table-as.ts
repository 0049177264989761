import type {CreateTableAsStmt, IntoClause, Node, SelectStmt} from '@pgsql/types';
import type {Batch} from '../../columns/batch.ts';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {assert, featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {readRow} from '../../exec/column-store.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {OwnerId} from '../../common/ids.ts';
import type {Execution, RowReceiver} from '../execution.ts';
import type {QueryPlan} from '../../sql/plan/plan.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import {StoredPlan} from '../plan-store.ts';
import type {PlanEntry, SessionContext} from '../session-context.ts';
import {stringList} from './ast-values.ts';
import type {CommandInput} from './command-types.ts';
import {putTable} from './create-table.ts';
import {ddlExecution, newOid, newTypePair, notice} from './ddl.ts';
import {newObjectAcl} from './default-privileges.ts';
import {tablePlacement} from './new-relation.ts';
import {readOptions, tableOptions} from './table-options.ts';
import {viewColumns} from './view.ts';

/** CREATE TABLE AS. */
export function createTableAsCommand({
  session,
  node,
  statement,
  params,
}: CommandInput<CreateTableAsStmt>): Execution {
  if (node.objtype !== 'OBJECT_TABLE')
    throw featureNotSupported('materialized views are not supported');
  const query = node.query;
  if (query === undefined || 'ExecuteStmt' in query)
    throw featureNotSupported('CREATE TABLE AS EXECUTE is not supported');
  return makeTableAs(session, {
    statement,
    query,
    into: node.into ?? {},
    params,
    isIfNotExists: node.if_not_exists === true,
  });
}

/** SELECT ... INTO table. */
export function selectIntoCommand({
  session,
  node,
  statement,
  params,
}: CommandInput<SelectStmt>): Execution {
  const {intoClause, ...query} = node;
  return makeTableAs(session, {
    statement,
    query: {SelectStmt: query},
    into: intoClause ?? {},
    params,
    isIfNotExists: false,
  });
}

interface TableAs {
  readonly statement: ParsedStatement;
  readonly query: Node;
  readonly into: IntoClause;
  readonly params: readonly Datum[];
  readonly isIfNotExists: boolean;
}

function makeTableAs(session: SessionContext, made: TableAs): Execution {
  return ddlExecution(session, 'CREATE TABLE AS', async () => {
    const {into, statement} = made;
    if (
      into.onCommit !== undefined &&
      into.onCommit !== 'ONCOMMIT_NOOP' &&
      into.onCommit !== 'ONCOMMIT_PRESERVE_ROWS'
    ) {
      throw featureNotSupported('ON COMMIT DROP and ON COMMIT DELETE ROWS are not supported');
    }
    const plan = await lockedPlan(session, made);
    const entry = new StoredPlan(plan, session.transaction.catalog, session.planner.roleKey);
    const {schema, name, persistence} = tablePlacement(session, into.rel ?? {}, statement.text);
    if (session.transaction.catalog.relationByName(schema.oid, name) !== undefined) {
      if (!made.isIfNotExists)
        throw new PgError(SqlState.duplicateTable, `relation "${name}" already exists`);
      notice(session, `relation "${name}" already exists, skipping`, {}, SqlState.duplicateTable);
      return undefined;
    }
    const custom = statement.custom?.kind === 'createTable' ? statement.custom : null;
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
      columns: viewColumns(plan, stringList(into.colNames), 'too many column names were specified'),
      rowType: newTypePair(session),
      schemaVersion: 1,
      options: options.options,
      ttlMs: options.ttlMs,
      rowSecurity: false,
      forceRowSecurity: false,
    };
    putTable(session, table, [], []);
    return into.skipData === true
      ? 'CREATE TABLE AS'
      : `SELECT ${await fill(session, table, entry, made.params)}`;
  });
}

/** The query's plan with its tables locked: planned again as long as others held them, who may have changed them. */
async function lockedPlan(session: SessionContext, made: TableAs): Promise<QueryPlan> {
  for (;;) {
    const {plan} = planStatement(
      {ast: made.query, text: made.statement.text},
      session.planner.context([]),
    );
    const waiting = session.lockTables(plan);
    if (waiting === undefined) return plan;
    await waiting;
  }
}

/** Runs the query into the new table; returns the number of rows. */
async function fill(
  session: SessionContext,
  table: TableDescriptor,
  entry: PlanEntry,
  params: readonly Datum[],
): Promise<number> {
  const {transaction, storages} = session;
  const storage = storages.get(transaction.catalog, table.oid);
  const owner: OwnerId = table.tableKind === 'shared' ? (0 as OwnerId) : session.effectiveOwner;
  let count = 0;
  const receiver: RowReceiver = {
    rows(batch: Batch): void {
      const rows: Datum[][] = [];
      for (let i = 0; i < batch.count; i++) {
        const row: Datum[] = [];
        readRow(batch, i, row);
        rows.push(row.slice(0, storage.columns.length));
      }
      const {taken, result} = transaction.tx.insertMany(storage, rows, owner, 0);
      assert(
        result === 'done' && taken === rows.length,
        'a new table has no keys and no other writers',
      );
      count += taken;
    },
    isFull: false,
    drained: () => Promise.resolve(),
  };
  const execution = session.executePlan(entry, params, []);
  try {
    await execution.run(Infinity, receiver);
  } finally {
    execution.close();
  }
  return count;
}
