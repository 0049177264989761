import {assertNever} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';

/** The expression with each direct sub-expression replaced by `change`; the same object when nothing changed. */
export function mapChildren(expr: BoundExpr, change: (child: BoundExpr) => BoundExpr): BoundExpr {
  switch (expr.kind) {
    case 'constant':
    case 'slot':
    case 'param':
    case 'column':
    case 'outer':
    case 'letRef':
    case 'sessionValue':
      return expr;
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'minMax': {
      const args = mapList(expr.args, change);
      return args === expr.args ? expr : {...expr, args};
    }
    case 'not':
    case 'nullTest':
    case 'booleanTest':
    case 'field':
    case 'relabel':
    case 'ioCast': {
      const arg = change(expr.arg);
      return arg === expr.arg ? expr : {...expr, arg};
    }
    case 'distinct':
    case 'nullIf': {
      const left = change(expr.left);
      const right = change(expr.right);
      return left === expr.left && right === expr.right ? expr : {...expr, left, right};
    }
    case 'case':
      return {
        ...expr,
        whens: expr.whens.map(when => ({
          condition: change(when.condition),
          result: change(when.result),
        })),
        otherwise: change(expr.otherwise),
      };
    case 'let':
      return {...expr, value: change(expr.value), body: change(expr.body)};
    case 'scalarArray':
      return {...expr, left: change(expr.left), array: change(expr.array)};
    case 'array': {
      const elements = mapList(expr.elements, change);
      return elements === expr.elements ? expr : {...expr, elements};
    }
    case 'row': {
      const fields = mapList(expr.fields, change);
      if (expr.presence === undefined) return fields === expr.fields ? expr : {...expr, fields};
      const presence = change(expr.presence);
      return fields === expr.fields && presence === expr.presence
        ? expr
        : {...expr, fields, presence};
    }
    case 'subscript':
      return {
        ...expr,
        array: change(expr.array),
        subscripts: expr.subscripts.map(part => ({
          lower: part.lower === null ? null : change(part.lower),
          upper: part.upper === null ? null : change(part.upper),
        })),
      };
    case 'rowCompare':
      return {...expr, left: mapList(expr.left, change), right: mapList(expr.right, change)};
    case 'arrayCast':
      return {...expr, arg: change(expr.arg), element: change(expr.element)};
    case 'domainCast':
      return {
        ...expr,
        arg: change(expr.arg),
        checks: expr.checks.map(check => ({name: check.name, condition: change(check.condition)})),
      };
    default:
      return assertNever(expr);
  }
}

function mapList(
  list: readonly BoundExpr[],
  change: (child: BoundExpr) => BoundExpr,
): readonly BoundExpr[] {
  let changed: BoundExpr[] | null = null;
  for (let index = 0; index < list.length; index++) {
    const item = list[index]!;
    const next = change(item);
    if (next !== item) changed ??= list.slice();
    if (changed !== null) changed[index] = next;
  }
  return changed ?? list;
}

/** The expression with columns replaced: `replace` gives the new expression of a column, or null to keep it. */
export function replaceColumns(
  expr: BoundExpr,
  replace: (column: BoundExpr & {readonly kind: 'column'}) => BoundExpr | null,
): BoundExpr {
  if (expr.kind === 'column') return replace(expr) ?? expr;
  return mapChildren(expr, child => replaceColumns(child, replace));
}

/** Ids of the columns in an expression, in order of appearance. */
export function collectColumns(expr: BoundExpr, into: Set<number>): void {
  if (expr.kind === 'column') into.add(expr.index);
  else
    mapChildren(expr, child => {
      collectColumns(child, into);
      return child;
    });
}
