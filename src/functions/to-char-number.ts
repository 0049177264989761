import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  applyNumericTypmod,
  numericFromInt,
  numericToInt4,
  roundHalfEven,
} from '../types/numeric-convert.ts';
import {numericMul, numericRound} from '../types/numeric-math.ts';
import {numericToText, parseNumeric} from '../types/numeric-text.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {FunctionCode} from './contract.ts';
import type {NumberFormat} from './format-number.ts';
import {fitDigits, layOutNumber, parseNumberFormat, romanNumeral} from './format-number.ts';
import {NumberReader} from './read-number.ts';
import type {FunctionTable} from './table.ts';

/** Parsed formats of one call site: the last one is enough. */
function formatted(convert: (value: never, format: NumberFormat) => string): FunctionCode {
  return {
    fnTyped: () => (value: never, text: string) =>
      text === '' ? '' : convert(value, parseNumberFormat(text)),
  };
}

/** d.ddde+xx of a decimal number. */
function scientific(value: Numeric, digits: number): string {
  if (value.digits === 0n) return `0${digits > 0 ? `.${'0'.repeat(digits)}` : ''}e+00`;
  const text = (value.digits < 0n ? -value.digits : value.digits).toString();
  let exponent = text.length - 1 - value.scale;
  const rounded = numericRound(Numeric.of(BigInt(text), text.length - 1), digits);
  let mantissa = numericToText(rounded);
  if (mantissa.startsWith('10')) {
    mantissa = mantissa.replace('10', '1').replace(/(\.\d*)$/, '$1');
    exponent++;
  }
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${value.digits < 0n ? '-' : ''}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
}

const blankFirst = (text: string): string => (text.startsWith('-') ? text : ` ${text}`);

function numericToChar(value: Numeric, format: NumberFormat): string {
  if (format.isRoman) return roman(format, numericToInt4(value));
  if (format.isScientific)
    return value.kind === 'finite' ? blankFirst(scientific(value, format.post)) : hashes(format);
  let shown = value;
  if (format.hasMulti) {
    shown = numericMul(value, Numeric.of(10n ** BigInt(format.multi), 0));
    format.pre += format.multi;
  }
  const text = numericToText(numericRound(shown, format.post));
  return layOutNumber(format, fitDigits(format, text));
}

/** What EEEE shows for NaN and infinity. */
function hashes(format: NumberFormat): string {
  const size = format.pre + format.post + 6;
  const chars = new Array<string>(size).fill('#');
  chars[0] = ' ';
  chars[format.pre + 1] = '.';
  return chars.join('');
}

function roman(format: NumberFormat, value: number): string {
  return layOutNumber(format, {digits: romanNumeral(value), sign: '+', blanks: 0});
}

function intToChar(value: number | bigint, format: NumberFormat): string {
  if (format.isRoman) {
    if (value > 2147483647 || value < -2147483648)
      throw new PgError(SqlState.numericValueOutOfRange, 'integer out of range');
    return roman(format, Number(value));
  }
  if (format.isScientific) return blankFirst(scientific(numericFromInt(value), format.post));
  let shown = BigInt(value);
  if (format.hasMulti) {
    shown *= 10n ** BigInt(format.multi);
    if (
      typeof value === 'number'
        ? BigInt.asIntN(32, shown) !== shown
        : BigInt.asIntN(64, shown) !== shown
    ) {
      throw new PgError(
        SqlState.numericValueOutOfRange,
        typeof value === 'number' ? 'integer out of range' : 'bigint out of range',
      );
    }
    format.pre += format.multi;
  }
  const fraction = format.post > 0 ? `.${'0'.repeat(format.post)}` : '';
  const text = fitDigits(format, shown.toString());
  return layOutNumber(
    format,
    text.digits.startsWith('#') ? text : {...text, digits: text.digits + fraction},
  );
}

function floatToChar(digitsOfType: number) {
  return (value: number, format: NumberFormat): string => {
    if (format.isRoman) return roman(format, roundHalfEven(value));
    if (format.isScientific)
      return Number.isFinite(value)
        ? blankFirst(scientific(exactOf(value), format.post))
        : hashes(format);
    let shown = value;
    if (format.hasMulti) {
      shown = value * 10 ** format.multi;
      format.pre += format.multi;
    }
    const whole = Number.isFinite(shown)
      ? numericToText(numericRound(exactOf(Math.abs(shown)), 0))
      : floatWord(Math.abs(shown));
    if (whole.length >= digitsOfType) format.post = 0;
    else if (whole.length + format.post > digitsOfType) format.post = digitsOfType - whole.length;
    const text = Number.isFinite(shown)
      ? numericToText(halfEven(shown, format.post))
      : floatWord(shown);
    return layOutNumber(
      format,
      fitDigits(format, shown < 0 && !text.startsWith('-') ? `-${text}` : text),
    );
  };
}

const floatWord = (value: number): string =>
  Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';

/** The exact decimal value of a double. */
function exactOf(value: number): Numeric {
  if (Number.isInteger(value)) return Numeric.of(BigInt(value), 0);
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = exponent === 0 ? fraction : fraction | 0x10000000000000n;
  const shift = (exponent === 0 ? 1 : exponent) - 1075;
  const sign = value < 0 ? -1n : 1n;
  return shift >= 0
    ? Numeric.of(sign * (mantissa << BigInt(shift)), 0)
    : Numeric.of(sign * mantissa * 5n ** BigInt(-shift), -shift);
}

/** C's printf rounds exact halves to even. */
function halfEven(value: number, digits: number): Numeric {
  const exact = exactOf(value);
  if (exact.scale <= digits) return numericRound(exact, digits);
  const unit = 10n ** BigInt(exact.scale - digits);
  let quotient = exact.digits / unit;
  const rest = exact.digits < 0n ? -(exact.digits % unit) : exact.digits % unit;
  if (rest * 2n > unit || (rest * 2n === unit && quotient % 2n !== 0n))
    quotient += exact.digits < 0n ? -1n : 1n;
  return Numeric.of(quotient, digits);
}

/** to_number: PostgreSQL's NUM_processor in the other direction; what was read must fit the format's places. */
function toNumber(text: string, pattern: string): Numeric | null {
  if (pattern === '') return null;
  const format = parseNumberFormat(pattern);
  if (format.isScientific)
    throw new PgError(SqlState.featureNotSupported, '"EEEE" not supported for input');
  if (format.isRoman)
    throw new PgError(SqlState.featureNotSupported, '"RN" not supported for input');
  const reader = new NumberReader(text, format);
  const value = parseNumeric(reader.read());
  const precision = format.pre + format.multi + reader.fractionDigits;
  const fitted = applyNumericTypmod(value, ((precision << 16) | reader.fractionDigits) + 4);
  return format.hasMulti ? numericMul(fitted, Numeric.of(1n, format.multi)) : fitted;
}

/** to_char and to_number. */
export const toCharNumberFunctions: FunctionTable = {
  numeric_to_char: formatted(numericToChar),
  int4_to_char: formatted(intToChar),
  int8_to_char: formatted(intToChar),
  float4_to_char: formatted(floatToChar(6)),
  float8_to_char: formatted(floatToChar(15)),
  numeric_to_number: {fn: toNumber},
};
