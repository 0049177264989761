import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {Numeric} from './numeric-value.ts';
import {invalidSyntax} from './type-errors.ts';

/** Largest display scale that a stored numeric can have. */
export const MAX_STORED_SCALE = 16383;
const MAX_INTEGER_DIGITS = 131072;
const pattern = /^([+-]?)(\d*)(?:(\.)(\d*))?(?:[eE]([+-]?\d+))?$/;

/** 10^n as bigint; small powers come from a table. */
export function pow10(n: number): bigint {
  return n < smallPowers.length ? smallPowers[n]! : 10n ** BigInt(n);
}

const smallPowers: readonly bigint[] = Array.from({length: 64}, (_, n) => 10n ** BigInt(n));

/** 22003 of values beyond numeric's format. */
export function numericOverflow(): PgError {
  return new PgError(SqlState.numericValueOutOfRange, 'value overflows numeric format');
}

/** Refuses values of more than 131072 digits before or 16383 after the point. */
export function checkNumericRange(value: Numeric): Numeric {
  if (value.scale > MAX_STORED_SCALE) throw numericOverflow();
  if (value.digits > longest || value.digits < -longest) {
    if (digitCount(value.digits) - value.scale > MAX_INTEGER_DIGITS) throw numericOverflow();
  }
  return value;
}

const longest = 10n ** 1000n;

/** Number of decimal digits of the magnitude; 0 for 0. */
export function digitCount(digits: bigint): number {
  if (digits === 0n) return 0;
  const text = digits.toString();
  return digits < 0n ? text.length - 1 : text.length;
}

/** `numeric` from text, without typmod. */
export function parseNumeric(text: string): Numeric {
  const size = text.length;
  if (size > 0 && size <= 15) {
    const fast = parseShort(text);
    if (fast !== null) return fast;
  }
  const body = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '');
  const match = pattern.exec(body);
  if (match === null || (match[2] === '' && (match[4] ?? '') === '')) {
    return parseSpecial(body, text);
  }
  const whole = match[2]!;
  const fraction = match[4] ?? '';
  const exponent = match[5] === undefined ? 0 : Number(match[5]);
  if (Math.abs(exponent) >= 1073741823) throw numericOverflow();
  let scale = fraction.length - exponent;
  const significant = (whole + fraction).replace(/^0+/, '');
  if (significant === '') {
    if (scale > MAX_STORED_SCALE) throw numericOverflow();
    return Numeric.of(0n, Math.max(scale, 0));
  }
  if (significant.length - scale > MAX_INTEGER_DIGITS || scale > MAX_STORED_SCALE) {
    throw numericOverflow();
  }
  let digits = BigInt(significant);
  if (scale < 0) {
    digits *= pow10(-scale);
    scale = 0;
  }
  return Numeric.of(match[1] === '-' ? -digits : digits, scale);
}

/** Up to 15 characters of sign, digits and one point; null when it is anything else. */
function parseShort(text: string): Numeric | null {
  let at = 0;
  const sign = text.charCodeAt(0);
  if (sign === 45 || sign === 43) at = 1;
  let value = 0;
  let point = -1;
  const start = at;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46 && point === -1) point = at;
    else if (code >= 48 && code <= 57) value = value * 10 + (code - 48);
    else return null;
  }
  const digits = at - start - (point === -1 ? 0 : 1);
  if (digits === 0) return null;
  return Numeric.of(BigInt(sign === 45 ? -value : value), point === -1 ? 0 : at - point - 1);
}

function parseSpecial(body: string, text: string): Numeric {
  switch (body.toLowerCase()) {
    case 'nan':
      return Numeric.nan;
    case 'infinity':
    case '+infinity':
    case 'inf':
    case '+inf':
      return Numeric.infinity;
    case '-infinity':
    case '-inf':
      return Numeric.minusInfinity;
    default:
      throw invalidSyntax('numeric', text);
  }
}

/** `numeric` as text: plain digits with its display scale. */
export function numericToText(value: Numeric): string {
  if (value.kind !== 'finite') {
    return value.kind === 'nan' ? 'NaN' : value.kind === 'inf' ? 'Infinity' : '-Infinity';
  }
  const {digits, scale} = value;
  const text = digits.toString();
  if (scale === 0) return text;
  const isNegative = digits < 0n;
  let body = isNegative ? text.slice(1) : text;
  if (body.length <= scale) body = '0'.repeat(scale + 1 - body.length) + body;
  const point = body.length - scale;
  return `${isNegative ? '-' : ''}${body.slice(0, point)}.${body.slice(point)}`;
}
