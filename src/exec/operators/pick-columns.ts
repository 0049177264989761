import type {Batch} from '../../columns/batch.ts';
import type {Operator, RunContext} from '../operator.ts';
import {END, PAUSE} from '../operator.ts';

/** Hands on its input's columns in another order; no row is touched. */
export class PickColumns implements Operator {
  readonly #input: Operator;
  readonly #columns: readonly number[];
  readonly #out: Batch = {count: 0, selection: null, vectors: []};

  constructor(input: Operator, columns: readonly number[]) {
    this.#input = input;
    this.#columns = columns;
  }

  open(run: RunContext): void {
    this.#input.open(run);
  }

  next(wanted: number): Batch | typeof END | typeof PAUSE {
    const batch = this.#input.next(wanted);
    if (batch === END || batch === PAUSE) return batch;
    const out = this.#out;
    for (let i = 0; i < this.#columns.length; i++)
      out.vectors[i] = batch.vectors[this.#columns[i]!]!;
    out.selection = batch.selection;
    out.count = batch.count;
    return out;
  }

  close(): void {
    this.#input.close();
  }
}
