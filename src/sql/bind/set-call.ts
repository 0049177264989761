import {featureNotSupported} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SetFunctionCall} from '../plan/plan.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import {requireCode} from './calls.ts';
import {coerce, compositeColumns} from './coerce.ts';
import type {ResolvedCall} from './call-resolution.ts';
import {bindBody} from './function-body.ts';
import {runsInSession} from './session-function.ts';
import {strictRows} from './strict-body.ts';
import type {BoundQuery, LogicalColumn} from './logical.ts';
import {resolvePolymorphic} from './polymorphic.ts';
import {isPolymorphic, TypeOid} from './type-oids.ts';

/** A result column of a function. */
export interface ResultField {
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
}

/** The fields that a function yields: its OUT columns, those of its row type, or null for a scalar (or an undeclared record). */
export function resultFields(binding: Binding, call: ResolvedCall): readonly ResultField[] | null {
  const {row, type} = call;
  if (row.argModes !== '') {
    const fields: ResultField[] = [];
    for (let index = 0; index < row.allArgTypes.length; index++) {
      const mode = row.argModes[index]!;
      if (!'obt'.includes(mode)) continue;
      fields.push({
        name: row.argNames[index] || `column${fields.length + 1}`,
        type: outType(binding, call, row.allArgTypes[index]!),
        typmod: -1,
      });
    }
    if (fields.length > 1 || type.oid === TypeOid.record) return fields;
    return null;
  }
  return compositeColumns(binding, type);
}

/** Type of an OUT column; a polymorphic one is what the arguments say. */
function outType(binding: Binding, call: ResolvedCall, declared: Oid): TypeInstance {
  if (!isPolymorphic(declared)) return binding.type(declared);
  return resolvePolymorphic(
    binding,
    call.args.map(arg => arg.type),
    call.row.argTypes,
    declared,
  ).result;
}

/** The plan's description of a set-returning call. */
export function setFunction(
  binding: Binding,
  call: ResolvedCall,
  fields: readonly ResultField[] | null,
  location: number,
): SetFunctionCall {
  const {row} = call;
  requireCode(binding, row, 'setReturning', location);
  if (row.volatility === 'v') binding.hasVolatile = true;
  return {
    function: row.oid,
    source: row.source,
    name: row.name,
    isStrict: row.isStrict,
    args: call.args,
    columns: fields ?? [{name: row.name, type: call.type, typmod: -1}],
    returnsRow: fields !== null,
    expr: null,
  };
}

const LATERAL_HINT =
  'You might be able to move the set-returning function into a LATERAL FROM item.';

/** A set-returning function in a target list: its value is a column of a ProjectSet below. */
export function bindSetCall(block: Block, call: ResolvedCall, location: number): BoundExpr {
  const binding = block.binding;
  if (block.isInWindow)
    throw binding.error(
      SqlState.featureNotSupported,
      'window function calls cannot contain set-returning function calls',
      location,
      {hint: LATERAL_HINT},
    );
  const allowed =
    block.clause === 'SELECT' ||
    block.clause === 'ORDER BY' ||
    block.clause === 'GROUP BY' ||
    block.clause === 'DISTINCT ON' ||
    block.clause === 'INSERT' ||
    block.clause === 'RETURNING';
  if (block.clause === 'functions in FROM')
    throw binding.error(
      SqlState.featureNotSupported,
      'set-returning functions must appear at top level of FROM',
      location,
    );
  if (!allowed || block.clause === 'RETURNING') {
    throw binding.error(
      SqlState.featureNotSupported,
      `set-returning functions are not allowed in ${block.clause}`,
      location,
    );
  }
  if (block.noSetReturning !== null) {
    throw binding.error(
      SqlState.featureNotSupported,
      `set-returning functions are not allowed in ${block.noSetReturning}`,
      location,
      {
        hint: LATERAL_HINT,
      },
    );
  }
  if (block.isInAggregate) {
    throw binding.error(
      SqlState.featureNotSupported,
      'aggregate function calls cannot contain set-returning function calls',
      location,
      {
        hint: LATERAL_HINT,
      },
    );
  }
  if (call.row.sqlBody !== null && binding.trace === null) return sqlSetCall(block, call, location);
  const fields = resultFields(binding, call);
  const made = setFunction(binding, call, fields, location);
  const column = binding.newColumn(call.row.name, call.type, -1);
  if (fields !== null) binding.recordFields.set(column.id, fields);
  block.setCalls.push({depth: block.setDepth, call: {call: made, columns: [column]}, query: null});
  binding.owners.set(column.id, block.real);
  return binding.columnExpr(column, location);
}

/** A set-returning LANGUAGE sql function in a target list: its query is joined laterally to the input. */
function sqlSetCall(block: Block, call: ResolvedCall, location: number): BoundExpr {
  const binding = block.binding;
  if (runsInSession(binding, call.row))
    throw featureNotSupported(
      `set-returning SQL function ${call.row.name} with a body other than one SELECT is supported in FROM only`,
    );
  return binding.withoutPositions(() => {
    const body = bindBody(block, call);
    const fields = resultFields(binding, call);
    const wanted = fields ?? [{name: call.row.name, type: call.type, typmod: -1}];
    const outputs = body.columns.slice(0, wanted.length).map((column, index) => {
      const field = wanted[index]!;
      const expr = coerce(binding, binding.columnExpr(column), field.type, {context: 'assignment'});
      return {column: binding.newColumn(field.name, field.type, field.typmod), expr};
    });
    const columns = outputs.map(output => output.column);
    const value = fields === null ? columns[0]! : rowColumn(binding, call, outputs);
    const read = fields === null ? columns : [...columns, value];
    const query: BoundQuery = {
      node: {kind: 'compute', input: strictRows(binding, call, body.node), outputs},
      columns: read.map(column => ({...column, tableOid: oid(0), attnum: 0})),
    };
    const none = {
      function: call.row.oid,
      source: '',
      name: call.row.name,
      isStrict: false,
      args: [],
      columns: [],
      returnsRow: false,
      expr: null,
    };
    block.setCalls.push({depth: block.setDepth, call: {call: none, columns: read}, query});
    for (const column of read) binding.owners.set(column.id, block.real);
    return binding.columnExpr(value, location);
  });
}

/** The row of a function as one more output: beside a function with more rows it is NULL, not a row of NULLs. */
function rowColumn(
  binding: Binding,
  call: ResolvedCall,
  outputs: {column: LogicalColumn; expr: BoundExpr}[],
): LogicalColumn {
  const fields = outputs.map(({expr}) => expr);
  const column = binding.newColumn(call.row.name, call.type, -1);
  binding.recordFields.set(
    column.id,
    outputs.map(({column: {name, type, typmod}}) => ({name, type, typmod})),
  );
  outputs.push({column, expr: {kind: 'row', type: call.type, typmod: -1, location: -1, fields}});
  return column;
}
