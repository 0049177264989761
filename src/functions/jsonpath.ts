// SQL/JSON path evaluation (9.16.2, jsonpath_exec.c).
import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {JsonbNode} from '../types/jsonb-value.ts';
import {JsonbObject} from '../types/jsonb-value.ts';
import {numericFromInt} from '../types/numeric-convert.ts';
import {
  numericAbs,
  numericAdd,
  numericCeil,
  numericDiv,
  numericFloor,
  numericMod,
  numericMul,
  numericNegate,
  numericSub,
  numericTrunc,
} from '../types/numeric-math.ts';
import {Numeric} from '../types/numeric-value.ts';
import type {Zone} from '../types/datetime-zone.ts';
import {jsonbGet, jsonbTypeOf} from './jsonb-edit.ts';
import {containerOffsets} from './jsonb-offsets.ts';
import type {JsonPath, PathNode, PathStep} from '../types/jsonpath-parse.ts';
import {isPredicate} from '../types/jsonpath-parse.ts';
import {datetimeTypeNames, PathDateTime} from './jsonpath-datetime.ts';
import {
  compareItems,
  keyValues,
  PathError,
  type PathItem,
  toDatetime,
  toDouble,
} from './jsonpath-methods.ts';
import type {RegexCache} from './regex.ts';

type Truth = boolean | null;

interface Frame {
  readonly current: PathItem;
  /** Size of the array that is being subscripted, for `last`. */
  readonly last: number;
}

const isArray = (node: PathItem): node is readonly JsonbNode[] => Array.isArray(node);

/** An array's elements; another item alone. */
const opened = (item: PathItem): readonly PathItem[] => (isArray(item) ? item : [item]);

/** Evaluates one path over a document. */
export class PathRun {
  readonly #path: JsonPath;
  readonly #root: JsonbNode;
  readonly #variables: JsonbNode;
  readonly #zone: Zone | null;
  readonly #regex: RegexCache;
  /** Values that objects lie in: the document, the variables, what .keyvalue() made. Ids of those in the first `placed` are known. */
  readonly #bases: JsonbNode[];
  readonly #ids = new Map<object, number>();
  #placed = 0;

  /** `zone` is the session's, null where a function must not depend on it. */
  constructor(
    path: JsonPath,
    root: JsonbNode,
    variables: JsonbNode,
    regex: RegexCache,
    zone: Zone | null,
  ) {
    this.#zone = zone;
    this.#path = path;
    this.#root = root;
    this.#variables = variables;
    this.#regex = regex;
    this.#bases = [root, variables];
  }

