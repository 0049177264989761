import type {BoundExpr, CallExpr, ConstantExpr} from '../../expr/bound.ts';
import {childrenOf} from '../../expr/children.ts';
import type {Binding} from '../bind/binding.ts';
import {mapChildren} from '../bind/expr-map.ts';

/**
 * Constant folding (PostgreSQL eval_const_expressions): immutable parts without columns become constants, AND, OR, CASE and COALESCE with
 * constant parts shrink. Errors of folded parts are raised here, as PostgreSQL raises them at planning.
 */
export class Folder {
  readonly #binding: Binding;
  readonly #isUnrun: boolean;

  /** A plan that is never run, but shows what a definition is, raises no error of its constants. */
  constructor(binding: Binding, isUnrun = false) {
    this.#binding = binding;
    this.#isUnrun = isUnrun;
  }

  fold = (expr: BoundExpr): BoundExpr => {
    switch (expr.kind) {
      case 'constant':
      case 'column':
      case 'param':
      case 'outer':
      case 'letRef':
      case 'slot':
      case 'sessionValue':
        return expr;
      case 'and':
      case 'or':
        return this.#logic(expr);
      case 'case':
        return this.#case(expr);
      case 'coalesce':
        return this.#coalesce(expr);
      case 'let':
        return this.#let(expr);
      default:
        return this.#evaluate(mapChildren(expr, this.fold));
    }
  };

  #evaluate(expr: BoundExpr): BoundExpr {
    if (!isFoldable(expr)) return expr;
    if (expr.kind === 'call' && expr.isStrict && expr.args.some(isNullConstant))
      return this.#null(expr);
    if (!childrenOf(expr).every(child => child.kind === 'constant')) return expr;
    if (childrenOf(expr).length === 0) return expr;
    if (this.#isLiteralCast(expr) || isSlowSearch(expr)) return expr;
    this.#pin(expr);
    if (this.#isUnrun) return expr;
    const value = this.#binding.context.evaluate(expr);
    return {kind: 'constant', type: expr.type, typmod: expr.typmod, location: expr.location, value};
  }

  /** A conversion of a literal stays: the literal may become a slot. */
  #isLiteralCast(expr: BoundExpr): boolean {
    if (
      expr.kind !== 'relabel' &&
      expr.kind !== 'ioCast' &&
      expr.kind !== 'array' &&
      !(expr.kind === 'call' && isCast(expr))
    )
      return false;
    return childrenOf(expr).some(child => this.#isOpenLiteral(child));
  }

  #isOpenLiteral(expr: BoundExpr): boolean {
    if (expr.kind !== 'constant') return false;
    const origin = this.#binding.literals.originOf(expr);
    return origin !== undefined && !this.#binding.literals.isPinned(origin.location);
  }

  #pin(expr: BoundExpr): void {
    this.#binding.literals.pinAll(expr, childrenOf);
  }

  #null(expr: BoundExpr): ConstantExpr {
    return {
      kind: 'constant',
      type: expr.type,
      typmod: expr.typmod,
      location: expr.location,
      value: null,
    };
  }

  #logic(expr: BoundExpr & {readonly kind: 'and' | 'or'}): BoundExpr {
    const stop = expr.kind === 'or';
    const kept: BoundExpr[] = [];
    for (const arg of expr.args) {
      const folded = this.fold(arg);
      if (folded.kind === 'constant' && folded.value === stop) return folded;
      if (folded.kind === 'constant' && folded.value === !stop) continue;
      if (folded.kind === expr.kind) kept.push(...folded.args);
      else kept.push(folded);
    }
    if (kept.length === 0)
      return {kind: 'constant', type: expr.type, typmod: -1, location: expr.location, value: !stop};
    return kept.length === 1 ? kept[0]! : {...expr, args: kept};
  }

  /** CASE x WHEN ... of a constant x: its branches are chosen here, those not taken are not evaluated. */
  #let(expr: BoundExpr & {readonly kind: 'let'}): BoundExpr {
    const value = this.fold(expr.value);
    const {id} = expr;
    if (value.kind !== 'constant' || expr.body.kind !== 'case')
      return this.#evaluate({...expr, value, body: this.fold(expr.body)});
    const put = (part: BoundExpr): BoundExpr =>
      part.kind === 'letRef' && part.id === id ? value : mapChildren(part, put);
    return this.fold(put(expr.body));
  }

  #case(expr: BoundExpr & {readonly kind: 'case'}): BoundExpr {
    const whens: {condition: BoundExpr; result: BoundExpr}[] = [];
    for (const when of expr.whens) {
      const condition = this.fold(when.condition);
      if (condition.kind === 'constant') {
        if (condition.value !== true) continue;
        const result = this.fold(when.result);
        return whens.length === 0 ? result : {...expr, whens, otherwise: result};
      }
      whens.push({condition, result: this.fold(when.result)});
    }
    const otherwise = this.fold(expr.otherwise);
    return whens.length === 0 ? otherwise : {...expr, whens, otherwise};
  }

  #coalesce(expr: BoundExpr & {readonly kind: 'coalesce'}): BoundExpr {
    const kept: BoundExpr[] = [];
    for (const arg of expr.args) {
      const folded = this.fold(arg);
      if (isNullConstant(folded)) continue;
      kept.push(folded);
      if (folded.kind === 'constant') break;
    }
    if (kept.length === 0) return this.#null(expr);
    return kept[0]!.kind === 'constant'
      ? kept[0]!
      : kept.length === 1
        ? kept[0]!
        : {...expr, args: kept};
  }
}

function isNullConstant(expr: BoundExpr): boolean {
  return expr.kind === 'constant' && expr.value === null;
}

function isFoldable(expr: BoundExpr): boolean {
  switch (expr.kind) {
    case 'call':
      return expr.volatility === 'i';
    case 'not':
    case 'nullTest':
    case 'booleanTest':
    case 'distinct':
    case 'minMax':
    case 'nullIf':
    case 'scalarArray':
    case 'array':
    case 'subscript':
    case 'relabel':
      return true;
    default:
      return false;
  }
}

/** A search by a regular expression that may take long: a running statement can be cancelled, planning cannot. */
function isSlowSearch(expr: BoundExpr): boolean {
  if (expr.kind !== 'call' || !expr.source.includes('regex')) return false;
  return expr.args.some(arg => {
    const value = arg.kind === 'constant' ? arg.value : null;
    return typeof value === 'string' && (value.length > 1000 || /\\[1-9]/.test(value));
  });
}

/** A conversion function: named as a type, or a length coercion. */
function isCast(call: CallExpr): boolean {
  return (
    call.operatorName === '' && (call.functionName === call.type.name || call.args.length === 3)
  );
}
