// Hot path: canonical, order-preserving, prefix-free key bytes (STORAGE.md 1.5).
import type {ByteWriter} from '../common/byte-writer.ts';

/** Key bytes of a signed 32-bit integer. */
export function writeKeyInt32(value: number, out: ByteWriter): void {
  out.int32(value ^ 0x80000000);
}

/** Key bytes of an unsigned 32-bit integer. */
export function writeKeyUint32(value: number, out: ByteWriter): void {
  out.int32(value | 0);
}

/** Key bytes of a signed 64-bit integer. */
export function writeKeyInt64(value: bigint, out: ByteWriter): void {
  out.ensure(8);
  const at = out.length;
  out.buffer.writeBigInt64BE(value, at);
  out.buffer[at]! ^= 0x80;
  out.length = at + 8;
}

/** Key bytes of a double: -0 is 0, every NaN is one and the largest. */
export function writeKeyFloat64(value: number, out: ByteWriter): void {
  out.ensure(8);
  const at = out.length;
  const buffer = out.buffer;
  if (value !== value) buffer.writeBigUInt64BE(0x7ff8000000000000n, at);
  else buffer.writeDoubleBE(value === 0 ? 0 : value, at);
  if (buffer[at]! >= 0x80) {
    for (let i = at; i < at + 8; i++) buffer[i] = ~buffer[i]!;
  } else {
    buffer[at]! |= 0x80;
  }
  out.length = at + 8;
}

/** Key bytes of a string that holds no NUL: UTF-8, then 00 00. */
export function writeKeyText(value: string, out: ByteWriter): void {
  out.utf8(value);
  out.int16(0);
}

/** Key bytes of a byte string: 00 becomes 00 FF, then 00 00. */
export function writeKeyBytes(value: Uint8Array, out: ByteWriter): void {
  out.ensure(value.length * 2 + 2);
  const buffer = out.buffer;
  let at = out.length;
  for (let i = 0; i < value.length; i++) {
    const byte = value[i]!;
    buffer[at++] = byte;
    if (byte === 0) buffer[at++] = 0xff;
  }
  buffer[at++] = 0;
  buffer[at++] = 0;
  out.length = at;
}
