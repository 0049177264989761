// Hot path: every flushed value passes `append` on the main thread.
import type {DictVector, StringVector, Utf8Vector, Vector} from '../../columns/vector.ts';
import {ByteWriter} from '../../common/byte-writer.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Datum, ParquetForm, TypeInstance, Value} from '../../types/contract.ts';
import {readCell} from '../hot/cells.ts';
import type {AcceptKind, ColumnData, ColumnPlan} from './column-plan.ts';
import {acceptKind} from './column-plan.ts';
import {Xxhash64} from './xxhash64.ts';

const FIRST_ROWS = 256;
const FIRST_ARENA = 2048;
/** Offsets are 32-bit. */
const MAX_TOTAL = 0x7fffffff;
const MAX_ARENA = 1024 * 1024;
/** jsonb and json: their order is of no use for pruning and dear to compute. */
const UNRANKED_OIDS: readonly number[] = [114, 142, 3802];

type FixedArray = Uint8Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

/** Smallest and largest value by the type's own compare, for types that Parquet's order does not fit. */
export interface ValueRange {
  readonly min: Value | null;
  readonly max: Value | null;
  /** False when the type has no order: nothing is known. */
  readonly isKnown: boolean;
}

type NumberVector = Extract<Vector, {kind: 'int32' | 'int64' | 'float64' | 'bool'}>;

/** Whether the smallest and largest value are to be found by the type's own compare. */
export function isRankedType(plan: ColumnPlan, type: TypeInstance): boolean {
  return !plan.hasStats && !'ACRX'.includes(type.category) && !UNRANKED_OIDS.includes(type.oid);
}

/** Gathers Datums of one column into typed arrays and byte arenas for the encoder. */
export class ColumnBuilder {
  readonly #plan: ColumnPlan;
  readonly #type: TypeInstance;
  readonly #form: ParquetForm;
  readonly #accept: AcceptKind;
  #rows = 0;
  #values: FixedArray | null = null;
  #nulls: Uint8Array | null = null;
  #offsets: Int32Array | null = null;
  #total = 0;
  #arena: Buffer = Buffer.alloc(0);
  #arenaUsed = 0;
  #arenas: Uint8Array[] = [];
  #arenaLengths: number[] = [];
  #keyHashes: Uint32Array | null = null;
  readonly #data: Datum[] = [];
  readonly #hash = new Xxhash64();
  readonly #key = new ByteWriter(64);
  #isRanked: boolean;
  #min: Value | null = null;
  #max: Value | null = null;

  constructor(plan: ColumnPlan, type: TypeInstance) {
    this.#plan = plan;
    this.#type = type;
    this.#form = type.parquet;
    this.#accept = acceptKind(type);
    this.#isRanked = isRankedType(plan, type);
    this.#grow(0);
  }

  /** Bytes gathered for the running row group. */
  get size(): number {
    return this.#total + (this.#values?.BYTES_PER_ELEMENT ?? 4) * this.#rows;
  }

