import {crc32} from 'node:zlib';
import {PgError} from '../../common/errors.ts';
import {AbsentBytes} from '../objects/byte-range.ts';
import type {SegmentMeta} from './contract.ts';
import {corrupt} from './file-errors.ts';
import type {FileReader} from './file-reader.ts';
import type {ChunkLayout, PageIndex, StoredColumn} from './layout-parts.ts';
import {MAGIC} from './parquet-format.ts';
import {CacheEntry} from './page-cache.ts';
import {type GroupLayout, SegmentFooter} from './segment-footer.ts';
import {hex} from './segment-meta.ts';
import {ThriftReader} from './thrift-reader.ts';
import {ThriftType} from './thrift-writer.ts';
import {storedValue} from './value-stats.ts';

/** What is read of the end of a file at first: footer and indexes of most segments. */
const TAIL_BYTES = 32 * 1024;

/** What tells whether a file has the right end. */
export type FileBounds = Pick<SegmentMeta, 'bytes' | 'footerChecksum'>;

/** Footer and indexes of an open segment. */
export class SegmentLayout extends CacheEntry {
  readonly columns: readonly StoredColumn[];
  readonly groups: readonly GroupLayout[];
  readonly bytes: number;
  readonly #path: string;
  readonly #indexes: Buffer;
  readonly #indexStart: number;
  readonly #columnByAttnum = new Map<number, number>();
  onEvict: (() => void) | null = null;

  constructor(path: string, files: FileReader, meta: FileBounds) {
    super();
    this.#path = path;
    const {footer: bytes, before} = readTail(path, files, meta);
    try {
      const footer = new SegmentFooter(bytes);
      this.columns = footer.columns;
      this.columns.forEach((column, i) => this.#columnByAttnum.set(column.attnum, i));
      this.groups = footer.groups;
      const [start, length, crc] = footer.indexes;
      const from = start - (meta.bytes - bytes.length - before.length);
      const isThere = from >= 0 && from + length <= before.length;
      this.#indexStart = start;
      this.#indexes = Buffer.from(
        isThere ? before.subarray(from, from + length) : files.read(path, start, length),
      );
      if (crc32(this.#indexes) !== crc)
        throw corrupt(path, 'the page indexes do not match their checksum');
      this.bytes = 2048 + bytes.length * 6 + length * 6;
    } catch (error) {
      throw unparsed(path, error);
    }
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
    try {
      const at = offsetAt - this.#indexStart;
      const places = readPlaces(new ThriftReader(this.#indexes, at), chunk.rows);
      if (columnLength === 0) return {...places, bounds: null, nullCounts: null};
      const values = new ThriftReader(this.#indexes, columnAt - this.#indexStart);
      return {...places, ...readBounds(values, column)};
    } catch (error) {
      throw unparsed(this.#path, error);
    }
  }
}

function unparsed(path: string, error: unknown): Error {
  return error instanceof PgError || error instanceof AbsentBytes
    ? error
    : corrupt(path, 'its metadata cannot be parsed', error);
}

/** An offset index: where pages lie. All but the last have as many rows as the first. */
function readPlaces(
  thrift: ThriftReader,
  rows: number,
): Pick<PageIndex, 'count' | 'step' | 'offsets' | 'sizes'> {
  if (thrift.next() !== ThriftType.list) throw new Error('an offset index has no pages');
  const count = thrift.list();
  const offsets = new Float64Array(count);
  const sizes = new Int32Array(count);
  let step = Math.max(1, rows);
  for (let page = 0; page < count; page++) {
    let firstRow = 0;
    thrift.id = 0;
    for (let type = thrift.next(); type !== 0; type = thrift.next()) {
      if (thrift.id === 1) offsets[page] = thrift.i64();
      else if (thrift.id === 2) sizes[page] = thrift.i32();
      else if (thrift.id === 3) firstRow = thrift.i64();
      else thrift.skip(type);
    }
    if (page === 1) step = firstRow;
    if (firstRow !== page * step) throw new Error('pages are uneven');
  }
  return {count, step, offsets, sizes};
}

/** A column index: bounds and NULLs of pages. */
function readBounds(
  thrift: ThriftReader,
  column: StoredColumn,
): Pick<PageIndex, 'bounds' | 'nullCounts'> {
  let isNull: boolean[] = [];
  let mins: Buffer[] = [];
  let maxs: Buffer[] = [];
  let nullCounts: number[] = [];
  const list = <T>(item: () => T): T[] => Array.from({length: thrift.list()}, item);
  for (let type = thrift.next(); type !== 0; type = thrift.next()) {
    if (thrift.id === 1) isNull = list(() => thrift.byte() === 1);
    else if (thrift.id === 2) mins = list(() => thrift.binary());
    else if (thrift.id === 3) maxs = list(() => thrift.binary());
    else if (thrift.id === 5) nullCounts = list(() => thrift.i64());
    else thrift.skip(type);
  }
  const {physicalType} = column;
  const bounds = isNull.map((none, i) =>
    none
      ? null
      : {min: storedValue(physicalType, mins[i]!), max: storedValue(physicalType, maxs[i]!)},
  );
  return {bounds, nullCounts};
}

interface Tail {
  readonly footer: Buffer;
  /** What was read before it; valid until the next read. */
  readonly before: Buffer;
}

/** Reads the end of the file, and checks size, magic and checksum. */
function readTail(path: string, files: FileReader, meta: FileBounds): Tail {
  const size = files.size(path);
  if (size !== meta.bytes) throw corrupt(path, `it has ${size} bytes instead of ${meta.bytes}`);
  if (size < 12) throw corrupt(path, 'it is too short');
  let tail = files.read(path, Math.max(0, size - TAIL_BYTES), Math.min(size, TAIL_BYTES));
  if (!tail.subarray(-4).equals(MAGIC)) throw corrupt(path, 'it does not end like a Parquet file');
  const length = tail.readUInt32LE(tail.length - 8) + 8;
  if (length > size - 4) throw corrupt(path, 'its footer is longer than itself');
  // Indexes lie before the footer and are mostly smaller.
  const wanted = Math.min(size, length * 2);
  if (length > tail.length) tail = files.read(path, size - wanted, wanted);
  const footer = Buffer.from(tail.subarray(tail.length - length));
  if (hex(crc32(footer)) !== meta.footerChecksum) {
    throw corrupt(path, 'the footer does not match its checksum');
  }
  return {footer, before: tail.subarray(0, tail.length - length)};
}
