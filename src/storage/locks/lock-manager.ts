import {oid, type Oid} from '../../common/ids.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {LockResult, LockWait, RowLockMode, WaiterInfo} from '../contract.ts';
import type {TableLockMode} from './table-lock-mode.ts';
import type {LockInfo} from '../infos.ts';
import {HeavyLock} from './heavy-locks.ts';
import {ROW_MODES, TABLE_MODES, TUPLE_MODE_NAMES} from './lock-modes.ts';
import {LockOwner} from './lock-owner.ts';
import type {RowMark, Waiting} from './lock-parts.ts';
import {RowLocks} from './row-locks.ts';

/** Row locks of one owner that are not given back one by one. */
const MANY_ROWS = 1000;
const NOTHING_HELD: RowMark = {entries: 0, folds: 0};

/**
 * All locks of the process: rows by rid, tables, advisory keys. Unique keys are guarded by the
 * write-sets themselves and waits for their transactions.
 */
export class LockManager {
  readonly #rows = new Map<number, RowLocks>();
  readonly #tables = new Map<number, HeavyLock>();
  /** By database and key. */
  readonly #advisory = new Map<string, HeavyLock>();
  /** Names that open transactions will give to objects. */
  readonly #names = new Map<string, HeavyLock>();
  readonly #sessions = new Map<WaiterInfo, LockOwner>();
  readonly #active = new Map<WaiterInfo, LockOwner>();
  readonly #nameOf: (table: Oid) => string;

  /** Called when somebody begins to wait for a row: a commit that waits for company may hold it. */
  onRowWait: () => void = () => {};

  constructor(nameOf: (table: Oid) => string) {
    this.#nameOf = nameOf;
  }

  rowsOf(table: number): RowLocks {
    let locks = this.#rows.get(table);
    if (locks === undefined) {
      locks = new RowLocks(table);
      this.#rows.set(table, locks);
    }
    return locks;
  }

  lockRow(
    owner: LockOwner,
    table: {readonly oid: Oid; readonly name: string},
    rid: number,
    mode: RowLockMode,
    wait: LockWait,
  ): LockResult {
    const locks = this.rowsOf(table.oid);
    if (locks.acquire(rid, owner, ROW_MODES[mode])) return 'granted';
    if (wait === 'skip') return 'unavailable';
    if (wait === 'nowait') {
      throw new PgError(
        SqlState.lockNotAvailable,
        `could not obtain lock on row in relation "${table.name}"`,
      );
    }
    this.onRowWait();
    return locks.wait(rid, owner, ROW_MODES[mode]);
  }

  lockTable(
    owner: LockOwner,
    database: Oid,
    table: Oid,
    mode: TableLockMode,
    wait: LockWait,
  ): LockResult {
    let lock = this.#tables.get(table);
    if (lock === undefined) {
      lock = new HeavyLock('relation', table, database);
      this.#tables.set(table, lock);
    }
    if (lock.acquire(owner, TABLE_MODES[mode], false)) return 'granted';
    if (wait === 'skip') return 'unavailable';
    if (wait === 'nowait') {
      throw new PgError(
        SqlState.lockNotAvailable,
        `could not obtain lock on relation "${this.#nameOf(table)}"`,
      );
    }
    return lock.wait(owner, TABLE_MODES[mode]);
  }

  /** Claims a name; a promise while another transaction has it. */
  claimName(owner: LockOwner, database: Oid, name: string): 'granted' | Promise<void> {
    let lock = this.#names.get(name);
    if (lock === undefined) {
      lock = new HeavyLock('name', name, database);
      this.#names.set(name, lock);
    }
    const mode = TABLE_MODES.accessExclusive;
    return lock.acquire(owner, mode, false) ? 'granted' : lock.wait(owner, mode);
  }

  /**
   * The waiting form takes the lock when it is granted, so a repeated call after the promise must not
   * take it twice: `isRepeat` says so.
   */
  lockAdvisory(
    owner: LockOwner,
    database: Oid,
    key: bigint,
    isShared: boolean,
    isSession: boolean,
    wait: LockWait,
  ): LockResult {
    const holder = isSession ? this.#sessionOwner(owner.waiter) : owner;
    if (holder !== owner) owner.sibling ??= () => holder;
    const place = `${database}/${key}`;
    let lock = this.#advisory.get(place);
    if (lock === undefined) {
      lock = new HeavyLock('advisory', place, database);
      this.#advisory.set(place, lock);
    }
    const mode = isShared ? TABLE_MODES.share : TABLE_MODES.exclusive;
    const granted = this.#grantedWaits.get(owner);
    if (granted !== undefined) {
      this.#grantedWaits.delete(owner);
      if (granted.lock === lock && granted.mode === mode) return 'granted';
    }
    if (lock.acquire(holder, mode, isSession)) return 'granted';
    if (wait !== 'wait') return 'unavailable';
    const waited = lock;
    const promise = isSession ? lock.wait(holder, mode) : lock.wait(owner, mode);
    return promise.then(() => {
      this.#grantedWaits.set(owner, {lock: waited, mode});
    });
  }

  readonly #grantedWaits = new WeakMap<
    LockOwner,
    {readonly lock: HeavyLock; readonly mode: number}
  >();

