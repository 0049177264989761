/** Seeded choices. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.below(2);
  }

  /** An integer from 0 to below a bound. */
  readonly below = (bound: number): number => {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % bound;
  };

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** One in so many. */
  one(of: number): boolean {
    return this.below(of) === 0;
  }

  /** Some of a list, at least one, in their order. */
  some<T>(list: readonly T[]): T[] {
    const chosen = list.filter(() => this.one(2));
    return chosen.length === 0 ? [this.pick(list)] : chosen;
  }
}
