import type {SelectStmt} from '@pgsql/types';
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
  if (statement.withClause === undefined) return bindBody(binding, binders, statement, options);
  const {ctes, scope} = bindWith(binding, binders, statement.withClause, options);
  const {withClause: _with, ...rest} = statement;
  const query = bindBody(binding, binders, rest, {...options, ctes: scope});
  return {node: {kind: 'with', ctes, body: query.node}, columns: query.columns};
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
