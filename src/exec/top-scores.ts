// Hot path of ORDER BY ... LIMIT.
import type {Batch} from '../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../columns/vector.ts';

/** What a key's order depends on. */
interface Direction {
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

const FIRST_ROOM = 16;

/**
 * The best keys so far as numbers, greater is better: a row below the last of them cannot be among the best. 64-bit integers are
 * rounded to doubles, which keeps their order but for ties; rows that tie pass.
 */
export class TopScores {
  readonly #sign: number;
  readonly #nullScore: number;
  readonly #scores = new Float64Array(BATCH_CAPACITY);
  /** A heap with the least score at its top. */
  #heap = new Float64Array(FIRST_ROOM);
  #size = 0;
  #limit = 0;

  constructor({descending, nullsFirst}: Direction) {
    this.#sign = descending ? 1 : -1;
    this.#nullScore = nullsFirst ? Infinity : -Infinity;
  }

  /** Begins anew: the best `limit` rows are looked for, at least one. */
  reset(limit: number): void {
    this.#limit = limit;
    this.#size = 0;
  }

  /** Writes the rows that may be among the best to `out`, ascending; -1 when the vector holds no numbers. */
  select(batch: Batch, vector: Vector, out: Int32Array): number {
    if (!this.#score(batch, vector)) return -1;
    const {selection, count} = batch;
    const scores = this.#scores;
    // Rows that come in ascending order would all pass: the last ones first.
    const isBackward = scores[count - 1]! > scores[0]!;
    const step = isBackward ? -1 : 1;
    let least = this.#least();
    let found = 0;
    for (let i = isBackward ? count - 1 : 0, left = count; left > 0; i += step, left--) {
      const score = scores[i]!;
      if (score < least) continue;
      out[found++] = selection === null ? i : selection[i]!;
      if (score > least || this.#size < this.#limit) {
        this.#add(score);
        least = this.#least();
      }
    }
    if (isBackward) out.subarray(0, found).reverse();
    return found;
  }

  /** A number no better than any key that may still be among the best; undefined while all may. */
  get bound(): number | undefined {
    const least = this.#least();
    return least === -Infinity || least === Infinity ? undefined : this.#sign * least;
  }

  #least(): number {
    return this.#size < this.#limit ? -Infinity : this.#heap[0]!;
  }

  #score(batch: Batch, vector: Vector): boolean {
    const {selection, count} = batch;
    switch (vector.kind) {
      case 'int32':
        this.#ofInts(vector.values, selection, count);
        break;
      case 'float64':
        this.#ofFloats(vector.values, selection, count);
        break;
      case 'int64': {
        const {values} = vector;
        const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
        this.#ofLongs(halves, selection, count);
        break;
      }
      default:
        return false;
    }
    const {nulls} = vector;
    if (nulls === null) return true;
    for (let i = 0; i < count; i++)
      if (nulls[selection === null ? i : selection[i]!] === 1) this.#scores[i] = this.#nullScore;
    return true;
  }

  #ofInts(values: Int32Array, selection: Int32Array | null, count: number): void {
    const scores = this.#scores;
    const sign = this.#sign;
    for (let i = 0; i < count; i++)
      scores[i] = sign * values[selection === null ? i : selection[i]!]!;
  }

  /** NaN is greatest. */
  #ofFloats(values: Float64Array, selection: Int32Array | null, count: number): void {
    const scores = this.#scores;
    const sign = this.#sign;
    for (let i = 0; i < count; i++) {
      const value = values[selection === null ? i : selection[i]!]!;
      scores[i] = sign * (value === value ? value : Infinity);
    }
  }

  #ofLongs(halves: Int32Array, selection: Int32Array | null, count: number): void {
    const scores = this.#scores;
    const sign = this.#sign;
    for (let i = 0; i < count; i++) {
      const at = 2 * (selection === null ? i : selection[i]!);
      scores[i] = sign * (halves[at + 1]! * 0x1_0000_0000 + (halves[at]! >>> 0));
    }
  }

  #add(score: number): void {
    if (this.#size < this.#limit) {
      if (this.#size === this.#heap.length) this.#grow();
      this.#rise(score, this.#size++);
    } else this.#sink(score);
  }

  #rise(score: number, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= score) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = score;
  }

  /** Takes the place of the least score. */
  #sink(score: number): void {
    const heap = this.#heap;
    const size = this.#size;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= score) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = score;
  }

  #grow(): void {
    const heap = new Float64Array(this.#heap.length * 2);
    heap.set(this.#heap);
    this.#heap = heap;
  }
}
