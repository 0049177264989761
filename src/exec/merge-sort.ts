/** Slice length sorted by insertion before merging begins. */
const RUN = 16;

/**
 * A stable bottom-up merge sort of row numbers that can stop between merges: `step` works until done (true) or until `shouldPause` says so (false).
 * Same order as Array.prototype.sort; in pieces so that one sort never holds the event loop.
 */
export class MergeSort {
  #from: Int32Array;
  #to: Int32Array;
  readonly #size: number;
  readonly #compare: (a: number, b: number) => number;
  #width = 0;
  #position = 0;

  constructor(rows: Int32Array, compare: (a: number, b: number) => number) {
    this.#from = rows;
    this.#to = new Int32Array(rows.length);
    this.#size = rows.length;
    this.#compare = compare;
  }

  /** The sorted rows, once `step` returned true. */
  get rows(): Int32Array {
    return this.#from;
  }

  step(shouldPause: () => boolean): boolean {
    if (this.#width === 0) {
      while (this.#position < this.#size) {
        const end = Math.min(this.#position + RUN * 64, this.#size);
        for (; this.#position < end; this.#position += RUN) this.#insertionSort(this.#position);
        if (shouldPause()) return false;
      }
      this.#width = RUN;
      this.#position = 0;
    }
    while (this.#width < this.#size) {
      if (!this.#mergePass(shouldPause)) return false;
      [this.#from, this.#to] = [this.#to, this.#from];
      this.#width *= 2;
      this.#position = 0;
    }
    return true;
  }

  #insertionSort(from: number): void {
    const rows = this.#from;
    const to = Math.min(from + RUN, this.#size);
    for (let i = from + 1; i < to; i++) {
      const row = rows[i]!;
      let j = i - 1;
      while (j >= from && this.#compare(rows[j]!, row) > 0) {
        rows[j + 1] = rows[j]!;
        j--;
      }
      rows[j + 1] = row;
    }
  }

  /** A pass may pause inside one long merge: its state is where the three cursors stand. */
  #left = -1;
  #right = 0;
  #out = 0;

  #mergePass(shouldPause: () => boolean): boolean {
    while (this.#position < this.#size) {
      const middle = Math.min(this.#position + this.#width, this.#size);
      const end = Math.min(this.#position + 2 * this.#width, this.#size);
      if (this.#left === -1) {
        this.#left = this.#position;
        this.#right = middle;
        this.#out = this.#position;
      }
      if (!this.#merge(middle, end, shouldPause)) return false;
      this.#left = -1;
      this.#position = end;
    }
    return true;
  }

  #merge(middle: number, end: number, shouldPause: () => boolean): boolean {
    const from = this.#from;
    const to = this.#to;
    const compare = this.#compare;
    let left = this.#left;
    let right = this.#right;
    let out = this.#out;
    let budget = 4096;
    while (out < end) {
      if (left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0)) to[out++] = from[left++]!;
      else to[out++] = from[right++]!;
      if (--budget === 0) {
        budget = 4096;
        if (shouldPause()) {
          this.#left = left;
          this.#right = right;
          this.#out = out;
          return false;
        }
      }
    }
    return true;
  }
}
