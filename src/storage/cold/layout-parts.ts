import type {CachedBloom} from './cached-bloom.ts';
import type {ParquetColumnForm} from './column-forms.ts';
import type {DecodedPage, SegmentDictionary} from './decoded-page.ts';
import type {StoredValue} from './value-stats.ts';

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
  /** Bytes of all pages, their headers included, before compression. */
  readonly unpackedBytes: number;
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
