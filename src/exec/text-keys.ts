// Hot path: GROUP BY, DISTINCT and joins on text.
import type {Utf8Vector, Vector} from '../columns/vector.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {CodeMemo} from './code-memo.ts';
import {ColumnStore, datumAt} from './column-store.ts';
import type {KeysOfColumn} from './keys-of-column.ts';
import {ABSENT, doubled, KEPT_SPREAD} from './pair-keys.ts';
import {hashBytes, isSame, type TextBytes, TextScratch, viewOf} from './text-bytes.ts';

const FIRST_SLOTS = 64;

/** Numbers distinct texts whose equality is that of their bytes: hashed and compared as bytes, kept as bytes. */
export class TextKeys implements KeysOfColumn {
  readonly store: ColumnStore;
  readonly #texts: TextBytes;
  /** 1 + the group in the low bits, the hash's high bits above them; 0 = free. Small, since it is read at random. */
  #slots = new Int32Array(FIRST_SLOTS);
  /** Hash of each group. */
  #groupHashes = new Int32Array(FIRST_SLOTS);
  readonly #scratch = new TextScratch();
  /** Hashes of a batch's rows. */
  #hashes = new Int32Array(0);
  readonly #codes = new CodeMemo(this);
  #nullGroup = ABSENT;
  #inserts = true;

  constructor(type: TypeInstance) {
    this.store = ColumnStore.ofBytes(type);
    this.#texts = this.store.texts(0)!;
  }

  get bytes(): number {
    return this.store.bytes + 4 * (this.#slots.length + this.#groupHashes.length);
  }

  reset(): void {
    this.#shrink();
    this.clear();
  }

  #shrink(): void {
    if (this.#slots.length > FIRST_SLOTS) {
      this.#slots = new Int32Array(FIRST_SLOTS);
      this.#groupHashes = new Int32Array(FIRST_SLOTS);
    } else this.#slots.fill(0);
  }

  clear(): void {
    if (this.store.size * KEPT_SPREAD < this.#slots.length) this.#shrink();
    else this.#slots.fill(0);
    this.store.reset();
    this.#scratch.reset();
    this.#codes.forget();
    this.#nullGroup = ABSENT;
  }

  assign(
    vector: Vector,
    selection: Int32Array | null,
    count: number,
    groups: Int32Array,
    inserts: boolean,
  ): void {
    if (inserts !== this.#inserts) this.#codes.forget();
    this.#inserts = inserts;
    if (vector.kind === 'dict') {
      this.#codes.assign(vector, selection, count, groups, inserts);
    } else if (vector.kind === 'utf8') {
      this.#assignBytes(vector, selection, count, groups);
    } else {
      const encoded =
        vector.kind === 'string' ? this.#scratch.encode(vector, selection, count) : null;
      if (encoded !== null) return this.#assignBytes(encoded, selection, count, groups);
      for (let i = 0; i < count; i++)
        groups[i] = this.datum(datumAt(vector, selection === null ? i : selection[i]!), inserts);
    }
  }

  /** Hashes, then candidates, then comparisons: loops without jumps, in which the machine looks up several rows at a time. */
  #assignBytes(
    vector: Utf8Vector,
    selection: Int32Array | null,
    count: number,
    groups: Int32Array,
  ): void {
    const {bytes, offsets, nulls} = vector;
    const view = viewOf(bytes);
    if (this.#hashes.length < count) this.#hashes = new Int32Array(Math.max(count, 1024));
    const hashes = this.#hashes;
    for (let i = 0; i < count; i++) {
      const at = selection === null ? i : selection[i]!;
      hashes[i] = hashBytes(view, bytes, offsets[at]!, offsets[at + 1]!);
    }
    this.#candidates(count, groups);
    const {offsets: starts, view: mine} = this.#texts;
    for (let i = 0; i < count; i++) {
      const at = selection === null ? i : selection[i]!;
      const from = offsets[at]!;
      const to = offsets[at + 1]!;
      const group = groups[i]!;
      if (nulls !== null && nulls[at] === 1) groups[i] = this.#null();
      else if (
        group < 0 ||
        starts[group + 1]! - starts[group]! !== to - from ||
        !isSame(mine, starts[group]!, view, from, to - from)
      )
        groups[i] = this.#find(hashes[i]!, bytes, view, from, to);
    }
  }

  /** The group in the first slot of each hash; negative when another hash is there. */
  #candidates(count: number, groups: Int32Array): void {
    const hashes = this.#hashes;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!;
      const entry = slots[hash & mask]!;
      groups[i] = ((entry ^ hash) & ~mask) === 0 ? (entry & mask) - 1 : ABSENT;
    }
  }

  #null(): number {
    if (this.#nullGroup === ABSENT && this.#inserts) {
      this.#nullGroup = this.store.size;
      this.store.appendRow([null]);
    }
    return this.#nullGroup;
  }

  datum(value: Datum, inserts: boolean): number {
    this.#inserts = inserts;
    if (value === null) return this.#null();
    const scratch = this.#scratch;
    const length = scratch.write(value as string, 0);
    const {bytes, view} = scratch;
    return this.#find(hashBytes(view, bytes, 0, length), bytes, view, 0, length);
  }

  #find(
    hash: number,
    bytes: Buffer,
    view: DataView<ArrayBufferLike>,
    from: number,
    to: number,
  ): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const {offsets, view: mine} = this.#texts;
    let slot = hash & mask;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === 0) return this.#inserts ? this.#insert(slot, hash, bytes, from, to) : ABSENT;
      if (((entry ^ hash) & ~mask) === 0) {
        const group = (entry & mask) - 1;
        const start = offsets[group]!;
        const length = offsets[group + 1]! - start;
        if (length === to - from && isSame(mine, start, view, from, length)) return group;
      }
      slot = (slot + 1) & mask;
    }
  }

  #insert(slot: number, hash: number, bytes: Buffer, from: number, to: number): number {
    const group = this.store.size;
    this.store.appendBytes(bytes, from, to);
    this.#slots[slot] = (group + 1) | (hash & ~(this.#slots.length - 1));
    if (group >= this.#groupHashes.length) this.#groupHashes = doubled(this.#groupHashes);
    this.#groupHashes[group] = hash;
    if (group * 2 > this.#slots.length - 4) this.#grow();
    return group;
  }

  #grow(): void {
    const hashes = this.#groupHashes;
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let group = 0; group < this.store.size; group++) {
      if (group === this.#nullGroup) continue;
      const hash = hashes[group]!;
      let slot = hash & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = (group + 1) | (hash & ~mask);
    }
    this.#slots = slots;
  }
}
