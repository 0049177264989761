// Hot path: every page that is read goes through here. Input is untrusted until its checksum held; bounds are still checked.

/** A position in bytes, advanced by the decoders. */
export interface Place {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

/** Thrown when bytes do not make sense; becomes XX001 with the file's name. */
export class MalformedPage extends Error {}

/** Reads an unsigned LEB128 number below 2^53. */
export function readVarint(place: Place): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 8; i++) {
    if (place.at >= place.end) throw new MalformedPage('a number is cut off');
    const byte = place.bytes[place.at++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  throw new MalformedPage('a number is too long');
}

/** Decodes `count` values of Parquet's RLE / bit-packed hybrid into out[0 .. count). */
export function readHybrid(
  place: Place,
  bitWidth: number,
  out: Int32Array | Uint8Array,
  count: number,
): void {
  let at = 0;
  while (at < count) {
    const header = readVarint(place);
    if (header % 2 === 1) {
      const packed = Math.floor(header / 2) * 8;
      const take = Math.min(packed, count - at);
      unpackBits(place, bitWidth, out, at, take);
      place.at += ((packed - take) * bitWidth) >> 3;
      at += take;
    } else {
      const run = header / 2;
      if (run === 0 || run > count - at) throw new MalformedPage('a run does not fit its page');
      let value = 0;
      for (let bits = 0; bits < bitWidth; bits += 8) value |= place.bytes[place.at++]! << bits;
      out.fill(value, at, at + run);
      at += run;
    }
  }
}

/** Unpacks values of up to 24 bits, least significant bit first; the place ends on the byte after the last one begun. */
function unpackBits(
  place: Place,
  bitWidth: number,
  out: Int32Array | Uint8Array,
  from: number,
  count: number,
): void {
  if (bitWidth > 24) throw new MalformedPage('codes are wider than 24 bits');
  const {bytes} = place;
  const size = Math.ceil((count * bitWidth) / 8);
  if (place.at + size > place.end) throw new MalformedPage('packed values are cut off');
  const mask = 2 ** bitWidth - 1;
  let at = place.at;
  let held = 0;
  let bits = 0;
  for (let i = from, end = from + count; i < end; i++) {
    while (bits < bitWidth) {
      held |= bytes[at++]! << bits;
      bits += 8;
    }
    out[i] = held & mask;
    held >>>= bitWidth;
    bits -= bitWidth;
  }
  place.at = at;
}

/** Decodes DELTA_BINARY_PACKED lengths and adds them up: out[0] = 0, out[i] = sum of the first i lengths. Returns their number. */
export function readDeltaOffsets(place: Place, out: Int32Array): number {
  const blockSize = readVarint(place);
  const miniBlocks = readVarint(place);
  const count = readVarint(place);
  let length = unzigzag(readVarint(place));
  if (count > out.length - 1) throw new MalformedPage('there are more lengths than rows');
  const miniSize = blockSize / miniBlocks;
  if (miniSize !== MINI_BLOCK) throw new MalformedPage('unknown block size');
  out[0] = 0;
  if (count === 0) return 0;
  out[1] = length;
  const widths = new Uint8Array(miniBlocks);
  for (let i = 1; i < count; ) {
    const min = unzigzag(readVarint(place));
    for (let block = 0; block < miniBlocks; block++) widths[block] = place.bytes[place.at++]!;
    for (let block = 0; block < miniBlocks && i < count; block++) {
      const take = Math.min(miniSize, count - i);
      length = addDeltas(place, {width: widths[block]!, min, length, from: i, take}, out);
      i += take;
    }
  }
  return count;
}

const MINI_BLOCK = 32;

function addDeltas(
  place: Place,
  block: {
    readonly width: number;
    readonly min: number;
    readonly length: number;
    readonly from: number;
    readonly take: number;
  },
  out: Int32Array,
): number {
  const {width, min, from, take} = block;
  let {length} = block;
  const end = place.at + (MINI_BLOCK * width) / 8;
  if (end > place.end) throw new MalformedPage('lengths are cut off');
  const mask = width < 25 ? 2 ** width - 1 : 0;
  const {bytes} = place;
  let at = place.at;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < take; i++) {
    let delta = 0;
    if (width > 24) {
      delta = wideAt(bytes, place.at, width, i);
    } else {
      while (bits < width) {
        held |= bytes[at++]! << bits;
        bits += 8;
      }
      delta = held & mask;
      held >>>= width;
      bits -= width;
    }
    length += delta + min;
    if (length < 0) throw new MalformedPage('a length is negative');
    out[from + i + 1] = out[from + i]! + length;
  }
  place.at = end;
  return length;
}

function wideAt(bytes: Uint8Array, start: number, width: number, index: number): number {
  let value = 0;
  for (let bit = 0; bit < width; bit++) {
    const at = index * width + bit;
    if (((bytes[start + (at >> 3)]! >> (at & 7)) & 1) === 1) value += 2 ** bit;
  }
  return value;
}

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}
