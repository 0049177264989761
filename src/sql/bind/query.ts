import type {SelectStmt} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import {INTO_NOT_ALLOWED, intoClause} from './into.ts';
import type {Binding} from './binding.ts';
import type {Binders, QueryOptions} from './block.ts';
import type {BoundQuery} from './logical.ts';
import {bindSelect} from './select.ts';
import {bindSetOperation} from './set-operation.ts';
import {bindValues} from './values.ts';
import {bindWith} from './with.ts';

/** Binds a SELECT, VALUES or set operation with its WITH clause. */
export function bindQuery(
  binding: Binding,
  binders: Binders,
  statement: SelectStmt,
  options: QueryOptions,
): BoundQuery {
  rejectInto(binding, statement);
  if (statement.withClause === undefined) return bindBody(binding, binders, statement, options);
  const {ctes, scope} = bindWith(binding, binders, statement.withClause, options);
  const {withClause: _with, ...rest} = statement;
  const query = bindBody(binding, binders, rest, {...options, ctes: scope});
  return {node: {kind: 'with', ctes, body: query.node}, columns: query.columns};
}

/** 42601 for INTO of a query that is part of a statement. */
function rejectInto(binding: Binding, statement: SelectStmt): void {
  const into = intoClause(statement);
  if (into === null) return;
  throw binding.error(SqlState.syntaxError, INTO_NOT_ALLOWED, into.rel?.location);
}

function bindBody(
  binding: Binding,
  binders: Binders,
  statement: SelectStmt,
  options: QueryOptions,
): BoundQuery {
  if ((statement.op ?? 'SETOP_NONE') !== 'SETOP_NONE')
    return bindSetOperation(binding, binders, statement, options);
  if (statement.valuesLists !== undefined) return bindValues(binding, binders, statement, options);
  return bindSelect(binding, binders, statement, options);
}
