import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import {fitBits} from '../types/bit.ts';
import type {TypeInstance} from '../types/contract.ts';
import type {EnumLabel} from '../types/enum.ts';
import {numericToInt8, roundHalfEven} from '../types/numeric-convert.ts';
import {numericMul} from '../types/numeric-math.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {FunctionCode} from './contract.ts';
import {checkInt8} from './int-arith.ts';
import type {FunctionTable} from './table.ts';
import {alias, divisionByZero} from './table.ts';

const HUNDRED = 100n;

function checkMoney(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value)
    throw new PgError(SqlState.numericValueOutOfRange, 'money out of range');
  return value;
}

function cents(value: number): bigint {
  const rounded = roundHalfEven(value);
  if (!(rounded >= -9223372036854775808 && rounded < 9223372036854775808))
    throw new PgError(SqlState.numericValueOutOfRange, 'money out of range');
  return BigInt(rounded);
}

function divide(value: bigint, by: number | bigint): bigint {
  if (BigInt(by) === 0n) throw divisionByZero();
  return value / BigInt(by);
}

function divideFloat(value: bigint, by: number): bigint {
  if (by === 0) throw divisionByZero();
  return cents(Number(value) / by);
}

const SMALL = [
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen',
  'seventeen eighteen nineteen',
]
  .join(' ')
  .split(' ');
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

/** A number under 1000 in words, as cash_words has it. */
function hundredsInWords(value: number): string {
  const rest = value % 100;
  if (value < 100) return tensInWords(value);
  const hundreds = `${SMALL[Math.trunc(value / 100)]!} hundred`;
  if (rest === 0) return hundreds;
  return `${hundreds} ${rest < 20 ? 'and ' : ''}${tensInWords(rest)}`;
}

function tensInWords(value: number): string {
  if (value < 20) return SMALL[value]!;
  const tens = TENS[Math.trunc(value / 10) - 2]!;
  return value % 10 === 0 ? tens : `${tens} ${SMALL[value % 10]!}`;
}

