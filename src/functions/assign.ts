import {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import {defaultFormatSettings} from '../types/format-settings.ts';
import type {Datum} from '../types/contract.ts';
import type {JsonbNode} from '../types/jsonb-value.ts';
import {JsonbObject, JsonbValue} from '../types/jsonb-value.ts';
import {makeJsonbObject} from '../types/json-parse.ts';
import type {FunctionTable} from './table.ts';

const MAX_ITEMS = 134_217_727;

/** What `SET column[...] = value` calls; these have no SQL names. */
export const assignFunctions: FunctionTable = {
  // (array, value, given, lower, upper, ...): `given` is '' for an element, else 'g' or 'o' (omitted) for each bound.
  wadi_array_assign: {
    fn: (array: PgArray | null, value: Datum, given: string, ...bounds: (number | null)[]) => {
      const target = array ?? new PgArray([], [], []);
      bounds.forEach((bound, at) => {
        if (given[at] === 'g') known(bound);
      });
      if (given === '')
        return assignElement(
          target,
          value,
          bounds.filter((_, at) => at % 2 === 1),
        );
      return value === null ? target : assignSlice(target, value as PgArray, bounds);
    },
  },
  // (value of a fixed number of parts, part, subscript, ...)
  wadi_geometry_assign: {
    fnTyped:
      types =>
      (whole: Uint8Array | null, part: Datum, ...subscripts: (number | null)[]): Datum => {
        const at = subscripts.map(known);
        if (whole === null || part === null) return whole;
        const out = new ByteWriter(16);
        types.args[1]!.send(part, out, defaultFormatSettings);
        const bytes = out.take();
        const next = Buffer.from(whole);
        next.set(bytes, fixedPlace(at, whole.length / bytes.length) * bytes.length);
        return next;
      },
  },
  wadi_name_assign: {
    fn: (whole: string | null, part: string | null, ...subscripts: (number | null)[]): Datum => {
      const at = subscripts.map(known);
      if (whole === null || part === null) return whole;
      const bytes = Buffer.alloc(64);
      bytes.write(whole, 'utf8');
      bytes.fill(0, fixedPlace(at, 64), at[0]! + 1);
      bytes.write(part, at[0]!, 1, 'utf8');
      return bytes.toString('utf8', 0, bytes.indexOf(0) === -1 ? 63 : bytes.indexOf(0));
    },
  },
  // (jsonb, value, expects an array, key, ...)
  wadi_jsonb_assign: {
    fn: (
      target: JsonbValue | null,
      value: JsonbValue | null,
      isArray: boolean,
      ...path: (string | null)[]
    ) => {
      const root = target === null ? (isArray ? [] : new JsonbObject([], [])) : target.root;
      return new JsonbValue(assignAt(root, path, 0, value === null ? null : value.root));
    },
  },
};

function wrong(text: string, detail?: string): PgError {
  return new PgError(SqlState.arraySubscriptError, text, {detail});
}

function known(subscript: number | null): number {
  if (subscript !== null) return subscript;
  throw new PgError(SqlState.nullValueNotAllowed, 'array subscript in assignment must not be null');
}

function fixedPlace(subscripts: readonly number[], count: number): number {
  if (subscripts.length !== 1) throw wrong('wrong number of array subscripts');
  const [at] = subscripts;
  if (at! < 0 || at! >= count) throw wrong('array subscript out of range');
  return at!;
}

function assignElement(
  array: PgArray,
  value: Datum,
  subscripts: readonly (number | null)[],
): PgArray {
  const at = subscripts.map(known);
  const {dims, lowerBounds, elements} = array;
  if (dims.length === 0)
    return new PgArray(
      [value],
      at.map(() => 1),
      at,
    );
  if (dims.length !== at.length) throw wrong('wrong number of array subscripts');
  if (dims.length === 1) return extended(array, at[0]!, at[0]!, [value]);
  let offset = 0;
  for (let axis = 0; axis < dims.length; axis++) {
    const place = at[axis]! - lowerBounds[axis]!;
    if (place < 0 || place >= dims[axis]!) throw wrong('array subscript out of range');
    offset = offset * dims[axis]! + place;
  }
  const next = elements.slice();
  next[offset] = value;
  return new PgArray(next, dims, lowerBounds);
}

/** A one-dimensional array with values put at lower .. upper; gaps are NULL. */
function extended(array: PgArray, lower: number, upper: number, values: readonly Datum[]): PgArray {
  const first = Math.min(array.lowerBounds[0]!, lower);
  const last = Math.max(array.lowerBounds[0]! + array.dims[0]! - 1, upper);
  const size = last - first + 1;
  if (size > MAX_ITEMS) {
    throw new PgError(
      SqlState.programLimitExceeded,
      `array size exceeds the maximum allowed (${MAX_ITEMS})`,
    );
  }
  const next: Datum[] = new Array<Datum>(size).fill(null);
  for (let i = 0; i < array.elements.length; i++)
    next[array.lowerBounds[0]! - first + i] = array.elements[i]!;
  for (let i = 0; i <= upper - lower; i++) next[lower - first + i] = values[i]!;
  return new PgArray(next, [size], [first]);
}

function assignSlice(array: PgArray, source: PgArray, bounds: readonly (number | null)[]): PgArray {
  const count = bounds.length / 2;
  const {dims, lowerBounds} = array;
  if (dims.length === 0) return newSlice(source, bounds);
  if (dims.length < count) throw wrong('wrong number of array subscripts');
  const ranges = dims.map((size, axis) => {
    const first = lowerBounds[axis]!;
    const lower = axis < count ? (bounds[axis * 2] ?? first) : first;
    const upper = axis < count ? (bounds[axis * 2 + 1] ?? first + size - 1) : first + size - 1;
    if (lower > upper) throw wrong('upper bound cannot be less than lower bound');
    if (dims.length > 1 && (lower < first || upper >= first + size))
      throw wrong('array subscript out of range');
    return {lower, upper};
  });
  requireItems(source, ranges);
  if (dims.length === 1)
    return extended(array, ranges[0]!.lower, ranges[0]!.upper, source.elements);
  const next = array.elements.slice();
  let from = 0;
  const place = (axis: number, offset: number): void => {
    if (axis === dims.length) {
      next[offset] = source.elements[from++]!;
      return;
    }
    for (let i = ranges[axis]!.lower; i <= ranges[axis]!.upper; i++)
      place(axis + 1, offset * dims[axis]! + i - lowerBounds[axis]!);
  };
  place(0, 0);
  return new PgArray(next, dims, lowerBounds);
}

function newSlice(source: PgArray, bounds: readonly (number | null)[]): PgArray {
  const ranges: {lower: number; upper: number}[] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    const lower = bounds[i]!;
    const upper = bounds[i + 1]!;
    if (lower === null || upper === null) {
      throw wrong(
        'array slice subscript must provide both boundaries',
        'When assigning to a slice of an empty array value, slice boundaries must be fully specified.',
      );
    }
    if (lower > upper) throw wrong('upper bound cannot be less than lower bound');
    ranges.push({lower, upper});
  }
  const items = requireItems(source, ranges);
  return new PgArray(
    source.elements.slice(0, items),
    ranges.map(each => each.upper - each.lower + 1),
    ranges.map(each => each.lower),
  );
}

