// Hot path: turns the columns of a row group into Parquet pages.
import {constants, crc32, zstdCompressSync} from 'node:zlib';
import type {ByteWriter} from '../../common/byte-writer.ts';
import {assert} from '../../common/errors.ts';
import type {BloomFilter} from './bloom-filter.ts';
import {bloomOfHashes} from './bloom-filter.ts';
import type {ByteDictionary} from './byte-dictionary.ts';
import {buildDictionary} from './byte-dictionary.ts';
import type {ChunkMeta, PageMeta} from './chunk-meta.ts';
import type {ColumnData, ColumnPlan} from './column-plan.ts';
import {bitsFor, writeDeltaPacked, writeHybrid} from './encodings.ts';
import type {PageSink} from './page-sink.ts';
import {Encoding, PageType, pageHeader} from './parquet-format.ts';
import type {StoredRange} from './value-stats.ts';
import {shifted} from './integer-shift.ts';
import {mergeRange, rangeOfNumbers, statBytes} from './value-stats.ts';
import {Xxhash64} from './xxhash64.ts';

const PAGE_ROWS = 8192;
const MIN_PAGE_ROWS = 64;
/** Who wants one row unpacks a page: not more than 128 KB where that leaves whole batches, never more than 512 KB. */
const TEXT_PAGE_BYTES = 128 * 1024;
const MAX_TEXT_PAGE_BYTES = 512 * 1024;
const BATCH_ROWS = 1024;
/** Buffers of this size are not shared. */
const LARGE_OUTPUT = 64 * 1024;
const ZSTD_LEVEL = {[constants.ZSTD_c_compressionLevel]: 1};

/** Encodes one column of a row group; a generator, so that the main thread can stop between pages. */
export class ColumnEncoder {
  readonly #plan: ColumnPlan;
  readonly #data: ColumnData;
  readonly #sink: PageSink;
  readonly #scratch: ByteWriter;
  readonly #bytes: Uint8Array;
  readonly #pages: PageMeta[] = [];
  readonly #range: StoredRange = {min: null, max: null, hasNan: false};
  readonly #hash = new Xxhash64();
  #hashes: Uint32Array | null = null;
  #hashed = 0;
  #uncompressed = 0;
  #compressed = 0;
  #nullCount = 0;

  constructor(plan: ColumnPlan, data: ColumnData, sink: PageSink, scratch: ByteWriter) {
    assert(plan.isNullable || data.nulls === null, `column ${plan.name} holds no NULL`);
    this.#plan = plan;
    this.#data = data;
    this.#sink = sink;
    this.#scratch = scratch;
    this.#bytes = joined(data);
    if (plan.valueBloom !== null || plan.keyBloom !== null) {
      this.#hashes = new Uint32Array(data.rows * 4 + 4);
    }
  }

