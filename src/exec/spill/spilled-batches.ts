import type {Batch} from '../../columns/batch.ts';
import {END} from '../operator.ts';
import type {SpillReader} from './spill-file.ts';

/** Batches of a reader in portions of at most `wanted` rows. */
export class SpilledBatches {
  readonly #reader: SpillReader;
  readonly #part: Batch = {count: 0, selection: null, vectors: []};
  #selection = new Int32Array(0);
  #batch: Batch | null = null;
  #at = 0;

  constructor(reader: SpillReader) {
    this.#reader = reader;
  }

  next(wanted: number): Batch | typeof END {
    if (this.#batch === null) {
      const batch = this.#reader.next();
      if (batch === END || batch.count <= wanted) return batch;
      this.#batch = batch;
      this.#at = 0;
    }
    const batch = this.#batch;
    const count = Math.min(wanted, batch.count - this.#at);
    if (this.#selection.length < count) this.#selection = new Int32Array(count);
    for (let i = 0; i < count; i++) this.#selection[i] = this.#at + i;
    this.#at += count;
    if (this.#at === batch.count) this.#batch = null;
    this.#part.vectors = batch.vectors;
    this.#part.selection = this.#selection;
    this.#part.count = count;
    return this.#part;
  }
}
