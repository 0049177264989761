import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {nearestSingle, sideOfDecimal} from './single.ts';
import {invalidSyntax} from './type-errors.ts';

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const hexPattern = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?$/;
const specialPattern = /^([+-]?)(nan|inf|infinity)$/i;

/** `double precision` from text. */
export function parseFloat8(text: string): number {
  const value = parseReal(text, 'double precision');
  if (value === 0 || !Number.isFinite(value)) {
    checkRange(text, value, 'double precision');
  }
  return value;
}

/** `real` from text, rounded to single precision. */
export function parseFloat4(text: string): number {
  const wide = parseReal(text, 'real');
  const value = nearestSingle(wide, () => sideOfDecimal(trimBlanks(text), wide));
  if (value === 0 || !Number.isFinite(value)) checkRange(text, value, 'real');
  return value;
}

function parseReal(text: string, type: string): number {
  const body = trimBlanks(text);
  if (numberPattern.test(body)) return Number(body);
  const special = specialPattern.exec(body);
  if (special !== null) {
    if (special[2]!.toLowerCase() === 'nan') return NaN;
    return special[1] === '-' ? -Infinity : Infinity;
  }
  const hex = hexPattern.exec(body);
  if (hex !== null && (hex[2] !== '' || (hex[3] ?? '') !== '')) return parseHexReal(hex);
  const prefix = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/.exec(body);
  if (prefix !== null) {
    const value = type === 'real' ? Math.fround(Number(prefix[0])) : Number(prefix[0]);
    if (value === 0 || !Number.isFinite(value))
      checkRange(prefix[0], value, type, type === 'real' ? text : prefix[0]);
  }
  throw invalidSyntax(type, text);
}

function parseHexReal(match: RegExpExecArray): number {
  const fraction = match[3] ?? '';
  const mantissa = Number(BigInt(`0x${match[2]!}${fraction}`));
  const exponent = Number(match[4] ?? '0') - 4 * fraction.length;
  const value = mantissa * 2 ** exponent;
  return match[1] === '-' ? -value : value;
}

/** strtod's ERANGE: a number that became 0 or infinite though it is written as neither. */
function checkRange(text: string, value: number, type: string, shown = trimBlanks(text)): void {
  const body = trimBlanks(text);
  if (specialPattern.test(body)) return;
  const digits = body.replace(/[eEpP][+-]?\d+$/, '').replace(/^[+-]?0[xX]/, '');
  if (value === 0 && !/[1-9a-fA-F]/.test(digits)) return;
  throw new PgError(SqlState.numericValueOutOfRange, `"${shown}" is out of range for type ${type}`);
}

function trimBlanks(text: string): string {
  return text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '');
}

/** `double precision` as text under extra_float_digits. */
export function float8ToText(value: number, extraFloatDigits = 1): string {
  if ((value | 0) === value && value !== 0) return String(value);
  if (!Number.isFinite(value)) return specialText(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (extraFloatDigits <= 0) return generalText(value, Math.max(15 + extraFloatDigits, 1));
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e15) return String(value);
  if (magnitude >= 2 ** 53 && magnitude < 1e41) return exponentText(shortestLarge(value));
  return exponentText(value.toExponential());
}

/** Shortest digits, but never exactly half-way between two doubles, where readers may round otherwise. */
function shortestLarge(value: number): string {
  const exact = BigInt(value);
  const size = exact < 0n ? -exact : exact;
  const halfUlp = 2n ** BigInt(Math.max(size.toString(2).length - 54, 0));
  let text = value.toExponential();
  for (let digits = mantissaDigits(text); digits <= 17; digits++) {
    const distance = exactInteger(text) - exact;
    if (Number(text) === value && distance !== halfUlp && distance !== -halfUlp) break;
    text = value.toExponential(Math.min(digits, 17));
  }
  return trimMantissa(text);
}

function mantissaDigits(text: string): number {
  return text.slice(0, text.indexOf('e')).replace(/\D/g, '').length;
}

function exactInteger(text: string): bigint {
  const [mantissa, exponent] = text.split('e') as [string, string];
  const [whole, fraction = ''] = mantissa.split('.') as [string, string?];
  const shift = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  return shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
}

/** `real` as text under extra_float_digits. */
export function float4ToText(value: number, extraFloatDigits = 1): string {
  if (!Number.isFinite(value)) return specialText(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (extraFloatDigits <= 0) return generalText(value, Math.max(6 + extraFloatDigits, 1));
  const shortest = shortestSingle(value);
  const exponent = Number(shortest.slice(shortest.indexOf('e') + 1));
  if (exponent >= -4 && exponent < 6) return plainText(shortest, exponent);
  return exponentText(shortest);
}

/** Shortest digits that read back as the same single-precision number, in exponent form. */
function shortestSingle(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toExponential(digits - 1);
    const read = Number(text);
    const isHalfWay = read !== value && Math.fround(2 * read - value) === 2 * read - value;
    if (Math.fround(read) === value && !isHalfWay)
      return trimMantissa(evenOnTie(value, text, digits));
  }
  return trimMantissa(value.toExponential(8));
}

/** Of two decimals equally near, PostgreSQL takes the one with an even last digit; toExponential takes the larger. */
function evenOnTie(value: number, text: string, digits: number): string {
  const at = text.indexOf('e');
  const last = text.charCodeAt(at - 1) - 48;
  if (last % 2 === 0) return text;
  const longer = value.toExponential(Math.min(digits + 20, 100));
  const rest = longer
    .slice(0, longer.indexOf('e'))
    .replace(/^-?\d\.?/, '')
    .slice(digits - 1);
  if (!/^50*$/.test(rest)) return text;
  return text.slice(0, at - 1) + String(last - 1) + text.slice(at);
}

function trimMantissa(text: string): string {
  const at = text.indexOf('e');
  const mantissa = text.slice(0, at);
  if (!mantissa.includes('.')) return text;
  return mantissa.replace(/\.?0+$/, '') + text.slice(at);
}

function plainText(exponential: string, exponent: number): string {
  const isNegative = exponential[0] === '-';
  const digits = exponential.slice(isNegative ? 1 : 0, exponential.indexOf('e')).replace('.', '');
  let body: string;
  if (exponent < 0) body = `0.${'0'.repeat(-exponent - 1)}${digits}`;
  else if (digits.length <= exponent + 1) body = digits + '0'.repeat(exponent + 1 - digits.length);
  else body = `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  return isNegative ? `-${body}` : body;
}

/** C's exponent form has at least two exponent digits. */
function exponentText(text: string): string {
  const at = text.indexOf('e');
  const sign = text[at + 1]!;
  const exponent = text.slice(at + 2);
  return `${text.slice(0, at)}e${sign}${exponent.length < 2 ? `0${exponent}` : exponent}`;
}

/** C's %.{precision}g. */
function generalText(value: number, precision: number): string {
  const text = trimMantissa(value.toExponential(precision - 1));
  const exponent = Number(text.slice(text.indexOf('e') + 1));
  return exponent >= -4 && exponent < precision ? plainText(text, exponent) : exponentText(text);
}

function specialText(value: number): string {
  return value !== value ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
