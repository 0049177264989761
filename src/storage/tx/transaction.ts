// Hot path: every statement passes here.
import type {Oid, OwnerId, Rid, Seq} from '../../common/ids.ts';
import type {Datum} from '../../types/contract.ts';
import type {
  DdlEffect,
  IsolationLevel,
  KeptView,
  LockResult,
  LockWait,
  RowLockMode,
  RowVersion,
  ScanColumn,
  ScanCursor,
  ScanRequest,
  Snapshot,
  Storage,
  StorageIndex,
  TableStorage,
  Transaction,
  WriteResult,
} from '../contract.ts';
import type {TableLockMode} from '../locks/table-lock-mode.ts';
import {type Engine, nextRid} from '../engine.ts';
import type {HotImage} from '../hot/hot-image.ts';
import {LockOwner} from '../locks/lock-owner.ts';
import {Committer} from './committer.ts';
import {DdlList} from './ddl-list.ts';
import {type Inserted, insertBlock} from './insert-block.ts';
import {KeptViews} from './kept-views.ts';
import {LocationHints, wantsHints} from './location-hints.ts';
import {
  checkUnchanged,
  concurrentUpdate,
  newestByRid,
  replacedLocation,
  versionByKey,
} from './row-versions.ts';
import type {RowBlock} from './row-block.ts';
import {SeenSeq} from './seen-seq.ts';
import type {SerializableTransaction} from './serializable.ts';
import {openScan} from './open-scan.ts';
import {Savepoints} from './savepoints.ts';
import {Spiller} from './spiller.ts';
import {SnapshotHold, type SnapshotValue} from './snapshot.ts';
import {TransactionLocks} from './transaction-locks.ts';
import {NO_WRITES, type WriteMark} from './write-mark.ts';
import {TableWrites} from './write-set.ts';

/** Options of `Storage.begin`. */
export type BeginOptions = Parameters<Storage['begin']>[0];

/** A transaction: write-sets per table over snapshots, locks, DDL; becomes one commit unit. */
export class StorageTransaction implements Transaction {
  readonly id: number;
  readonly isolation: IsolationLevel;
  readonly isReadOnly: boolean;
  commitSeq: Seq | null = null;
  readonly #engine: Engine;
  readonly #owner: LockOwner;
  readonly #locks: TransactionLocks;
  readonly #isSnapshotFixed: boolean;
  readonly #snapshot: SnapshotHold;
  #views: KeptViews | null = null;
  #commandId = 0;
  #tables: Map<number, TableWrites> | null = null;
  #lastWrites: TableWrites | null = null;
  readonly #ddl: DdlList;
  readonly #savepoints = new Savepoints();
  #spiller: Spiller | null = null;
  readonly #serializable: SerializableTransaction | null;
  #isEnded = false;
  #isCommitting = false;
  readonly #seen: SeenSeq;
  #hints: LocationHints | null = null;

