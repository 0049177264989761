// Hot path: every message of every client is cut here.
import {
  FrontendType,
  MAX_STARTUP_LENGTH,
  MAX_STATEMENT_LENGTH,
  type FrameLimits,
} from './protocol.ts';

/** What `FrameReader.next` found. */
export const Frame = {
  /** A complete message: type, bodyStart, bodyEnd are set. */
  message: 0,
  /** More bytes are needed. */
  incomplete: 1,
  /** The type byte names no message that may come now. */
  unknownType: 2,
  /** The length is below 4 or above the limit of the type. */
  badLength: 3,
  /** A statement above MAX_STATEMENT_LENGTH has been read past. */
  tooLarge: 4,
} as const;

/** One of the values of `Frame`. */
export type FrameResult = (typeof Frame)[keyof typeof Frame];

const eagerSize = 1024 * 1024;
const empty = Buffer.alloc(0);

/**
 * Cuts a stream of chunks into messages. A message that lies in one chunk is read where it is; only an incomplete tail is
 * copied, and room for a large message grows with the bytes that arrive, not with what it declares. Bytes once handed out
 * are never moved or overwritten.
 */
export class FrameReader {
  /** Holds the current message. */
  buffer: Buffer = empty;
  type = 0;
  bodyStart = 0;
  bodyEnd = 0;
  #at = 0;
  #end = 0;
  #isOwn = false;
  /** Whole size of the message that is incomplete, 0 if not known. */
  #wanted = 0;
  #skip = 0;

  /** Bytes received and not yet handed out. */
  get buffered(): number {
    return this.#end - this.#at;
  }

  /** Appends what the socket gave; the chunk belongs to the reader from now on. */
  push(chunk: Buffer): void {
    if (this.#at === this.#end) {
      this.buffer = chunk;
      this.#at = 0;
      this.#end = chunk.length;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.buffer.length - this.#end < chunk.length) this.#grow(chunk.length);
    chunk.copy(this.buffer, this.#end);
    this.#end += chunk.length;
  }

  /** Finds the next message under the limits of the connection's state. */
  next(limits: FrameLimits): FrameResult {
    if (this.#skip > 0) return this.#skipMore();
    const at = this.#at;
    const available = this.#end - at;
    if (available < 1) return Frame.incomplete;
    const buffer = this.buffer;
    const type = buffer[at]!;
    const limit = limits[type]!;
    this.type = type;
    if (limit === 0) return Frame.unknownType;
    if (available < 5) return Frame.incomplete;
    const length = this.#int32(at + 1);
    if (length < 4 || length > limit) return Frame.badLength;
    if (length > MAX_STATEMENT_LENGTH && isStatement(type)) {
      this.#skip = length + 1;
      return this.#skipMore();
    }
    if (available <= length) {
      this.#wanted = length + 1;
      return Frame.incomplete;
    }
    this.#take(at + 5, at + 1 + length);
    return Frame.message;
  }

  /** Finds the packet without type byte that starts a connection; the body begins after the length word. */
  nextStartup(): FrameResult {
    const available = this.#end - this.#at;
    if (available < 4) return Frame.incomplete;
    const length = this.#int32(this.#at);
    if (length < 8 || length > MAX_STARTUP_LENGTH) return Frame.badLength;
    if (available < length) {
      this.#wanted = length;
      return Frame.incomplete;
    }
    this.type = 0;
    this.#take(this.#at + 4, this.#at + length);
    return Frame.message;
  }

  #take(bodyStart: number, bodyEnd: number): void {
    this.bodyStart = bodyStart;
    this.bodyEnd = bodyEnd;
    this.#at = bodyEnd;
    this.#wanted = 0;
  }

  #skipMore(): FrameResult {
    const size = Math.min(this.#skip, this.#end - this.#at);
    this.#skip -= size;
    this.#at += size;
    return this.#skip > 0 ? Frame.incomplete : Frame.tooLarge;
  }

  #grow(size: number): void {
    const kept = this.#end - this.#at;
    const needed = kept + size;
    const doubled = Math.max(needed * 2, 1024);
    const wanted = this.#wanted;
    const room =
      wanted > needed ? (wanted <= eagerSize ? wanted : Math.min(wanted, doubled)) : doubled;
    const grown = Buffer.allocUnsafeSlow(room);
    this.buffer.copy(grown, 0, this.#at, this.#end);
    this.buffer = grown;
    this.#at = 0;
    this.#end = kept;
    this.#isOwn = true;
  }

  #int32(at: number): number {
    const b = this.buffer;
    return (b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;
  }
}

function isStatement(type: number): boolean {
  return type === FrontendType.query || type === FrontendType.parse;
}
