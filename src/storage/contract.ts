import type {Batch} from '../columns/batch.ts';
import type {ScanTop} from './scan-top.ts';
import type {Oid, OwnerId, Rid, Seq} from '../common/ids.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import type {LockInfo, SegmentInfo} from './infos.ts';
import type {TableLockMode} from './locks/table-lock-mode.ts';
import type {StorageAdmin} from './backup/contract.ts';
import type {StorageDefinition} from './objects/storage-definition.ts';
import type {RowBlock} from './tx/row-block.ts';

/** A stored column. Stored rows are Datum[] in the order of TableStorage.columns (dropped columns are not in it). */
export interface StorageColumn {
  /** Stable id of the stored column. */
  readonly attnum: number;
  /** attnum in the catalog; absent: the same. They differ once the column's type was changed. */
  readonly catalogAttnum?: number;
  readonly type: TypeInstance;
  readonly typmod: number;
  readonly name: string;
  readonly isNotNull: boolean;
  /** What rows of older generations read for this column. */
  readonly missingValue: Datum;
}

/** A unique or plain index as storage keeps it. Keys are column positions (in `columns`), or a compiled expression. */
export interface StorageIndex {
  readonly oid: Oid;
  readonly name: string;
  readonly isUnique: boolean;
  readonly isPrimary: boolean;
  readonly nullsNotDistinct: boolean;
  /** Its keys are checked by `checkUnique`, not row by row. */
  readonly isDeferrable?: boolean;
  /** Positions of key columns in TableStorage.columns; -1 for an expression key. */
  readonly keyColumns: readonly number[];
  readonly keyTypes: readonly TypeInstance[];
  /** How messages call the keys, where some are expressions. */
  readonly keyNames?: (() => readonly string[]) | null;
  /**
   * Key values of a row, or null when the row is not in the index (partial predicate false). Null
   * function = plain columns, every row.
   */
  readonly keyOf: ((row: readonly Datum[]) => readonly Datum[] | null) | null;
  readonly method: 'btree' | 'bloom' | 'hash';
  readonly options: Readonly<Record<string, string>>;
}

/**
 * What storage knows of a table: made by session from catalog descriptors, cached by identity on
 * (TableDescriptor, indexes).
 */
export interface TableStorage {
  readonly databaseOid: Oid;
  readonly oid: Oid;
  readonly name: string;
  readonly namespace: string;
  readonly kind: 'shared' | 'user' | 'stream';
  readonly persistence: 'p' | 't' | 'u';
  /** Physical generation (TableDescriptor.schemaVersion). */
  readonly schemaVersion: number;
  readonly columns: readonly StorageColumn[];
  readonly indexes: readonly StorageIndex[];
  /** Column positions that segments are sorted by; the primary key when empty. */
  readonly clusterColumns: readonly number[];
  readonly options: Readonly<Record<string, string>>;
  readonly ttlMs: number;
}

/** Pseudo columns that a scan can return beside stored columns. */
export type PseudoColumn = 'rid' | 'seq' | 'owner' | 'location';

/**
 * A column of a scan's batches: position in TableStorage.columns, or a pseudo column. rid, seq:
 * int64; owner: float64 (role OID); location: float64, opaque to all but storage (0 = own write-set
 * or hot, else segment and position).
 */
export type ScanColumn = number | PseudoColumn;

/**
 * An advisory conjunct for pruning (zone maps, bloom filters, key ranges): rows that fail it may
 * still come back. Values are of the column's type.
 */
export interface ScanPredicate {
  readonly column: number;
  readonly op: '=' | '<' | '<=' | '>' | '>=' | 'in' | 'isNull' | 'isNotNull';
  /** One value, or the list of 'in'. NULL values never match. */
  readonly values: readonly Datum[];
}

/** Exact key lookup: rows whose key columns of the index equal one of the keys. Owner is implied by the request. */
export interface KeyLookup {
  readonly index: StorageIndex;
  readonly keys: readonly (readonly Datum[])[];
}

