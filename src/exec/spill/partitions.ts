// Hot path when a hash table does not fit: rows are dealt out by the hash of their key.
import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY, type Vector} from '../../columns/vector.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {ColumnStore, datumAt} from '../column-store.ts';
import type {RunContext} from '../operator.ts';
import {BLOCK_ROWS, SpillFile, SpillReader} from './spill-file.ts';

/** Partitions of one level. */
export const PARTITIONS = 32;
/** Levels of partitioning: beyond it equal hashes stay together in memory. */
export const MAX_LEVEL = 4;

/** Rows of a level dealt out to PARTITIONS lists of blocks in one file. */
export class SpillPartitions {
  readonly level: number;
  readonly #types: readonly TypeInstance[];
  readonly #file: SpillFile;
  readonly #buffers: ColumnStore[];
  readonly #blocks: number[][];
  readonly #rows: number[];
  readonly #selections: Int32Array[];
  readonly #counts = new Int32Array(PARTITIONS);
  readonly #hashes = new Int32Array(BATCH_CAPACITY);
  readonly #block: Batch = {count: 0, selection: null, vectors: []};
  readonly #part: Batch = {count: 0, selection: null, vectors: []};

  constructor(run: RunContext, types: readonly TypeInstance[], nodeId: number, level: number) {
    this.level = level;
    this.#types = types;
    this.#file = new SpillFile(run, types, nodeId);
    this.#buffers = Array.from({length: PARTITIONS}, () => new ColumnStore(types));
    this.#blocks = Array.from({length: PARTITIONS}, () => []);
    this.#rows = new Array<number>(PARTITIONS).fill(0);
    this.#selections = Array.from({length: PARTITIONS}, () => new Int32Array(BATCH_CAPACITY));
  }

  /** Adds the live rows of a batch by their keys (one per live row); with `groups` only those whose entry is negative. */
  add(
    batch: Batch,
    keys: Batch,
    keyTypes: readonly TypeInstance[],
    groups: Int32Array | null,
  ): void {
    const hashes = this.#hashes;
    hashRows(keys, keyTypes, this.level, hashes);
    const counts = this.#counts.fill(0);
    for (let i = 0; i < batch.count; i++) {
      if (groups !== null && groups[i]! >= 0) continue;
      const partition = hashes[i]! & (PARTITIONS - 1);
      this.#selections[partition]![counts[partition]!++] =
        batch.selection === null ? i : batch.selection[i]!;
    }
    const part = this.#part;
    part.vectors = batch.vectors;
    for (let p = 0; p < PARTITIONS; p++) {
      if (counts[p] === 0) continue;
      part.selection = this.#selections[p]!;
      part.count = counts[p]!;
      const buffer = this.#buffers[p]!;
      buffer.append(part);
      this.#rows[p] = this.#rows[p]! + part.count;
      if (buffer.size >= BLOCK_ROWS / 2) this.#write(p);
    }
  }

  #write(partition: number): void {
    const buffer = this.#buffers[partition]!;
    for (let from = 0; from < buffer.size; from += BLOCK_ROWS) {
      buffer.fill(this.#block, null, from, Math.min(buffer.size, from + BLOCK_ROWS));
      this.#blocks[partition]!.push(this.#file.write(this.#block));
    }
    buffer.reset();
  }

  /** Writes what is buffered: before the first reader. */
  finish(): void {
    for (let p = 0; p < PARTITIONS; p++) if (this.#buffers[p]!.size > 0) this.#write(p);
  }

  rows(partition: number): number {
    return this.#rows[partition]!;
  }

  reader(partition: number): SpillReader {
    return new SpillReader(this.#file, this.#blocks[partition]!);
  }

  close(): void {
    this.#file.close();
  }

  get types(): readonly TypeInstance[] {
    return this.#types;
  }
}

/** Hashes of keys, equal for equal keys whatever the kind of their vectors; each level mixes them anew. */
function hashRows(
  keys: Batch,
  types: readonly TypeInstance[],
  level: number,
  out: Int32Array,
): void {
  out.fill(Math.imul(level + 1, 0x9e3779b1), 0, keys.count);
  for (let c = 0; c < types.length; c++)
    hashColumn(keys.vectors[c]!, keys.selection, keys.count, types[c]!, out);
}

function hashColumn(
  vector: Vector,
  selection: Int32Array | null,
  count: number,
  type: TypeInstance,
  out: Int32Array,
): void {
  if (vector.kind === 'int32') {
    const {values, nulls} = vector;
    for (let i = 0; i < count; i++) {
      const row = selection === null ? i : selection[i]!;
      out[i] = mix(out[i]! ^ (nulls !== null && nulls[row] === 1 ? 0 : values[row]! + 1));
    }
    return;
  }
  for (let i = 0; i < count; i++) {
    const value = datumAt(vector, selection === null ? i : selection[i]!);
    out[i] = mix(out[i]! ^ (value === null ? 0 : type.hash(value)));
  }
}

function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
