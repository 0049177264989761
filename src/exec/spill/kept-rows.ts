import type {Batch} from '../../columns/batch.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {ColumnStore} from '../column-store.ts';
import {BLOCK_ROWS, SpillFile, type SpillHost} from './spill-file.ts';

/**
 * Rows in the order in which they came, read by their number: the first in memory, those beyond `limitBytes` in a temporary file. One
 * append or read is one block at most.
 */
export class KeptRows {
  readonly #types: readonly TypeInstance[];
  readonly #host: SpillHost;
  readonly #memory: ColumnStore;
  /** After the memory is full: the rows that do not fill a block yet, and the blocks before them. */
  #tail: ColumnStore | null = null;
  #file: SpillFile | null = null;
  #blocks = 0;
  /** Rows before the first that is kept. */
  #forgotten = 0;
  /** The block read last. */
  #cached: Batch | null = null;
  #cachedAt = -1;
  readonly #block: Batch = {count: 0, selection: null, vectors: []};

  constructor(types: readonly TypeInstance[], host: SpillHost) {
    this.#types = types;
    this.#host = host;
    this.#memory = new ColumnStore(types);
  }

  /** Rows that were appended. */
  get size(): number {
    const inFile = this.#blocks * BLOCK_ROWS;
    return this.#forgotten + this.#memory.size + inFile + (this.#tail?.size ?? 0);
  }

  append(batch: Batch, limitBytes: number): void {
    if (this.#tail === null) {
      this.#memory.append(batch);
      if (this.#memory.bytes > limitBytes) this.#tail = new ColumnStore(this.#types);
      return;
    }
    for (let from = 0; from < batch.count; ) {
      const to = Math.min(batch.count, from + BLOCK_ROWS - this.#tail.size);
      this.#tail.append(batch, from, to);
      from = to;
      if (this.#tail.size === BLOCK_ROWS) this.#flush(this.#tail);
    }
  }

  #flush(tail: ColumnStore): void {
    this.#file ??= new SpillFile(this.#host, this.#types, -1);
    tail.fill(this.#block, null, 0, BLOCK_ROWS);
    this.#file.write(this.#block);
    this.#blocks++;
    tail.reset();
  }

  /** Fills `out` with rows from number `from` on, at most up to `to`: as many as lie together. None before it was forgotten. */
  read(from: number, to: number, out: Batch): void {
    const start = from - this.#forgotten;
    const end = Math.min(to - this.#forgotten, start + BLOCK_ROWS);
    const inMemory = this.#memory.size;
    if (start < inMemory) {
      this.#memory.fill(out, null, start, Math.min(end, inMemory));
      return;
    }
    const block = Math.floor((start - inMemory) / BLOCK_ROWS);
    const first = inMemory + block * BLOCK_ROWS;
    if (block >= this.#blocks) {
      this.#tail!.fill(out, null, start - first, end - first);
      return;
    }
    const stop = Math.min(end - first, BLOCK_ROWS);
    const selection = new Int32Array(stop - (start - first));
    for (let i = 0; i < selection.length; i++) selection[i] = start - first + i;
    out.vectors = this.#load(block).vectors;
    out.selection = selection;
    out.count = selection.length;
  }

  #load(block: number): Batch {
    if (this.#cached === null || this.#cachedAt !== block) {
      this.#cached = this.#file!.read(block);
      this.#cachedAt = block;
    }
    return this.#cached;
  }

  /** Forgets all rows so far; their numbers are not given again. */
  forget(): void {
    this.#forgotten = this.size;
    this.#memory.reset();
    this.close();
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#tail = null;
    this.#blocks = 0;
    this.#cached = null;
    this.#cachedAt = -1;
  }
}
