import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  divideRounded,
  divisionByZero,
  leadingDigit,
  MAX_DISPLAY_SCALE,
  MIN_SIGNIFICANT_DIGITS,
  numericAbs,
  numericCompare,
  numericMul,
  numericNegate,
  numericRound,
  numericSign,
  roundedQuotient,
} from './numeric-math.ts';
import {numericToFloat} from './numeric-convert.ts';
import {checkNumericRange, numericOverflow, pow10} from './numeric-text.ts';
import {Numeric} from './numeric-value.ts';

const LOG10_E = 0.434294481903252;
const MAX_RESULT_SCALE = 2000;
const zero = Numeric.of(0n, 0);
const one = Numeric.of(1n, 0);

function displayScale(wanted: number, ...inputScales: number[]): number {
  return Math.min(Math.max(wanted, 0, ...inputScales), MAX_DISPLAY_SCALE);
}

function logError(what: 'zero' | 'a negative number'): PgError {
  return new PgError(SqlState.invalidArgumentForLogarithm, `cannot take logarithm of ${what}`);
}

function powerError(message: string): PgError {
  return new PgError(SqlState.invalidArgumentForPowerFunction, message);
}

/** sqrt(a) to at least 16 significant digits. */
export function numericSqrt(a: Numeric): Numeric {
  if (a.kind === 'nan' || a.kind === 'inf') return a;
  if (numericSign(a) < 0) {
    throw new PgError(
      SqlState.invalidArgumentForPowerFunction,
      'cannot take square root of a negative number',
    );
  }
  const {weight} = leadingDigit(a);
  const scale = displayScale(MIN_SIGNIFICANT_DIGITS - (2 * weight + 1), a.scale);
  return Numeric.of(sqrtFixed(a, scale), scale);
}

/** sqrt rounded half up, as an integer of `scale` fraction digits. */
function sqrtFixed(a: Numeric, scale: number): bigint {
  const shift = 2 * scale + 2 - a.scale;
  const radicand = shift >= 0 ? a.digits * pow10(shift) : a.digits / pow10(-shift);
  return (integerSqrt(radicand) + 5n) / 10n;
}

function integerSqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt((value.toString(16).length * 4 + 1) >> 1);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** e^a. */
export function numericExp(a: Numeric): Numeric {
  if (a.kind !== 'finite') return a.kind === '-inf' ? zero : a;
  const weight = numericToFloat(a) * LOG10_E;
  const bounded = Math.max(-MAX_RESULT_SCALE, Math.min(weight, MAX_RESULT_SCALE));
  const scale = displayScale(MIN_SIGNIFICANT_DIGITS - Math.trunc(bounded), a.scale);
  return expToScale(a, scale);
}

function expToScale(a: Numeric, scale: number): Numeric {
  const approximate = numericToFloat(a);
  if (Math.abs(approximate) >= MAX_RESULT_SCALE * 3) {
    if (approximate > 0) throw numericOverflow();
    return Numeric.of(0n, scale);
  }
  const guard = scale + 12 + Math.max(0, Math.ceil(approximate * LOG10_E));
  const result = expFixed(toFixed(a, guard), guard);
  return numericRound(Numeric.of(result, guard), scale);
}

