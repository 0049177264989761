import type {BoundExpr} from '../expr/bound.ts';
import {childrenOf} from '../expr/children.ts';
import type {Plan} from '../sql/plan/plan.ts';

/**
 * Expressions of a SELECT without FROM that PostgreSQL evaluates when it plans with the parameters at hand, so that their
 * errors answer Bind and not Execute: immutable calls over parameters and constants.
 */
export function bindTimeExpressions(plan: Plan): readonly BoundExpr[] {
  if (plan.kind === 'values' && plan.rows.length === 1) return plan.rows[0]!.filter(isChecked);
  if (plan.kind === 'project' && plan.input.kind === 'values' && plan.input.rows.length === 1)
    return plan.exprs.filter(isChecked);
  return [];
}

function isChecked(expr: BoundExpr): boolean {
  return expr.kind === 'call' && isFoldable(expr) && hasParameter(expr);
}

function isFoldable(expr: BoundExpr): boolean {
  if (expr.kind === 'param' || expr.kind === 'constant' || expr.kind === 'slot') return true;
  if (expr.kind === 'call') return expr.volatility === 'i' && expr.args.every(isFoldable);
  return expr.kind === 'relabel' && childrenOf(expr).every(isFoldable);
}

function hasParameter(expr: BoundExpr): boolean {
  return expr.kind === 'param' || childrenOf(expr).some(hasParameter);
}
