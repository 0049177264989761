import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {PgArray} from '../types/array-value.ts';
import type {Value} from '../types/contract.ts';
import {numericFromInt, numericToInteger} from '../types/numeric-convert.ts';
import {
  numericAbs,
  numericAdd,
  numericCeil,
  numericCompare,
  numericDiv,
  numericDivTrunc,
  numericFloor,
  numericGcd,
  numericLcm,
  numericMinScale,
  numericMod,
  numericMul,
  numericNegate,
  numericRound,
  numericSign,
  numericSub,
  numericTrunc,
} from '../types/numeric-math.ts';
import {checkNumericRange} from '../types/numeric-text.ts';
import {
  numericExp,
  numericLn,
  numericLog,
  numericPower,
  numericSqrt,
} from '../types/numeric-transcend.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {FunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';

const call = (helper: unknown): FunctionCode => ({
  emit: (...args) => `h.run(${args.join(', ')})`,
  helpers: {run: helper},
});
const ONE = Numeric.of(1n, 0);

function factorial(value: bigint): Numeric {
  if (value < 0n)
    throw new PgError(
      SqlState.numericValueOutOfRange,
      'factorial of a negative number is undefined',
    );
  if (value > 32177n)
    throw new PgError(SqlState.numericValueOutOfRange, 'value overflows numeric format');
  let result = 1n;
  for (let factor = 2n; factor <= value; factor++) result *= factor;
  return checkNumericRange(Numeric.of(result, 0));
}

function widthBucket(operand: Numeric, low: Numeric, high: Numeric, count: number): number {
  const error = (text: string): PgError =>
    new PgError(SqlState.invalidArgumentForWidthBucket, text);
  if (count <= 0) throw error('count must be greater than zero');
  if ([operand, low, high].some(value => value.kind === 'nan'))
    throw error('operand, lower bound, and upper bound cannot be NaN');
  if (low.kind !== 'finite' || high.kind !== 'finite')
    throw error('lower and upper bounds must be finite');
  const order = numericCompare(low, high);
  if (order === 0) throw error('lower bound cannot equal upper bound');
  const isUp = order < 0;
  const fromLow = numericCompare(operand, low);
  if (isUp ? fromLow < 0 : fromLow > 0) return 0;
  const fromHigh = numericCompare(operand, high);
  if (isUp ? fromHigh >= 0 : fromHigh <= 0) {
    if (count === 2147483647)
      throw new PgError(SqlState.numericValueOutOfRange, 'integer out of range');
    return count + 1;
  }
  const share = numericMul(numericSub(operand, low), numericFromInt(count));
  return (
    Number(
      numericToInteger(numericFloor(numericDivTrunc(share, numericSub(high, low))), 'integer'),
    ) + 1
  );
}

/** width_bucket(operand, thresholds): how many thresholds are not above the operand. */
const widthBucketArray: FunctionCode = {
  fnTyped: types => {
    const type = types.args[0]!;
    return (operand: Value, thresholds: PgArray) => {
      if (thresholds.dims.length > 1)
        throw new PgError(SqlState.arraySubscriptError, 'thresholds must be one-dimensional array');
      let low = 0;
      let high = thresholds.elements.length;
      if (thresholds.elements.includes(null))
        throw new PgError(SqlState.nullValueNotAllowed, 'thresholds array must not contain NULLs');
      while (low < high) {
        const middle = (low + high) >> 1;
        if (type.compare(operand, thresholds.elements[middle]!) < 0) high = middle;
        else low = middle + 1;
      }
      return low;
    };
  },
};

const finiteScale = (value: Numeric): number | null =>
  value.kind === 'finite' ? value.scale : null;

/** numeric: arithmetic and the functions of 9.3. */
export const numericFunctions: FunctionTable = {
  numeric_add: call(numericAdd),
  numeric_sub: call(numericSub),
  numeric_mul: call(numericMul),
  numeric_div: call(numericDiv),
  numeric_div_trunc: call(numericDivTrunc),
  numeric_mod: call(numericMod),
  numeric_power: call(numericPower),
  numeric_uminus: call(numericNegate),
  numeric_uplus: {emit: a => `${a}`},
  numeric_abs: call(numericAbs),
  numeric_inc: {fn: (a: Numeric) => numericAdd(a, ONE)},
  numeric_sign: {fn: (a: Numeric) => (a.kind === 'nan' ? a : numericFromInt(numericSign(a)))},
  numeric_ceil: call(numericCeil),
  numeric_floor: call(numericFloor),
  numeric_round: call(numericRound),
  numeric_trunc: call(numericTrunc),
  numeric_sqrt: call(numericSqrt),
  numeric_exp: call(numericExp),
  numeric_ln: call(numericLn),
  numeric_log: call(numericLog),
  numeric_gcd: call(numericGcd),
  numeric_lcm: call(numericLcm),
  numeric_fac: {fn: factorial},
  numeric_scale: {fn: finiteScale},
  numeric_min_scale: {fn: (a: Numeric) => (a.kind === 'finite' ? numericMinScale(a) : null)},
  numeric_trim_scale: {
    fn: (a: Numeric) => (a.kind === 'finite' ? numericTrunc(a, numericMinScale(a)) : a),
  },
  numeric_larger: {fn: (a: Numeric, b: Numeric) => (numericCompare(a, b) > 0 ? a : b)},
  numeric_smaller: {fn: (a: Numeric, b: Numeric) => (numericCompare(a, b) < 0 ? a : b)},
  width_bucket_numeric: {fn: widthBucket},
  width_bucket_array: widthBucketArray,
};
