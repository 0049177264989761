// Hot path: what generated code calls beside the functions of SQL.
import {PgError} from '../common/errors.ts';
import type {Oid} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TextDictionary} from '../columns/vector.ts';
import type {EvalContext} from '../functions/contract.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance, Value} from '../types/contract.ts';
import {PgRecord} from '../types/record-value.ts';

/** An empty table of results per dictionary code; entry 0 is for NULL. Room is left for a dictionary that grows. */
export function newMemo(dictionary: TextDictionary, isBool: boolean): Uint8Array | unknown[] {
  const size = dictionary.size + 1 + (dictionary.size >> 2);
  return isBool ? new Uint8Array(size) : new Array<unknown>(size).fill(undefined);
}

/** GREATEST or LEAST of values that are computed already; NULLs are skipped. */
export function pickExtreme(
  values: readonly Datum[],
  type: TypeInstance,
  isGreatest: boolean,
): Datum {
  let best: Datum = null;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (value === null) continue;
    if (best === null) best = value;
    else {
      const order = type.compare(value, best);
      if (isGreatest ? order > 0 : order < 0) best = value;
    }
  }
  return best;
}

/** IS NULL (wanted true) or IS NOT NULL (wanted false) of a row value. */
export function isRowNull(record: Datum, wanted: boolean): boolean {
  if (record === null) return wanted;
  for (const field of (record as PgRecord).fields) if ((field === null) !== wanted) return false;
  return true;
}

/** left op ANY | ALL (array) by calling the operator's function per element. */
export function scalarArray(
  left: Datum,
  array: PgArray,
  compare: (left: Value, element: Value) => Datum,
  isAll: boolean,
): boolean | null {
  const elements = array.elements;
  let sawNull = false;
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index]!;
    const result = left === null || element === null ? null : compare(left, element);
    if (result === null) sawNull = true;
    else if (result !== isAll) return !isAll;
  }
  return sawNull ? null : isAll;
}

const setEqualities: ReadonlySet<string> = new Set([
  'int2eq',
  'int4eq',
  'int8eq',
  'float4eq',
  'float8eq',
  'texteq',
  'nameeq',
  'oideq',
  'date_eq',
  'timestamp_eq',
  'time_eq',
  'booleq',
  'chareq',
  'uuid_eq',
  'enum_eq',
]);

/** Whether equal values of this '=' function are equal members of a JavaScript Set. */
export function isSetEquality(source: string): boolean {
  return setEqualities.has(source);
}

/** = ANY (array) by a Set that is made when the same array is seen again. */
export class SetSearch {
  #array: PgArray | null = null;
  #members: Set<Datum> | null = null;
  #hasNull = false;

