// What methods and comparisons of SQL/JSON paths do with single items.
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Zone} from '../types/datetime-zone.ts';
import {makeJsonbObject} from '../types/json-parse.ts';
import {JsonbObject, type JsonbNode} from '../types/jsonb-value.ts';
import {numericFromInt} from '../types/numeric-convert.ts';
import {numericCompare} from '../types/numeric-math.ts';
import {numericToText, parseNumeric} from '../types/numeric-text.ts';
import {Numeric} from '../types/numeric-value.ts';
import {compareText} from '../types/text-compare.ts';
import {jsonbTypeOf} from './jsonb-edit.ts';
import {copyContainers} from './jsonb-offsets.ts';
import {
  compareDatetimes,
  datetimeOf,
  PathDateTime,
  recognisedDatetime,
} from './jsonpath-datetime.ts';

/** An error that `silent` and predicates swallow. */
export class PathError extends PgError {}

/** An item while a path runs: .datetime() makes what JSON does not have. */
export type PathItem = JsonbNode | PathDateTime;

type Truth = boolean | null;

/** .double(). */
export function toDouble(item: PathItem): PathItem {
  if (item instanceof Numeric) {
    if (Number.isFinite(Number(numericToText(item)))) return item;
    throw new PathError(
      SqlState.nonNumericSqlJsonItem,
      'numeric argument of jsonpath item method .double() is out of range for type double precision',
    );
  }
  if (typeof item !== 'string')
    throw new PathError(
      SqlState.nonNumericSqlJsonItem,
      'jsonpath item method .double() can only be applied to a string or numeric value',
    );
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(item)) {
    throw new PathError(
      SqlState.nonNumericSqlJsonItem,
      'string argument of jsonpath item method .double() is not a valid representation of a double precision number',
    );
  }
  return parseNumeric(String(Number(item)));
}

/** .datetime(). */
export function toDatetime(item: PathItem, template: string | null): PathDateTime {
  if (typeof item !== 'string')
    throw new PathError(
      SqlState.invalidArgumentForSqlJsonDatetimeFunction,
      'jsonpath item method .datetime() can only be applied to a string',
    );
  if (template !== null) {
    try {
      return datetimeOf(item, template);
    } catch (error) {
      if (!(error instanceof PgError) || error.code === SqlState.featureNotSupported) throw error;
      throw new PathError(error.code, error.message, error.fields);
    }
  }
  const found = recognisedDatetime(item);
  if (found !== null) return found;
  throw new PathError(
    SqlState.invalidArgumentForSqlJsonDatetimeFunction,
    `datetime format is not recognized: "${item}"`,
    {hint: 'Use a datetime template argument for input data format.'},
  );
}

/** .keyvalue(); `idOf` tells objects apart. */
export function keyValues(
  item: PathItem,
  idOf: (object: JsonbObject) => number,
): readonly JsonbObject[] {
  if (!(item instanceof JsonbObject))
    throw new PathError(
      SqlState.sqlJsonObjectNotFound,
      'jsonpath item method .keyvalue() can only be applied to an object',
    );
  const id = numericFromInt(idOf(item));
  // Its value is a part of the new object from now on, no longer of the one that it was in.
  return item.keys.map(
    (key, index) =>
      makeJsonbObject(
        ['id', 'key', 'value'],
        [id, key, copyContainers(item.values[index]!)],
      ) as JsonbObject,
  );
}

/** A comparison of two items, null when they cannot be compared. */
export function compareItems(
  op: '==' | '!=' | '<' | '<=' | '>' | '>=',
  a: PathItem,
  b: PathItem,
  zone: Zone | null,
): Truth {
  if (a instanceof PathDateTime || b instanceof PathDateTime) {
    if (a === null || b === null) return op === '!=';
    if (!(a instanceof PathDateTime) || !(b instanceof PathDateTime)) return null;
    const order = compareDatetimes(a, b, zone);
    return order === null ? null : holds(op, order);
  }
  if (jsonbTypeOf(a) !== jsonbTypeOf(b)) return a === null || b === null ? op === '!=' : null;
  let order: number;
  if (a === null) order = 0;
  else if (typeof a === 'boolean') order = a === b ? 0 : a ? 1 : -1;
  else if (typeof a === 'string') order = compareText(a, b as string);
  else if (a instanceof Numeric) order = numericCompare(a, b as Numeric);
  else return null;
  return holds(op, order);
}

function holds(op: '==' | '!=' | '<' | '<=' | '>' | '>=', order: number): boolean {
  switch (op) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}
