import type {Oid, OwnerId, Seq} from '../common/ids.ts';
import {oid} from '../common/ids.ts';
import type {
  CommitEvent,
  ExpireResult,
  FlushResult,
  LogReader,
  MaintenanceOptions,
  SequenceState,
  Storage,
  StorageIndex,
  TableStorage,
  Transaction,
  WaiterInfo,
} from './contract.ts';
import type {LockInfo, SegmentInfo} from './infos.ts';
import {DirectoryAdmin} from './backup/admin.ts';
import type {DirectoryLock} from './directory-lock.ts';
import type {Engine} from './engine.ts';
import {expireRows} from './expire.ts';
import {FileUnlinker} from './file-unlinker.ts';
import {SnapshotKeeper} from './tx/snapshot-keeper.ts';
import {Flusher} from './flush.ts';
import type {Checkpointer} from './hot/checkpoint.ts';
import type {WalReserve} from './hot/wal-reserve.ts';
import {TableLogReader} from './hot/log-reader.ts';
import {LogRetention} from './hot/log-retention.ts';
import {misplaced} from './move.ts';
import {lies} from './objects/segment-places.ts';
import type {StorageDefinition} from './objects/storage-definition.ts';
import {type BeginOptions, StorageTransaction} from './tx/transaction.ts';

/** The store of an open data directory. */
export class DirectoryStorage implements Storage {
  readonly admin: DirectoryAdmin;
  readonly #engine: Engine;
  readonly #checkpointer: Checkpointer;
  readonly #walReserve: WalReserve;
  readonly #lock: DirectoryLock;
  readonly #flusher: Flusher;
  readonly #retention: LogRetention;
  readonly #unlinker: FileUnlinker;
  readonly #keeper: SnapshotKeeper;
  #transactions = 0;
  #isClosed = false;

  constructor(
    engine: Engine,
    checkpointer: Checkpointer,
    walReserve: WalReserve,
    lock: DirectoryLock,
  ) {
    this.#walReserve = walReserve;
    this.#engine = engine;
    this.admin = new DirectoryAdmin(engine);
    this.#checkpointer = checkpointer;
    this.#lock = lock;
    this.#flusher = new Flusher(engine);
    this.#retention = new LogRetention(engine);
    this.#unlinker = new FileUnlinker(engine);
    this.#keeper = new SnapshotKeeper({...engine, now: () => performance.now()});
  }

