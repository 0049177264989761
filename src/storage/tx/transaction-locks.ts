// Hot path: every statement locks its tables.
import type {Oid} from '../../common/ids.ts';
import type {LockResult, LockWait, RowLockMode, TableStorage} from '../contract.ts';
import type {TableLockMode} from '../locks/table-lock-mode.ts';
import type {Engine} from '../engine.ts';
import type {LockOwner} from '../locks/lock-owner.ts';

/** The locks of one transaction, and how new what it reads must be because of them. */
export class TransactionLocks {
  readonly #engine: Engine;
  readonly #owner: LockOwner;
  readonly #databaseOid: Oid;
  /** Newest commit when it last got a lock that orders it behind others; 0 = none. */
  seq = 0;
  /** Whether it has waited for a table: what the holder committed must be seen. */
  #hasWaited = false;

  constructor(engine: Engine, owner: LockOwner, databaseOid: Oid) {
    this.#engine = engine;
    this.#owner = owner;
    this.#databaseOid = databaseOid;
  }

  row(table: TableStorage, rid: number, mode: RowLockMode, wait: LockWait): LockResult {
    const {locks, snapshots} = this.#engine;
    const result = locks.lockRow(this.#owner, table, rid, mode, wait);
    this.seq = snapshots.current.number;
    return result;
  }

  table(table: Oid, mode: TableLockMode, wait: LockWait): LockResult {
    const {locks, snapshots} = this.#engine;
    const result = locks.lockTable(this.#owner, this.#databaseOid, table, mode, wait);
    if (result instanceof Promise) this.#hasWaited = true;
    else if (mode !== 'accessShare' || this.#hasWaited) this.seq = snapshots.current.number;
    return result;
  }

  claimName(name: string): 'granted' | Promise<void> {
    return this.#engine.locks.claimName(this.#owner, this.#databaseOid, name);
  }

  unlockAdvisory(key: bigint, shared: boolean): boolean {
    return this.#engine.locks.unlockAdvisory(this.#owner.waiter, this.#databaseOid, key, shared);
  }

  advisory(key: bigint, shared: boolean, isSession: boolean, wait: LockWait): LockResult {
    const {locks, snapshots} = this.#engine;
    const result = locks.lockAdvisory(this.#owner, this.#databaseOid, key, shared, isSession, wait);
    this.seq = snapshots.current.number;
    return result;
  }
}
