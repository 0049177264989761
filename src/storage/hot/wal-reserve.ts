import {closeSync, fstatSync, openSync, writeSync} from 'node:fs';

const STEP_BYTES = 256 * 1024;
const FIRST_BYTES = 4 * 1024 * 1024;
const GROUPS_PER_STEP = 4;

/**
 * Lengthens the WAL file by zeros, which SQLite takes for its end: a sync of bytes that are there already does not have to make
 * a new length durable too, and takes half the time. Only while no SQLite transaction is open, on the thread that writes them.
 */
export class WalReserve {
  readonly #file: number;
  readonly #target: number;
  readonly #zeros = Buffer.alloc(STEP_BYTES);
  #groups = 0;
  #size = 0;
  #isFull = false;

  /** Makes the file a few megabytes long; it grows to `target` bytes with what is committed. */
  constructor(walPath: string, target: number) {
    this.#file = openSync(walPath, 'r+');
    this.#target = target;
    const first = Math.min(FIRST_BYTES, target);
    do this.#grow();
    while (this.#size < first && !this.#isFull);
    this.#isFull = false;
  }

  afterGroup(): void {
    if (this.#size >= this.#target || this.#isFull || ++this.#groups % GROUPS_PER_STEP !== 0)
      return;
    this.#grow();
  }

  /** A disk without space for it costs speed only: SQLite lengthens the file itself, or says that it cannot. */
  #grow(): void {
    try {
      const {size} = fstatSync(this.#file);
      this.#size = size + writeSync(this.#file, this.#zeros, 0, STEP_BYTES, size);
    } catch {
      this.#isFull = true;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
