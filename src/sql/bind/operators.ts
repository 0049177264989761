import type {OperatorRow} from '../../catalog/contract.ts';
import type {FunctionRow} from '../../catalog/contract.ts';
import {internalError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr, CallExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {makeCall} from './calls.ts';
import {coerceImplicit} from './coerce.ts';
import {baseType} from './coercion-path.ts';
import {errorType, isTrueArray} from './display-type.ts';
import {expressionAst} from './parsed-text.ts';
import {resolvePolymorphic} from './polymorphic.ts';
import {resolveBinaryOperator, resolvePrefixOperator} from './resolve-operator.ts';
import {withSubstitutes} from './substitutes.ts';
import {TypeOid} from './type-oids.ts';

/** The function behind an operator. */
export function operatorFunction(binding: Binding, row: OperatorRow): FunctionRow {
  const found = binding.context.catalog.builtin.functionByOid(row.function);
  if (found === undefined) throw internalError(`operator ${row.name} has no function`);
  return found;
}

/** left name right, resolved and converted. */
export function binaryOperator(
  binding: Binding,
  name: string,
  left: BoundExpr,
  right: BoundExpr,
  location: number,
  schema: string | null = null,
): CallExpr {
  const row = resolveBinaryOperator(binding, name, left.type, right.type, location, schema);
  return callOperator(binding, row, [left, right], location);
}

/** name operand. */
export function prefixOperator(
  binding: Binding,
  name: string,
  operand: BoundExpr,
  location: number,
): CallExpr {
  const row = resolvePrefixOperator(binding, name, operand.type, location);
  return callOperator(binding, row, [operand], location);
}

/** A call of a resolved operator over operands of other, convertible types. */
export function callOperator(
  binding: Binding,
  row: OperatorRow,
  operands: readonly BoundExpr[],
  location: number,
): CallExpr {
  const declared = operands.length === 1 ? [row.right] : [row.left, row.right];
  const types = resolvePolymorphic(
    binding,
    operands.map(operand => operand.type),
    declared,
    row.result,
  );
  const args = operands.map((operand, index) =>
    coerceImplicit(binding, operand, types.args[index]!),
  );
  const code = operatorFunction(binding, row);
  if (code.sqlBody !== null && binding.trace === null)
    return inlineOperator(binding, code.sqlBody, args);
  return makeCall(binding, code, args, types.result, location, row.name);
}

/** An operator in LANGUAGE sql (text || anything): its body over the operands. */
function inlineOperator(binding: Binding, body: string, args: readonly BoundExpr[]): CallExpr {
  const expr = binding.withoutPositions(() =>
    withSubstitutes(binding, args, [], () =>
      binding.hooks.scalar(
        binding,
        expressionAst(binding, body.trim().replace(/^(select|return)\s/i, '')),
        {
          columns: [],
          domainValue: null,
          clause: 'SELECT',
          relationName: '',
        },
      ),
    ),
  );
  if (expr.kind !== 'call') throw internalError(`operator body: ${body}`);
  return expr;
}

/** left op ANY | ALL (array) (PostgreSQL make_scalar_array_op). */
export function scalarArrayOperator(
  binding: Binding,
  name: string,
  isAll: boolean,
  left: BoundExpr,
  array: BoundExpr,
  location: number,
): BoundExpr {
  const base = baseType(array.type);
  const isUnknownArray = base.oid === TypeOid.unknown;
  if (!isUnknownArray && !isTrueArray(base)) {
    throw binding.error(
      SqlState.wrongObjectType,
      'op ANY/ALL (array) requires array on right side',
      location,
    );
  }
  const elementType = isUnknownArray ? binding.type(TypeOid.unknown) : base.element!;
  const row = resolveBinaryOperator(binding, name, left.type, elementType, location);
  if (row.result !== TypeOid.bool) {
    throw binding.error(
      SqlState.wrongObjectType,
      'op ANY/ALL (array) requires operator to yield boolean',
      location,
    );
  }
  const types = resolvePolymorphic(
    binding,
    [left.type, elementType],
    [row.left, row.right],
    row.result,
  );
  const target = types.args[1]!;
  if (target.arrayOid === 0) {
    throw binding.error(
      SqlState.undefinedObject,
      `could not find array type for data type ${errorType(target)}`,
      location,
    );
  }
  const coercedLeft = coerceImplicit(binding, left, types.args[0]!);
  const call = makeCall(
    binding,
    operatorFunction(binding, row),
    [],
    types.result,
    location,
    row.name,
  );
  return {
    kind: 'scalarArray',
    type: binding.boolType,
    typmod: -1,
    location,
    left: coercedLeft,
    array:
      isUnknownArray || base.element!.oid !== target.oid
        ? coerceImplicit(binding, array, binding.type(target.arrayOid))
        : array,
    source: call.source,
    operatorName: row.name,
    isAll,
  };
}

/** Source (prosrc) of the function behind `left name right` and both operands converted for it. */
export function comparison(
  binding: Binding,
  name: string,
  left: BoundExpr,
  right: BoundExpr,
  location: number,
): CallExpr {
  const call = binaryOperator(binding, name, left, right, location);
  if (call.type.oid !== TypeOid.bool) {
    throw binding.error(
      SqlState.datatypeMismatch,
      `row comparison operator must yield type boolean, not type ${errorType(call.type)}`,
      location,
    );
  }
  return call;
}
