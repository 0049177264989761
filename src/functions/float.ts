// Hot path: floating point with PostgreSQL's errors (float.c).
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {roundHalfEven} from '../types/numeric-convert.ts';
import type {FunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';
import {divisionByZero} from './table.ts';

const overflow = (): PgError =>
  new PgError(SqlState.numericValueOutOfRange, 'value out of range: overflow');
const underflow = (): PgError =>
  new PgError(SqlState.numericValueOutOfRange, 'value out of range: underflow');
const inputOutOfRange = (): PgError =>
  new PgError(SqlState.numericValueOutOfRange, 'input is out of range');
const isInf = (value: number): boolean => value === Infinity || value === -Infinity;

const add8 = (a: number, b: number): number => {
  const r = a + b;
  if (isInf(r) && !isInf(a) && !isInf(b)) throw overflow();
  return r;
};
const sub8 = (a: number, b: number): number => {
  const r = a - b;
  if (isInf(r) && !isInf(a) && !isInf(b)) throw overflow();
  return r;
};
const mul8 = (a: number, b: number): number => {
  const r = a * b;
  if (isInf(r) && !isInf(a) && !isInf(b)) throw overflow();
  if (r === 0 && a !== 0 && b !== 0) throw underflow();
  return r;
};
const div8 = (a: number, b: number): number => {
  if (b === 0 && !Number.isNaN(a)) throw divisionByZero();
  const r = a / b;
  if (isInf(r) && !isInf(a)) throw overflow();
  if (r === 0 && a !== 0 && !isInf(b)) throw underflow();
  return r;
};
const narrow =
  (wide: (a: number, b: number) => number, isProduct: boolean) =>
  (a: number, b: number): number => {
    const exact = wide(a, b);
    const r = Math.fround(exact);
    if (isInf(r) && !isInf(exact)) throw overflow();
    if (isProduct && r === 0 && exact !== 0) throw underflow();
    return r;
  };

const call = (helper: unknown): FunctionCode => ({
  emit: (...args) => `h.run(${args.join(', ')})`,
  helpers: {run: helper},
});

/** pow() of PostgreSQL: NaN and infinity rules of POSIX, its own errors. */
export function power(base: number, exponent: number): number {
  if (base === 1 || exponent === 0) return 1;
  if (Number.isNaN(base) || Number.isNaN(exponent)) return NaN;
  if (base === 0 && exponent < 0) {
    throw new PgError(
      SqlState.invalidArgumentForPowerFunction,
      'zero raised to a negative power is undefined',
    );
  }
  if (base < 0 && !isInf(exponent) && Math.floor(exponent) !== exponent) {
    throw new PgError(
      SqlState.invalidArgumentForPowerFunction,
      'a negative number raised to a non-integer power yields a complex result',
    );
  }
  if (isInf(exponent) && Math.abs(base) === 1) return 1;
  const r = base ** exponent;
  if (isInf(r) && !isInf(base) && !isInf(exponent)) throw overflow();
  if (r === 0 && base !== 0 && !isInf(base) && !isInf(exponent)) throw underflow();
  return r;
}

function exp(value: number): number {
  const r = Math.exp(value);
  if (isInf(r) && !isInf(value)) throw overflow();
  if (r === 0 && !isInf(value)) throw underflow();
  return r;
}

function logarithm(compute: (value: number) => number): (value: number) => number {
  return value => {
    if (value === 0)
      throw new PgError(SqlState.invalidArgumentForLogarithm, 'cannot take logarithm of zero');
    if (value < 0)
      throw new PgError(
        SqlState.invalidArgumentForLogarithm,
        'cannot take logarithm of a negative number',
      );
    return compute(value);
  };
}

function squareRoot(value: number): number {
  if (value < 0)
    throw new PgError(
      SqlState.invalidArgumentForPowerFunction,
      'cannot take square root of a negative number',
    );
  return Math.sqrt(value);
}

const finite =
  (compute: (value: number) => number) =>
  (value: number): number => {
    if (isInf(value)) throw inputOutOfRange();
    return compute(value);
  };
const unit =
  (compute: (value: number) => number) =>
  (value: number): number => {
    if (value < -1 || value > 1) throw inputOutOfRange();
    return compute(value);
  };
const checked =
  (compute: (value: number) => number) =>
  (value: number): number => {
    const r = compute(value);
    if (isInf(r) && !isInf(value)) throw overflow();
    return r;
  };

const RADIANS_PER_DEGREE = Math.PI / 180;
const ASIN_HALF = Math.asin(0.5);
const ACOS_HALF = Math.acos(0.5);
const SIN_30 = Math.sin(30 * RADIANS_PER_DEGREE);
const ONE_MINUS_COS_60 = 1 - Math.cos(60 * RADIANS_PER_DEGREE);
const ATAN_1 = Math.atan(1);

const sind0to30 = (x: number): number => Math.sin(x * RADIANS_PER_DEGREE) / SIN_30 / 2;
const cosd0to60 = (x: number): number =>
  1 - (1 - Math.cos(x * RADIANS_PER_DEGREE)) / ONE_MINUS_COS_60 / 2;
const sindFirst = (x: number): number => (x <= 30 ? sind0to30(x) : cosd0to60(90 - x));
const cosdFirst = (x: number): number => (x <= 60 ? cosd0to60(x) : sind0to30(90 - x));

/** Folds degrees into the first quadrant and remembers the signs of sine and cosine. */
function quadrant(value: number): {
  readonly angle: number;
  readonly sine: number;
  readonly cosine: number;
} {
  let angle = value % 360;
  let sine = 1;
  let cosine = 1;
  if (angle < 0) {
    angle = -angle;
    sine = -sine;
  }
  if (angle > 180) {
    angle = 360 - angle;
    sine = -sine;
  }
  if (angle > 90) {
    angle = 180 - angle;
    cosine = -cosine;
  }
  return {angle, sine, cosine};
}

const TAN_45 = sindFirst(45) / cosdFirst(45);
const COT_45 = cosdFirst(45) / sindFirst(45);
const positiveZero = (value: number): number => (value === 0 ? 0 : value);
const sind = (value: number): number => {
  const {angle, sine} = quadrant(value);
  return sine * sindFirst(angle);
};
const cosd = (value: number): number => {
  const {angle, cosine} = quadrant(value);
  return cosine * cosdFirst(angle);
};
const tand = (value: number): number => {
  const {angle, sine, cosine} = quadrant(value);
  return positiveZero((sine * cosine * (sindFirst(angle) / cosdFirst(angle))) / TAN_45);
};
const cotd = (value: number): number => {
  const {angle, sine, cosine} = quadrant(value);
  return positiveZero((sine * cosine * (cosdFirst(angle) / sindFirst(angle))) / COT_45);
};
const asindFirst = (x: number): number =>
  x <= 0.5 ? (Math.asin(x) / ASIN_HALF) * 30 : 90 - (Math.acos(x) / ACOS_HALF) * 60;
const acosdFirst = (x: number): number =>
  x <= 0.5 ? 90 - (Math.asin(x) / ASIN_HALF) * 30 : (Math.acos(x) / ACOS_HALF) * 60;

/** width_bucket over float8 bounds. */
export function widthBucketFloat8(
  operand: number,
  low: number,
  high: number,
  count: number,
): number {
  const error = (text: string): PgError =>
    new PgError(SqlState.invalidArgumentForWidthBucket, text);
  if (count <= 0) throw error('count must be greater than zero');
  if (Number.isNaN(operand) || Number.isNaN(low) || Number.isNaN(high)) {
    throw error('operand, lower bound, and upper bound cannot be NaN');
  }
  if (isInf(low) || isInf(high)) throw error('lower and upper bounds must be finite');
  if (low === high) throw error('lower bound cannot equal upper bound');
  const isUp = low < high;
  const isBelow = isUp ? operand < low : operand > low;
  const isAbove = isUp ? operand >= high : operand <= high;
  if (isBelow) return 0;
  if (isAbove) {
    if (count === 2147483647)
      throw new PgError(SqlState.numericValueOutOfRange, 'integer out of range');
    return count + 1;
  }
  const share = isUp ? (operand - low) / (high - low) : (low - operand) / (low - high);
  return Math.min(Math.floor(count * share), count - 1) + 1;
}

/** float4, float8 and their mixtures, mathematical functions of 9.3. */
export const floatFunctions: FunctionTable = {
  float8pl: call(add8),
  float8mi: call(sub8),
  float8mul: call(mul8),
  float8div: call(div8),
  float48pl: call(add8),
  float48mi: call(sub8),
  float48mul: call(mul8),
  float48div: call(div8),
  float84pl: call(add8),
  float84mi: call(sub8),
  float84mul: call(mul8),
  float84div: call(div8),
  float4pl: call(narrow(add8, false)),
  float4mi: call(narrow(sub8, false)),
  float4mul: call(narrow(mul8, true)),
  float4div: call(narrow(div8, true)),
  float8abs: {emit: a => `Math.abs(${a})`},
  float4abs: {emit: a => `Math.abs(${a})`},
  float8um: {emit: a => `(-${a})`},
  float4um: {emit: a => `(-${a})`},
  float8up: {emit: a => `${a}`},
  float4up: {emit: a => `${a}`},
  dround: call(roundHalfEven),
  dceil: {emit: a => `Math.ceil(${a})`},
  dfloor: {emit: a => `Math.floor(${a})`},
  dtrunc: {emit: a => `Math.trunc(${a})`},
  dsign: call((a: number) => (a > 0 ? 1 : a < 0 ? -1 : 0)),
  dsqrt: call(squareRoot),
  dcbrt: call(Math.cbrt),
  dpow: call(power),
  dexp: call(exp),
  dlog1: call(logarithm(Math.log)),
  dlog10: call(logarithm(Math.log10)),
  dpi: {emit: () => 'Math.PI'},
  degrees: call(checked(a => a / RADIANS_PER_DEGREE)),
  radians: call((a: number) => a * RADIANS_PER_DEGREE),
  dsin: call(finite(Math.sin)),
  dcos: call(finite(Math.cos)),
  dtan: call(finite(Math.tan)),
  dcot: call(finite(a => 1 / Math.tan(a))),
  dasin: call(unit(Math.asin)),
  dacos: call(unit(Math.acos)),
  datan: {emit: a => `Math.atan(${a})`},
  datan2: {emit: (a, b) => `Math.atan2(${a}, ${b})`},
  dsind: call(finite(sind)),
  dcosd: call(finite(cosd)),
  dtand: call(finite(tand)),
  dcotd: call(finite(cotd)),
  dasind: call(unit(a => (a >= 0 ? asindFirst(a) : -asindFirst(-a)))),
  dacosd: call(unit(a => (a >= 0 ? acosdFirst(a) : 90 + asindFirst(-a)))),
  datand: call((a: number) => (Math.atan(a) / ATAN_1) * 45),
  datan2d: call((a: number, b: number) => (Math.atan2(a, b) / ATAN_1) * 45),
  dsinh: {emit: a => `Math.sinh(${a})`},
  dcosh: {emit: a => `Math.cosh(${a})`},
  dtanh: {emit: a => `Math.tanh(${a})`},
  dasinh: {emit: a => `Math.asinh(${a})`},
  dacosh: call((a: number) => {
    if (a < 1) throw inputOutOfRange();
    return Math.acosh(a);
  }),
  datanh: call(unit(a => Math.atanh(a))),
  width_bucket_float8: {fn: widthBucketFloat8},
  drandom: {fnCtx: (context: {readonly random: {next(): number}}) => context.random.next()},
  setseed: {
    fnCtx: (seed: number, context: {readonly random: {seed(value: number): void}}) => {
      if (Number.isNaN(seed) || seed < -1 || seed > 1) {
        throw new PgError(
          SqlState.invalidParameterValue,
          `setseed parameter ${seed} is out of allowed range [-1,1]`,
        );
      }
      context.random.seed(seed);
      return '';
    },
  },
};
