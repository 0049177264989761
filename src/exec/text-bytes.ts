// Hot path: texts kept as UTF-8, without a string for each.
import type {StringVector, Utf8Vector} from '../columns/vector.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeInstance} from '../types/contract.ts';

/** Types whose equality and order are those of their UTF-8 bytes. */
const byteOrdered: ReadonlySet<string> = new Set(['text', 'varchar', 'name', 'uuid']);

/** Whether values of a type are equal and in order as their UTF-8 bytes are. */
export function isByteOrdered(type: TypeInstance): boolean {
  return byteOrdered.has(type.name);
}

const MAX_BYTES = 2 ** 31 - 1;
const FIRST_BYTES = 1024;
const FIRST_TEXTS = 64;

/** A growing list of texts, one behind the other. */
export class TextBytes {
  bytes: Buffer<ArrayBuffer> = Buffer.alloc(FIRST_BYTES);
  view = viewOf(this.bytes);
  /** Where each text begins, and the last one ends. */
  offsets = new Int32Array(FIRST_TEXTS);
  size = 0;

  get byteLength(): number {
    return this.offsets[this.size]!;
  }

  reset(): void {
    if (this.bytes.length > FIRST_BYTES) {
      this.bytes = Buffer.alloc(FIRST_BYTES);
      this.view = viewOf(this.bytes);
    }
    if (this.offsets.length > FIRST_TEXTS) this.offsets = new Int32Array(FIRST_TEXTS);
    this.size = 0;
  }

  /** Appends source[from..to). */
  append(source: Buffer, from: number, to: number): void {
    const at = this.offsets[this.size]!;
    const end = at + (to - from);
    if (end > this.bytes.length) this.#growBytes(end);
    source.copy(this.bytes, at, from, to);
    this.#end(end);
  }

  appendText(text: string): void {
    const at = this.offsets[this.size]!;
    if (at + text.length * 3 > this.bytes.length) {
      const end = at + Buffer.byteLength(text);
      if (end > this.bytes.length) this.#growBytes(end);
    }
    this.#end(at + this.bytes.utf8Write(text, at));
  }

  at(index: number): string {
    return this.bytes.utf8Slice(this.offsets[index]!, this.offsets[index + 1]!);
  }

  /** Texts [from, to) in place. */
  vector(from: number, to: number, nulls: Uint8Array | null): Utf8Vector {
    return {
      kind: 'utf8',
      bytes: this.bytes,
      offsets: this.offsets.subarray(from, to + 1),
      nulls,
    };
  }

  #end(end: number): void {
    const next = ++this.size;
    if (next === this.offsets.length) {
      const offsets = new Int32Array(next * 2);
      offsets.set(this.offsets);
      this.offsets = offsets;
    }
    this.offsets[next] = end;
  }

  #growBytes(needed: number): void {
    if (needed > MAX_BYTES)
      throw new PgError(SqlState.outOfMemory, 'out of memory', {
        detail: 'Texts of one hash table take more than 2 GB.',
      });
    const bytes = Buffer.alloc(Math.min(MAX_BYTES, Math.max(needed, this.bytes.length * 2)));
    this.bytes.copy(bytes, 0, 0, this.byteLength);
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }
}

/** Reads whole words of a buffer. */
export function viewOf(bytes: Buffer): DataView<ArrayBufferLike> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A 32-bit hash of bytes [from, to). */
export function hashBytes(
  view: DataView<ArrayBufferLike>,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  let hash = Math.imul(to - from, 0x9e3779b1);
  let at = from;
  for (; at + 4 < to; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  let rest = 0;
  // The last word may overlap the one before: quicker than byte by byte.
  if (to - from >= 4) rest = view.getInt32(to - 4, true);
  else for (; at < to; at++) rest = (rest << 8) | bytes[at]!;
  hash = Math.imul(hash ^ rest, 0xc2b2ae35);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

/** Whether two ranges of the same length hold the same bytes. */
export function isSame(
  a: DataView<ArrayBufferLike>,
  aFrom: number,
  b: DataView<ArrayBufferLike>,
  bFrom: number,
  length: number,
): boolean {
  let at = 0;
  for (; at + 4 < length; at += 4)
    if (a.getInt32(aFrom + at, true) !== b.getInt32(bFrom + at, true)) return false;
  if (length >= 4)
    return a.getInt32(aFrom + length - 4, true) === b.getInt32(bFrom + length - 4, true);
  for (; at < length; at++) if (a.getUint8(aFrom + at) !== b.getUint8(bFrom + at)) return false;
  return true;
}

/** A place to encode strings in. */
export class TextScratch {
  bytes: Buffer<ArrayBuffer> = Buffer.alloc(FIRST_BYTES);
  view = viewOf(this.bytes);
  #offsets = new Int32Array(0);

  /** Writes the text's UTF-8 at a place and returns where it ends. */
  write(text: string, at: number): number {
    const {length} = text;
    if (at + length * 3 > this.bytes.length) this.#ensure(at + Buffer.byteLength(text));
    const {bytes} = this;
    if (length > ASCII_LENGTH) return at + bytes.utf8Write(text, at);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return at + bytes.utf8Write(text, at);
      bytes[at + i] = code;
    }
    return at + length;
  }

  /** The selected rows of a vector of strings, in their places; null when they are long. Valid until the next call. */
  encode(
    {values, nulls}: StringVector,
    selection: Int32Array | null,
    count: number,
  ): Utf8Vector | null {
    const size = selection === null || count === 0 ? count : selection[count - 1]! + 1;
    if (this.#offsets.length <= size) this.#offsets = new Int32Array(Math.max(1024, size) + 1);
    const offsets = this.#offsets;
    let end = 0;
    let next = 0;
    for (let i = 0; i < count; i++) {
      const at = selection === null ? i : selection[i]!;
      if (end > LONG_BYTES) return null;
      // Rows between are empty.
      while (next <= at) offsets[next++] = end;
      if (nulls === null || nulls[at] !== 1) end = this.write(values[at]!, end);
    }
    offsets[next] = end;
    return {kind: 'utf8', bytes: this.bytes, offsets, nulls};
  }

  /** Gives up room that a long text took. */
  reset(): void {
    if (this.bytes.length <= LONG_BYTES) return;
    this.bytes = Buffer.alloc(FIRST_BYTES);
    this.view = viewOf(this.bytes);
  }

  #ensure(needed: number): void {
    if (needed <= this.bytes.length) return;
    const bytes = Buffer.alloc(needed > LONG_BYTES ? needed : needed * 2);
    this.bytes.copy(bytes);
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }
}

/** Texts of a batch beyond this are encoded one by one. */
const LONG_BYTES = 1 << 21;
/** Strings up to this length are copied faster here than by a call out of JavaScript. */
const ASCII_LENGTH = 48;
