/** What an operator may set about storage; every field has a default. */
export interface StorageSettings {
  /** Bytes of hot rows kept as column images before unused ones are dropped. */
  readonly hotImageBytes: number;
  /** WAL size in bytes at which a checkpoint pass starts. */
  readonly checkpointBytes: number;
  /** WAL size in bytes past which commits wait for checkpoints. */
  readonly walThrottleBytes: number;
  /** Commits kept in the change log at least; older ones are dropped in slices. */
  readonly logRetentionCommits: number;
  /** Bytes of replaced row versions that old snapshots may keep in memory, roughly: past it the oldest is given up (72000). */
  readonly snapshotKeepBytes: number;
  /** Milliseconds after which a snapshot that is not the newest is given up. */
  readonly snapshotMaxAgeMs: number;
  /** New rows of one owner in one transaction from which they are written to a segment before the commit. */
  readonly bulkRows: number;
  /** Bytes of new rows that one transaction keeps in memory, roughly; then it writes them to segments while it is open. */
  readonly pendingBytes: number;
  /** Bytes of new rows that it keeps from then on, before it writes again. */
  readonly pendingStep: number;
  /** The same of all transactions together: past it those with more than a few write theirs. */
  readonly allPendingBytes: number;
  /** New rows of one owner from which a transaction that keeps too many writes them to a segment; fewer stay in memory. */
  readonly pendingRows: number;
  /** Hot rows of an owner from which the first ones in the order of an index are read through a sorted index. */
  readonly orderedRows: number;
  /** Rows of usual size from which a commit is applied in slices. */
  readonly largeCommitRows: number;
  /** Milliseconds after which work in slices lets others have their turn. */
  readonly sliceMs: number;
  /** Rows of one row group of a segment. */
  readonly rowGroupRows: number;
  /** Directory below which segment files lie; null = `segments` in the data directory. */
  readonly segmentDirectory: string | null;
  /** Segments of one partition above which flush asks for compaction. */
  readonly maxSegmentsPerPartition: number;
  /**
   * Whether the change log is archived: entries and segments that the archive lacks are kept until it has them. `asBefore`: for work on the
   * directory of a server that is stopped.
   */
  readonly archives: boolean | 'asBefore';
}

/** The settings of a directory opened without any. */
export const DEFAULT_STORAGE_SETTINGS: StorageSettings = {
  hotImageBytes: 512 * 1024 * 1024,
  checkpointBytes: 64 * 1024 * 1024,
  walThrottleBytes: 256 * 1024 * 1024,
  logRetentionCommits: 1_000_000,
  snapshotKeepBytes: 512 * 1024 * 1024,
  snapshotMaxAgeMs: Infinity,
  bulkRows: 200_000,
  pendingBytes: 32 * 1024 * 1024,
  pendingStep: 4 * 1024 * 1024,
  allPendingBytes: 64 * 1024 * 1024,
  pendingRows: 1000,
  orderedRows: 500,
  largeCommitRows: 1000,
  sliceMs: 4,
  rowGroupRows: 65_536,
  segmentDirectory: null,
  maxSegmentsPerPartition: 12,
  archives: false,
};

/** Where storage writes what an operator should read. */
export interface StorageLogger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** How long old snapshots are kept, where an operator decides. */
export interface SnapshotBounds {
  /** Bytes of replaced row versions that old snapshots may keep in memory; past it the oldest is given up (72000). 512 MB without it. */
  readonly snapshotKeepBytes?: number;
  /** Age in milliseconds at which a snapshot is given up; absent: none is for its age. */
  readonly snapshotMaxAgeMs?: number;
}

/** The bounds that are given. */
export function snapshotBounds(given: SnapshotBounds): SnapshotBounds {
  const {snapshotKeepBytes, snapshotMaxAgeMs} = given;
  return {
    ...(snapshotKeepBytes === undefined ? {} : {snapshotKeepBytes}),
    ...(snapshotMaxAgeMs === undefined ? {} : {snapshotMaxAgeMs}),
  };
}
