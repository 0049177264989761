import {PgError} from './errors.ts';
import {SqlState} from './sqlstate.ts';

/** Reads big-endian values from a slice; short input raises 08P01 as PostgreSQL's `pq_getmsg*` do. */
export class ByteReader {
  readonly buffer: Buffer;
  offset: number;
  readonly end: number;

  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  #take(size: number): number {
    const at = this.offset;
    if (size < 0 || at + size > this.end) throw insufficientData();
    this.offset = at + size;
    return at;
  }

  byte(): number {
    if (this.offset >= this.end)
      throw new PgError(SqlState.protocolViolation, 'no data left in message');
    return this.buffer[this.offset++]!;
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#take(2));
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.#take(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#take(4));
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.#take(8));
  }

  float32(): number {
    return this.buffer.readFloatBE(this.#take(4));
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#take(8));
  }

  /** A view, not a copy, of the next `size` bytes. */
  bytes(size: number): Buffer {
    const at = this.#take(size);
    return this.buffer.subarray(at, at + size);
  }

  utf8(size: number): string {
    const at = this.#take(size);
    return this.buffer.utf8Slice(at, at + size);
  }

  cstring(): string {
    const end = this.buffer.indexOf(0, this.offset);
    if (end === -1 || end >= this.end) {
      throw new PgError(SqlState.protocolViolation, 'invalid string in message');
    }
    const text = this.buffer.utf8Slice(this.offset, end);
    this.offset = end + 1;
    return text;
  }
}

function insufficientData(): PgError {
  return new PgError(SqlState.protocolViolation, 'insufficient data left in message');
}
