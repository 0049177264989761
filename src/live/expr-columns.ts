import {assertNever} from '../common/errors.ts';
import type {BoundExpr, ColumnExpr} from '../expr/bound.ts';

/** Puts another expression in the place of every column reference; what has no column stays the same object. */
export function replaceColumns(
  expr: BoundExpr,
  replace: (column: ColumnExpr) => BoundExpr,
): BoundExpr {
  const one = (child: BoundExpr): BoundExpr => replaceColumns(child, replace);
  const many = (children: readonly BoundExpr[]): readonly BoundExpr[] => children.map(one);
  switch (expr.kind) {
    case 'constant':
    case 'slot':
    case 'param':
    case 'outer':
    case 'letRef':
    case 'sessionValue':
      return expr;
    case 'column':
      return replace(expr);
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'minMax':
      return {...expr, args: many(expr.args)};
    case 'not':
    case 'nullTest':
    case 'booleanTest':
    case 'field':
    case 'relabel':
    case 'ioCast':
      return {...expr, arg: one(expr.arg)};
    case 'distinct':
    case 'nullIf':
      return {...expr, left: one(expr.left), right: one(expr.right)};
    case 'case':
      return {
        ...expr,
        whens: expr.whens.map(when => ({condition: one(when.condition), result: one(when.result)})),
        otherwise: one(expr.otherwise),
      };
    case 'let':
      return {...expr, value: one(expr.value), body: one(expr.body)};
    case 'scalarArray':
      return {...expr, left: one(expr.left), array: one(expr.array)};
    case 'array':
      return {...expr, elements: many(expr.elements)};
    case 'row':
      return {
        ...expr,
        fields: many(expr.fields),
        ...(expr.presence === undefined ? {} : {presence: one(expr.presence)}),
      };
    case 'subscript':
      return {
        ...expr,
        array: one(expr.array),
        subscripts: expr.subscripts.map(({lower, upper}) => ({
          lower: lower === null ? null : one(lower),
          upper: upper === null ? null : one(upper),
        })),
      };
    case 'rowCompare':
      return {...expr, left: many(expr.left), right: many(expr.right)};
    case 'arrayCast':
      return {...expr, arg: one(expr.arg), element: one(expr.element)};
    case 'domainCast':
      return {
        ...expr,
        arg: one(expr.arg),
        checks: expr.checks.map(check => ({name: check.name, condition: one(check.condition)})),
      };
    default:
      return assertNever(expr);
  }
}

/** The conjuncts of a condition. */
export function conjunctsOf(condition: BoundExpr | null): BoundExpr[] {
  if (condition === null) return [];
  return condition.kind === 'and' ? condition.args.flatMap(conjunctsOf) : [condition];
}

/** The conjunction of conditions; null when there are none. */
export function conjunction(conditions: readonly BoundExpr[]): BoundExpr | null {
  const [first] = conditions;
  if (first === undefined) return null;
  return conditions.length === 1
    ? first
    : {kind: 'and', args: conditions, type: first.type, typmod: -1, location: -1};
}
