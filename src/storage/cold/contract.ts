import type {ScanTop} from '../scan-top.ts';
import type {Batch} from '../../columns/batch.ts';
import type {Vector} from '../../columns/vector.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {END, PAUSE, ScanPredicate, ScanStats} from '../contract.ts';

/**
 * A column of a segment. System columns come first: `_rid` INT64 not null, `_seq` INT64, and (user tables of shared
 * partitions) `_owner` INT64.
 */
export interface SegmentColumn {
  /** Stable id: attnum of a user column; negative for system columns (-101 rid, -102 seq, -103 owner). */
  readonly attnum: number;
  readonly name: string;
  readonly type: TypeInstance;
  readonly typmod: number;
  readonly isNullable: boolean;
  /** Wanted bloom filter, or null. */
  readonly bloom: {readonly fpp: number; readonly numItems: number | null} | null;
}

export interface SegmentColumnStats {
  readonly attnum: number;
  readonly nullCount: number;
  /**
   * Smallest and largest value as canonical key bytes in base64 of at most 64 bytes (max rounded up, flagged). Null
   * when all rows are NULL, and when nothing is known
   * (a type without order, jsonb, arrays; a max that cannot be rounded up): ask `zone-map.ts`, which knows the difference by nullCount.
   */
  readonly minKey: string | null;
  readonly maxKey: string | null;
  readonly isMaxTruncated: boolean;
}

/** What the manifest keeps of a written segment (JSON-able). */
export interface SegmentMeta {
  readonly rows: number;
  readonly bytes: number;
  /** CRC or hash of the whole file, hex. */
  readonly checksum: string;
  /** crc32 of the footer (with its length and magic), hex: checked at open, without reading the file. */
  readonly footerChecksum: string;
  readonly schemaVersion: number;
  readonly minSeq: string;
  readonly maxSeq: string;
  readonly columns: readonly SegmentColumnStats[];
}

/** Rows to write that lie in vectors: part p is rows slots[ends[p - 1] .. ends[p]) of its vectors, one for each column. */
export interface VectorRows {
  readonly slots: Int32Array;
  readonly parts: readonly (readonly Vector[])[];
  readonly ends: readonly number[];
}

/** Rows to write: one array of Datums per column of SegmentColumn[], already in final order; called until it returns null. */
export type SegmentRowSource = () => readonly (readonly Datum[])[] | null;

/** The same, or vectors of the columns' physical kinds (float64 is allowed for whole numbers of 64 bits). */
export type SegmentRows = readonly (readonly Datum[])[] | VectorRows;
export type SegmentSource = () => SegmentRows | null;

export interface WriteSegmentOptions {
  /**
   * Absolute path, or one in a storage (`objects/storage-url.ts`); must not exist. The file and its directory are fsynced before the
   * promise resolves.
   */
  readonly path: string;
  readonly columns: readonly SegmentColumn[];
  readonly schemaVersion: number;
  /** Parquet key-value metadata beside wadi.schema_version and wadi.columns. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly rowGroupRows: number;
  /** Bytes from which a row group ends with fewer rows. */
  readonly rowGroupBytes?: number;
  /** What is awaited after each slice on the main thread; else the next turn. */
  readonly rest?: () => Promise<void>;
}

/** Positions (row numbers) deleted in a segment; immutable value, replaced on change. */
export interface DeletionSet {
  readonly count: number;
  has(position: number): boolean;
  /** The first deleted position >= `position`, or Infinity. */
  next(position: number): number;
}

/** A pruning conjunct; values are of `type`, the column's type of today. `missing`: what rows of a segment without the column read. */
export interface SegmentPredicate extends Omit<ScanPredicate, 'column'> {
  readonly attnum: number;
  readonly type: TypeInstance;
  readonly missing: Datum;
}

/** As ScanTop; `type` is the column's of today. */
export interface SegmentTop extends Omit<ScanTop, 'column'> {
  readonly attnum: number;
  readonly type: TypeInstance;
}

export interface SegmentScanOptions {
  /** attnums to return, in order (incl. negative system ones); a column the segment lacks comes back as its `missing` value. */
  readonly columns: readonly {
    readonly attnum: number;
    readonly type: TypeInstance;
    readonly missing: Datum;
  }[];
  /** Whether a last float64 vector with the row position in the segment is appended. */
  readonly withPosition: boolean;
  /** Pruning conjuncts by attnum. Rows of surviving pages come back unfiltered, except that 'lookup' narrows exactly. */
  readonly predicates: readonly SegmentPredicate[];
  /** Only the best rows are wanted: they come first where that is easy, and not in position order. */
  readonly top?: SegmentTop | null;
  readonly deletions: DeletionSet | null;
  readonly stats: ScanStats;
}

