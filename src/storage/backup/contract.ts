import type {Oid} from '../../common/ids.ts';
import type {ObjectStore} from '../objects/contract.ts';

/** What a finished backup is; the content of its `backup.json`. */
export interface BackupInfo {
  readonly format: 1;
  /** The data directory's identity. */
  readonly incarnation: string;
  /** Everything committed up to here is in it, nothing later. */
  readonly seq: number;
  /** Microseconds since 2000-01-01 UTC, as a decimal number. */
  readonly createdAt: string;
  readonly files: readonly BackupFile[];
  readonly segments: readonly BackupSegment[];
}

/** A file of a backup with its sha256. */
export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A segment of a backup: `file` in the backup, `path` in the data directory that it came from. */
export interface BackupSegment {
  readonly id: number;
  readonly file: string;
  readonly path: string;
  readonly bytes: number;
  /** crc32 of the file, hex: that of the manifest. */
  readonly checksum: string;
}

/** How long work on a data directory is steered and watched. */
export interface AdminOptions {
  /** Ends the work with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told from time to time how much is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** How a check is steered. */
export interface CheckOptions extends AdminOptions {
  /** Where segment files are looked for, and which others are known: those of the directory itself when absent. */
  readonly files?: {readonly root: string; readonly expected: readonly string[]};
}

/** What one pass of the archive wrote. */
export interface ArchiveResult {
  /** Everything up to here is in the archive. */
  readonly seq: number;
  readonly files: number;
  readonly bytes: number;
}

/** A physical shape that a table has or had. */
export interface GenerationInfo {
  readonly table: number;
  readonly version: number;
  readonly columns: readonly {
    readonly attnum: number;
    readonly typeOid: number;
    readonly typmod: number;
    /** Absent in generations of older servers. */
    readonly name?: string;
  }[];
  /** Seq of the commit that made it; null when it is older than this record. */
  readonly seq: number | null;
  /** Microseconds since 2000-01-01 UTC. */
  readonly createdAt: bigint | null;
}

/** What an operator's work asks of an open data directory beside rows. */
export interface StorageAdmin {
  readonly incarnation: string;
  readonly dataDir: string;
  /** Copies the data directory, consistent at one seq, while commits go on. The target must not exist or be empty. */
  backup(target: string, options?: AdminOptions): Promise<BackupInfo>;
  /** Writes what the change log has gained to an archive. One pass at a time. */
  archive(store: ObjectStore, options?: AdminOptions): Promise<ArchiveResult>;
  /** Seq up to which the change log is archived; null = no archive is kept. */
  readonly archivedSeq: number | null;
  generations(): readonly GenerationInfo[];
  /** Records of jobs, by id. */
  jobs(): readonly (readonly [id: number, json: string])[];
  putJob(id: number, json: string): void;
  deleteJobs(ids: readonly number[]): void;
  /** Overwrites images of an owner's rows in the change log, up to a seq or all; how many parts went. */
  purgeLog(owner: number, upTo: number | null): Promise<number>;
  /** No segment is removed from now on: somebody else's files are only looked at. */
  keepFiles(): void;
  /** From now to the call of the result SQLite overwrites what it deletes with zeros. */
  beginErasure(): () => void;
  /** Checks SQLite, every segment, deletion vector, the log and the list of files; one line per finding. */
  check(options?: CheckOptions): Promise<readonly string[]>;
  /** Checks the segments of a table and their deletion vectors. */
  checkTable(table: Oid, options?: AdminOptions): Promise<readonly string[]>;
}
