import {crc32} from 'node:zlib';
import {ByteWriter} from '../../common/byte-writer.ts';
import type {ChunkMeta} from './chunk-meta.ts';
import {ColumnEncoder} from './column-encoder.ts';
import type {ColumnData, ColumnPlan} from './column-plan.ts';
import type {PageSink} from './page-sink.ts';
import type {ChunkPlaces, GroupMeta} from './parquet-format.ts';
import {
  bloomBytes,
  columnIndexBytes,
  footerBytes,
  MAGIC,
  offsetIndexBytes,
} from './parquet-format.ts';
import type {StoredRange} from './value-stats.ts';
import {mergeRange} from './value-stats.ts';

/** What the key-value metadata `wadi.checksums` holds: what has no checksum of its own in Parquet. */
export interface FileChecksums {
  /** Column and offset indexes lie together: offset, length, crc32. */
  readonly indexes: readonly [offset: number, length: number, crc: number];
  /** Per row group and column: offset, length, crc32 of its bloom filter, or null. */
  readonly blooms: readonly (readonly (
    | readonly [offset: number, length: number, crc: number]
    | null
  )[])[];
}

/** What is known of a file once it is encoded. */
export interface EncodedSegment {
  readonly rows: number;
  readonly bytes: number;
  readonly checksum: number;
  readonly footerChecksum: number;
  readonly nullCounts: readonly number[];
  /** Exact range of stored values per column, where its plan has statistics. */
  readonly ranges: readonly StoredRange[];
}

/** Encodes row groups into one Parquet file. Holds one row group at a time, and the footer. */
export class SegmentEncoder {
  readonly #plans: readonly ColumnPlan[];
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #sink: PageSink;
  readonly #scratch = new ByteWriter(4096);
  readonly #groups: GroupMeta[] = [];
  readonly #blooms: (readonly [number, number, number] | null)[][] = [];
  readonly #ranges: StoredRange[];
  readonly #nullCounts: number[];

  constructor(
    plans: readonly ColumnPlan[],
    metadata: Readonly<Record<string, string>>,
    sink: PageSink,
  ) {
    this.#plans = plans;
    this.#metadata = metadata;
    this.#sink = sink;
    this.#ranges = plans.map(() => ({min: null, max: null, hasNan: false}));
    this.#nullCounts = plans.map(() => 0);
    sink.write(MAGIC);
  }

  /** Writes a row group; every step of the generator is a page at most. */
  *group(columns: readonly ColumnData[]): Generator<void, void> {
    const chunks: ChunkMeta[] = [];
    for (let i = 0; i < this.#plans.length; i++) {
      const encoder = new ColumnEncoder(this.#plans[i]!, columns[i]!, this.#sink, this.#scratch);
      const chunk = yield* encoder.run();
      mergeRange(this.#ranges[i]!, copied(chunk.range));
      encoder.release();
      this.#nullCounts[i]! += chunk.nullCount;
      chunks.push(chunk);
    }
    const blooms: (readonly [number, number, number] | null)[] = [];
    const places = chunks.map(chunk => {
      const place = noPlaces();
      if (chunk.bloom !== null) {
        const bytes = bloomBytes(chunk.bloom);
        place.bloomOffset = this.#sink.offset;
        place.bloomLength = bytes.length;
        blooms.push([place.bloomOffset, bytes.length, crc32(bytes)]);
        this.#sink.write(bytes);
      } else {
        blooms.push(null);
      }
      return place;
    });
    this.#blooms.push(blooms);
    this.#groups.push({rows: columns[0]!.rows, chunks: chunks.map(withoutBloom), places});
    this.#scratch.reset();
  }

  /** Writes indexes and footer. */
  finish(): EncodedSegment {
    const sink = this.#sink;
    const indexStart = sink.offset;
    let indexCrc = 0;
    const put = (bytes: Buffer): number => {
      indexCrc = crc32(bytes, indexCrc);
      const at = sink.offset;
      sink.write(bytes);
      return at;
    };
    this.#eachChunk((plan, chunk, place) => {
      const bytes = columnIndexBytes(plan, chunk);
      if (bytes === null) return;
      place.columnIndexOffset = put(bytes);
      place.columnIndexLength = bytes.length;
    });
    this.#eachChunk((_plan, chunk, place) => {
      const bytes = offsetIndexBytes(chunk);
      place.offsetIndexOffset = put(bytes);
      place.offsetIndexLength = bytes.length;
    });
    const checksums: FileChecksums = {
      indexes: [indexStart, sink.offset - indexStart, indexCrc],
      blooms: this.#blooms,
    };
    const footer = this.#footer(checksums);
    sink.write(footer);
    sink.flush();
    return {
      rows: this.#groups.reduce((sum, group) => sum + group.rows, 0),
      bytes: sink.offset,
      checksum: sink.checksum,
      footerChecksum: crc32(footer),
      nullCounts: this.#nullCounts,
      ranges: this.#ranges,
    };
  }

  /** Footer with its length and the closing magic. */
  #footer(checksums: FileChecksums): Buffer {
    const metadata = {...this.#metadata, 'wadi.checksums': JSON.stringify(checksums)};
    const body = footerBytes(this.#plans, this.#groups, metadata);
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(body.length, 0);
    tail.set(MAGIC, 4);
    return Buffer.concat([body, tail]);
  }

  #eachChunk(visit: (plan: ColumnPlan, chunk: ChunkMeta, place: ChunkPlaces) => void): void {
    for (const group of this.#groups) {
      group.chunks.forEach((chunk, i) => visit(this.#plans[i]!, chunk, group.places[i]!));
    }
  }
}

/** Byte values are views of a row group's buffers, which are not to be kept. */
function copied(range: StoredRange): StoredRange {
  return {
    min: range.min instanceof Uint8Array ? new Uint8Array(range.min) : range.min,
    max: range.max instanceof Uint8Array ? new Uint8Array(range.max) : range.max,
    hasNan: range.hasNan,
  };
}

function withoutBloom(chunk: ChunkMeta): ChunkMeta {
  return {...chunk, bloom: null, range: {min: null, max: null, hasNan: false}};
}

function noPlaces(): ChunkPlaces {
  return {
    bloomOffset: 0,
    bloomLength: 0,
    columnIndexOffset: 0,
    columnIndexLength: 0,
    offsetIndexOffset: 0,
    offsetIndexLength: 0,
  };
}
