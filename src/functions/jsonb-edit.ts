import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {PgArray} from '../types/array-value.ts';
import {compareJsonb, jsonbToText, quoteJson} from '../types/jsonb.ts';
import type {JsonbNode} from '../types/jsonb-value.ts';
import {JsonbObject} from '../types/jsonb-value.ts';
import {makeJsonbObject} from '../types/json-parse.ts';
import {Numeric} from '../types/numeric-value.ts';
import {pathIndex} from './json-text.ts';

const bad = (text: string): PgError => new PgError(SqlState.invalidParameterValue, text);
const isArray = (node: JsonbNode): node is readonly JsonbNode[] => Array.isArray(node);

/** Member of an object; undefined when absent. */
export function jsonbGet(node: JsonbNode, key: string): JsonbNode | undefined {
  if (!(node instanceof JsonbObject)) return undefined;
  const index = node.keys.indexOf(key);
  return index === -1 ? undefined : node.values[index]!;
}

/** Element of an array, negative from the end. */
export function jsonbAt(node: JsonbNode, index: number): JsonbNode | undefined {
  if (!isArray(node))
    return node instanceof JsonbObject || (index !== 0 && index !== -1) ? undefined : node;
  return node[index < 0 ? node.length + index : index];
}

/** `->>`. */
export function jsonbText(node: JsonbNode | undefined): string | null {
  if (node === undefined || node === null) return null;
  return typeof node === 'string' ? node : jsonbToText(node);
}

/** `#>`. */
export function jsonbPath(root: JsonbNode, path: PgArray): JsonbNode | undefined {
  let node: JsonbNode | undefined = root;
  for (const step of path.elements) {
    if (step === null || node === undefined) return undefined;
    if (node instanceof JsonbObject) node = jsonbGet(node, step as string);
    else if (isArray(node)) {
      const index = pathIndex(step as string);
      node = index === null ? undefined : jsonbAt(node, index);
    } else return undefined;
  }
  return node;
}

/** jsonb_typeof. */
export function jsonbTypeOf(node: JsonbNode): string {
  if (node === null) return 'null';
  if (typeof node === 'string') return 'string';
  if (typeof node === 'boolean') return 'boolean';
  if (node instanceof Numeric) return 'number';
  return node instanceof JsonbObject ? 'object' : 'array';
}

const equals = (a: JsonbNode, b: JsonbNode): boolean => compareJsonb(a, b) === 0;
const isScalar = (node: JsonbNode): boolean => !(node instanceof JsonbObject) && !isArray(node);

/** `@>`. An array may contain a bare scalar. */
export function jsonbContains(whole: JsonbNode, part: JsonbNode, isTop = true): boolean {
  if (whole instanceof JsonbObject) {
    if (!(part instanceof JsonbObject)) return false;
    return part.keys.every((key, index) => {
      const value = jsonbGet(whole, key);
      return value !== undefined && jsonbContains(value, part.values[index]!, false);
    });
  }
  if (isArray(whole)) {
    if (isArray(part))
      return part.every(wanted =>
        whole.some(each =>
          isScalar(wanted)
            ? isScalar(each) && equals(each, wanted)
            : !isScalar(each) && jsonbContains(each, wanted, false),
        ),
      );
    return isTop && isScalar(part) && whole.some(each => isScalar(each) && equals(each, part));
  }
  return isScalar(part) && equals(whole, part);
}

/** `?`: a key of an object, a string element of an array, or the string itself. */
export function jsonbExists(node: JsonbNode, key: string): boolean {
  if (node instanceof JsonbObject) return node.keys.includes(key);
  if (isArray(node)) return node.includes(key);
  return node === key;
}

/** `||`. */
export function jsonbConcat(left: JsonbNode, right: JsonbNode): JsonbNode {
  if (left instanceof JsonbObject && right instanceof JsonbObject) {
    return makeJsonbObject([...left.keys, ...right.keys], [...left.values, ...right.values]);
  }
  const list = (node: JsonbNode): readonly JsonbNode[] => (isArray(node) ? node : [node]);
  return [...list(left), ...list(right)];
}

/** `-` text: a key of an object, equal strings of an array. */
export function jsonbDeleteKeys(node: JsonbNode, keys: readonly string[]): JsonbNode {
  if (node instanceof JsonbObject) {
    const kept = node.keys
      .map((key, index) => [key, node.values[index]!] as const)
      .filter(([key]) => !keys.includes(key));
    return new JsonbObject(
      kept.map(([key]) => key),
      kept.map(([, value]) => value),
    );
  }
  if (isArray(node)) return node.filter(each => typeof each !== 'string' || !keys.includes(each));
  throw bad('cannot delete from scalar');
}

/** `-` integer. */
export function jsonbDeleteIndex(node: JsonbNode, index: number): JsonbNode {
  if (node instanceof JsonbObject) throw bad('cannot delete from object using integer index');
  if (!isArray(node)) throw bad('cannot delete from scalar');
  const at = index < 0 ? node.length + index : index;
  return node.filter((_, each) => each !== at);
}

/** What jsonb_set, jsonb_insert and #- do at the end of the path. */
export interface PathEdit {
  readonly op: 'set' | 'insert' | 'delete';
  readonly value: JsonbNode;
  /** set: make what is missing. insert: after the element. */
  readonly flag: boolean;
}

