import type {ChunkLayout, StoredColumn} from './layout-parts.ts';
import {CODEC_ZSTD, PHYSICAL_TYPES} from './parquet-format.ts';
import type {FileChecksums} from './segment-encoder.ts';
import {ThriftReader} from './thrift-reader.ts';
import {storedValue} from './value-stats.ts';

type Blooms = readonly ChunkLayout['bloomPlace'][];

/** A row group as it is found in the footer: `starts` are the offsets of its chunks there. */
interface GroupPlace {
  readonly firstRow: number;
  readonly rows: number;
  readonly starts: Int32Array;
}

/** A row group of a segment: its chunks are parsed when they are asked for. */
export class GroupLayout {
  readonly firstRow: number;
  readonly rows: number;
  readonly #footer: SegmentFooter;
  readonly #starts: Int32Array;
  readonly #blooms: Blooms;
  readonly #chunks: (ChunkLayout | null)[];

  constructor(footer: SegmentFooter, place: GroupPlace, blooms: Blooms) {
    this.firstRow = place.firstRow;
    this.rows = place.rows;
    this.#footer = footer;
    this.#starts = place.starts;
    this.#blooms = blooms;
    this.#chunks = new Array<ChunkLayout | null>(place.starts.length).fill(null);
  }

  /** The chunk of a column. */
  chunk(column: number): ChunkLayout {
    return (this.#chunks[column] ??= this.#footer.chunk(
      this.#starts[column]!,
      column,
      this.rows,
      this.#blooms[column]!,
    ));
  }

  /** Chunks that were asked for until now. */
  known(): readonly ChunkLayout[] {
    return this.#chunks.filter(chunk => chunk !== null);
  }
}

/** The metadata of a file, of which only what is asked for is parsed. */
export class SegmentFooter {
  readonly columns: readonly StoredColumn[];
  readonly groups: readonly GroupLayout[];
  /** Offset, length and crc32 of the page indexes. */
  readonly indexes: FileChecksums['indexes'];
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    const thrift = new ThriftReader(bytes);
    let elements: readonly Element[] = [];
    let places: readonly GroupPlace[] = [];
    let metadata: ReadonlyMap<string, string> = new Map();
    for (let type = thrift.next(); type !== 0; type = thrift.next()) {
      if (thrift.id === 2) elements = readElements(thrift);
      else if (thrift.id === 4) places = readGroups(thrift);
      else if (thrift.id === 5) metadata = readMetadata(thrift);
      else thrift.skip(type);
    }
    const declared = JSON.parse(metadata.get('wadi.columns') ?? '[]') as readonly Declared[];
    const checksums = JSON.parse(metadata.get('wadi.checksums') ?? 'null') as FileChecksums;
    this.indexes = checksums.indexes;
    this.columns = elements.map(({physicalType, length, isNullable}, i) => ({
      attnum: declared[i]!.attnum,
      typeOid: declared[i]!.oid,
      isNullable,
      physicalType,
      length,
    }));
    this.groups = places.map((place, g) => new GroupLayout(this, place, checksums.blooms[g]!));
  }

  /** The chunk that begins at an offset. */
  chunk(
    start: number,
    column: number,
    rows: number,
    bloomPlace: ChunkLayout['bloomPlace'],
  ): ChunkLayout {
    const thrift = new ThriftReader(this.#bytes, start);
    const indexPlaces: [number, number, number, number] = [0, 0, 0, 0];
    let data: ChunkData | null = null;
    for (let type = thrift.next(); type !== 0; type = thrift.next()) {
      const {id} = thrift;
      if (id === 3) {
        data = readChunkData(thrift, this.columns[column]!);
        thrift.id = 3;
      } else if (id === 4) indexPlaces[2] = thrift.i64();
      else if (id === 5) indexPlaces[3] = thrift.i32();
      else if (id === 6) indexPlaces[0] = thrift.i64();
      else if (id === 7) indexPlaces[1] = thrift.i32();
      else thrift.skip(type);
    }
    if (data === null) throw new Error('a column chunk has no metadata');
    return {
      ...{rows, ...data, bloomPlace, indexPlaces},
      ...{index: null, bloom: null, dictionary: null, decoded: new Map()},
    };
  }
}

type ChunkData = Pick<
  ChunkLayout,
  'nullCount' | 'bounds' | 'dictionaryOffset' | 'dataOffset' | 'encoding' | 'unpackedBytes'
