// Hot path: GROUP BY, DISTINCT, set operations and hash joins find their rows here.
import type {Vector} from '../columns/vector.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {CodeMemo} from './code-memo.ts';
import {ColumnStore, datumAt} from './column-store.ts';
import type {KeysOfColumn} from './keys-of-column.ts';
import {ABSENT, KEPT_SPREAD, mix, PairKeys} from './pair-keys.ts';
import {isByteOrdered} from './text-bytes.ts';
import {TextKeys} from './text-keys.ts';

const NO_INTS = new Int32Array(0);
/** An array of places may be this many times larger than the number of keys. */
const DIRECT_SPREAD = 8;

/**
 * Numbers distinct values of one column 0, 1, 2 ... in order of first appearance; NULL is one of them. Open addressing
 * over 32-bit hashes.
 */
class ColumnKeys implements KeysOfColumn {
  readonly #type: TypeInstance;
  readonly store: ColumnStore;
  #buckets = new Int32Array(64).fill(ABSENT);
  #hashes = new Int32Array(32);
  readonly #codes = new CodeMemo(this);
  #nullGroup = ABSENT;
  /** Group of each key where all keys are small whole numbers; null elsewhere. */
  #direct: Int32Array | null = null;
  #inserts = true;

  constructor(type: TypeInstance) {
    this.#type = type;
    this.store = new ColumnStore([type]);
  }

  get bytes(): number {
    return this.store.bytes + 16 * this.store.size;
  }

  reset(): void {
    this.#shrink();
    this.clear();
  }

  #shrink(): void {
    if (this.#buckets.length <= 64) return;
    this.#buckets = new Int32Array(64);
    this.#hashes = new Int32Array(32);
  }

  clear(): void {
    if (this.store.size * KEPT_SPREAD < this.#buckets.length) this.#shrink();
    this.store.reset();
    this.#buckets.fill(ABSENT);
    this.#codes.forget();
    this.#direct = null;
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
    const nulls = vector.nulls;
    switch (vector.kind) {
      case 'dict':
        return this.#codes.assign(vector, selection, count, groups, inserts);
      case 'int32':
        if (nulls === null) return this.#assignInts(vector.values, selection, count, groups);
        for (let i = 0; i < count; i++) {
          const at = selection === null ? i : selection[i]!;
          groups[i] = nulls[at] === 1 ? this.#null() : this.#int(vector.values[at]!);
        }
        return;
      case 'int64': {
        const {values} = vector;
        const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
        for (let i = 0; i < count; i++) {
          const at = selection === null ? i : selection[i]!;
          groups[i] =
            nulls !== null && nulls[at] === 1
              ? this.#null()
              : this.#long(halves[2 * at]!, halves[2 * at + 1]!, values, at);
        }
        return;
      }
      default:
        for (let i = 0; i < count; i++)
          groups[i] = this.datum(datumAt(vector, selection === null ? i : selection[i]!), inserts);
    }
  }

  /**
   * The loop of integer keys without NULLs: everything in locals, the slow path for new keys and for those that are not
   * in their first bucket.
   */
  #assignInts(
    values: Int32Array,
    selection: Int32Array | null,
    count: number,
    groups: Int32Array,
  ): void {
    if (this.#direct !== null) return this.#assignDirect(values, selection, count, groups);
    let buckets = this.#buckets;
    let ints = this.store.ints(0) ?? NO_INTS;
    let mask = buckets.length - 1;
    for (let i = 0; i < count; i++) {
      const value = values[selection === null ? i : selection[i]!]!;
      let hash = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
      hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
      const group = buckets[(hash ^ (hash >>> 16)) & mask]!;
      if (group !== ABSENT && ints[group] === value) {
        groups[i] = group;
        continue;
      }
      groups[i] = this.#int(value);
      buckets = this.#buckets;
      ints = this.store.ints(0) ?? NO_INTS;
      mask = buckets.length - 1;
    }
  }

  /** As #assignInts, while all keys are small numbers: they are places in an array. */
  #assignDirect(
    values: Int32Array,
    selection: Int32Array | null,
    count: number,
    groups: Int32Array,
  ): void {
    let direct = this.#direct ?? NO_INTS;
    const inserts = this.#inserts;
    for (let i = 0; i < count; i++) {
      const value = values[selection === null ? i : selection[i]!]!;
      const group = value >= 0 && value < direct.length ? direct[value]! : ABSENT;
      if (group !== ABSENT || !inserts) {
        groups[i] = group;
        continue;
      }
      groups[i] = this.#int(value);
      direct = this.#direct ?? NO_INTS;
    }
  }

