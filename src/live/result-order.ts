import type {BoundExpr} from '../expr/bound.ts';
import type {Plan, SortKey} from '../sql/plan/plan.ts';
import {exprText} from './expr-text.ts';
import type {AnyShape} from './live-shape.ts';

/** One column of a query's ORDER BY, by its place in the result. */
export interface ColumnOrder {
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/**
 * The ORDER BY of a live query by columns of its result, so that a client can keep its rows in order. Null when it has none, or
 * orders by what it does not show.
 */
export function resultOrder(shape: AnyShape): readonly ColumnOrder[] | null {
  switch (shape.class) {
    case 'A':
      return ofKeys(shape.order, shape.projection);
    case 'B':
      return ofKeys(shape.keys, shape.inner.projection);
    case 'E':
      return ofPlan(shape.plan.root);
  }
}

/** Whether the rows of a kept result have an order: that of its ORDER BY, or (class B) their age. */
export function isOrdered(shape: AnyShape): boolean {
  if (shape.class !== 'E') return true;
  let node = shape.plan.root;
  while (node.kind === 'limit' || node.kind === 'project') node = node.input;
  return node.kind === 'sort';
}

function ofKeys(
  keys: readonly SortKey[],
  shown: readonly BoundExpr[],
): readonly ColumnOrder[] | null {
  const texts = shown.map(exprText);
  return known(
    keys.map(({expr, descending, nullsFirst}) => ({
      ...{column: texts.indexOf(exprText(expr)), descending, nullsFirst},
    })),
  );
}

function ofPlan(node: Plan): readonly ColumnOrder[] | null {
  switch (node.kind) {
    case 'limit':
      return ofPlan(node.input);
    case 'sort':
      return known(
        node.keys.map(({expr, descending, nullsFirst}) => ({
          ...{column: expr.kind === 'column' ? expr.index : -1, descending, nullsFirst},
        })),
      );
    case 'project':
      return known(
        (ofPlan(node.input) ?? []).map(order => ({
          ...order,
          column: node.exprs.findIndex(
            expr => expr.kind === 'column' && expr.index === order.column,
          ),
        })),
      );
    default:
      return null;
  }
}

function known(order: readonly ColumnOrder[]): readonly ColumnOrder[] | null {
  return order.length === 0 || order.some(({column}) => column === -1) ? null : order;
}
