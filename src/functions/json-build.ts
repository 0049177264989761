import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {PgArray} from '../types/array-value.ts';
import type {Datum, FormatSettings, TypeInstance, TypeLookup, Value} from '../types/contract.ts';
import {makeJsonbObject, parseJsonb} from '../types/json-parse.ts';
import {quoteJson} from '../types/jsonb.ts';
import type {JsonbNode} from '../types/jsonb-value.ts';
import {JsonbValue} from '../types/jsonb-value.ts';
import {numericFromFloat4, numericFromFloat8, numericFromInt} from '../types/numeric-convert.ts';
import type {Numeric} from '../types/numeric-value.ts';
import type {PgRecord} from '../types/record-value.ts';
import {CompositeType} from '../types/record.ts';
import {elementOf} from './arrays.ts';

/** What turning values into JSON needs. */
export interface JsonContext {
  readonly lookup: TypeLookup;
  readonly settings: FormatSettings;
  /** int8 and numeric become strings, wherever they are: JavaScript's numbers would round them. */
  readonly isExact?: boolean;
}

/** The type below domains. */
export function baseOf(type: TypeInstance): TypeInstance {
  let current = type;
  while (current.base !== null) current = current.base;
  return current;
}

const numbers: ReadonlySet<string> = new Set([
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'numeric',
]);
const rounded: ReadonlySet<string> = new Set(['int8', 'numeric']);
const moments: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz']);

const RECORD_ARRAY = 2287;

/** Whether a type is a true array. */
export function isArrayType(type: TypeInstance): boolean {
  return type.element !== null && (type.category === 'A' || type.oid === RECORD_ARRAY);
}

/** Text of a date or timestamp in ISO 8601 with T, as JSON has it whatever DateStyle is. */
function momentText(value: Value, type: TypeInstance, settings: FormatSettings): string {
  const text = type.output(value, {...settings, dateStyle: 'ISO'});
  if (type.name === 'date') return text;
  const iso = text.replace(' ', 'T');
  return type.name === 'timestamptz' ? iso.replace(/([+-]\d\d)( BC)?$/, '$1:00$2') : iso;
}

/** A scalar's JSON literal. */
function scalarJson(value: Value, type: TypeInstance, context: JsonContext): string {
  if (type.name === 'bool') return value === true ? 'true' : 'false';
  if (type.name === 'json' || type.name === 'jsonb') return type.output(value, context.settings);
  if (moments.has(type.name)) return quoteJson(momentText(value, type, context.settings));
  const text = type.output(value, context.settings);
  if (context.isExact === true && rounded.has(type.name)) return quoteJson(text);
  if (numbers.has(type.name) && !/[nN]/.test(text)) return text;
  return quoteJson(text);
}

/** to_json: JSON text of a value; arrays and rows become JSON arrays and objects. */
export function jsonText(
  value: Datum,
  type: TypeInstance,
  context: JsonContext,
  isPretty = false,
): string {
  if (value === null) return 'null';
  const base = baseOf(type);
  if (isArrayType(base)) return arrayJson(value as PgArray, elementOf(base), context, isPretty);
  if (isRecord(value)) return recordJson(value, context, isPretty);
  return scalarJson(value, base, context);
}

function isRecord(value: Value): value is PgRecord {
  return typeof value === 'object' && 'fieldTypes' in value;
}

/** An array as JSON; the outermost level is spread over lines when pretty. */
export function arrayJson(
  array: PgArray,
  element: TypeInstance,
  context: JsonContext,
  isPretty = false,
): string {
  if (array.dims.length === 0) return '[]';
  const texts = array.elements.map(each => jsonText(each, element, context));
  return nest(texts, array.dims, 0, isPretty);
}

function nest(
  texts: readonly string[],
  dims: readonly number[],
  axis: number,
  isPretty: boolean,
): string {
  const size = texts.length / dims[axis]!;
  const separator = isPretty && axis === 0 ? ',\n ' : ',';
  const parts: string[] = [];
  for (let index = 0; index < dims[axis]!; index++) {
    const part = texts.slice(index * size, (index + 1) * size);
    parts.push(axis === dims.length - 1 ? part[0]! : nest(part, dims, axis + 1, isPretty));
  }
  return `[${parts.join(separator)}]`;
}