  /** Called when the table has doubled: small keys get an array of places. */
  #buildDirect(): void {
    const ints = this.store.ints(0)!;
    const size = this.store.size;
    let largest = 0;
    for (let group = 0; group < size; group++) {
      const value = ints[group]!;
      if (value < 0 || value >= DIRECT_SPREAD * size) {
        this.#direct = null;
        return;
      }
      if (value > largest) largest = value;
    }
    const direct = new Int32Array(2 * largest + 1).fill(ABSENT);
    for (let group = 0; group < size; group++)
      if (group !== this.#nullGroup) direct[ints[group]!] = group;
    this.#direct = direct;
  }

  #null(): number {
    if (this.#nullGroup === ABSENT && this.#inserts) {
      this.#nullGroup = this.store.size;
      this.store.appendRow([null]);
      this.#grow(0);
    }
    return this.#nullGroup;
  }

  #int(value: number): number {
    const hash = mix(value);
    const mask = this.#buckets.length - 1;
    let slot = hash & mask;
    const ints = this.store.ints(0);
    for (;;) {
      const group = this.#buckets[slot]!;
      if (group === ABSENT) return this.#inserts ? this.#insert(slot, hash, value) : ABSENT;
      if (ints![group] === value) return group;
      slot = (slot + 1) & mask;
    }
  }

  #long(low: number, high: number, values: BigInt64Array, at: number): number {
    const hash = mix(low ^ Math.imul(high, 0x9e3779b1));
    const mask = this.#buckets.length - 1;
    let slot = hash & mask;
    const longs = this.store.longs(0);
    for (;;) {
      const group = this.#buckets[slot]!;
      if (group === ABSENT) return this.#inserts ? this.#insert(slot, hash, values[at]!) : ABSENT;
      if (this.#hashes[group] === hash && longs![group] === values[at]) return group;
      slot = (slot + 1) & mask;
    }
  }

  datum(value: Datum, inserts: boolean): number {
    this.#inserts = inserts;
    if (value === null) return this.#null();
    const hash = this.#hash(value);
    const mask = this.#buckets.length - 1;
    let slot = hash & mask;
    for (;;) {
      const group = this.#buckets[slot]!;
      if (group === ABSENT) return inserts ? this.#insert(slot, hash, value) : ABSENT;
      if (this.#hashes[group] === hash) {
        const mine = this.store.at(group, 0)!;
        if (mine === value || this.#type.equals(mine, value)) return group;
      }
      slot = (slot + 1) & mask;
    }
  }

  #hash(value: NonNullable<Datum>): number {
    if (this.#type.physical === 'int32') return mix(value as number);
    if (this.#type.physical === 'int64') {
      const low = Number(BigInt.asIntN(32, value as bigint));
      const high = Number(BigInt.asIntN(32, (value as bigint) >> 32n));
      return mix(low ^ Math.imul(high, 0x9e3779b1));
    }
    return this.#type.hash(value);
  }

  #insert(slot: number, hash: number, value: Datum): number {
    const group = this.store.size;
    this.store.appendRow([value]);
    this.#buckets[slot] = group;
    if (this.#direct !== null) {
      const at = value as number;
      if (at >= 0 && at < this.#direct.length) this.#direct[at] = group;
      else this.#direct = null;
    }
    this.#grow(hash);
    return group;
  }

  /** Room for the key appended last, whose hash is given. */
  #grow(hash: number): void {
    const size = this.store.size;
    if (size > this.#hashes.length) {
      const hashes = new Int32Array(this.#hashes.length * 2);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    this.#hashes[size - 1] = hash;
    if (size * 2 <= this.#buckets.length) return;
    const buckets = new Int32Array(this.#buckets.length * 2).fill(ABSENT);
    const mask = buckets.length - 1;
    for (let group = 0; group < size; group++) {
      if (group === this.#nullGroup) continue;
      let slot = this.#hashes[group]! & mask;
      while (buckets[slot] !== ABSENT) slot = (slot + 1) & mask;
      buckets[slot] = group;
    }
    this.#buckets = buckets;
    if (this.#type.physical === 'int32') this.#buildDirect();
  }
}

/**
 * Numbers distinct keys of one or more columns 0, 1, 2 ... in order of first appearance (NULLs are equal to each other).
 * Each column resolves to a small number of its own first (a dictionary code only once), then pairs of numbers are
 * combined: no row is boxed.
 */
export class KeyTable {
  readonly #columns: readonly KeysOfColumn[];
  readonly #pairs: readonly PairKeys[];
  /** Keys in order of their numbers. */
  readonly #keys: ColumnStore;
  #scratch = new Int32Array(1024);
  #size = 0;

  constructor(types: readonly TypeInstance[]) {
    this.#columns = types.map(type =>
      isByteOrdered(type) ? new TextKeys(type) : new ColumnKeys(type),
    );
    this.#pairs = types.slice(1).map(() => new PairKeys());
    this.#keys = types.length === 1 ? this.#columns[0]!.store : new ColumnStore(types);
  }

  get size(): number {
    return this.#columns.length === 1 ? this.#keys.size : this.#size;
  }

  get keys(): ColumnStore {
    return this.#keys;
  }

  /** Rough bytes held, for work_mem. */
  get bytes(): number {
    let bytes = 0;
    for (const column of this.#columns) bytes += column.bytes;
    return this.#columns.length > 1 ? bytes + this.size * 16 + this.#keys.bytes : bytes;
  }

  /** As reset, but keeps the room for as many keys again: for tables filled many times in one execution. */
  clear(): void {
    for (const column of this.#columns) column.clear();
    for (const pair of this.#pairs) pair.clear();
    this.#keys.reset();
    this.#size = 0;
  }

  reset(): void {
    for (const column of this.#columns) column.reset();
    for (const pair of this.#pairs) pair.reset();
    this.#keys.reset();
    this.#size = 0;
  }

  /**
   * Writes the key number of each of the `count` live rows to groups[0..count); unknown keys are added, or ABSENT when
   * `inserts` is false.
   */
  assign(
    vectors: readonly Vector[],
    selection: Int32Array | null,
    count: number,
    groups: Int32Array,
    inserts = true,
  ): void {
    const columns = this.#columns;
    if (columns.length === 0) {
      groups.fill(this.#size === 0 && !inserts ? ABSENT : 0, 0, count);
      if (inserts && count > 0) this.#size = 1;
      return;
    }
    columns[0]!.assign(vectors[0]!, selection, count, groups, inserts);
    if (columns.length === 1) return;
    if (this.#scratch.length < count) this.#scratch = new Int32Array(count);
    const scratch = this.#scratch;
    for (let c = 1; c < columns.length; c++) {
      columns[c]!.assign(vectors[c]!, selection, count, scratch, inserts);
      this.#pairs[c - 1]!.assign(groups, scratch, count, inserts);
    }
    if (this.#pairs[columns.length - 2]!.size === this.#size) return;
    for (let i = 0; i < count; i++)
      if (groups[i] === this.#size) this.#remember(vectors, selection === null ? i : selection[i]!);
  }

  #remember(vectors: readonly Vector[], row: number): void {
    this.#keys.appendRow(vectors.map(vector => datumAt(vector, row)));
    this.#size++;
  }

  /** The number of one key; added when new and `inserts`, else ABSENT. */
  number(key: readonly Datum[], inserts: boolean): number {
    const columns = this.#columns;
    if (columns.length === 0) {
      if (inserts) this.#size = 1;
      return this.#size === 0 ? ABSENT : 0;
    }
    let group = columns[0]!.datum(key[0]!, inserts);
    for (let c = 1; c < columns.length; c++)
      group = this.#pairs[c - 1]!.number(group, columns[c]!.datum(key[c]!, inserts), inserts);
    if (columns.length > 1 && group === this.#size) {
      this.#keys.appendRow(key);
      this.#size++;
    }
    return group;
  }
}
