import type {A_Expr, Node} from '@pgsql/types';
import {SqlState} from '../../common/sqlstate.ts';
import type {RowExpr, BoundExpr} from '../../expr/bound.ts';
import {columnsOf} from '../../expr/analyze.ts';
import {namesOf} from './ast.ts';
import type {Binding} from './binding.ts';
import type {Block} from './block.ts';
import {coerceAll, commonTypeOf} from './common-type.ts';
import {canCoerce} from './coercion-path.ts';
import {binaryOperator, comparison, prefixOperator, scalarArrayOperator} from './operators.ts';
import {bindRowSubquery} from './expr-sublink.ts';
import {rowComparison} from './row-comparison.ts';
import {TypeOid} from './type-oids.ts';

/** Binds every kind of operator expression that the grammar makes. */
export function bindOperator(block: Block, expr: A_Expr): BoundExpr {
  const location = expr.location ?? -1;
  switch (expr.kind ?? 'AEXPR_OP') {
    case 'AEXPR_OP':
      return bindPlain(block, expr, location);
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return bindAnyAll(block, expr, location);
    case 'AEXPR_DISTINCT':
      return bindDistinct(block, expr, false, location);
    case 'AEXPR_NOT_DISTINCT':
      return bindDistinct(block, expr, true, location);
    case 'AEXPR_NULLIF':
      return bindNullIf(block, expr, location);
    case 'AEXPR_IN':
      return bindIn(block, expr, location);
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR':
      return binaryOperator(
        block.binding,
        nameOf(expr),
        block.expr(expr.lexpr!),
        block.expr(expr.rexpr!),
        location,
      );
    default:
      return bindBetween(block, expr, location);
  }
}

function nameOf(expr: A_Expr): string {
  return namesOf(expr.name).at(-1) ?? '';
}

function schemaOf(expr: A_Expr): string | null {
  const names = namesOf(expr.name);
  return names.length > 1 ? names[0]! : null;
}

function bindPlain(block: Block, expr: A_Expr, location: number): BoundExpr {
  const name = nameOf(expr);
  const {lexpr, rexpr} = expr;
  if (lexpr === undefined) return prefixOperator(block.binding, name, block.expr(rexpr!), location);
  if (rexpr === undefined)
    throw block.binding.error(
      SqlState.syntaxError,
      'postfix operators are not supported',
      location,
    );
  const leftRow = isRow(lexpr);
  if (
    leftRow &&
    'SubLink' in rexpr &&
    (rexpr.SubLink.subLinkType ?? 'EXISTS_SUBLINK') === 'EXPR_SUBLINK'
  ) {
    return bindRowSubquery(block, lexpr, rexpr.SubLink, name, location);
  }
  if (leftRow && isRow(rexpr)) {
    return rowComparison(
      block.binding,
      name,
      rowFields(block, lexpr),
      rowFields(block, rexpr),
      location,
    );
  }
  return binaryOperator(
    block.binding,
    name,
    block.expr(lexpr),
    block.expr(rexpr),
    location,
    schemaOf(expr),
  );
}

function isRow(node: Node): boolean {
  return 'RowExpr' in node;
}

function rowFields(block: Block, node: Node): BoundExpr[] {
  return 'RowExpr' in node ? (node.RowExpr.args ?? []).map(arg => block.expr(arg)) : [];
}

function bindAnyAll(block: Block, expr: A_Expr, location: number): BoundExpr {
  const left = block.expr(expr.lexpr!);
  const array = block.expr(expr.rexpr!);
  return scalarArrayOperator(
    block.binding,
    nameOf(expr),
    expr.kind === 'AEXPR_OP_ALL',
    left,
    array,
    location,
  );
}

function bindDistinct(block: Block, expr: A_Expr, negated: boolean, location: number): BoundExpr {
  const binding = block.binding;
  if (isRow(expr.lexpr!) && isRow(expr.rexpr!)) {
    const left = rowFields(block, expr.lexpr!);
    return distinctFields(binding, left, rowFields(block, expr.rexpr!), negated, location);
  }
  const [left, right] = [block.expr(expr.lexpr!), block.expr(expr.rexpr!)];
  // Rows that were cast are still rows of fields here, unlike under other operators.
  if (isFields(left) && isFields(right))
    return distinctFields(binding, left.fields, right.fields, negated, location);
  return distinctTest(binding, left, right, negated, location);
}

function isFields(expr: BoundExpr): expr is RowExpr {
  return expr.kind === 'row' && expr.presence === undefined;
}

function distinctFields(
  binding: Binding,
  left: readonly BoundExpr[],
  right: readonly BoundExpr[],
  negated: boolean,
  location: number,
): BoundExpr {
  const base = {type: binding.boolType, typmod: -1, location};
  if (left.length !== right.length)
    throw binding.error(
      SqlState.syntaxError,
      'unequal number of entries in row expressions',
      location,
    );
  const parts = left.map((field, index) =>
    distinctTest(binding, field, right[index]!, false, location),
  );
  const any: BoundExpr = parts.length === 1 ? parts[0]! : {kind: 'or', ...base, args: parts};
  return negated ? {kind: 'not', ...base, arg: any} : any;
}

