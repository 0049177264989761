import type {IntSet} from '../../common/int-set.ts';
import type {WaiterInfo} from '../contract.ts';

/**
 * A row lock mode held by one owner: one object per (owner, mode), so that a million row locks are a
 * million map entries and no objects.
 */
export interface RowHold {
  readonly owner: LockHolder;
  readonly mode: number;
}

/** Many row locks of one owner and mode in one table, taken one after the other: a bit each. */
export interface RowFold {
  readonly owner: LockHolder;
  readonly space: RowSpace;
  readonly mode: number;
  readonly rids: IntSet;
}

/** State of an owner's row locks at a savepoint. */
export interface RowMark {
  readonly entries: number;
  readonly folds: number;
}

/** Whoever holds and waits for locks: a transaction, or a session for its advisory locks. */
export interface LockHolder {
  readonly id: number;
  readonly waiter: WaiterInfo;
  /** The wait it is in, null when it runs. */
  waiting: Waiting | null;
  /** The other owner of the same session, whose wait counts as this one's. */
  sibling: (() => LockHolder | null) | null;
  /** Journal of row locks taken: space, rid, mode held before (0 = none). */
  readonly rowSpaces: RowSpace[];
  readonly rowRids: number[];
  readonly rowBefore: number[];
  /** Row locks that are no entries of the journal any more. */
  readonly rowFolds: RowFold[];
  /** Makes folds of the entries since the last savepoint, if there are many. */
  foldRows(): void;
  /** Journal of table and advisory locks taken. */
  readonly heavy: {readonly lock: Releasable; readonly mode: number}[];
  hold(mode: number): RowHold;
  /** Leaves the queue it waits in, with an error for the awaiting statement or silently. */
  cancelWait(error: Error | null): void;
}

/** One owner waiting in one queue. */
export interface Waiting {
  readonly owner: LockHolder;
  readonly mode: number;
  readonly target: WaitTarget;
  /** When it began, in milliseconds since 1970. */
  readonly since: number;
  /** The lock is granted or worth asking for again. */
  wake(): void;
  /** Ends the wait with an error: timeout, deadlock, cancel. */
  fail(error: Error): void;
}

/** What a wait needs from the lock that it waits for. */
export interface WaitTarget {
  readonly kind: 'relation' | 'advisory' | 'name' | 'row' | 'transaction';
  /** As deadlock reports say it: `ShareLock on transaction 7`. */
  describe(wait: Waiting): string;
  /** Those whom the wait is for, holders and earlier waiters. */
  blockers(wait: Waiting): readonly LockHolder[];
  /** The holders among them. */
  holding(wait: Waiting): readonly LockHolder[];
  /** Those who wait, in order; null where there is no order among them. */
  readonly waits: Waiting[] | null;
  /** The order was changed: wakes those who can go on. */
  reordered(): void;
  /** The transaction whose end is waited for, null for a lock that is not one on a transaction. */
  awaited(wait: Waiting): LockHolder | null;
  /** Takes the wait out of its queue and wakes those behind it that can go on. */
  abandon(wait: Waiting): void;
}

/** Row locks of one table, as far as a journal needs them. */
export interface RowSpace {
  readonly hasWaiters: boolean;
  release(rid: number, owner: LockHolder, before: number): void;
  releaseOwner(owner: LockHolder): void;
  /** Puts a lock that nobody shares into a fold of the owner, at `from` or later; false = it stays as it is. */
  fold(rid: number, owner: LockHolder, from: number): boolean;
  /** Whether a fold of the owner, at `from` or later, has the row. */
  isFolded(rid: number, owner: LockHolder, from: number): boolean;
  releaseFold(fold: RowFold): void;
}

/** A table, advisory or name lock, as far as a journal needs it. */
export interface Releasable {
  readonly kind: 'relation' | 'advisory' | 'name';
  readonly key: number | bigint | string;
  readonly isIdle: boolean;
  release(owner: LockHolder, mode: number): boolean;
}
