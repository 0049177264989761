// From the versions of an image to positions in index order.
import {setImmediate as nextTurn} from 'node:timers/promises';
import {ByteWriter} from '../../common/byte-writer.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {TableStorage} from '../contract.ts';
import {sortInSlices} from '../sliced-sort.ts';
import {readCell} from './cells.ts';
import type {ImageChunk, ImageColumn} from './image-chunk.ts';

/** Chunks of which keys are made between two turns. */
const CHUNKS_PER_TURN = 2;

/** The versions that an index orders: an image. */
export interface IndexedRows {
  readonly table: TableStorage;
  readonly columns: readonly ImageColumn[];
  readonly chunks: readonly (ImageChunk | null)[];
}

/**
 * Every version of an image with its key as a number or as a string, which sort as the index does: by owner, key (NULLs last) and position.
 * Keys are made once, so that a comparison is one of two primitive values.
 */
export class IndexKeys {
  readonly #image: IndexedRows;
  readonly #columns: readonly number[];
  readonly #types: readonly TypeInstance[];
  readonly #isOwned: boolean;
  readonly #out = new ByteWriter(64);
  readonly positions: number[] = [];
  readonly keys: (number | bigint | string)[] = [];

  constructor(
    image: IndexedRows,
    columns: readonly number[],
    types: readonly TypeInstance[],
    isOwned: boolean,
  ) {
    this.#image = image;
    this.#columns = columns;
    this.#types = types;
    this.#isOwned = isOwned;
  }

  /** Makes the keys; yields between chunks. */
  *collect(): Generator<void, void, void> {
    const {chunks} = this.#image;
    const isNumeric = this.#isNumeric();
    for (const chunk of chunks.slice()) {
      if (chunk === null) continue;
      const free = new Set(chunk.freeSlots);
      for (let slot = 0; slot < chunk.count; slot++) {
        if (free.has(slot)) continue;
        this.positions.push((chunk.index << 10) | slot);
        this.keys.push(isNumeric ? this.#number(chunk, slot) : this.#string(chunk, slot));
      }
      yield;
    }
  }

  readonly compare = (a: number, b: number): number => {
    const left = this.keys[a]!;
    const right = this.keys[b]!;
    if (left < right) return -1;
    return left > right ? 1 : this.positions[a]! - this.positions[b]!;
  };

  /** A single integer key of a table without owners is its own sort key. */
  #isNumeric(): boolean {
    if (this.#isOwned || this.#columns.length !== 1) return false;
    return this.#image.chunks.every(chunk => {
      const kind = chunk?.vectors[this.#columns[0]!]!.kind;
      return kind === undefined || kind === 'int32' || kind === 'int64';
    });
  }

  #number(chunk: ImageChunk, slot: number): number | bigint {
    const value = readCell(chunk.vectors[this.#columns[0]!]!, slot) as number | bigint | null;
    if (value === null) return Infinity;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #string(chunk: ImageChunk, slot: number): string {
    const out = this.#out;
    out.reset();
    if (this.#isOwned) out.int32(chunk.owner);
    for (let i = 0; i < this.#columns.length; i++) {
      const value = readCell(chunk.vectors[this.#columns[i]!]!, slot);
      if (value === null) {
        out.byte(1);
      } else {
        out.byte(0);
        this.#types[i]!.writeKey(value, out);
      }
    }
    return out.buffer.latin1Slice(0, out.length);
  }
}

/** Positions in index order, made in one turn. */
export function orderAtOnce(keys: IndexKeys): readonly number[] {
  for (const _ of keys.collect());
  return placesOf(keys)
    .sort(keys.compare)
    .map(place => keys.positions[place]!);
}

/** Positions in index order, with turns for others between. */
export async function orderInSlices(keys: IndexKeys): Promise<readonly number[]> {
  let chunks = 0;
  for (const _ of keys.collect()) if (++chunks % CHUNKS_PER_TURN === 0) await nextTurn();
  const sorted = await sortInSlices(placesOf(keys), keys.compare);
  return sorted.map(place => keys.positions[place]!);
}

function placesOf(keys: IndexKeys): number[] {
  const places: number[] = [];
  for (let i = 0; i < keys.positions.length; i++) places.push(i);
  return places;
}
