// Hot path: the turn in which a flush is published looks at every row of it once.
import type {HotImage, MovedRows} from './hot/hot-image.ts';
import {type Pace, runInTurns, type Slices} from './slices.ts';

const ROWS_PER_LOOK = 1024;

/** Rows of one chunk that lie in the new segment. */
interface PlacedChunk extends MovedRows {
  count: number;
}

/**
 * Where the rows of one partition lie in the segment that a flush wrote, by their place in the image: what is found to have
 * changed meanwhile is taken out in one quick pass.
 */
export class FlushPlaces {
  readonly #image: HotImage;
  readonly owner: number;
  readonly #chunks = new Map<number, PlacedChunk>();
  /** Positions in the segment of rows that stay hot, or are gone. */
  readonly dead: number[] = [];

  constructor(image: HotImage, owner: number) {
    this.#image = image;
    this.owner = owner;
  }

  /** `positions` are places in the image in the segment's order; their slots are not used again meanwhile. */
  static async of(
    image: HotImage,
    owner: number,
    positions: readonly number[],
  ): Promise<FlushPlaces> {
    const places = new FlushPlaces(image, owner);
    await runInTurns(pace => places.#enter(positions, pace));
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

  /** A row that somebody is changing stays hot. */
  keep(position: number): void {
    const placed = this.#chunks.get(position >> 10);
    const place = placed === undefined ? 0 : placed.places[position & 1023]!;
    if (place > 0) this.#takeOut(placed!, position & 1023, place);
  }

  /** Versions that ended since they were written do not move. Returns the rids of all rows up to `seq` that stay hot. */
  settle(seq: number): Set<number> {
    const stay = new Set<number>();
    for (const chunk of this.#image.owners.get(this.owner)?.chunks ?? []) {
      const placed = this.#chunks.get(chunk.index);
      const {begin, end, count} = chunk;
      for (let slot = 0; slot < count; slot++) {
        const place = placed === undefined ? 0 : placed.places[slot]!;
        const isLive = end[slot]! === Infinity;
        if (place > 0) {
          if (!isLive) this.#takeOut(placed!, slot, place);
        } else if (isLive && begin[slot]! <= seq) {
          stay.add(Number(chunk.rids[slot]!));
        }
      }
    }
    return stay;
  }

  #takeOut(placed: PlacedChunk, slot: number, place: number): void {
    this.dead.push(place - 1);
    placed.places[slot] = 0;
    placed.count--;
  }
}
