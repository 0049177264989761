// Hot path: bytes cut anywhere become lines.
import {ReusedBytes} from './joined-bytes.ts';

/** Bytes that were pushed and not yet consumed, as one buffer. */
export class LineInput {
  buffer: Buffer = Buffer.alloc(0);
  at = 0;
  isEnded = false;
  /** Bytes from `at` in which a line's end was looked for in vain: a line that comes in many pieces is read once. */
  searched = 0;
  /** Position at or after `at` of the next watched byte; Infinity when none is in the buffer. -1: unknown. */
  #nextMark = -1;
  readonly #mark: number;
  readonly #bytes = new ReusedBytes();

  /** `mark` is the byte that makes a line hard: backslash or quote. */
  constructor(mark: number) {
    this.#mark = mark;
  }

  /** Takes a copy of the chunk. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.buffer = this.#bytes.join(this.buffer, this.at, chunk);
    this.at = 0;
    this.#nextMark = -1;
  }

  /** Whether the watched byte lies before `end`. */
  hasMarkBefore(end: number): boolean {
    if (this.#nextMark < this.at) {
      const found = this.buffer.indexOf(this.#mark, this.at);
      this.#nextMark = found === -1 ? Infinity : found;
    }
    return this.#nextMark < end;
  }

  get isEmpty(): boolean {
    return this.at >= this.buffer.length;
  }
}
