// Hot path: every page that is written goes through here.
import type {ByteWriter} from '../../common/byte-writer.ts';
import {writeVarint} from './thrift-writer.ts';

const MIN_RUN = 16;

/** Bits that hold values 0 .. max. */
export function bitsFor(max: number): number {
  return max === 0 ? 0 : 32 - Math.clz32(max);
}

/** Parquet's RLE / bit-packed hybrid of values[from .. to), without a length. */
export function writeHybrid(
  out: ByteWriter,
  values: Int32Array | Uint8Array,
  from: number,
  to: number,
  bitWidth: number,
): void {
  let pending = from;
  let at = from;
  while (at < to) {
    const value = values[at]!;
    let end = at + 1;
    while (end < to && values[end] === value) end++;
    // Literals go in groups of eight: a run first fills up the last group.
    const fill = (8 - ((at - pending) & 7)) & 7;
    if (end - at - fill >= MIN_RUN) {
      const start = at + fill;
      if (start > pending) writePacked(out, values, pending, start, bitWidth);
      writeRun(out, end - start, value, bitWidth);
      pending = end;
    }
    at = end;
  }
  if (pending < to) writePacked(out, values, pending, to, bitWidth);
}

function writeRun(out: ByteWriter, count: number, value: number, bitWidth: number): void {
  writeVarint(out, count * 2);
  for (let bits = bitWidth, rest = value; bits > 0; bits -= 8, rest >>>= 8) out.byte(rest & 0xff);
}

function writePacked(
  out: ByteWriter,
  values: Int32Array | Uint8Array,
  from: number,
  to: number,
  bitWidth: number,
): void {
  const groups = (to - from + 7) >> 3;
  writeVarint(out, groups * 2 + 1);
  packBits(out, values, from, to, groups * 8, bitWidth);
}

/** Packs values[from .. to), then zeros up to `count` values, least significant bit first; width up to 24. */
function packBits(
  out: ByteWriter,
  values: Int32Array | Uint8Array,
  from: number,
  to: number,
  count: number,
  bitWidth: number,
): void {
  const size = (count * bitWidth) >> 3;
  out.ensure(size + 4);
  const buffer = out.buffer;
  let at = out.length;
  const end = at + size;
  let held = 0;
  let bits = 0;
  for (let i = from; i < to; i++) {
    held |= values[i]! << bits;
    bits += bitWidth;
    while (bits >= 8) {
      buffer[at++] = held;
      held >>>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) buffer[at++] = held;
  if (at < end) buffer.fill(0, at, end);
  out.length = end;
}

const BLOCK = 128;
const MINI_BLOCK = 32;

/** DELTA_BINARY_PACKED of non-negative 32-bit integers (lengths). */
export function writeDeltaPacked(out: ByteWriter, values: Int32Array, count: number): void {
  writeVarint(out, BLOCK);
  writeVarint(out, BLOCK / MINI_BLOCK);
  writeVarint(out, count);
  writeVarint(out, count === 0 ? 0 : values[0]! * 2);
  const deltas = new Float64Array(BLOCK);
  for (let start = 1; start < count; start += BLOCK) {
    const size = Math.min(BLOCK, count - start);
    let min = Infinity;
    for (let i = 0; i < size; i++) {
      const delta = values[start + i]! - values[start + i - 1]!;
      deltas[i] = delta;
      if (delta < min) min = delta;
    }
    writeVarint(out, min < 0 ? -min * 2 - 1 : min * 2);
    writeMiniBlocks(out, deltas, size, min);
  }
}

function writeMiniBlocks(out: ByteWriter, deltas: Float64Array, size: number, min: number): void {
  const widths = [0, 0, 0, 0];
  for (let i = 0; i < size; i++) {
    const bits = bitsFor(deltas[i]! - min);
    if (bits > widths[i >> 5]!) widths[i >> 5] = bits;
  }
  for (const width of widths) out.byte(width);
  const packed = new Int32Array(MINI_BLOCK);
  for (let block = 0; block * MINI_BLOCK < size; block++) {
    const start = block * MINI_BLOCK;
    for (let i = 0; i < MINI_BLOCK; i++) {
      packed[i] = start + i < size ? deltas[start + i]! - min : 0;
    }
    const width = widths[block]!;
    if (width <= 24) packBits(out, packed, 0, MINI_BLOCK, MINI_BLOCK, width);
    else packWide(out, packed, width);
  }
}

function packWide(out: ByteWriter, values: Int32Array, bitWidth: number): void {
  let held = 0n;
  let bits = 0;
  for (let i = 0; i < values.length; i++) {
    held |= BigInt(values[i]! >>> 0) << BigInt(bits);
    bits += bitWidth;
    for (; bits >= 8; bits -= 8) {
      out.byte(Number(held & 0xffn));
      held >>= 8n;
    }
  }
}
