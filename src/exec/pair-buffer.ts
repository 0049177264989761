// Hot path.
import type {Batch} from '../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../columns/vector.ts';
import type {PlanColumn} from '../sql/plan/plan.ts';
import {ColumnStore} from './column-store.ts';

/** Pairs of (live row of a left batch, row of a right store) and the joined batch of them. A right row of -1 is all NULLs. */
export class PairBuffer {
  readonly left = new Int32Array(BATCH_CAPACITY);
  readonly right = new Int32Array(BATCH_CAPACITY);
  count = 0;
  readonly #store: ColumnStore;
  readonly #leftWidth: number;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  readonly #physical = new Int32Array(BATCH_CAPACITY);
  /** Vectors of right columns, written again by each join. */
  readonly #gathered: Vector[] = [];
  #scattered = new Int32Array(0);
  #selection = new Int32Array(0);

  constructor(store: ColumnStore, leftWidth: number) {
    this.#store = store;
    this.#leftWidth = leftWidth;
  }

  start(_batch: Batch): void {
    this.count = 0;
  }

  add(left: number, right: number): void {
    this.left[this.count] = left;
    this.right[this.count++] = right;
  }

  /** The joined batch: left columns gathered, right columns gathered. Valid until the next call. */
  join(batch: Batch): Batch {
    const {count, left} = this;
    const physical = this.#physical;
    const {selection} = batch;
    for (let i = 0; i < count; i++)
      physical[i] = selection === null ? left[i]! : selection[left[i]!]!;
    const vectors: Vector[] = new Array<Vector>(this.#leftWidth + this.#store.width);
    for (let c = 0; c < this.#leftWidth; c++)
      vectors[c] = gatherVector(batch.vectors[c]!, physical, count);
    for (let c = 0; c < this.#store.width; c++)
      vectors[this.#leftWidth + c] = this.#gather(c, this.right, count);
    this.#out.vectors = vectors;
    this.#out.selection = null;
    this.#out.count = count;
    return this.#out;
  }

  /**
   * As join, when each left row occurs at most once and in order: left columns are handed on untouched with a
   * selection, right values are put beside them.
   * For that most left rows must have a pair, else the plain join is cheaper.
   */
  joinInPlace(batch: Batch): Batch {
    const {count, left} = this;
    const {selection} = batch;
    const last = left[count - 1]!;
    const size = selection === null ? last + 1 : selection[last]! + 1;
    if (count * 2 < size || this.#store.size === 0) return this.join(batch);
    if (this.#scattered.length < size) {
      this.#scattered = new Int32Array(Math.max(size, BATCH_CAPACITY));
      this.#selection = new Int32Array(this.#scattered.length);
    }
    let rows = this.right;
    if (count < size) {
      // Rows between are not selected: any right row will do for them.
      rows = this.#scattered.fill(0, 0, size);
      for (let i = 0; i < count; i++) {
        const row = selection === null ? left[i]! : selection[left[i]!]!;
        this.#selection[i] = row;
        rows[row] = this.right[i]!;
      }
    }
    const vectors: Vector[] = new Array<Vector>(this.#leftWidth + this.#store.width);
    for (let c = 0; c < this.#leftWidth; c++) vectors[c] = batch.vectors[c]!;
    for (let c = 0; c < this.#store.width; c++)
      vectors[this.#leftWidth + c] = this.#gather(c, rows, size);
    this.#out.vectors = vectors;
    this.#out.selection = count < size ? this.#selection : null;
    this.#out.count = count;
    return this.#out;
  }

  #gather(column: number, rows: Int32Array, count: number): Vector {
    const vector = this.#store.gather(column, rows, 0, count, this.#gathered[column] ?? null);
    this.#gathered[column] = vector;
    return vector;
  }

  /**
   * Right rows that no left row has met, from row `from` on and at most `wanted`, beside NULLs for the left
   * columns; `next` is where to go on. Null when there are none left.
   */
  unmatched(
    matched: Uint8Array,
    from: number,
    wanted: number,
    leftColumns: readonly PlanColumn[],
  ): {readonly batch: Batch; readonly next: number} | null {
    const rows = new Int32Array(wanted);
    let count = 0;
    let next = from;
    for (; next < this.#store.size && count < wanted; next++) {
      if (matched[next] === 0) rows[count++] = next;
    }
    if (count === 0) return null;
    const vectors: Vector[] = leftColumns.map(column => nullVector(column, count));
    for (let c = 0; c < this.#store.width; c++) vectors.push(this.#store.gather(c, rows, 0, count));
    return {batch: {vectors, selection: null, count}, next};
  }
}

/** Copies the given physical rows of a vector into a dense one; UTF-8 text keeps its bytes shared as strings. */
export function gatherVector(vector: Vector, rows: Int32Array, count: number): Vector {
  const source = vector.nulls;
  let nulls: Uint8Array | null = null;
  if (source !== null) {
    nulls = new Uint8Array(count);
    for (let i = 0; i < count; i++) nulls[i] = source[rows[i]!]!;
  }
  switch (vector.kind) {
    case 'int32':
      return {
        kind: 'int32',
        values: gatherTyped(vector.values, new Int32Array(count), rows, count),
        nulls,
      };
    case 'dict':
      return {
        kind: 'dict',
        values: gatherTyped(vector.values, new Int32Array(count), rows, count),
        dictionary: vector.dictionary,
        nulls,
      };
    case 'float64':
      return {
        kind: 'float64',
        values: gatherTyped(vector.values, new Float64Array(count), rows, count),
        nulls,
      };
    case 'bool':
      return {
        kind: 'bool',
        values: gatherTyped(vector.values, new Uint8Array(count), rows, count),
        nulls,
      };
    case 'int64': {
      const values = new BigInt64Array(count);
      for (let i = 0; i < count; i++) values[i] = vector.values[rows[i]!]!;
      return {kind: 'int64', values, nulls};
    }
    case 'string': {
      const values: string[] = new Array<string>(count);
      for (let i = 0; i < count; i++) values[i] = vector.values[rows[i]!]!;
      return {kind: 'string', values, nulls};
    }
    case 'utf8': {
      const values: string[] = new Array<string>(count);
      for (let i = 0; i < count; i++) {
        const row = rows[i]!;
        values[i] =
          nulls !== null && nulls[i] === 1
            ? ''
            : vector.bytes.utf8Slice(vector.offsets[row]!, vector.offsets[row + 1]!);
      }
      return {kind: 'string', values, nulls};
    }
    case 'boxed': {
      const values = new Array<(typeof vector.values)[number]>(count);
      for (let i = 0; i < count; i++) values[i] = vector.values[rows[i]!]!;
      return {kind: 'boxed', values, nulls};
    }
  }
}

function gatherTyped<T extends Int32Array | Float64Array | Uint8Array>(
  source: T,
  target: T,
  rows: Int32Array,
  count: number,
): T {
  for (let i = 0; i < count; i++) target[i] = source[rows[i]!]!;
  return target;
}

/** A vector of NULLs of a column's physical kind. */
export function nullVector(column: PlanColumn, count: number): Vector {
  const store = new ColumnStore([column.type]);
  return store.gather(0, new Int32Array(count).fill(-1), 0, count);
}
