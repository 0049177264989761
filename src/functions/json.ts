import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {PgArray} from '../types/array-value.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {makeJsonbObject} from '../types/json-parse.ts';
import {quoteJson} from '../types/jsonb.ts';
import type {JsonbNode, JsonbValue} from '../types/jsonb-value.ts';
import {JsonbObject} from '../types/jsonb-value.ts';
import {
  numericToFloat4,
  numericToFloat8,
  numericToInt2,
  numericToInt4,
  numericToInt8,
} from '../types/numeric-convert.ts';
import type {PgRecord} from '../types/record-value.ts';
import {elementOf} from './arrays.ts';
import type {CallTypes, FunctionCode, SetFunctionCode} from './contract.ts';
import type {JsonContext} from './json-build.ts';
import {arrayJson, jsonbNode, jsonbOf, jsonText, keyText, recordJson} from './json-build.ts';
import type {JsonPart} from './json-text.ts';
import {
  elementAt,
  elementsOf,
  jsonPart,
  memberOf,
  membersOf,
  partText,
  pathIndex,
  stripNulls,
  wrongKind,
} from './json-text.ts';
import {
  cannotCast,
  jsonbAt,
  jsonbConcat,
  jsonbContains,
  jsonbDeleteIndex,
  jsonbDeleteKeys,
  jsonbEdit,
  jsonbExists,
  jsonbGet,
  jsonbNumber,
  jsonbPath,
  jsonbPretty,
  jsonbStripNulls,
  jsonbText,
  jsonbTypeOf,
} from './jsonb-edit.ts';
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';

const wrap = (node: JsonbNode | undefined): Datum => (node === undefined ? null : jsonbOf(node));
const isArray = (node: JsonbNode): node is readonly JsonbNode[] => Array.isArray(node);

/** What conversion needs, from the types of a call. */
export function jsonContext(types: CallTypes): JsonContext {
  return {lookup: types.lookup, settings: types.context().format};
}

const sourceOf = (part: JsonPart | null): Datum => (part === null ? null : part.text);

function textPath(text: string, path: PgArray): JsonPart | null {
  let part: JsonPart | null = jsonPart(text);
  for (const step of path.elements) {
    if (step === null || part === null) return null;
    if (part.kind === 'object') part = memberOf(part, step as string);
    else if (part.kind === 'array') {
      const index = pathIndex(step as string);
      part = index === null ? null : elementAt(part, index);
    } else return null;
  }
  return part;
}

function textLength(text: string): number {
  const part = jsonPart(text);
  if (part.kind === 'object') throw wrongKind('cannot get array length of a non-array');
  if (part.kind !== 'array') throw wrongKind('cannot get array length of a scalar');
  return elementsOf(text).length;
}

function nodeLength({root}: JsonbValue): number {
  if (root instanceof JsonbObject) throw wrongKind('cannot get array length of a non-array');
  if (!isArray(root)) throw wrongKind('cannot get array length of a scalar');
  return root.length;
}

/** Functions over json: the text is kept as typed. */
const jsonTextFunctions: FunctionTable = {
  json_object_field: {fn: (text: string, key: string) => sourceOf(memberOf(jsonPart(text), key))},
  json_object_field_text: {
    fn: (text: string, key: string) => partText(memberOf(jsonPart(text), key)),
  },
  json_array_element: {
    fn: (text: string, index: number) => sourceOf(elementAt(jsonPart(text), index)),
  },
  json_array_element_text: {
    fn: (text: string, index: number) => partText(elementAt(jsonPart(text), index)),
  },
  json_extract_path: {fn: (text: string, path: PgArray) => sourceOf(textPath(text, path))},
  json_extract_path_text: {fn: (text: string, path: PgArray) => partText(textPath(text, path))},
  json_array_length: {fn: textLength},
  json_typeof: {fn: (text: string) => jsonPart(text).kind},
  json_strip_nulls: {fn: stripNulls},
};