export interface ScanRequest {
  readonly table: TableStorage;
  /** Owner whose rows are read; null = all owners (and always null for shared tables). */
  readonly owner: OwnerId | null;
  readonly columns: readonly ScanColumn[];
  readonly predicates: readonly ScanPredicate[];
  /** Exact key lookup instead of a scan. */
  readonly lookup: KeyLookup | null;
  /** Wanted order: by this index's key columns, all ascending or all descending; to be set only where `canOrder` says so. */
  readonly order: {readonly index: StorageIndex; readonly descending: boolean} | null;
  /** Reads the newest committed state instead of the statement's snapshot (foreign key checks). */
  readonly isNewest?: boolean;
  readonly top?: ScanTop | null;
}

/** END of a cursor. */
export const END = Symbol('END');
/** The slice is used up or something is awaited: `cursor.pause` may hold a promise; repeat the call. */
export const PAUSE = Symbol('PAUSE');

/** Rows of a scan: hot image, SQLite, segments and own write-set merged; batches are valid until the next call. */
export interface ScanCursor {
  next(wanted: number): Batch | typeof END | typeof PAUSE;
  /** What a PAUSE waits for; null when it only yields. */
  readonly pause: Promise<unknown> | null;
  close(): void;
  readonly stats: ScanStats;
}

export interface ScanStats {
  segmentsRead: number;
  segmentsSkipped: number;
  rowGroupsRead: number;
  rowGroupsSkipped: number;
  pagesRead: number;
  pagesSkipped: number;
  hotRows: number;
}

/** Immutable, reference-counted: what a statement or transaction sees. */
export interface Snapshot {
  readonly seq: Seq;
  /** Keeps it alive once more. */
  retain(): void;
  release(): void;
}

/** A snapshot with the transaction's own changes as of one command. */
export interface KeptView {
  release(): void;
}

export type RowLockMode = 'keyShare' | 'share' | 'noKeyUpdate' | 'update';
export type LockWait = 'wait' | 'nowait' | 'skip';

/** Outcome of a lock request: granted now, not available ('skip'), or a promise to await and then ask again. */
export type LockResult = 'granted' | 'unavailable' | Promise<void>;

/** Newest committed (or own) version of a row, for EvalPlanQual. Null = deleted. `location` as in scans. */
export interface RowVersion {
  readonly rid: Rid;
  readonly owner: OwnerId;
  readonly row: readonly Datum[];
  readonly location: number;
  readonly seq: Seq;
}

/** What happens when an insert or update meets an existing key. */
export interface KeyConflict {
  readonly kind: 'conflict';
  readonly index: StorageIndex;
  readonly key: readonly Datum[];
  /** The row that holds the key (newest version). */
  readonly rid: Rid;
}

/**
 * done: the change is in the write-set. conflict: a live row has the key, nothing was changed.
 * Promise: wait for another transaction, then repeat the call.
 */
export type WriteResult = 'done' | KeyConflict | Promise<void>;

export type IsolationLevel =
  | 'read uncommitted'
  | 'read committed'
  | 'repeatable read'
  | 'serializable';

/**
 * A transaction: a private write-set over snapshots. Statement order: `beginStatement` (advances the command id, takes the
 * statement snapshot in READ COMMITTED), then scans and writes, then `endStatement`. Nothing of it is in SQLite before `commit`.
 */
export interface Transaction {
  /** Virtual id, unique in the process. */
  readonly id: number;
  readonly isolation: IsolationLevel;
  readonly isReadOnly: boolean;
  /** Whether the write-set, DDL list or sequence list is non-empty. */
  readonly hasWrites: boolean;
  /**
   * All that reads of this transaction showed was committed up to this seq; own uncommitted rows do not count. A reply
   * that shows it waits until it is durable. It is far below `lastSeq` when others write elsewhere.
   */
  readonly seenSeq: Seq;
  /** Newest commit when it last got a lock that orders it behind others; 0 = none. What it reads from then on is not older. */
  readonly lockedSeq: number;
  /** Seq of its commit once applied, else null. */
  readonly commitSeq: Seq | null;

