import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import type {CallTypes, FunctionCode, SetFunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';

const EMPTY = new PgArray([], [], []);
const arrayError = (text: string): PgError => new PgError(SqlState.arraySubscriptError, text);
const incompatible = (detail: string): PgError =>
  new PgError(SqlState.arraySubscriptError, 'cannot concatenate incompatible arrays', {detail});

/** The type of an array's elements below domains. */
export function elementOf(type: TypeInstance): TypeInstance {
  let current = type;
  while (current.base !== null && current.element === null) current = current.base;
  return current.element ?? current;
}

function append(array: PgArray | null, element: Datum): PgArray {
  if (array === null || array.dims.length === 0) return PgArray.of([element]);
  if (array.dims.length !== 1)
    throw new PgError(SqlState.dataException, 'argument must be empty or one-dimensional array');
  return new PgArray([...array.elements, element], [array.dims[0]! + 1], array.lowerBounds);
}

function prepend(element: Datum, array: PgArray | null): PgArray {
  if (array === null || array.dims.length === 0) return PgArray.of([element]);
  if (array.dims.length !== 1)
    throw new PgError(SqlState.dataException, 'argument must be empty or one-dimensional array');
  return new PgArray([element, ...array.elements], [array.dims[0]! + 1], array.lowerBounds);
}

/** array || array: same dimensions, or one is an element of the other. */
export function concatArrays(left: PgArray | null, right: PgArray | null): PgArray | null {
  if (left === null) return right;
  if (right === null) return left;
  if (left.dims.length === 0) return right;
  if (right.dims.length === 0) return left;
  const elements = [...left.elements, ...right.elements];
  const depth = left.dims.length - right.dims.length;
  if (Math.abs(depth) > 1) {
    throw incompatible(
      `Arrays of ${left.dims.length} and ${right.dims.length} dimensions are not compatible for concatenation.`,
    );
  }
  const outer = depth >= 0 ? left : right;
  const leftInner = depth > 0 ? left.dims.slice(1) : depth === 0 ? left.dims.slice(1) : left.dims;
  const rightInner =
    depth < 0 ? right.dims.slice(1) : depth === 0 ? right.dims.slice(1) : right.dims;
  if (leftInner.some((size, index) => size !== rightInner[index])) {
    throw incompatible(
      depth === 0
        ? 'Arrays with differing element dimensions are not compatible for concatenation.'
        : 'Arrays with differing dimensions are not compatible for concatenation.',
    );
  }
  const count = depth === 0 ? left.dims[0]! + right.dims[0]! : outer.dims[0]! + 1;
  return new PgArray(elements, [count, ...outer.dims.slice(1)], outer.lowerBounds);
}

const sameDatum =
  (type: TypeInstance) =>
  (a: Datum, b: Datum): boolean =>
    a === null || b === null ? a === b : type.equals(a, b);

function checkOneDimensional(array: PgArray, what: string): void {
  if (array.dims.length > 1)
    throw new PgError(SqlState.featureNotSupported, `${what} is not supported`);
}

function remove(types: CallTypes): (array: PgArray | null, element: Datum) => Datum {
  const equal = sameDatum(elementOf(types.args[0]!));
  return (array, element) => {
    if (array === null) return null;
    if (array.dims.length > 1)
      throw new PgError(
        SqlState.featureNotSupported,
        'removing elements from multidimensional arrays is not supported',
      );
    const kept = array.elements.filter(each => !equal(each, element));
    if (kept.length === array.elements.length) return array;
    return kept.length === 0 ? EMPTY : new PgArray(kept, [kept.length], array.lowerBounds);
  };
}

function replace(types: CallTypes): (array: PgArray | null, from: Datum, to: Datum) => Datum {
  const equal = sameDatum(elementOf(types.args[0]!));
  return (array, from, to) =>
    array === null
      ? null
      : new PgArray(
          array.elements.map(each => (equal(each, from) ? to : each)),
          array.dims,
          array.lowerBounds,
        );
}

function positionOf(
  types: CallTypes,
): (array: PgArray | null, element: Datum, start?: number | null) => Datum {
  const equal = sameDatum(elementOf(types.args[0]!));
  return (array, element, start) => {
    if (array === null) return null;
    checkOneDimensional(array, 'searching for elements in multidimensional arrays');
    if (array.dims.length === 0) return null;
    if (start === null)
      throw new PgError(SqlState.nullValueNotAllowed, 'initial position must not be null');
    const first = array.lowerBounds[0] ?? 1;
    for (
      let index = Math.max((start ?? first) - first, 0);
      index < array.elements.length;
      index++
    ) {
      if (equal(array.elements[index]!, element)) return index + first;
    }
    return null;
  };
}

function positionsOf(types: CallTypes): (array: PgArray | null, element: Datum) => Datum {
  const equal = sameDatum(elementOf(types.args[0]!));
  return (array, element) => {
    if (array === null) return null;
    checkOneDimensional(array, 'searching for elements in multidimensional arrays');
    const first = array.lowerBounds[0] ?? 1;
    const found: number[] = [];
    array.elements.forEach((each, index) => {
      if (equal(each, element)) found.push(index + first);
    });
    return PgArray.of(found);
  };
}

/** Whether every element of `part` is in `whole`; NULL is in nothing. */
function contains(types: CallTypes): (whole: PgArray, part: PgArray) => boolean {
  const type = elementOf(types.args[0]!);
  return (whole, part) =>
    part.elements.every(
      wanted =>
        wanted !== null && whole.elements.some(each => each !== null && type.equals(each, wanted)),
    );
}

function overlaps(types: CallTypes): (a: PgArray, b: PgArray) => boolean {
  const type = elementOf(types.args[0]!);
  return (a, b) =>
    a.elements.some(
      left => left !== null && b.elements.some(right => right !== null && type.equals(left, right)),
    );
}

function fill(value: Datum, sizes: PgArray | null, bounds: PgArray | null): PgArray {
  if (sizes === null || bounds === null)
    throw new PgError(
      SqlState.nullValueNotAllowed,
      'dimension array or low bound array cannot be null',
    );
  if (sizes.dims.length > 1) throw arrayError('wrong number of array subscripts');
  if (sizes.elements.length > 6) {
    throw new PgError(
      SqlState.programLimitExceeded,
      `number of array dimensions (${sizes.elements.length}) exceeds the maximum allowed (6)`,
    );
  }
  if (sizes.elements.includes(null) || bounds.elements.includes(null))
    throw new PgError(SqlState.nullValueNotAllowed, 'dimension values cannot be null');
  if (bounds.elements.length !== sizes.elements.length)
    throw arrayError('wrong number of array subscripts');
  const dims = sizes.elements as readonly number[];
  const count = dims.reduce((product, size) => product * size, 1);
  if (dims.some(size => size < 0) || count > 134217727) {
    throw new PgError(
      SqlState.programLimitExceeded,
      'array size exceeds the maximum allowed (134217727)',
    );
  }
  if (dims.length === 0 || count === 0) return EMPTY;
  return new PgArray(
    new Array<Datum>(count).fill(value),
    dims,
    bounds.elements as readonly number[],
  );
}

function trim(array: PgArray, count: number): PgArray {
  const size = array.dims[0] ?? 0;
  if (count < 0 || count > size)
    throw arrayError(`number of elements to trim must be between 0 and ${size}`);
  if (count === size) return EMPTY;
  const inner = array.elements.length / size;
  return new PgArray(
    array.elements.slice(0, (size - count) * inner),
    [size - count, ...array.dims.slice(1)],
    array.dims.map(() => 1),
  );
}

const dimension = (pick: (array: PgArray, axis: number) => number): FunctionCode => ({
  fn: (array: PgArray, axis: number) =>
    axis < 1 || axis > array.dims.length ? null : pick(array, axis - 1),
});

/** array_to_string: NULLs are left out unless a text for them is given. */
function toText(
  types: CallTypes,
): (array: PgArray | null, delimiter: string | null, nullText?: string | null) => Datum {
  const type = elementOf(types.args[0]!);
  return (array, delimiter, nullText = null) => {
    if (array === null || delimiter === null) return null;
    const settings = types.context().format;
    const parts: string[] = [];
    for (const element of array.elements) {
      if (element !== null) parts.push(type.output(element, settings));
      else if (nullText !== null) parts.push(nullText);
    }
    return parts.join(delimiter);
  };
}

/** string_to_array; a NULL delimiter splits into characters. */
export function splitText(
  text: string,
  delimiter: string | null,
  nullText: string | null,
): (string | null)[] {
  if (text === '') return [];
  const parts = delimiter === null ? [...text] : delimiter === '' ? [text] : text.split(delimiter);
  return nullText === null ? parts : parts.map(part => (part === nullText ? null : part));
}

const toArray: FunctionCode = {
  fn: (text: string | null, delimiter: string | null, nullText: string | null = null) =>
    text === null ? null : PgArray.of(splitText(text, delimiter, nullText)),
};

/** Functions of 9.19. */
export const arrayFunctions: FunctionTable = {
  array_append: {fn: append},
  array_prepend: {fn: prepend},
  array_cat: {fn: concatArrays},
  array_remove: {fnTyped: remove},
  array_replace: {fnTyped: replace},
  array_position: {fnTyped: positionOf},
  array_position_start: {fnTyped: positionOf},
  array_positions: {fnTyped: positionsOf},
  arraycontains: {fnTyped: contains},
  arraycontained: {
    fnTyped: types => {
      const holds = contains(types);
      return (part: PgArray, whole: PgArray) => holds(whole, part);
    },
  },
  arrayoverlap: {fnTyped: overlaps},
  array_fill: {
    fn: (value: Datum, sizes: PgArray | null) =>
      fill(value, sizes, sizes === null ? EMPTY : PgArray.of(sizes.elements.map(() => 1))),
  },
  array_fill_with_lower_bounds: {fn: fill},
  trim_array: {fn: trim},
  array_length: dimension((array, axis) => array.dims[axis]!),
  array_lower: dimension((array, axis) => array.lowerBounds[axis]!),
  array_upper: dimension((array, axis) => array.lowerBounds[axis]! + array.dims[axis]! - 1),
  array_ndims: {fn: (array: PgArray) => (array.dims.length === 0 ? null : array.dims.length)},
  array_dims: {
    fn: (array: PgArray) =>
      array.dims.length === 0
        ? null
        : array.dims
            .map(
              (size, axis) => `[${array.lowerBounds[axis]}:${array.lowerBounds[axis]! + size - 1}]`,
            )
            .join(''),
  },
  array_cardinality: {fn: (array: PgArray) => array.elements.length},
  array_to_text: {fnTyped: toText},
  array_to_text_null: {fnTyped: toText},
  text_to_array: toArray,
  text_to_array_null: toArray,
};

const subscripts: SetFunctionCode = {
  create: () =>
    function* rows(args): Generator<Datum> {
      const [array, axis, isReverse] = args as [PgArray, number, boolean?];
      if (axis < 1 || axis > array.dims.length) return;
      const first = array.lowerBounds[axis - 1]!;
      const size = array.dims[axis - 1]!;
      for (let index = 0; index < size; index++)
        yield isReverse === true ? first + size - 1 - index : first + index;
    },
};

const textTable: SetFunctionCode = {
  create: () => args =>
    args[0] === null
      ? [].values()
      : splitText(
          args[0] as string,
          args[1] as string | null,
          (args[2] as string | null | undefined) ?? null,
        ).values(),
};

/** Set-returning functions over arrays. */
export const arraySets: Readonly<Record<string, SetFunctionCode>> = {
  array_unnest: {create: () => args => (args[0] as PgArray).elements.values()},
  generate_subscripts: subscripts,
  generate_subscripts_nodir: subscripts,
  text_to_table: textTable,
  text_to_table_null: textTable,
};
