import type {Random} from './random.ts';

/** The types that generated expressions have. */
export type SqlType =
  | 'int'
  | 'bigint'
  | 'float8'
  | 'numeric'
  | 'text'
  | 'bool'
  | 'date'
  | 'timestamp'
  | 'interval';

/** A column that an expression may use: its SQL and its type. */
export interface ScopeColumn {
  readonly sql: string;
  readonly type: SqlType;
}

/** Types of the columns of every generated table. */
export const columnTypes: readonly (readonly [name: string, type: SqlType])[] = [
  ['i', 'int'],
  ['l', 'bigint'],
  ['f', 'float8'],
  ['n', 'numeric'],
  ['t', 'text'],
  ['b', 'bool'],
  ['d', 'date'],
  ['ts', 'timestamp'],
  ['iv', 'interval'],
];

const types = columnTypes.map(([, type]) => type);
const ints = ['0', '1', '-1', '2', '3', '7', '10', '100', '46341', '2147483647', '-2147483648'];
const bigints = ['0', '1', '-5', '4294967296', '9007199254740993', '9223372036854775807'];
const floats = ['0', '1.5', '-2.25', '1e10', '0.1', '-0.0', '1e300'];
const numerics = ['0', '1.50', '-0.005', '12345678901234567890', '99.99', '3', '1e-5'];
const texts = ['', 'a', 'B', 'ab', 'Ärger', 'z z', '10', '-3', 'a%b', '_', '😀', "it''s", 'true'];
const dates = ['2024-02-29', '1999-12-31', '2000-01-01', '0099-03-01', '2262-04-12'];
const timestamps = ['2024-02-29 23:59:59.999999', '1969-12-31 12:00:00', '2000-01-01 00:00:00'];
const intervals = ['1 day', '1 mon', '-3 hours', '1 year 2 mons 3 days 04:05:06.7', '00:00:00'];
const comparisons = ['=', '<>', '<', '<=', '>', '>='];

/** A random type. */
export function randomType(random: Random): SqlType {
  return random.pick(types);
}

/** A random literal of a type, NULL now and then; also what tables are filled with. */
export function literal(random: Random, type: SqlType): string {
  if (random.chance(0.12)) return `NULL::${type}`;
  switch (type) {
    case 'int':
      return `${random.chance(0.5) ? `(${random.int(-20, 20)})` : `(${random.pick(ints)})`}::int`;
    case 'bigint':
      return `(${random.pick(bigints)})::bigint`;
    case 'float8':
      return `'${random.pick(floats)}'::float8`;
    case 'numeric':
      return `'${random.pick(numerics)}'::numeric`;
    case 'text':
      return `'${random.pick(texts)}'::text`;
    case 'bool':
      return random.chance(0.5) ? 'true' : 'false';
    case 'date':
      return `date '${random.pick(dates)}'`;
    case 'timestamp':
      return `timestamp '${random.pick(timestamps)}'`;
    case 'interval':
      return `interval '${random.pick(intervals)}'`;
  }
}

/** Makes random expressions of a wanted type over the columns of a scope. */
export class ExpressionGenerator {
  readonly #random: Random;
  readonly #scope: readonly ScopeColumn[];

  constructor(random: Random, scope: readonly ScopeColumn[]) {
    this.#random = random;
    this.#scope = scope;
  }

