// Hot path: bloom filters hash every distinct value. 64-bit arithmetic by 32-bit halves: BigInt is 20 times slower.

const P1L = 0x85ebca87 | 0;
const P1H = 0x9e3779b1 | 0;
const P2L = 0x27d4eb4f | 0;
const P2H = 0xc2b2ae3d | 0;
const P3L = 0x9e3779f9 | 0;
const P3H = 0x165667b1 | 0;
const P4L = 0xc2b2ae63 | 0;
const P4H = 0x85ebca77 | 0;
const P5L = 0x165667c5 | 0;
const P5H = 0x27d4eb2f | 0;

/** xxHash64 with seed 0, as Parquet's bloom filters want it; the result is left in `low` and `high`. */
export class Xxhash64 {
  low = 0;
  high = 0;

  /** Hashes bytes[from .. to). */
  bytes(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    let at = from;
    if (length >= 32) {
      at = this.#stripes(bytes, from, to);
    } else {
      this.low = P5L;
      this.high = P5H;
    }
    this.#add(length, 0);
    for (; at + 8 <= to; at += 8) this.#tail8(word(bytes, at), word(bytes, at + 4));
    if (at + 4 <= to) {
      this.#tail4(word(bytes, at));
      at += 4;
    }
    for (; at < to; at++) this.#tail1(bytes[at]!);
    this.#avalanche();
  }

  /** Hashes eight little-endian bytes given by halves. */
  int64(low: number, high: number): void {
    this.low = P5L;
    this.high = P5H;
    this.#add(8, 0);
    this.#tail8(low, high);
    this.#avalanche();
  }

  /** Hashes four little-endian bytes. */
  int32(value: number): void {
    this.low = P5L;
    this.high = P5H;
    this.#add(4, 0);
    this.#tail4(value);
    this.#avalanche();
  }

  #stripes(bytes: Uint8Array, from: number, to: number): number {
    const lows = [add(P1L, P2L), P2L, 0, (0 - P1L) | 0];
    const highs = [(P1H + P2H + carry(P1L, P2L)) | 0, P2H, 0, (0 - P1H - (P1L === 0 ? 0 : 1)) | 0];
    let at = from;
    for (; at + 32 <= to; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        this.low = lows[lane]!;
        this.high = highs[lane]!;
        this.#round(word(bytes, at + lane * 8), word(bytes, at + lane * 8 + 4));
        lows[lane] = this.low;
        highs[lane] = this.high;
      }
    }
    this.#mergeStripes(lows, highs);
    return at;
  }

  #mergeStripes(lows: readonly number[], highs: readonly number[]): void {
    let low = 0;
    let high = 0;
    const turns = [1, 7, 12, 18];
    for (let lane = 0; lane < 4; lane++) {
      const l = lows[lane]!;
      const h = highs[lane]!;
      const turn = turns[lane]!;
      const rl = (l << turn) | (h >>> (32 - turn));
      const rh = (h << turn) | (l >>> (32 - turn));
      const sum = add(low, rl);
      high = (high + rh + carry(low, rl)) | 0;
      low = sum;
    }
    for (let lane = 0; lane < 4; lane++) {
      this.low = 0;
      this.high = 0;
      this.#round(lows[lane]!, highs[lane]!);
      this.low ^= low;
      this.high ^= high;
      this.#multiply(P1L, P1H);
      this.#add(P4L, P4H);
      low = this.low;
      high = this.high;
    }
  }

  #round(low: number, high: number): void {
    const keptLow = this.low;
    const keptHigh = this.high;
    this.low = low;
    this.high = high;
    this.#multiply(P2L, P2H);
    this.#add(keptLow, keptHigh);
    this.#rotate31();
    this.#multiply(P1L, P1H);
  }

  #tail8(low: number, high: number): void {
    const keptLow = this.low;
    const keptHigh = this.high;
    this.low = low;
    this.high = high;
    this.#multiply(P2L, P2H);
    this.#rotate31();
    this.#multiply(P1L, P1H);
    const l = this.low ^ keptLow;
    const h = this.high ^ keptHigh;
    this.low = (l << 27) | (h >>> 5);
    this.high = (h << 27) | (l >>> 5);
    this.#multiply(P1L, P1H);
    this.#add(P4L, P4H);
  }

  #tail4(value: number): void {
    const keptLow = this.low;
    const keptHigh = this.high;
    this.low = value | 0;
    this.high = 0;
    this.#multiply(P1L, P1H);
    const l = this.low ^ keptLow;
    const h = this.high ^ keptHigh;
    this.low = (l << 23) | (h >>> 9);
    this.high = (h << 23) | (l >>> 9);
    this.#multiply(P2L, P2H);
    this.#add(P3L, P3H);
  }

  #tail1(byte: number): void {
    const keptLow = this.low;
    const keptHigh = this.high;
    this.low = byte;
    this.high = 0;
    this.#multiply(P5L, P5H);
    const l = this.low ^ keptLow;
    const h = this.high ^ keptHigh;
    this.low = (l << 11) | (h >>> 21);
    this.high = (h << 11) | (l >>> 21);
    this.#multiply(P1L, P1H);
  }

  #avalanche(): void {
    this.low ^= this.high >>> 1;
    this.#multiply(P2L, P2H);
    const {low, high} = this;
    this.low = low ^ ((low >>> 29) | (high << 3));
    this.high = high ^ (high >>> 29);
    this.#multiply(P3L, P3H);
    this.low ^= this.high;
  }

  #rotate31(): void {
    const {low, high} = this;
    this.low = (low << 31) | (high >>> 1);
    this.high = (high << 31) | (low >>> 1);
  }

  #add(low: number, high: number): void {
    this.high = (this.high + high + carry(this.low, low)) | 0;
    this.low = add(this.low, low);
  }

  #multiply(low: number, high: number): void {
    const a = this.low;
    const al = a & 0xffff;
    const ah = a >>> 16;
    const bl = low & 0xffff;
    const bh = low >>> 16;
    const u = ((Math.imul(ah, bl) >>> 0) + (Math.imul(al, bl) >>> 16)) >>> 0;
    const v = ((Math.imul(al, bh) >>> 0) + (u & 0xffff)) >>> 0;
    const top = (Math.imul(ah, bh) + (u >>> 16) + (v >>> 16)) | 0;
    this.high = (top + Math.imul(a, high) + Math.imul(this.high, low)) | 0;
    this.low = Math.imul(a, low);
  }
}

function add(a: number, b: number): number {
  return (a + b) | 0;
}

function carry(a: number, b: number): number {
  return (a >>> 0) + (b >>> 0) > 0xffffffff ? 1 : 0;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
