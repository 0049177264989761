import type {Node} from '@pgsql/types';
import {intoClause} from '../../sql/bind/into.ts';
import {featureNotSupported, type PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import type {ParsedStatement} from '../../sql/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandMaker} from './command-types.ts';
import {commandTable} from './table.ts';
import {customCommand} from './custom.ts';
import {statementWords} from './statement-words.ts';

type NodeName = Node extends infer U ? (U extends unknown ? keyof U : never) : never;

/** Statements that are planned, not commands. */
const PLANNED: ReadonlySet<string> = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

/** The execution of a utility statement; null when the statement is a query to be planned. */
export function makeCommand(
  session: SessionContext,
  statement: ParsedStatement,
  params: readonly Datum[],
  parameterTypes: readonly Oid[] = [],
): Execution | null {
  if (statement.custom !== null) {
    const custom = customCommand({
      session,
      node: statement.custom,
      statement,
      params,
      parameterTypes,
    });
    if (custom !== null) return custom;
  }
  const {ast} = statement;
  if (ast === null) throw featureNotSupported('this statement is not supported');
  const name = Object.keys(ast)[0] as NodeName;
  if (PLANNED.has(name)) return null;
  if ('SelectStmt' in ast && intoClause(ast.SelectStmt) === null) return null;
  const make = (commandTable as Readonly<Record<string, CommandMaker<never> | undefined>>)[name];
  if (make === undefined) throw unsupported(name);
  const node = (ast as Record<string, unknown>)[name] as never;
  return make({session, node, statement, params, parameterTypes});
}

function unsupported(name: string): PgError {
  return featureNotSupported(`${statementWords(name)} is not supported`);
}