const edits: FunctionTable = {
  jsonb_concat: {fn: (a: JsonbValue, b: JsonbValue) => jsonbOf(jsonbConcat(a.root, b.root))},
  jsonb_delete: {fn: (a: JsonbValue, key: string) => jsonbOf(jsonbDeleteKeys(a.root, [key]))},
  jsonb_delete_array: {
    fn: (a: JsonbValue, keys: PgArray) => {
      if (keys.dims.length > 1)
        throw new PgError(SqlState.arraySubscriptError, 'wrong number of array subscripts');
      return jsonbOf(
        jsonbDeleteKeys(a.root, keys.elements.filter(key => key !== null) as string[]),
      );
    },
  },
  jsonb_delete_idx: {
    fn: (a: JsonbValue, index: number) => jsonbOf(jsonbDeleteIndex(a.root, index)),
  },
  jsonb_delete_path: {
    fn: (a: JsonbValue, path: PgArray) =>
      jsonbOf(jsonbEdit(a.root, path, {op: 'delete', value: null, flag: false})),
  },
  jsonb_set: {
    fn: (a: JsonbValue, path: PgArray, value: JsonbValue, create = true) =>
      jsonbOf(jsonbEdit(a.root, path, {op: 'set', value: value.root, flag: create})),
  },
  jsonb_insert: {
    fn: (a: JsonbValue, path: PgArray, value: JsonbValue, after = false) =>
      jsonbOf(jsonbEdit(a.root, path, {op: 'insert', value: value.root, flag: after})),
  },
  jsonb_set_lax: {fn: setLax},
  jsonb_strip_nulls: {fn: (a: JsonbValue) => jsonbOf(jsonbStripNulls(a.root))},
  jsonb_pretty: {fn: (a: JsonbValue) => jsonbPretty(a.root)},
};

function setLax(
  target: JsonbValue | null,
  path: PgArray | null,
  value: JsonbValue | null,
  create: boolean | null,
  treatment: string | null,
): Datum {
  if (target === null || path === null || create === null) return null;
  const bad = (): PgError =>
    new PgError(
      SqlState.invalidParameterValue,
      'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
    );
  if (treatment === null) throw bad();
  if (value !== null)
    return jsonbOf(jsonbEdit(target.root, path, {op: 'set', value: value.root, flag: create}));
  switch (treatment) {
    case 'raise_exception':
      throw new PgError(SqlState.nullValueNotAllowed, 'JSON value must not be null', {
        detail: 'Exception was raised because null_value_treatment is "raise_exception".',
        hint: 'To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.',
      });
    case 'use_json_null':
      return jsonbOf(jsonbEdit(target.root, path, {op: 'set', value: null, flag: create}));
    case 'delete_key':
      return jsonbOf(jsonbEdit(target.root, path, {op: 'delete', value: null, flag: false}));
    case 'return_target':
      return target;
    default:
      throw bad();
  }
}

