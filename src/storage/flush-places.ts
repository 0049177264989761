// Hot path: the turn in which a flush is published looks at what has changed since its rows were looked at.
import type {HotImage, MovedRows} from './hot/hot-image.ts';
import type {ImageChunk} from './hot/image-chunk.ts';
import {type Pace, runInTurns, type Slices} from './slices.ts';

const ROWS_PER_LOOK = 512;
const SLICE_MS = 1;

/** Rows of one chunk that lie in the new segment. */
interface PlacedChunk extends MovedRows {
  count: number;
}

/** What was found in a chunk. A version that begins or ends there since changes one of the numbers. */
interface SeenChunk {
  readonly ended: number;
  readonly count: number;
  readonly maxBegin: number;
  /** Rids of rows that stay hot. */
  readonly stay: readonly number[];
}

/**
 * Where the rows of one partition lie in the segment that a flush wrote, by their place in the image: what is found to have
 * changed meanwhile is taken out in one quick pass.
 */
export class FlushPlaces {
  readonly #image: HotImage;
  readonly owner: number;
  readonly #seq: number;
  readonly #chunks = new Map<number, PlacedChunk>();
  readonly #seen = new Map<number, SeenChunk>();
  /** Positions in the segment of rows that stay hot, or are gone. */
  readonly dead: number[] = [];

  private constructor(image: HotImage, owner: number, seq: number) {
    this.#image = image;
    this.owner = owner;
    this.#seq = seq;
  }

  /** `positions` are places in the image in the segment's order, as of `seq`; their slots are not used again meanwhile. */
  static async of(
    image: HotImage,
    owner: number,
    positions: readonly number[],
    seq: number,
  ): Promise<FlushPlaces> {
    const places = new FlushPlaces(image, owner, seq);
    await runInTurns(pace => places.#enter(positions, pace), SLICE_MS);
    await runInTurns(pace => places.#lookAtAll(pace), SLICE_MS);
    return places;
  }

  get rows(): readonly MovedRows[] {
    return [...this.#chunks.values()];
  }

  get count(): number {
    let count = 0;
    for (const chunk of this.#chunks.values()) count += chunk.count;
    return count;
  }

  *#enter(positions: readonly number[], pace: Pace): Slices {
    for (let i = 0; i < positions.length; i++) {
      if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
      const position = positions[i]!;
      let placed = this.#chunks.get(position >> 10);
      if (placed === undefined) {
        const chunk = this.#image.chunkOf(position)!;
        placed = {chunk, places: new Int32Array(1024), count: 0};
        this.#chunks.set(position >> 10, placed);
      }
      placed.places[position & 1023] = i + 1;
      placed.count++;
    }
  }

  *#lookAtAll(pace: Pace): Slices {
    for (const chunk of this.#image.owners.get(this.owner)?.chunks.slice() ?? []) {
      if (pace.isOver) yield;
      this.#seen.set(chunk.index, this.#lookAt(chunk));
    }
  }

  /** A row that somebody is changing stays hot. */
  keep(position: number): void {
    const placed = this.#chunks.get(position >> 10);
    const place = placed === undefined ? 0 : placed.places[position & 1023]!;
    if (place === 0) return;
    this.#takeOut(placed!, position & 1023, place);
    this.#seen.delete(position >> 10);
  }

  /** Versions that ended since they were written do not move. Returns the rids of all rows up to the flush's seq that stay hot. */
  settle(): Set<number> {
    const stay = new Set<number>();
    for (const chunk of this.#image.owners.get(this.owner)?.chunks ?? []) {
      const seen = this.#seen.get(chunk.index);
      const isSame =
        seen !== undefined &&
        seen.ended === chunk.ended &&
        seen.count === chunk.count &&
        seen.maxBegin === chunk.maxBegin;
      const found = isSame ? seen : this.#lookAt(chunk);
      for (const rid of found.stay) stay.add(rid);
    }
    return stay;
  }

  #lookAt(chunk: ImageChunk): SeenChunk {
    const placed = this.#chunks.get(chunk.index);
    const {begin, end, count, ended, maxBegin} = chunk;
    const stay: number[] = [];
    for (let slot = 0; slot < count; slot++) {
      const place = placed === undefined ? 0 : placed.places[slot]!;
      const isLive = end[slot]! === Infinity;
      if (place > 0) {
        if (!isLive) this.#takeOut(placed!, slot, place);
      } else if (isLive && begin[slot]! <= this.#seq) {
        stay.push(Number(chunk.rids[slot]!));
      }
    }
    return {ended, count, maxBegin, stay};
  }

  #takeOut(placed: PlacedChunk, slot: number, place: number): void {
    this.dead.push(place - 1);
    placed.places[slot] = 0;
    placed.count--;
  }
}
