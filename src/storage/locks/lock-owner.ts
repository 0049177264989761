import type {WaiterInfo} from '../contract.ts';
import type {
  LockHolder,
  Releasable,
  RowFold,
  RowHold,
  RowMark,
  RowSpace,
  Waiting,
  WaitTarget,
} from './lock-parts.ts';
import {LockWaiting} from './lock-wait.ts';

/** A transaction with more row locks does not look who waits for them. */
const MANY_ROWS = 32;
/** Row locks that are kept one by one before they become a fold. */
const FOLDED_ROWS = 4096;

/** Whoever holds and waits for locks: a transaction, or a session for its advisory locks. */
export class LockOwner implements LockHolder, WaitTarget {
  readonly kind = 'transaction';
  readonly id: number;
  readonly waiter: WaiterInfo;
  /** The wait it is in, null when it runs. */
  waiting: Waiting | null = null;
  /** The other owner of the same session (its transaction, or its advisory locks), whose wait counts as this one's. */
  sibling: (() => LockHolder | null) | null;
  readonly #holds: (RowHold | null)[] = [null, null, null, null, null];
  /** Journal of row locks taken: space, rid, mode held before (0 = none). */
  readonly rowSpaces: RowSpace[] = [];
  readonly rowRids: number[] = [];
  readonly rowBefore: number[] = [];
  readonly rowFolds: RowFold[] = [];
  /** Entries and folds from here on are younger than every savepoint. */
  #foldable = 0;
  #foldsFrom = 0;
  /** Journal of heavy locks taken. */
  readonly heavy: {readonly lock: Releasable; readonly mode: number}[] = [];
  /** Those who wait for the end of this transaction. */
  #endWaits: Waiting[] = [];

  constructor(id: number, waiter: WaiterInfo, sibling: (() => LockHolder | null) | null = null) {
    this.id = id;
    this.waiter = waiter;
    this.sibling = sibling;
  }

  hold(mode: number): RowHold {
    return (this.#holds[mode] ??= {owner: this, mode});
  }

  /** What is taken from now on can be given back apart. */
  markRows(): RowMark {
    this.#foldable = this.rowRids.length;
    this.#foldsFrom = this.rowFolds.length;
    return {entries: this.#foldable, folds: this.#foldsFrom};
  }

  foldRows(): void {
    const {rowSpaces, rowRids, rowBefore} = this;
    const from = this.#foldsFrom;
    if (rowRids.length - this.#foldable < FOLDED_ROWS) return;
    let kept = this.#foldable;
    for (let i = kept; i < rowRids.length; i++) {
      const space = rowSpaces[i]!;
      const rid = rowRids[i]!;
      const isFirst = rowBefore[i] === 0;
      if (isFirst ? space.fold(rid, this, from) : space.isFolded(rid, this, from)) continue;
      rowSpaces[kept] = space;
      rowRids[kept] = rid;
      rowBefore[kept++] = rowBefore[i]!;
    }
    rowSpaces.length = rowRids.length = rowBefore.length = kept;
    this.#foldable = kept;
  }

  /** Takes back to a mark what `markRows` said; the locks themselves are given back by the caller. */
  cutRows({entries, folds}: RowMark): void {
    this.rowSpaces.length = this.rowRids.length = this.rowBefore.length = entries;
    this.rowFolds.length = folds;
    this.#foldable = Math.min(this.#foldable, entries);
    this.#foldsFrom = Math.min(this.#foldsFrom, folds);
  }

  /** A promise that resolves when this transaction ends or rolls back to a savepoint. */
  waitForEnd(by: LockHolder): Promise<void> {
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

  /** Whether somebody may be waiting for what this one holds. */
  get blocksOthers(): boolean {
    if (this.#endWaits.length > 0) return true;
    const {rowSpaces} = this;
    const {length} = rowSpaces;
    if (length > MANY_ROWS || this.rowFolds.length > 0) return true;
    for (let i = 0; i < length; i++) if (rowSpaces[i]!.hasWaiters) return true;
    return false;
  }

  get endWaits(): readonly Waiting[] {
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

  readonly waits = null;

  blockers(): readonly LockHolder[] {
    return [this];
  }

  holding(): readonly LockHolder[] {
    return [this];
  }

  reordered(): void {}

  awaited(): LockHolder {
    return this;
  }

  abandon(wait: Waiting): void {
    this.#endWaits = this.#endWaits.filter(other => other !== wait);
  }
}
