import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {
  applyNumericTypmod,
  floatToInteger,
  numericFromFloat4,
  numericFromFloat8,
  numericFromInt,
  numericToFloat4,
  numericToFloat8,
  numericToInt2,
  numericToInt4,
  numericToInt8,
  roundHalfEven,
} from '../types/numeric-convert.ts';
import {checkInt2} from './int-arith.ts';
import type {FunctionTable} from './table.ts';
import {outOfRange} from './table.ts';
import {nearestSingle} from '../types/single.ts';
import {cutUtf8} from '../types/text-compare.ts';
import {bpcharFit, trimBlanks, varcharFit} from '../types/text.ts';

const toInt4 = (value: bigint): number => {
  if (value < -2147483648n || value > 2147483647n) throw outOfRange('integer');
  return Number(value);
};
const toInt2 = (value: bigint): number => {
  if (value < -32768n || value > 32767n) throw outOfRange('smallint');
  return Number(value);
};
const toOid = (value: bigint): number => {
  if (value < 0n || value > 4294967295n)
    throw new PgError(SqlState.numericValueOutOfRange, 'OID out of range');
  return Number(value);
};
const floatToInt8 = (value: number): bigint => {
  if (Number.isNaN(value) || value < -9223372036854775808 || value >= 9223372036854775808)
    throw outOfRange('bigint');
  return BigInt(roundHalfEven(value));
};
const int8ToSingle = (value: bigint): number => {
  const wide = Number(value);
  return nearestSingle(wide, () => Number(value - BigInt(wide)));
};
const toFloat4 = (value: number): number => {
  const result = Math.fround(value);
  if (!Number.isFinite(result) && Number.isFinite(value))
    throw new PgError(SqlState.numericValueOutOfRange, 'value out of range: overflow');
  if (result === 0 && value !== 0)
    throw new PgError(SqlState.numericValueOutOfRange, 'value out of range: underflow');
  return result;
};

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
  i8tof: {emit: a => `h.run(${a})`, helpers: {run: int8ToSingle}},
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
  varchar: {fn: varcharFit},
  bpchar: {fn: bpcharFit},
  rtrim1: {fn: trimBlanks},
  name_text: same,
  name_bpchar: same,
  text_name: {fn: (a: string) => cutUtf8(a, 63)},
  bpchar_name: {fn: (a: string) => cutUtf8(trimBlanks(a), 63)},
  char_text: {
    fn: (a: string) => (a.charCodeAt(0) > 127 ? `\\${a.charCodeAt(0).toString(8)}` : a),
  },
  char_bpchar: same,
  text_char: {
    fn: (a: string) => {
      if (a === '' || a === '\\000') return '';
      if (/^\\[0-3][0-7]{2}$/.test(a)) return String.fromCharCode(Number.parseInt(a.slice(1), 8));
      return String.fromCharCode(Buffer.from(a.slice(0, 2), 'utf8')[0]!);
    },
  },
  chartoi4: {fn: (a: string) => (a === '' ? 0 : (a.charCodeAt(0) << 24) >> 24)},
  i4tochar: {
    fn: (a: number) => {
      if (a < -128 || a > 127)
        throw new PgError(SqlState.numericValueOutOfRange, '"char" out of range');
      return a === 0 ? '' : String.fromCharCode(a & 255);
    },
  },
};
