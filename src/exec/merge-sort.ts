/** Slice length sorted by insertion before merging begins. */
const RUN = 16;
/** Rows moved between two looks at the slice. */
const BUDGET = 4096;

/** A stable bottom-up merge sort of row numbers, in pieces: each `next` of the generator sorts or merges some thousand rows. */
export function* mergeSort(
  rows: Int32Array,
  compare: (a: number, b: number) => number,
): Generator<void, Int32Array> {
  const size = rows.length;
  for (let from = 0; from < size; from += RUN) {
    insertionSort(rows, from, Math.min(from + RUN, size), compare);
    if ((from & (BUDGET - 1)) === 0) yield;
  }
  let source = rows;
  let target: Int32Array = new Int32Array(size);
  for (let width = RUN; width < size; width *= 2) {
    let budget = BUDGET;
    for (let from = 0; from < size; from += 2 * width) {
      const merge = new Merge(
        source,
        target,
        from,
        Math.min(from + width, size),
        Math.min(from + 2 * width, size),
        compare,
      );
      while (!merge.isDone) {
        budget -= merge.step(budget);
        if (budget > 0) continue;
        budget = BUDGET;
        yield;
      }
    }
    [source, target] = [target, source];
  }
  return source;
}

function insertionSort(
  rows: Int32Array,
  from: number,
  to: number,
  compare: (a: number, b: number) => number,
): void {
  for (let i = from + 1; i < to; i++) {
    const row = rows[i]!;
    let j = i - 1;
    while (j >= from && compare(rows[j]!, row) > 0) {
      rows[j + 1] = rows[j]!;
      j--;
    }
    rows[j + 1] = row;
  }
}

/** One merge of two neighbouring sorted pieces, which may stop on its way. */
class Merge {
  readonly #source: Int32Array;
  readonly #target: Int32Array;
  readonly #middle: number;
  readonly #end: number;
  readonly #compare: (a: number, b: number) => number;
  #left: number;
  #right: number;
  #out: number;

  constructor(
    source: Int32Array,
    target: Int32Array,
    from: number,
    middle: number,
    end: number,
    compare: (a: number, b: number) => number,
  ) {
    this.#source = source;
    this.#target = target;
    this.#middle = middle;
    this.#end = end;
    this.#compare = compare;
    this.#left = from;
    this.#right = middle;
    this.#out = from;
  }

  get isDone(): boolean {
    return this.#out === this.#end;
  }

  /** Moves up to `budget` rows; returns how many. */
  step(budget: number): number {
    const source = this.#source;
    const target = this.#target;
    const compare = this.#compare;
    const middle = this.#middle;
    const end = this.#end;
    let left = this.#left;
    let right = this.#right;
    let out = this.#out;
    const stop = Math.min(end, out + budget);
    if (
      left === out &&
      right === middle &&
      (right >= end || compare(source[middle - 1]!, source[middle]!) <= 0)
    ) {
      // Already in order.
      for (; out < end; out++) target[out] = source[out]!;
      const moved = end - this.#out;
      this.#out = end;
      return moved;
    }
    while (out < stop) {
      if (left < middle && (right >= end || compare(source[left]!, source[right]!) <= 0))
        target[out++] = source[left++]!;
      else target[out++] = source[right++]!;
    }
    const moved = out - this.#out;
    this.#left = left;
    this.#right = right;
    this.#out = out;
    return moved;
  }
}
