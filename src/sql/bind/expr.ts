import type {A_Const, BoolExpr, CollateClause, Node, TypeCast} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr, ConstantExpr} from '../../expr/bound.ts';
import {namesOf, nodeKind} from './ast.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import {coerce, coerceBoolean, coerceTypmod} from './coerce.ts';
import {errorType, isTrueArray} from './display-type.ts';
import {bindArray, bindIndirection, bindRow} from './expr-array.ts';
import {bindCall} from './expr-call.ts';
import {
  bindCase,
  bindCoalesce,
  bindMinMax,
  bindNullTest,
  bindBooleanTest,
} from './expr-conditional.ts';
import {bindOperator} from './expr-operator.ts';
import {bindSubLink} from './expr-sublink.ts';
import {bindSqlValue} from './expr-value.ts';
import {bindGrouping} from './expr-aggregate.ts';
import {bindColumnRef} from './names.ts';
import {baseType} from './coercion-path.ts';
import {TypeOid} from './type-oids.ts';
import {resolveTypeName} from './type-name.ts';

/** Binds an expression tree: names, functions, operators and types are resolved (PostgreSQL transformExpr). */
export function bindExpr(block: Block, node: Node): BoundExpr {
  if ('ColumnRef' in node) return bindColumnRef(block, node.ColumnRef);
  if ('A_Const' in node) return bindConstant(block.binding, node.A_Const);
  if ('A_Expr' in node) return bindOperator(block, node.A_Expr);
  if ('FuncCall' in node) return bindCall(block, node.FuncCall);
  if ('ParamRef' in node)
    return block.binding.parameters.reference(
      node.ParamRef.number ?? 0,
      node.ParamRef.location ?? 0,
    );
  if ('TypeCast' in node) return bindTypeCast(block, node.TypeCast);
  if ('BoolExpr' in node) return bindBoolExpr(block, node.BoolExpr);
  if ('SubLink' in node) return bindSubLink(block, node.SubLink);
  if ('NullTest' in node) return bindNullTest(block, node.NullTest);
  if ('BooleanTest' in node) return bindBooleanTest(block, node.BooleanTest);
  if ('CaseExpr' in node) return bindCase(block, node.CaseExpr);
  if ('CoalesceExpr' in node) return bindCoalesce(block, node.CoalesceExpr);
  if ('MinMaxExpr' in node) return bindMinMax(block, node.MinMaxExpr);
  if ('A_ArrayExpr' in node) return bindArray(block, node.A_ArrayExpr, null);
  if ('RowExpr' in node) return bindRow(block, node.RowExpr);
  if ('A_Indirection' in node) return bindIndirection(block, node.A_Indirection);
  if ('SQLValueFunction' in node) return bindSqlValue(block.binding, node.SQLValueFunction);
  if ('CollateClause' in node) return bindCollate(block, node.CollateClause);
  if ('GroupingFunc' in node) return bindGrouping(block, node.GroupingFunc);
  if ('SetToDefault' in node) {
    throw block.binding.error(
      SqlState.syntaxError,
      'DEFAULT is not allowed in this context',
      node.SetToDefault.location ?? 0,
    );
  }
  throw featureNotSupported(`${expressionName(nodeKind(node))} is not supported`);
}

function expressionName(kind: string): string {
  if (kind.startsWith('Json')) return 'SQL/JSON expression';
  if (kind.startsWith('Xml')) return 'XML expression';
  if (kind === 'CurrentOfExpr') return 'WHERE CURRENT OF';
  return `expression ${kind}`;
}

