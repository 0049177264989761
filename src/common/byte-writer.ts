// Hot path: every byte that leaves the server and every binary value goes through here.

/** A growing big-endian byte buffer: reserve, write, back-patch. Reused; `take` or `reset` between uses. */
export class ByteWriter {
  buffer: Buffer;
  length = 0;

  constructor(initialSize = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(initialSize);
  }

  /** Makes room for `size` more bytes. */
  ensure(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    let capacity = this.buffer.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  byte(value: number): void {
    this.ensure(1);
    this.buffer[this.length++] = value;
  }

  int16(value: number): void {
    this.ensure(2);
    const {buffer, length} = this;
    buffer[length] = value >> 8;
    buffer[length + 1] = value;
    this.length = length + 2;
  }

  int32(value: number): void {
    this.ensure(4);
    this.setInt32(this.length, value);
    this.length += 4;
  }

  /** Back-patches a 32-bit integer at an absolute position already written. */
  setInt32(at: number, value: number): void {
    const buffer = this.buffer;
    buffer[at] = value >> 24;
    buffer[at + 1] = value >> 16;
    buffer[at + 2] = value >> 8;
    buffer[at + 3] = value;
  }

  int64(value: bigint): void {
    this.ensure(8);
    this.buffer.writeBigInt64BE(value, this.length);
    this.length += 8;
  }

  float32(value: number): void {
    this.ensure(4);
    this.buffer.writeFloatBE(value, this.length);
    this.length += 4;
  }

  float64(value: number): void {
    this.ensure(8);
    this.buffer.writeDoubleBE(value, this.length);
    this.length += 8;
  }

  bytes(value: Uint8Array): void {
    this.ensure(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  /** Bytes [start, end) of a buffer. */
  copy(from: Buffer, start: number, end: number): void {
    const size = end - start;
    this.ensure(size);
    const {buffer, length} = this;
    if (size > 32) from.copy(buffer, length, start, end);
    else for (let i = 0; i < size; i++) buffer[length + i] = from[start + i]!;
    this.length = length + size;
  }

  /** UTF-8 text without terminator. */
  utf8(value: string): void {
    const size = value.length;
    this.ensure(size * 3);
    const {buffer, length} = this;
    if (size <= 32) {
      let at = length;
      for (let i = 0; i < size; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) {
          this.length = length + buffer.utf8Write(value, length);
          return;
        }
        buffer[at++] = code;
      }
      this.length = at;
      return;
    }
    this.length = length + buffer.utf8Write(value, length);
  }

  /** UTF-8 text with a terminating zero byte. */
  cstring(value: string): void {
    this.utf8(value);
    this.byte(0);
  }

  reset(): void {
    this.length = 0;
  }

  /** A view of what is written; valid until the next write or reset. */
  view(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** A copy of what is written; the writer is empty afterwards. */
  take(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.length);
    this.buffer.copy(copy, 0, 0, this.length);
    this.length = 0;
    return copy;
  }
}
