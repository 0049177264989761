import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {parseJsonb} from '../types/json-parse.ts';
import {jsonbToText} from '../types/jsonb.ts';
import {JsonbValue} from '../types/jsonb-value.ts';
import {PgRecord} from '../types/record-value.ts';
import {CompositeType} from '../types/record.ts';
import {elementOf} from './arrays.ts';
import type {CallColumn, CallTypes, SetFunctionCode} from './contract.ts';
import {baseOf, isArrayType, jsonbOf} from './json-build.ts';
import {jsonContext} from './json.ts';
import type {JsonContext} from './json-build.ts';
import type {JsonPart} from './json-text.ts';
import {elementsOf, jsonPart, memberOf, wrongKind} from './json-text.ts';
import type {FunctionTable} from './table.ts';

/** A json or jsonb Datum as parsed text. */
function partOf(value: Datum): JsonPart {
  return jsonPart(value instanceof JsonbValue ? jsonbToText(value.root) : (value as string));
}

function expectedArray(key: string): PgError {
  return new PgError(SqlState.invalidTextRepresentation, 'expected JSON array', {
    hint: `See the value of key "${key}".`,
  });
}

/** A part of JSON as a value of a type, as json_populate_record converts it. */
function convert(part: JsonPart, column: CallColumn, context: JsonContext): Datum {
  if (part.kind === 'null') return null;
  const base = baseOf(column.type);
  if (base.name === 'json') return part.text;
  if (base.name === 'jsonb') return jsonbOf(parseJsonb(part.text));
  const text = part.kind === 'string' ? part.value : part.text;
  if (isArrayType(base)) {
    if (part.kind === 'array') return convertArray(part, column, base, context);
    if (part.kind !== 'string') throw expectedArray(column.name);
  } else if (base instanceof CompositeType && part.kind !== 'string') {
    return record(base, fieldsFrom(part, columnsOf(base), null, context));
  }
  return column.type.input(text, column.typmod, context.settings);
}

function convertArray(
  part: JsonPart,
  column: CallColumn,
  type: TypeInstance,
  context: JsonContext,
): PgArray {
  const dims: number[] = [];
  const elements: Datum[] = [];
  const element: CallColumn = {name: column.name, type: elementOf(type), typmod: column.typmod};
  const visit = (each: JsonPart, depth: number): void => {
    const parts = elementsOf(each.text);
    if (dims[depth] === undefined) dims[depth] = parts.length;
    else if (dims[depth] !== parts.length) {
      throw new PgError(SqlState.invalidTextRepresentation, 'malformed JSON array', {
        detail: 'Multidimensional arrays must have sub-arrays with matching dimensions.',
      });
    }
    for (const inner of parts) {
      if (inner.kind === 'array' && element.type.name !== 'json' && element.type.name !== 'jsonb')
        visit(inner, depth + 1);
      else elements.push(convert(inner, element, context));
    }
  };
  visit(part, 0);
  return elements.length === 0
    ? new PgArray([], [], [])
    : new PgArray(
        elements,
        dims,
        dims.map(() => 1),
      );
}

const columnsOf = (type: CompositeType): readonly CallColumn[] => type.compositeFields;
const record = (type: CompositeType, fields: readonly Datum[]): PgRecord =>
  new PgRecord(
    type.oid,
    type.compositeFields.map(field => field.type.oid),
    fields,
  );

/** Fields of an object; those that it does not name keep the values of `before`. */
function fieldsFrom(
  part: JsonPart,
  columns: readonly CallColumn[],
  before: PgRecord | null,
  context: JsonContext,
): Datum[] {
  if (part.kind !== 'object')
    throw wrongKind(
      part.kind === 'array'
        ? 'cannot call populate_composite on an array'
        : 'cannot call populate_composite on a scalar',
    );
  return columns.map((column, index) => {
    const member = memberOf(part, column.name);
    if (member === null) return before?.fields[index] ?? null;
    return convert(member, column, context);
  });
}

function compositeOf(types: CallTypes, name: string): CompositeType {
  const type = baseOf(types.args[0]!);
  if (type instanceof CompositeType) return type;
  if (type.name !== 'record')
    throw new PgError(SqlState.datatypeMismatch, `first argument of ${name} must be a row type`);
  throw new PgError(
    SqlState.datatypeMismatch,
    'could not determine row type for result of json_populate_record',
    {
      hint: 'Provide a non-null record argument, or call the function in the FROM clause using a column definition list.',
    },
  );
}

const populate =
  (name: string) =>
  (types: CallTypes): ((base: PgRecord | null, json: Datum, ignored?: Datum) => Datum) => {
    return (base, json) => {
      const type = compositeOf(types, name);
      if (json === null) return base;
      return record(type, fieldsFrom(partOf(json), columnsOf(type), base, jsonContext(types)));
    };
  };

/** json_populate_record and its jsonb twin. */
export const populateFunctions: FunctionTable = {
  json_populate_record: {fnTyped: populate('json_populate_record')},
  jsonb_populate_record: {fnTyped: populate('jsonb_populate_record')},
};

function definedColumns(types: CallTypes): readonly CallColumn[] {
  if (types.columns === undefined)
    throw featureNotSupported('a column definition list is not supported here');
  return types.columns;
}

function objectsOf(json: Datum, name: string): JsonPart[] {
  const part = partOf(json);
  if (part.kind === 'object') throw wrongKind(`cannot call ${name} on a non-array`);
  if (part.kind !== 'array') throw wrongKind(`cannot call ${name} on a scalar`);
  const parts = elementsOf(part.text);
  if (parts.some(each => each.kind !== 'object'))
    throw wrongKind(`argument of ${name} must be an array of objects`);
  return parts;
}

function recordSet(name: string): SetFunctionCode {
  return {
    create: types => args => {
      if (args[0] === null) return [].values();
      const columns = definedColumns(types);
      return objectsOf(args[0]!, name)
        .map(part => fieldsFrom(part, columns, null, jsonContext(types)))
        .values();
    },
  };
}

function populateSet(name: string): SetFunctionCode {
  return {
    create: types => args => {
      if (args[1] === null || args[1] === undefined) return [].values();
      const type = baseOf(types.args[0]!);
      const columns = type instanceof CompositeType ? columnsOf(type) : definedColumns(types);
      return objectsOf(args[1], name)
        .map(part => fieldsFrom(part, columns, args[0] as PgRecord | null, jsonContext(types)))
        .values();
    },
  };
}

const singleRecord: SetFunctionCode = {
  create: types => args =>
    [fieldsFrom(partOf(args[0]!), definedColumns(types), null, jsonContext(types))].values(),
};

/** json_to_record, json_to_recordset, json_populate_recordset and their jsonb twins. */
export const populateSets: Readonly<Record<string, SetFunctionCode>> = {
  json_to_record: singleRecord,
  jsonb_to_record: singleRecord,
  json_to_recordset: recordSet('json_to_recordset'),
  jsonb_to_recordset: recordSet('jsonb_to_recordset'),
  json_populate_recordset: populateSet('json_populate_recordset'),
  jsonb_populate_recordset: populateSet('jsonb_populate_recordset'),
};