/** Functions over jsonb. */
const jsonbFunctions: FunctionTable = {
  jsonb_object_field: {fn: (a: JsonbValue, key: string) => wrap(jsonbGet(a.root, key))},
  jsonb_object_field_text: {fn: (a: JsonbValue, key: string) => jsonbText(jsonbGet(a.root, key))},
  jsonb_array_element: {fn: (a: JsonbValue, index: number) => wrap(jsonbAt(a.root, index))},
  jsonb_array_element_text: {
    fn: (a: JsonbValue, index: number) => jsonbText(jsonbAt(a.root, index)),
  },
  jsonb_extract_path: {fn: (a: JsonbValue, path: PgArray) => wrap(jsonbPath(a.root, path))},
  jsonb_extract_path_text: {
    fn: (a: JsonbValue, path: PgArray) => jsonbText(jsonbPath(a.root, path)),
  },
  jsonb_array_length: {fn: nodeLength},
  jsonb_typeof: {fn: (a: JsonbValue) => jsonbTypeOf(a.root)},
  jsonb_contains: {fn: (a: JsonbValue, b: JsonbValue) => jsonbContains(a.root, b.root)},
  jsonb_contained: {fn: (a: JsonbValue, b: JsonbValue) => jsonbContains(b.root, a.root)},
  jsonb_exists: {fn: (a: JsonbValue, key: string) => jsonbExists(a.root, key)},
  jsonb_exists_any: {
    fn: (a: JsonbValue, keys: PgArray) =>
      keys.elements.some(key => key !== null && jsonbExists(a.root, key as string)),
  },
  jsonb_exists_all: {
    fn: (a: JsonbValue, keys: PgArray) =>
      keys.elements.every(key => key === null || jsonbExists(a.root, key as string)),
  },
  jsonb_numeric: {fn: (a: JsonbValue) => jsonbNumber(a.root, 'numeric')},
  jsonb_int2: {fn: (a: JsonbValue) => numericToInt2(jsonbNumber(a.root, 'smallint'))},
  jsonb_int4: {fn: (a: JsonbValue) => numericToInt4(jsonbNumber(a.root, 'integer'))},
  jsonb_int8: {fn: (a: JsonbValue) => numericToInt8(jsonbNumber(a.root, 'bigint'))},
  jsonb_float4: {fn: (a: JsonbValue) => numericToFloat4(jsonbNumber(a.root, 'real'))},
  jsonb_float8: {fn: (a: JsonbValue) => numericToFloat8(jsonbNumber(a.root, 'double precision'))},
  jsonb_bool: {
    fn: (a: JsonbValue) => {
      if (typeof a.root !== 'boolean') throw cannotCast(a.root, 'boolean');
      return a.root;
    },
  },
};

const argumentNull = (index: number): string => `argument ${index}: key must not be null`;

function oddArguments(count: number): void {
  if (count % 2 === 0) return;
  throw new PgError(
    SqlState.invalidParameterValue,
    'argument list must have even number of elements',
    {
      hint: 'The arguments of json_build_object() must consist of alternating keys and values.',
    },
  );
}

const buildObject: FunctionCode = {
  fnTyped:
    types =>
    (...args: Datum[]) => {
      oddArguments(args.length);
      const context = jsonContext(types);
      const parts: string[] = [];
      for (let index = 0; index < args.length; index += 2) {
        if (args[index] === null)
          throw new PgError(
            SqlState.invalidParameterValue,
            `argument ${index + 1} cannot be null`,
            {hint: 'Object keys should be text.'},
          );
        const key = keyText(
          args[index]!,
          types.args[index]!,
          context,
          `argument ${index + 1} cannot be null`,
        );
        parts.push(
          `${quoteJson(key)} : ${jsonText(args[index + 1]!, types.args[index + 1]!, context)}`,
        );
      }
      return `{${parts.join(', ')}}`;
    },
};

const buildObjectB: FunctionCode = {
  fnTyped:
    types =>
    (...args: Datum[]) => {
      if (args.length % 2 !== 0) {
        throw new PgError(
          SqlState.invalidParameterValue,
          'argument list must have even number of elements',
          {
            hint: 'The arguments of jsonb_build_object() must consist of alternating keys and values.',
          },
        );
      }
      const context = jsonContext(types);
      const keys: string[] = [];
      const values: JsonbNode[] = [];
      for (let index = 0; index < args.length; index += 2) {
        keys.push(keyText(args[index]!, types.args[index]!, context, argumentNull(index + 1)));
        values.push(jsonbNode(args[index + 1]!, types.args[index + 1]!, context));
      }
      return jsonbOf(makeJsonbObject(keys, values));
    },
};