/** left IS [NOT] DISTINCT FROM right; against a NULL constant it is a null test. */
export function distinctTest(
  binding: Binding,
  left: BoundExpr,
  right: BoundExpr,
  negated: boolean,
  location: number,
): BoundExpr {
  const base = {type: binding.boolType, typmod: -1, location};
  for (const [constant, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (
      constant.kind === 'constant' &&
      constant.value === null &&
      constant.type.oid === TypeOid.unknown
    ) {
      return {kind: 'nullTest', ...base, arg: other, negated: !negated, isRow: false};
    }
  }
  const call = comparison(binding, '=', left, right, location);
  return {
    kind: 'distinct',
    ...base,
    left: call.args[0]!,
    right: call.args[1]!,
    equalitySource: call.source,
    negated,
  };
}

function bindNullIf(block: Block, expr: A_Expr, location: number): BoundExpr {
  const binding = block.binding;
  const left = block.expr(expr.lexpr!);
  const right = block.expr(expr.rexpr!);
  const call = binaryOperator(binding, '=', left, right, location);
  if (call.type.oid !== TypeOid.bool)
    throw binding.error(
      SqlState.datatypeMismatch,
      'NULLIF requires = operator to yield boolean',
      location,
    );
  const first = call.args[0]!;
  return {
    kind: 'nullIf',
    type: first.type,
    typmod: first.typmod,
    location,
    left: first,
    right: call.args[1]!,
    equalitySource: call.source,
  };
}

function bindIn(block: Block, expr: A_Expr, location: number): BoundExpr {
  const binding = block.binding;
  const name = nameOf(expr);
  const isNot = name === '<>';
  const items =
    expr.rexpr !== undefined && 'List' in expr.rexpr ? (expr.rexpr.List.items ?? []) : [];
  const base = {type: binding.boolType, typmod: -1, location};
  const parts: BoundExpr[] = [];
  if (isRow(expr.lexpr!)) {
    const left = rowFields(block, expr.lexpr!);
    for (const item of items) {
      if (!isRow(item)) {
        throw binding.error(
          SqlState.syntaxError,
          'unequal number of entries in row expressions',
          location,
        );
      }
      parts.push(rowComparison(binding, name, left, rowFields(block, item), location));
    }
  } else {
    const left = block.expr(expr.lexpr!);
    const bound = items.map(item => block.expr(item));
    const free = bound.filter(item => columnsOf([item]).length === 0);
    const array = free.length > 1 ? asArray(binding, left, free, location) : null;
    if (array !== null)
      parts.push(scalarArrayOperator(binding, name, isNot, left, array, location));
    for (const item of bound) {
      if (array !== null && free.includes(item)) continue;
      parts.push(comparison(binding, name, left, item, location));
    }
  }
  if (parts.length === 1) return parts[0]!;
  return {kind: isNot ? 'and' : 'or', ...base, args: parts};
}

/** The list as ARRAY[...] of one type, or null when the types do not fit. */
function asArray(
  binding: Binding,
  left: BoundExpr,
  items: readonly BoundExpr[],
  location: number,
): BoundExpr | null {
  const type = commonTypeOf(binding, [left.type, ...items.map(item => item.type)], () => {});
  if (type === null || type.oid === TypeOid.record || type.arrayOid === 0) return null;
  if (!items.every(item => canCoerce(binding, [item.type], [type.oid]))) return null;
  const elements = coerceAll(binding, items, type, 'IN');
  return {
    kind: 'array',
    type: binding.type(type.arrayOid),
    typmod: -1,
    location,
    elements,
    isMultiDimensional: false,
  };
}

function bindBetween(block: Block, expr: A_Expr, location: number): BoundExpr {
  const binding = block.binding;
  const operand = block.expr(expr.lexpr!);
  const bounds =
    expr.rexpr !== undefined && 'List' in expr.rexpr ? (expr.rexpr.List.items ?? []) : [];
  const low = block.expr(bounds[0]!);
  const high = block.expr(bounds[1]!);
  const base = {type: binding.boolType, typmod: -1, location};
  const between = (first: BoundExpr, second: BoundExpr): BoundExpr => ({
    kind: 'and',
    ...base,
    args: [
      comparison(binding, '>=', operand, first, location),
      comparison(binding, '<=', operand, second, location),
    ],
  });
  const outside = (first: BoundExpr, second: BoundExpr): BoundExpr => ({
    kind: 'or',
    ...base,
    args: [
      comparison(binding, '<', operand, first, location),
      comparison(binding, '>', operand, second, location),
    ],
  });
  switch (expr.kind) {
    case 'AEXPR_BETWEEN':
      return between(low, high);
    case 'AEXPR_NOT_BETWEEN':
      return outside(low, high);
    case 'AEXPR_BETWEEN_SYM':
      return {kind: 'or', ...base, args: [between(low, high), between(high, low)]};
    default:
      return {kind: 'and', ...base, args: [outside(low, high), outside(high, low)]};
  }
}