/** The amount in English: `One hundred dollars and fifty cents`. */
function moneyInWords(value: bigint): string {
  const size = value < 0n ? -value : value;
  const part = (unit: bigint): number => Number((size / unit) % 1000n);
  const names = ['quadrillion', 'trillion', 'billion', 'million', 'thousand'] as const;
  let words = value < 0n ? 'minus ' : '';
  names.forEach((name, index) => {
    const count = part(10n ** BigInt(17 - index * 3));
    if (count > 0) words += `${hundredsInWords(count)} ${name} `;
  });
  const rest = part(HUNDRED);
  const whole = size / HUNDRED;
  const cent = Number(size % HUNDRED);
  if (rest > 0) words += hundredsInWords(rest);
  if (whole === 0n) words += 'zero';
  words += whole === 1n ? ' dollar and ' : ' dollars and ';
  words += tensInWords(cent) + (cent === 1 ? ' cent' : ' cents');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** money. */
export const moneyFunctions: FunctionTable = {
  cash_pl: {fn: (a: bigint, b: bigint) => checkMoney(a + b)},
  cash_mi: {fn: (a: bigint, b: bigint) => checkMoney(a - b)},
  cash_div_cash: {
    fn: (a: bigint, b: bigint) => {
      if (b === 0n) throw divisionByZero();
      return Number(a) / Number(b);
    },
  },
  ...alias(['cash_mul_flt8', 'cash_mul_flt4'], {
    fn: (a: bigint, b: number) => cents(Number(a) * b),
  }),
  ...alias(['flt8_mul_cash', 'flt4_mul_cash'], {
    fn: (a: number, b: bigint) => cents(a * Number(b)),
  }),
  ...alias(['cash_div_flt8', 'cash_div_flt4'], {fn: divideFloat}),
  ...alias(['cash_mul_int2', 'cash_mul_int4', 'cash_mul_int8'], {
    fn: (a: bigint, b: number | bigint) => checkMoney(a * BigInt(b)),
  }),
  ...alias(['int2_mul_cash', 'int4_mul_cash', 'int8_mul_cash'], {
    fn: (a: number | bigint, b: bigint) => checkMoney(BigInt(a) * b),
  }),
  ...alias(['cash_div_int2', 'cash_div_int4', 'cash_div_int8'], {fn: divide}),
  cash_numeric: {
    fn: (a: bigint) => Numeric.of(a, 2),
  },
  cash_words: {fn: moneyInWords},
  numeric_cash: {fn: (a: Numeric) => numericToInt8(numericMul(a, Numeric.of(HUNDRED, 0)))},
  ...alias(['int4_cash', 'int8_cash'], {
    fn: (a: number | bigint) => checkInt8(BigInt(a) * HUNDRED),
  }),
};

const sameSize = (name: string, compute: (a: boolean, b: boolean) => boolean): FunctionCode => ({
  fn: (a: string, b: string) => {
    if (a.length !== b.length)
      throw new PgError(
        SqlState.stringDataLengthMismatch,
        `cannot ${name} bit strings of different sizes`,
      );
    let result = '';
    for (let index = 0; index < a.length; index++)
      result += compute(a[index] === '1', b[index] === '1') ? '1' : '0';
    return result;
  },
});

const negativeLength = (): PgError =>
  new PgError(SqlState.substringError, 'negative substring length not allowed');

function bitSubstring(bits: string, start: number, length: number | null): string {
  if (length !== null && length < 0) throw negativeLength();
  const end = length === null ? bits.length : start - 1 + length;
  return bits.slice(Math.max(start - 1, 0), Math.max(end, 0));
}

function bitOverlay(bits: string, part: string, start: number, length: number): string {
  if (start <= 0) throw negativeLength();
  if (start + length > 2147483647)
    throw new PgError(SqlState.numericValueOutOfRange, 'integer out of range');
  return bitSubstring(bits, 1, start - 1) + part + bitSubstring(bits, start + length, null);
}

function shift(bits: string, by: number): string {
  const size = bits.length;
  if (by >= size || -by >= size) return '0'.repeat(size);
  return by >= 0 ? bits.slice(by) + '0'.repeat(by) : '0'.repeat(-by) + bits.slice(0, size + by);
}

function checkBit(bits: string, index: number): void {
  if (index < 0 || index >= bits.length)
    throw new PgError(
      SqlState.arraySubscriptError,
      `bit index ${index} out of valid range (0..${bits.length - 1})`,
    );
}

function setBit(bits: string, index: number, bit: number): string {
  checkBit(bits, index);
  if (bit !== 0 && bit !== 1)
    throw new PgError(SqlState.invalidParameterValue, 'new bit must be 0 or 1');
  return bits.slice(0, index) + String(bit) + bits.slice(index + 1);
}

/** Two's complement in `size` bits (1 for none given). */
function fromInt(value: number | bigint, typmod: number): string {
  const size = typmod <= 0 ? 1 : typmod;
  return BigInt.asUintN(size, BigInt(value)).toString(2).padStart(size, '0');
}

function toInt(bits: string, size: 32 | 64): bigint {
  if (bits.length > size)
    throw new PgError(
      SqlState.numericValueOutOfRange,
      `${size === 32 ? 'integer' : 'bigint'} out of range`,
    );
  return BigInt.asIntN(size, BigInt(bits === '' ? 0 : `0b${bits}`));
}

/** bit strings (9.6). */
export const bitFunctions: FunctionTable = {
  bit: {
    fn: (bits: string, size: number, isExplicit: boolean) => fitBitLength(bits, size, isExplicit),
  },
  varbit: {
    fn: (bits: string, size: number, isExplicit: boolean) => {
      if (size <= 0 || bits.length <= size) return bits;
      if (!isExplicit)
        throw new PgError(
          SqlState.stringDataRightTruncation,
          `bit string too long for type bit varying(${size})`,
        );
      return bits.slice(0, size);
    },
  },
  bit_and: sameSize('AND', (a, b) => a && b),
  bit_or: sameSize('OR', (a, b) => a || b),
  bitxor: sameSize('XOR', (a, b) => a !== b),
  bitnot: {fn: (bits: string) => bits.replace(/[01]/g, bit => (bit === '0' ? '1' : '0'))},
  bitcat: {fn: (a: string, b: string) => a + b},
  bitlength: {fn: (bits: string) => bits.length},
  bitoctetlength: {fn: (bits: string) => Math.ceil(bits.length / 8)},
  bit_bit_count: {fn: (bits: string) => BigInt(bits.replaceAll('0', '').length)},
  bitshiftleft: {fn: shift},
  bitshiftright: {fn: (bits: string, by: number) => shift(bits, -by)},
  bitsubstr: {fn: bitSubstring},
  bitsubstr_no_len: {fn: (bits: string, start: number) => bitSubstring(bits, start, null)},
  bitoverlay: {fn: bitOverlay},
  bitoverlay_no_len: {
    fn: (bits: string, part: string, start: number) => bitOverlay(bits, part, start, part.length),
  },
  bitposition: {
    fn: (bits: string, part: string) =>
      bits.length === 0 || part.length > bits.length ? 0 : bits.indexOf(part) + 1,
  },
  bitgetbit: {
    fn: (bits: string, index: number) => {
      checkBit(bits, index);
      return Number(bits[index]);
    },
  },
  bitsetbit: {fn: setBit},
  bitfromint4: {fn: fromInt},
  bitfromint8: {fn: fromInt},
  bittoint4: {fn: (bits: string) => Number(toInt(bits, 32))},
  bittoint8: {fn: (bits: string) => toInt(bits, 64)},
};

function fitBitLength(bits: string, size: number, isExplicit: boolean): string {
  if (size <= 0 || bits.length === size) return bits;
  if (isExplicit) return fitBits(bits, size, true);
  throw new PgError(
    SqlState.stringDataLengthMismatch,
    `bit string length ${bits.length} does not match type bit(${size})`,
  );
}

const labelsOf = (type: TypeInstance): readonly string[] =>
  ((type as TypeInstance & {readonly labels?: readonly EnumLabel[]}).labels ?? []).map(
    each => each.label,
  );

const edge = (pick: (labels: readonly string[]) => string | undefined): FunctionCode => ({
  fnTyped: types => () => pick(labelsOf(types.args[0]!)) ?? null,
});

function labelRange(type: TypeInstance, first: string | null, last: string | null): PgArray {
  const labels = labelsOf(type);
  const from = first === null ? 0 : labels.indexOf(first);
  const to = last === null ? labels.length : labels.indexOf(last) + 1;
  return PgArray.of(labels.slice(from, to));
}

/** enums (9.10): their arguments only name the type. */
export const enumFunctions: FunctionTable = {
  enum_first: edge(labels => labels[0]),
  enum_last: edge(labels => labels[labels.length - 1]),
  enum_range_all: {fnTyped: types => () => labelRange(types.args[0]!, null, null)},
  enum_range_bounds: {
    fnTyped: types => (first: string | null, last: string | null) =>
      labelRange(types.args[0]!, first, last),
  },
};
