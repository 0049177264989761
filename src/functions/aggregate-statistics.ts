import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {intervalAdd, intervalMultiply, intervalSubtract} from '../types/datetime-math.ts';
import type {Interval} from '../types/interval-value.ts';
import {numericFromInt} from '../types/numeric-convert.ts';
import {
  divideRounded,
  leadingDigit,
  numericAdd,
  numericMul,
  numericSign,
  numericNegate,
} from '../types/numeric-math.ts';
import {pow10} from '../types/numeric-text.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {AggregateTable} from './aggregate.ts';
import {aggregateOf, baseName} from './aggregate.ts';
import type {AggregateCode, CallTypes} from './contract.ts';
import {checkRoom} from './room.ts';

/** Youngs-Cramer sums of float8_accum. */
interface FloatSpread {
  count: number;
  sum: number;
  squares: number;
}

function stepFloat(state: unknown, args: readonly Datum[]): FloatSpread {
  const spread = state as FloatSpread;
  const value = args[0] as number;
  spread.count++;
  spread.sum += value;
  if (spread.count > 1) {
    const distance = value * spread.count - spread.sum;
    spread.squares += (distance * distance) / (spread.count * (spread.count - 1));
  } else if (!Number.isFinite(value)) spread.squares = NaN;
  return spread;
}

interface NumericSpread {
  count: number;
  sum: Numeric;
  squares: Numeric;
}

const toNumeric = (value: Datum): Numeric =>
  value instanceof Numeric ? value : numericFromInt(value as number | bigint);

function stepNumeric(state: unknown, args: readonly Datum[]): NumericSpread {
  const spread = state as NumericSpread;
  const value = toNumeric(args[0]!);
  spread.count++;
  spread.sum = exactSum(spread.sum, value);
  spread.squares = exactSum(spread.squares, exactProduct(value, value));
  return spread;
}

/** Scale of numeric division (select_div_scale). */
function divisionScale(a: Numeric, b: Numeric): number {
  const left = leadingDigit(a);
  const right = leadingDigit(b);
  let weight = left.weight - right.weight;
  if (left.digit <= right.digit) weight--;
  return Math.min(Math.max(16 - weight * 4, a.scale, b.scale, 0), 1000);
}

/** a * b without the limits of a stored numeric: only the variance itself must keep them. */
function exactProduct(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return numericMul(a, b);
  return Numeric.of(a.digits * b.digits, a.scale + b.scale);
}

/** a + b of finite numbers, or of special ones, without those limits. */
function exactSum(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return numericAdd(a, b);
  const scale = Math.max(a.scale, b.scale);
  return Numeric.of(a.digits * pow10(scale - a.scale) + b.digits * pow10(scale - b.scale), scale);
}

function numericSpread(spread: NumericSpread, isSample: boolean, isDeviation: boolean): Datum {
  if (spread.count === 0 || (isSample && spread.count === 1)) return null;
  if (spread.sum.kind !== 'finite') return Numeric.nan;
  const rows = numericFromInt(spread.count);
  const numerator = exactSum(
    exactProduct(rows, spread.squares),
    numericNegate(exactProduct(spread.sum, spread.sum)),
  );
  if (numericSign(numerator) <= 0) return Numeric.of(0n, 0);
  const divisor = numericMul(rows, isSample ? numericFromInt(spread.count - 1) : rows);
  const scale = divisionScale(numerator, divisor);
  const variance = divideRounded(numerator, divisor, scale);
  return isDeviation ? rootAtScale(variance, scale) : variance;
}

/** Square root rounded to `scale` digits. */
function rootAtScale(value: Numeric, scale: number): Numeric {
  const scaled = value.digits * 10n ** BigInt(2 * scale + 2 - value.scale);
  let root = BigInt(Math.floor(Math.sqrt(Number(scaled))));
  for (;;) {
    const next = root === 0n ? 1n : (root + scaled / root) >> 1n;
    const change = next - root;
    if (change === 0n || change === 1n || change === -1n) break;
    root = next;
  }
  while (root * root > scaled) root--;
  while ((root + 1n) * (root + 1n) <= scaled) root++;
  return Numeric.of((root + 5n) / 10n, scale);
}

function spread(isSample: boolean, isDeviation: boolean): AggregateCode {
  return aggregateOf(true, types => {
    if (baseName(types.args[0]).startsWith('float')) {
      return {
        init: (): FloatSpread => ({count: 0, sum: 0, squares: 0}),
        step: stepFloat,
        final: state => {
          const {count, squares} = state as FloatSpread;
          if (count === 0 || (isSample && count === 1)) return null;
          const variance = squares / (isSample ? count - 1 : count);
          return isDeviation ? Math.sqrt(variance) : variance;
        },
      };
    }
    return {
      init: (): NumericSpread => ({count: 0, sum: Numeric.of(0n, 0), squares: Numeric.of(0n, 0)}),
      step: stepNumeric,
      final: state => numericSpread(state as NumericSpread, isSample, isDeviation),
    };
  });
}

/** Sums of float8_regr_accum over (y, x). */
interface Regression {
  count: number;
  sumX: number;
  sumY: number;
  xx: number;
  yy: number;
  xy: number;
}