/** json_object(text[]) and its two-array form: pairs of texts. */
function pairsOf(
  keys: PgArray,
  values: PgArray | null,
): readonly (readonly [string, string | null])[] {
  const bad = (text: string): PgError => new PgError(SqlState.arraySubscriptError, text);
  const noNull = (): PgError =>
    new PgError(SqlState.nullValueNotAllowed, 'null value not allowed for object key');
  const pairs: (readonly [string, string | null])[] = [];
  if (values !== null) {
    if (keys.dims.length > 1 || keys.dims.length !== values.dims.length)
      throw bad('wrong number of array subscripts');
    if (keys.elements.length !== values.elements.length) throw bad('mismatched array dimensions');
    keys.elements.forEach((key, index) => {
      if (key === null) throw noNull();
      pairs.push([key as string, values.elements[index] as string | null]);
    });
    return pairs;
  }
  if (keys.dims.length > 2) throw bad('wrong number of array subscripts');
  if (keys.dims.length === 1 && keys.elements.length % 2 !== 0)
    throw bad('array must have even number of elements');
  if (keys.dims.length === 2 && keys.dims[1] !== 2) throw bad('array must have two columns');
  for (let index = 0; index < keys.elements.length; index += 2) {
    const key = keys.elements[index]!;
    if (key === null) throw noNull();
    pairs.push([key as string, keys.elements[index + 1] as string | null]);
  }
  return pairs;
}

const pairsJson = (pairs: readonly (readonly [string, string | null])[]): string =>
  `{${pairs.map(([key, value]) => `${quoteJson(key)} : ${value === null ? 'null' : quoteJson(value)}`).join(', ')}}`;
const pairsJsonb = (pairs: readonly (readonly [string, string | null])[]): Datum =>
  jsonbOf(
    makeJsonbObject(
      pairs.map(pair => pair[0]),
      pairs.map(pair => pair[1]),
    ),
  );

const buildArray: FunctionCode = {
  fnTyped:
    types =>
    (...args: Datum[]) =>
      `[${args.map((arg, index) => jsonText(arg, types.args[index]!, jsonContext(types))).join(', ')}]`,
};
const buildArrayB: FunctionCode = {
  fnTyped:
    types =>
    (...args: Datum[]) =>
      jsonbOf(args.map((arg, index) => jsonbNode(arg, types.args[index]!, jsonContext(types)))),
};

const builders: FunctionTable = {
  to_json: {
    fnTyped: types => (value: Datum) => jsonText(value, types.args[0]!, jsonContext(types)),
  },
  // Not in the catalog: live rows of /ws are made with it.
  exact_to_json: {
    fnTyped: types => (value: Datum) =>
      jsonText(value, types.args[0]!, {...jsonContext(types), isExact: true}),
  },
  to_jsonb: {
    fnTyped: types => (value: Datum) =>
      jsonbOf(jsonbNode(value, types.args[0]!, jsonContext(types))),
  },
  ...alias(['array_to_json', 'array_to_json_pretty'], {
    fnTyped:
      types =>
      (value: PgArray, isPretty = false) =>
        arrayJson(value, elementOf(types.args[0] as TypeInstance), jsonContext(types), isPretty),
  }),
  ...alias(['row_to_json', 'row_to_json_pretty'], {
    fnTyped:
      types =>
      (value: PgRecord, isPretty = false) =>
        recordJson(value, jsonContext(types), isPretty),
  }),
  ...alias(['json_build_array', 'json_build_array_noargs'], buildArray),
  ...alias(['jsonb_build_array', 'jsonb_build_array_noargs'], buildArrayB),
  ...alias(['json_build_object', 'json_build_object_noargs'], buildObject),
  ...alias(['jsonb_build_object', 'jsonb_build_object_noargs'], buildObjectB),
  json_object: {fn: (pairs: PgArray) => pairsJson(pairsOf(pairs, null))},
  json_object_two_arg: {fn: (keys: PgArray, values: PgArray) => pairsJson(pairsOf(keys, values))},
  jsonb_object: {fn: (pairs: PgArray) => pairsJsonb(pairsOf(pairs, null))},
  jsonb_object_two_arg: {fn: (keys: PgArray, values: PgArray) => pairsJsonb(pairsOf(keys, values))},
};

