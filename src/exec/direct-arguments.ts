import type {BoundExpr} from '../expr/bound.ts';
import type {AggregateCall} from '../sql/plan/plan.ts';

/**
 * An ordered-set aggregate as one grouping set calls it: its direct arguments see NULL for the keys that are not in the set, as
 * everything above the Aggregate does.
 */
export function directArgumentsOfSet(
  call: AggregateCall,
  keys: readonly BoundExpr[],
  set: readonly number[],
): AggregateCall {
  if (call.directArgCount === 0 || set.length === keys.length) return call;
  const missing = keys.filter(
    (key, index) => !set.includes(index) && !set.some(other => isSame(keys[other], key)),
  );
  const args = call.args.map((arg, index) =>
    index < call.directArgCount ? (withNulls(arg, missing) as BoundExpr) : arg,
  );
  return {...call, args};
}

/** A value with NULL constants for the expressions that are keys: by shape, so that every kind of expression is gone through. */
function withNulls(value: unknown, missing: readonly BoundExpr[]): unknown {
  if (Array.isArray(value)) return value.map(item => withNulls(item, missing));
  if (!isPlain(value)) return value;
  const key = missing.find(candidate => isSame(candidate, value));
  if (key !== undefined) {
    const {type, typmod, location} = key;
    return {kind: 'constant', type, typmod, location, value: null} satisfies BoundExpr;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      name === 'type' ? item : withNulls(item, missing),
    ]),
  );
}

function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, index) => isSame(item, right[index]));
  if (!isPlain(left) || !isPlain(right)) return false;
  const names = Object.keys(left).filter(name => name !== 'location');
  return (
    names.length === Object.keys(right).filter(name => name !== 'location').length &&
    names.every(name => isSame(left[name], right[name]))
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}
