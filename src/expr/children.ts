import {assertNever} from '../common/errors.ts';
import type {BoundExpr} from './bound.ts';

/** The direct sub-expressions of an expression in evaluation order. */
export function childrenOf(expr: BoundExpr): readonly BoundExpr[] {
  switch (expr.kind) {
    case 'constant':
    case 'slot':
    case 'param':
    case 'column':
    case 'outer':
    case 'letRef':
    case 'sessionValue':
      return [];
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'minMax':
      return expr.args;
    case 'not':
    case 'nullTest':
    case 'booleanTest':
    case 'field':
    case 'relabel':
    case 'ioCast':
      return [expr.arg];
    case 'distinct':
    case 'nullIf':
      return [expr.left, expr.right];
    case 'case':
      return [...expr.whens.flatMap(when => [when.condition, when.result]), expr.otherwise];
    case 'let':
      return [expr.value, expr.body];
    case 'scalarArray':
      return [expr.left, expr.array];
    case 'array':
      return expr.elements;
    case 'row':
      return expr.presence === undefined ? expr.fields : [...expr.fields, expr.presence];
    case 'subscript':
      return [
        expr.array,
        ...expr.subscripts.flatMap(part => [part.lower, part.upper]).filter(part => part !== null),
      ];
    case 'rowCompare':
      return expr.left.flatMap((left, index) => [left, expr.right[index]!]);
    case 'arrayCast':
      return [expr.arg, expr.element];
    case 'domainCast':
      return [expr.arg, ...expr.checks.map(check => check.condition)];
    default:
      return assertNever(expr);
  }
}

/** Calls `visit` for the expression and everything below it. */
export function walkExpr(expr: BoundExpr, visit: (expr: BoundExpr) => void): void {
  visit(expr);
  for (const child of childrenOf(expr)) walkExpr(child, visit);
}
