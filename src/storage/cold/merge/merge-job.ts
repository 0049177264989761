import type {ColumnPlan} from '../column-plan.ts';
import type {SegmentMeta} from '../contract.ts';
import type {EncodedSegment} from '../segment-encoder.ts';

/** A stored value as it is sent to a thread. */
export type SentValue = boolean | number | bigint | string | Uint8Array | null;

/** How a column of the new segment is made of the old ones. */
export interface JobColumn {
  readonly plan: ColumnPlan;
  /** Index of its type in the job's list where values are made anew; null: they are copied as they are stored. */
  readonly type: number | null;
}

/** Where an input has a column. */
export type JobSource =
  | {
      readonly kind: 'stored';
      /** Index of the type that it was written as, where that is another one. */
      readonly type: number | null;
      /** What NULL stands for. */
      readonly nullAs: bigint | null;
    }
  | {readonly kind: 'constant'; readonly stored: SentValue};

/** A segment that is merged. */
export interface JobInput {
  /** A file of this machine. */
  readonly path: string;
  readonly meta: Pick<SegmentMeta, 'rows' | 'bytes' | 'footerChecksum'>;
  /** One for each column of the new segment. */
  readonly sources: readonly JobSource[];
  readonly isSorted: boolean;
  /** Pages of deleted positions, as in the manifest. */
  readonly deleted: readonly (Uint8Array | undefined)[];
  readonly deletedCount: number;
}

/** A column that rows are ordered by. */
export interface JobKey {
  readonly column: number;
  /** Index of the type whose canonical keys are compared; null: stored values are. */
  readonly type: number | null;
}

/** All that a merge needs, but for its types: plain data. */
export interface MergeJob {
  /** The file to be made, in a directory that exists. */
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly groupRows: number;
  readonly groupBytes: number;
  readonly columns: readonly JobColumn[];
  readonly keys: readonly JobKey[];
  /** In the order in which they are to be taken; those that do not fit into memory together are left. */
  readonly inputs: readonly JobInput[];
  /** Directory of temporary files. */
  readonly scratch: string;
  /** Set to 1 to end it. */
  readonly stop: Int32Array;
}

/** Smallest and largest value of a column, as stored. */
export interface SentRange {
  readonly min: SentValue;
  readonly max: SentValue;
  readonly isKnown: boolean;
}

/** What a merge has done. */
export interface MergeOutcome {
  /** Null when no row is live: then there is no file. */
  readonly encoded: EncodedSegment | null;
  readonly ranges: readonly SentRange[];
  /** For each input that was merged, the first ones of the job's: the new position of each old one, or -1. */
  readonly positions: readonly Int32Array<ArrayBuffer>[];
}
