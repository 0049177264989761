// PostgreSQL's hash functions (hashfn.c, Bob Jenkins' lookup3), so that hashtext and its kin give the same numbers.
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

class Hasher {
  a = 0;
  b = 0;
  c = 0;

  constructor(length: number) {
    this.a = this.b = this.c = (0x9e3779b9 + length + 3923095) | 0;
  }

  mix(): void {
    let {a, b, c} = this;
    a = (a - c) | 0;
    a ^= rotate(c, 4);
    c = (c + b) | 0;
    b = (b - a) | 0;
    b ^= rotate(a, 6);
    a = (a + c) | 0;
    c = (c - b) | 0;
    c ^= rotate(b, 8);
    b = (b + a) | 0;
    a = (a - c) | 0;
    a ^= rotate(c, 16);
    c = (c + b) | 0;
    b = (b - a) | 0;
    b ^= rotate(a, 19);
    a = (a + c) | 0;
    c = (c - b) | 0;
    c ^= rotate(b, 4);
    b = (b + a) | 0;
    this.a = a;
    this.b = b;
    this.c = c;
  }

  final(): void {
    let {a, b, c} = this;
    c ^= b;
    c = (c - rotate(b, 14)) | 0;
    a ^= c;
    a = (a - rotate(c, 11)) | 0;
    b ^= a;
    b = (b - rotate(a, 25)) | 0;
    c ^= b;
    c = (c - rotate(b, 16)) | 0;
    a ^= c;
    a = (a - rotate(c, 4)) | 0;
    b ^= a;
    b = (b - rotate(a, 14)) | 0;
    c ^= b;
    c = (c - rotate(b, 24)) | 0;
    this.a = a;
    this.b = b;
    this.c = c;
  }
}

/** Mixes bytes; with a seed as the extended functions have it. */
function hashState(bytes: Uint8Array, seed: bigint): Hasher {
  const state = new Hasher(bytes.length);
  if (seed !== 0n) {
    state.a = (state.a + Number(BigInt.asIntN(32, seed >> 32n))) | 0;
    state.b = (state.b + Number(BigInt.asIntN(32, seed))) | 0;
    state.mix();
  }
  const at = (index: number): number => bytes[index] ?? 0;
  let from = 0;
  for (; bytes.length - from >= 12; from += 12) {
    state.a = (state.a + word(at, from)) | 0;
    state.b = (state.b + word(at, from + 4)) | 0;
    state.c = (state.c + word(at, from + 8)) | 0;
    state.mix();
  }
  state.a = (state.a + word(at, from)) | 0;
  state.b = (state.b + word(at, from + 4)) | 0;
  state.c = (state.c + ((at(from + 8) << 8) | (at(from + 9) << 16) | (at(from + 10) << 24))) | 0;
  state.final();
  return state;
}

const word = (at: (index: number) => number, from: number): number =>
  at(from) | (at(from + 1) << 8) | (at(from + 2) << 16) | (at(from + 3) << 24);

/** hash_any. */
export function hashBytes(bytes: Uint8Array): number {
  return hashState(bytes, 0n).c;
}

/** hash_any_extended. */
export function hashBytesExtended(bytes: Uint8Array, seed: bigint): bigint {
  const {b, c} = hashState(bytes, seed);
  return BigInt.asIntN(64, (BigInt(b >>> 0) << 32n) | BigInt(c >>> 0));
}

/** hash_uint32. */
export function hashUint32(value: number): number {
  const state = new Hasher(4);
  state.a = (state.a + value) | 0;
  state.final();
  return state.c;
}

function hashUint32Extended(value: number, seed: bigint): bigint {
  const state = new Hasher(4);
  if (seed !== 0n) {
    state.a = (state.a + Number(BigInt.asIntN(32, seed >> 32n))) | 0;
    state.b = (state.b + Number(BigInt.asIntN(32, seed))) | 0;
    state.mix();
  }
  state.a = (state.a + value) | 0;
  state.final();
  return BigInt.asIntN(64, (BigInt(state.b >>> 0) << 32n) | BigInt(state.c >>> 0));
}

/** int8 hashes like int4 where both can hold the value. */
function foldInt8(value: bigint): number {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return low ^ (value >= 0n ? high : ~high);
}

const utf8 = (text: string): Uint8Array => Buffer.from(text, 'utf8');

function doubleBytes(value: number): Uint8Array {
  const buffer = Buffer.alloc(8);
  buffer.writeDoubleLE(value === 0 ? 0 : value);
  return buffer;
}

const hashFloat = (value: number): number => (value === 0 ? 0 : hashBytes(doubleBytes(value)));
const uuidBytes = (uuid: string): Uint8Array => Buffer.from(uuid.replaceAll('-', ''), 'hex');
const trimmed = (text: string): Uint8Array => utf8(text.replace(/ +$/, ''));

/** Hash functions that programs call (hashtext and its kin). */
export const hashFunctions: FunctionTable = {
  hashtext: {fn: (text: string) => hashBytes(utf8(text))},
  hashtextextended: {fn: (text: string, seed: bigint) => hashBytesExtended(utf8(text), seed)},
  hashname: {fn: (text: string) => hashBytes(utf8(text))},
  hashnameextended: {fn: (text: string, seed: bigint) => hashBytesExtended(utf8(text), seed)},
  hashbpchar: {fn: (text: string) => hashBytes(trimmed(text))},
  hashbpcharextended: {fn: (text: string, seed: bigint) => hashBytesExtended(trimmed(text), seed)},
  hashvarlena: {fn: (bytes: Uint8Array) => hashBytes(bytes)},
  hashvarlenaextended: {fn: hashBytesExtended},
  ...alias(['hashint4', 'hashint2', 'hashoid'], {fn: hashUint32}),
  ...alias(['hashint4extended', 'hashint2extended', 'hashoidextended'], {fn: hashUint32Extended}),
  ...alias(['hashint8', 'timestamp_hash', 'time_hash'], {
    fn: (value: bigint) => hashUint32(foldInt8(value)),
  }),
  ...alias(['hashint8extended', 'timestamp_hash_extended', 'time_hash_extended'], {
    fn: (value: bigint, seed: bigint) => hashUint32Extended(foldInt8(value), seed),
  }),
  ...alias(['hashfloat8', 'hashfloat4'], {fn: hashFloat}),
  hashchar: {fn: (text: string) => hashUint32(((text.charCodeAt(0) || 0) << 24) >> 24)},
  uuid_hash: {fn: (uuid: string) => hashBytes(uuidBytes(uuid))},
  uuid_hash_extended: {
    fn: (uuid: string, seed: bigint) => hashBytesExtended(uuidBytes(uuid), seed),
  },
};