  /** By the type's compare over all rows so far, also of earlier groups; only where the plan has no statistics. */
  get range(): ValueRange {
    return {min: this.#min, max: this.#max, isKnown: this.#isRanked};
  }

  append(data: readonly Datum[], from: number, to: number): void {
    this.#grow(this.#rows + to - from);
    if (this.#accept === 'text') this.#appendText(data, from, to);
    else if (this.#accept === 'uuid') this.#appendUuid(data, from, to);
    else if (this.#accept === 'encode') this.#appendEncoded(data, from, to);
    else if (this.#values instanceof BigInt64Array) this.#appendInt64(this.#values, data, from, to);
    else this.#appendNumbers(this.#values as Float64Array, data, from, to);
    if (this.#isRanked) this.#rank(data, from, to);
    if (this.#plan.keyBloom !== null) this.#hashKeys(data, from, to);
    this.#rows += to - from;
    this.#checkTotal();
  }

  /** The same from rows slots[from .. to) of a vector: values are copied without a Datum for each where that can be. */
  appendVector(vector: Vector, slots: Int32Array, from: number, to: number): void {
    const isLooked = this.#isRanked || this.#plan.keyBloom !== null;
    if (isLooked || !this.#canCopy(vector)) {
      const data = this.#data;
      data.length = 0;
      for (let i = from; i < to; i++) data.push(readCell(vector, slots[i]!));
      this.append(data, 0, to - from);
      return;
    }
    this.#grow(this.#rows + to - from);
    if (vector.nulls !== null) this.#copyNulls(vector.nulls, slots, from, to);
    if (vector.kind === 'utf8') this.#copyUtf8(vector, slots, from, to);
    else if (this.#offsets !== null)
      this.#copyTexts(vector as StringVector | DictVector, slots, from, to);
    else this.#copyNumbers(vector as NumberVector, slots, from, to);
    this.#rows += to - from;
    this.#checkTotal();
  }

  /** The gathered rows; the builder is empty afterwards. */
  take(): ColumnData {
    if (this.#arenaUsed > 0) {
      this.#arenas.push(this.#arena);
      this.#arenaLengths.push(this.#arenaUsed);
    }
    const data: ColumnData = {
      rows: this.#rows,
      nulls: this.#nulls,
      values: this.#values,
      arenas: this.#arenas,
      arenaLengths: this.#arenaLengths,
      offsets: this.#offsets,
      keyHashes: this.#keyHashes?.subarray(0, this.#rows * 2) ?? null,
    };
    this.#rows = 0;
    this.#total = 0;
    this.#values = null;
    this.#nulls = null;
    this.#offsets = null;
    this.#arenas = [];
    this.#arenaLengths = [];
    this.#arena = Buffer.alloc(0);
    this.#arenaUsed = 0;
    this.#keyHashes = null;
    return data;
  }

  #checkTotal(): void {
    if (this.#total <= MAX_TOTAL) return;
    throw new PgError(
      SqlState.programLimitExceeded,
      `column "${this.#plan.name}" has too many bytes for one row group`,
    );
  }

  #canCopy({kind}: Vector): boolean {
    if (this.#accept === 'text') return kind === 'dict' || kind === 'string' || kind === 'utf8';
    if (this.#accept === 'uuid') return kind === 'utf8';
    return (
      this.#accept === 'direct' &&
      kind !== 'boxed' &&
      kind !== 'dict' &&
      kind !== 'string' &&
      kind !== 'utf8'
    );
  }

  #copyNulls(nulls: Uint8Array, slots: Int32Array, from: number, to: number): void {
    for (let i = from; i < to; i++)
      if (nulls[slots[i]!] === 1) this.#markNull(this.#rows + i - from);
  }

  #copyNumbers(vector: NumberVector, slots: Int32Array, from: number, to: number): void {
    const values = this.#values!;
    const at = this.#rows - from;
    if (values instanceof BigInt64Array && vector.kind === 'float64') {
      const words = new Int32Array(values.buffer);
      for (let i = from; i < to; i++) {
        const value = vector.values[slots[i]!]!;
        words[(at + i) * 2] = value | 0;
        words[(at + i) * 2 + 1] = Math.floor(value / 4294967296);
      }
    } else if (vector.kind === 'int64') {
      const words = new Int32Array(values.buffer);
      const source = vector.values;
      const halves = new Int32Array(source.buffer, source.byteOffset, source.length * 2);
      for (let i = from; i < to; i++) {
        const slot = slots[i]! * 2;
        words[(at + i) * 2] = halves[slot]!;
        words[(at + i) * 2 + 1] = halves[slot + 1]!;
      }
    } else {
      const source = vector.values as Float64Array;
      const target = values as Float64Array;
      for (let i = from; i < to; i++) target[at + i] = source[slots[i]!]!;
    }
  }

  #copyUtf8(vector: Utf8Vector, slots: Int32Array, from: number, to: number): void {
    const {bytes, offsets: places, nulls} = vector;
    const offsets = this.#offsets!;
    const isUuid = this.#accept === 'uuid';
    let at = this.#rows;
    for (let i = from; i < to; i++) {
      const slot = slots[i]!;
      if (nulls === null || nulls[slot] === 0) {
        const start = places[slot]!;
        const length = places[slot + 1]! - start;
        const size = isUuid ? 16 : length;
        if (this.#arena.length - this.#arenaUsed < size) this.#nextArena(size);
        if (isUuid) writeUuidBytes(bytes, start, this.#arena, this.#arenaUsed);
        else copyBytes(bytes, start, length, this.#arena, this.#arenaUsed);
        this.#arenaUsed += size;
        this.#total += size;
      }
      offsets[++at] = this.#total;
    }
  }

  #copyTexts(vector: StringVector | DictVector, slots: Int32Array, from: number, to: number): void {
    const offsets = this.#offsets!;
    const {nulls} = vector;
    let at = this.#rows;
    for (let i = from; i < to; i++) {
      const slot = slots[i]!;
      if (nulls === null || nulls[slot] === 0)
        this.#text(
          vector.kind === 'dict'
            ? vector.dictionary.get(vector.values[slot]!)
            : vector.values[slot]!,
        );
      offsets[++at] = this.#total;
    }
  }

  #appendNumbers(values: Float64Array, data: readonly Datum[], from: number, to: number): void {
    let at = this.#rows;
    for (let i = from; i < to; i++, at++) {
      const value = data[i] as number | null;
      if (value === null) this.#markNull(at);
      else values[at] = value;
    }
  }

  #appendInt64(values: BigInt64Array, data: readonly Datum[], from: number, to: number): void {
    let at = this.#rows;
    for (let i = from; i < to; i++, at++) {
      const value = data[i] as bigint | null;
      if (value === null) this.#markNull(at);
      else values[at] = value;
    }
  }

  #appendText(data: readonly Datum[], from: number, to: number): void {
    const offsets = this.#offsets!;
    let at = this.#rows;
    for (let i = from; i < to; i++) {
      const value = data[i] as string | null;
      if (value === null) this.#markNull(at);
      else this.#text(value);
      offsets[++at] = this.#total;
    }
  }

  #appendUuid(data: readonly Datum[], from: number, to: number): void {
    const offsets = this.#offsets!;
    let at = this.#rows;
    for (let i = from; i < to; i++) {
      const value = data[i] as string | null;
      if (value === null) {
        this.#markNull(at);
      } else {
        if (this.#arena.length - this.#arenaUsed < 16) this.#nextArena(16);
        writeUuid(value, this.#arena, this.#arenaUsed);
        this.#arenaUsed += 16;
        this.#total += 16;
      }
      offsets[++at] = this.#total;
    }
  }

  #appendEncoded(data: readonly Datum[], from: number, to: number): void {
    const values = this.#values;
    let at = this.#rows;
    for (let i = from; i < to; i++, at++) {
      const value = data[i] as Datum;
      if (value === null) {
        this.#markNull(at);
      } else {
        const stored = this.#form.encode(value);
        if (values !== null) values[at] = stored as never;
        else if (typeof stored === 'string') this.#text(stored);
        else this.#bytes(stored as Uint8Array);
      }
      if (values === null) this.#offsets![at + 1] = this.#total;
    }
  }

  #text(value: string): void {
    const size = value.length;
    if (this.#arena.length - this.#arenaUsed < size * 3) this.#nextArena(size * 3);
    const arena = this.#arena;
    const start = this.#arenaUsed;
    let at = start;
    if (size <= 40) {
      for (let i = 0; i < size; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) {
          at = -1;
          break;
        }
        arena[at++] = code;
      }
    } else {
      at = -1;
    }
    if (at === -1) at = start + arena.utf8Write(value, start);
    this.#arenaUsed = at;
    this.#total += at - start;
  }

  #bytes(value: Uint8Array): void {
    const size = value.length;
    if (this.#arena.length - this.#arenaUsed < size) this.#nextArena(size);
    this.#arena.set(value, this.#arenaUsed);
    this.#arenaUsed += size;
    this.#total += size;
  }

  #nextArena(size: number): void {
    if (this.#arenaUsed > 0) {
      this.#arenas.push(this.#arena);
      this.#arenaLengths.push(this.#arenaUsed);
    }
    const next = Math.min(MAX_ARENA, Math.max(FIRST_ARENA, this.#arena.length * 4));
    this.#arena = Buffer.allocUnsafeSlow(Math.max(size, next));
    this.#arenaUsed = 0;
  }

  #markNull(at: number): void {
    this.#nulls ??= new Uint8Array(this.#capacity());
    this.#nulls[at] = 1;
  }

  #capacity(): number {
    return this.#values?.length ?? this.#offsets!.length - 1;
  }

  #grow(rows: number): void {
    const has = this.#values?.length ?? (this.#offsets === null ? -1 : this.#offsets.length - 1);
    if (has >= rows && has >= 0) return;
    let capacity = Math.max(has, FIRST_ROWS);
    while (capacity < rows) capacity *= 4;
    if (this.#plan.kind === 'bytes') {
      this.#offsets = grown(new Int32Array(capacity + 1), this.#offsets);
    } else {
      this.#values = grown(newValues(this.#plan, capacity), this.#values);
    }
    if (this.#nulls !== null) this.#nulls = grown(new Uint8Array(capacity), this.#nulls);
    if (this.#plan.keyBloom !== null) {
      this.#keyHashes = grown(new Uint32Array(capacity * 2), this.#keyHashes);
    }
  }

  #rank(data: readonly Datum[], from: number, to: number): void {
    const type = this.#type;
    try {
      for (let i = from; i < to; i++) {
        const value = data[i] as Datum;
        if (value === null) continue;
        if (this.#min === null || type.compare(value, this.#min) < 0) this.#min = value;
        if (this.#max === null || type.compare(value, this.#max) > 0) this.#max = value;
      }
    } catch {
      this.#isRanked = false;
    }
  }

  #hashKeys(data: readonly Datum[], from: number, to: number): void {
    const hashes = this.#keyHashes!;
    let at = this.#rows * 2;
    for (let i = from; i < to; i++, at += 2) {
      const value = data[i] as Datum;
      if (value === null) continue;
      hashKey(this.#type, value, this.#key, this.#hash);
      hashes[at] = this.#hash.low;
      hashes[at + 1] = this.#hash.high;
    }
  }
}

/** Hashes the canonical key bytes of a value; the result is left in `hash`. */
export function hashKey(type: TypeInstance, value: Value, key: ByteWriter, hash: Xxhash64): void {
  key.reset();
  type.writeKey(value, key);
  hash.bytes(key.buffer, 0, key.length);
}

function grown<A extends FixedArray | Uint32Array>(to: A, from: A | null): A {
  if (from !== null) to.set(from as never);
  return to;
}

function newValues(plan: ColumnPlan, capacity: number): FixedArray {
  switch (plan.kind) {
    case 'int32':
      return new Int32Array(capacity);
    case 'int64':
      return new BigInt64Array(capacity);
    case 'float32':
      return new Float32Array(capacity);
    case 'float64':
      return new Float64Array(capacity);
    default:
      return new Uint8Array(capacity);
  }
}

/** Writes the 16 bytes of a 36-character uuid. */
export function writeUuid(text: string, into: Uint8Array, at: number): void {
  let to = at;
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) i++;
    into[to++] = (nibble(text.charCodeAt(i)) << 4) | nibble(text.charCodeAt(i + 1));
  }
}

function writeUuidBytes(text: Buffer, from: number, into: Uint8Array, at: number): void {
  let to = at;
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) i++;
    into[to++] = (nibble(text[from + i]!) << 4) | nibble(text[from + i + 1]!);
  }
}

/** A call costs as much as some forty bytes one by one. */
function copyBytes(bytes: Buffer, from: number, size: number, into: Buffer, at: number): void {
  if (size > 40) bytes.copy(into, at, from, from + size);
  else for (let i = 0; i < size; i++) into[at + i] = bytes[from + i]!;
}

function nibble(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87;
}