  /** Gives back one session-level advisory lock; false when it is not held. */
  unlockAdvisory(waiter: WaiterInfo, database: Oid, key: bigint, isShared: boolean): boolean {
    const holder = this.#sessions.get(waiter);
    const place = `${database}/${key}`;
    const lock = this.#advisory.get(place);
    if (holder === undefined || lock === undefined) return false;
    const mode = isShared ? TABLE_MODES.share : TABLE_MODES.exclusive;
    if (!lock.release(holder, mode)) return false;
    const at = holder.heavy.findLastIndex(entry => entry.lock === lock && entry.mode === mode);
    if (at !== -1) holder.heavy.splice(at, 1);
    if (lock.isIdle) this.#advisory.delete(place);
    return true;
  }

  /** Gives back everything a session holds beyond its transactions: pg_advisory_unlock_all, end of a connection. */
  releaseSession(waiter: WaiterInfo): void {
    const holder = this.#sessions.get(waiter);
    if (holder === undefined) return;
    this.#sessions.delete(waiter);
    this.releaseHeavy(holder, 0);
  }

  /** Forgets the locks of a dropped table. */
  forgetTable(table: number): void {
    if (this.#tables.get(table)?.isIdle === true) this.#tables.delete(table);
    if (this.#rows.get(table)?.size === 0) this.#rows.delete(table);
  }

  /** Notes the transaction that a session runs now. */
  begin(owner: LockOwner): void {
    this.#active.set(owner.waiter, owner);
  }

  /** Releases everything of a transaction that ended. */
  releaseAll(owner: LockOwner): void {
    if (this.#active.get(owner.waiter) === owner) this.#active.delete(owner.waiter);
    owner.cancelWait(null);
    this.releaseRows(owner, NOTHING_HELD);
    if (owner.heavy.length > 0) this.releaseHeavy(owner, 0);
    owner.wakeEndWaits();
  }

  /** Releases row locks taken since a mark. */
  releaseRows(owner: LockOwner, mark: RowMark): void {
    const {rowSpaces, rowRids, rowBefore, rowFolds} = owner;
    if (rowRids.length === mark.entries && rowFolds.length === mark.folds) return;
    const folds = rowFolds.slice(mark.folds);
    let last = rowRids.length - 1;
    if (mark.entries === 0 && rowRids.length > MANY_ROWS) {
      for (const space of new Set(rowSpaces)) space.releaseOwner(owner);
      last = -1;
    }
    for (let i = last; i >= mark.entries; i--)
      rowSpaces[i]!.release(rowRids[i]!, owner, rowBefore[i]!);
    owner.cutRows(mark);
    for (const fold of folds) fold.space.releaseFold(fold);
  }

  /** Releases table and advisory locks taken since the journal had `mark` entries. */
  releaseHeavy(owner: LockOwner, mark: number): void {
    const {heavy} = owner;
    for (let i = heavy.length - 1; i >= mark; i--) {
      const {lock, mode} = heavy[i]!;
      lock.release(owner, mode);
      // Locks of relations are kept: the next statement wants them again.
      if (!lock.isIdle) continue;
      if (lock.kind === 'advisory') this.#advisory.delete(String(lock.key));
      else if (lock.kind === 'name') this.#names.delete(String(lock.key));
    }
    heavy.length = mark;
  }

  infos(): LockInfo[] {
    const infos: LockInfo[] = [];
    for (const lock of this.#tables.values()) infos.push(...lock.infos());
    for (const lock of this.#advisory.values()) infos.push(...lock.infos());
    for (const lock of this.#names.values())
      infos.push(...lock.infos().filter(({granted}) => !granted));
    for (const owner of this.#active.values()) {
      for (const wait of owner.endWaits) infos.push(this.#waitInfo(wait, 0));
    }
    for (const [table, rows] of this.#rows) {
      for (const wait of rows.waits()) infos.push(this.#waitInfo(wait, table));
    }
    return infos;
  }

  /** Pids for which a session waits: holders, and who asked earlier; those behind another in a row's queue wait for it. */
  blockingPids(pid: number): readonly number[] {
    const pids = new Set<number>();
    for (const owner of [...this.#active.values(), ...this.#sessions.values()]) {
      const {waiting} = owner;
      if (waiting === null || owner.waiter.pid !== pid) continue;
      const {target} = waiting;
      const isQueued = target.kind === 'row' && target.awaited(waiting) === null;
      for (const blocker of target.blockers(waiting))
        if (!isQueued || blocker.waiting?.target === target) pids.add(blocker.waiter.pid);
    }
    return [...pids];
  }

  /** A wait for a row, or for the end of a transaction: who is first for a row waits for its holder's transaction. */
  #waitInfo(wait: Waiting, table: number): LockInfo {
    const awaited = wait.target.awaited(wait);
    const isTransaction = awaited !== null;
    return {
      pid: wait.owner.waiter.pid,
      type: isTransaction ? 'transactionid' : 'tuple',
      database: oid(isTransaction ? 0 : (this.#tables.get(table)?.database ?? 0)),
      relation: oid(isTransaction ? 0 : table),
      key: null,
      transaction: awaited?.id ?? null,
      holder: wait.owner.id,
      mode: isTransaction ? 'ShareLock' : TUPLE_MODE_NAMES[wait.mode]!,
      granted: false,
      waitingSince: wait.since,
    };
  }

  #sessionOwner(waiter: WaiterInfo): LockOwner {
    let owner = this.#sessions.get(waiter);
    if (owner === undefined) {
      owner = new LockOwner(0, waiter, () => this.#active.get(waiter) ?? null);
      this.#sessions.set(waiter, owner);
    }
    return owner;
  }
}
