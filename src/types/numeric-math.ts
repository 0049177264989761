import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {checkNumericRange, digitCount, MAX_STORED_SCALE, pow10} from './numeric-text.ts';
import {Numeric} from './numeric-value.ts';

/** PostgreSQL's NUMERIC_MIN_SIG_DIGITS and NUMERIC_MAX_DISPLAY_SCALE. */
export const MIN_SIGNIFICANT_DIGITS = 16;
export const MAX_DISPLAY_SCALE = 1000;

/** -1, 0 or 1; NaN counts as 1. */
export function numericSign(value: Numeric): number {
  switch (value.kind) {
    case 'finite':
      return value.digits > 0n ? 1 : value.digits < 0n ? -1 : 0;
    case '-inf':
      return -1;
    default:
      return 1;
  }
}

const rank = {'-inf': 0, finite: 1, inf: 2, nan: 3} as const;

/** Btree order: -Infinity, numbers, Infinity, NaN. */
export function numericCompare(a: Numeric, b: Numeric): number {
  if (a.kind !== 'finite' || b.kind !== 'finite') return rank[a.kind] - rank[b.kind];
  let left = a.digits;
  let right = b.digits;
  if (a.scale < b.scale) left *= pow10(b.scale - a.scale);
  else if (a.scale > b.scale) right *= pow10(a.scale - b.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** a + b; scale is the larger. */
export function numericAdd(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return addSpecial(a, b);
  if (a.scale === b.scale) return bounded(a.digits + b.digits, a.scale);
  if (a.scale < b.scale) return bounded(a.digits * pow10(b.scale - a.scale) + b.digits, b.scale);
  return bounded(a.digits + b.digits * pow10(a.scale - b.scale), a.scale);
}

function addSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.kind === 'nan' || b.kind === 'nan') return Numeric.nan;
  if (a.kind === 'finite') return b;
  if (b.kind === 'finite') return a;
  return a.kind === b.kind ? a : Numeric.nan;
}

/** a - b. */
export function numericSub(a: Numeric, b: Numeric): Numeric {
  return numericAdd(a, numericNegate(b));
}

/** -a. */
export function numericNegate(a: Numeric): Numeric {
  switch (a.kind) {
    case 'finite':
      return Numeric.of(-a.digits, a.scale);
    case 'inf':
      return Numeric.minusInfinity;
    case '-inf':
      return Numeric.infinity;
    case 'nan':
      return a;
  }
}

/** |a|. */
export function numericAbs(a: Numeric): Numeric {
  return numericSign(a) < 0 ? numericNegate(a) : a;
}

/** a * b; scale is the sum, rounded beyond 16383 digits. */
export function numericMul(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return mulSpecial(a, b);
  const scale = a.scale + b.scale;
  const product = Numeric.of(a.digits * b.digits, scale);
  return scale > MAX_STORED_SCALE
    ? checkNumericRange(numericRound(product, MAX_STORED_SCALE))
    : bounded(product.digits, scale);
}

function mulSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.kind === 'nan' || b.kind === 'nan') return Numeric.nan;
  return signedInfinity(numericSign(a) * numericSign(b));
}

function signedInfinity(sign: number): Numeric {
  return sign === 0 ? Numeric.nan : sign > 0 ? Numeric.infinity : Numeric.minusInfinity;
}

/** a / b with PostgreSQL's select_div_scale. */
export function numericDiv(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return divSpecial(a, b);
  if (b.digits === 0n) throw divisionByZero();
  return divideRounded(a, b, selectDivScale(a, b));
}

function divSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.kind === 'nan' || b.kind === 'nan') return Numeric.nan;
  if (a.kind === 'finite') return Numeric.of(0n, 0);
  if (b.kind !== 'finite') return Numeric.nan;
  if (b.digits === 0n) throw divisionByZero();
  return signedInfinity(numericSign(a) * numericSign(b));
}

/** a / b rounded half away from zero to `scale` digits; b is not 0. */
export function divideRounded(a: Numeric, b: Numeric, scale: number): Numeric {
  const shift = scale + b.scale - a.scale;
  const dividend = shift >= 0 ? a.digits * pow10(shift) : a.digits;
  const divisor = shift >= 0 ? b.digits : b.digits * pow10(-shift);
  return bounded(roundedQuotient(dividend, divisor), scale);
}

