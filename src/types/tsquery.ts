import {ByteReader} from '../common/byte-reader.ts';
import {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {asBuffer, boxedLayout} from './base-type.ts';
import type {Value} from './contract.ts';
import {LexemeReader, quoteLexeme} from './text-search-lexeme.ts';
import {TextSearchType} from './tsvector.ts';
import {invalidBinary} from './type-errors.ts';

const NOT = 1;
const AND = 2;
const OR = 3;
const PHRASE = 4;
const MAX_DISTANCE = 16384;
/** How tightly operators bind, by their code. */
const PRIORITY = [0, 4, 2, 1, 3] as const;

type QueryNode =
  | {
      readonly kind: 'word';
      readonly word: string;
      readonly weights: number;
      readonly isPrefix: boolean;
    }
  | {
      readonly kind: 'operator';
      readonly operator: number;
      readonly distance: number;
      readonly left: QueryNode | null;
      readonly right: QueryNode;
    };

/** tsquery: words under ! & | and phrase operators. */
export class TsQueryType extends TextSearchType {
  constructor() {
    super({oid: 3615, name: 'tsquery', arrayOid: 3645, category: 'U', length: -1}, boxedLayout);
  }

  input(text: string): Value {
    return encode(new QueryParser(text).parse());
  }

  output(value: Value): string {
    const node = decode(new ByteReader(asBuffer(value as Uint8Array)));
    return node === null ? '' : infix(node, 0, false);
  }

  receive(reader: ByteReader): Value {
    return encode(decode(reader));
  }
}

/** Operator precedence over the text form, as PostgreSQL's parse_tsquery. */
class QueryParser {
  readonly #text: string;
  readonly #reader: LexemeReader;

  constructor(text: string) {
    this.#text = text;
    this.#reader = new LexemeReader(text, true);
  }

  parse(): QueryNode | null {
    this.#reader.skipSpaces();
    if (this.#peek() === undefined) return null;
    const node = this.#binary(1);
    if (this.#peek() !== undefined) throw this.#reader.syntaxError();
    return node;
  }

  #peek(): string | undefined {
    this.#reader.skipSpaces();
    return this.#text[this.#reader.at];
  }

  #binary(least: number): QueryNode {
    let left = this.#operand();
    for (;;) {
      const operator = this.#operator();
      if (operator === 0 || PRIORITY[operator]! < least) return left;
      const distance = operator === PHRASE ? this.#distance() : 0;
      if (operator !== PHRASE) this.#reader.at++;
      left = {
        kind: 'operator',
        operator,
        distance,
        left,
        right: this.#binary(PRIORITY[operator]! + 1),
      };
    }
  }

  /** The operator that comes next, not taken yet; 0 = none. */
  #operator(): number {
    const char = this.#peek();
    if (char === undefined || char === ')') return 0;
    if (char === '&') return AND;
    if (char === '|') return OR;
    if (char === '<') return PHRASE;
    throw this.#reader.syntaxError();
  }

  #distance(): number {
    const found = /^<(-|\d+)>/.exec(this.#text.slice(this.#reader.at, this.#reader.at + 24));
    if (found === null) throw this.#reader.syntaxError();
    const distance = found[1] === '-' ? 1 : Number(found[1]);
    if (distance > MAX_DISTANCE) {
      throw new PgError(
        SqlState.invalidParameterValue,
        `distance in phrase operator must be an integer value between zero and ${MAX_DISTANCE} inclusive`,
      );
    }
    this.#reader.at += found[0].length;
    return distance;
  }

  #operand(): QueryNode {
    const char = this.#peek();
    if (char === undefined)
      throw new PgError(SqlState.syntaxError, `no operand in tsquery: "${this.#text}"`);
    if (char === '!') {
      this.#reader.at++;
      return {kind: 'operator', operator: NOT, distance: 0, left: null, right: this.#operand()};
    }
    if (char === '(') {
      this.#reader.at++;
      const node = this.#binary(1);
      if (this.#peek() !== ')') throw this.#reader.syntaxError();
      this.#reader.at++;
      return node;
    }
    if (char === ':') throw this.#reader.syntaxError();
    const {word} = this.#reader.next()!;
    return {kind: 'word', word, ...this.#weights()};
  }

  /** `:` followed by letters A to D and `*`. */
  #weights(): {readonly weights: number; readonly isPrefix: boolean} {
    const found =
      /^:[a-dA-D*]*/.exec(this.#text.slice(this.#reader.at, this.#reader.at + 16))?.[0] ?? '';
    this.#reader.at += found.length;
    let weights = 0;
    for (const letter of found.toUpperCase()) {
      const at = 'DCBA'.indexOf(letter);
      if (at >= 0) weights |= 1 << at;
    }
    return {weights, isPrefix: found.includes('*')};
  }
}

function infix(node: QueryNode, outer: number, isRightOfPhrase: boolean): string {
  if (node.kind === 'word') {
    const letters = [...'ABCD'].filter((_, i) => (node.weights & (8 >> i)) !== 0).join('');
    const marks = `${node.isPrefix ? '*' : ''}${letters}`;
    return marks === '' ? quoteLexeme(node.word) : `${quoteLexeme(node.word)}:${marks}`;
  }
  const priority = PRIORITY[node.operator]!;
  const isWrapped = priority < outer || (node.operator === PHRASE && isRightOfPhrase);
  const inner =
    node.operator === NOT ? `!${infix(node.right, priority, false)}` : binaryText(node, priority);
  return isWrapped ? `( ${inner} )` : inner;
}

function binaryText(node: QueryNode & {readonly kind: 'operator'}, priority: number): string {
  const sign =
    node.operator === AND
      ? '&'
      : node.operator === OR
        ? '|'
        : node.distance === 1
          ? '<->'
          : `<${node.distance}>`;
  return `${infix(node.left!, priority, false)} ${sign} ${infix(node.right, priority, node.operator === PHRASE)}`;
}

function encode(node: QueryNode | null): Buffer {
  const items = new ByteWriter(64);
  const count = node === null ? 0 : writeNode(node, items);
  const out = new ByteWriter(64);
  out.int32(count);
  out.bytes(items.view());
  return out.take();
}

/** Writes operator, right, left; returns how many items that are. */
function writeNode(node: QueryNode, out: ByteWriter): number {
  if (node.kind === 'word') {
    out.byte(1);
    out.byte(node.weights);
    out.byte(node.isPrefix ? 1 : 0);
    out.cstring(node.word);
    return 1;
  }
  out.byte(2);
  out.byte(node.operator);
  if (node.operator === PHRASE) out.int16(node.distance);
  const right = writeNode(node.right, out);
  return 1 + right + (node.left === null ? 0 : writeNode(node.left, out));
}

function decode(reader: ByteReader): QueryNode | null {
  const count = reader.int32();
  if (count < 0) throw invalidBinary('invalid size of tsquery');
  if (count === 0) return null;
  const read = {items: 0};
  const node = readNode(reader, read);
  if (read.items !== count) throw invalidBinary('invalid size of tsquery');
  return node;
}

function readNode(reader: ByteReader, read: {items: number}): QueryNode {
  read.items++;
  const type = reader.byte();
  if (type === 1) {
    const weights = reader.byte();
    const isPrefix = reader.byte() !== 0;
    if (weights > 15) throw invalidBinary('invalid tsquery: invalid weight bitmap');
    return {kind: 'word', word: reader.cstring(), weights, isPrefix};
  }
  const operator = type === 2 ? reader.byte() : 0;
  if (operator < NOT || operator > PHRASE)
    throw invalidBinary(`unrecognized tsquery operator type: ${operator}`);
  const distance = operator === PHRASE ? reader.uint16() : 0;
  const right = readNode(reader, read);
  return {
    kind: 'operator',
    operator,
    distance,
    left: operator === NOT ? null : readNode(reader, read),
    right,
  };
}
