import type {StorageIndex} from '../contract.ts';
import {sortInSlices} from '../sliced-sort.ts';
import {Pace, runInTurns, type Slices} from '../slices.ts';
import type {ImageChunk} from './image-chunk.ts';
import {KeyCodec, type MapKey} from './key-codec.ts';
import {KeyMap} from './key-map.ts';

/** The versions that a key map leads to: an image. */
interface VersionedRows {
  chunkOf(position: number): ImageChunk | null;
  slotOf(position: number): number;
  readonly chunks: readonly (ImageChunk | null)[];
}

/** Versions between two looks at the clock. */
const ROWS_PER_LOOK = 64;

/**
 * The key map of an index that is about to be committed, made before the turn in which the image takes it over. The image frees no slot
 * meanwhile, and tells of the versions that it gets.
 */
export class PreparedKeys {
  readonly map: KeyMap;
  readonly #image: VersionedRows;
  #later: number[] | null = [];

  constructor(image: VersionedRows, index: StorageIndex) {
    this.#image = image;
    this.map = new KeyMap(new KeyCodec(index));
  }

  /** Enters all versions, older ones first. */
  async build(sliceMs: number): Promise<void> {
    const positions: number[] = [];
    await runInTurns(pace => this.#collect(positions, pace), sliceMs);
    const sorted = await sortInSlices(positions, (a, b) => this.#beginOf(a) - this.#beginOf(b));
    await runInTurns(pace => this.#enterAll(sorted, pace), sliceMs);
    const later = this.#later!;
    this.#later = null;
    for (let i = 0; i < later.length; i++) this.#enter(later[i]!);
  }

  /** The same in this turn. */
  buildAtOnce(): KeyMap {
    const pace = new Pace(Infinity);
    const positions: number[] = [];
    for (const _ of this.#collect(positions, pace));
    positions.sort((a, b) => this.#beginOf(a) - this.#beginOf(b));
    for (const _ of this.#enterAll(positions, pace));
    this.#later = null;
    return this.map;
  }

  /** A version that the image got. */
  add(position: number): void {
    if (this.#later === null) this.#enter(position);
    else this.#later.push(position);
  }

  *#collect(positions: number[], pace: Pace): Slices {
    for (const chunk of this.#image.chunks.slice()) {
      if (chunk === null) continue;
      const free = new Set(chunk.freeSlots);
      for (let slot = 0; slot < chunk.count; slot++)
        if (!free.has(slot)) positions.push((chunk.index << 10) | slot);
      if (pace.isOver) yield;
    }
  }

  *#enterAll(positions: readonly number[], pace: Pace): Slices {
    for (let i = 0; i < positions.length; i++) {
      this.#enter(positions[i]!);
      if (i % ROWS_PER_LOOK === 0 && pace.isOver) yield;
    }
  }

  #enter(position: number): void {
    const {map} = this;
    const chunk = this.#image.chunkOf(position)!;
    const slot = this.#image.slotOf(position);
    const key: MapKey | null = map.codec.ofRow(chunk.row(slot));
    if (key !== null) map.set(chunk.owner, key, position, chunk.prev[slot]!);
  }

  #beginOf(position: number): number {
    return this.#image.chunkOf(position)!.begin[this.#image.slotOf(position)]!;
  }
}
