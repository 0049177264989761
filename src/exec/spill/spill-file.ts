import {randomBytes} from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {join} from 'node:path';
import type {Batch} from '../../columns/batch.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {RunContext} from '../operator.ts';
import {END} from '../operator.ts';
import {BlockSpace, decodeBlock, encodeBlock, keepsBytes, type KeptValues} from './block.ts';

const PREFIX = 'spill-';

/** Rows per block: one write or read holds the loop for some tens of microseconds. */
export const BLOCK_ROWS = 1024;

/** Where spill files lie, and who counts them. */
export type SpillHost = Pick<RunContext, 'spillDir' | 'counters'>;

/** A temporary file of blocks of rows. It has no name after it was opened, so that nothing of it survives the process. */
export class SpillFile {
  readonly #types: readonly TypeInstance[];
  readonly #positions: number[] = [];
  readonly #kept: KeptValues = [];
  readonly #run: SpillHost;
  readonly #nodeId: number;
  readonly #keepsBytes: boolean;
  #descriptor: number;
  #size = 0;

  /** `nodeId`: the plan node whose spilled bytes EXPLAIN ANALYZE counts. */
  constructor(run: SpillHost, types: readonly TypeInstance[], nodeId: number) {
    this.#types = types;
    this.#run = run;
    this.#nodeId = nodeId;
    this.#keepsBytes = keepsBytes(types);
    this.#descriptor = openUnnamed(run.spillDir);
  }

  /** Appends a dense batch; the answer is its block number. */
  write(batch: Batch): number {
    const bytes = encodeBlock(batch, this.#types, this.#kept);
    let written = 0;
    try {
      while (written < bytes.length)
        written += writeSync(
          this.#descriptor,
          bytes,
          written,
          bytes.length - written,
          this.#size + written,
        );
    } catch (error) {
      throw new PgError(
        SqlState.diskFull,
        `could not write to a temporary file: ${(error as Error).message}`,
      );
    }
    this.#positions.push(this.#size);
    this.#size += bytes.length;
    const counters = this.#run.counters?.get(this.#nodeId);
    if (counters !== undefined) counters.spilledBytes += bytes.length;
    return this.#positions.length - 1;
  }

  /** The batch of a block; with `space` (of an earlier call) it takes the memory of the batch read before. */
  read(block: number, space = new BlockSpace()): Batch {
    const from = this.#positions[block]!;
    const size = (this.#positions[block + 1] ?? this.#size) - from;
    const bytes = this.#keepsBytes ? Buffer.allocUnsafeSlow(size) : space.bytes(size);
    let read = 0;
    while (read < size) {
      const got = readSync(this.#descriptor, bytes, read, size - read, from + read);
      if (got === 0)
        throw new PgError(SqlState.ioError, 'could not read from a temporary file: unexpected end');
      read += got;
    }
    return decodeBlock(bytes, this.#types, this.#kept, space);
  }

  close(): void {
    if (this.#descriptor === -1) return;
    closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

/** Some blocks of a file, read one after the other: each batch is valid until the next. */
export class SpillReader {
  readonly #file: SpillFile;
  readonly #blocks: readonly number[];
  readonly #space = new BlockSpace();
  #at = 0;

  constructor(file: SpillFile, blocks: readonly number[]) {
    this.#file = file;
    this.#blocks = blocks;
  }

  next(): Batch | typeof END {
    if (this.#at >= this.#blocks.length) return END;
    return this.#file.read(this.#blocks[this.#at++]!, this.#space);
  }
}

function openUnnamed(folder: string): number {
  mkdirSync(folder, {recursive: true});
  const path = join(folder, `${PREFIX}${randomBytes(8).toString('hex')}`);
  const descriptor = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
  } catch {
    // A system that does not unlink open files: removed at the next start.
  }
  return descriptor;
}

/** Removes files that a process left which ended between opening and unlinking one. Called when the data directory is opened. */
export function removeSpillFiles(folder: string): void {
  for (const name of readdirSync(folder))
    if (name.startsWith(PREFIX)) rmSync(join(folder, name), {force: true});
}