/** A cursor over one segment in position order. PAUSE carries the promise of a cold read in `pause`. */
export interface SegmentCursor {
  next(wanted: number): Batch | typeof END | typeof PAUSE;
  readonly pause: Promise<unknown> | null;
  close(): void;
}

/** An open segment: footer, indexes and bloom filters cached in the process's bounded cache. */
export interface Segment {
  readonly path: string;
  readonly rows: number;
  scan(options: SegmentScanOptions): SegmentCursor;
  /**
   * Row positions whose key columns equal the key: by zone map, bloom, page index, then exact compare. Sync when all is
   * cached, else a promise.
   */
  find(
    key: readonly {readonly attnum: number; readonly type: TypeInstance; readonly value: Datum}[],
    stats: ScanStats,
  ): readonly number[] | Promise<readonly number[]>;
  /** The rows at these positions (ascending). Sync when cached, else a promise. */
  read(
    positions: readonly number[],
    columns: SegmentScanOptions['columns'],
  ): readonly (readonly Datum[])[] | Promise<readonly (readonly Datum[])[]>;
  /** fsck: every checksum, count and statistic; one line per finding. */
  check(meta: SegmentMeta): Promise<readonly string[]>;
}

/** A segment that is written in portions; exactly one of `finish` and `abort` ends it, also after an error. */
export interface SegmentSink {
  /** Rows as SegmentSource gives them. */
  append(rows: SegmentRows): Promise<void>;
  /** The file is durable when this resolves. */
  finish(): Promise<SegmentMeta>;
  /** Closes the file; it may be left to be removed. */
  abort(): Promise<void>;
}

/** A segment that is merged with others. */
export interface MergeSource {
  readonly path: string;
  readonly meta: SegmentMeta;
  /** Columns as they were written. */
  readonly schema: readonly SegmentColumn[];
  /** Whether its rows lie in the order of the task's keys, by today's types. */
  readonly isSorted: boolean;
  /** The seq of rows whose file holds none. */
  readonly nullSeq: bigint;
  /** Rows that are left out. */
  readonly deletions: {
    readonly pages: readonly (Uint8Array | undefined)[];
    readonly count: number;
  };
}

/** Segments that become one. */
export interface MergeTask {
  readonly options: WriteSegmentOptions;
  /** Positions in `options.columns` of what rows are ordered by: NULLs last. */
  readonly keys: readonly number[];
  /** What a segment without the column reads, for each of `options.columns`. */
  readonly missing: readonly Datum[];
  /** In the order in which they are to be taken: those that do not fit into memory together are left out. */
  readonly inputs: readonly MergeSource[];
  /** Directory of temporary files, which an earlier run may have left there. */
  readonly scratch: string;
  readonly signal: AbortSignal | undefined;
}

/** What became of merged segments. */
export interface MergedSegments {
  /** Null when none of their rows is left: then there is no file. */
  readonly meta: SegmentMeta | null;
  /** For each input that was merged, the first ones of the task's: the new position of each old one, or -1. */
  readonly positions: readonly Int32Array[];
}

/** The cold side of storage: writes, opens and caches segments. Knows no manifest and no SQL. */
export interface SegmentStore {
  /** Writes in a worker thread when large; memory of one row group. */
  write(options: WriteSegmentOptions, source: SegmentSource): Promise<SegmentMeta>;
  /** Many segments at once, several at a time, with one sync per directory. On an error all files that it made are removed. */
  writeMany(
    items: readonly {readonly options: WriteSegmentOptions; readonly source: SegmentSource}[],
  ): Promise<readonly SegmentMeta[]>;
  /** Begins a segment whose rows come by and by; memory of one row group. */
  begin(options: WriteSegmentOptions): Promise<SegmentSink>;
  /** Merges segments into one, in a thread when large: memory of a row group and of a page of each input. */
  merge(task: MergeTask): Promise<MergedSegments>;
  /** A segment's bytes under another path, which must be new; compared with the checksum on the way, durable when it resolves. */
  copy(from: string, to: string, meta: SegmentMeta, signal?: AbortSignal): Promise<void>;
  /** Removes a segment's file; durable or not, it is repeated until it succeeds. */
  remove(path: string): Promise<void>;
  /** `schema` = the columns as they were when the segment was written. */
  open(path: string, meta: SegmentMeta, schema: readonly SegmentColumn[]): Segment;
  /** Forgets cached pages of a path (before unlink). */
  forget(path: string): void;
  readonly cachedBytes: number;
  close(): Promise<void>;
}