  any(depth: number): string {
    return this.of(randomType(this.#random), depth);
  }

  /** An expression of the type; deeper ones are made of shallower ones. */
  of(type: SqlType, depth: number): string {
    const random = this.#random;
    if (depth <= 0 || random.chance(0.2)) return this.#leaf(type);
    if (random.chance(0.15)) return this.#common(type, depth - 1);
    const e = (of: SqlType): string => this.of(of, depth - 1);
    switch (type) {
      case 'int':
        return this.#int(e);
      case 'bigint':
        return random.pick([
          () => `(${e('bigint')} ${random.pick(['+', '-', '*', '/', '%'])} ${e('int')})`,
          () => `(${e('int')})::bigint`,
          () => `(${e('bigint')} ${random.pick(['&', '|', '#'])} ${e('bigint')})`,
          () => `abs(${e('bigint')})`,
        ])();
      case 'float8':
        return random.pick([
          () => `(${e('float8')} ${random.pick(['+', '-', '*', '/'])} ${e('float8')})`,
          () => `(${e('int')})::float8`,
          () =>
            `${random.pick(['floor', 'ceil', 'round', 'trunc', 'abs', 'sign'])}(${e('float8')})`,
          () => `sqrt(abs(${e('float8')}))`,
        ])();
      case 'numeric':
        return random.pick([
          () => `(${e('numeric')} ${random.pick(['+', '-', '*', '/', '%'])} ${e('numeric')})`,
          () => `round(${e('numeric')}, ${random.int(-2, 4)})`,
          () => `(${e('bigint')})::numeric`,
          () => `${random.pick(['floor', 'ceil', 'trunc', 'abs', 'sign'])}(${e('numeric')})`,
        ])();
      case 'text':
        return this.#text(e);
      case 'bool':
        return this.#bool(e, depth);
      case 'date':
        return random.pick([
          () => `(${e('date')} + ${random.int(-1000, 1000)})`,
          () => `(${e('timestamp')})::date`,
          () => `least(${e('date')}, ${e('date')})`,
        ])();
      case 'timestamp':
        return random.pick([
          () => `(${e('timestamp')} ${random.pick(['+', '-'])} ${e('interval')})`,
          () => `(${e('date')})::timestamp`,
          () =>
            `date_trunc('${random.pick(['year', 'month', 'week', 'day', 'hour'])}', ${e('timestamp')})`,
        ])();
      case 'interval':
        return random.pick([
          () => `(${e('timestamp')} - ${e('timestamp')})`,
          () => `(${e('interval')} ${random.pick(['+', '-'])} ${e('interval')})`,
          () => `(${e('interval')} * ${random.int(-3, 3)})`,
          () => `(- ${e('interval')})`,
        ])();
    }
  }

  #leaf(type: SqlType): string {
    const columns = this.#scope.filter(column => column.type === type);
    if (columns.length > 0 && this.#random.chance(0.75)) return this.#random.pick(columns).sql;
    return literal(this.#random, type);
  }

  #common(type: SqlType, depth: number): string {
    const e = (of: SqlType): string => this.of(of, depth);
    return this.#random.pick([
      () => `coalesce(${e(type)}, ${e(type)})`,
      () => `nullif(${e(type)}, ${e(type)})`,
      () => `CASE WHEN ${e('bool')} THEN ${e(type)} ELSE ${e(type)} END`,
      () => `CASE WHEN ${e('bool')} THEN ${e(type)} END`,
      () => `greatest(${e(type)}, ${e(type)})`,
      () => `(SELECT ${e(type)})`,
    ])();
  }

  #int(e: (type: SqlType) => string): string {
    const random = this.#random;
    return random.pick([
      () => `(${e('int')} ${random.pick(['+', '-', '*', '/', '%'])} ${e('int')})`,
      () => `(- ${e('int')})`,
      () => `length(${e('text')})`,
      () => `strpos(${e('text')}, ${e('text')})`,
      () => `(${e('bool')})::int`,
      () => `(${e('numeric')})::int`,
      () => `extract(${random.pick(['year', 'month', 'day', 'dow'])} FROM ${e('date')})::int`,
      () => `(${e('date')} - ${e('date')})`,
      () => `(${e('int')} ${random.pick(['&', '|', '#'])} ${e('int')})`,
    ])();
  }

  #text(e: (type: SqlType) => string): string {
    const random = this.#random;
    return random.pick([
      () => `(${e('text')} || ${e('text')})`,
      () => `${random.pick(['upper', 'lower', 'reverse', 'trim', 'initcap'])}(${e('text')})`,
      () => `substr(${e('text')}, ${random.int(-2, 4)}, ${random.int(0, 5)})`,
      () => `${random.pick(['left', 'right'])}(${e('text')}, ${random.int(-3, 3)})`,
      () => `replace(${e('text')}, ${e('text')}, ${e('text')})`,
      () => `(${e(random.pick(['int', 'bigint', 'numeric', 'bool', 'date', 'interval']))})::text`,
      () => `lpad(${e('text')}, ${random.int(0, 8)}, 'xy')`,
      () => `concat_ws('-', ${e('text')}, ${e('int')})`,
    ])();
  }

  #bool(e: (type: SqlType) => string, depth: number): string {
    const random = this.#random;
    const type = randomType(random);
    return random.pick([
      () => `(${e(type)} ${random.pick(comparisons)} ${e(type)})`,
      () => `(${e(type)} ${random.pick(comparisons)} ${e(type)})`,
      () => `(${e('bool')} ${random.pick(['AND', 'OR'])} ${e('bool')})`,
      () => `(NOT ${e('bool')})`,
      () => `(${e(type)} IS ${random.pick(['', 'NOT '])}NULL)`,
      () => `(${e(type)} IS ${random.pick(['', 'NOT '])}DISTINCT FROM ${e(type)})`,
      () => `(${e(type)} ${random.pick(['', 'NOT '])}BETWEEN ${e(type)} AND ${e(type)})`,
      () =>
        `(${e(type)} ${random.pick(['', 'NOT '])}IN (${e(type)}, ${e(type)}, ${this.#leaf(type)}))`,
      () => `(${e('text')} ${random.pick(['LIKE', 'NOT LIKE', 'ILIKE'])} ${this.#pattern()})`,
      () => `(${e('bool')} IS ${random.pick(['TRUE', 'NOT TRUE', 'FALSE', 'UNKNOWN'])})`,
      () =>
        `(${this.of('int', depth - 1)} ${random.pick(comparisons)} ${this.of('numeric', depth - 1)})`,
    ])();
  }

  #pattern(): string {
    return `'${this.#random.pick(['%', 'a%', '%b', '_', '%a%', 'A_', '', '%\\%%', '1%'])}'`;
  }
}
