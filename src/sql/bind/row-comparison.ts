import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {Binding} from './binding.ts';
import {baseType} from './coercion-path.ts';
import {comparison} from './operators.ts';

/** (a, b) op (c, d) (PostgreSQL make_row_comparison_op). */
export function rowComparison(
  binding: Binding,
  name: string,
  left: readonly BoundExpr[],
  right: readonly BoundExpr[],
  location: number,
): BoundExpr {
  if (left.length !== right.length)
    throw binding.error(
      SqlState.syntaxError,
      'unequal number of entries in row expressions',
      location,
    );
  if (left.length === 0)
    throw binding.error(
      SqlState.featureNotSupported,
      'cannot compare rows of zero length',
      location,
    );
  const calls = left.map((field, index) =>
    comparison(binding, name, field, right[index]!, location),
  );
  if (calls.length === 1) return calls[0]!;
  const base = {type: binding.boolType, typmod: -1, location};
  if (calls.some(call => call.args.some(arg => withoutOrder.has(baseType(arg.type).oid))))
    throw notInterpreted(binding, name, location);
  if (name === '=') return {kind: 'and', ...base, args: calls};
  if (name === '<>') return {kind: 'or', ...base, args: calls};
  if (name !== '<' && name !== '<=' && name !== '>' && name !== '>=') {
    throw notInterpreted(binding, name, location);
  }
  const equals = left.map((field, index) =>
    comparison(binding, '=', field, right[index]!, location),
  );
  const strict = left.map((field, index) =>
    comparison(binding, name.slice(0, 1), field, right[index]!, location),
  );
  return {
    kind: 'rowCompare',
    ...base,
    operator: name,
    left: calls.map(call => call.args[0]!),
    right: calls.map(call => call.args[1]!),
    equalitySources: equals.map(call => call.source),
    operatorSources: strict.map(call => call.source),
  };
}

/** Types that have comparison operators and no btree operator class: line, lseg, path, box, circle, xid, cid, aclitem. */
const withoutOrder: ReadonlySet<number> = new Set([628, 601, 602, 603, 718, 28, 29, 1033]);

function notInterpreted(binding: Binding, name: string, location: number): Error {
  return binding.error(
    SqlState.featureNotSupported,
    `could not determine interpretation of row comparison operator ${name}`,
    location,
    {
      hint: 'Row comparison operators must be associated with btree operator families.',
    },
  );
}