  constructor(engine: Engine, id: number, options: BeginOptions) {
    this.#engine = engine;
    this.#ddl = new DdlList(engine);
    this.#seen = new SeenSeq(engine);
    this.id = id;
    this.isolation = options.isolation;
    this.isReadOnly = options.isReadOnly;
    this.#isSnapshotFixed =
      options.isolation === 'repeatable read' || options.isolation === 'serializable';
    this.#snapshot = new SnapshotHold(options.pinsSnapshot === true);
    this.#serializable =
      options.isolation === 'serializable' ? engine.serializables.begin(options.isReadOnly) : null;
    this.#owner = new LockOwner(id, options.waiter);
    this.#locks = new TransactionLocks(engine, this.#owner, options.databaseOid);
    engine.locks.begin(this.#owner);
  }

  get hasWrites(): boolean {
    if (this.#ddl.length > 0) return true;
    if (this.#tables === null) return false;
    for (const writes of this.#tables.values()) if (!writes.isEmpty) return true;
    return false;
  }

  get lockedSeq(): number {
    return this.#locks.seq;
  }

  get commandId(): number {
    return this.#commandId;
  }

  snapshot(): Snapshot {
    return this.#currentSnapshot();
  }

  checkSnapshot(): void {
    (this.#views?.current?.snapshot ?? this.#snapshot.value)?.check();
  }

  beginStatement(read: 'newest' | 'durable' = 'newest'): void {
    this.#commandId++;
    this.#views?.use(null);
    if (this.#isSnapshotFixed && this.#snapshot.value !== null) return this.#snapshot.value.check();
    const {snapshots} = this.#engine;
    // SERIALIZABLE reads the newest: those that committed since an older snapshot may be forgotten.
    // What was shown, or committed before a lock was granted, is there in later statements, durable or not.
    const isNewEnough = Math.max(this.#locks.seq, this.#seen.seq) <= snapshots.durable.number;
    const isDurable = read === 'durable' && this.#serializable === null && isNewEnough;
    this.#take(isDurable ? snapshots.durable : snapshots.current);
  }

  endStatement(): void {
    if (!this.#isSnapshotFixed) this.#snapshot.release();
  }

  advanceCommand(): void {
    this.#commandId++;
  }

  keepView(): KeptView {
    return (this.#views ??= new KeptViews()).keep(this.#currentSnapshot(), this.#readCommandId);
  }

  useView(view: KeptView | null): void {
    this.#views?.use(view);
  }

  get #readCommandId(): number {
    return this.#views?.current?.commandId ?? this.#commandId;
  }

  scan(request: ScanRequest): ScanCursor {
    const engine = this.#engine;
    const image = engine.hot.image(request.table);
    const snapshot = request.isNewest === true ? engine.snapshots.current : this.#snapshotOf(image);
    const {lookup, owner} = request;
    const {number, manifest} = snapshot;
    if (lookup === null) {
      this.#seen.table(image, manifest, owner, number);
      this.#serializable?.reads.noteScan(request.table, owner, request.predicates);
    } else {
      this.#seen.lookup(image, manifest, lookup, owner, number);
      this.#serializable?.reads.noteKeys(request.table, lookup, owner);
    }
    const writes = this.#tables === null ? null : (this.#tables.get(request.table.oid) ?? null);
    const cid = this.#readCommandId;
    const hints = wantsHints(engine.cold, request) ? (this.#hints ??= new LocationHints()) : null;
    return openScan({image, cold: engine.cold, request, snapshot, writes, cid, hints});
  }

  getByKey(
    table: TableStorage,
    index: StorageIndex,
    owner: OwnerId | null,
    key: readonly Datum[],
    columns: readonly ScanColumn[] | null = null,
  ): RowVersion | null | undefined {
    const snapshot = this.#snapshotOf(this.#engine.hot.image(table));
    const writes = this.#tables === null ? null : (this.#tables.get(table.oid) ?? null);
    const found = versionByKey(this.#engine, table, index, owner, key, {
      snapshot,
      writes,
      cid: this.#readCommandId,
      columns,
    });
    if (found === undefined) return undefined;
    this.#seen.version(table, found, snapshot);
    this.#serializable?.reads.noteKeys(table, {index, keys: [key]}, owner);
    return found;
  }

  findNewest(
    table: TableStorage,
    index: StorageIndex,
    owner: OwnerId | null,
    key: readonly Datum[],
  ): RowVersion | null | undefined {
    const {snapshots} = this.#engine;
    const writes = this.#tables === null ? null : (this.#tables.get(table.oid) ?? null);
    this.#serializable?.reads.noteKeys(table, {index, keys: [key]}, owner);
    const found = versionByKey(this.#engine, table, index, owner, key, {
      snapshot: snapshots.current,
      writes,
      cid: Infinity,
      columns: null,
    });
    if (found !== undefined) this.#seen.version(table, found, snapshots.current);
    return found;
  }

  newestVersion(
    table: TableStorage,
    rid: Rid,
    seen: RowVersion | null = null,
  ): RowVersion | null | Promise<void> {
    const writes = this.#tables === null ? null : (this.#tables.get(table.oid) ?? null);
    const found = newestByRid(this.#engine, table, Number(rid), writes, this.#hints, seen);
    if (found instanceof Promise) return found.then(nothing);
    this.#seen.version(table, found, this.#engine.snapshots.current);
    return found;
  }

  get nextRid(): Rid {
    return BigInt(this.#engine.counters.nextRid) as Rid;
  }

  isChangedNow(table: TableStorage, rid: Rid): boolean {
    return this.#tables?.get(table.oid)?.isChangedSince(Number(rid), this.#commandId) === true;
  }

  insert(table: TableStorage, owner: OwnerId, row: readonly Datum[]): WriteResult {
    const writes = this.#writes(table);
    const {blocker} = this.#spiller!;
    if (blocker !== null) return blocker;
    if (writes.ownKeys.length > 0) {
      const result = this.#engine.unique.check(writes, owner, row, -1, null);
      if (result !== 'done')
        return this.#seen.keyConflict(this.#serializable, table, owner, row, result);
    }
    const rid = nextRid(this.#engine);
    if (writes.ownKeys.length > 0)
      this.#engine.unique.note(writes, owner, row, rid, null, this.#savepoints.size > 0);
    writes.addInsert(rid, owner, row, this.#commandId);
    return 'done';
  }

  insertMany(
    table: TableStorage,
    rows: readonly (readonly Datum[])[],
    owners: readonly OwnerId[] | OwnerId,
    from: number,
  ): Inserted {
    for (let i = from; i < rows.length; i++) {
      const result = this.insert(table, typeof owners === 'number' ? owners : owners[i]!, rows[i]!);
      if (result !== 'done') return {taken: i - from, result};
    }
    return {taken: rows.length - from, result: 'done'};
  }

  insertBlock(table: TableStorage, owner: OwnerId, block: RowBlock, from: number): Inserted {
    const writes = this.#writes(table);
    const {blocker} = this.#spiller!;
    if (blocker !== null) return {taken: 0, result: blocker};
    const place = {writes, owner, cid: this.#commandId, isJournaled: this.#savepoints.size > 0};
    const {taken, result} = insertBlock(this.#engine, place, block, from);
    if (result === 'done') return {taken, result};
    const row = block.row(from + taken);
    return {taken, result: this.#seen.keyConflict(this.#serializable, table, owner, row, result)};
  }

  update(table: TableStorage, old: RowVersion, row: readonly Datum[]): WriteResult {
    const writes = this.#writes(table);
    const rid = Number(old.rid);
    const location = this.#spiller!.blocker ?? replacedLocation(this.#engine, writes, rid, old);
    if (typeof location !== 'number') return location;
    if (writes.ownKeys.length > 0) {
      const result = this.#engine.unique.check(writes, old.owner, row, rid, old.row);
      if (result !== 'done')
        return this.#seen.keyConflict(this.#serializable, table, old.owner, row, result);
      this.#engine.unique.note(writes, old.owner, row, rid, old.row, this.#savepoints.size > 0);
    }
    writes.addVersion(rid, old.owner, old.row, location, row, this.#commandId);
    return 'done';
  }

  delete(table: TableStorage, old: RowVersion): WriteResult {
    const writes = this.#writes(table);
    const rid = Number(old.rid);
    const location = this.#spiller!.blocker ?? replacedLocation(this.#engine, writes, rid, old);
    if (typeof location !== 'number') return location;
    writes.addVersion(rid, old.owner, old.row, location, null, this.#commandId);
    return 'done';
  }

  checkUnique(table: TableStorage, index: StorageIndex): WriteResult {
    const writes = this.#tables?.get(table.oid);
    if (writes === undefined || writes.unchecked.length === 0) return 'done';
    const result = this.#engine.unique.checkDeferrable(writes, index, this.#savepoints.size > 0);
    return result === 'done' ? result : this.#seen.conflict(table, result);
  }

  truncate(table: TableStorage): void {
    this.#writes(table).truncations.push(this.#commandId);
    this.#commandId++;
  }

  lockRow(table: TableStorage, rid: Rid, mode: RowLockMode, wait: LockWait): LockResult {
    const result = this.#locks.row(table, Number(rid), mode, wait);
    // Whoever shares the key only looks at the change himself, and everybody at a row that is gone.
    if (result === 'granted' && this.#isSnapshotFixed && mode !== 'keyShare')
      return checkUnchanged(this.#engine, table, Number(rid), {
        writes: this.#tables?.get(table.oid) ?? null,
        hints: this.#hints,
        seq: this.#currentSnapshot().number,
      });
    return result;
  }

  lockTable(table: Oid, mode: TableLockMode, wait: LockWait): LockResult {
    return this.#locks.table(table, mode, wait);
  }

  claimName(name: string): 'granted' | Promise<void> {
    return this.#locks.claimName(name);
  }

  lockAdvisory(key: bigint, shared: boolean, isSession: boolean, wait: LockWait): LockResult {
    return this.#locks.advisory(key, shared, isSession, wait);
  }

  unlockAdvisory(key: bigint, shared: boolean): boolean {
    return this.#locks.unlockAdvisory(key, shared);
  }

  unlockAllAdvisory(): void {
    this.#engine.locks.releaseSession(this.#owner.waiter);
  }

  cancelWait(error: Error): void {
    this.#owner.cancelWait(error);
    this.#owner.sibling?.()?.cancelWait(error);
  }

  ddl(effect: DdlEffect): void {
    this.#ddl.add(effect, this.#tables);
  }

  savepoint(name: string): void {
    const marks = new Map<TableWrites, WriteMark>();
    for (const writes of this.#tables?.values() ?? [])
      marks.set(writes, writes.mark(this.#commandId));
    const command = this.#commandId++;
    this.#savepoints.push({
      name,
      command,
      marks,
      rowLocks: this.#owner.markRows(),
      heavyLocks: this.#owner.heavy.length,
      ddl: this.#ddl.length,
    });
  }

  rollbackTo(name: string): void {
    const savepoint = this.#savepoints.rollbackTo(name);
    this.#owner.cancelWait(null);
    this.#ddl.undo(savepoint.ddl, this.#tables);
    for (const writes of this.#tables?.values() ?? [])
      this.#spiller!.drop(writes.rollbackTo(savepoint.marks.get(writes) ?? NO_WRITES));
    this.#engine.locks.releaseRows(this.#owner, savepoint.rowLocks);
    this.#engine.locks.releaseHeavy(this.#owner, savepoint.heavyLocks);
    this.#owner.wakeEndWaits();
    this.#commandId++;
  }

  release(name: string): void {
    this.#savepoints.release(name);
  }

  commit(isUrgent = false): Promise<void> | undefined {
    if (this.#isEnded || this.#isCommitting) return undefined;
    if (!this.hasWrites) {
      if (this.#serializable !== null) this.#commitReads(this.#serializable);
      this.#end();
      return undefined;
    }
    this.#isCommitting = true;
    return new Committer(
      this.#engine,
      {
        tables: this.#tables,
        ddl: this.#ddl,
        serializable: this.#serializable,
        spiller: this.#spiller,
        isUrgent: isUrgent || this.#owner.blocksOthers,
      },
      this,
    ).commit();
  }

  /** The commit is visible. */
  applied(seq: number): void {
    this.commitSeq = BigInt(seq) as Seq;
    if (this.#serializable !== null)
      this.#engine.serializables.committed(this.#serializable, this.#tables, seq);
    this.#end();
    this.#ddl.committed();
  }

  /** The end of a SERIALIZABLE transaction that wrote nothing: 40001 when what it read has no serial order. */
  #commitReads(own: SerializableTransaction): void {
    try {
      this.#engine.serializables.commitReads(own, this.#engine.snapshots.current.number);
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  /** The commit left nothing. */
  failed(): void {
    this.#isCommitting = false;
    this.rollback();
  }

  rollback(): void {
    // A commit on its way ends the transaction itself.
    if (this.#isEnded || this.#isCommitting) return;
    this.#ddl.undo(0, this.#tables);
    this.#end();
  }

  #end(): void {
    this.#isEnded = true;
    if (this.#serializable !== null) this.#engine.serializables.ended(this.#serializable);
    this.#snapshot.release();
    this.#views?.releaseAll();
    for (const writes of this.#tables?.values() ?? []) {
      const {writers} = writes.image;
      writers.splice(writers.indexOf(writes), 1);
    }
    this.#tables = null;
    this.#lastWrites = null;
    this.#spiller?.end();
    this.#engine.locks.releaseAll(this.#owner);
  }

  get seenSeq(): Seq {
    return BigInt(this.#seen.seq) as Seq;
  }

  #currentSnapshot(): SnapshotValue {
    const kept = this.#views?.current ?? null;
    if (kept !== null) return kept.snapshot;
    if (this.#snapshot.value !== null) return this.#snapshot.value;
    const {current} = this.#engine.snapshots;
    if (this.#isSnapshotFixed) this.#take(current);
    return current;
  }

  /** The snapshot that a table is read with: TRUNCATE and DDL that rewrites rows are not for older ones. */
  #snapshotOf(image: HotImage): SnapshotValue {
    const snapshot = this.#currentSnapshot();
    const {number} = snapshot;
    // Those who take no locks (exports, live queries) have the table's old shape, and keep the rows of their snapshot.
    const hasLocks = this.#owner.heavy.length > 0;
    if ((hasLocks ? image.rewriteSeq : image.ddlSeq) > number) {
      if (this.#isSnapshotFixed) throw concurrentUpdate('update');
      // The plan was made for the new rows.
      return this.#engine.snapshots.current;
    }
    if (image.truncateSeq <= number || !hasLocks) return snapshot;
    this.#seen.truncation(image);
    return this.#engine.snapshots.none;
  }

  #take(snapshot: SnapshotValue): void {
    this.#snapshot.take(snapshot);
    if (this.#serializable !== null) this.#serializable.snapshot = snapshot.number;
  }

  #writes(table: TableStorage): TableWrites {
    const last = this.#lastWrites;
    if (last !== null && last.table === table) return last;
    this.#tables ??= new Map();
    let writes = this.#tables.get(table.oid);
    if (writes === undefined) {
      const image = this.#engine.hot.image(table);
      this.#spiller ??= new Spiller(this.#engine, {
        tables: () => this.#tables!.values(),
        savepoints: () => this.#savepoints.commands,
        commandIds: () => [this.#commandId, ...(this.#views?.commandIds ?? [])],
      });
      writes = new TableWrites(this.#owner, table, image, this.#spiller.room);
      image.writers.push(writes);
      this.#tables.set(table.oid, writes);
    }
    this.#lastWrites = writes;
    return writes;
  }
}

function nothing(): void {}
