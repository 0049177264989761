import type {Column, OrderKey, RawRow} from './protocol.ts';

/** Compares two values of one type, not NULL, as the server's ORDER BY does. */
type Compare = (a: never, b: never) => number;

const byNumber = (a: number | string, b: number | string): number => {
  const [x, y] = [Number(a), Number(b)];
  // NaN is the greatest.
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return x - y || 0;
};
const byText = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
};
/** UTF-16 sorts surrogates before U+E000; UTF-8 sorts them last. */
const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);
const byDecimal = (a: string, b: string): number => {
  const [x, y] = [decimal(a), decimal(b)];
  if (x.sign !== y.sign) return x.sign - y.sign;
  const order = x.whole.length - y.whole.length || byText(x.whole, y.whole);
  return x.sign * (order || byText(x.fraction, y.fraction));
};
const byTime = (a: string, b: string): number => {
  const [x, y] = [instant(a), instant(b)];
  return x === y ? byText(micros(a), micros(b)) : x < y ? -1 : 1;
};

const COMPARES: Readonly<Record<string, Compare>> = {
  ...{int2: byNumber, int4: byNumber, oid: byNumber, float4: byNumber, float8: byNumber},
  ...{int8: byDecimal, numeric: byDecimal},
  ...{text: byText, varchar: byText, name: byText, uuid: byText, bytea: byText},
  ...{date: byTime, timestamp: byTime, timestamptz: byTime, time: byText},
  bool: (a: boolean, b: boolean) => Number(a) - Number(b),
};

/** The order of a result by the columns of its ORDER BY; null when a type is among them that cannot be compared here. */
export function comparator(
  order: readonly OrderKey[] | null,
  columns: readonly Column[],
): ((a: RawRow, b: RawRow) => number) | null {
  if (order === null || order.length === 0) return null;
  const compares = order.map(({column}) => COMPARES[columns[column]?.type ?? '']);
  if (compares.includes(undefined)) return null;
  return (a, b) => {
    for (let i = 0; i < order.length; i++) {
      const {column, descending, nullsFirst} = order[i]!;
      const [x, y] = [a[column] ?? null, b[column] ?? null];
      if (x === null || y === null) {
        if (x !== y) return (x === null) === nullsFirst ? -1 : 1;
        continue;
      }
      const result = compares[i]!(x as never, y as never);
      if (result !== 0) return descending ? -result : result;
    }
    return 0;
  };
}

interface Decimal {
  /** -1, 0, 1; 2 for infinity, 3 for NaN, which have no digits. */
  readonly sign: number;
  readonly whole: string;
  readonly fraction: string;
}

function decimal(text: string): Decimal {
  const none = {whole: '', fraction: ''};
  if (text === 'NaN') return {sign: 3, ...none};
  if (text === 'Infinity') return {sign: 2, ...none};
  if (text === '-Infinity') return {sign: -2, ...none};
  const digits = text.replace('-', '');
  const [whole = '', fraction = ''] = digits.split('.');
  const parts = {whole: whole.replace(/^0+/, ''), fraction: fraction.replace(/0+$/, '')};
  if (parts.whole === '' && parts.fraction === '') return {sign: 0, ...parts};
  return {sign: text.startsWith('-') ? -1 : 1, ...parts};
}

/** Milliseconds of a date or timestamp; dates before Christ sort before all others. */
function instant(text: string): number {
  if (text === 'infinity') return Infinity;
  if (text === '-infinity') return -Infinity;
  const parts =
    /^(\d+)-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?([+-]\d\d)?(?::?(\d\d))?( BC)?$/.exec(
      text,
    );
  if (parts === null) return NaN;
  const at = (i: number): number => Number(parts[i] ?? 0);
  const year = parts[10] === undefined ? at(1) : 1 - at(1);
  // Date.UTC takes years below 100 for those of the last century.
  const date = new Date(0);
  date.setUTCFullYear(year, at(2) - 1, at(3));
  const sign = parts[8]?.startsWith('-') === true ? -1 : 1;
  const offset = sign * (Math.abs(at(8)) * 60 + at(9));
  return date.getTime() + ((at(4) * 60 + at(5) - offset) * 60 + at(6)) * 1000;
}

const micros = (text: string): string => /\.(\d+)/.exec(text)?.[1]?.padEnd(6, '0') ?? '000000';
