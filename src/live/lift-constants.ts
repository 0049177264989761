import type {BoundExpr, ConstantExpr} from '../expr/bound.ts';
import type {Datum} from '../types/contract.ts';

/** prosrc of comparisons: their constants are values of the subscription, not part of the shape. */
const COMPARISON = /(eq|ne|lt|le|gt|ge|_eq|_ne|_lt|_le|_gt|_ge)$/;

/** Turns constants into parameters behind the statement's own, so that queries which differ in them share a shape. */
export class ConstantLifter {
  readonly values: Datum[] = [];
  readonly #firstParam: number;

  /** `firstParam`: number of the statement's own parameters. */
  constructor(firstParam: number) {
    this.#firstParam = firstParam;
  }

  /** A key expression. */
  value(expr: BoundExpr): BoundExpr {
    if (expr.kind === 'constant') return this.#lift(expr);
    if (expr.kind === 'relabel') return {...expr, arg: this.value(expr.arg)};
    return expr;
  }

  /** A conjunct: only what a comparison compares with; other functions may want to see their constants. */
  conjunct(expr: BoundExpr): BoundExpr {
    if (expr.kind === 'and' || expr.kind === 'or')
      return {...expr, args: expr.args.map(arg => this.conjunct(arg))};
    if (expr.kind === 'not') return {...expr, arg: this.conjunct(expr.arg)};
    if (expr.kind === 'scalarArray') return {...expr, array: this.value(expr.array)};
    if (expr.kind !== 'call' || expr.args.length !== 2 || !COMPARISON.test(expr.source))
      return expr;
    return {...expr, args: expr.args.map(arg => this.value(arg))};
  }

  #lift(expr: ConstantExpr): BoundExpr {
    if (expr.value === null) return expr;
    const index = this.#firstParam + this.values.length;
    this.values.push(expr.value);
    return {kind: 'param', index, type: expr.type, typmod: expr.typmod, location: -1};
  }
}

/** The parameters of a run: the statement's own, then the lifted constants. */
export function paramsWith(
  shape: {readonly constants: readonly Datum[]; readonly parameterCount: number},
  params: readonly Datum[],
): readonly Datum[] {
  if (shape.constants.length === 0) return params;
  const own: Datum[] = [];
  for (let i = 0; i < shape.parameterCount; i++) own.push(params[i] ?? null);
  return [...own, ...shape.constants];
}
