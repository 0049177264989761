import type {CreateTableAsStmt, IntoClause, Node, SelectStmt} from '@pgsql/types';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {intoClause, withoutInto} from '../../sql/bind/into.ts';
import {discardRows} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';
import {createTableAsCommand, selectIntoCommand} from './create-table-as.ts';
import {notice} from './ddl.ts';
import {tablePlacement} from './new-relation.ts';
import type {MakeExecution} from './query-rows.ts';

/** A statement that makes a table of a query: CREATE TABLE AS, CREATE MATERIALIZED VIEW, SELECT INTO. */
export interface MadeTable {
  readonly query: Node;
  readonly into: IntoClause;
  readonly isIfNotExists: boolean;
  readonly isMaterializedView: boolean;
  readonly node:
    | {readonly CreateTableAsStmt: CreateTableAsStmt}
    | {readonly SelectStmt: SelectStmt};
}

/** What EXPLAIN was given, if it makes a table. */
export function madeTable(ast: Node | null): MadeTable | null {
  if (ast === null) return null;
  if ('CreateTableAsStmt' in ast) {
    const {query, into, if_not_exists: isIfNotExists, objtype} = ast.CreateTableAsStmt;
    return {
      query: query!,
      into: into ?? {},
      isIfNotExists: isIfNotExists === true,
      isMaterializedView: objtype === 'OBJECT_MATVIEW',
      node: ast,
    };
  }
  if (!('SelectStmt' in ast)) return null;
  const into = intoClause(ast.SelectStmt);
  if (into === null) return null;
  const query = {SelectStmt: withoutInto(ast.SelectStmt)};
  return {query, into, isIfNotExists: false, isMaterializedView: false, node: ast};
}

/** Whether the table is there already and may be: nothing is explained then. 42P07 when it may not. */
export function isThere(session: SessionContext, made: MadeTable, text: string): boolean {
  const {schema, name} = tablePlacement(session, made.into.rel ?? {}, text);
  if (session.transaction.catalog.relationByName(schema.oid, name) === undefined) return false;
  const message = `relation "${name}" already exists`;
  if (!made.isIfNotExists) throw new PgError(SqlState.duplicateTable, message);
  notice(session, `${message}, skipping`, {}, SqlState.duplicateTable);
  return true;
}

/** Makes the table; `execute` makes what fills it. */
export async function makeTable(
  input: CommandInput<unknown>,
  {node}: MadeTable,
  execute: MakeExecution,
): Promise<void> {
  const execution =
    'SelectStmt' in node
      ? selectIntoCommand({...input, node: node.SelectStmt}, execute)
      : createTableAsCommand({...input, node: node.CreateTableAsStmt}, execute);
  try {
    await execution.run(Infinity, discardRows);
  } finally {
    execution.close();
  }
}