function stepRegression(state: unknown, args: readonly Datum[]): Regression {
  const sums = state as Regression;
  const y = args[0] as number;
  const x = args[1] as number;
  sums.count++;
  sums.sumX += x;
  sums.sumY += y;
  if (sums.count > 1) {
    const dx = x * sums.count - sums.sumX;
    const dy = y * sums.count - sums.sumY;
    const scale = 1 / (sums.count * (sums.count - 1));
    sums.xx += dx * dx * scale;
    sums.yy += dy * dy * scale;
    sums.xy += dx * dy * scale;
  } else {
    if (!Number.isFinite(x)) sums.xx = sums.xy = NaN;
    if (!Number.isFinite(y)) sums.yy = sums.xy = NaN;
  }
  return sums;
}

function regression(final: (sums: Regression) => Datum, least = 1): AggregateCode {
  return aggregateOf(true, () => ({
    init: (): Regression => ({count: 0, sumX: 0, sumY: 0, xx: 0, yy: 0, xy: 0}),
    step: stepRegression,
    final: state => ((state as Regression).count < least ? null : final(state as Regression)),
  }));
}

/** Rows of an ordered-set aggregate: direct arguments first in `args`, rows arrive sorted. */
interface Ordered {
  direct: readonly Datum[];
  readonly values: Datum[];
}

function ordered(
  directCount: number,
  final: (state: Ordered, types: CallTypes) => Datum,
): AggregateCode {
  return aggregateOf(false, types => ({
    init: (): Ordered => ({direct: [], values: []}),
    step: (state, args) => {
      const rows = state as Ordered;
      if (rows.direct.length === 0) rows.direct = args.slice(0, directCount);
      checkRoom(rows.values.length);
      if (args[directCount] !== null) rows.values.push(args[directCount]!);
      return rows;
    },
    final: state => final(state as Ordered, types),
  }));
}

function checkFraction(fraction: number): void {
  if (Number.isNaN(fraction) || fraction < 0 || fraction > 1) {
    throw new PgError(
      SqlState.numericValueOutOfRange,
      `percentile value ${fraction} is not between 0 and 1`,
    );
  }
}

function discrete(values: readonly Datum[], fraction: Datum): Datum {
  if (fraction === null) return null;
  checkFraction(fraction as number);
  const row = Math.ceil((fraction as number) * values.length);
  return values[Math.max(row - 1, 0)]!;
}

function continuous(values: readonly Datum[], fraction: Datum, type: TypeInstance): Datum {
  if (fraction === null) return null;
  checkFraction(fraction as number);
  const place = (fraction as number) * (values.length - 1);
  const first = Math.floor(place);
  const low = values[first]!;
  if (first === Math.ceil(place)) return low;
  const high = values[first + 1]!;
  if (type.name !== 'interval')
    return (low as number) + (place - first) * ((high as number) - (low as number));
  return intervalAdd(
    low as Interval,
    intervalMultiply(intervalSubtract(high as Interval, low as Interval), place - first),
  );
}

/** One fraction gives one value, an array of fractions an array. */
function percentile(
  pick: (values: readonly Datum[], fraction: Datum, type: TypeInstance) => Datum,
): AggregateCode {
  return ordered(1, ({direct, values}, types) => {
    if (values.length === 0) return null;
    const wanted = direct[0] ?? null;
    const type = types.args[1]!;
    if (!(wanted instanceof PgArray)) return pick(values, wanted, type);
    return new PgArray(
      wanted.elements.map(fraction => pick(values, fraction, type)),
      wanted.dims,
      wanted.lowerBounds,
    );
  });
}

const mode = ordered(0, ({values}, types) => {
  let best: Datum = null;
  let bestCount = 0;
  let start = 0;
  for (let index = 1; index <= values.length; index++) {
    if (index < values.length && types.args[0]!.equals(values[index]!, values[start]!)) continue;
    if (index - start > bestCount) {
      bestCount = index - start;
      best = values[start]!;
    }
    start = index;
  }
  return best;
});

const deviation = {population: spread(false, true), sample: spread(true, true)};
const variance = {population: spread(false, false), sample: spread(true, false)};

/** Statistics and ordered sets (9.21). */
export const statisticsAggregates: AggregateTable = {
  stddev: deviation.sample,
  stddev_samp: deviation.sample,
  stddev_pop: deviation.population,
  variance: variance.sample,
  var_samp: variance.sample,
  var_pop: variance.population,
  regr_count: aggregateOf(true, () => ({
    init: () => 0,
    step: state => (state as number) + 1,
    final: state => BigInt(state as number),
  })),
  regr_sxx: regression(sums => sums.xx),
  regr_syy: regression(sums => sums.yy),
  regr_sxy: regression(sums => sums.xy),
  regr_avgx: regression(sums => sums.sumX / sums.count),
  regr_avgy: regression(sums => sums.sumY / sums.count),
  regr_r2: regression(sums =>
    sums.xx === 0 ? null : sums.yy === 0 ? 1 : (sums.xy * sums.xy) / (sums.xx * sums.yy),
  ),
  regr_slope: regression(sums => (sums.xx === 0 ? null : sums.xy / sums.xx)),
  regr_intercept: regression(sums =>
    sums.xx === 0 ? null : (sums.sumY - (sums.sumX * sums.xy) / sums.xx) / sums.count,
  ),
  covar_pop: regression(sums => sums.xy / sums.count),
  covar_samp: regression(sums => sums.xy / (sums.count - 1), 2),
  corr: regression(sums =>
    sums.xx === 0 || sums.yy === 0 ? null : sums.xy / Math.sqrt(sums.xx * sums.yy),
  ),
  percentile_disc: percentile(discrete),
  percentile_cont: percentile(continuous),
  mode,
};
