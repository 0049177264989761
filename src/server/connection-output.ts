// Hot path: all bytes to a client pass here.
import type {ClientSocket} from './client-socket.ts';
import {ByteWriter} from '../common/byte-writer.ts';
import type {Seq} from '../common/ids.ts';

/** Buffered bytes at which they are handed to the socket without waiting for the end of the chunk. */
export const FLUSH_SIZE = 64 * 1024;

/** Bytes that the kernel has not taken at which the client counts as not reading. */
export const FULL_SIZE = 64 * 1024;

const initialSize = 8 * 1024;
const keptSize = 256 * 1024;
const heldSize = 1024 * 1024;

interface Hold {
  readonly position: number;
  isDurable: boolean;
}

/** The one growing buffer of a connection, its holds, and what the socket has not sent yet. */
export class ConnectionOutput {
  readonly writer = new ByteWriter(initialSize);
  readonly #socket: ClientSocket;
  readonly #onDurable: (seq: Seq, callback: () => void) => void;
  /** Bytes handed to the socket so far: the position of the buffer's first byte. */
  #sent = 0;
  #holds: Hold[] = [];
  /** Positions where the last whole answer ended: now, and when the first hold began. */
  #answered = 0;
  #answeredAtHold = 0;
  #waiters: (() => void)[] = [];
  #isClosed = false;
  #isEnding = false;
  #onRoom: () => void;

  /** `onRoom` is called when a full output has room again. */
  constructor(
    socket: ClientSocket,
    onDurable: (seq: Seq, callback: () => void) => void,
    onRoom: () => void,
  ) {
    this.#socket = socket;
    this.#onDurable = onDurable;
    this.#onRoom = onRoom;
    socket.on('drain', () => this.#wake());
  }

  /** Bytes that wait in this process. */
  get queued(): number {
    return this.writer.length + this.#socket.writableLength;
  }

  /** True while the client does not read, or too much waits for durability. */
  get isFull(): boolean {
    if (this.#isClosed) return false;
    return (
      this.#socket.writableLength >= FULL_SIZE ||
      (this.#holds.length > 0 && this.writer.length >= heldSize)
    );
  }

  /** True while something waits for durability. */
  get isHeld(): boolean {
    return this.#holds.length > 0;
  }

  /** Resolves when the output is not full, or closed. */
  drained(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise(resolve => this.#waiters.push(resolve));
  }

  /** Bytes written from here on stay until `seq` is durable. */
  holdUntil(seq: Seq): void {
    const hold: Hold = {position: this.#sent + this.writer.length, isDurable: false};
    if (this.#holds.length === 0) this.#answeredAtHold = this.#answered;
    this.#holds.push(hold);
    let isInCall = true;
    this.#onDurable(seq, () => {
      hold.isDurable = true;
      const wasFull = this.isFull;
      while (this.#holds[0]?.isDurable === true) this.#holds.shift();
      // In the call itself the writer is in the middle of an answer; it leaves with the rest.
      if (!isInCall) this.flush();
      if (wasFull && !this.isFull) this.#wake();
    });
    isInCall = false;
  }

  /** An answer is whole: it may leave without what follows. */
  answered(): void {
    this.#answered = this.#sent + this.writer.length;
  }

  /** The end of a turn: the beginning of an answer whose end is held waits for it, so that both leave in one write. */
  endTurn(): void {
    const isPart = this.#holds.length > 0 && this.#answeredAtHold <= this.#sent;
    if (isPart && this.writer.length < FLUSH_SIZE && !this.#isEnding) return;
    this.flush();
  }

  /** Hands what may leave to the socket. */
  flush(): void {
    const {writer} = this;
    if (this.#isClosed) {
      writer.length = 0;
      return;
    }
    const hold = this.#holds[0];
    const size = hold === undefined ? writer.length : hold.position - this.#sent;
    if (size > 0) {
      this.#sent += size;
      this.#socket.write(writer.buffer.subarray(0, size));
      this.#keep(size, this.#socket.writableLength === 0);
    }
    if (this.#isEnding && writer.length === 0) this.#socket.destroySoon();
  }

  /** Sends what there is, held bytes when they are durable, and closes the socket. */
  end(): void {
    if (this.#isClosed) return;
    this.#isEnding = true;
    this.flush();
  }

  /** The socket is gone: nothing is sent any more and nobody waits. */
  close(): void {
    this.#isClosed = true;
    this.#holds = [];
    this.writer.buffer = Buffer.alloc(16);
    this.writer.length = 0;
    this.#wake();
  }

  /** Keeps the rest of the buffer; one that the kernel has taken whole is used again, any other belongs to the socket. */
  #keep(size: number, isTaken: boolean): void {
    const {writer} = this;
    const rest = writer.length - size;
    const old = writer.buffer;
    if (!isTaken || old.length > keptSize) {
      const isLarge = !isTaken && size >= FLUSH_SIZE;
      writer.buffer = Buffer.allocUnsafeSlow(
        Math.max(isLarge ? FLUSH_SIZE * 2 : initialSize, rest),
      );
      if (rest > 0) old.copy(writer.buffer, 0, size, size + rest);
    } else if (rest > 0) {
      old.copyWithin(0, size, size + rest);
    }
    writer.length = rest;
  }

  #wake(): void {
    if (this.isFull) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
    this.#onRoom();
  }
}