  /** All items that the path selects; a predicate selects its truth value. */
  query(): readonly JsonbNode[] {
    return this.#eval(this.#path.root, {current: this.#root, last: 0}).map(item =>
      item instanceof PathDateTime ? item.text : item,
    );
  }

  #eval(node: PathNode, frame: Frame): readonly PathItem[] {
    if (isPredicate(node)) return [this.#test(node, frame)];
    switch (node.kind) {
      case 'root':
        return [this.#root];
      case 'current':
        return [frame.current];
      case 'last':
        return [numericFromInt(frame.last - 1)];
      case 'literal':
        return [node.value];
      case 'variable': {
        const value = jsonbGet(this.#variables, node.name);
        if (value === undefined)
          throw new PgError(
            SqlState.undefinedObject,
            `could not find jsonpath variable "${node.name}"`,
          );
        return [value];
      }
      case 'unary':
        return this.#unwrapped(node.arg, frame).map(item => {
          if (!(item instanceof Numeric))
            throw new PathError(
              SqlState.sqlJsonNumberNotFound,
              `operand of unary jsonpath operator ${node.op} is not a numeric value`,
            );
          return node.op === '-' ? numericNegate(item) : item;
        });
      case 'binary':
        return [this.#arithmetic(node, frame)];
      case 'access':
        return this.#access(this.#eval(node.arg, frame), node.step, frame);
      default:
        throw featureNotSupported(`jsonpath ${node.kind} is not supported`);
    }
  }

  /** Items with arrays opened one level in lax mode. */
  #unwrapped(node: PathNode, frame: Frame): readonly PathItem[] {
    const items = this.#eval(node, frame);
    return this.#path.isStrict ? items : items.flatMap(opened);
  }

  #arithmetic(node: Extract<PathNode, {kind: 'binary'}>, frame: Frame): PathItem {
    const operand = (part: PathNode, side: string): Numeric => {
      const items = this.#unwrapped(part, frame);
      const item = items[0];
      if (items.length !== 1 || !(item instanceof Numeric)) {
        throw new PathError(
          SqlState.singletonSqlJsonItemRequired,
          `${side} operand of jsonpath operator ${node.op} is not a single numeric value`,
        );
      }
      return item;
    };
    const left = operand(node.left, 'left');
    const right = operand(node.right, 'right');
    try {
      switch (node.op) {
        case '+':
          return numericAdd(left, right);
        case '-':
          return numericSub(left, right);
        case '*':
          return numericMul(left, right);
        case '/':
          return numericDiv(left, right);
        case '%':
          return numericMod(left, right);
      }
    } catch (error) {
      throw error instanceof PgError ? new PathError(error.code, error.message) : error;
    }
  }

  #access(items: readonly PathItem[], step: PathStep, frame: Frame): readonly PathItem[] {
    const opens =
      !this.#path.isStrict &&
      (step.kind === 'key' ||
        step.kind === 'anyKey' ||
        step.kind === 'filter' ||
        (step.kind === 'method' && step.name !== 'type' && step.name !== 'size'));
    const inputs = opens ? items.flatMap(opened) : items;
    return inputs.flatMap(item => this.#step(item, step, frame));
  }

  #step(item: PathItem, step: PathStep, frame: Frame): readonly PathItem[] {
    switch (step.kind) {
      case 'key':
        return this.#key(item, step.name);
      case 'anyKey':
        if (item instanceof JsonbObject) return item.values;
        return this.#lax(
          SqlState.sqlJsonObjectNotFound,
          'jsonpath wildcard member accessor can only be applied to an object',
        );
      case 'anyElement':
        if (isArray(item)) return item;
        return this.#path.isStrict
          ? this.#lax(
              SqlState.sqlJsonArrayNotFound,
              'jsonpath wildcard array accessor can only be applied to an array',
            )
          : [item];
      case 'subscripts':
        return this.#subscripts(item, step, frame);
      case 'anyLevel':
        return this.#levels(item, 0, step.from, step.to);
      case 'filter':
        return this.#test(step.condition, {current: item, last: frame.last}) === true ? [item] : [];
      case 'method':
        return this.#method(item, step.name, step.template ?? null);
    }
  }

  /** Nothing in lax mode, an error in strict mode. */
  #lax(code: string, message: string): readonly PathItem[] {
    if (this.#path.isStrict) throw new PathError(code, message);
    return [];
  }

  #key(item: PathItem, name: string): readonly PathItem[] {
    if (!(item instanceof JsonbObject))
      return this.#lax(
        SqlState.sqlJsonMemberNotFound,
        'jsonpath member accessor can only be applied to an object',
      );
    const value = jsonbGet(item, name);
    return value === undefined
      ? this.#lax(SqlState.sqlJsonMemberNotFound, `JSON object does not contain key "${name}"`)
      : [value];
  }

  #subscripts(
    item: PathItem,
    step: Extract<PathStep, {kind: 'subscripts'}>,
    frame: Frame,
  ): readonly PathItem[] {
    if (!isArray(item) && this.#path.isStrict)
      return this.#lax(
        SqlState.sqlJsonArrayNotFound,
        'jsonpath array accessor can only be applied to an array',
      );
    const array = isArray(item) ? item : [item];
    const inner = {current: frame.current, last: array.length};
    return step.list.flatMap(({from, to}): readonly PathItem[] => {
      const first = this.#index(from, inner);
      const last = to === null ? first : this.#index(to, inner);
      if (this.#path.isStrict && (first < 0 || first > last || last >= array.length)) {
        throw new PathError(
          SqlState.invalidSqlJsonSubscript,
          'jsonpath array subscript is out of bounds',
        );
      }
      return array.slice(Math.max(first, 0), Math.max(last + 1, 0));
    });
  }

  #index(node: PathNode, frame: Frame): number {
    const items = this.#eval(node, frame);
    const item = items[0];
    if (items.length !== 1 || !(item instanceof Numeric)) {
      throw new PathError(
        SqlState.invalidSqlJsonSubscript,
        'jsonpath array subscript is not a single numeric value',
      );
    }
    const value = Number(numericTrunc(item, 0).digits);
    if (value !== (value | 0))
      throw new PathError(
        SqlState.invalidSqlJsonSubscript,
        'jsonpath array subscript is out of integer range',
      );
    return value;
  }

  #levels(item: PathItem, level: number, from: number, to: number): readonly PathItem[] {
    const children = item instanceof JsonbObject ? item.values : isArray(item) ? item : [];
    const isLeaf = !(item instanceof JsonbObject) && !isArray(item);
    const own =
      level >= from && level <= to
        ? from === Infinity && !isLeaf
          ? []
          : [item]
        : from === Infinity && isLeaf
          ? [item]
          : [];
    return level >= to
      ? own
      : [...own, ...children.flatMap(child => this.#levels(child, level + 1, from, to))];
  }

  #method(item: PathItem, name: string, template: string | null): readonly PathItem[] {
    switch (name) {
      case 'type':
        return [item instanceof PathDateTime ? datetimeTypeNames[item.kind] : jsonbTypeOf(item)];
      case 'size':
        if (isArray(item)) return [numericFromInt(item.length)];
        if (this.#path.isStrict)
          throw new PathError(
            SqlState.sqlJsonArrayNotFound,
            'jsonpath item method .size() can only be applied to an array',
          );
        return [numericFromInt(1)];
      case 'double':
        return [toDouble(item)];
      case 'keyvalue':
        return this.#keyValues(item);
      case 'datetime':
        return [toDatetime(item, template)];
      case 'ceiling':
      case 'floor':
      case 'abs':
        if (!(item instanceof Numeric))
          throw new PathError(
            SqlState.nonNumericSqlJsonItem,
            `jsonpath item method .${name}() can only be applied to a numeric value`,
          );
        return [
          name === 'abs'
            ? numericAbs(item)
            : name === 'floor'
              ? numericFloor(item)
              : numericCeil(item),
        ];
      default:
        throw featureNotSupported(`jsonpath item method .${name}() is not supported`);
    }
  }

  #keyValues(item: PathItem): readonly PathItem[] {
    const pairs = keyValues(item, object => this.#idOf(object));
    for (const pair of pairs) this.#bases.push(pair);
    return pairs;
  }

  /** PostgreSQL's id of an object: its offset in the value that it lies in, and that value's number. */
  #idOf(object: JsonbObject): number {
    for (; !this.#ids.has(object) && this.#placed < this.#bases.length; this.#placed++) {
      const first = this.#placed * 10_000_000_000;
      for (const [container, offset] of containerOffsets(this.#bases[this.#placed]!))
        this.#ids.set(container, first + offset);
    }
    return this.#ids.get(object) ?? 0;
  }

  /** A predicate: an error inside of it is unknown. */
  #test(node: PathNode, frame: Frame): Truth {
    switch (node.kind) {
      case 'and': {
        const left = this.#test(node.left, frame);
        if (left === false) return false;
        const right = this.#test(node.right, frame);
        return right === true ? left : right;
      }
      case 'or': {
        const left = this.#test(node.left, frame);
        if (left === true) return true;
        const right = this.#test(node.right, frame);
        return right === false ? left : right;
      }
      case 'not': {
        const value = this.#test(node.arg, frame);
        return value === null ? null : !value;
      }
      case 'isUnknown':
        return this.#test(node.arg, frame) === null;
      case 'exists':
        return this.#unknownOnError(() => this.#eval(node.arg, frame).length > 0);
      case 'compare':
        return this.#pairs(node.left, node.right, frame, (a, b) =>
          compareItems(node.op, a, b, this.#zone),
        );
      case 'startsWith':
        return this.#pairs(node.arg, node.prefix, frame, (a, b) =>
          typeof a === 'string' && typeof b === 'string' ? a.startsWith(b) : null,
        );
      case 'likeRegex':
        return this.#pairs(node.arg, {kind: 'literal', value: null}, frame, a =>
          typeof a === 'string' ? this.#regex.test(a, node.pattern, regexFlags(node.flags)) : null,
        );
      default:
        throw new PgError(SqlState.syntaxError, 'syntax error in jsonpath predicate');
    }
  }

  #unknownOnError(body: () => Truth): Truth {
    try {
      return body();
    } catch (error) {
      if (error instanceof PathError) return null;
      throw error;
    }
  }

  #pairs(
    left: PathNode,
    right: PathNode,
    frame: Frame,
    test: (a: PathItem, b: PathItem) => Truth,
  ): Truth {
    return this.#unknownOnError(() => {
      const lefts = this.#unwrapped(left, frame);
      const rights = this.#unwrapped(right, frame);
      let isFound = false;
      let sawError = false;
      for (const a of lefts) {
        for (const b of rights) {
          const result = test(a, b);
          if (result === null) {
            if (this.#path.isStrict) return null;
            sawError = true;
          } else if (result) {
            if (!this.#path.isStrict) return true;
            isFound = true;
          }
        }
      }
      return isFound ? true : sawError ? null : false;
    });
  }
}

function regexFlags(flags: string): string {
  if (flags.includes('x') && !flags.includes('q'))
    throw featureNotSupported('XQuery "x" flag (expanded regular expressions) is not implemented');
  const dotAll = flags.includes('s');
  const lines = flags.includes('m');
  const newline = dotAll ? (lines ? 'w' : 's') : lines ? 'n' : 'p';
  return newline + (flags.includes('i') ? 'i' : '') + (flags.includes('q') ? 'q' : '');
}

/** Runs `body`; with `silent` an error of the path is null. */
export function silently<T>(silent: boolean, body: () => T): T | null {
  try {
    return body();
  } catch (error) {
    if (silent && error instanceof PathError) return null;
    throw error;
  }
}

/** A path error for callers outside of the evaluation. */
export function pathError(code: string, message: string): PgError {
  return new PathError(code, message);
}
