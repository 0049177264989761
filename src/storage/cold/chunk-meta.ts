import type {BloomFilter} from './bloom-filter.ts';
import type {StatBytes, StoredRange} from './value-stats.ts';

/** A written data page, for the page index. */
export interface PageMeta {
  readonly offset: number;
  readonly size: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly nullCount: number;
  readonly stats: StatBytes | null;
}

/** A written column chunk, for the footer. */
export interface ChunkMeta {
  readonly dictionaryOffset: number | null;
  readonly dataOffset: number;
  readonly encoding: number;
  readonly rows: number;
  readonly uncompressedSize: number;
  readonly compressedSize: number;
  readonly nullCount: number;
  /** Exact, also beyond what statistics hold. */
  readonly range: StoredRange;
  readonly stats: StatBytes | null;
  readonly pages: readonly PageMeta[];
  readonly bloom: BloomFilter | null;
}
