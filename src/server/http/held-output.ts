import type {Seq} from '../../common/ids.ts';

/** Where chunks go. */
export interface ChunkTarget {
  write(chunk: string | Uint8Array): void;
  /** True while the client does not read. */
  readonly isFull: boolean;
  /** The client has not read for too long while a statement waited. */
  stalled(): void;
}

const heldLimit = 1024 * 1024;
/** How long a statement waits for a client that does not read. */
const stallLimitMs = 60_000;

/** Keeps answers back until what they show is durable, and says when the client does not read. */
export class HeldOutput {
  readonly #target: ChunkTarget;
  readonly #onDurable: (seq: Seq, callback: () => void) => void;
  #held: (string | Uint8Array)[] = [];
  #heldSize = 0;
  #holds = 0;
  #waiters: (() => void)[] = [];
  #isClosed = false;

  constructor(target: ChunkTarget, onDurable: (seq: Seq, callback: () => void) => void) {
    this.#target = target;
    this.#onDurable = onDurable;
  }

  /** True while something waits for durability. */
  get isHeld(): boolean {
    return this.#holds > 0;
  }

  /** Whether anything has left. */
  hasSent = false;

  get isFull(): boolean {
    if (this.#isClosed) return false;
    return this.#target.isFull || this.#heldSize >= heldLimit;
  }

  push(chunk: string | Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#holds === 0) {
      this.hasSent = true;
      this.#target.write(chunk);
      return;
    }
    this.#held.push(chunk);
    this.#heldSize += chunk.length;
  }

  /** Everything pushed from now on stays until `seq` is durable. */
  holdUntil(seq: Seq): void {
    this.#holds++;
    this.#onDurable(seq, () => {
      if (--this.#holds > 0 || this.#isClosed) return;
      const held = this.#held;
      this.#held = [];
      this.#heldSize = 0;
      for (const chunk of held) this.push(chunk);
      this.wake();
    });
  }

  /** Forgets what is held. */
  drop(): void {
    this.#held = [];
    this.#heldSize = 0;
  }

  /** Resolves when there is room, or nobody reads any more. */
  drained(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#target.stalled(), stallLimitMs).unref();
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Resolves when nothing waits for durability. */
  async settled(): Promise<void> {
    while (this.#holds > 0 && !this.#isClosed) {
      await new Promise<void>(resolve => this.#waiters.push(resolve));
    }
  }

  /** There may be room again. */
  wake(): void {
    if (this.isFull) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** The client is gone: nobody waits. */
  close(): void {
    this.#isClosed = true;
    this.drop();
    this.wake();
  }
}