/** e^x for x of `precision` fraction digits, by halving and a Taylor series. */
function expFixed(x: bigint, precision: number): bigint {
  const extra = 25;
  const unit = pow10(precision + extra);
  let reduced = x * pow10(extra);
  let halvings = 0;
  const limit = unit / 100n;
  while (reduced > limit || reduced < -limit) {
    reduced /= 2n;
    halvings++;
  }
  let sum = unit + reduced;
  let term = reduced;
  for (let n = 2n; term !== 0n; n++) {
    term = (term * reduced) / unit / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum = (sum * sum) / unit;
  return sum / pow10(extra);
}

function toFixed(a: Numeric, precision: number): bigint {
  return a.scale <= precision
    ? a.digits * pow10(precision - a.scale)
    : roundedQuotient(a.digits, pow10(a.scale - precision));
}

/** Decimal weight of ln(a)'s first digit, as PostgreSQL estimates it. */
function estimateLnWeight(a: Numeric): number {
  if (numericSign(a) <= 0) return 0;
  const [low, high] = [Numeric.of(9n, 1), Numeric.of(11n, 1)];
  if (numericCompare(a, low) >= 0 && numericCompare(a, high) <= 0) {
    const distance = Numeric.of(a.digits - pow10(a.scale), a.scale);
    if (distance.digits === 0n) return 0;
    const {weight, digit} = leadingDigit(distance);
    return weight * 4 + Math.trunc(Math.log10(digit));
  }
  return Math.trunc(Math.log10(Math.abs(approximateLn(a))));
}

function approximateLn(a: Numeric): number {
  const text = a.digits.toString();
  const head = Number(text.slice(0, 16));
  return Math.log(head) + (text.length - Math.min(16, text.length) - a.scale) * Math.LN10;
}

/** Natural logarithm. */
export function numericLn(a: Numeric): Numeric {
  if (a.kind !== 'finite') {
    if (a.kind === '-inf') throw logError('a negative number');
    return a;
  }
  const scale = displayScale(MIN_SIGNIFICANT_DIGITS - estimateLnWeight(a), a.scale);
  return lnToScale(a, scale);
}

function lnToScale(a: Numeric, scale: number): Numeric {
  const sign = numericSign(a);
  if (sign === 0) throw logError('zero');
  if (sign < 0) throw logError('a negative number');
  const guard = scale + 12;
  return numericRound(Numeric.of(lnFixed(a, guard), guard), scale);
}

/** ln(a) as an integer of `precision` fraction digits: square roots towards 1, then the series of artanh. */
function lnFixed(a: Numeric, precision: number): bigint {
  const work = precision + 30;
  const unit = pow10(work);
  let exponent = a.digits.toString().length - 1 - a.scale;
  if (exponent >= -2 && exponent <= 2) exponent = 0;
  const mantissa = Numeric.of(a.digits, a.scale + exponent);
  let x =
    mantissa.scale >= 0
      ? mantissa.scale <= work
        ? mantissa.digits * pow10(work - mantissa.scale)
        : roundedQuotient(mantissa.digits, pow10(mantissa.scale - work))
      : mantissa.digits * pow10(work - mantissa.scale);
  let doublings = 1n;
  const [low, high] = [(unit * 95n) / 100n, (unit * 105n) / 100n];
  while (x < low || x > high) {
    x = integerSqrt(x * unit);
    doublings *= 2n;
  }
  let result = 2n * doublings * artanhFixed(((x - unit) * unit) / (x + unit), unit);
  if (exponent !== 0) result += BigInt(exponent) * ln10Fixed(work);
  return roundedQuotient(result, pow10(30));
}

function artanhFixed(z: bigint, unit: bigint): bigint {
  const square = (z * z) / unit;
  let power = z;
  let sum = z;
  for (let n = 3n; power !== 0n; n += 2n) {
    power = (power * square) / unit;
    sum += power / n;
  }
  return sum;
}

/** ln 10 = 2 artanh(1/3) * 3 + ... by 10 = 2^3 * 1.25. */
function ln10Fixed(work: number): bigint {
  const unit = pow10(work + 5);
  const ln2 = 2n * artanhFixed(unit / 3n, unit);
  const ln125 = 2n * artanhFixed(unit / 9n, unit);
  return (3n * ln2 + ln125) / pow10(5);
}

/** log(base, value). */
export function numericLog(base: Numeric, value: Numeric): Numeric {
  if (base.kind !== 'finite' || value.kind !== 'finite') return logSpecial(base, value);
  const baseWeight = estimateLnWeight(base);
  const valueWeight = estimateLnWeight(value);
  const weight = valueWeight - baseWeight;
  const scale = displayScale(MIN_SIGNIFICANT_DIGITS - weight, base.scale, value.scale);
  const lnBase = lnToScale(base, Math.max(scale + weight - baseWeight + 8, 0));
  const lnValue = lnToScale(value, Math.max(scale + weight - valueWeight + 8, 0));
  if (lnBase.digits === 0n) throw divisionByZero();
  return divideRounded(lnValue, lnBase, scale);
}

function logSpecial(base: Numeric, value: Numeric): Numeric {
  if (base.kind === 'nan' || value.kind === 'nan') return Numeric.nan;
  const signs = [numericSign(base), numericSign(value)];
  if (signs.some(sign => sign < 0)) throw logError('a negative number');
  if (signs.includes(0)) throw logError('zero');
  if (base.kind === 'inf') return value.kind === 'inf' ? Numeric.nan : zero;
  return Numeric.infinity;
}

/** base ^ exponent. */
export function numericPower(base: Numeric, exponent: Numeric): Numeric {
  if (base.kind !== 'finite' || exponent.kind !== 'finite') return powerSpecial(base, exponent);
  if (base.digits === 0n && exponent.digits < 0n) {
    throw powerError('zero raised to a negative power is undefined');
  }
  const unit = pow10(exponent.scale);
  const isIntegral = exponent.digits % unit === 0n;
  const whole = exponent.digits / unit;
  if (isIntegral && whole >= -2147483648n && whole <= 2147483647n) {
    const scale = displayScale(MIN_SIGNIFICANT_DIGITS, base.scale);
    return powerInt(base, Number(whole), scale);
  }
  if (base.digits === 0n) return Numeric.of(0n, MIN_SIGNIFICANT_DIGITS);
  const isNegative = base.digits < 0n;
  if (isNegative && !isIntegral) {
    throw powerError('a negative number raised to a non-integer power yields a complex result');
  }
  const result = powerReal(numericAbs(base), exponent);
  return isNegative && whole % 2n !== 0n ? numericNegate(result) : result;
}

function powerReal(base: Numeric, exponent: Numeric): Numeric {
  const lnWeight = estimateLnWeight(base);
  const roughScale = Math.max(8 - lnWeight, 0);
  const rough = numericMul(lnToScale(base, roughScale), exponent);
  const estimate = numericToFloat(numericRound(rough, roughScale));
  if (Math.abs(estimate) > MAX_RESULT_SCALE * 3.01) {
    if (estimate > 0) throw numericOverflow();
    return Numeric.of(0n, MAX_DISPLAY_SCALE);
  }
  const weight = Math.trunc(estimate * LOG10_E);
  const scale = displayScale(MIN_SIGNIFICANT_DIGITS - weight, base.scale, exponent.scale);
  const significant = Math.max(scale + weight, 0);
  const lnScale = Math.max(significant - lnWeight + 8, 0);
  const power = numericMul(lnToScale(base, lnScale), exponent);
  return expToScale(numericRound(power, lnScale), scale);
}

function powerInt(base: Numeric, exponent: number, scale: number): Numeric {
  if (exponent === 0) return Numeric.of(pow10(scale), scale);
  if (base.digits === 0n) return Numeric.of(0n, scale);
  const size = Math.abs(exponent);
  const log10 = (approximateLn(numericAbs(base)) / Math.LN10) * exponent;
  if (log10 > 3 * 32767 * 4) throw numericOverflow();
  if (log10 + 1 < -scale || log10 + 1 < -MAX_DISPLAY_SCALE) return Numeric.of(0n, scale);
  const precision = Math.max(1 + scale + Math.trunc(log10), 0) + Math.trunc(Math.log(size)) + 30;
  const product = powerTruncated(numericAbs(base), size, precision);
  const isNegative = base.digits < 0n && exponent % 2 !== 0;
  const signed = isNegative ? numericNegate(product) : product;
  if (exponent > 0) return checkNumericRange(roundLoose(signed, scale));
  const shift = scale + signed.scale;
  if (shift < 0) return Numeric.of(0n, scale);
  return checkNumericRange(Numeric.of(roundedQuotient(pow10(shift), signed.digits), scale));
}

/** base^n of about `precision` significant digits; the scale of the result may be negative. */
function powerTruncated(base: Numeric, n: number, precision: number): Numeric {
  let result = one;
  let square = base;
  for (let rest = n; ; ) {
    if (rest % 2 === 1) result = shorten(result, square, precision);
    rest = Math.floor(rest / 2);
    if (rest === 0) return result;
    square = shorten(square, square, precision);
  }
}

function shorten(a: Numeric, b: Numeric, precision: number): Numeric {
  const digits = a.digits * b.digits;
  const scale = a.scale + b.scale;
  const size = digits.toString().length;
  if (size <= precision + 20) return Numeric.of(digits, scale);
  const cut = size - precision - 20;
  return Numeric.of(roundedQuotient(digits, pow10(cut)), scale - cut);
}

function roundLoose(value: Numeric, scale: number): Numeric {
  return value.scale >= 0
    ? numericRound(value, scale)
    : Numeric.of(value.digits * pow10(scale - value.scale), scale);
}

function powerSpecial(base: Numeric, exponent: Numeric): Numeric {
  const isOne = base.kind === 'finite' && numericCompare(base, one) === 0;
  const isZeroPower = exponent.kind === 'finite' && exponent.digits === 0n;
  if (base.kind === 'nan' || exponent.kind === 'nan')
    return isOne || isZeroPower ? one : Numeric.nan;
  const [baseSign, exponentSign] = [numericSign(base), numericSign(exponent)];
  if (baseSign === 0 && exponentSign < 0) {
    throw powerError('zero raised to a negative power is undefined');
  }
  const unit = pow10(exponent.scale);
  if (baseSign < 0 && exponent.kind === 'finite' && exponent.digits % unit !== 0n) {
    throw powerError('a negative number raised to a non-integer power yields a complex result');
  }
  if (isOne || isZeroPower) return one;
  if (baseSign === 0) return zero;
  if (exponent.kind !== 'finite') {
    if (base.kind === 'finite' && numericCompare(base, Numeric.of(-1n, 0)) === 0) return one;
    const isLarge = base.kind !== 'finite' || numericCompare(numericAbs(base), one) > 0;
    return isLarge === exponentSign > 0 ? Numeric.infinity : zero;
  }
  if (exponentSign < 0) return zero;
  const isOdd = (exponent.digits / unit) % 2n !== 0n;
  return base.kind === '-inf' && isOdd ? Numeric.minusInfinity : Numeric.infinity;
}