  begin(options: BeginOptions): Transaction {
    this.#engine.callers.note(options.waiter);
    return new StorageTransaction(this.#engine, ++this.#transactions, options);
  }

  get lastSeq(): Seq {
    return this.#engine.snapshots.current.seq;
  }

  get durableSeq(): Seq {
    return BigInt(this.#engine.durability.durable) as Seq;
  }

  whenDurable(seq: Seq): Promise<void> | undefined {
    return this.#engine.durability.whenDurable(Number(seq));
  }

  onDurable(seq: Seq, callback: () => void): void {
    this.#engine.durability.onDurable(Number(seq), callback);
  }

  hurry(): void {
    this.#engine.durability.hurry();
  }

  flushCommits(): void {
    this.#engine.commits.flush();
  }

  releaseSession(waiter: WaiterInfo): void {
    this.#engine.locks.releaseSession(waiter);
  }

  onCommit(listener: (event: CommitEvent) => void): () => void {
    const {listeners} = this.#engine;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  catalogRecords(): Iterable<readonly [key: string, json: string]> {
    return this.#engine.db.prepare('SELECT key, json FROM catalog ORDER BY key').raw().all() as [
      string,
      string,
    ][];
  }

  allocateOid(): Oid {
    return oid(this.#engine.counters.nextOid++);
  }

  nextval(sequence: Oid): bigint {
    return this.#engine.sequences.next(sequence);
  }

  setval(sequence: Oid, value: bigint, isCalled: boolean): void {
    this.#engine.sequences.set(sequence, value, isCalled);
  }

  sequenceState(sequence: Oid): SequenceState | undefined {
    return this.#engine.sequences.state(sequence);
  }

  flush(
    table: TableStorage,
    owner: OwnerId | null,
    options: MaintenanceOptions = {},
  ): Promise<FlushResult> {
    return this.#flusher.flush(table, owner, options);
  }

  compact(table: TableStorage, options: MaintenanceOptions = {}): Promise<FlushResult> {
    return this.#flusher.compact(table, options);
  }

  move(table: TableStorage, options: MaintenanceOptions = {}): Promise<FlushResult> {
    return this.#flusher.move(table, options);
  }

  misplaced(table: TableStorage): number {
    return misplaced(this.#engine, table).length;
  }

  async filesIn(storage: StorageDefinition): Promise<number> {
    const {cold, garbage, db, commits} = this.#engine;
    await commits.settle();
    this.#unlinker.sweep();
    await garbage.settle();
    return commits.exclusive(() => {
      const paths = db
        .prepare('SELECT path FROM intents UNION SELECT path FROM unlinks')
        .pluck()
        .all() as string[];
      for (const table of cold.manifest.tables.values())
        for (const entry of table.byId.values()) paths.push(entry.path);
      return paths.filter(path => lies(path, storage)).length;
    });
  }

  expire(table: TableStorage, upTo: Seq, limit: number): ExpireResult {
    return expireRows(this.#engine, ++this.#transactions, table, Number(upTo), limit);
  }

  canOrder(
    table: TableStorage,
    index: StorageIndex,
    isLimited = false,
    owner: OwnerId | null = null,
  ): boolean {
    if (index.method !== 'btree' || index.keyOf !== null || index.keyColumns.includes(-1))
      return false;
    if (!this.#engine.hot.image(table).fits(table, index)) return false;
    if (isLimited && !this.#paysOrder(table, index, owner)) return false;
    const cold = this.#engine.cold.manifest.table(table.oid);
    if (cold === undefined) return true;
    return (
      isLimited &&
      index.keyColumns.every((column, i) => table.columns[column]!.attnum === cold.sortedBy[i])
    );
  }

  /** Few rows are sorted faster than a sorted index is made and read. */
  #paysOrder(table: TableStorage, index: StorageIndex, owner: OwnerId | null): boolean {
    const {hot, cold, settings} = this.#engine;
    const segments = cold.manifest.segments(table.oid, owner);
    const image = hot.loadedImage(table.oid);
    let rows: number;
    if (image === null) rows = hot.estimate(table);
    else rows = owner === null ? image.liveRows : (image.owners.get(owner)?.live ?? 0);
    if (rows < settings.orderedRows && segments.length === 0) return false;
    return image === null || image.isSortedWorth(index);
  }

  estimateRows(table: TableStorage): number {
    return this.#engine.hot.estimate(table) + this.#coldRows(table, null);
  }

  estimateHotRows(table: TableStorage): number {
    return this.#engine.hot.estimate(table);
  }

  countRows(table: TableStorage, owner: OwnerId | null): number {
    const image = this.#engine.hot.image(table);
    const hot = owner === null ? image.liveRows : (image.owners.get(owner)?.live ?? 0);
    return hot + this.#coldRows(table, owner);
  }

  isLoaded(table: Oid): boolean {
    return this.#engine.hot.isLoaded(table);
  }

  load(table: TableStorage): Promise<void> | null {
    return this.#engine.hot.load(table);
  }

  #coldRows(table: TableStorage, owner: OwnerId | null): number {
    let cold = 0;
    for (const entry of this.#engine.cold.manifest.segments(table.oid, owner))
      cold += entry.meta.rows - entry.deletions.count;
    return cold;
  }

  logReader(table: TableStorage, owner: OwnerId | null): LogReader {
    return new TableLogReader(this.#engine, table, owner);
  }

  tableStats(table: TableStorage): ReturnType<Storage['tableStats']> {
    const hot = this.#engine.hot.stats(table);
    const cold = this.#engine.cold.manifest.table(table.oid);
    return {
      hotRows: hot.rows,
      coldRows: cold === undefined ? 0 : cold.rows - cold.deletedRows,
      segments: cold === undefined ? 0 : cold.byId.size,
      hotBytes: hot.bytes,
      coldBytes: cold === undefined ? 0 : cold.bytes,
    };
  }

  segments(): readonly SegmentInfo[] {
    const infos: SegmentInfo[] = [];
    for (const table of this.#engine.cold.manifest.tables.values()) {
      for (const entry of table.byId.values()) {
        infos.push({
          table: oid(entry.table),
          owner: oid(entry.owner),
          id: entry.id,
          path: entry.path,
          rows: entry.meta.rows,
          deletedRows: entry.deletions.count,
          bytes: entry.meta.bytes,
          minSeq: BigInt(entry.constantSeq ?? entry.meta.minSeq) as Seq,
          maxSeq: BigInt(entry.constantSeq ?? entry.meta.maxSeq) as Seq,
          schemaVersion: entry.meta.schemaVersion,
          createdAt: entry.createdAt,
        });
      }
    }
    return infos;
  }

  locks(): readonly LockInfo[] {
    return this.#engine.locks.infos();
  }

  blockingPids(pid: number): readonly number[] {
    return this.#engine.locks.blockingPids(pid);
  }

  check(): Promise<readonly string[]> {
    return this.admin.check();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const {commits, durability, db, sequences, segments, garbage} = this.#engine;
    await this.#flusher.close();
    this.#retention.close();
    await this.#checkpointer.close();
    await commits.exclusive(() =>
      db
        .prepare('INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)')
        .run('last_seq', commits.lastSeq),
    );
    const unused = sequences.unused();
    if (unused.length > 0) {
      commits.enqueue(
        {
          tables: [],
          bulk: [],
          ddl: [],
          sequences: unused,
          manifest: null,
          applied: () => {},
          failed: () => {},
        },
        true,
      );
    }
    commits.flush();
    await durability.close();
    this.#walReserve.close();
    this.#unlinker.close();
    this.#keeper.close();
    await garbage.close();
    await segments.close();
    db.close();
    this.#lock.release();
  }
}
