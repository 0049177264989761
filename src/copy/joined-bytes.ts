// Hot path: a message of COPY may be one row.

import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

const SMALLEST = 64 * 1024;

/** Bytes of a row that is not whole yet: who sends more without an end of it is not listened to. */
export const MOST_ROW_BYTES: number = 256 * 1024 * 1024;

/** Room that is used again without being given back to the collector of garbage. */
const REUSED = 4 * 1024 * 1024;

/** Joins chunks behind what is left of the ones before, always in the same room: bytes given out before are valid until the next call. */
export class ReusedBytes {
  #storage: Buffer = Buffer.alloc(0);
  #end = 0;

  /** The bytes of `buffer` from `at`, which came from here, then those of `chunk`, which is copied. */
  join(buffer: Buffer, at: number, chunk: Buffer): Buffer {
    const left = buffer.length - at;
    assertRoom(left, chunk.length);
    if (this.#storage.length - this.#end < chunk.length) this.#makeRoom(left, chunk.length);
    chunk.copy(this.#storage, this.#end);
    this.#end += chunk.length;
    return this.#storage.subarray(this.#end - chunk.length - left, this.#end);
  }

  #makeRoom(left: number, more: number): void {
    const {length} = this.#storage;
    const isLarge = length >= 2 * (left + more) || length >= REUSED;
    const fits = isLarge && left + more <= length;
    const room = fits
      ? this.#storage
      : Buffer.allocUnsafeSlow(Math.max(SMALLEST, Math.min(REUSED, 4 * length), 2 * (left + more)));
    this.#storage.copy(room, 0, this.#end - left, this.#end);
    this.#storage = room;
    this.#end = left;
  }
}

/** Joins chunks behind what is left of the ones before, in room that doubles: many small chunks cost no more than one large. */
export class JoinedBytes {
  #storage: Buffer = Buffer.alloc(0);
  #end = 0;
  #joined: Buffer | null = null;

  /** The bytes of `buffer` from `at`, then those of `chunk`. Bytes that were given out before stay as they are. */
  join(buffer: Buffer, at: number, chunk: Buffer): Buffer {
    const left = buffer.length - at;
    if (left === 0) {
      this.#joined = null;
      return chunk;
    }
    assertRoom(left, chunk.length);
    if (this.#joined !== buffer || this.#storage.length - this.#end < chunk.length) {
      this.#storage = Buffer.allocUnsafeSlow(Math.max(SMALLEST, 2 * (left + chunk.length)));
      buffer.copy(this.#storage, 0, at);
      this.#end = left;
    }
    chunk.copy(this.#storage, this.#end);
    this.#end += chunk.length;
    this.#joined = this.#storage.subarray(this.#end - chunk.length - left, this.#end);
    return this.#joined;
  }
}

function assertRoom(left: number, more: number): void {
  if (left + more <= MOST_ROW_BYTES) return;
  throw new PgError(SqlState.programLimitExceeded, 'out of memory', {
    detail: `Cannot enlarge string buffer containing ${left} bytes by ${more} more bytes.`,
  });
}
