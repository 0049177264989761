import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {BaseType, nativeForm, storedText} from './base-type.ts';
import type {SqliteValue, Value} from './contract.ts';
import {combineHash, hashString} from './hash.ts';
import {checkJson, parseJsonb} from './json-parse.ts';
import type {JsonbNode} from './jsonb-value.ts';
import {JsonbObject, JsonbValue} from './jsonb-value.ts';
import {writeKeyText} from './key-bytes.ts';
import {hashNumeric, writeKeyNumeric} from './numeric.ts';
import {numericCompare} from './numeric-math.ts';
import {numericToText} from './numeric-text.ts';
import {Numeric} from './numeric-value.ts';
import {compareText, decodeUtf8} from './text-compare.ts';
import {UnorderedTextType} from './text.ts';

/** json: the text as typed, checked. */
export class JsonType extends UnorderedTextType {
  override input(text: string): Value {
    checkJson(text);
    return text;
  }

  override receive(reader: ByteReader): Value {
    const {buffer, offset, end} = reader;
    reader.offset = end;
    return this.input(decodeUtf8(buffer, offset, end));
  }
}

/** Prints a jsonb tree as jsonb_out does. */
export function jsonbToText(node: JsonbNode): string {
  if (node === null) return 'null';
  if (typeof node === 'string') return quoteJson(node);
  if (typeof node === 'boolean') return node ? 'true' : 'false';
  if (node instanceof Numeric) return numericToText(node);
  if (node instanceof JsonbObject) {
    if (node.keys.length === 0) return '{}';
    let text = '{';
    for (let i = 0; i < node.keys.length; i++) {
      if (i > 0) text += ', ';
      text += `${quoteJson(node.keys[i]!)}: ${jsonbToText(node.values[i]!)}`;
    }
    return `${text}}`;
  }
  let text = '[';
  for (let i = 0; i < node.length; i++) {
    if (i > 0) text += ', ';
    text += jsonbToText(node[i]!);
  }
  return `${text}]`;
}

