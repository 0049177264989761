// Hot path: sorting row numbers by 32-bit words, eleven bits at a time.
const DIGIT = 11;
const BUCKETS = 1 << DIGIT;
/** Rows between two looks at the slice. */
const CHUNK = 1 << 16;

/** Row numbers, sorted by one word after the other, least significant first; every step keeps the order of equal words. */
export class RadixSort {
  rows: Int32Array;
  #otherRows: Int32Array;
  #keys: Uint32Array;
  #otherKeys: Uint32Array;

  constructor(rows: Int32Array) {
    this.rows = rows;
    this.#otherRows = new Int32Array(rows.length);
    this.#keys = new Uint32Array(rows.length);
    this.#otherKeys = new Uint32Array(rows.length);
  }

  /** Sorts by words[row] ^ flip, or by ranks[words[row]] ^ flip; rows that are NULL have equal words. */
  *byWord(
    words: Uint32Array,
    flip: number,
    ranks: Uint32Array | null,
    nulls: Uint8Array | null,
  ): Generator<void, void> {
    const size = this.rows.length;
    const counts = [new Int32Array(BUCKETS), new Int32Array(BUCKETS), new Int32Array(BUCKETS)];
    for (let from = 0; from < size; from += CHUNK) {
      load(
        {rows: this.rows, words, flip, ranks, nulls, keys: this.#keys, counts},
        from,
        Math.min(from + CHUNK, size),
      );
      yield;
    }
    for (let digit = 0; digit < 3; digit++) {
      const shift = digit * DIGIT;
      const count = counts[digit]!;
      // All words have the same digit here: nothing moves.
      if (size > 0 && count[(this.#keys[0]! >>> shift) & (BUCKETS - 1)] === size) continue;
      let sum = 0;
      for (let b = 0; b < BUCKETS; b++) {
        const here = count[b]!;
        count[b] = sum;
        sum += here;
      }
      for (let from = 0; from < size; from += CHUNK) {
        scatter(
          this.rows,
          this.#keys,
          this.#otherRows,
          this.#otherKeys,
          count,
          shift,
          from,
          Math.min(from + CHUNK, size),
        );
        yield;
      }
      [this.rows, this.#otherRows] = [this.#otherRows, this.rows];
      [this.#keys, this.#otherKeys] = [this.#otherKeys, this.#keys];
    }
  }

  /** Moves flagged rows to the front or to the back. */
  byFlag(flags: Uint8Array, toFront: boolean): void {
    const {rows} = this;
    const out = this.#otherRows;
    const first = toFront ? 1 : 0;
    let at = 0;
    for (let i = 0; i < rows.length; i++) if (flags[rows[i]!] === first) out[at++] = rows[i]!;
    for (let i = 0; i < rows.length; i++) if (flags[rows[i]!] !== first) out[at++] = rows[i]!;
    this.#otherRows = rows;
    this.rows = out;
  }
}

interface Loading {
  readonly rows: Int32Array;
  readonly words: Uint32Array;
  readonly flip: number;
  readonly ranks: Uint32Array | null;
  readonly nulls: Uint8Array | null;
  readonly keys: Uint32Array;
  readonly counts: readonly Int32Array[];
}

function load(loading: Loading, from: number, to: number): void {
  const {rows, words, flip, ranks, nulls, keys} = loading;
  const [low, middle, high] = loading.counts as [Int32Array, Int32Array, Int32Array];
  for (let i = from; i < to; i++) {
    const row = rows[i]!;
    const word = words[row]!;
    const key =
      nulls !== null && nulls[row] === 1
        ? 0
        : ((ranks === null ? word : ranks[word]!) ^ flip) >>> 0;
    keys[i] = key;
    low[key & (BUCKETS - 1)]!++;
    middle[(key >>> DIGIT) & (BUCKETS - 1)]!++;
    high[key >>> (2 * DIGIT)]!++;
  }
}

function scatter(
  rows: Int32Array,
  keys: Uint32Array,
  toRows: Int32Array,
  toKeys: Uint32Array,
  places: Int32Array,
  shift: number,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const key = keys[i]!;
    const place = places[(key >>> shift) & (BUCKETS - 1)]!++;
    toRows[place] = rows[i]!;
    toKeys[place] = key;
  }
}