/** Quotient of integers, rounded half away from zero. */
export function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const rest = dividend - quotient * divisor;
  const twice = rest < 0n ? -rest * 2n : rest * 2n;
  if (twice < (divisor < 0n ? -divisor : divisor)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

/** Weight and value of the first base-10000 digit, as PostgreSQL stores a number. */
export function leadingDigit(value: Numeric): {readonly weight: number; readonly digit: number} {
  if (value.digits === 0n) return {weight: 0, digit: 0};
  const text = (value.digits < 0n ? -value.digits : value.digits).toString();
  const exponent = text.length - 1 - value.scale;
  const weight = Math.floor(exponent / 4);
  const width = exponent - weight * 4 + 1;
  return {weight, digit: Number(text.slice(0, width).padEnd(width, '0'))};
}

function selectDivScale(a: Numeric, b: Numeric): number {
  const first = leadingDigit(a);
  const second = leadingDigit(b);
  let weight = first.weight - second.weight;
  if (first.digit <= second.digit) weight--;
  const scale = Math.max(MIN_SIGNIFICANT_DIGITS - weight * 4, a.scale, b.scale, 0);
  return Math.min(scale, MAX_DISPLAY_SCALE);
}

/** Truncated quotient (SQL div). */
export function numericDivTrunc(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return divSpecial(a, b);
  if (b.digits === 0n) throw divisionByZero();
  const [left, right] = aligned(a, b);
  return Numeric.of(left / right, 0);
}

/** a mod b, with the sign of a; scale is the larger. */
export function numericMod(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') {
    if (a.kind === 'nan' || b.kind === 'nan') return Numeric.nan;
    if (a.kind !== 'finite') {
      if (b.kind === 'finite' && b.digits === 0n) throw divisionByZero();
      return Numeric.nan;
    }
    return a;
  }
  if (b.digits === 0n) throw divisionByZero();
  const [left, right] = aligned(a, b);
  return Numeric.of(left % right, Math.max(a.scale, b.scale));
}

function aligned(a: Numeric, b: Numeric): readonly [bigint, bigint] {
  if (a.scale < b.scale) return [a.digits * pow10(b.scale - a.scale), b.digits];
  return [a.digits, b.digits * pow10(a.scale - b.scale)];
}

/** round(a, scale), half away from zero; a negative scale rounds before the point. */
export function numericRound(a: Numeric, scale: number): Numeric {
  if (a.kind !== 'finite') return a;
  const wanted = Math.max(-MAX_STORED_SCALE - 120000, Math.min(scale, MAX_STORED_SCALE));
  if (wanted >= a.scale) return Numeric.of(a.digits * pow10(wanted - a.scale), wanted);
  if (a.scale - wanted > digitCount(a.digits) + 1) return Numeric.of(0n, Math.max(wanted, 0));
  const kept = roundedQuotient(a.digits, pow10(a.scale - wanted));
  return wanted >= 0 ? Numeric.of(kept, wanted) : bounded(kept * pow10(-wanted), 0);
}

/** trunc(a, scale), toward zero. */
export function numericTrunc(a: Numeric, scale: number): Numeric {
  if (a.kind !== 'finite') return a;
  const wanted = Math.max(-MAX_STORED_SCALE - 120000, Math.min(scale, MAX_STORED_SCALE));
  if (wanted >= a.scale) return Numeric.of(a.digits * pow10(wanted - a.scale), wanted);
  if (a.scale - wanted > digitCount(a.digits)) return Numeric.of(0n, Math.max(wanted, 0));
  const kept = a.digits / pow10(a.scale - wanted);
  return wanted >= 0 ? Numeric.of(kept, wanted) : Numeric.of(kept * pow10(-wanted), 0);
}

/** Smallest integer not below a. */
export function numericCeil(a: Numeric): Numeric {
  const whole = numericTrunc(a, 0);
  return numericCompare(a, whole) > 0 ? Numeric.of(whole.digits + 1n, 0) : whole;
}

/** Largest integer not above a. */
export function numericFloor(a: Numeric): Numeric {
  const whole = numericTrunc(a, 0);
  return numericCompare(a, whole) < 0 ? Numeric.of(whole.digits - 1n, 0) : whole;
}

/** The fewest fraction digits that lose nothing (min_scale). */
export function numericMinScale(a: Numeric): number {
  let {digits, scale} = a;
  if (digits === 0n) return 0;
  while (scale > 0 && digits % 10n === 0n) {
    digits /= 10n;
    scale--;
  }
  return scale;
}

/** Greatest common divisor; scale is the larger. */
export function numericGcd(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return Numeric.nan;
  let [left, right] = aligned(numericAbs(a), numericAbs(b));
  while (right !== 0n) [left, right] = [right, left % right];
  return Numeric.of(left, Math.max(a.scale, b.scale));
}

/** Least common multiple; scale is the larger. */
export function numericLcm(a: Numeric, b: Numeric): Numeric {
  if (a.kind !== 'finite' || b.kind !== 'finite') return Numeric.nan;
  const scale = Math.max(a.scale, b.scale);
  const gcd = numericGcd(a, b).digits;
  if (gcd === 0n) return Numeric.of(0n, scale);
  const [left, right] = aligned(numericAbs(a), numericAbs(b));
  return bounded((left / gcd) * right, scale);
}

function bounded(digits: bigint, scale: number): Numeric {
  return checkNumericRange(Numeric.of(digits, scale));
}

/** 22012. */
export function divisionByZero(): PgError {
  return new PgError(SqlState.divisionByZero, 'division by zero');
}