>;

interface Declared {
  readonly attnum: number;
  readonly oid: number;
}

type Element = Pick<StoredColumn, 'physicalType' | 'length' | 'isNullable'>;

/** The elements of the schema below its root. */
function readElements(thrift: ThriftReader): Element[] {
  const elements: Element[] = [];
  const count = thrift.list();
  for (let i = 0; i < count; i++) {
    let physicalType: StoredColumn['physicalType'] = 'BYTE_ARRAY';
    let length = 0;
    let isNullable = false;
    thrift.id = 0;
    for (let type = thrift.next(); type !== 0; type = thrift.next()) {
      if (thrift.id === 1)
        physicalType = PHYSICAL_TYPES[thrift.i32()] as StoredColumn['physicalType'];
      else if (thrift.id === 2) length = thrift.i32();
      else if (thrift.id === 3) isNullable = thrift.i32() === 1;
      else thrift.skip(type);
    }
    if (i > 0) elements.push({physicalType, length, isNullable});
  }
  thrift.id = 2;
  return elements;
}

function readGroups(thrift: ThriftReader): GroupPlace[] {
  const groups: GroupPlace[] = [];
  let firstRow = 0;
  for (let left = thrift.list(); left > 0; left--) {
    let starts = new Int32Array(0);
    let rows = 0;
    thrift.id = 0;
    for (let type = thrift.next(); type !== 0; type = thrift.next()) {
      if (thrift.id === 1) {
        starts = new Int32Array(thrift.list());
        for (let column = 0; column < starts.length; column++) {
          starts[column] = thrift.at;
          thrift.skipStruct();
        }
      } else if (thrift.id === 3) rows = thrift.i64();
      else thrift.skip(type);
    }
    groups.push({firstRow, rows, starts});
    firstRow += rows;
  }
  thrift.id = 4;
  return groups;
}

function readMetadata(thrift: ThriftReader): Map<string, string> {
  const entries = new Map<string, string>();
  for (let left = thrift.list(); left > 0; left--) {
    let key = '';
    let value = '';
    thrift.id = 0;
    for (let type = thrift.next(); type !== 0; type = thrift.next()) {
      if (thrift.id === 1) key = thrift.text();
      else if (thrift.id === 2) value = thrift.text();
      else thrift.skip(type);
    }
    entries.set(key, value);
  }
  thrift.id = 5;
  return entries;
}

/** ColumnMetaData. */
function readChunkData(thrift: ThriftReader, column: StoredColumn): ChunkData {
  let encoding = 0;
  let dataOffset = 0;
  let dictionaryOffset = -1;
  let unpackedBytes = 0;
  let stats: Pick<ChunkData, 'nullCount' | 'bounds'> | null = null;
  thrift.id = 0;
  for (let type = thrift.next(); type !== 0; type = thrift.next()) {
    const {id} = thrift;
    if (id === 2) {
      const count = thrift.list();
      for (let i = 0; i < count; i++) {
        const each = thrift.i32();
        if (i === 0) encoding = each;
      }
    } else if (id === 4) {
      if (thrift.i32() !== CODEC_ZSTD) throw new Error('unknown codec');
    } else if (id === 6) unpackedBytes = thrift.i64();
    else if (id === 9) dataOffset = thrift.i64();
    else if (id === 11) dictionaryOffset = thrift.i64();
    else if (id === 12) {
      stats = readStatistics(thrift, column);
      thrift.id = 12;
    } else thrift.skip(type);
  }
  if (stats === null) throw new Error('a column chunk has no statistics');
  return {...stats, dictionaryOffset, dataOffset, encoding, unpackedBytes};
}

function readStatistics(
  thrift: ThriftReader,
  {physicalType}: StoredColumn,
): Pick<ChunkData, 'nullCount' | 'bounds'> {
  let nullCount = 0;
  let min: Buffer | null = null;
  let max: Buffer | null = null;
  thrift.id = 0;
  for (let type = thrift.next(); type !== 0; type = thrift.next()) {
    if (thrift.id === 3) nullCount = thrift.i64();
    else if (thrift.id === 5) max = thrift.binary();
    else if (thrift.id === 6) min = thrift.binary();
    else thrift.skip(type);
  }
  const bounds =
    min === null || max === null
      ? null
      : {min: storedValue(physicalType, min), max: storedValue(physicalType, max)};
  return {nullCount, bounds};
}