  any(left: Datum, array: PgArray): boolean | null {
    if (array.elements.length === 0) return false;
    if (left === null) return null;
    if (array !== this.#array) {
      this.#array = array;
      this.#members = null;
      this.#hasNull = array.elements.includes(null);
      if (array.elements.includes(left)) return true;
      return this.#hasNull ? null : false;
    }
    this.#members ??= new Set(array.elements);
    if (this.#members.has(left)) return true;
    return this.#hasNull ? null : false;
  }
}

/** ARRAY[...]: of arrays it adds a dimension, whose parts must agree. */
export function arrayOf(elements: readonly Datum[], isMultiDimensional: boolean): PgArray {
  if (!isMultiDimensional) return PgArray.of(elements);
  const parts = elements.filter(
    part => part !== null && (part as PgArray).dims.length > 0,
  ) as PgArray[];
  if (parts.length === 0) return new PgArray([], [], []);
  const first = parts[0]!;
  const agrees =
    parts.length === elements.length &&
    parts.every(
      part =>
        part.dims.length === first.dims.length &&
        part.dims.every((size, index) => size === first.dims[index]),
    );
  if (!agrees)
    throw new PgError(
      SqlState.arraySubscriptError,
      'multidimensional arrays must have array expressions with matching dimensions',
    );
  if (first.dims.length >= 6) {
    throw new PgError(
      SqlState.programLimitExceeded,
      `number of array dimensions (${first.dims.length + 1}) exceeds the maximum allowed (6)`,
    );
  }
  return new PgArray(
    parts.flatMap(part => part.elements),
    [parts.length, ...first.dims],
    [1, ...first.lowerBounds],
  );
}

/** ROW(...). */
export function recordOf(
  type: TypeInstance,
  fieldTypes: readonly Oid[],
  fields: readonly Datum[],
  names: readonly string[] | null = null,
  instances: readonly TypeInstance[] | null = null,
): PgRecord {
  return new PgRecord(type.oid, fieldTypes, fields, names, instances);
}

/** array[i][j]: NULL outside the bounds, for a NULL subscript, or with the wrong number of them. */
export function arrayElement(array: PgArray, subscripts: readonly Datum[]): Datum {
  if (subscripts.includes(null)) return null;
  if (subscripts.length !== array.dims.length) return null;
  let position = 0;
  for (let axis = 0; axis < subscripts.length; axis++) {
    const offset = (subscripts[axis] as number) - array.lowerBounds[axis]!;
    if (offset < 0 || offset >= array.dims[axis]!) return null;
    position = position * array.dims[axis]! + offset;
  }
  return array.elements[position]!;
}

/** array[l:u]...: undefined is an omitted bound; axes that are not named are taken whole; lower bounds become 1. */
export function arraySlice(
  array: PgArray,
  lowers: readonly (Datum | undefined)[],
  uppers: readonly (Datum | undefined)[],
): Datum {
  if (lowers.includes(null) || uppers.includes(null)) return null;
  const empty = new PgArray([], [], []);
  if (array.dims.length < lowers.length) return empty;
  const from: number[] = [];
  const size: number[] = [];
  for (let axis = 0; axis < array.dims.length; axis++) {
    const first = array.lowerBounds[axis]!;
    const last = first + array.dims[axis]! - 1;
    const lower = Math.max((lowers[axis] as number | undefined) ?? first, first);
    const upper = Math.min((uppers[axis] as number | undefined) ?? last, last);
    if (upper < lower) return empty;
    from.push(lower - first);
    size.push(upper - lower + 1);
  }
  const elements: Datum[] = [];
  copySlice(array, {from, size, axis: 0, base: 0}, elements);
  return new PgArray(
    elements,
    size,
    size.map(() => 1),
  );
}

interface SlicePart {
  readonly from: readonly number[];
  readonly size: readonly number[];
  readonly axis: number;
  readonly base: number;
}

function copySlice(array: PgArray, part: SlicePart, out: Datum[]): void {
  const {from, size, axis, base} = part;
  for (let index = 0; index < size[axis]!; index++) {
    const position = base * array.dims[axis]! + from[axis]! + index;
    if (axis === size.length - 1) out.push(array.elements[position]!);
    else copySlice(array, {from, size, axis: axis + 1, base: position}, out);
  }
}

/** The same shape with other elements. */
export function mapArray(array: PgArray, elements: readonly Datum[]): PgArray {
  return new PgArray(elements, array.dims, array.lowerBounds);
}

/** A cast through text: output of one type, input of the other. */
export function ioCast(
  value: Value,
  from: TypeInstance,
  to: TypeInstance,
  context: EvalContext,
): Value {
  return to.input(from.output(value, context.format), -1, context.format);
}

/** 23502 for a NULL in a domain that forbids it. */
export function domainNotNull(schema: string, domain: string): never {
  throw new PgError(SqlState.notNullViolation, `domain ${domain} does not allow null values`, {
    schema,
    dataType: domain,
  });
}

/** 23514 for a value that breaks a domain's CHECK. */
export function checkDomain(schema: string, domain: string, constraint: string): never {
  throw new PgError(
    SqlState.checkViolation,
    `value for domain ${domain} violates check constraint "${constraint}"`,
    {schema, dataType: domain, constraint},
  );
}
