import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {assertNever, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Value} from './contract.ts';
import {jsonbToText, quoteJson} from './jsonb.ts';
import {type JsonPath, parseJsonPath, type PathNode, type PathStep} from './jsonpath-parse.ts';
import {UnorderedTextType} from './text.ts';

/** jsonpath: a value is its text in PostgreSQL's canonical spelling. */
export class JsonPathType extends UnorderedTextType {
  constructor() {
    super({oid: 4072, name: 'jsonpath', arrayOid: 4073, category: 'U', length: -1});
  }

  override input(text: string): Value {
    return printJsonPath(parseJsonPath(text));
  }

  override receive(reader: ByteReader, typmod: number): Value {
    const version = reader.byte();
    if (version !== 1)
      throw new PgError(SqlState.internalError, `unsupported jsonpath version number: ${version}`);
    return super.receive(reader, typmod);
  }

  override send(value: Value, out: ByteWriter): void {
    out.byte(1);
    super.send(value, out);
  }
}

/** A path as PostgreSQL prints it (printJsonPathItem). */
export function printJsonPath(path: JsonPath): string {
  return `${path.isStrict ? 'strict ' : ''}${print(path.root, true)}`;
}

function priority(node: PathNode): number {
  switch (node.kind) {
    case 'or':
      return 0;
    case 'and':
      return 1;
    case 'compare':
    case 'startsWith':
      return 2;
    case 'binary':
      return node.op === '+' || node.op === '-' ? 3 : 4;
    case 'unary':
      return 5;
    case 'access':
      return priority(node.arg);
    default:
      return 6;
  }
}

function operand(node: PathNode, within: PathNode): string {
  return print(node, priority(node) <= priority(within));
}

function infix(
  node: PathNode,
  left: PathNode,
  op: string,
  right: PathNode,
  isBracketed: boolean,
): string {
  const text = `${operand(left, node)} ${op} ${operand(right, node)}`;
  return isBracketed ? `(${text})` : text;
}

function print(node: PathNode, isBracketed: boolean): string {
  switch (node.kind) {
    case 'root':
      return '$';
    case 'current':
      return '@';
    case 'last':
      return 'last';
    case 'variable':
      return `$${quoteJson(node.name)}`;
    case 'literal':
      return jsonbToText(node.value);
    case 'unary': {
      const text = `${node.op}${operand(node.arg, node)}`;
      return isBracketed ? `(${text})` : text;
    }
    case 'binary':
    case 'compare':
      return infix(node, node.left, node.op, node.right, isBracketed);
    case 'and':
      return infix(node, node.left, '&&', node.right, isBracketed);
    case 'or':
      return infix(node, node.left, '||', node.right, isBracketed);
    case 'startsWith':
      return infix(node, node.arg, 'starts with', node.prefix, isBracketed);
    case 'not':
      return `!(${print(node.arg, false)})`;
    case 'isUnknown':
      return `(${print(node.arg, false)}) is unknown`;
    case 'exists':
      return `exists (${print(node.arg, false)})`;
    case 'likeRegex': {
      const flags = [...'ismxq'].filter(flag => node.flags.includes(flag)).join('');
      const text = `${operand(node.arg, node)} like_regex ${quoteJson(node.pattern)}`;
      const flagged = flags === '' ? text : `${text} flag "${flags}"`;
      return isBracketed ? `(${flagged})` : flagged;
    }
    case 'access': {
      const isNumber =
        node.arg.kind === 'literal' &&
        typeof node.arg.value === 'object' &&
        node.arg.value !== null;
      const head = print(node.arg, true);
      return `${isNumber ? `(${head})` : head}${printStep(node.step)}`;
    }
    default:
      return assertNever(node);
  }
}

function printStep(step: PathStep): string {
  switch (step.kind) {
    case 'key':
      return `.${quoteJson(step.name)}`;
    case 'anyKey':
      return '.*';
    case 'anyElement':
      return '[*]';
    case 'anyLevel':
      return `.**${levels(step.from, step.to)}`;
    case 'subscripts': {
      const list = step.list.map(
        ({from, to}) => print(from, false) + (to === null ? '' : ` to ${print(to, false)}`),
      );
      return `[${list.join(',')}]`;
    }
    case 'filter':
      return `?(${print(step.condition, false)})`;
    case 'method':
      return `.${step.name}(${step.template === null ? '' : quoteJson(step.template)})`;
    default:
      return assertNever(step);
  }
}

function levels(from: number, to: number): string {
  const name = (level: number): string => (level === Infinity ? 'last' : String(level));
  if (from === 0 && to === Infinity) return '';
  return from === to ? `{${name(from)}}` : `{${name(from)} to ${name(to)}}`;
}