/** The tree with an edit at a path. */
export function jsonbEdit(root: JsonbNode, path: PgArray, edit: PathEdit): JsonbNode {
  if (path.dims.length > 1)
    throw new PgError(SqlState.arraySubscriptError, 'wrong number of array subscripts');
  if (isScalar(root))
    throw bad(edit.op === 'delete' ? 'cannot delete path in scalar' : 'cannot set path in scalar');
  const isEmpty =
    root instanceof JsonbObject ? root.keys.length === 0 : isArray(root) && root.length === 0;
  if (
    path.elements.length === 0 ||
    (isEmpty && (edit.op === 'delete' || (edit.op === 'set' && !edit.flag)))
  )
    return root;
  return editAt(root, path.elements as readonly (string | null)[], 0, edit);
}

function editAt(
  node: JsonbNode,
  path: readonly (string | null)[],
  depth: number,
  edit: PathEdit,
): JsonbNode {
  const step = path[depth];
  if (step === null || step === undefined)
    throw new PgError(
      SqlState.nullValueNotAllowed,
      `path element at position ${depth + 1} is null`,
    );
  if (node instanceof JsonbObject) return editObject(node, path, depth, edit);
  if (isArray(node)) return editArray(node, path, depth, edit);
  return node;
}

function editObject(
  node: JsonbObject,
  path: readonly (string | null)[],
  depth: number,
  edit: PathEdit,
): JsonbNode {
  const key = path[depth]!;
  const isLast = depth === path.length - 1;
  const value = jsonbGet(node, key);
  if (value === undefined) {
    const adds = isLast && (edit.op === 'insert' || (edit.op === 'set' && edit.flag));
    return adds ? makeJsonbObject([...node.keys, key], [...node.values, edit.value]) : node;
  }
  if (isLast && edit.op === 'delete') return jsonbDeleteKeys(node, [key]);
  if (isLast && edit.op === 'insert') {
    throw new PgError(SqlState.invalidParameterValue, 'cannot replace existing key', {
      hint: 'Try using the function jsonb_set to replace key value.',
    });
  }
  const next = isLast ? edit.value : editAt(value, path, depth + 1, edit);
  return new JsonbObject(
    node.keys,
    node.keys.map((each, index) => (each === key ? next : node.values[index]!)),
  );
}

function editArray(
  node: readonly JsonbNode[],
  path: readonly (string | null)[],
  depth: number,
  edit: PathEdit,
): JsonbNode {
  const step = pathIndex(path[depth]!);
  if (step === null)
    throw new PgError(
      SqlState.invalidTextRepresentation,
      `path element at position ${depth + 1} is not an integer: "${path[depth]}"`,
    );
  const isLast = depth === path.length - 1;
  const raw = step < 0 ? node.length + step : step;
  if (raw >= 0 && raw < node.length) return editElement(node, raw, path, depth, edit);
  const adds = isLast && (edit.op === 'insert' || (edit.op === 'set' && edit.flag));
  if (!adds) return node;
  return raw < 0 ? [edit.value, ...node] : [...node, edit.value];
}

function editElement(
  node: readonly JsonbNode[],
  at: number,
  path: readonly (string | null)[],
  depth: number,
  edit: PathEdit,
): JsonbNode {
  const isLast = depth === path.length - 1;
  if (isLast && edit.op === 'delete') return node.filter((_, index) => index !== at);
  if (isLast && edit.op === 'insert') {
    const place = edit.flag ? at + 1 : at;
    return [...node.slice(0, place), edit.value, ...node.slice(place)];
  }
  const next = isLast ? edit.value : editAt(node[at]!, path, depth + 1, edit);
  return node.map((each, index) => (index === at ? next : each));
}

/** jsonb_strip_nulls. */
export function jsonbStripNulls(node: JsonbNode): JsonbNode {
  if (isArray(node)) return node.map(jsonbStripNulls);
  if (!(node instanceof JsonbObject)) return node;
  const kept = node.keys
    .map((key, index) => [key, node.values[index]!] as const)
    .filter(([, value]) => value !== null);
  return new JsonbObject(
    kept.map(([key]) => key),
    kept.map(([, value]) => jsonbStripNulls(value)),
  );
}

/** jsonb_pretty. */
export function jsonbPretty(node: JsonbNode, indent = 0): string {
  const inner = ' '.repeat(indent + 4);
  const outer = ' '.repeat(indent);
  if (isArray(node)) {
    if (node.length === 0) return `[\n${outer}]`;
    return `[\n${node.map(each => inner + jsonbPretty(each, indent + 4)).join(',\n')}\n${outer}]`;
  }
  if (node instanceof JsonbObject) {
    if (node.keys.length === 0) return `{\n${outer}}`;
    const members = node.keys.map(
      (key, index) => `${inner}${quoteJson(key)}: ${jsonbPretty(node.values[index]!, indent + 4)}`,
    );
    return `{\n${members.join(',\n')}\n${outer}}`;
  }
  return jsonbToText(node);
}

/** 22023 of a cast from jsonb. */
export function cannotCast(node: JsonbNode, type: string): PgError {
  const kind = jsonbTypeOf(node);
  const name =
    kind === 'number' ? 'numeric' : kind === 'object' || kind === 'array' ? `${kind}` : kind;
  return bad(`cannot cast jsonb ${name} to type ${type}`);
}

/** A jsonb scalar cast to a number type. */
export function jsonbNumber(node: JsonbNode, type: string): Numeric {
  if (node instanceof Numeric) return node;
  throw cannotCast(node, type);
}
