import type {BoundExpr} from '../../src/expr/bound.ts';
import {PgArray} from '../../src/types/array-value.ts';
import type {Datum, TypeInstance} from '../../src/types/contract.ts';
import type {Random, RandomTypes} from './reference.ts';

export type TypeName = 'int4' | 'int8' | 'float8' | 'bool' | 'text';

/** A few values of each type, with edges. */
export const samples: Readonly<Record<TypeName, readonly Datum[]>> = {
  int4: [0, 1, -1, 2, 7, 100, 2147483647, -2147483648, null],
  int8: [0n, 1n, -5n, 4611686018427387904n, 9223372036854775807n, -9223372036854775808n, null],
  float8: [0, 1.5, -2.25, NaN, Infinity, 1e300, null],
  bool: [true, false, null],
  text: ['', 'a', 'abc', 'abcabc', 'ünï', '日本😀', 'x%y', 'ABC', null],
};

/** What random expressions may read. */
export interface Shape {
  readonly columns: readonly TypeName[];
  readonly params: readonly TypeName[];
  readonly slots: readonly TypeName[];
}

const functions: Readonly<Record<TypeName, readonly (readonly [string, ...TypeName[]])[]>> = {
  int4: [
    ['int4pl', 'int4', 'int4'],
    ['int4mi', 'int4', 'int4'],
    ['int4mul', 'int4', 'int4'],
    ['int4div', 'int4', 'int4'],
    ['textlen', 'text'],
    ['test_log', 'int4'],
  ],
  int8: [
    ['int8pl', 'int8', 'int8'],
    ['int8mul', 'int8', 'int8'],
    ['int48', 'int4'],
  ],
  float8: [
    ['float8pl', 'float8', 'float8'],
    ['i4tod', 'int4'],
  ],
  bool: [
    ['int4eq', 'int4', 'int4'],
    ['int4lt', 'int4', 'int4'],
    ['int4ge', 'int4', 'int4'],
    ['int8lt', 'int8', 'int8'],
    ['int84eq', 'int8', 'int4'],
    ['int48lt', 'int4', 'int8'],
    ['float8lt', 'float8', 'float8'],
    ['texteq', 'text', 'text'],
    ['textne', 'text', 'text'],
    ['text_lt', 'text', 'text'],
    ['textlike', 'text', 'text'],
    ['textnlike', 'text', 'text'],
    ['booleq', 'bool', 'bool'],
  ],
  text: [
    ['textcat', 'text', 'text'],
    ['upper', 'text'],
  ],
};
const equality: Readonly<Partial<Record<TypeName, string>>> = {
  int4: 'int4eq',
  text: 'texteq',
  bool: 'booleq',
};

/** Makes random well-typed expressions. */
export class ExprMaker {
  readonly #random: Random;
  readonly #types: RandomTypes;
  readonly #shape: Shape;
  #lets: {id: number; type: TypeName}[] = [];
  #nextLet = 0;

  constructor(random: Random, types: RandomTypes, shape: Shape) {
    this.#random = random;
    this.#types = types;
    this.#shape = shape;
  }