  *run(): Generator<void, ChunkMeta> {
    const {rows, offsets, nulls} = this.#data;
    const isBytes = this.#plan.kind === 'bytes';
    const dictionary = isBytes ? buildDictionary(this.#bytes, offsets!, nulls, rows) : null;
    yield;
    let dictionaryOffset: number | null = null;
    if (dictionary !== null) {
      dictionaryOffset = this.#sink.offset;
      this.#writeDictionary(dictionary);
      yield;
    }
    const dataOffset = this.#sink.offset;
    const step = pageRows(this.#data, dictionary !== null);
    const width = dictionary === null ? 0 : bitsFor(dictionary.count - 1);
    for (let from = 0; from < rows; from += step) {
      const to = Math.min(rows, from + step);
      if (dictionary !== null) this.#dictionaryPage(dictionary, width, from, to);
      else if (isBytes) this.#bytesPage(from, to);
      else this.#fixedPage(from, to);
      yield;
    }
    return {
      dictionaryOffset,
      dataOffset,
      encoding: this.#encoding(dictionary),
      rows,
      uncompressedSize: this.#uncompressed,
      compressedSize: this.#compressed,
      nullCount: this.#nullCount,
      range: this.#plan.hasStats ? this.#range : {min: null, max: null, hasNan: false},
      stats: this.#plan.hasStats ? statBytes(this.#plan, this.#range) : null,
      pages: this.#pages,
      bloom: this.#bloom(),
    };
  }

  /** Gives the memory of its input back at once: megabytes that the collector of garbage would let lie. Nothing refers to it any more. */
  release(): void {
    const {arenas, values, offsets, nulls, keyHashes} = this.#data;
    for (const part of [...arenas, this.#bytes, values, offsets, nulls, keyHashes])
      if (part !== null && part.buffer instanceof ArrayBuffer && !part.buffer.detached)
        part.buffer.transfer(0);
  }

  #encoding(dictionary: ByteDictionary | null): number {
    if (dictionary !== null) return Encoding.rleDictionary;
    return this.#plan.physicalType === 'BYTE_ARRAY'
      ? Encoding.deltaLengthByteArray
      : Encoding.plain;
  }

  #writeDictionary(dictionary: ByteDictionary): void {
    const out = this.#scratch;
    const offsets = this.#data.offsets!;
    const isFixed = this.#plan.length > 0;
    out.reset();
    out.ensure(dictionary.byteLength + dictionary.count * 4);
    for (let code = 0; code < dictionary.count; code++) {
      const row = dictionary.rowOf[code]!;
      const from = offsets[row]!;
      const to = offsets[row + 1]!;
      if (!isFixed) {
        out.buffer.writeInt32LE(to - from, out.length);
        out.length += 4;
      }
      for (let i = from; i < to; i++) out.buffer[out.length++] = this.#bytes[i]!;
      if (this.#plan.valueBloom !== null) this.#addHash(from, to);
    }
    this.#emit(PageType.dictionary, Encoding.plain, dictionary.count, out.view());
  }

  #dictionaryPage(dictionary: ByteDictionary, width: number, from: number, to: number): void {
    const {nulls, offsets} = this.#data;
    const out = this.#startPage(from, to);
    const codes =
      nulls === null ? dictionary.codes : compactInts(dictionary.codes, nulls, from, to);
    const [start, end] = nulls === null ? [from, to] : [0, codes.length];
    out.byte(width);
    writeHybrid(out, codes, start, end, width);
    const range: StoredRange = {min: null, max: null, hasNan: false};
    if (this.#plan.hasStats) {
      const seen = new Uint8Array(dictionary.count);
      const rows = new Int32Array(Math.min(end - start, dictionary.count));
      let count = 0;
      for (let i = start; i < end; i++) {
        const code = codes[i]!;
        if (seen[code] === 1) continue;
        seen[code] = 1;
        rows[count++] = dictionary.rowOf[code]!;
      }
      this.#rangeOfRows(range, offsets!, rows, count);
    }
    this.#finishPage(from, to, Encoding.rleDictionary, range);
  }

  #bytesPage(from: number, to: number): void {
    const {nulls} = this.#data;
    const offsets = this.#data.offsets!;
    const out = this.#startPage(from, to);
    const rows = new Int32Array(to - from);
    const lengths = new Int32Array(to - from);
    let count = 0;
    for (let row = from; row < to; row++) {
      if (nulls !== null && nulls[row] === 1) continue;
      lengths[count] = offsets[row + 1]! - offsets[row]!;
      rows[count++] = row;
    }
    const isFixed = this.#plan.length > 0;
    if (!isFixed) writeDeltaPacked(out, lengths, count);
    out.bytes(this.#bytes.subarray(offsets[from]!, offsets[to]!));
    const range: StoredRange = {min: null, max: null, hasNan: false};
    if (this.#plan.hasStats) this.#rangeOfRows(range, offsets, rows, count);
    if (this.#plan.valueBloom !== null) {
      for (let i = 0; i < count; i++) this.#addHash(offsets[rows[i]!]!, offsets[rows[i]! + 1]!);
    }
    const encoding = isFixed ? Encoding.plain : Encoding.deltaLengthByteArray;
    this.#finishPage(from, to, encoding, range);
  }

  #fixedPage(from: number, to: number): void {
    const plan = this.#plan;
    const out = this.#startPage(from, to);
    let values = compact(this.#data.values!, this.#data.nulls, from, to);
    if (plan.shift !== 0n) values = shifted(values, plan.shift);
    if (plan.kind === 'bool') packBooleans(out, values as Uint8Array);
    else out.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    if (plan.valueBloom !== null) this.#hashFixed(values);
    const range = plan.hasStats
      ? rangeOfNumbers(values, plan.shift)
      : {min: null, max: null, hasNan: false};
    this.#finishPage(from, to, Encoding.plain, range);
  }

  /** Definition levels of a nullable column: the page's first part. */
  #startPage(from: number, to: number): ByteWriter {
    const out = this.#scratch;
    out.reset();
    if (!this.#plan.isNullable) return out;
    const {nulls} = this.#data;
    const levels = new Uint8Array(to - from);
    if (nulls === null) levels.fill(1);
    else for (let i = 0; i < levels.length; i++) levels[i] = 1 - nulls[from + i]!;
    out.ensure(4);
    out.length = 4;
    writeHybrid(out, levels, 0, levels.length, 1);
    out.buffer.writeInt32LE(out.length - 4, 0);
    return out;
  }

  #finishPage(from: number, to: number, encoding: number, range: StoredRange): void {
    const nullCount = countNulls(this.#data.nulls, from, to);
    const offset = this.#sink.offset;
    this.#emit(PageType.data, encoding, to - from, this.#scratch.view());
    mergeRange(this.#range, range);
    this.#nullCount += nullCount;
    this.#pages.push({
      offset,
      size: this.#sink.offset - offset,
      firstRow: from,
      rows: to - from,
      nullCount,
      stats: this.#plan.hasStats ? statBytes(this.#plan, range) : null,
    });
  }

  #emit(type: number, encoding: number, count: number, body: Uint8Array): void {
    // Room for all output at once: else zlib collects it in pieces of 16 KB.
    const chunkSize = body.length + (body.length >> 7) + 128;
    const output = zstdCompressSync(body, {params: ZSTD_LEVEL, chunkSize});
    const packed = new Uint8Array(output);
    // Of a large room little is used: it goes back at once.
    if (chunkSize > LARGE_OUTPUT && output.buffer.byteLength === chunkSize)
      output.buffer.transfer(0);
    const header = pageHeader({
      type,
      encoding,
      count,
      uncompressedSize: body.length,
      compressedSize: packed.length,
      checksum: crc32(packed),
    });
    this.#sink.write(header);
    this.#sink.write(packed);
    this.#uncompressed += header.length + body.length;
    this.#compressed += header.length + packed.length;
  }

  #rangeOfRows(range: StoredRange, offsets: Int32Array, rows: Int32Array, count: number): void {
    if (count === 0) return;
    const bytes = this.#bytes;
    let min = rows[0]!;
    let max = min;
    for (let i = 1; i < count; i++) {
      const row = rows[i]!;
      const from = offsets[row]!;
      const to = offsets[row + 1]!;
      if (compareBytes(bytes, from, to, offsets[min]!, offsets[min + 1]!) < 0) min = row;
      else if (compareBytes(bytes, from, to, offsets[max]!, offsets[max + 1]!) > 0) max = row;
    }
    range.min = bytes.subarray(offsets[min]!, offsets[min + 1]!);
    range.max = bytes.subarray(offsets[max]!, offsets[max + 1]!);
  }

