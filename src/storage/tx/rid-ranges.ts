/** Ascending row identities as ranges: those of one load follow each other. */
export class RidRanges {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** `rids` follow all that are there. */
  add(rids: readonly number[]): void {
    const starts = this.#starts;
    const ends = this.#ends;
    for (let i = 0; i < rids.length; i++) {
      const rid = rids[i]!;
      if (ends[ends.length - 1] === rid - 1) ends[ends.length - 1] = rid;
      else {
        starts.push(rid);
        ends.push(rid);
      }
    }
  }

  get first(): number {
    return this.#starts[0] ?? Infinity;
  }

  get last(): number {
    return this.#ends[this.#ends.length - 1] ?? -1;
  }

  has(rid: number): boolean {
    const starts = this.#starts;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= rid) low = middle + 1;
      else high = middle;
    }
    return low > 0 && rid <= this.#ends[low - 1]!;
  }
}
