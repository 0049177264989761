import type {WaiterInfo} from '../contract.ts';
import type {HeavyLock} from './heavy-locks.ts';
import {LockWaiting, type WaitTarget} from './lock-wait.ts';
import type {RowLocks} from './row-locks.ts';

/**
 * A row lock mode held by one owner: one object per (owner, mode), so that a million row locks are a
 * million map entries and no objects.
 */
export interface RowHold {
  readonly owner: LockOwner;
  readonly mode: number;
}

/** Whoever holds and waits for locks: a transaction, or a session for its advisory locks. */
export class LockOwner implements WaitTarget {
  readonly id: number;
  readonly waiter: WaiterInfo;
  /** The wait it is in, null when it runs. */
  waiting: LockWaiting | null = null;
  /** The other owner of the same session (its transaction, or its advisory locks), whose wait counts as this one's. */
  sibling: (() => LockOwner | null) | null;
  readonly #holds: (RowHold | null)[] = [null, null, null, null, null];
  /** Journal of row locks taken: space, rid, mode held before (0 = none). */
  readonly rowSpaces: RowLocks[] = [];
  readonly rowRids: number[] = [];
  readonly rowBefore: number[] = [];
  /** Journal of heavy locks taken. */
  readonly heavy: {readonly lock: HeavyLock; readonly mode: number}[] = [];
  /** Those who wait for the end of this transaction. */
  #endWaits: LockWaiting[] = [];

  constructor(id: number, waiter: WaiterInfo, sibling: (() => LockOwner | null) | null = null) {
    this.id = id;
    this.waiter = waiter;
    this.sibling = sibling;
  }

  hold(mode: number): RowHold {
    return (this.#holds[mode] ??= {owner: this, mode});
  }

  /** A promise that resolves when this transaction ends or rolls back to a savepoint. */
  waitForEnd(by: LockOwner): Promise<void> {
    by.cancelWait(null);
    const wait = new LockWaiting(by, 5, this);
    this.#endWaits.push(wait);
    return wait.promise;
  }

  wakeEndWaits(): void {
    if (this.#endWaits.length === 0) return;
    const waits = this.#endWaits;
    this.#endWaits = [];
    for (const wait of waits) wait.wake();
  }

  get endWaits(): readonly LockWaiting[] {
    return this.#endWaits;
  }

  /** Leaves the queue it waits in, with an error for the awaiting statement or silently. */
  cancelWait(error: Error | null): void {
    const waiting = this.waiting;
    if (waiting === null) return;
    if (error !== null) {
      waiting.fail(error);
    } else {
      waiting.target.abandon(waiting);
      waiting.wake();
    }
  }

  describe(): string {
    return `ShareLock on transaction ${this.id}`;
  }

  blockers(): readonly LockOwner[] {
    return [this];
  }

  abandon(wait: LockWaiting): void {
    this.#endWaits = this.#endWaits.filter(other => other !== wait);
  }
}
