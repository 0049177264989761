import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeRow} from './base-type.ts';
import {BaseType} from './base-type.ts';
import type {SqliteValue, Value} from './contract.ts';
import {hashString} from './hash.ts';
import {writeKeyText} from './key-bytes.ts';
import {invalidBinary} from './type-errors.ts';

/** bit and bit varying, held as strings of 0 and 1. */
export class BitType extends BaseType {
  readonly #isFixed: boolean;

  constructor(row: TypeRow) {
    super(row, {physical: 'boxed', sqliteType: 'TEXT', parquet: null});
    this.#isFixed = row.name === 'bit';
  }

  input(text: string, typmod: number): Value {
    if (typmod >= 0) this.#check('0'.repeat(bitCount(text)), typmod);
    return parseBits(text);
  }

  #check(bits: string, typmod: number): string {
    if (typmod < 0) return bits;
    if (this.#isFixed && bits.length !== typmod) {
      throw new PgError(
        SqlState.stringDataLengthMismatch,
        `bit string length ${bits.length} does not match type bit(${typmod})`,
      );
    }
    if (!this.#isFixed && bits.length > typmod) {
      throw new PgError(
        SqlState.stringDataRightTruncation,
        `bit string too long for type bit varying(${typmod})`,
      );
    }
    return bits;
  }

  output(value: Value): string {
    return value as string;
  }

  receive(reader: ByteReader, typmod: number): Value {
    const size = reader.int32();
    if (size < 0) throw invalidBinary('invalid length in external bit string');
    const bytes = reader.bytes(Math.ceil(size / 8));
    let bits = '';
    for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
    return this.#check(bits.slice(0, size), typmod);
  }

  send(value: Value, out: ByteWriter): void {
    const bits = value as string;
    out.int32(bits.length);
    for (let i = 0; i < bits.length; i += 8) {
      out.byte(Number.parseInt(bits.slice(i, i + 8).padEnd(8, '0'), 2));
    }
  }

  override compare(a: Value, b: Value): number {
    return a === b ? 0 : (a as string) < (b as string) ? -1 : 1;
  }

  override hash(value: Value): number {
    return hashString(value as string);
  }

  override writeKey(value: Value, out: ByteWriter): void {
    writeKeyText(value as string, out);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as string;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored as string;
  }
}

function bitCount(text: string): number {
  if (/^[xX]/.test(text)) return (text.length - 1) * 4;
  return /^[bB]/.test(text) ? text.length - 1 : text.length;
}

/** Bits of `101`, `b101` or `x1F`. */
export function parseBits(text: string): string {
  const isHex = /^[xX]/.test(text);
  const body = /^[xXbB]/.test(text) ? text.slice(1) : text;
  const bad = (isHex ? /[^0-9a-fA-F]/u : /[^01]/u).exec(body);
  if (bad !== null) {
    throw new PgError(
      SqlState.invalidTextRepresentation,
      `"${bad[0]}" is not a valid ${isHex ? 'hexadecimal' : 'binary'} digit`,
    );
  }
  if (!isHex) return body;
  let bits = '';
  for (const digit of body) bits += Number.parseInt(digit, 16).toString(2).padStart(4, '0');
  return bits;
}

/** An explicit cast to bit(n) or varbit(n): cut, and for bit padded with zeros on the right. */
export function fitBits(bits: string, typmod: number, isFixed: boolean): string {
  if (typmod < 0) return bits;
  if (bits.length > typmod) return bits.slice(0, typmod);
  return isFixed ? bits.padEnd(typmod, '0') : bits;
}
