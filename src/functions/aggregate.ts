// Hot path: step functions run once per row. The key of an aggregate is its name; create() chooses by the argument's type.
import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance, Value} from '../types/contract.ts';
import {Interval} from '../types/interval-value.ts';
import {numericFromInt} from '../types/numeric-convert.ts';
import {numericAdd, numericDiv} from '../types/numeric-math.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {AggregateCode, AggregateRun, CallTypes} from './contract.ts';
import {intervalDivide} from '../types/datetime-math.ts';
import {checkInt8} from './int-arith.ts';
import {checkFloatSum, float4Sum} from './float-sum.ts';
import {checkRoom} from './room.ts';

/** An aggregate's table entry. */
export type AggregateTable = Readonly<Record<string, AggregateCode>>;

/** One aggregate over a state object. */
export function aggregateOf(
  skipsNull: boolean,
  create: (types: CallTypes) => Omit<AggregateRun, 'fast'> & {readonly fast?: AggregateRun['fast']},
): AggregateCode {
  return {skipsNull, create: types => ({fast: null, ...create(types)})};
}

/** The name of an argument's type below its domains. */
export function baseName(type: TypeInstance | undefined): string {
  let current = type;
  while (current?.base) current = current.base;
  return current?.name ?? '';
}

interface CountState {
  count: number;
}

const count: AggregateCode = aggregateOf(true, () => ({
  init: (): CountState => ({count: 0}),
  step: (state): CountState => {
    (state as CountState).count++;
    return state as CountState;
  },
  final: state => BigInt((state as CountState).count),
  fast: 'count',
}));

interface SumState {
  count: number;
  /** Part of the sum that is still exact as a double. */
  small: number;
  big: bigint;
}

const newSum = (): SumState => ({count: 0, small: 0, big: 0n});

function stepInt(state: unknown, args: readonly Datum[]): SumState {
  const sum = state as SumState;
  sum.count++;
  sum.small += args[0] as number;
  if (sum.small > 4503599627370496 || sum.small < -4503599627370496) {
    sum.big += BigInt(sum.small);
    sum.small = 0;
  }
  return sum;
}

function stepInt8(state: unknown, args: readonly Datum[]): SumState {
  const sum = state as SumState;
  sum.count++;
  sum.big += args[0] as bigint;
  return sum;
}

const totalOf = (state: SumState): bigint => state.big + BigInt(state.small);

interface FloatState {
  count: number;
  sum: number;
}

function stepFloat(state: unknown, args: readonly Datum[]): FloatState {
  return addFloat(state as FloatState, args[0] as number, false);
}

function stepFloatAverage(state: unknown, args: readonly Datum[]): FloatState {
  return addFloat(state as FloatState, args[0] as number, true);
}

function addFloat(state: FloatState, value: number, isAverage: boolean): FloatState {
  state.count++;
  checkFloatSum(state.sum, value, state.count, isAverage);
  state.sum += value;
  return state;
}

interface NumericState {
  count: number;
  sum: Numeric;
}

function stepNumeric(state: unknown, args: readonly Datum[]): NumericState {
  const sum = state as NumericState;
  sum.count++;
  sum.sum = numericAdd(sum.sum, args[0] as Numeric);
  return sum;
}

const newNumeric = (): NumericState => ({count: 0, sum: Numeric.of(0n, 0)});

interface IntervalState {
  count: number;
  months: number;
  days: number;
  micros: bigint;
}

function stepInterval(state: unknown, args: readonly Datum[]): IntervalState {
  const sum = state as IntervalState;
  const value = args[0] as Interval;
  sum.count++;
  sum.months += value.months;
  sum.days += value.days;
  sum.micros += value.micros;
  return sum;
}

const newInterval = (): IntervalState => ({count: 0, months: 0, days: 0, micros: 0n});
const intervalOf = (state: IntervalState): Interval =>
  new Interval(state.months, state.days, state.micros);