/** A JSON string literal as PostgreSQL's escape_json writes it. */
export function quoteJson(text: string): string {
  if (!/["\\\u0000-\u001f]/.test(text)) return `"${text}"`;
  return `"${text.replace(/["\\\u0000-\u001f]/g, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  const short = shortEscapes[character];
  return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const shortEscapes: Readonly<Record<string, string | undefined>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** Rank of node kinds in jsonb's btree order. */
function rankOf(node: JsonbNode): number {
  if (node === null) return 1;
  switch (typeof node) {
    case 'string':
      return 2;
    case 'boolean':
      return 4;
    default:
      return node instanceof Numeric ? 3 : node instanceof JsonbObject ? 6 : 5;
  }
}

/** jsonb's btree order of two documents; an empty top-level array comes first. */
export function compareJsonb(a: JsonbNode, b: JsonbNode): number {
  const isEmptyA = Array.isArray(a) && a.length === 0;
  const isEmptyB = Array.isArray(b) && b.length === 0;
  if (isEmptyA || isEmptyB) return isEmptyA ? (isEmptyB ? 0 : -1) : 1;
  return compareNodes(a, b);
}

function compareNodes(a: JsonbNode, b: JsonbNode): number {
  const rank = rankOf(a);
  const difference = rank - rankOf(b);
  if (difference !== 0) return difference;
  switch (rank) {
    case 1:
      return 0;
    case 2:
      return compareText(a as string, b as string);
    case 3:
      return numericCompare(a as Numeric, b as Numeric);
    case 4:
      return a === b ? 0 : a === true ? 1 : -1;
    case 5:
      return compareArrays(a as readonly JsonbNode[], b as readonly JsonbNode[]);
    default:
      return compareObjects(a as JsonbObject, b as JsonbObject);
  }
}

function compareArrays(a: readonly JsonbNode[], b: readonly JsonbNode[]): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const order = compareNodes(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return 0;
}

function compareObjects(a: JsonbObject, b: JsonbObject): number {
  if (a.keys.length !== b.keys.length) return a.keys.length - b.keys.length;
  for (let i = 0; i < a.keys.length; i++) {
    const order = compareText(a.keys[i]!, b.keys[i]!) || compareNodes(a.values[i]!, b.values[i]!);
    if (order !== 0) return order;
  }
  return 0;
}

/** Hash of a jsonb tree; ignores the scale of numbers. */
export function hashJsonb(node: JsonbNode): number {
  if (node === null) return 1;
  if (typeof node === 'string') return hashString(node);
  if (typeof node === 'boolean') return node ? 3 : 5;
  if (node instanceof Numeric) return hashNumeric(node);
  if (node instanceof JsonbObject) {
    let h = 17;
    for (let i = 0; i < node.keys.length; i++) {
      h = combineHash(combineHash(h, hashString(node.keys[i]!)), hashJsonb(node.values[i]!));
    }
    return h;
  }
  let h = 19;
  for (const element of node) h = combineHash(h, hashJsonb(element));
  return h;
}

function writeNodeKey(node: JsonbNode, out: ByteWriter): void {
  out.byte(rankOf(node));
  if (node === null) return;
  if (typeof node === 'string') writeKeyText(node, out);
  else if (typeof node === 'boolean') out.byte(node ? 1 : 0);
  else if (node instanceof Numeric) writeKeyNumeric(node, out);
  else if (node instanceof JsonbObject) {
    out.int32(node.keys.length);
    for (let i = 0; i < node.keys.length; i++) {
      writeKeyText(node.keys[i]!, out);
      writeNodeKey(node.values[i]!, out);
    }
  } else {
    out.int32(node.length);
    for (const element of node) writeNodeKey(element, out);
  }
}

/** jsonb. */
export class JsonbType extends BaseType {
  constructor() {
    super(
      {oid: 3802, name: 'jsonb', arrayOid: 3807, category: 'U', length: -1},
      {
        physical: 'boxed',
        sqliteType: 'TEXT',
        parquet: {
          ...nativeForm('BYTE_ARRAY', {type: 'JSON'}),
          isOrdered: false,
          encode: value => jsonbToText((value as JsonbValue).root),
          decode: stored => decodeStored(stored),
        },
      },
    );
  }

  input(text: string): Value {
    return new JsonbValue(parseJsonb(text));
  }

  output(value: Value): string {
    return jsonbToText((value as JsonbValue).root);
  }

  receive(reader: ByteReader): Value {
    const version = reader.byte();
    if (version !== 1) {
      throw new PgError(SqlState.internalError, `unsupported jsonb version number ${version}`);
    }
    const {buffer, offset, end} = reader;
    reader.offset = end;
    return this.input(decodeUtf8(buffer, offset, end));
  }

  send(value: Value, out: ByteWriter): void {
    out.byte(1);
    out.utf8(jsonbToText((value as JsonbValue).root));
  }

  override compare(a: Value, b: Value): number {
    return compareJsonb((a as JsonbValue).root, (b as JsonbValue).root);
  }

  override hash(value: Value): number {
    return hashJsonb((value as JsonbValue).root);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    const {root} = value as JsonbValue;
    if (Array.isArray(root) && root.length === 0) out.byte(0);
    else writeNodeKey(root, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return jsonbToText((value as JsonbValue).root);
  }

  override fromSqlite(stored: SqliteValue): Value {
    return new JsonbValue(parseJsonb(stored as string));
  }
}

/** Some Parquet readers parse JSON columns themselves; take what they give. */
function decodeStored(stored: unknown): Value {
  if (typeof stored === 'string' || stored instanceof Uint8Array) {
    return new JsonbValue(parseJsonb(storedText(stored)));
  }
  return new JsonbValue(parseJsonb(JSON.stringify(stored)));
}
