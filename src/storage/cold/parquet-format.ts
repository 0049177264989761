import {ByteWriter} from '../../common/byte-writer.ts';
import type {BloomFilter} from './bloom-filter.ts';
import type {ChunkMeta} from './chunk-meta.ts';
import type {ColumnPlan} from './column-plan.ts';
import {ThriftType, ThriftWriter} from './thrift-writer.ts';
import type {StatBytes} from './value-stats.ts';
import {compareStored, storedValue} from './value-stats.ts';

/** Parquet's numbers of physical types. */
export const PHYSICAL_TYPES: readonly string[] = [
  'BOOLEAN',
  'INT32',
  'INT64',
  'INT96',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
];

/** Parquet's numbers of the encodings that segments use. */
export const Encoding = {plain: 0, rle: 3, deltaLengthByteArray: 6, rleDictionary: 8} as const;

/** Parquet's numbers of page types. */
export const PageType = {data: 0, dictionary: 2} as const;

/** Parquet's number of ZSTD. */
export const CODEC_ZSTD = 6;

/** The magic at both ends of a file. */
export const MAGIC: Uint8Array = Buffer.from('PAR1');

/** Where indexes and filters of a chunk lie in the file; lengths 0 when absent. */
export interface ChunkPlaces {
  bloomOffset: number;
  bloomLength: number;
  columnIndexOffset: number;
  columnIndexLength: number;
  offsetIndexOffset: number;
  offsetIndexLength: number;
}

/** A written row group. */
export interface GroupMeta {
  readonly rows: number;
  readonly chunks: readonly ChunkMeta[];
  readonly places: readonly ChunkPlaces[];
}

/** A page header. */
export function pageHeader(page: {
  readonly type: number;
  readonly encoding: number;
  readonly count: number;
  readonly uncompressedSize: number;
  readonly compressedSize: number;
  readonly checksum: number;
}): Buffer {
  const thrift = new ThriftWriter(new ByteWriter(64));
  thrift.begin();
  thrift.i32(1, page.type);
  thrift.i32(2, page.uncompressedSize);
  thrift.i32(3, page.compressedSize);
  thrift.i32(4, page.checksum | 0);
  thrift.struct(page.type === PageType.data ? 5 : 7);
  thrift.i32(1, page.count);
  thrift.i32(2, page.encoding);
  if (page.type === PageType.data) {
    thrift.i32(3, Encoding.rle);
    thrift.i32(4, Encoding.rle);
  }
  thrift.end();
  thrift.end();
  return thrift.out.take();
}

/** A bloom filter with its header. */
export function bloomBytes(filter: BloomFilter): Buffer {
  const thrift = new ThriftWriter();
  thrift.begin();
  thrift.i32(1, filter.words.byteLength);
  for (const id of [2, 3, 4]) {
    thrift.struct(id);
    thrift.empty(1);
    thrift.end();
  }
  thrift.end();
  const {buffer, byteOffset, byteLength} = filter.words;
  thrift.out.bytes(new Uint8Array(buffer, byteOffset, byteLength));
  return thrift.out.take();
}

/** The column index of a chunk, or null when a page's range is unknown. */
export function columnIndexBytes(plan: ColumnPlan, chunk: ChunkMeta): Buffer | null {
  const {pages} = chunk;
  if (!plan.hasStats || pages.some(page => page.stats === null && page.nullCount < page.rows))
    return null;
  const thrift = new ThriftWriter(new ByteWriter(256));
  const none = Buffer.alloc(0);
  thrift.begin();
  thrift.list(1, ThriftType.true, pages.length);
  for (const page of pages) thrift.itemBool(page.stats === null);
  thrift.list(2, ThriftType.binary, pages.length);
  for (const page of pages) thrift.itemBinary(page.stats?.min ?? none);
  thrift.list(3, ThriftType.binary, pages.length);
  for (const page of pages) thrift.itemBinary(page.stats?.max ?? none);
  thrift.i32(4, isAscending(plan, chunk) ? 1 : 0);
  thrift.list(5, ThriftType.i64, pages.length);
  for (const page of pages) thrift.itemI64(page.nullCount);
  thrift.end();
  return thrift.out.take();
}

