import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance, Value} from '../types/contract.ts';
import {emptyRange, MultirangeType, RangeType} from '../types/range.ts';
import type {RangeValue} from '../types/range-value.ts';
import type {AggregateTable} from './aggregate.ts';
import {aggregateOf} from './aggregate.ts';
import type {CallTypes, FunctionCode, SetFunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';

interface Bound {
  readonly value: Datum;
  readonly isInclusive: boolean;
  readonly isLower: boolean;
}

const lowerOf = (range: RangeValue): Bound => ({
  value: range.lower,
  isInclusive: range.lowerInclusive,
  isLower: true,
});
const upperOf = (range: RangeValue): Bound => ({
  value: range.upper,
  isInclusive: range.upperInclusive,
  isLower: false,
});

function below(type: TypeInstance): TypeInstance {
  let current = type;
  while (current.base !== null) current = current.base;
  return current;
}

/** Set operations over one range type (rangetypes.c). */
class RangeMath {
  readonly type: RangeType;

  constructor(type: TypeInstance) {
    const base = below(type);
    if (base instanceof MultirangeType) this.type = base.rangeType;
    else if (base instanceof RangeType) this.type = base;
    else throw featureNotSupported(`type ${type.name} is no range type`);
  }

  compareBounds(a: Bound, b: Bound): number {
    if (a.value === null || b.value === null) {
      if (a.value === null && b.value === null)
        return a.isLower === b.isLower ? 0 : a.isLower ? -1 : 1;
      if (a.value === null) return a.isLower ? -1 : 1;
      return b.isLower ? 1 : -1;
    }
    const order = this.type.subtype.compare(a.value, b.value);
    if (order !== 0 || (a.isInclusive && b.isInclusive)) return order;
    if (!a.isInclusive && !b.isInclusive) return a.isLower === b.isLower ? 0 : a.isLower ? 1 : -1;
    if (!a.isInclusive) return a.isLower ? 1 : -1;
    return b.isLower ? -1 : 1;
  }

  make(lower: Bound, upper: Bound): RangeValue {
    return this.type.make({
      lower: lower.value,
      upper: upper.value,
      lowerInclusive: lower.isInclusive,
      upperInclusive: upper.isInclusive,
    });
  }

  containsElement(range: RangeValue, element: Value): boolean {
    if (range.isEmpty) return false;
    const {subtype} = this.type;
    if (range.lower !== null) {
      const order = subtype.compare(range.lower, element);
      if (order > 0 || (order === 0 && !range.lowerInclusive)) return false;
    }
    if (range.upper === null) return true;
    const order = subtype.compare(range.upper, element);
    return order > 0 || (order === 0 && range.upperInclusive);
  }

  contains(whole: RangeValue, part: RangeValue): boolean {
    if (part.isEmpty) return true;
    if (whole.isEmpty) return false;
    return (
      this.compareBounds(lowerOf(whole), lowerOf(part)) <= 0 &&
      this.compareBounds(upperOf(whole), upperOf(part)) >= 0
    );
  }

  overlaps(a: RangeValue, b: RangeValue): boolean {
    if (a.isEmpty || b.isEmpty) return false;
    if (this.compareBounds(lowerOf(a), lowerOf(b)) >= 0)
      return this.compareBounds(lowerOf(a), upperOf(b)) <= 0;
    return this.compareBounds(lowerOf(b), upperOf(a)) <= 0;
  }

  isBefore(a: RangeValue, b: RangeValue): boolean {
    return !a.isEmpty && !b.isEmpty && this.compareBounds(upperOf(a), lowerOf(b)) < 0;
  }

  isOverLeft(a: RangeValue, b: RangeValue): boolean {
    return !a.isEmpty && !b.isEmpty && this.compareBounds(upperOf(a), upperOf(b)) <= 0;
  }

  isOverRight(a: RangeValue, b: RangeValue): boolean {
    return !a.isEmpty && !b.isEmpty && this.compareBounds(lowerOf(a), lowerOf(b)) >= 0;
  }

  isAdjacent(a: RangeValue, b: RangeValue): boolean {
    return (
      !a.isEmpty &&
      !b.isEmpty &&
      (this.#touches(upperOf(a), lowerOf(b)) || this.#touches(upperOf(b), lowerOf(a)))
    );
  }

  #touches(upper: Bound, lower: Bound): boolean {
    if (upper.value === null || lower.value === null) return false;
    const order = this.type.subtype.compare(upper.value, lower.value);
    if (order === 0) return upper.isInclusive !== lower.isInclusive;
    if (order > 0) return false;
    const gap = {
      lower: upper.value,
      upper: lower.value,
      lowerInclusive: !upper.isInclusive,
      upperInclusive: !lower.isInclusive,
    };
    return this.type.make(gap).isEmpty;
  }

  union(a: RangeValue, b: RangeValue, isStrict: boolean): RangeValue {
    if (a.isEmpty) return b;
    if (b.isEmpty) return a;
    if (isStrict && !this.overlaps(a, b) && !this.isAdjacent(a, b))
      throw new PgError(SqlState.dataException, 'result of range union would not be contiguous');
    const lower = this.compareBounds(lowerOf(a), lowerOf(b)) < 0 ? a : b;
    const upper = this.compareBounds(upperOf(a), upperOf(b)) > 0 ? a : b;
    return this.make(lowerOf(lower), upperOf(upper));
  }

  intersect(a: RangeValue, b: RangeValue): RangeValue {
    if (!this.overlaps(a, b)) return emptyRange;
    const lower = this.compareBounds(lowerOf(a), lowerOf(b)) >= 0 ? a : b;
    const upper = this.compareBounds(upperOf(a), upperOf(b)) <= 0 ? a : b;
    return this.make(lowerOf(lower), upperOf(upper));
  }

  /** a without b: no, one or two ranges. */
  pieces(a: RangeValue, b: RangeValue): RangeValue[] {
    if (a.isEmpty) return [];
    if (!this.overlaps(a, b)) return [a];
    const result: RangeValue[] = [];
    if (this.compareBounds(lowerOf(a), lowerOf(b)) < 0)
      result.push(
        this.make(lowerOf(a), {value: b.lower, isInclusive: !b.lowerInclusive, isLower: false}),
      );
    if (this.compareBounds(upperOf(a), upperOf(b)) > 0)
      result.push(
        this.make({value: b.upper, isInclusive: !b.upperInclusive, isLower: true}, upperOf(a)),
      );
    return result.filter(range => !range.isEmpty);
  }

  minus(a: RangeValue, b: RangeValue): RangeValue {
    if (a.isEmpty || b.isEmpty) return a;
    const parts = this.pieces(a, b);
    if (parts.length > 1)
      throw new PgError(
        SqlState.dataException,
        'result of range difference would not be contiguous',
      );
    return parts[0] ?? emptyRange;
  }
}

/** Ranges of a range or multirange, without empty ones. */
const partsOf = (value: RangeValue): readonly RangeValue[] =>
  value.ranges ?? (value.isEmpty ? [] : [value]);

/** One range around all parts, or an empty one. */
function hull(math: RangeMath, value: RangeValue): RangeValue {
  const parts = partsOf(value);
  return parts.length === 0
    ? emptyRange
    : math.make(lowerOf(parts[0]!), upperOf(parts[parts.length - 1]!));
}

function binary(run: (math: RangeMath, a: RangeValue, b: RangeValue) => Datum): FunctionCode {
  return {
    fnTyped: types => {
      const math = new RangeMath(types.args[0]!);
      return (a: RangeValue, b: RangeValue) => run(math, a, b);
    },
  };
}

const unary = (run: (value: RangeValue, math: RangeMath) => Datum): FunctionCode => ({
  fnTyped: types => {
    const math = new RangeMath(types.args[0]!);
    return (value: RangeValue) => run(value, math);
  },
});

const everyPartIn = (math: RangeMath, whole: RangeValue, part: RangeValue): boolean =>
  partsOf(part).every(wanted => partsOf(whole).some(range => math.contains(range, wanted)));
const anyOverlap = (math: RangeMath, a: RangeValue, b: RangeValue): boolean =>
  partsOf(a).some(left => partsOf(b).some(right => math.overlaps(left, right)));
const anyAdjacent = (math: RangeMath, a: RangeValue, b: RangeValue): boolean => {
  const left = partsOf(a);
  const right = partsOf(b);
  if (left.length === 0 || right.length === 0) return false;
  return (
    (math.isAdjacent(left[left.length - 1]!, right[0]!) &&
      math.isBefore(left[left.length - 1]!, right[0]!)) ||
    (math.isAdjacent(right[right.length - 1]!, left[0]!) &&
      math.isBefore(right[right.length - 1]!, left[0]!))
  );
};

const relations: Readonly<
  Record<string, (math: RangeMath, a: RangeValue, b: RangeValue) => boolean>
> = {
  overlaps: anyOverlap,
  before: (math, a, b) => math.isBefore(hull(math, a), hull(math, b)),
  after: (math, a, b) => math.isBefore(hull(math, b), hull(math, a)),
  overleft: (math, a, b) => math.isOverLeft(hull(math, a), hull(math, b)),
  overright: (math, a, b) => math.isOverRight(hull(math, a), hull(math, b)),
  adjacent: (math, a, b) =>
    a.ranges === null && b.ranges === null ? math.isAdjacent(a, b) : anyAdjacent(math, a, b),
};

/** range_overlaps, range_overlaps_multirange, multirange_overlaps_range, multirange_overlaps_multirange and so on. */
const relationFunctions: FunctionTable = Object.fromEntries(
  Object.entries(relations).flatMap(([name, run]) =>
    [
      `range_${name}`,
      `range_${name}_multirange`,
      `multirange_${name}_range`,
      `multirange_${name}_multirange`,
    ].map(source => [source, binary(run)] as const),
  ),
);

const containment: FunctionTable = {
  range_contains: binary((math, a, b) => math.contains(a, b)),
  range_contained_by: binary((math, a, b) => math.contains(b, a)),
  range_contains_multirange: binary((math, a, b) =>
    partsOf(b).every(part => math.contains(a, part)),
  ),
  range_contained_by_multirange: binary(containedIn),
  multirange_contains_range: binary((math, a, b) => everyPartIn(math, a, b)),
  multirange_contained_by_range: binary((math, a, b) =>
    partsOf(a).every(part => math.contains(b, part)),
  ),
  multirange_contains_multirange: binary(everyPartIn),
  multirange_contained_by_multirange: binary((math, a, b) => everyPartIn(math, b, a)),
};

function containedIn(math: RangeMath, a: RangeValue, b: RangeValue): boolean {
  return everyPartIn(math, b, a);
}

const containsElement: FunctionCode = {
  fnTyped: types => {
    const math = new RangeMath(types.args[0]!);
    return (whole: RangeValue, element: Value) =>
      partsOf(whole).some(range => math.containsElement(range, element));
  },
};
const elementContained: FunctionCode = {
  fnTyped: types => {
    const math = new RangeMath(types.args[1]!);
    return (element: Value, whole: RangeValue) =>
      partsOf(whole).some(range => math.containsElement(range, element));
  },
};

function makeFlagged(
  type: RangeType,
  lower: Datum,
  upper: Datum,
  flags: string | null,
): RangeValue {
  if (flags === null)
    throw new PgError(SqlState.dataException, 'range constructor flags argument must not be null');
  if (!/^[[(][\])]$/.test(flags)) {
    throw new PgError(SqlState.syntaxError, 'invalid range bound flags', {
      hint: 'Valid values are "[]", "[)", "(]", and "()".',
    });
  }
  return type.make({
    lower,
    upper,
    lowerInclusive: flags[0] === '[',
    upperInclusive: flags[1] === ']',
  });
}

const multirangeOf = (types: CallTypes): MultirangeType => {
  const type = below(types.result);
  if (!(type instanceof MultirangeType))
    throw featureNotSupported(`type ${type.name} is no multirange type`);
  return type;
};

const constructors: FunctionTable = {
  range_constructor2: {
    fnTyped: types => (lower: Datum, upper: Datum) =>
      makeFlagged(new RangeMath(types.result).type, lower, upper, '[)'),
  },
  range_constructor3: {
    fnTyped: types => (lower: Datum, upper: Datum, flags: string | null) =>
      makeFlagged(new RangeMath(types.result).type, lower, upper, flags),
  },
  multirange_constructor0: {fnTyped: types => () => multirangeOf(types).make([])},
  multirange_constructor1: {
    fnTyped: types => (range: RangeValue) => multirangeOf(types).make([range]),
  },
  multirange_constructor2: {
    fnTyped: types => (ranges: PgArray) => {
      if (ranges.elements.includes(null))
        throw new PgError(
          SqlState.nullValueNotAllowed,
          'multirange values cannot contain null members',
        );
      return multirangeOf(types).make(ranges.elements as readonly RangeValue[]);
    },
  },
};

const combine = (
  run: (
    math: RangeMath,
    a: readonly RangeValue[],
    b: readonly RangeValue[],
  ) => readonly RangeValue[],
): FunctionCode => ({
  fnTyped: types => {
    const math = new RangeMath(types.args[0]!);
    const type = multirangeOf(types);
    return (a: RangeValue, b: RangeValue) => type.make(run(math, partsOf(a), partsOf(b)));
  },
});

const subtract = (
  math: RangeMath,
  from: readonly RangeValue[],
  what: readonly RangeValue[],
): readonly RangeValue[] =>
  what.reduce<readonly RangeValue[]>(
    (rest, cut) => rest.flatMap(range => math.pieces(range, cut)),
    from,
  );
const meet = (
  math: RangeMath,
  a: readonly RangeValue[],
  b: readonly RangeValue[],
): readonly RangeValue[] => a.flatMap(left => b.map(right => math.intersect(left, right)));
const days = (a: number, b: number): number => a - b;
const micros = (a: bigint, b: bigint): number => Number(a - b) / 1e6;

/** Ranges and multiranges (9.20). */
export const rangeFunctions: FunctionTable = {
  ...relationFunctions,
  ...containment,
  ...constructors,
  range_contains_elem: containsElement,
  multirange_contains_elem: containsElement,
  elem_contained_by_range: elementContained,
  elem_contained_by_multirange: elementContained,
  range_union: binary((math, a, b) => math.union(a, b, true)),
  range_merge: binary((math, a, b) => math.union(a, b, false)),
  range_merge_from_multirange: unary((value, math) => hull(math, value)),
  range_intersect: binary((math, a, b) => math.intersect(a, b)),
  range_minus: binary((math, a, b) => math.minus(a, b)),
  multirange_union: combine((_, a, b) => [...a, ...b]),
  multirange_intersect: combine(meet),
  multirange_minus: combine(subtract),
  range_lower: unary(value => value.lower),
  range_upper: unary(value => value.upper),
  range_empty: unary(value => value.isEmpty),
  range_lower_inc: unary(value => value.lowerInclusive),
  range_upper_inc: unary(value => value.upperInclusive),
  range_lower_inf: unary(value => !value.isEmpty && value.lower === null),
  range_upper_inf: unary(value => !value.isEmpty && value.upper === null),
  multirange_lower: unary(value => partsOf(value)[0]?.lower ?? null),
  multirange_upper: unary(value => partsOf(value).at(-1)?.upper ?? null),
  multirange_empty: unary(value => partsOf(value).length === 0),
  multirange_lower_inc: unary(value => partsOf(value)[0]?.lowerInclusive ?? false),
  multirange_upper_inc: unary(value => partsOf(value).at(-1)?.upperInclusive ?? false),
  multirange_lower_inf: unary(
    value => partsOf(value).length > 0 && partsOf(value)[0]!.lower === null,
  ),
  multirange_upper_inf: unary(
    value => partsOf(value).length > 0 && partsOf(value).at(-1)!.upper === null,
  ),
  int4range_subdiff: {fn: days},
  daterange_subdiff: {fn: days},
  int8range_subdiff: {fn: (a: bigint, b: bigint) => Number(a) - Number(b)},
  tsrange_subdiff: {fn: micros},
  tstzrange_subdiff: {fn: micros},
  ...Object.fromEntries(
    ['int4range_canonical', 'int8range_canonical', 'daterange_canonical'].map(name => [
      name,
      {fn: (range: RangeValue) => range},
    ]),
  ),
};

/** Set-returning functions over ranges. */
export const rangeSets: Readonly<Record<string, SetFunctionCode>> = {
  multirange_unnest: {create: () => args => partsOf(args[0] as RangeValue).values()},
};

/** range_agg and range_intersect_agg. */
export const rangeAggregates: AggregateTable = {
  range_agg: aggregateOf(true, types => ({
    init: (): RangeValue[] => [],
    step: (state, args) => {
      (state as RangeValue[]).push(...partsOf(args[0] as RangeValue));
      if ((state as RangeValue[]).length === 0) (state as RangeValue[]).push(emptyRange);
      return state;
    },
    final: state =>
      (state as RangeValue[]).length === 0 ? null : multirangeOf(types).make(state as RangeValue[]),
  })),
  range_intersect_agg: aggregateOf(true, types => {
    const math = new RangeMath(types.args[0]!);
    const isMulti = below(types.args[0]!) instanceof MultirangeType;
    return {
      init: () => null,
      step: (state, args) => {
        if (state === null) return args[0]!;
        const [a, b] = [state as RangeValue, args[0] as RangeValue];
        return isMulti
          ? multirangeOf(types).make(meet(math, partsOf(a), partsOf(b)))
          : math.intersect(a, b);
      },
      final: state => state as Datum,
    };
  }),
};
