import type {Vector} from './vector.ts';

/**
 * The executor's one currency: columns for up to BATCH_CAPACITY rows.
 * Owned by the operator that made it and valid until its next `next`, `open` or `close`; vectors may be shared with
 * storage, so nobody writes into an input batch.
 * `selection` null: rows 0 .. count-1 are live. Otherwise live rows are selection[0 .. count-1], ascending.
 */
export interface Batch {
  /** Number of live rows. */
  count: number;
  selection: Int32Array | null;
  vectors: Vector[];
}

/** A batch of no columns and no rows, to be filled. */
export function emptyBatch(): Batch {
  return {count: 0, selection: null, vectors: []};
}