function isAscending(plan: ColumnPlan, chunk: ChunkMeta): boolean {
  let last: StatBytes | null = null;
  for (const {stats} of chunk.pages) {
    if (stats === null) continue;
    if (last !== null && (isLess(plan, stats.min, last.min) || isLess(plan, stats.max, last.max)))
      return false;
    last = stats;
  }
  return true;
}

function isLess(plan: ColumnPlan, a: Uint8Array, b: Uint8Array): boolean {
  return compareStored(storedValue(plan.physicalType, a), storedValue(plan.physicalType, b)) < 0;
}

/** The offset index of a chunk. */
export function offsetIndexBytes(chunk: ChunkMeta): Buffer {
  const thrift = new ThriftWriter(new ByteWriter(256));
  thrift.begin();
  thrift.list(1, ThriftType.struct, chunk.pages.length);
  for (const page of chunk.pages) {
    thrift.begin();
    thrift.i64(1, page.offset);
    thrift.i32(2, page.size);
    thrift.i64(3, page.firstRow);
    thrift.end();
  }
  thrift.end();
  return thrift.out.take();
}

/** The file's metadata without length and magic. */
export function footerBytes(
  plans: readonly ColumnPlan[],
  groups: readonly GroupMeta[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const thrift = new ThriftWriter();
  thrift.begin();
  thrift.i32(1, 2);
  writeSchema(thrift, plans);
  thrift.i64(
    3,
    groups.reduce((sum, group) => sum + group.rows, 0),
  );
  thrift.list(4, ThriftType.struct, groups.length);
  for (const group of groups) writeGroup(thrift, plans, group);
  const entries = Object.entries(metadata);
  thrift.list(5, ThriftType.struct, entries.length);
  for (const [key, value] of entries) {
    thrift.begin();
    thrift.binary(1, key);
    thrift.binary(2, value);
    thrift.end();
  }
  thrift.binary(6, 'wadi');
  thrift.list(7, ThriftType.struct, plans.length);
  for (let i = 0; i < plans.length; i++) {
    thrift.begin();
    thrift.empty(1);
    thrift.end();
  }
  thrift.end();
  return thrift.out.take();
}

function writeSchema(thrift: ThriftWriter, plans: readonly ColumnPlan[]): void {
  thrift.list(2, ThriftType.struct, plans.length + 1);
  thrift.begin();
  thrift.binary(4, 'schema');
  thrift.i32(5, plans.length);
  thrift.end();
  for (const plan of plans) {
    thrift.begin();
    thrift.i32(1, physicalNumber(plan));
    if (plan.length > 0) thrift.i32(2, plan.length);
    thrift.i32(3, plan.isNullable ? 1 : 0);
    thrift.binary(4, plan.name);
    const converted = convertedType(plan.logicalType);
    if (converted !== null) thrift.i32(6, converted);
    if (plan.logicalType?.['type'] === 'DECIMAL') {
      thrift.i32(7, Number(plan.logicalType['scale']));
      thrift.i32(8, Number(plan.logicalType['precision']));
    }
    if (plan.attnum > 0) thrift.i32(9, plan.attnum);
    writeLogicalType(thrift, plan.logicalType);
    thrift.end();
  }
}

function physicalNumber(plan: ColumnPlan): number {
  return PHYSICAL_TYPES.indexOf(plan.physicalType);
}

type Logical = Readonly<Record<string, unknown>> | null;

/** The older annotation that goes with a logical type, for readers that know only it. */
function convertedType(logical: Logical): number | null {
  switch (logical?.['type']) {
    case 'STRING':
      return 0;
    case 'ENUM':
      return 4;
    case 'DECIMAL':
      return 5;
    case 'DATE':
      return 6;
    case 'TIME':
      return logical['unit'] === 'MICROS' && logical['isAdjustedToUTC'] === true ? 8 : null;
    case 'TIMESTAMP':
      return logical['unit'] === 'MICROS' && logical['isAdjustedToUTC'] === true ? 10 : null;
    case 'INTEGER': {
      const step = [8, 16, 32, 64].indexOf(Number(logical['bitWidth']));
      return step === -1 ? null : step + (logical['isSigned'] === false ? 11 : 15);
    }
    case 'JSON':
      return 19;
    default:
      return null;
  }
}

function writeLogicalType(thrift: ThriftWriter, logical: Logical): void {
  if (logical === null) return;
  const fields: Readonly<Record<string, number>> = {
    STRING: 1,
    ENUM: 4,
    DECIMAL: 5,
    DATE: 6,
    TIME: 7,
    TIMESTAMP: 8,
    INTEGER: 10,
    JSON: 12,
    UUID: 14,
  };
  const field = fields[String(logical['type'])];
  if (field === undefined) return;
  thrift.struct(10);
  thrift.struct(field);
  if (field === 5) {
    thrift.i32(1, Number(logical['scale']));
    thrift.i32(2, Number(logical['precision']));
  } else if (field === 7 || field === 8) {
    thrift.bool(1, logical['isAdjustedToUTC'] === true);
    thrift.struct(2);
    thrift.empty(logical['unit'] === 'MILLIS' ? 1 : logical['unit'] === 'NANOS' ? 3 : 2);
    thrift.end();
  } else if (field === 10) {
    thrift.i8(1, Number(logical['bitWidth']));
    thrift.bool(2, logical['isSigned'] !== false);
  }
  thrift.end();
  thrift.end();
}

function writeGroup(thrift: ThriftWriter, plans: readonly ColumnPlan[], group: GroupMeta): void {
  const {chunks} = group;
  thrift.begin();
  thrift.list(1, ThriftType.struct, chunks.length);
  chunks.forEach((chunk, i) => writeChunk(thrift, plans[i]!, chunk, group.places[i]!));
  thrift.i64(
    2,
    chunks.reduce((sum, chunk) => sum + chunk.uncompressedSize, 0),
  );
  thrift.i64(3, group.rows);
  thrift.i64(5, chunkStart(chunks[0]!));
  thrift.i64(
    6,
    chunks.reduce((sum, chunk) => sum + chunk.compressedSize, 0),
  );
  thrift.end();
}

function chunkStart(chunk: ChunkMeta): number {
  return chunk.dictionaryOffset ?? chunk.dataOffset;
}

function writeChunk(
  thrift: ThriftWriter,
  plan: ColumnPlan,
  chunk: ChunkMeta,
  places: ChunkPlaces,
): void {
  thrift.begin();
  thrift.i64(2, 0);
  thrift.struct(3);
  thrift.i32(1, physicalNumber(plan));
  const encodings = new Set<number>([chunk.encoding, Encoding.rle]);
  if (chunk.dictionaryOffset !== null) encodings.add(Encoding.plain);
  thrift.list(2, ThriftType.i32, encodings.size);
  for (const encoding of encodings) thrift.itemI32(encoding);
  thrift.list(3, ThriftType.binary, 1);
  thrift.itemBinary(plan.name);
  thrift.i32(4, CODEC_ZSTD);
  thrift.i64(5, chunk.rows);
  thrift.i64(6, chunk.uncompressedSize);
  thrift.i64(7, chunk.compressedSize);
  thrift.i64(9, chunk.dataOffset);
  if (chunk.dictionaryOffset !== null) thrift.i64(11, chunk.dictionaryOffset);
  writeStatistics(thrift, chunk);
  if (places.bloomLength > 0 && plan.valueBloom !== null) {
    thrift.i64(14, places.bloomOffset);
    thrift.i32(15, places.bloomLength);
  }
  thrift.end();
  thrift.i64(4, places.offsetIndexOffset);
  thrift.i32(5, places.offsetIndexLength);
  if (places.columnIndexLength > 0) {
    thrift.i64(6, places.columnIndexOffset);
    thrift.i32(7, places.columnIndexLength);
  }
  thrift.end();
}

function writeStatistics(thrift: ThriftWriter, chunk: ChunkMeta): void {
  thrift.struct(12);
  thrift.i64(3, chunk.nullCount);
  if (chunk.stats !== null) {
    thrift.binary(5, chunk.stats.max);
    thrift.binary(6, chunk.stats.min);
    thrift.bool(7, chunk.stats.isMaxExact);
    thrift.bool(8, chunk.stats.isMinExact);
  }
  thrift.end();
}
