import type {BooleanTest, CaseExpr, CoalesceExpr, MinMaxExpr, NullTest} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {lacksOrder} from '../../types/orderless.ts';
import {type Binding, isUnknown} from './binding.ts';
import type {Block} from './block.ts';
import {coerceBoolean, coerceImplicit} from './coerce.ts';
import {coerceAll, commonType, commonTypmod} from './common-type.ts';
import {baseType} from './coercion-path.ts';
import {errorType} from './display-type.ts';
import {binaryOperator} from './operators.ts';
import {typeOperator} from './resolve-operator.ts';
import {requireCode} from './calls.ts';
import {operatorFunction} from './operators.ts';
import {TypeOid} from './type-oids.ts';

/** CASE, simple (operand in a let) or searched. */
export function bindCase(block: Block, expr: CaseExpr): BoundExpr {
  return block.withoutSets('CASE', () => {
    const binding = block.binding;
    const location = expr.location ?? -1;
    let operand = expr.arg === undefined ? null : block.expr(expr.arg);
    if (operand !== null && isUnknown(operand))
      operand = coerceImplicit(binding, operand, binding.type(TypeOid.text));
    const id = operand === null ? 0 : binding.newLet();
    const ref: BoundExpr | null =
      operand === null
        ? null
        : {
            kind: 'letRef',
            type: operand.type,
            typmod: operand.typmod,
            location: operand.location,
            id,
          };
    const whens = (expr.args ?? []).map(arg => {
      const when = 'CaseWhen' in arg ? arg.CaseWhen : {};
      const test = block.expr(when.expr!);
      const condition =
        ref === null ? test : binaryOperator(binding, '=', ref, test, when.location ?? location);
      return {
        condition: coerceBoolean(binding, condition, 'CASE/WHEN'),
        result: block.expr(when.result!),
      };
    });
    const otherwise =
      expr.defresult === undefined
        ? binding.constant(binding.type(TypeOid.unknown), null, location)
        : block.expr(expr.defresult);
    const results = [otherwise, ...whens.map(when => when.result)];
    const type = commonType(binding, results, 'CASE');
    const [coercedElse, ...coerced] = coerceAll(binding, results, type, 'CASE/WHEN');
    const body: BoundExpr = {
      kind: 'case',
      type,
      typmod: commonTypmod([coercedElse!, ...coerced], type),
      location,
      whens: whens.map((when, index) => ({condition: when.condition, result: coerced[index]!})),
      otherwise: coercedElse!,
    };
    return operand === null
      ? body
      : {kind: 'let', type, typmod: body.typmod, location, id, value: operand, body};
  });
}

export function bindCoalesce(block: Block, expr: CoalesceExpr): BoundExpr {
  return block.withoutSets('COALESCE', () => {
    const args = (expr.args ?? []).map(arg => block.expr(arg));
    const type = commonType(block.binding, args, 'COALESCE');
    const coerced = coerceAll(block.binding, args, type, 'COALESCE');
    return {
      kind: 'coalesce',
      type,
      typmod: commonTypmod(coerced, type),
      location: expr.location ?? -1,
      args: coerced,
    };
  });
}

/** GREATEST, LEAST. */
export function bindMinMax(block: Block, expr: MinMaxExpr): BoundExpr {
  const isGreatest = (expr.op ?? 'IS_GREATEST') === 'IS_GREATEST';
  const name = isGreatest ? 'GREATEST' : 'LEAST';
  const args = (expr.args ?? []).map(arg => block.expr(arg));
  const type = commonType(block.binding, args, name);
  const coerced = coerceAll(block.binding, args, type, name);
  if (lacksOrder(type))
    throw block.binding.error(
      SqlState.undefinedFunction,
      `could not identify a comparison function for type ${errorType(type)}`,
      -1,
    );
  const operator = typeOperator(block.binding, '<', type, expr.location ?? -1);
  requireCode(
    block.binding,
    operatorFunction(block.binding, operator),
    'scalar',
    expr.location ?? -1,
  );
  return {
    kind: 'minMax',
    type,
    typmod: commonTypmod(coerced, type),
    location: expr.location ?? -1,
    isGreatest,
    args: coerced,
  };
}

export function bindNullTest(block: Block, expr: NullTest): BoundExpr {
  const arg = block.expr(expr.arg!);
  const isRow = isRowType(arg);
  const negated = (expr.nulltesttype ?? 'IS_NULL') === 'IS_NOT_NULL';
  return {
    kind: 'nullTest',
    type: block.binding.boolType,
    typmod: -1,
    location: expr.location ?? -1,
    arg,
    negated,
    isRow,
  };
}

function isRowType(expr: BoundExpr): boolean {
  const base = baseType(expr.type);
  return base.kind === 'c' || base.oid === TypeOid.record;
}

export function bindBooleanTest(block: Block, expr: BooleanTest): BoundExpr {
  const kind = expr.booltesttype ?? 'IS_TRUE';
  const name = kind.replaceAll('_', ' ');
  const arg = coerceBoolean(block.binding as Binding, block.expr(expr.arg!), name);
  const test = kind.endsWith('TRUE') ? 'true' : kind.endsWith('FALSE') ? 'false' : 'unknown';
  return {
    kind: 'booleanTest',
    type: block.binding.boolType,
    typmod: -1,
    location: expr.location ?? -1,
    arg,
    test,
    negated: kind.startsWith('IS_NOT'),
  };
}