/** A literal: int4, int8, numeric, bool, bit or unknown; remembered so that it may become a slot. */
function bindConstant(binding: Binding, constant: A_Const): BoundExpr {
  const location = constant.location ?? 0;
  if (constant.isnull === true)
    return binding.constant(binding.type(TypeOid.unknown), null, location);
  if (constant.ival !== undefined) {
    const value = constant.ival.ival ?? 0;
    return track(binding, binding.constant(binding.type(TypeOid.int4), value, location), value < 0);
  }
  if (constant.fval !== undefined) {
    const text = constant.fval.fval ?? '0';
    const isInteger = isInt8(text);
    const type = binding.type(
      isInteger ? (BigInt(text) === -2147483648n ? TypeOid.int4 : TypeOid.int8) : TypeOid.numeric,
    );
    const made = binding.constant(type, type.input(text, -1, binding.context.format), location);
    // The two smallest integers have another type than their literal without the sign: no slot.
    return text === '-2147483648' || text === '-9223372036854775808'
      ? made
      : track(binding, made, text.startsWith('-'));
  }
  if (constant.sval !== undefined)
    return track(
      binding,
      binding.constant(binding.type(TypeOid.unknown), constant.sval.sval ?? '', location),
      false,
    );
  if (constant.boolval !== undefined)
    return binding.constant(binding.boolType, constant.boolval.boolval ?? false, location);
  if (constant.bsval !== undefined) {
    const type = binding.type(TypeOid.bit);
    return binding.constant(
      type,
      type.input(constant.bsval.bsval ?? '', -1, binding.context.format),
      location,
    );
  }
  return binding.constant(binding.type(TypeOid.unknown), null, location);
}

function track(binding: Binding, constant: ConstantExpr, isNegated: boolean): ConstantExpr {
  return binding.literals.track(constant, {location: constant.location, isNegated});
}

function isInt8(text: string): boolean {
  if (!/^-?\d+$/.test(text) || text.length > 20) return false;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 63n;
}

function bindBoolExpr(block: Block, expr: BoolExpr): BoundExpr {
  const binding = block.binding;
  const location = expr.location ?? -1;
  const kind = expr.boolop === 'OR_EXPR' ? 'or' : expr.boolop === 'NOT_EXPR' ? 'not' : 'and';
  const args = (expr.args ?? []).map(arg =>
    coerceBoolean(binding, block.expr(arg), kind.toUpperCase()),
  );
  const base = {type: binding.boolType, typmod: -1, location};
  if (kind === 'not') return {kind, ...base, arg: args[0]!};
  return {kind, ...base, args};
}

function bindTypeCast(block: Block, cast: TypeCast): BoundExpr {
  const binding = block.binding;
  const target = resolveTypeName(cast.typeName!, binding);
  const location =
    cast.location !== undefined && cast.location >= 0
      ? cast.location
      : (cast.typeName?.location ?? -1);
  if (cast.arg !== undefined && 'A_ArrayExpr' in cast.arg && isTrueArray(baseType(target.type))) {
    const array = bindArray(block, cast.arg.A_ArrayExpr, baseType(target.type));
    return coerce(binding, array, target.type, {
      context: 'explicit',
      typmod: target.typmod,
      location,
    });
  }
  const arg = block.expr(cast.arg!);
  if (
    target.type.kind === 'p' &&
    target.type.oid !== TypeOid.record &&
    target.type.oid !== TypeOid.cstring &&
    target.type.oid !== TypeOid.void
  ) {
    throw binding.error(
      SqlState.cannotCoerce,
      `cannot cast type ${errorType(arg.type)} to ${errorType(target.type)}`,
      location,
    );
  }
  const converted = coerce(binding, arg, target.type, {
    context: 'explicit',
    typmod: target.typmod,
    location,
  });
  return coerceTypmod(binding, converted, target.type, target.typmod, true, location);
}

const knownCollations: ReadonlySet<string> = new Set([
  'default',
  'C',
  'POSIX',
  'ucs_basic',
  'C.utf8',
  'C.UTF-8',
  'en_US.utf8',
  'en_US',
  'und-x-icu',
]);

function bindCollate(block: Block, clause: CollateClause): BoundExpr {
  const binding = block.binding;
  const arg = block.expr(clause.arg!);
  const location = clause.location ?? -1;
  const name = namesOf(clause.collname).at(-1) ?? '';
  if (!knownCollations.has(name)) {
    throw binding.error(
      SqlState.undefinedObject,
      `collation "${namesOf(clause.collname).join('.')}" for encoding "UTF8" does not exist`,
      location,
    );
  }
  if (
    arg.type.oid !== TypeOid.unknown &&
    !baseType(arg.type).isCollatable &&
    !isTrueArray(baseType(arg.type))
  ) {
    throw binding.error(
      SqlState.datatypeMismatch,
      `collations are not supported by type ${errorType(arg.type)}`,
      location,
    );
  }
  if (arg.type.oid === TypeOid.unknown) return arg;
  return {
    kind: 'relabel',
    type: arg.type,
    typmod: arg.typmod,
    location,
    arg,
    collation: name,
    form: 'cast',
  };
}
