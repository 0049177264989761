// Hot path: =, <>, <, <=, >, >= and cmp of every type.
import type {Datum, Value} from '../types/contract.ts';
import type {CallTypes, FunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';
import {numericCompare} from '../types/numeric-math.ts';
import {compareText} from '../types/text-compare.ts';
import type {RecordType} from '../types/record.ts';
import {trimBlanks} from '../types/text.ts';

type Operator = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
const operators: readonly Operator[] = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'];
const symbols: Readonly<Record<Operator, string>> = {
  eq: '===',
  ne: '!==',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};

/** Operators that JavaScript has: both sides are numbers, or both bigints, or both booleans. */
function native(
  prefix: string,
  left = (a: string): string => a,
  right = (b: string): string => b,
  isTotal = true,
): FunctionTable {
  const table: Record<string, FunctionCode> = {};
  for (const operator of operators) {
    const symbol = symbols[operator];
    table[`${prefix}${operator}`] = {
      emit: (a, b) => `(${left(a!)} ${symbol} ${right(b!)})`,
      isTotal,
    };
  }
  return table;
}

const asNumber = (source: string): string => `Number(${source})`;

/** NaN equals NaN and is greater than everything else. */
function floats(prefix: string): FunctionTable {
  const isNaN = (source: string): string => `${source} !== ${source}`;
  return {
    [`${prefix}eq`]: {
      emit: (a, b) => `(${a} === ${b} || (${isNaN(a!)} && ${isNaN(b!)}))`,
      isTotal: true,
    },
    [`${prefix}ne`]: {
      emit: (a, b) => `(${a} !== ${b} && !(${isNaN(a!)} && ${isNaN(b!)}))`,
      isTotal: true,
    },
    [`${prefix}lt`]: {
      emit: (a, b) => `(${a} < ${b} || (${isNaN(b!)} && ${a} === ${a}))`,
      isTotal: true,
    },
    [`${prefix}le`]: {emit: (a, b) => `(${a} <= ${b} || ${isNaN(b!)})`, isTotal: true},
    [`${prefix}gt`]: {
      emit: (a, b) => `(${a} > ${b} || (${isNaN(a!)} && ${b} === ${b}))`,
      isTotal: true,
    },
    [`${prefix}ge`]: {emit: (a, b) => `(${a} >= ${b} || ${isNaN(a!)})`, isTotal: true},
  };
}

/** Operators by a comparison of two values. */
function byCompare(
  name: (operator: Operator) => string,
  compare: (a: never, b: never) => number,
): FunctionTable {
  const table: Record<string, FunctionCode> = {};
  const helpers = {cmp: compare};
  for (const operator of operators)
    table[name(operator)] = {emit: (a, b) => `(h.cmp(${a}, ${b}) ${symbols[operator]} 0)`, helpers};
  return table;
}

/** Operators of a type whose instance knows its order. */
function byType(name: (operator: Operator) => string): FunctionTable {
  const table: Record<string, FunctionCode> = {};
  for (const operator of operators)
    table[name(operator)] = {fnTyped: types => typedOperator(types, operator)};
  return table;
}

function typedOperator(types: CallTypes, operator: Operator): (a: Value, b: Value) => boolean {
  const type = types.args[0]!;
  switch (operator) {
    case 'eq':
      return (a, b) => type.equals(a, b);
    case 'ne':
      return (a, b) => !type.equals(a, b);
    case 'lt':
      return (a, b) => type.compare(a, b) < 0;
    case 'le':
      return (a, b) => type.compare(a, b) <= 0;
    case 'gt':
      return (a, b) => type.compare(a, b) > 0;
    case 'ge':
      return (a, b) => type.compare(a, b) >= 0;
  }
}

/** Operators of rows by their bytes. */
function byImage(): FunctionTable {
  const compare = (types: CallTypes): ((a: Value, b: Value) => number) => {
    const [given] = types.args;
    const type = given!.kind === 'd' ? given!.base! : given!;
    return (a, b) => (type as RecordType).compareImages(a, b);
  };
  const code = (test: (order: number) => Datum): FunctionCode => ({
    fnTyped: types => {
      const order = compare(types);
      return (a: Value, b: Value) => test(order(a, b));
    },
  });
  return {
    record_image_eq: code(order => order === 0),
    record_image_ne: code(order => order !== 0),
    record_image_lt: code(order => order < 0),
    record_image_le: code(order => order <= 0),
    record_image_gt: code(order => order > 0),
    record_image_ge: code(order => order >= 0),
    btrecordimagecmp: code(order => sign(order)),
  };
}

const sign = (order: number): number => (order < 0 ? -1 : order > 0 ? 1 : 0);
const typedCompare: FunctionCode = {
  fnTyped: types => (a: Value, b: Value) => sign(types.args[0]!.compare(a, b)),
};
const numberCompare: FunctionCode = {
  fn: (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0),
};
const larger: FunctionCode = {
  fnTyped:
    types =>
    (a: Value, b: Value): Datum =>
      types.args[0]!.compare(a, b) >= 0 ? a : b,
};
const smaller: FunctionCode = {
  fnTyped:
    types =>
    (a: Value, b: Value): Datum =>
      types.args[0]!.compare(a, b) <= 0 ? a : b,
};

const comparePadded = (a: string, b: string): number => compareText(trimBlanks(a), trimBlanks(b));
const plain =
  (prefix: string) =>
  (operator: Operator): string =>
    `${prefix}${operator}`;
const under =
  (prefix: string) =>
  (operator: Operator): string =>
    `${prefix}_${operator}`;

const textEquality: FunctionTable = {
  texteq: {emit: (a, b) => `(${a} === ${b})`, isTotal: true},
  textne: {emit: (a, b) => `(${a} !== ${b})`, isTotal: true},
  nameeq: {emit: (a, b) => `(${a} === ${b})`, isTotal: true},
  namene: {emit: (a, b) => `(${a} !== ${b})`, isTotal: true},
};

const textOrder: FunctionTable = {
  ...byCompare(under('text'), compareText),
  ...byCompare(plain('name'), compareText),
  ...byCompare(operator => `name${operator}text`, compareText),
  ...byCompare(operator => `text${operator}name`, compareText),
  ...byCompare(under('text_pattern'), compareText),
  ...byCompare(under('bpchar_pattern'), comparePadded),
  ...byCompare(plain('bpchar'), comparePadded),
  ...byCompare(
    plain('char'),
    (a: string, b: string) => (a.charCodeAt(0) || 0) - (b.charCodeAt(0) || 0),
  ),
  ...textEquality,
};

const typed: readonly string[] = [
  'interval',
  'timetz',
  'array',
  'record',
  'jsonb',
  'enum',
  'range',
  'multirange',
  'network',
  'macaddr',
  'macaddr8',
  'tsvector',
  'tsquery',
];
const typedPlain: readonly string[] = [
  'bytea',
  'oidvector',
  'bit',
  'varbit',
  'tid',
  'point_',
  'circle_',
];

/** Comparison functions of all types; those of date with timestamp are in datetime.ts. */
export const compareFunctions: FunctionTable = {
  ...native('int4'),
  ...native('int2'),
  ...native('int24'),
  ...native('int42'),
  ...native('int8'),
  ...native('int48', undefined, asNumber, false),
  ...native('int28', undefined, asNumber, false),
  ...native('int84', asNumber, undefined, false),
  ...native('int82', asNumber, undefined, false),
  ...native('oid'),
  ...native('bool'),
  ...native('date_'),
  ...native('time_'),
  ...native('timestamp_'),
  ...native('cash_'),
  ...native('xid8'),
  ...native('pg_lsn_'),
  ...native('uuid_'),
  xideq: {emit: (a, b) => `(${a} === ${b})`},
  xidneq: {emit: (a, b) => `(${a} !== ${b})`},
  cideq: {emit: (a, b) => `(${a} === ${b})`},
  ...floats('float8'),
  ...floats('float4'),
  ...floats('float48'),
  ...floats('float84'),
  ...textOrder,
  ...byCompare(under('numeric'), numericCompare),
  ...Object.assign({}, ...typed.map(name => byType(under(name)))),
  ...byImage(),
  ...Object.assign({}, ...typedPlain.map(name => byType(plain(name)))),
  ...Object.fromEntries(
    [
      'btint2cmp',
      'btint4cmp',
      'btint8cmp',
      'btint24cmp',
      'btint28cmp',
      'btint42cmp',
      'btint48cmp',
      'btint82cmp',
      'btint84cmp',
      'btoidcmp',
      'date_cmp',
      'time_cmp',
      'timestamp_cmp',
      'cash_cmp',
      'pg_lsn_cmp',
      'xid8cmp',
      'btboolcmp',
    ].map(name => [name, numberCompare]),
  ),
  ...Object.fromEntries(
    [
      'btfloat8cmp',
      'btfloat4cmp',
      'btarraycmp',
      'btrecordcmp',
      'numeric_cmp',
      'interval_cmp',
      'timetz_cmp',
      'jsonb_cmp',
      'byteacmp',
      'uuid_cmp',
      'range_cmp',
      'enum_cmp',
      'btoidvectorcmp',
      'bitcmp',
      'varbitcmp',
      'bttidcmp',
      'network_cmp',
      'macaddr_cmp',
      'bpcharcmp',
      'btcharcmp',
      'multirange_cmp',
    ].map(name => [name, typedCompare]),
  ),
  bttextcmp: {fn: (a: string, b: string) => sign(compareText(a, b))},
  btnamecmp: {fn: (a: string, b: string) => sign(compareText(a, b))},
  btnametextcmp: {fn: (a: string, b: string) => sign(compareText(a, b))},
  bttextnamecmp: {fn: (a: string, b: string) => sign(compareText(a, b))},
  bttext_pattern_cmp: {fn: (a: string, b: string) => sign(compareText(a, b))},
  btbpchar_pattern_cmp: {fn: (a: string, b: string) => sign(comparePadded(a, b))},
  ...Object.fromEntries(
    [
      'int2',
      'int4',
      'int8',
      'float4',
      'float8',
      'oid',
      'cash',
      'tid',
      'xid8_',
      'date_',
      'time_',
      'timetz_',
      'timestamp_',
      'interval_',
      'numeric_',
      'text_',
      'bpchar_',
      'array_',
      'enum_',
      'network_',
      'pg_lsn_',
    ].flatMap(
      name =>
        [
          [`${name}larger`, larger],
          [`${name}smaller`, smaller],
        ] as const,
    ),
  ),
  booland_statefunc: {fn: (a: boolean, b: boolean) => a && b},
  boolor_statefunc: {fn: (a: boolean, b: boolean) => a || b},
};
