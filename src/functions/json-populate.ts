import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {parseJsonb} from '../types/json-parse.ts';
import {jsonbToText} from '../types/jsonb.ts';
import {JsonbValue} from '../types/jsonb-value.ts';
import {PgRecord} from '../types/record-value.ts';
import {CompositeType} from '../types/record.ts';
import {formatType} from '../types/format-type.ts';
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

/** A part of JSON as a value of a type, as json_populate_record converts it; a row keeps what stood `before`. */
function convert(
  part: JsonPart,
  column: CallColumn,
  context: JsonContext,
  before: Datum = null,
): Datum {
  if (part.kind === 'null') return null;
  const base = baseOf(column.type);
  if (base.name === 'json') return part.text;
  if (base.name === 'jsonb') return jsonbOf(parseJsonb(part.text));
  const text = part.kind === 'string' ? part.value : part.text;
  if (isArrayType(base)) {
    if (part.kind === 'array') return new ArrayReader(column, base, context).read(part);
    if (part.kind !== 'string') throw expectedArray(column.name, []);
  } else if (base instanceof CompositeType && part.kind !== 'string') {
    const row = before instanceof PgRecord ? before : null;
    return record(base, fieldsFrom(part, columnsOf(base), row, context));
  }
  return column.type.input(text, column.typmod, context.settings);
}

function expectedArray(key: string, path: readonly number[]): PgError {
  const place = path.map(index => `[${index}]`).join('');
  const hint =
    place === ''
      ? `See the value of key "${key}".`
      : key === ''
        ? `See the array element ${place}.`
        : `See the array element ${place} of key "${key}".`;
  return new PgError(SqlState.invalidTextRepresentation, 'expected JSON array', {hint});
}

/** JSON arrays as one array: the first element that is no array says how many dimensions there are. */
class ArrayReader {
  readonly #column: CallColumn;
  readonly #context: JsonContext;
  readonly #elements: Datum[] = [];
  readonly #dims: number[] = [];
  #depth = 0;

  constructor(column: CallColumn, type: TypeInstance, context: JsonContext) {
    this.#column = {name: column.name, type: elementOf(type), typmod: column.typmod};
    this.#context = context;
  }

  read(part: JsonPart): PgArray {
    this.#visit(part, 1, []);
    if (this.#elements.length === 0) return new PgArray([], [], []);
    return new PgArray(
      this.#elements,
      this.#dims,
      this.#dims.map(() => 1),
    );
  }

  #visit(part: JsonPart, depth: number, path: readonly number[]): void {
    const parts = elementsOf(part.text);
    parts.forEach((inner, index) => {
      const isArray = inner.kind === 'array';
      if (this.#depth === 0 && !isArray) this.#depth = depth;
      if (this.#depth === depth) {
        this.#elements.push(convert(inner, this.#column, this.#context));
        return;
      }
      if (!isArray) throw expectedArray(this.#column.name, [...path, index]);
      this.#visit(inner, depth + 1, [...path, index]);
    });
    if (this.#depth === 0) this.#depth = depth;
    this.#dims[depth - 1] ??= parts.length;
    if (this.#dims[depth - 1] === parts.length) return;
    throw new PgError(SqlState.invalidTextRepresentation, 'malformed JSON array', {
      detail: 'Multidimensional arrays must have sub-arrays with matching dimensions.',
    });
  }
}

const columnsOf = (type: CompositeType): readonly CallColumn[] => type.compositeFields;
const record = (type: CompositeType, fields: readonly Datum[]): PgRecord =>
  new PgRecord(
    type.oid,
    type.compositeFields.map(field => field.type.oid),
    fields,
    null,
    type.compositeFields.map(field => field.type),
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
    return convert(member, column, context, before?.fields[index] ?? null);
  });
}

/** The columns that the first argument says: those of its row type, or of the anonymous row that it is. */
function columnsOfBase(
  types: CallTypes,
  base: PgRecord | null,
  name: string,
): readonly CallColumn[] {
  const type = baseOf(types.args[0]!);
  if (type instanceof CompositeType) return columnsOf(type);
  if (type.name !== 'record')
    throw new PgError(SqlState.datatypeMismatch, `first argument of ${name} must be a row type`);
  if (base !== null)
    return base.fieldTypes.map((oid, index) => ({
      name: base.names?.[index] ?? `f${index + 1}`,
      type: types.lookup.typeByOid(oid)!,
      typmod: -1,
    }));
  throw new PgError(
    SqlState.featureNotSupported,
    `could not determine row type for result of ${name}`,
    {
      hint: 'Provide a non-null record argument, or call the function in the FROM clause using a column definition list.',
    },
  );
}

/** A row of the base's kind. */
function rowOf(
  types: CallTypes,
  columns: readonly CallColumn[],
  fields: readonly Datum[],
): PgRecord {
  const type = baseOf(types.args[0]!);
  return type instanceof CompositeType
    ? record(type, fields)
    : new PgRecord(
        type.oid,
        columns.map(column => column.type.oid),
        fields,
        null,
        columns.map(column => column.type),
      );
}

const populate =
  (name: string) =>
  (types: CallTypes): ((base: PgRecord | null, json: Datum, ignored?: Datum) => Datum) => {
    return (base, json) => {
      const columns = columnsOfBase(types, base, name);
      if (json === null) return base;
      return rowOf(types, columns, fieldsFrom(partOf(json), columns, base, jsonContext(types)));
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

/** 42804 when the rows of a base are not those that a column definition list names. */
function checkShape(wanted: readonly CallColumn[], given: readonly CallColumn[]): void {
  const fail = (detail: string): PgError =>
    new PgError(
      SqlState.datatypeMismatch,
      'function return row and query-specified return row do not match',
      {detail},
    );
  if (wanted.length !== given.length)
    throw fail(
      `Returned row contains ${given.length} attribute${given.length === 1 ? '' : 's'}, but query expects ${wanted.length}.`,
    );
  given.forEach((column, index) => {
    const {type} = wanted[index]!;
    if (type.oid !== column.type.oid)
      throw fail(
        `Returned type ${formatType(column.type, null)} at ordinal position ${index + 1}, but query expects ${formatType(type, null)}.`,
      );
  });
}

function populateSet(name: string): SetFunctionCode {
  const isSet = name.endsWith('set');
  return {
    create: types => args => {
      const base = args[0] as PgRecord | null;
      const isRecord = !(baseOf(types.args[0]!) instanceof CompositeType);
      const defined = isRecord ? definedColumns(types) : null;
      // In a target list the lone column is the row itself.
      const isWhole = defined?.length === 1 && defined[0]!.type.name === 'record';
      const columns =
        defined === null || isWhole || base !== null ? columnsOfBase(types, base, name) : defined;
      if (defined !== null && !isWhole && base !== null) checkShape(defined, columns);
      const json = args[1] ?? null;
      if (json === null)
        return isSet ? [].values() : [base?.fields ?? columns.map(() => null)].values();
      const context = jsonContext(types);
      return (isSet ? objectsOf(json, name) : [partOf(json)])
        .map(part => fieldsFrom(part, columns, base, context))
        .map(fields => (isWhole ? rowOf(types, columns, fields) : fields))
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
  json_populate_record: populateSet('json_populate_record'),
  jsonb_populate_record: populateSet('jsonb_populate_record'),
  json_populate_recordset: populateSet('json_populate_recordset'),
  jsonb_populate_recordset: populateSet('jsonb_populate_recordset'),
};
