import type {DeallocateStmt, ExecuteStmt, PrepareStmt} from '@pgsql/types';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {bindScalarExpression} from '../../sql/bind/scalar.ts';
import {resolveTypeName} from '../../sql/bind/type-name.ts';
import type {Datum} from '../../types/contract.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import type {PreparedStatement, SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';

/** PREPARE name [(types)] AS statement. */
export function prepareCommand({session, node, statement}: CommandInput<PrepareStmt>): Execution {
  return new CommandExecution(async () => {
    const name = node.name ?? '';
    if (session.extended.statements.has(name)) {
      throw new PgError(
        SqlState.duplicatePreparedStatement,
        `prepared statement "${name}" already exists`,
      );
    }
    const context = session.planner.context([]);
    const types: Oid[] = (node.argtypes ?? []).map(type =>
      'TypeName' in type ? resolveTypeName(type.TypeName, context).type.oid : (0 as Oid),
    );
    const body = {...statement, ast: node.query ?? null, custom: null};
    const prepare = (): PreparedStatement =>
      session.planner.prepare(name, statementText(session), body, types, true);
    // Analysis locks the tables: while others hold them, and may change them, the statement has no meaning yet.
    let prepared = prepare();
    while (prepared.entry !== null) {
      const locking = session.lockTables(prepared.entry.plan);
      if (locking === undefined) break;
      await locking;
      prepared = prepare();
    }
    session.extended.statements.set(name, prepared);
    return 'PREPARE';
  });
}

/** pg_prepared_statements shows the whole PREPARE command. */
function statementText(session: SessionContext): string {
  return session.activity.query;
}

/** The prepared statement of a name; 26000. */
export function preparedStatement(session: SessionContext, name: string): PreparedStatement {
  const found = session.extended.statements.get(name);
  if (found === undefined)
    throw new PgError(
      SqlState.invalidSqlStatementName,
      `prepared statement "${name}" does not exist`,
    );
  return found;
}

/** EXECUTE name (arguments): runs as the prepared statement would, with its tag. */
export function executeCommand({session, node}: CommandInput<ExecuteStmt>): Execution {
  const prepared = preparedStatement(session, node.name ?? '');
  return session.planner.executionOf(prepared, executeArguments(session, prepared, node));
}

/** The values of EXECUTE's arguments (42601 when their number is wrong). */
export function executeArguments(
  session: SessionContext,
  prepared: PreparedStatement,
  node: ExecuteStmt,
): Datum[] {
  const given = node.params ?? [];
  const wanted = prepared.parameterTypes;
  if (given.length !== wanted.length) {
    throw new PgError(
      SqlState.syntaxError,
      `wrong number of parameters for prepared statement "${prepared.name}"`,
      {
        detail: `Expected ${wanted.length} parameters but got ${given.length}.`,
      },
    );
  }
  const context = session.planner.context([]);
  return given.map((expr, i) => {
    const bound = bindScalarExpression(expr, context, {
      columns: [],
      target: {type: wanted[i]!, typmod: -1},
    });
    return session.planner.evaluate(bound, []);
  });
}

/** DEALLOCATE name | ALL. */
export function deallocateCommand({session, node}: CommandInput<DeallocateStmt>): Execution {
  return new CommandExecution(() => {
    if (node.name === undefined) {
      session.extended.deallocateAll();
      return 'DEALLOCATE ALL';
    }
    preparedStatement(session, node.name);
    session.extended.dropStatement(node.name);
    return 'DEALLOCATE';
  });
}