  /** The snapshot statements read now. */
  snapshot(): Snapshot;
  /** 72000 when it was given up: to be asked in each turn that uses rows read with it. */
  checkSnapshot(): void;
  /** 'durable' (read-only statements of a session without a commit in flight): the newest durable state; its reply waits for no sync. */
  beginStatement(read?: 'newest' | 'durable'): void;
  endStatement(): void;
  /** What the statement under way sees, for a portal that is read in portions: until it is released, or the transaction ends. */
  keepView(): KeptView;
  /** Reads see a kept view from now on, until the next statement or null. */
  useView(view: KeptView | null): void;
  /** Reads of a cursor opened now go on seeing this command id. */
  readonly commandId: number;
  /** Makes effects so far visible to later reads of the same statement family (data-modifying CTE phases, triggers). */
  advanceCommand(): void;

  scan(request: ScanRequest): ScanCursor;
  /**
   * Synchronous single-key read for the fast path; undefined = not possible now (cold page must be read): use scan. Row in TableStorage
   * order, or null when absent. With `columns` others can be missing of a cold row, also its rid; its seq can be a later one then.
   */
  getByKey(
    table: TableStorage,
    index: StorageIndex,
    owner: OwnerId | null,
    key: readonly Datum[],
    columns?: readonly ScanColumn[] | null,
  ): RowVersion | null | undefined;
  /**
   * Newest committed version or own version by rid; null when deleted. `seen` is the version that a scan returned: while it is the newest
   * one, it is returned without a look at the row (`location` says where to check). Promise: a cold read is needed, await and repeat.
   */
  newestVersion(
    table: TableStorage,
    rid: Rid,
    seen?: RowVersion | null,
  ): RowVersion | null | Promise<void>;

  /** Whether the command under way has changed or deleted a row already: a second change of it is passed over. */
  isChangedNow(table: TableStorage, rid: Rid): boolean;
  /** As getByKey, of the newest committed state and the own write-set. */
  findNewest(
    table: TableStorage,
    index: StorageIndex,
    owner: OwnerId | null,
    key: readonly Datum[],
  ): RowVersion | null | undefined;

  /** Rows that are inserted from now on, by anybody, have this identity or a larger one; own uncommitted ones have seq 0. */
  readonly nextRid: Rid;
  insert(table: TableStorage, owner: OwnerId, row: readonly Datum[]): WriteResult;
  /** Bulk form: rows for one owner each; stops at the first conflict or wait and says how many were taken. */
  insertMany(
    table: TableStorage,
    rows: readonly (readonly Datum[])[],
    owners: readonly OwnerId[] | OwnerId,
    from: number,
  ): {readonly taken: number; readonly result: WriteResult};
  /** The same with rows as columns; a block is given once, and `again()` when more of its rows are to follow. */
  insertBlock(
    table: TableStorage,
    owner: OwnerId,
    block: RowBlock,
    from: number,
  ): ReturnType<Transaction['insertMany']>;
  /** The caller holds the row lock and passes the version it updates. */
  update(table: TableStorage, old: RowVersion, row: readonly Datum[]): WriteResult;
  delete(table: TableStorage, old: RowVersion): WriteResult;
  /** Checks the keys that this transaction wrote into a deferrable unique index since the last check. */
  checkUnique(table: TableStorage, index: StorageIndex): WriteResult;
  truncate(table: TableStorage): void;

  lockRow(table: TableStorage, rid: Rid, mode: RowLockMode, wait: LockWait): LockResult;
  lockTable(table: Oid, mode: TableLockMode, wait: LockWait): LockResult;
  /** Claims a name that it will give: a promise while another open transaction has claimed it. */
  claimName(name: string): 'granted' | Promise<void>;
  lockAdvisory(key: bigint, shared: boolean, isSession: boolean, wait: LockWait): LockResult;
  unlockAdvisory(key: bigint, shared: boolean): boolean;
  /** pg_advisory_unlock_all: every session-level advisory lock of the session (WaiterInfo.pid). */
  unlockAllAdvisory(): void;
  /** Rejects the promise that this transaction waits on for a lock (cancel, statement timeout); does nothing when it does not wait. */
  cancelWait(error: Error): void;

  /** DDL: opaque catalog changes as JSON texts plus physical effects; durable and atomic with the rows of this commit. */
  ddl(effect: DdlEffect): void;

  savepoint(name: string): void;
  /** Drops effects since; keeps the savepoint. Throws 3B001 when unknown. */
  rollbackTo(name: string): void;
  release(name: string): void;

