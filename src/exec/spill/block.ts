// Hot path: rows to bytes and back, for spill files. The form lives as long as one statement.
import {deserialize, serialize} from 'node:v8';
import type {Batch} from '../../columns/batch.ts';
import type {Vector} from '../../columns/vector.ts';
import {assertNever} from '../../common/errors.ts';
import type {SqliteValue, TypeInstance, Value} from '../../types/contract.ts';
import {textAt} from '../store-column.ts';

/** Values whose type has no stored form (anonymous rows): they stay in memory, blocks hold their numbers. */
export type KeptValues = (Value | null)[];

type Parts = Uint8Array[];

/** Bytes of a dense batch (no selection); `decodeBlock` with the same types gives it back. */
export function encodeBlock(
  batch: Batch,
  types: readonly TypeInstance[],
  kept: KeptValues,
): Buffer {
  const parts: Parts = [numbers([batch.count])];
  for (let c = 0; c < types.length; c++) {
    const vector = batch.vectors[c]!;
    parts.push(numbers([vector.nulls === null ? 0 : 1]));
    if (vector.nulls !== null) parts.push(padded(vector.nulls.subarray(0, batch.count)));
    encodeValues(vector, batch.count, types[c]!, kept, parts);
  }
  return Buffer.concat(parts);
}

function numbers(values: readonly number[]): Uint8Array {
  return bytesOf(Int32Array.from(values), values.length);
}

function bytesOf(values: Int32Array | Float64Array | BigInt64Array, count: number): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, count * values.BYTES_PER_ELEMENT);
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 8 === 0) return bytes;
  const out = new Uint8Array((bytes.length + 7) & ~7);
  out.set(bytes);
  return out;
}

function encodeValues(
  vector: Vector,
  count: number,
  type: TypeInstance,
  kept: KeptValues,
  parts: Parts,
): void {
  switch (vector.kind) {
    case 'int32':
      parts.push(bytesOf(vector.values, count));
      return;
    case 'float64':
    case 'int64':
      parts.push(bytesOf(vector.values, count));
      return;
    case 'bool':
      parts.push(padded(vector.values.subarray(0, count)));
      return;
    case 'boxed':
      return encodeBoxed(vector.values, count, type, kept, parts);
    case 'dict':
    case 'utf8':
    case 'string':
      return encodeText(vector, count, parts);
    default:
      assertNever(vector);
  }
}

function encodeText(vector: Vector, count: number, parts: Parts): void {
  const texts: string[] = new Array<string>(count);
  const offsets = new Int32Array(count + 1);
  let length = 0;
  for (let i = 0; i < count; i++) {
    const text = textAt(vector, i);
    texts[i] = text;
    length += text.length;
    offsets[i + 1] = length;
  }
  const bytes = Buffer.from(texts.join(''), 'utf8');
  if (bytes.length !== length) {
    // Not only ASCII: count bytes string by string.
    for (let i = 0; i < count; i++)
      offsets[i + 1] = offsets[i]! + Buffer.byteLength(texts[i]!, 'utf8');
  }
  parts.push(bytesOf(offsets, count + 1), bytes);
}

function isKept(type: TypeInstance): boolean {
  return type.kind === 'p';
}

function encodeBoxed(
  values: readonly (Value | null)[],
  count: number,
  type: TypeInstance,
  kept: KeptValues,
  parts: Parts,
): void {
  if (isKept(type)) {
    parts.push(numbers([kept.length]));
    for (let i = 0; i < count; i++) kept.push(values[i]!);
    return;
  }
  const stored: SqliteValue[] = new Array<SqliteValue>(count);
  for (let i = 0; i < count; i++) stored[i] = values[i] === null ? null : type.toSqlite(values[i]!);
  const bytes = serialize(stored);
  parts.push(numbers([bytes.length]), bytes);
}

/**
 * Memory that the blocks of one reader are read into one after the other: each would otherwise live just long enough to leave the young
 * generation, and stay until a full collection.
 */
export class BlockSpace {
  #bytes: Buffer = Buffer.alloc(0);
  readonly #numbers: (Int32Array | Float64Array | BigInt64Array | undefined)[] = [];

