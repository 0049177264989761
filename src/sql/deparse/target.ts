import type {SelectStmt} from '@pgsql/types';
import type {NameScope} from '../../catalog/names.ts';
import {bindStatementWith, newBinding} from '../bind/statement.ts';
import type {BindContext} from '../contract.ts';
import {QueryPrinter} from './query.ts';
import {QueryTrace} from './query-trace.ts';

/**
 * The one target of a SELECT from one table as pg_get_expr prints an expression over that table (a policy): its own columns without
 * the table's name, unless in a subquery.
 */
export function deparseTarget(
  ast: {readonly SelectStmt: SelectStmt},
  text: string,
  context: BindContext,
  scope: NameScope,
): string {
  const trace = new QueryTrace();
  const binding = newBinding(context, text);
  binding.trace = trace;
  bindStatementWith(binding, ast);
  const printer = new QueryPrinter(trace, scope, context, true);
  printer.target(ast.SelectStmt);
  return printer.out.text;
}
