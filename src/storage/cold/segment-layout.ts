import {deserializeTCompactProtocol} from 'hyparquet/src/thrift.js';
import {crc32} from 'node:zlib';
import type {CachedBloom} from './cached-bloom.ts';
import type {ParquetColumnForm} from './column-forms.ts';
import type {SegmentMeta} from './contract.ts';
import type {DecodedPage, SegmentDictionary} from './decoded-page.ts';
import {corrupt} from './file-errors.ts';
import type {FileReader} from './file-reader.ts';
import {CODEC_ZSTD, MAGIC, PHYSICAL_TYPES} from './parquet-format.ts';
import {CacheEntry} from './page-cache.ts';
import type {FileChecksums} from './segment-encoder.ts';
import {hex} from './segment-meta.ts';
import type {StoredValue} from './value-stats.ts';
import {storedValue} from './value-stats.ts';

const TAIL_BYTES = 64 * 1024;

type Thrift = Readonly<Record<`field_${number}`, unknown>>;

/** A column as the file describes it. */
export interface StoredColumn extends ParquetColumnForm {
  readonly attnum: number;
  readonly typeOid: number;
  readonly isNullable: boolean;
}

/** Bounds of values in a chunk or page; null when unknown. */
export interface Bounds {
  readonly min: StoredValue;
  readonly max: StoredValue;
}

/** One column in one row group: where its pages lie, what is known of them, and what is decoded of it now. */
export interface ChunkLayout {
  readonly rows: number;
  readonly nullCount: number;
  readonly bounds: Bounds | null;
  /** Offset of the dictionary page, or -1. */
  readonly dictionaryOffset: number;
  readonly dataOffset: number;
  readonly encoding: number;
  readonly bloomPlace: readonly [offset: number, length: number, crc: number] | null;
  readonly indexPlaces: readonly [
    columnAt: number,
    columnLength: number,
    offsetAt: number,
    offsetLength: number,
  ];
  index: PageIndex | null;
  bloom: CachedBloom | null;
  dictionary: SegmentDictionary | null;
  /** Decoded pages per reading (stored type, or another that it is read as). */
  readonly decoded: Map<number, (DecodedPage | null)[]>;
}

/** Pages of a chunk. All but the last have the same number of rows, a power of two. */
export interface PageIndex {
  readonly count: number;
  readonly step: number;
  readonly offsets: Float64Array;
  readonly sizes: Int32Array;
  readonly bounds: readonly (Bounds | null)[] | null;
  readonly nullCounts: readonly number[] | null;
}

