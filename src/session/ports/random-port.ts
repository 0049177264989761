import type {RandomPort} from '../../functions/contract.ts';

/** random() and setseed(): Math.random until a seed is set, then a repeatable generator (xorshift128). */
export class SeededRandom implements RandomPort {
  readonly #bytes: (size: number) => Uint8Array;
  #state: Uint32Array | null = null;

  constructor(bytes: (size: number) => Uint8Array) {
    this.#bytes = bytes;
  }

  next(): number {
    const state = this.#state;
    if (state === null) return Math.random();
    return (this.#step(state) * 0x200000 + (this.#step(state) >>> 11)) / 0x20000000000000;
  }

  #step(state: Uint32Array): number {
    let t = state[3]!;
    const s = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = (t ^ s ^ (s >>> 19)) >>> 0;
    return state[0]!;
  }

  seed(value: number): void {
    const words = new Uint32Array(new Float64Array([value, 0.5]).buffer);
    this.#state = Uint32Array.of(
      words[0]! ^ 0x9e3779b9,
      words[1]! ^ 0x243f6a88,
      words[2]! ^ 0xb7e15162,
      words[3]! ^ 0xdeadbeef,
    );
    for (let i = 0; i < 20; i++) this.#step(this.#state);
  }

  bytes(size: number): Uint8Array {
    return this.#bytes(size);
  }
}
