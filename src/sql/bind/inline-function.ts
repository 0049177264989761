import {featureNotSupported} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import {coerce} from './coerce.ts';
import type {ResolvedCall} from './call-resolution.ts';
import type {BoundQuery, SubqueryExpr} from './logical.ts';
import {queryAst} from './parsed-text.ts';
import {checkStrictSubquery, strictArguments} from './strict-body.ts';
import {noteCall, parameterNamesOf, withSubstitutes} from './substitutes.ts';

/**
 * A LANGUAGE sql function is bound in place: a body that is a lone expression becomes that expression, any other SELECT a scalar subquery
 * over the arguments.
 */
export function inlineSqlFunction(block: Block, call: ResolvedCall, location: number): BoundExpr {
  const binding = block.binding;
  const {row} = call;
  return binding.withoutPositions(() => {
    const strict = strictArguments(binding, call);
    const query = bindBody(block, {...call, args: strict.args});
    const column = query.columns[0];
    if (column === undefined) throw featureNotSupported(`function ${row.name} returns nothing`);
    const lone = loneExpression(query);
    if (lone !== null)
      return strict.wrap(coerce(binding, lone, call.type, {context: 'assignment', location}));
    checkStrictSubquery(call);
    const value = binding.newColumn(row.name, column.type, column.typmod);
    const limit = binding.constant(binding.type(20 as never), 1n);
    const one: BoundQuery = {
      node: {kind: 'limit', input: query.node, limit, offset: null, tieKeys: null},
      columns: query.columns,
    };
    const subquery: SubqueryExpr = {
      column: value,
      query: one,
      mode: 'scalar',
      test: null,
      guard: strict.guard,
    };
    block.subqueries.push(subquery);
    return coerce(binding, binding.columnExpr(value, location), call.type, {
      context: 'assignment',
      location,
    });
  });
}

/** The body's query with the arguments in place of its parameters. */
export function bindBody(block: Block, call: ResolvedCall): BoundQuery {
  const binding = block.binding;
  const {row} = call;
  const text = row
    .sqlBody!.trim()
    .replace(/^BEGIN ATOMIC\s+/i, '')
    .replace(/;?\s*END$/i, '')
    .replace(/^RETURN\s/i, 'SELECT ')
    .replace(/;\s*$/, '');
  const ast = queryAst(binding, text);
  if (!('SelectStmt' in ast))
    throw featureNotSupported(
      `SQL function ${row.name} with a body other than one SELECT is not supported`,
    );
  noteCall(binding, row.oid);
  return withSubstitutes(
    binding,
    call.args,
    parameterNamesOf(row),
    () =>
      asDefiner(binding, row.oid, () =>
        block.binders.query(binding, ast.SelectStmt, {
          parent: block,
          ctes: null,
          resolveUnknown: true,
        }),
      ),
    row.name,
  );
}

/** The body of a SECURITY DEFINER function has its owner's rights and is under his policies; he is its current_user. */
function asDefiner<T>(binding: Binding, fn: Oid, work: () => T): T {
  const descriptor = binding.context.catalog.get('function', fn);
  if (descriptor?.kind !== 'function' || !descriptor.isSecurityDefiner) return work();
  const {asRole, definer} = binding;
  binding.asRole = descriptor.owner;
  binding.definer = descriptor.owner;
  try {
    return work();
  } finally {
    binding.asRole = asRole;
    binding.definer = definer;
  }
}

/** The expression of a query that is only a target list. */
function loneExpression(query: BoundQuery): BoundExpr | null {
  const node = query.node;
  if (
    node.kind !== 'compute' ||
    node.input.kind !== 'values' ||
    node.input.columns.length > 0 ||
    node.input.rows.length !== 1
  )
    return null;
  return node.outputs.find(output => output.column.id === query.columns[0]!.id)?.expr ?? null;
}
