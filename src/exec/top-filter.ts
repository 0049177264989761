// Hot path of ORDER BY ... LIMIT: most rows are turned away by one comparison.
import type {Batch} from '../columns/batch.ts';
import type {TextDictionary, Utf8Vector, Vector} from '../columns/vector.ts';
import {BATCH_CAPACITY} from '../columns/vector.ts';
import type {Datum} from '../types/contract.ts';
import {datumAt} from './column-store.ts';
import type {OrderKey} from './row-order.ts';
import {compareDatums} from './sort-keys.ts';
import {isByteOrdered} from './text-bytes.ts';
import {TopScores} from './top-scores.ts';

/** Doubles are within this of the 64-bit integers that they stand for. */
const ROUNDING = 2048n;
const LARGEST_BOUND = 2 ** 63 - 8192;

/** Keeps the rows of a batch that may be among the best: by their first key, then by the worst row of those known. */
export class TopFilter {
  readonly #keys: readonly OrderKey[];
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #scores: TopScores;
  /** The last of the best rows when they were ordered last: later ones that are equal come after it. */
  #worst: readonly Datum[] = [];
  /** Its texts as UTF-8, where they are in the order of their bytes. */
  #worstBytes: readonly (Buffer | null)[] = [];
  /** Its 64-bit integers by halves, and those of the batch at hand: a BigInt of each row would be made. */
  #worstHalves: readonly (Int32Array | null)[] = [];
  readonly #halves: (Int32Array | null)[] = [];
  #hasWorst = false;
  #dictionary: TextDictionary | null = null;
  /** Per dictionary code: 0 unknown, 1 before or equal, 2 after. */
  #codes = new Uint8Array(0);

  constructor(keys: readonly OrderKey[]) {
    this.#keys = keys;
    this.#scores = new TopScores(keys[0]!);
  }

  /** Begins anew: the best `limit` rows are looked for, at least one. */
  reset(limit: number): void {
    this.#hasWorst = false;
    this.#scores.reset(limit);
  }

  set worst(values: readonly Datum[]) {
    this.#worst = values;
    this.#worstBytes = values.map((value, k) =>
      typeof value === 'string' && isByteOrdered(this.#keys[k]!.type) ? Buffer.from(value) : null,
    );
    this.#worstHalves = values.map(value =>
      typeof value === 'bigint' ? halvesOf(BigInt64Array.of(value)) : null,
    );
    this.#hasWorst = true;
    this.#dictionary = null;
  }

  /** A first key that is no better than any that may still be among the best; undefined while all may. */
  bound(): NonNullable<Datum> | undefined {
    const {type, descending} = this.#keys[0]!;
    const number = this.#scores.bound;
    if (number === undefined) return this.#hasWorst ? (this.#worst[0] ?? undefined) : undefined;
    if (type.physical !== 'int64') return number;
    if (Math.abs(number) > LARGEST_BOUND) return undefined;
    return BigInt(number) + (descending ? -ROUNDING : ROUNDING);
  }

  /** The rows that may be among the best; null when there is none. */
  select(batch: Batch): Batch | null {
    const found = this.#byFirstKey(batch);
    let kept = 0;
    const selection = this.#selection;
    if (!this.#hasWorst) kept = found;
    else if (found > 0) {
      this.#readHalves(batch);
      for (let i = 0; i < found; i++)
        if (this.#isBefore(batch, selection[i]!)) selection[kept++] = selection[i]!;
    }
    if (kept === 0) return null;
    this.#out.vectors = batch.vectors;
    this.#out.selection = selection;
    this.#out.count = kept;
    return this.#out;
  }

  /** Candidates by the first key alone: rows that are not after the worst one. */
  #byFirstKey(batch: Batch): number {
    const key = this.#keys[0]!;
    const vector = batch.vectors[key.column]!;
    const worst = this.#hasWorst ? this.#worst[0]! : null;
    const {nulls} = vector;
    const scored = this.#scores.select(batch, vector, this.#selection);
    if (scored >= 0) return scored;
    if (vector.kind === 'dict' && worst !== null && (nulls === null || !key.nullsFirst))
      return this.#byCode(batch, vector, worst, key);
    const {selection, count} = batch;
    if (selection === null) for (let i = 0; i < count; i++) this.#selection[i] = i;
    else this.#selection.set(selection.subarray(0, count));
    return count;
  }

  #byCode(
    batch: Batch,
    vector: Extract<Vector, {kind: 'dict'}>,
    worst: NonNullable<Datum>,
    key: OrderKey,
  ): number {
    const {selection, count} = batch;
    const {values, nulls, dictionary} = vector;
    if (this.#dictionary !== dictionary || this.#codes.length < dictionary.size) {
      this.#dictionary = dictionary;
      this.#codes = new Uint8Array(dictionary.size);
    }
    const codes = this.#codes;
    const out = this.#selection;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      if (nulls !== null && nulls[row] === 1) continue;
      const code = values[row]!;
      if (codes[code] === 0) {
        const order = key.type.compare(dictionary.get(code), worst);
        codes[code] = (key.descending ? -order : order) <= 0 ? 1 : 2;
      }
      if (codes[code] === 1) out[found++] = row;
    }
    return found;
  }

  #readHalves(batch: Batch): void {
    for (let k = 0; k < this.#keys.length; k++) {
      const vector = batch.vectors[this.#keys[k]!.column]!;
      const isLong = vector.kind === 'int64' && this.#worstHalves[k]! !== null;
      this.#halves[k] = isLong ? halvesOf(vector.values) : null;
    }
  }

  #isBefore(batch: Batch, row: number): boolean {
    for (let k = 0; k < this.#keys.length; k++) {
      const key = this.#keys[k]!;
      const order = this.#compare(batch.vectors[key.column]!, row, k, key);
      if (order !== 0) return order < 0;
    }
    return false;
  }

  #compare(vector: Vector, row: number, k: number, key: OrderKey): number {
    const bytes = vector.kind === 'utf8' ? this.#worstBytes[k]! : null;
    const halves = this.#halves[k]!;
    if ((bytes === null && halves === null) || isNullAt(vector, row)) {
      const value = datumAt(vector, row);
      return compareDatums(key.type, value, this.#worst[k]!, key.descending, key.nullsFirst);
    }
    const order =
      halves === null
        ? compareBytes(vector as Utf8Vector, row, bytes!)
        : compareHalves(halves, row, this.#worstHalves[k]!);
    return key.descending ? -order : order;
  }
}

function halvesOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}

function compareHalves(halves: Int32Array, row: number, other: Int32Array): number {
  const high = halves[2 * row + 1]! - other[1]!;
  return high !== 0 ? high : (halves[2 * row]! >>> 0) - (other[0]! >>> 0);
}

function isNullAt({nulls}: Vector, row: number): boolean {
  return nulls !== null && nulls[row] === 1;
}

function compareBytes({bytes, offsets}: Utf8Vector, row: number, other: Buffer): number {
  const from = offsets[row]!;
  const length = offsets[row + 1]! - from;
  const common = Math.min(length, other.length);
  for (let i = 0; i < common; i++) {
    const difference = bytes[from + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return length - other.length;
}
