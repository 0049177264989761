import {featureNotSupported, PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import {coerce} from './coerce.ts';
import type {ResolvedCall} from './call-resolution.ts';
import {bindBody} from './function-body.ts';
import {errorType} from './display-type.ts';
import type {BoundQuery, SubqueryExpr} from './logical.ts';
import {resultFields, type ResultField} from './set-call.ts';
import {runsInSession, sessionCall} from './session-function.ts';
import {checkStrictSubquery, strictArguments} from './strict-body.ts';
import {TypeOid} from './type-oids.ts';

/**
 * A LANGUAGE sql function is bound in place: a body that is a lone expression becomes that expression, any other SELECT a scalar subquery
 * over the arguments.
 */
export function inlineSqlFunction(block: Block, call: ResolvedCall, location: number): BoundExpr {
  const binding = block.binding;
  const {row} = call;
  if (runsInSession(binding, row)) return sessionCall(binding, call, location);
  return binding.withoutPositions(() => {
    const strict = strictArguments(binding, call);
    const fields = resultFields(binding, call);
    const query = asRow(binding, call, bindBody(block, {...call, args: strict.args}), fields);
    const column = query.columns[0];
    if (column === undefined) throw featureNotSupported(`function ${row.name} returns nothing`);
    const lone = loneExpression(query);
    if (lone !== null) return strict.wrap(returned(binding, lone, call.type, location));
    checkStrictSubquery(call);
    const value = binding.newColumn(row.name, column.type, column.typmod);
    if (fields !== null) binding.recordFields.set(value.id, fields);
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
    return returned(binding, binding.columnExpr(value, location), call.type, location);
  });
}

/** The body's value as the function's: converted as in an assignment, else 42P13; of void nothing but that it was computed. */
function returned(
  binding: Binding,
  value: BoundExpr,
  type: TypeInstance,
  location: number,
): BoundExpr {
  if (type.oid === TypeOid.void) {
    const nothing = binding.constant(type, null);
    const bool = {type: binding.boolType, typmod: -1, location: -1};
    const condition: BoundExpr = {
      ...{kind: 'nullTest', ...bool, arg: value},
      ...{negated: false, isRow: false},
    };
    return {
      ...{kind: 'case', type, typmod: -1, location: -1},
      ...{whens: [{condition, result: nothing}], otherwise: nothing},
    };
  }
  try {
    return coerce(binding, value, type, {context: 'assignment', location});
  } catch (error) {
    if (!(error instanceof PgError) || error.code !== SqlState.cannotCoerce) throw error;
    throw new PgError(
      SqlState.invalidFunctionDefinition,
      `return type mismatch in function declared to return ${errorType(type)}`,
      {detail: `Actual return type is ${errorType(value.type)}.`},
    );
  }
}

/** A body whose columns are those of the function's row as a query for the row itself; one that gives the row stays. */
function asRow(
  binding: Binding,
  call: ResolvedCall,
  body: BoundQuery,
  fields: readonly ResultField[] | null,
): BoundQuery {
  if (fields === null) return body;
  if (body.columns.length === 1 && body.columns[0]!.type.oid === call.type.oid) return body;
  if (body.columns.length !== fields.length)
    throw featureNotSupported(
      `SQL function ${call.row.name} whose body returns rows of another shape is not supported`,
    );
  const row: BoundExpr = {
    kind: 'row',
    type: call.type,
    typmod: -1,
    location: -1,
    fields: fields.map((field, at) =>
      coerce(binding, binding.columnExpr(body.columns[at]!), field.type, {context: 'assignment'}),
    ),
  };
  const column = binding.newColumn(call.row.name, call.type, -1);
  return {
    node: {kind: 'compute', input: body.node, outputs: [{column, expr: row}]},
    columns: [{...column, tableOid: oid(0), attnum: 0}],
  };
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