/** Names and types of a row's fields: of its composite type, else f1, f2, ... */
export function fieldsOf(
  record: PgRecord,
  lookup: TypeLookup,
): readonly {readonly name: string; readonly type: TypeInstance}[] {
  const known = lookup.typeByOid(record.typeOid);
  const composite = known instanceof CompositeType ? known.compositeFields : null;
  return record.fieldTypes.map((oid, index) => {
    const type = lookup.typeByOid(oid);
    if (type === undefined) throw featureNotSupported(`type ${oid} is not known`);
    return {name: record.names?.[index] ?? composite?.[index]?.name ?? `f${index + 1}`, type};
  });
}

/** A row as a JSON object. */
export function recordJson(record: PgRecord, context: JsonContext, isPretty = false): string {
  const fields = fieldsOf(record, context.lookup);
  const separator = isPretty ? ',\n ' : ',';
  const parts = fields.map(
    (field, index) =>
      `${quoteJson(field.name)}:${jsonText(record.fields[index]!, field.type, context)}`,
  );
  return `{${parts.join(separator)}}`;
}

/** The text of an object key in json_build_object and json_object_agg. */
export function keyText(
  value: Datum,
  type: TypeInstance,
  context: JsonContext,
  what: string,
): string {
  if (value === null) throw new PgError(SqlState.invalidParameterValue, what);
  const base = baseOf(type);
  if (isArrayType(base) || isRecord(value) || base.name === 'json' || base.name === 'jsonb') {
    throw new PgError(
      SqlState.invalidParameterValue,
      'key value must be scalar, not array, composite, or json',
    );
  }
  return moments.has(base.name)
    ? momentText(value, base, context.settings)
    : base.name === 'bool'
      ? value === true
        ? 'true'
        : 'false'
      : base.output(value, context.settings);
}

/** to_jsonb: the jsonb tree of a value. */
export function jsonbNode(value: Datum, type: TypeInstance, context: JsonContext): JsonbNode {
  if (value === null) return null;
  const base = baseOf(type);
  if (isArrayType(base)) return arrayNode(value as PgArray, elementOf(base), context);
  if (isRecord(value)) return recordNode(value, context);
  switch (base.name) {
    case 'bool':
      return value as boolean;
    case 'jsonb':
      return (value as JsonbValue).root;
    case 'json':
      return parseJsonb(value as string);
    case 'int2':
    case 'int4':
    case 'int8':
      return numericFromInt(value as number | bigint);
    case 'float4':
      return floatNode(numericFromFloat4(value as number), value, base, context);
    case 'float8':
      return floatNode(
        Number.isFinite(value as number)
          ? exactFloat(value as number, base, context)
          : numericFromFloat8(value as number),
        value,
        base,
        context,
      );
    case 'numeric':
      return floatNode(value as Numeric, value, base, context);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return momentText(value, base, context.settings);
    default:
      return base.output(value, context.settings);
  }
}

/** A float8's shortest text as a number. */
function exactFloat(value: number, type: TypeInstance, context: JsonContext): Numeric {
  return parseJsonb(type.output(value, context.settings)) as Numeric;
}

function floatNode(
  number: Numeric,
  value: Value,
  type: TypeInstance,
  context: JsonContext,
): JsonbNode {
  return number.kind === 'finite' ? number : type.output(value, context.settings);
}

function arrayNode(array: PgArray, element: TypeInstance, context: JsonContext): JsonbNode {
  if (array.dims.length === 0) return [];
  const nodes = array.elements.map(each => jsonbNode(each, element, context));
  return nestNodes(nodes, array.dims, 0);
}

function nestNodes(nodes: readonly JsonbNode[], dims: readonly number[], axis: number): JsonbNode {
  if (axis === dims.length - 1) return nodes;
  const size = nodes.length / dims[axis]!;
  return Array.from({length: dims[axis]!}, (_, index) =>
    nestNodes(nodes.slice(index * size, (index + 1) * size), dims, axis + 1),
  );
}

/** A row as a jsonb object. */
export function recordNode(record: PgRecord, context: JsonContext): JsonbNode {
  const fields = fieldsOf(record, context.lookup);
  return makeJsonbObject(
    fields.map(field => field.name),
    fields.map((field, index) => jsonbNode(record.fields[index]!, field.type, context)),
  );
}

/** A jsonb Datum. */
export function jsonbOf(node: JsonbNode): JsonbValue {
  return new JsonbValue(node);
}