/** json and jsonb: 9.16. */
export const jsonFunctions: FunctionTable = {
  ...jsonTextFunctions,
  ...jsonbFunctions,
  ...edits,
  ...builders,
};

function jsonElements(text: string, name: string): JsonPart[] {
  const part = jsonPart(text);
  if (part.kind === 'object') throw wrongKind('cannot call %s on a non-array'.replace('%s', name));
  if (part.kind !== 'array') throw wrongKind('cannot call %s on a scalar'.replace('%s', name));
  return elementsOf(text);
}

function jsonMembers(
  text: string,
  name: string,
): readonly {readonly key: string; readonly part: JsonPart}[] {
  const part = jsonPart(text);
  if (part.kind !== 'object')
    throw wrongKind(
      part.kind === 'array' ? `cannot call ${name} on an array` : `cannot call ${name} on a scalar`,
    );
  return membersOf(text);
}

function nodeElements({root}: JsonbValue): readonly JsonbNode[] {
  if (root instanceof JsonbObject) throw wrongKind('cannot extract elements from an object');
  if (!isArray(root)) throw wrongKind('cannot extract elements from a scalar');
  return root;
}

function nodeObject({root}: JsonbValue, name: string): JsonbObject {
  if (root instanceof JsonbObject) return root;
  throw wrongKind(
    name === 'jsonb_object_keys'
      ? `cannot call jsonb_object_keys on ${isArray(root) ? 'an array' : 'a scalar'}`
      : `cannot call ${name} on a non-object`,
  );
}

const rows = (make: (arg: never) => readonly (Datum | readonly Datum[])[]): SetFunctionCode => ({
  create: () => args => make(args[0] as never).values(),
});
const eachJson = (
  text: string,
  name: string,
): readonly {readonly key: string; readonly part: JsonPart}[] => {
  const part = jsonPart(text);
  if (part.kind !== 'object')
    throw wrongKind(
      part.kind === 'array'
        ? 'cannot deconstruct an array as an object'
        : 'cannot deconstruct a scalar',
    );
  return jsonMembers(text, name);
};

/** Set-returning functions over json and jsonb. */
export const jsonSets: Readonly<Record<string, SetFunctionCode>> = {
  json_array_elements: rows((text: string) =>
    jsonElements(text, 'json_array_elements').map(part => part.text),
  ),
  json_array_elements_text: rows((text: string) =>
    jsonElements(text, 'json_array_elements_text').map(partText),
  ),
  json_object_keys: rows((text: string) =>
    jsonMembers(text, 'json_object_keys').map(member => member.key),
  ),
  json_each: rows((text: string) =>
    eachJson(text, 'json_each').map(member => [member.key, member.part.text]),
  ),
  json_each_text: rows((text: string) =>
    eachJson(text, 'json_each_text').map(member => [member.key, partText(member.part)]),
  ),
  jsonb_array_elements: rows((value: JsonbValue) => nodeElements(value).map(node => jsonbOf(node))),
  jsonb_array_elements_text: rows((value: JsonbValue) => nodeElements(value).map(jsonbText)),
  jsonb_object_keys: rows((value: JsonbValue) => nodeObject(value, 'jsonb_object_keys').keys),
  jsonb_each: rows((value: JsonbValue) => {
    const object = nodeObject(value, 'jsonb_each');
    return object.keys.map((key, index) => [key, jsonbOf(object.values[index]!)]);
  }),
  jsonb_each_text: rows((value: JsonbValue) => {
    const object = nodeObject(value, 'jsonb_each_text');
    return object.keys.map((key, index) => [key, jsonbText(object.values[index])]);
  }),
};
