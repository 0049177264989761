import {ByteReader} from '../common/byte-reader.ts';
import {ByteWriter} from '../common/byte-writer.ts';
import {BaseType, asBuffer, boxedLayout} from './base-type.ts';
import {compareBytes} from './bytea.ts';
import type {SqliteValue, Value} from './contract.ts';
import {hashBytes} from './hash.ts';
import {writeKeyBytes} from './key-bytes.ts';
import {LexemeReader, quoteLexeme, type LexemeToken} from './text-search-lexeme.ts';
import {invalidBinary} from './type-errors.ts';

const MAX_POSITIONS = 255;
const LETTERS = ['', 'C', 'B', 'A'] as const;

/** Values of tsvector and tsquery are their binary forms: Uint8Array. */
export abstract class TextSearchType extends BaseType {
  send(value: Value, out: ByteWriter): void {
    out.bytes(value as Uint8Array);
  }

  override compare(a: Value, b: Value): number {
    return compareBytes(a as Uint8Array, b as Uint8Array);
  }

  override hash(value: Value): number {
    return hashBytes(value as Uint8Array);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyBytes(value as Uint8Array, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as Uint8Array;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored as Uint8Array;
  }
}

/** tsvector: distinct lexemes in order, each with positions and weights. */
export class TsVectorType extends TextSearchType {
  constructor() {
    super({oid: 3614, name: 'tsvector', arrayOid: 3643, category: 'U', length: -1}, boxedLayout);
  }

  input(text: string): Value {
    const reader = new LexemeReader(text, false);
    const tokens: LexemeToken[] = [];
    for (let token = reader.next(); token !== null; token = reader.next()) tokens.push(token);
    return encode(tokens);
  }

  output(value: Value): string {
    return decode(new ByteReader(asBuffer(value as Uint8Array)))
      .map(lexemeText)
      .join(' ');
  }

  receive(reader: ByteReader): Value {
    return encode(decode(reader));
  }
}

function lexemeText({word, positions}: LexemeToken): string {
  if (positions.length === 0) return quoteLexeme(word);
  return `${quoteLexeme(word)}:${positions.map(position => `${position & 0x3fff}${LETTERS[position >> 14]}`).join(',')}`;
}

/** Canonical binary form: words by bytes, positions ascending, the heaviest weight of equal ones. */
function encode(tokens: readonly LexemeToken[]): Buffer {
  const words = new Map<string, Map<number, number>>();
  for (const {word, positions} of tokens) {
    let known = words.get(word);
    if (known === undefined) words.set(word, (known = new Map()));
    for (const position of positions)
      known.set(position & 0x3fff, Math.max(known.get(position & 0x3fff) ?? 0, position));
  }
  const sorted = [...words].map(([word, positions]) => ({bytes: Buffer.from(word), positions}));
  sorted.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  const out = new ByteWriter(64);
  out.int32(sorted.length);
  for (const {bytes, positions} of sorted) {
    out.bytes(bytes);
    out.byte(0);
    const list = [...positions.values()]
      .sort((a, b) => (a & 0x3fff) - (b & 0x3fff))
      .slice(0, MAX_POSITIONS);
    out.int16(list.length);
    for (const position of list) out.int16(position > 0x7fff ? position - 0x10000 : position);
  }
  return out.take();
}

function decode(reader: ByteReader): LexemeToken[] {
  const count = reader.int32();
  if (count < 0) throw invalidBinary('invalid size of tsvector');
  const tokens: LexemeToken[] = [];
  for (let i = 0; i < count; i++) {
    const word = reader.cstring();
    const positions: number[] = [];
    for (let left = reader.uint16(); left > 0; left--) positions.push(reader.uint16());
    tokens.push({word, positions});
  }
  return tokens;
}