  #addHash(from: number, to: number): void {
    this.#hash.bytes(this.#bytes, from, to);
    this.#pushHash();
  }

  #pushHash(): void {
    this.#hashes![this.#hashed++] = this.#hash.low;
    this.#hashes![this.#hashed++] = this.#hash.high;
  }

  #hashFixed(values: FixedArray): void {
    const hash = this.#hash;
    const isFloat = values instanceof Float32Array || values instanceof Float64Array;
    const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2);
    const isWide = values.BYTES_PER_ELEMENT === 8;
    let hasZero = false;
    for (let i = 0; i < values.length; i++) {
      if (isFloat && values[i] === 0) {
        hasZero = true;
        continue;
      }
      if (isWide) hash.int64(words[i * 2]!, words[i * 2 + 1]!);
      else hash.int32(words[i]!);
      this.#pushHash();
    }
    // 0 and -0 are equal but hashed by their bits: a filter that has one has both.
    if (hasZero) {
      for (const high of [0, 0x80000000 | 0]) {
        if (isWide) hash.int64(0, high);
        else hash.int32(high);
        this.#pushHash();
      }
    }
  }

  #bloom(): BloomFilter | null {
    const {valueBloom, keyBloom, bloomItems} = this.#plan;
    if (valueBloom !== null)
      return bloomOfHashes(this.#hashes!.subarray(0, this.#hashed), valueBloom, bloomItems);
    if (keyBloom === null) return null;
    const {keyHashes, nulls, rows} = this.#data;
    for (let row = 0; row < rows; row++) {
      if (nulls !== null && nulls[row] === 1) continue;
      this.#hashes![this.#hashed++] = keyHashes![row * 2]!;
      this.#hashes![this.#hashed++] = keyHashes![row * 2 + 1]!;
    }
    return bloomOfHashes(this.#hashes!.subarray(0, this.#hashed), keyBloom, bloomItems);
  }
}