  make(type: TypeName, depth: number): BoundExpr {
    if (depth <= 0 || this.#random.below(6) === 0) return this.#leaf(type);
    const kind = this.#random.below(type === 'bool' ? 16 : 8);
    if (kind < 4) return this.#call(type, depth);
    const base = this.#base(type);
    switch (kind) {
      case 4:
        return {
          kind: 'case',
          whens: this.#list(2, () => ({
            condition: this.make('bool', depth - 1),
            result: this.make(type, depth - 1),
          })),
          otherwise: this.make(type, depth - 1),
          ...base,
        };
      case 5:
        return {kind: 'coalesce', args: this.#list(3, () => this.make(type, depth - 1)), ...base};
      case 6:
        return this.#letOrMinMax(type, depth);
      case 7: {
        const equalitySource = equality[type];
        if (equalitySource === undefined) return this.#call(type, depth);
        return {
          kind: 'nullIf',
          left: this.make(type, depth - 1),
          right: this.make(type, depth - 1),
          equalitySource,
          ...base,
        };
      }
      default:
        return this.#condition(kind, depth);
    }
  }

  #condition(kind: number, depth: number): BoundExpr {
    const base = this.#base('bool');
    switch (kind) {
      case 8:
      case 9:
        return {kind: 'and', args: this.#list(3, () => this.make('bool', depth - 1)), ...base};
      case 10:
      case 11:
        return {kind: 'or', args: this.#list(3, () => this.make('bool', depth - 1)), ...base};
      case 12:
        return {kind: 'not', arg: this.make('bool', depth - 1), ...base};
      case 13:
        return {
          kind: 'nullTest',
          arg: this.make(this.#anyType(), depth - 1),
          negated: this.#random.below(2) === 0,
          isRow: false,
          ...base,
        };
      case 14:
        return {
          kind: 'booleanTest',
          arg: this.make('bool', depth - 1),
          test: this.#random.pick(['true', 'false', 'unknown'] as const),
          negated: this.#random.below(2) === 0,
          ...base,
        };
      default:
        return this.#random.below(2) === 0 ? this.#distinct(depth) : this.#scalarArray(depth);
    }
  }

  #distinct(depth: number): BoundExpr {
    const type = this.#random.pick(['int4', 'text', 'bool'] as const);
    return {
      kind: 'distinct',
      left: this.make(type, depth - 1),
      right: this.make(type, depth - 1),
      equalitySource: equality[type]!,
      negated: this.#random.below(2) === 0,
      ...this.#base('bool'),
    };
  }

  #scalarArray(depth: number): BoundExpr {
    const type = this.#random.pick(['int4', 'text'] as const);
    const arrayType = type === 'int4' ? this.#types.int4Array : this.#types.textArray;
    const values = this.#list(3, () => this.#random.pick(samples[type]));
    const array: BoundExpr =
      this.#random.below(2) === 0
        ? {kind: 'constant', value: PgArray.of(values), type: arrayType, typmod: -1, location: -1}
        : {
            kind: 'array',
            elements: this.#list(3, () => this.make(type, depth - 2)),
            isMultiDimensional: false,
            type: arrayType,
            typmod: -1,
            location: -1,
          };
    const source = this.#random.pick(
      type === 'int4' ? ['int4eq', 'int4lt'] : ['texteq', 'textne', 'textlike'],
    );
    return {
      kind: 'scalarArray',
      left: this.make(type, depth - 1),
      array,
      source,
      operatorName: '=',
      isAll: this.#random.below(2) === 0,
      ...this.#base('bool'),
    };
  }

  #letOrMinMax(type: TypeName, depth: number): BoundExpr {
    if (this.#random.below(2) === 0)
      return {
        kind: 'minMax',
        isGreatest: this.#random.below(2) === 0,
        args: this.#list(3, () => this.make(type, depth - 1)),
        ...this.#base(type),
      };
    const of = this.#anyType();
    const value = this.make(of, depth - 1);
    const id = this.#nextLet++;
    this.#lets.push({id, type: of});
    const body = this.make(type, depth - 1);
    this.#lets.pop();
    return {kind: 'let', id, value, body, ...this.#base(type)};
  }

  #call(type: TypeName, depth: number): BoundExpr {
    const [source, ...args] = this.#random.pick(functions[type]);
    return {
      kind: 'call',
      function: 0 as never,
      source,
      isStrict: source !== 'test_log',
      volatility: source === 'test_log' ? 'v' : 'i',
      operatorName: '',
      functionName: source,
      args: args.map(arg => this.make(arg, depth - 1)),
      ...this.#base(type),
    };
  }

  #leaf(type: TypeName): BoundExpr {
    const base = this.#base(type);
    const choices: BoundExpr[] = [
      {kind: 'constant', value: this.#random.pick(samples[type]), ...base},
    ];
    this.#shape.columns.forEach((each, index) => {
      if (each === type)
        choices.push({kind: 'column', index, ...base}, {kind: 'column', index, ...base});
    });
    this.#shape.params.forEach(
      (each, index) => each === type && choices.push({kind: 'param', index, ...base}),
    );
    this.#shape.slots.forEach(
      (each, index) => each === type && choices.push({kind: 'slot', index, ...base}),
    );
    for (const each of this.#lets)
      if (each.type === type) choices.push({kind: 'letRef', id: each.id, ...base});
    return this.#random.pick(choices);
  }

  #list<T>(most: number, make: () => T): T[] {
    return Array.from({length: 1 + this.#random.below(most)}, make);
  }

  #anyType(): TypeName {
    return this.#random.pick(['int4', 'int8', 'float8', 'bool', 'text'] as const);
  }

  #base(type: TypeName): {type: TypeInstance; typmod: number; location: number} {
    return {type: this.#types[type], typmod: -1, location: -1};
  }
}