  /** Room for the bytes of a block. */
  bytes(size: number): Buffer {
    if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafeSlow(size + (size >> 2));
    return this.#bytes.subarray(0, size);
  }

  ints(column: number, count: number): Int32Array {
    const old = this.#numbers[column];
    if (old instanceof Int32Array && old.length >= count) return old;
    return (this.#numbers[column] = new Int32Array(count));
  }

  floats(column: number, count: number): Float64Array {
    const old = this.#numbers[column];
    if (old instanceof Float64Array && old.length >= count) return old;
    return (this.#numbers[column] = new Float64Array(count));
  }

  longs(column: number, count: number): BigInt64Array {
    const old = this.#numbers[column];
    if (old instanceof BigInt64Array && old.length >= count) return old;
    return (this.#numbers[column] = new BigInt64Array(count));
  }
}

/** Whether values of decoded blocks may refer to the block's bytes for longer than the batch is used (bytea does). */
export function keepsBytes(types: readonly TypeInstance[]): boolean {
  return types.some(type => type.physical === 'boxed');
}

/** The batch of a block, its numbers in `space`; its text vectors refer to the block's bytes. */
export function decodeBlock(
  block: Buffer,
  types: readonly TypeInstance[],
  kept: KeptValues,
  space: BlockSpace,
): Batch {
  const reader = new BlockReader(block);
  const count = reader.int();
  const vectors: Vector[] = [];
  for (let c = 0; c < types.length; c++) {
    const nulls = reader.int() === 1 ? reader.bytes(count) : null;
    vectors.push(decodeValues(reader, types[c]!, count, nulls, kept, space, c));
  }
  return {count, selection: null, vectors};
}

class BlockReader {
  readonly block: Buffer;
  at = 0;

  constructor(block: Buffer) {
    this.block = block;
  }

  int(): number {
    this.at += 4;
    return this.block.readInt32LE(this.at - 4);
  }

  /** A copy of `count` bytes that were padded to eight. */
  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count);
    out.set(this.block.subarray(this.at, this.at + count));
    this.at += (count + 7) & ~7;
    return out;
  }

  /** Fills the first `count` numbers. */
  into<T extends Int32Array | Float64Array | BigInt64Array>(target: T, count: number): T {
    const size = count * target.BYTES_PER_ELEMENT;
    new Uint8Array(target.buffer).set(this.block.subarray(this.at, this.at + size));
    this.at += size;
    return target;
  }
}

function decodeValues(
  reader: BlockReader,
  type: TypeInstance,
  count: number,
  nulls: Uint8Array | null,
  kept: KeptValues,
  space: BlockSpace,
  column: number,
): Vector {
  switch (type.physical) {
    case 'int32':
      return {kind: 'int32', values: reader.into(space.ints(column, count), count), nulls};
    case 'float64':
      return {kind: 'float64', values: reader.into(space.floats(column, count), count), nulls};
    case 'int64':
      return {kind: 'int64', values: reader.into(space.longs(column, count), count), nulls};
    case 'bool':
      return {kind: 'bool', values: reader.bytes(count), nulls};
    case 'text': {
      const offsets = reader.into(space.ints(column, count + 1), count + 1);
      const bytes = reader.block.subarray(reader.at, reader.at + offsets[count]!);
      reader.at += bytes.length;
      return {kind: 'utf8', bytes, offsets, nulls};
    }
    case 'boxed':
      return {kind: 'boxed', values: decodeBoxed(reader, type, count, kept), nulls};
    default:
      return assertNever(type.physical);
  }
}

function decodeBoxed(
  reader: BlockReader,
  type: TypeInstance,
  count: number,
  kept: KeptValues,
): (Value | null)[] {
  const first = reader.int();
  if (isKept(type)) return kept.slice(first, first + count);
  const stored = deserialize(reader.block.subarray(reader.at, reader.at + first)) as SqliteValue[];
  reader.at += first;
  const values: (Value | null)[] = new Array<Value | null>(count);
  for (let i = 0; i < count; i++)
    values[i] = stored[i] === null ? null : type.fromSqlite(stored[i]!);
  return values;
}
