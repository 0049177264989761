import type {Datum} from './contract.ts';

/** A PostgreSQL array: row-major elements, dimension sizes and lower bounds (both empty for `{}`). Immutable. */
export class PgArray {
  readonly elements: readonly Datum[];
  readonly dims: readonly number[];
  readonly lowerBounds: readonly number[];

  constructor(elements: readonly Datum[], dims: readonly number[], lowerBounds: readonly number[]) {
    this.elements = elements;
    this.dims = dims;
    this.lowerBounds = lowerBounds;
  }

  /** A one-dimensional array with lower bound 1; no elements give `{}`. */
  static of(elements: readonly Datum[]): PgArray {
    return elements.length === 0 ? new PgArray([], [], []) : new PgArray(elements, [elements.length], [1]);
  }
}
