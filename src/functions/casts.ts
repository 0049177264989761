import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  applyNumericTypmod, floatToInteger, numericFromFloat4, numericFromFloat8, numericFromInt, numericToFloat4, numericToFloat8, numericToInt2,
  numericToInt4, numericToInt8, roundHalfEven,
} from '../types/numeric-convert.ts';
import {checkInt2} from './int-arith.ts';
import type {FunctionTable} from './table.ts';
import {outOfRange} from './table.ts';
import {trimPadding} from './text-compare.ts';

const toInt4 = (value: bigint): number => {
  if (value < -2147483648n || value > 2147483647n) throw outOfRange('integer');
  return Number(value);
};
const toInt2 = (value: bigint): number => {
  if (value < -32768n || value > 32767n) throw outOfRange('smallint');
  return Number(value);
};
const toOid = (value: bigint): number => {
  if (value < 0n || value > 4294967295n) throw new PgError(SqlState.numericValueOutOfRange, 'OID out of range');
  return Number(value);
};
const floatToInt8 = (value: number): bigint => {
  if (Number.isNaN(value) || value < -9223372036854775808 || value >= 9223372036854775808) throw outOfRange('bigint');
  return BigInt(roundHalfEven(value));
};
const toFloat4 = (value: number): number => {
  const result = Math.fround(value);
  if (!Number.isFinite(result) && Number.isFinite(value)) throw new PgError(SqlState.numericValueOutOfRange, 'value out of range: overflow');
  if (result === 0 && value !== 0) throw new PgError(SqlState.numericValueOutOfRange, 'value out of range: underflow');
  return result;
};

/** Characters, not UTF-16 units. */
export function charLength(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit < 0xdc00) count--;
  }
  return count;
}

/** The first `count` characters. */
export function takeChars(text: string, count: number): string {
  if (count >= text.length) return text;
  let index = 0;
  for (let taken = 0; taken < count && index < text.length; taken++) index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  return text.slice(0, index);
}

const tooLong = (type: string, size: number): PgError =>
  new PgError(SqlState.stringDataRightTruncation, `value too long for type ${type}(${size})`);

/** Applies a length to varchar: spaces beyond it vanish; other text is an error unless the cast is explicit. */
export function varcharLength(text: string, typmod: number, isExplicit: boolean): string {
  const size = typmod - 4;
  if (size < 0 || text.length <= size || charLength(text) <= size) return text;
  const kept = takeChars(text, size);
  if (!isExplicit && trimPadding(text.slice(kept.length)) !== '') throw tooLong('character varying', size);
  return kept;
}

/** Applies a length to bpchar: shorter text is padded. */
export function bpcharLength(text: string, typmod: number, isExplicit: boolean): string {
  const size = typmod - 4;
  if (size < 0) return text;
  const length = charLength(text);
  if (length <= size) return text + ' '.repeat(size - length);
  const kept = takeChars(text, size);
  if (!isExplicit && trimPadding(text.slice(kept.length)) !== '') throw tooLong('character', size);
  return kept;
}

/** Cuts a name to 63 bytes at a character. */
export function truncateName(text: string): string {
  if (text.length <= 21) return text;
  let bytes = 0;
  let index = 0;
  while (index < text.length) {
    const code = text.codePointAt(index)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > 63) return text.slice(0, index);
    index += code > 0xffff ? 2 : 1;
  }
  return text;
}

const same = {emit: (a: string | undefined): string => `${a}`, isTotal: true};

/** Functions of pg_cast whose types are numbers, booleans and text. */
export const castFunctions: FunctionTable = {
  i2toi4: same,
  i4toi2: {emit: a => `h.run(${a})`, helpers: {run: checkInt2}},
  int48: {emit: a => `BigInt(${a})`},
  int28: {emit: a => `BigInt(${a})`},
  int84: {emit: a => `h.run(${a})`, helpers: {run: toInt4}},
  int82: {emit: a => `h.run(${a})`, helpers: {run: toInt2}},
  i2tod: same,
  i4tod: same,
  i2tof: same,
  i4tof: {emit: a => `Math.fround(${a})`},
  i8tod: {emit: a => `Number(${a})`},
  i8tof: {emit: a => `Math.fround(Number(${a}))`},
  i8tooid: {fn: toOid},
  oidtoi8: {emit: a => `BigInt(${a})`},
  ftod: same,
  dtof: {emit: a => `h.run(${a})`, helpers: {run: toFloat4}},
  dtoi2: {fn: (a: number) => floatToInteger(a, 'smallint')},
  dtoi4: {fn: (a: number) => floatToInteger(a, 'integer')},
  dtoi8: {fn: floatToInt8},
  ftoi2: {fn: (a: number) => floatToInteger(a, 'smallint')},
  ftoi4: {fn: (a: number) => floatToInteger(a, 'integer')},
  ftoi8: {fn: floatToInt8},
  int4_bool: {emit: a => `(${a} !== 0)`, isTotal: true},
  bool_int4: {emit: a => `(${a} ? 1 : 0)`, isTotal: true},
  booltext: {emit: a => `(${a} ? 'true' : 'false')`, isTotal: true},
  int2_numeric: {fn: numericFromInt},
  int4_numeric: {fn: numericFromInt},
  int8_numeric: {fn: numericFromInt},
  float4_numeric: {fn: numericFromFloat4},
  float8_numeric: {fn: numericFromFloat8},
  numeric_int2: {fn: numericToInt2},
  numeric_int4: {fn: numericToInt4},
  numeric_int8: {fn: numericToInt8},
  numeric_float4: {fn: numericToFloat4},
  numeric_float8: {fn: numericToFloat8},
  numeric: {fn: applyNumericTypmod},
  varchar: {fn: varcharLength},
  bpchar: {fn: bpcharLength},
  rtrim1: {fn: trimPadding},
  name_text: same,
  name_bpchar: same,
  text_name: {fn: truncateName},
  bpchar_name: {fn: (a: string) => truncateName(trimPadding(a))},
  char_text: same,
  char_bpchar: same,
  text_char: {fn: (a: string) => (a === '' ? '' : String.fromCharCode(Buffer.from(a.slice(0, 2), 'utf8')[0]!))},
  chartoi4: {fn: (a: string) => (a === '' ? 0 : (a.charCodeAt(0) << 24) >> 24)},
  i4tochar: {
    fn: (a: number) => {
      if (a < -128 || a > 127) throw new PgError(SqlState.numericValueOutOfRange, '"char" out of range');
      return a === 0 ? '' : String.fromCharCode(a & 255);
    },
  },
};
