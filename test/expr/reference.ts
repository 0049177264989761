import {PgError} from '../../src/common/errors.ts';
import type {BoundExpr} from '../../src/expr/bound.ts';
import {PgArray} from '../../src/types/array-value.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';

/** Plain meanings of the functions that random expressions use. */
export const meanings: Readonly<Record<string, (...args: never[]) => Datum>> = {
  int4pl: (a: number, b: number) => int4(a + b),
  int4mi: (a: number, b: number) => int4(a - b),
  int4mul: (a: number, b: number) => int4(a * b),
  int4div: (a: number, b: number) => {
    if (b === 0) throw new PgError('22012', 'division by zero');
    return int4(Math.trunc(a / b));
  },
  int4eq: (a: number, b: number) => a === b,
  int4lt: (a: number, b: number) => a < b,
  int4ge: (a: number, b: number) => a >= b,
  int8pl: (a: bigint, b: bigint) => int8(a + b),
  int8mul: (a: bigint, b: bigint) => int8(a * b),
  int84eq: (a: bigint, b: number) => a === BigInt(b),
  int48lt: (a: number, b: bigint) => BigInt(a) < b,
  int8lt: (a: bigint, b: bigint) => a < b,
  int48: (a: number) => BigInt(a),
  i4tod: (a: number) => a,
  float8pl: (a: number, b: number) => a + b,
  float8lt: (a: number, b: number) => (Number.isNaN(a) ? false : Number.isNaN(b) ? true : a < b),
  texteq: (a: string, b: string) => a === b,
  textne: (a: string, b: string) => a !== b,
  text_lt: (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0,
  textcat: (a: string, b: string) => a + b,
  upper: (a: string) => a.toUpperCase(),
  textlen: (a: string) => [...a].length,
  textlike: (text: string, pattern: string) => likeRegex(pattern).test(text),
  textnlike: (text: string, pattern: string) => !likeRegex(pattern).test(text),
  booleq: (a: boolean, b: boolean) => a === b,
};

function likeRegex(pattern: string): RegExp {
  const source = [...pattern]
    .map(char =>
      char === '%' ? '[^]*' : char === '_' ? '[^]' : char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&'),
    )
    .join('');
  return new RegExp(`^${source}$`, 'u');
}

function int4(value: number): number {
  if (value < -2147483648 || value > 2147483647) throw new PgError('22003', 'integer out of range');
  return value === 0 ? 0 : value;
}

function int8(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new PgError('22003', 'bigint out of range');
  return value;
}

/** What a walk reads. */
export interface Scope {
  readonly row: readonly Datum[];
  readonly params: readonly Datum[];
  readonly slots: readonly Datum[];
  readonly outer: readonly Datum[];
  readonly lets: Map<number, Datum>;
  readonly log: Datum[];
}

/** The tree-walking reference of the emitter: slow, obvious, SQL's three-valued logic in PostgreSQL's order of evaluation. */
export function walk(expr: BoundExpr, scope: Scope): Datum {
  switch (expr.kind) {
    case 'constant':
      return expr.value;
    case 'param':
      return scope.params[expr.index]!;
    case 'slot':
      return scope.slots[expr.index]!;
    case 'outer':
      return scope.outer[expr.index]!;
    case 'column':
      return scope.row[expr.index]!;
    case 'letRef':
      return scope.lets.get(expr.id)!;
    case 'let': {
      const value = walk(expr.value, scope);
      return walk(expr.body, {...scope, lets: new Map([...scope.lets, [expr.id, value]])});
    }
    case 'relabel':
      return walk(expr.arg, scope);
    case 'call': {
      const args = expr.args.map(arg => walk(arg, scope));
      if (expr.isStrict && args.includes(null)) return null;
      if (expr.source === 'test_log') {
        scope.log.push(args[0]!);
        return args[0]!;
      }
      return meanings[expr.source]!(...(args as never[]));
    }
    case 'and':
    case 'or': {
      const stop = expr.kind === 'or';
      let sawNull = false;
      for (const arg of expr.args) {
        const value = walk(arg, scope);
        if (value === stop) return stop;
        if (value === null) sawNull = true;
      }
      return sawNull ? null : !stop;
    }
    case 'not': {
      const value = walk(expr.arg, scope);
      return value === null ? null : !value;
    }
    case 'nullTest':
      return (walk(expr.arg, scope) === null) !== expr.negated;
    case 'booleanTest': {
      const value = walk(expr.arg, scope);
      const holds = expr.test === 'unknown' ? value === null : value === (expr.test === 'true');
      return holds !== expr.negated;
    }
    case 'distinct': {
      const left = walk(expr.left, scope);
      const right = walk(expr.right, scope);
      const differs =
        left === null || right === null
          ? left !== right
          : meanings[expr.equalitySource]!(left as never, right as never) !== true;
      return differs !== expr.negated;
    }
    case 'case':
      for (const when of expr.whens)
        if (walk(when.condition, scope) === true) return walk(when.result, scope);
      return walk(expr.otherwise, scope);
    case 'coalesce':
      for (const arg of expr.args) {
        const value = walk(arg, scope);
        if (value !== null) return value;
      }
      return null;
    case 'nullIf': {
      const left = walk(expr.left, scope);
      const right = walk(expr.right, scope);
      return left !== null &&
        right !== null &&
        meanings[expr.equalitySource]!(left as never, right as never) === true
        ? null
        : left;
    }
    case 'minMax': {
      const values = expr.args.map(arg => walk(arg, scope)).filter(value => value !== null);
      return values.reduce<Datum>(
        (best, value) =>
          best === null ||
          (expr.isGreatest
            ? expr.type.compare(value, best) > 0
            : expr.type.compare(value, best) < 0)
            ? value
            : best,
        null,
      );
    }
    case 'scalarArray': {
      const left = walk(expr.left, scope);
      const array = walk(expr.array, scope) as PgArray | null;
      if (array === null) return null;
      let sawNull = false;
      for (const element of array.elements) {
        const value =
          left === null || element === null
            ? null
            : meanings[expr.source]!(left as never, element as never);
        if (value === null) sawNull = true;
        else if (value !== expr.isAll) return !expr.isAll;
      }
      return sawNull ? null : expr.isAll;
    }
    case 'array':
      return PgArray.of(expr.elements.map(element => walk(element, scope)));
    default:
      throw new Error(`the reference has no ${expr.kind}`);
  }
}

/** Seeded random numbers. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(size: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = this.#state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) % size;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Types that random expressions are made of. */
export interface RandomTypes {
  readonly int4: TypeInstance;
  readonly int8: TypeInstance;
  readonly float8: TypeInstance;
  readonly bool: TypeInstance;
  readonly text: TypeInstance;
  readonly textArray: TypeInstance;
  readonly int4Array: TypeInstance;
}