const sum: AggregateCode = aggregateOf(true, types => {
  const name = baseName(types.args[0]);
  switch (name) {
    case 'int2':
    case 'int4':
      return {
        init: newSum,
        step: stepInt,
        final: state => emptyOr(state as SumState, total => checkInt8(totalOf(total))),
        fast: 'sumInt32',
      };
    case 'int8':
      return {
        init: newSum,
        step: stepInt8,
        final: state => emptyOr(state as SumState, total => Numeric.of(totalOf(total), 0)),
        fast: 'sumInt64',
      };
    case 'money':
      return {
        init: newSum,
        step: stepInt8,
        final: state => emptyOr(state as SumState, total => checkInt8(totalOf(total))),
      };
    case 'float4':
      return {
        init: (): FloatState => ({count: 0, sum: -0}),
        step: (state, args) => {
          const total = stepFloat(state, args);
          total.sum = float4Sum(total.sum);
          return total;
        },
        final: state => emptyOr(state as FloatState, total => total.sum),
      };
    case 'float8':
      return {
        init: (): FloatState => ({count: 0, sum: -0}),
        step: stepFloat,
        final: state => emptyOr(state as FloatState, total => total.sum),
        fast: 'sumFloat64',
      };
    case 'numeric':
      return {
        init: newNumeric,
        step: stepNumeric,
        final: state => emptyOr(state as NumericState, total => total.sum),
      };
    case 'interval':
      return {
        init: newInterval,
        step: stepInterval,
        final: state => emptyOr(state as IntervalState, intervalOf),
      };
    default:
      throw featureNotSupported(`sum(${name}) is not supported`);
  }
});

function emptyOr<S extends {readonly count: number}>(state: S, final: (state: S) => Datum): Datum {
  return state.count === 0 ? null : final(state);
}

/** numeric average of whole numbers, with the scale of numeric division. */
export function averageOfInts(total: bigint, rows: number | bigint): Numeric {
  return numericDiv(numericFromInt(total), numericFromInt(rows));
}

const avg: AggregateCode = aggregateOf(true, types => {
  const name = baseName(types.args[0]);
  switch (name) {
    case 'int2':
    case 'int4':
      return {
        init: newSum,
        step: stepInt,
        final: state =>
          emptyOr(state as SumState, total => averageOfInts(totalOf(total), total.count)),
        fast: 'avgInt32',
      };
    case 'int8':
      return {
        init: newSum,
        step: stepInt8,
        final: state =>
          emptyOr(state as SumState, total => averageOfInts(totalOf(total), total.count)),
      };
    case 'float4':
    case 'float8':
      return {
        init: (): FloatState => ({count: 0, sum: 0}),
        step: stepFloatAverage,
        final: state => emptyOr(state as FloatState, total => total.sum / total.count),
        fast: name === 'float8' ? 'avgFloat64' : null,
      };
    case 'numeric':
      return {
        init: newNumeric,
        step: stepNumeric,
        final: state =>
          emptyOr(state as NumericState, total =>
            numericDiv(total.sum, numericFromInt(total.count)),
          ),
      };
    case 'interval':
      return {
        init: newInterval,
        step: stepInterval,
        final: state =>
          emptyOr(state as IntervalState, total => intervalDivide(intervalOf(total), total.count)),
      };
    default:
      throw featureNotSupported(`avg(${name}) is not supported`);
  }
});

/** A state that is the value itself, null before the first row. */
function fold(
  fast: AggregateRun['fast'],
  choose: (types: CallTypes) => (state: Value, value: Value) => Value,
): AggregateCode {
  return aggregateOf(true, types => {
    const combine = choose(types);
    return {
      init: () => null,
      step: (state, args) => (state === null ? args[0]! : combine(state as Value, args[0]!)),
      final: state => state as Datum,
      fast,
    };
  });
}

const isWide = (types: CallTypes): boolean => baseName(types.args[0]) === 'int8';

/** Bit by bit of two bit strings of one length. */
function bitStrings(a: string, b: string, combine: (a: number, b: number) => number): string {
  if (a.length !== b.length)
    throw new PgError(
      SqlState.stringDataLengthMismatch,
      `cannot ${['AND', 'XOR', 'OR'][combine(1, 1) === 0 ? 1 : combine(1, 0) === 0 ? 0 : 2]} bit strings of different sizes`,
    );
  let result = '';
  for (let at = 0; at < a.length; at++)
    result += combine(a.charCodeAt(at) - 48, b.charCodeAt(at) - 48);
  return result;
}

