import type {BoundExpr} from '../../expr/bound.ts';

/** The terms of a conjunction. */
export function splitAnd(expr: BoundExpr): BoundExpr[] {
  return expr.kind === 'and' ? expr.args.flatMap(splitAnd) : [expr];
}

/** One expression that is true when all terms are; null for none. */
export function joinAnd(terms: readonly BoundExpr[]): BoundExpr | null {
  const first = terms[0];
  if (first === undefined) return null;
  if (terms.length === 1) return first;
  return {kind: 'and', type: first.type, typmod: -1, location: first.location, args: terms};
}
