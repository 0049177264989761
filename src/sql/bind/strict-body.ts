import {featureNotSupported} from '../../common/errors.ts';
import {isVolatile} from '../../expr/analyze.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import type {ResolvedCall} from './call-resolution.ts';
import type {LogicalNode} from './logical.ts';

/** The arguments of a STRICT function that is bound in place, each evaluated once, and what makes its body NULL. */
export interface StrictArguments {
  readonly args: readonly BoundExpr[];
  /** True when no argument is NULL; null when the function is not strict. */
  readonly guard: BoundExpr | null;
  /** A body that is an expression, NULL unless the guard holds. */
  wrap(body: BoundExpr): BoundExpr;
}

/** Makes volatile arguments of a STRICT function readable twice: for the test and in the body. */
export function strictArguments(binding: Binding, call: ResolvedCall): StrictArguments {
  if (!call.row.isStrict || call.args.length === 0)
    return {args: call.args, guard: null, wrap: body => body};
  const lets: {readonly id: number; readonly value: BoundExpr}[] = [];
  const args = call.args.map((arg): BoundExpr => {
    if (!isVolatile(arg)) return arg;
    const id = binding.newLet();
    lets.push({id, value: arg});
    return {kind: 'letRef', type: arg.type, typmod: arg.typmod, location: -1, id};
  });
  const place = {type: binding.boolType, typmod: -1, location: -1};
  const tests = args.map(
    (arg): BoundExpr => ({kind: 'nullTest', ...place, arg, negated: true, isRow: false}),
  );
  const guard: BoundExpr = tests.length === 1 ? tests[0]! : {kind: 'and', ...place, args: tests};
  return {
    args,
    guard,
    wrap: body => {
      const {type, typmod} = body;
      const whole: BoundExpr = {
        kind: 'case',
        type,
        typmod,
        location: -1,
        whens: [{condition: guard, result: body}],
        otherwise: binding.constant(type, null),
      };
      return lets.reduceRight<BoundExpr>(
        (inner, {id, value}) => ({kind: 'let', type, typmod, location: -1, id, value, body: inner}),
        whole,
      );
    },
  };
}

/** A body that is a subquery evaluates its arguments where it stands: a volatile one would be evaluated twice. */
export function checkStrictSubquery(call: ResolvedCall): void {
  if (call.row.isStrict && call.args.some(isVolatile)) {
    throw featureNotSupported(
      `volatile arguments of STRICT SQL function ${call.row.name} are not supported`,
    );
  }
}

/** The query of a set-returning function's body: no row when it is STRICT and an argument is NULL. */
export function strictRows(binding: Binding, call: ResolvedCall, node: LogicalNode): LogicalNode {
  checkStrictSubquery(call);
  const {guard} = strictArguments(binding, call);
  return guard === null ? node : {kind: 'filter', input: node, conditions: [guard]};
}