  /**
   * Resolves once applied (visible). Durability is separate: `storage.whenDurable(commitSeq)`. Returns
   * undefined when it finished synchronously (nothing written, or applied in this turn). Throws on
   * 40001 and deferred constraint failures: then it is rolled back. `isUrgent`: more work of this session
   * waits behind it, so that it should not wait for company.
   */
  commit(isUrgent?: boolean): Promise<void> | undefined;
  rollback(): void;
}

export type DdlEffect =
  /** A catalog record by key; `json` null deletes it. */
  | {readonly kind: 'catalog'; readonly key: string; readonly json: string | null}
  | {readonly kind: 'createTable'; readonly table: TableStorage}
  | {readonly kind: 'dropTable'; readonly table: TableStorage}
  /** New generation of the table's shape, or changed indexes. New unique indexes are checked (23505), at once unless the caller did. */
  | {
      readonly kind: 'alterTable';
      readonly before: TableStorage;
      readonly after: TableStorage;
      readonly isChecked?: boolean;
    }
  /** Every row has new values, written by the same transaction: snapshots from before cannot read the table (40001). */
  | {readonly kind: 'rewriteTable'; readonly table: TableStorage}
  | {readonly kind: 'createSequence'; readonly oid: Oid; readonly state: SequenceState}
  | {readonly kind: 'dropSequence'; readonly oid: Oid};

export interface SequenceState {
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly start: bigint;
  readonly isCycled: boolean;
  readonly lastValue: bigint;
  readonly isCalled: boolean;
}

/** One row change as listeners (live queries, audit) see it. Rows are in TableStorage.columns order of `table`. */
export interface RowChange {
  readonly op: 'insert' | 'update' | 'delete';
  readonly rid: Rid;
  readonly oldRow: readonly Datum[] | null;
  readonly newRow: readonly Datum[] | null;
}

/** One part of a commit: all row changes of one (table, owner). */
export interface ChangePart {
  readonly table: TableStorage;
  readonly owner: OwnerId;
  readonly isTruncate: boolean;
  readonly changes: readonly RowChange[];
  /** Rows that came, were replaced or went, and are not among `changes`: who must know them reads the table. */
  readonly unlistedRows?: number;
}

/** A commit as it is published, in seq order, in the turn it is applied. */
export interface CommitEvent {
  readonly seq: Seq;
  readonly timestamp: bigint;
  readonly parts: readonly ChangePart[];
  /** Keys of catalog records changed. */
  readonly catalogKeys: readonly string[];
}

/** Reads the change log of one (table, owner) or of all owners, from after `since`. */
export interface LogReader {
  /** Entries with seq > since, at most `limit`; a gap below the retention floor is explicit. */
  read(
    since: Seq,
    limit: number,
  ): {readonly entries: readonly CommitEvent[]; readonly gap: boolean; readonly next: Seq};
}

export interface FlushResult {
  readonly rows: number;
  readonly segments: number;
  readonly bytes: number;
}