type FixedArray = NonNullable<ColumnData['values']>;

function joined(data: ColumnData): Uint8Array {
  if (data.arenas.length === 1) return data.arenas[0]!;
  let size = 0;
  for (const length of data.arenaLengths) size += length;
  const all = Buffer.allocUnsafeSlow(size);
  let at = 0;
  data.arenas.forEach((arena, i) => {
    const length = data.arenaLengths[i]!;
    all.set(arena.subarray(0, length), at);
    at += length;
  });
  return all;
}

/** Rows of a page: powers of two, so that batches of 1,024 rows never straddle two pages of one column. */
function pageRows(data: ColumnData, isDictionary: boolean): number {
  if (data.offsets === null || isDictionary) return PAGE_ROWS;
  const average = data.offsets[data.rows]! / Math.max(1, data.rows);
  let rows = PAGE_ROWS;
  while (rows > BATCH_ROWS && rows * average > TEXT_PAGE_BYTES) rows /= 2;
  while (rows > MIN_PAGE_ROWS && rows * average > MAX_TEXT_PAGE_BYTES) rows /= 2;
  return rows;
}

function compareBytes(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  const shared = Math.min(aEnd - a, bEnd - b);
  for (let i = 0; i < shared; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!;
    if (difference !== 0) return difference;
  }
  return aEnd - a - (bEnd - b);
}

function countNulls(nulls: Uint8Array | null, from: number, to: number): number {
  if (nulls === null) return 0;
  let count = 0;
  for (let i = from; i < to; i++) count += nulls[i]!;
  return count;
}

function compactInts(values: Int32Array, nulls: Uint8Array, from: number, to: number): Int32Array {
  return compact(values, nulls, from, to) as Int32Array;
}

function compact(
  values: FixedArray,
  nulls: Uint8Array | null,
  from: number,
  to: number,
): FixedArray {
  if (nulls === null) return values.subarray(from, to);
  const dense = values.slice(from, to) as Float64Array;
  let count = 0;
  for (let i = from; i < to; i++) if (nulls[i] === 0) dense[count++] = (values as Float64Array)[i]!;
  return dense.subarray(0, count);
}

function packBooleans(out: ByteWriter, values: Uint8Array): void {
  for (let i = 0; i < values.length; i += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8 && i + bit < values.length; bit++) byte |= values[i + bit]! << bit;
    out.byte(byte);
  }
}