const bitwise = (
  narrow: (a: number, b: number) => number,
  wide: (a: bigint, b: bigint) => bigint,
): AggregateCode =>
  fold(null, types => {
    if (isWide(types)) return (a, b) => wide(a as bigint, b as bigint);
    if (!baseName(types.args[0]).startsWith('int'))
      return (a, b) => bitStrings(a as string, b as string, narrow);
    return (a, b) => narrow(a as number, b as number);
  });

/** A state that collects rows. */
export function collect(
  skipsNull: boolean,
  final: (rows: readonly (readonly Datum[])[], types: CallTypes) => Datum,
): AggregateCode {
  return aggregateOf(skipsNull, types => ({
    init: (): Datum[][] => [],
    step: (state, args) => {
      checkRoom((state as Datum[][]).length);
      (state as Datum[][]).push(args.slice());
      return state;
    },
    final: state => final(state as Datum[][], types),
  }));
}

const arrayAgg: AggregateCode = aggregateOf(false, types => ({
  init: (): Datum[] => [],
  step: (state, args) => {
    const values = state as Datum[];
    checkRoom(values.length);
    values.push(args[0]!);
    return state;
  },
  final: state => arrayOf(state as Datum[], types),
}));

function arrayOf(values: Datum[], types: CallTypes): Datum {
  if (values.length === 0) return null;
  const isArray =
    types.args[0]!.element !== null &&
    types.args[0]!.length === -1 &&
    types.args[0]!.category === 'A';
  return isArray ? stackArrays(values) : PgArray.of(values.slice());
}

function stackArrays(parts: readonly Datum[]): PgArray {
  const arrays = parts.map(part => {
    if (part === null) throw arrayAggError('22004', 'cannot accumulate null arrays');
    return part as PgArray;
  });
  const first = arrays[0]!;
  if (first.dims.length === 0) throw arrayAggError('2202E', 'cannot accumulate empty arrays');
  for (const array of arrays) {
    if (array.dims.length === 0) throw arrayAggError('2202E', 'cannot accumulate empty arrays');
    if (
      array.dims.length !== first.dims.length ||
      array.dims.some((size, index) => size !== first.dims[index])
    ) {
      throw arrayAggError('2202E', 'cannot accumulate arrays of different dimensionality');
    }
  }
  return new PgArray(
    arrays.flatMap(array => array.elements),
    [arrays.length, ...first.dims],
    [1, ...first.lowerBounds],
  );
}

interface StringState {
  parts: (string | Uint8Array)[];
}

const stringAgg: AggregateCode = aggregateOf(false, types => {
  const isBytes = baseName(types.args[0]) === 'bytea';
  return {
    init: (): StringState => ({parts: []}),
    step: (state, args) => {
      const parts = (state as StringState).parts;
      const value = args[0] as string | Uint8Array | null;
      if (value === null) return state;
      checkRoom(parts.length);
      const delimiter = args[1] as string | Uint8Array | null | undefined;
      if (parts.length > 0 && delimiter !== null && delimiter !== undefined) parts.push(delimiter);
      else if (parts.length > 0) parts.push(isBytes ? new Uint8Array(0) : '');
      parts.push(value);
      return state;
    },
    final: state => {
      const parts = (state as StringState).parts;
      if (parts.length === 0) return null;
      return isBytes ? Buffer.concat(parts as Uint8Array[]) : (parts as string[]).join('');
    },
  };
});

/** The first aggregates: counts, sums, extremes, booleans, bits, strings, arrays. */
export const basicAggregates: AggregateTable = {
  count,
  sum,
  avg,
  min: fold('min', types => (a, b) => (types.args[0]!.compare(b, a) < 0 ? b : a)),
  max: fold('max', types => (a, b) => (types.args[0]!.compare(b, a) > 0 ? b : a)),
  bool_and: fold(null, () => (a, b) => (a as boolean) && (b as boolean)),
  bool_or: fold(null, () => (a, b) => (a as boolean) || (b as boolean)),
  every: fold(null, () => (a, b) => (a as boolean) && (b as boolean)),
  bit_and: bitwise(
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  bit_or: bitwise(
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  bit_xor: bitwise(
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
  string_agg: stringAgg,
  array_agg: arrayAgg,
};

function arrayAggError(code: string, text: string): PgError {
  return new PgError(code, text);
}