/** How a flush or compaction is steered. */
export interface MaintenanceOptions {
  /** Flush leaves partitions with fewer hot rows alone. */
  readonly minRows?: number;
  /** Compaction leaves partitions with at most so many segments alone, unless many rows are deleted. */
  readonly maxSegments?: number;
  /** Compaction looks at this owner's partition only. */
  readonly owner?: OwnerId;
  /** Ends the work with the signal's reason; nothing is published then. */
  readonly signal?: AbortSignal;
  /** Told from time to time how much is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** What `expire` did. */
export interface ExpireResult {
  readonly rows: number;
  /** Whether rows that are due may be left: the limit was reached, or others hold them. */
  readonly hasMore: boolean;
  /** Seq of the commit; null when nothing was deleted, or when commits are held for a moment. */
  readonly seq: Seq | null;
}

/** The store of a data directory. */
export interface Storage {
  begin(options: {
    readonly isolation: IsolationLevel;
    readonly isReadOnly: boolean;
    readonly databaseOid: Oid;
    readonly waiter: WaiterInfo;
    /** A job that ends by itself: its snapshot is not given up, whatever it keeps. */
    readonly pinsSnapshot?: boolean;
  }): Transaction;
  /** Seq of the newest applied commit. */
  readonly lastSeq: Seq;
  readonly durableSeq: Seq;
  /** Resolves when everything up to seq is durable; undefined when it already is. */
  whenDurable(seq: Seq): Promise<void> | undefined;
  /** Callback form without a promise per commit: called in order once seq is durable (at once when it is). */
  onDurable(seq: Seq, callback: () => void): void;
  /** A session's answers wait for durability and it has nothing else to do: syncs in place when no other session is at work. */
  hurry(): void;
  /** Applies commits that wait for the end of the turn now. */
  flushCommits(): void;
  /** Gives back session-level advisory locks: pg_advisory_unlock_all, end of a connection. */
  releaseSession(waiter: WaiterInfo): void;
  onCommit(listener: (event: CommitEvent) => void): () => void;
  /** Catalog records at start: key -> json. */
  catalogRecords(): Iterable<readonly [key: string, json: string]>;
  /** Never-reused OIDs, durable with the next commit that uses them. */
  allocateOid(): Oid;
  nextval(sequence: Oid): bigint;
  setval(sequence: Oid, value: bigint, isCalled: boolean): void;
  sequenceState(sequence: Oid): SequenceState | undefined;
  /** Moves hot rows of a table (one owner, or all) to segments. */
  flush(
    table: TableStorage,
    owner: OwnerId | null,
    options?: MaintenanceOptions,
  ): Promise<FlushResult>;
  compact(table: TableStorage, options?: MaintenanceOptions): Promise<FlushResult>;
  /** Brings the segments of a table into its storage. */
  move(table: TableStorage, options?: MaintenanceOptions): Promise<FlushResult>;
  /** How many segments of a table do not lie in its storage. */
  misplaced(table: TableStorage): number;
  /** Files that lie in a storage, those that are being written or still to be removed included. */
  filesIn(storage: StorageDefinition): Promise<number>;
  /**
   * Deletes rows of a stream table last written at or before `upTo`, oldest first, at most `limit`, in a
   * commit applied in this turn. Rows that open transactions hold are left.
   */
  expire(table: TableStorage, upTo: Seq, limit: number): ExpireResult;
  /**
   * Whether scans can answer in the order of an index. `isLimited`: the reader stops early (LIMIT,
   * merge of few rows); then tables with segments can, too, when the
   * segments are sorted by that key. A full read in that order would be slower than a sort of batches, and so is one of an `owner` with
   * few rows (null: a shared table).
   */
  canOrder(
    table: TableStorage,
    index: StorageIndex,
    isLimited?: boolean,
    owner?: OwnerId | null,
  ): boolean;
  /** Rough live row count, for planning. */
  estimateRows(table: TableStorage): number;
  /** The same of hot rows alone; exact once they are loaded. */
  estimateHotRows(table: TableStorage): number;
  /** Live rows of an owner, or of all (null): loads the table. */
  countRows(table: TableStorage, owner: OwnerId | null): number;
  /** Whether the hot rows of a table can be read in this turn without reading SQLite. */
  isLoaded(table: Oid): boolean;
  /**
   * Brings the hot rows of a table into memory in slices; null when they are there. The caller holds a lock on the table and asks again
   * after the wait. Whoever reads without having called it loads them at once, which holds everybody.
   */
  load(table: TableStorage): Promise<void> | null;
  logReader(table: TableStorage, owner: OwnerId | null): LogReader;
  tableStats(table: TableStorage): {
    readonly hotRows: number;
    readonly coldRows: number;
    readonly segments: number;
    readonly hotBytes: number;
    readonly coldBytes: number;
  };
  /** Backup, archive, checks: what operators ask for. */
  readonly admin: StorageAdmin;
  segments(): readonly SegmentInfo[];
  locks(): readonly LockInfo[];
  /** Sessions that the one with this pid waits for, as pg_blocking_pids has them; empty when it does not wait. */
  blockingPids(pid: number): readonly number[];
  /** Checks every file, checksum, count and statistic against the manifest; one line per finding. */
  check(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * Who waits: for pg_locks, deadlock texts, cancel. `cancelled` is polled and also wakes a waiter
 * through `onCancel`.
 */
export interface WaiterInfo {
  readonly pid: number;
  lockTimeoutMs(): number;
  deadlockTimeoutMs(): number;
}