/** Footer and indexes of an open segment. */
export class SegmentLayout extends CacheEntry {
  readonly columns: readonly StoredColumn[];
  readonly groups: readonly {
    readonly firstRow: number;
    readonly rows: number;
    readonly chunks: readonly ChunkLayout[];
  }[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly bytes: number;
  readonly #path: string;
  readonly #indexes: Buffer;
  readonly #indexStart: number;
  readonly #columnByAttnum = new Map<number, number>();
  onEvict: (() => void) | null = null;

  constructor(path: string, files: FileReader, meta: SegmentMeta) {
    super();
    this.#path = path;
    const footer = readFooter(path, files, meta);
    const thrift = parsed(footer, 0, path);
    this.metadata = readMetadata(thrift);
    const checksums = JSON.parse(this.metadata.get('wadi.checksums') ?? 'null') as FileChecksums;
    this.columns = readColumns(thrift, this.metadata);
    this.columns.forEach((column, i) => this.#columnByAttnum.set(column.attnum, i));
    this.groups = readGroups(thrift, this.columns, checksums);
    const [start, length, crc] = checksums.indexes;
    this.#indexStart = start;
    this.#indexes = Buffer.from(files.read(path, start, length));
    if (crc32(this.#indexes) !== crc)
      throw corrupt(path, 'the page indexes do not match their checksum');
    this.bytes = 2048 + footer.length * 8 + length * 6;
  }

  /** Position of a column, or -1. */
  columnOf(attnum: number): number {
    return this.#columnByAttnum.get(attnum) ?? -1;
  }

  /** The page index of a chunk, parsed on first use. */
  pagesOf(chunk: ChunkLayout, column: StoredColumn): PageIndex {
    chunk.index ??= this.#parseIndex(chunk, column);
    return chunk.index;
  }

  evict(): void {
    this.onEvict?.();
  }

  #parseIndex(chunk: ChunkLayout, column: StoredColumn): PageIndex {
    const [columnAt, columnLength, offsetAt] = chunk.indexPlaces;
    const places = parsed(this.#indexes, offsetAt - this.#indexStart, this.#path)
      .field_1 as Thrift[];
    const firstRows = places.map(place => Number(place.field_3));
    const step = firstRows.length > 1 ? firstRows[1]! : Math.max(1, chunk.rows);
    if (!firstRows.every((row, i) => row === i * step))
      throw corrupt(this.#path, 'pages are uneven');
    const index =
      columnLength > 0 ? parsed(this.#indexes, columnAt - this.#indexStart, this.#path) : null;
    return {
      count: places.length,
      step,
      offsets: Float64Array.from(places, place => Number(place.field_1)),
      sizes: Int32Array.from(places, place => Number(place.field_2)),
      bounds: index === null ? null : readBounds(index, column),
      nullCounts: index === null ? null : (index.field_5 as bigint[]).map(Number),
    };
  }
}

function readBounds(index: Thrift, column: StoredColumn): (Bounds | null)[] {
  const mins = index.field_2 as Uint8Array[];
  const maxs = index.field_3 as Uint8Array[];
  return (index.field_1 as boolean[]).map((isNullPage, i) =>
    isNullPage
      ? null
      : {
          min: storedValue(column.physicalType, mins[i]!),
          max: storedValue(column.physicalType, maxs[i]!),
        },
  );
}

/** Reads the metadata from the end of the file, and checks size, magic and checksum. */
function readFooter(path: string, files: FileReader, meta: SegmentMeta): Buffer {
  const size = files.size(path);
  if (size !== meta.bytes) throw corrupt(path, `it has ${size} bytes instead of ${meta.bytes}`);
  if (size < 12) throw corrupt(path, 'it is too short');
  let tail = files.read(path, Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
  if (!tail.subarray(-4).equals(MAGIC)) throw corrupt(path, 'it does not end like a Parquet file');
  const length = tail.readUInt32LE(tail.length - 8) + 8;
  if (length > size - 4) throw corrupt(path, 'its footer is longer than itself');
  if (length > tail.length) tail = files.read(path, size - length, length);
  const footer = Buffer.from(tail.subarray(tail.length - length));
  if (hex(crc32(footer)) !== meta.footerChecksum) {
    throw corrupt(path, 'the footer does not match its checksum');
  }
  return footer;
}

function parsed(bytes: Buffer, offset: number, path: string): Thrift {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return deserializeTCompactProtocol({view, offset});
  } catch (error) {
    throw corrupt(path, 'its metadata cannot be parsed', error);
  }
}

function readMetadata(thrift: Thrift): Map<string, string> {
  const entries = (thrift.field_5 ?? []) as Thrift[];
  return new Map(entries.map(entry => [text(entry.field_1), text(entry.field_2)]));
}

function text(value: unknown): string {
  return Buffer.from(value as Uint8Array).toString('utf8');
}

function readColumns(thrift: Thrift, metadata: ReadonlyMap<string, string>): StoredColumn[] {
  const declared = JSON.parse(metadata.get('wadi.columns') ?? '[]') as {
    attnum: number;
    oid: number;
  }[];
  return (thrift.field_2 as Thrift[]).slice(1).map((element, i) => ({
    attnum: declared[i]!.attnum,
    typeOid: declared[i]!.oid,
    isNullable: element.field_3 === 1,
    physicalType: PHYSICAL_TYPES[element.field_1 as number] as StoredColumn['physicalType'],
    length: (element.field_2 as number | undefined) ?? 0,
  }));
}

function readGroups(
  thrift: Thrift,
  columns: readonly StoredColumn[],
  checksums: FileChecksums,
): SegmentLayout['groups'] {
  let firstRow = 0;
  return (thrift.field_4 as Thrift[]).map((group, g) => {
    const rows = Number(group.field_3);
    const chunks = (group.field_1 as Thrift[]).map((chunk, c) =>
      readChunk(chunk, columns[c]!, rows, checksums.blooms[g]![c]!),
    );
    const start = firstRow;
    firstRow += rows;
    return {firstRow: start, rows, chunks};
  });
}

function readChunk(
  thrift: Thrift,
  column: StoredColumn,
  rows: number,
  bloomPlace: ChunkLayout['bloomPlace'],
): ChunkLayout {
  const meta = thrift.field_3 as Thrift;
  const stats = meta.field_12 as Thrift;
  const min = stats.field_6 as Uint8Array | undefined;
  const max = stats.field_5 as Uint8Array | undefined;
  if (meta.field_4 !== CODEC_ZSTD) throw new Error('unknown codec');
  return {
    rows,
    nullCount: Number(stats.field_3),
    bounds:
      min === undefined || max === undefined
        ? null
        : {min: storedValue(column.physicalType, min), max: storedValue(column.physicalType, max)},
    dictionaryOffset: meta.field_11 === undefined ? -1 : Number(meta.field_11),
    dataOffset: Number(meta.field_9),
    encoding: (meta.field_2 as number[])[0]!,
    bloomPlace,
    indexPlaces: [
      Number(thrift.field_6 ?? 0),
      Number(thrift.field_7 ?? 0),
      Number(thrift.field_4),
      Number(thrift.field_5),
    ],
    index: null,
    bloom: null,
    dictionary: null,
    decoded: new Map(),
  };
}
