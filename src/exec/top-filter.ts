// Hot path of ORDER BY ... LIMIT: most rows are turned away by one comparison.
import type {Batch} from '../columns/batch.ts';
import type {TextDictionary, Vector} from '../columns/vector.ts';
import {BATCH_CAPACITY} from '../columns/vector.ts';
import type {Datum} from '../types/contract.ts';
import {datumAt} from './column-store.ts';
import type {OrderKey} from './row-order.ts';
import {compareDatums} from './sort-keys.ts';

/** Keeps the rows of a batch that come before a given worst row. */
export class TopFilter {
  readonly #keys: readonly OrderKey[];
  readonly #selection = new Int32Array(BATCH_CAPACITY);
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #worst: readonly Datum[] = [];
  #dictionary: TextDictionary | null = null;
  /** Per dictionary code: 0 unknown, 1 before or equal, 2 after. */
  #codes = new Uint8Array(0);

  constructor(keys: readonly OrderKey[]) {
    this.#keys = keys;
  }

  set worst(values: readonly Datum[]) {
    this.#worst = values;
    this.#dictionary = null;
  }

  /** The rows that may be among the best; null when there is none. */
  select(batch: Batch): Batch | null {
    const found = this.#byFirstKey(batch);
    let kept = 0;
    const selection = this.#selection;
    for (let i = 0; i < found; i++)
      if (this.#isBefore(batch, selection[i]!)) selection[kept++] = selection[i]!;
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
    const worst = this.#worst[0]!;
    const {nulls} = vector;
    if (worst !== null && (nulls === null || !key.nullsFirst)) {
      if (vector.kind === 'int32')
        return this.#byNumber(batch, vector.values, nulls, worst as number, key.descending);
      if (vector.kind === 'int64')
        return this.#byLong(batch, vector.values, nulls, worst as bigint, key.descending);
      if (vector.kind === 'float64' && worst === worst && !key.descending)
        return this.#byNumber(batch, vector.values, nulls, worst as number, false);
      if (vector.kind === 'dict') return this.#byCode(batch, vector, worst, key);
    }
    const {selection, count} = batch;
    if (selection === null) for (let i = 0; i < count; i++) this.#selection[i] = i;
    else this.#selection.set(selection.subarray(0, count));
    return count;
  }

  #byNumber(
    batch: Batch,
    values: Int32Array | Float64Array,
    nulls: Uint8Array | null,
    worst: number,
    descending: boolean,
  ): number {
    const {selection, count} = batch;
    const out = this.#selection;
    let found = 0;
    if (selection === null && nulls === null) {
      if (descending) {
        for (let i = 0; i < count; i++) if (values[i]! >= worst) out[found++] = i;
      } else for (let i = 0; i < count; i++) if (values[i]! <= worst) out[found++] = i;
      return found;
    }
    for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      if (nulls !== null && nulls[row] === 1) continue;
      if (descending ? values[row]! >= worst : values[row]! <= worst) out[found++] = row;
    }
    return found;
  }

  #byLong(
    batch: Batch,
    values: BigInt64Array,
    nulls: Uint8Array | null,
    worst: bigint,
    descending: boolean,
  ): number {
    const {selection, count} = batch;
    const out = this.#selection;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      if (nulls !== null && nulls[row] === 1) continue;
      if (descending ? values[row]! >= worst : values[row]! <= worst) out[found++] = row;
    }
    return found;
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

  #isBefore(batch: Batch, row: number): boolean {
    for (let k = 0; k < this.#keys.length; k++) {
      const key = this.#keys[k]!;
      const order = compareDatums(
        key.type,
        datumAt(batch.vectors[key.column]!, row),
        this.#worst[k]!,
        key.descending,
        key.nullsFirst,
      );
      if (order !== 0) return order < 0;
    }
    return false;
  }
}
