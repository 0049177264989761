// Hot path: every value of a JSON result.
import {PgArray} from '../../types/array-value.ts';
import type {Datum, FormatSettings, TypeInstance, Value} from '../../types/contract.ts';

/** Writes a value, not NULL, as JSON text. */
export type JsonEncoder = (value: Value, settings: FormatSettings) => string;

/** int2, int4, oid, xid, cid: exact in every JSON reader. */
const smallIntegers: ReadonlySet<number> = new Set([21, 23, 26, 28, 29]);
const floats: ReadonlySet<number> = new Set([700, 701]);
const bool = 16;
const jsonTypes: ReadonlySet<number> = new Set([114, 3802]);

/**
 * Chosen once per column. Booleans, small integers, finite floats and JSON become themselves, true arrays become arrays; all
 * else is a string with PostgreSQL's text form, int8 and numeric too: JavaScript would round them.
 */
export function jsonEncoder(type: TypeInstance): JsonEncoder {
  if (type.base !== null) return jsonEncoder(type.base);
  const oid: number = type.oid;
  if (oid === bool) return value => (value === true ? 'true' : 'false');
  if (smallIntegers.has(oid)) return String;
  if (floats.has(oid)) return (value, settings) => floatText(type.output(value, settings));
  if (jsonTypes.has(oid)) return (value, settings) => type.output(value, settings);
  if (type.element !== null && type.category === 'A' && type.length === -1)
    return arrayEncoder(type);
  return (value, settings) => JSON.stringify(type.output(value, settings));
}

function floatText(text: string): string {
  return text.endsWith('y') || text === 'NaN' ? `"${text}"` : text;
}

function arrayEncoder(type: TypeInstance): JsonEncoder {
  const element = jsonEncoder(type.element!);
  return (value, settings) => {
    if (!(value instanceof PgArray)) return JSON.stringify(type.output(value, settings));
    const texts = value.elements.map((each: Datum) =>
      each === null ? 'null' : element(each, settings),
    );
    return nested(texts, value.dims, 0, {at: 0});
  };
}

function nested(
  texts: readonly string[],
  dims: readonly number[],
  depth: number,
  cursor: {at: number},
): string {
  if (dims.length === 0) return '[]';
  const parts: string[] = [];
  const isLast = depth === dims.length - 1;
  for (let i = 0; i < dims[depth]!; i++)
    parts.push(isLast ? texts[cursor.at++]! : nested(texts, dims, depth + 1, cursor));
  return `[${parts.join(',')}]`;
}