function requireItems(
  source: PgArray,
  ranges: readonly {readonly lower: number; readonly upper: number}[],
): number {
  const items = ranges.reduce((product, each) => product * (each.upper - each.lower + 1), 1);
  if (source.elements.length < items) throw wrong('source array too small');
  return items;
}

/** Sets a value in a document, making what is missing on the way (PostgreSQL setPath with JB_PATH_FILL_GAPS). */
function assignAt(
  node: JsonbNode,
  path: readonly (string | null)[],
  depth: number,
  value: JsonbNode,
): JsonbNode {
  if (depth === path.length) return value;
  const step = path[depth]!;
  if (step === null) {
    throw new PgError(
      SqlState.nullValueNotAllowed,
      'jsonb subscript in assignment must not be null',
    );
  }
  if (node instanceof JsonbObject) {
    const at = node.keys.indexOf(step);
    if (at === -1)
      return makeJsonbObject(
        [...node.keys, step],
        [...node.values, created(path, depth + 1, value)],
      );
    const next = assignAt(node.values[at]!, path, depth + 1, value);
    return new JsonbObject(
      node.keys,
      node.values.map((each, index) => (index === at ? next : each)),
    );
  }
  if (Array.isArray(node))
    return assignInArray(node as readonly JsonbNode[], step, path, depth, value);
  throw new PgError(SqlState.invalidParameterValue, 'cannot replace existing key', {
    detail: 'The path assumes key is a composite object, but it is a scalar value.',
  });
}

function assignInArray(
  node: readonly JsonbNode[],
  step: string,
  path: readonly (string | null)[],
  depth: number,
  value: JsonbNode,
): JsonbNode {
  if (!isIndex(step)) {
    throw new PgError(
      SqlState.invalidTextRepresentation,
      `path element at position ${depth + 1} is not an integer: "${step}"`,
    );
  }
  const given = Number(step);
  const at = given < 0 ? node.length + given : given;
  if (at < 0) {
    throw new PgError(
      SqlState.invalidParameterValue,
      `path element at position ${depth + 1} is out of range: ${given}`,
    );
  }
  const next = node.slice();
  while (next.length < at) next.push(null);
  next[at] =
    at < node.length
      ? assignAt(node[at]!, path, depth + 1, value)
      : created(path, depth + 1, value);
  return next;
}

/** The value inside new arrays and objects, one for each step that is left. */
function created(path: readonly (string | null)[], depth: number, value: JsonbNode): JsonbNode {
  if (depth === path.length) return value;
  const step = path[depth]!;
  const isNew = step !== null && isIndex(step) ? [] : new JsonbObject([], []);
  return assignAt(isNew, path, depth, value);
}

function isIndex(step: string): boolean {
  return /^\s*[+-]?\d+$/.test(step) && Math.abs(Number(step)) <= 2_147_483_647;
}
