// Hot path: every updated row is locked here.
import {IntSet} from '../../common/int-set.ts';
import {rowModesConflict} from './lock-modes.ts';
import type {LockHolder, RowFold, RowHold, RowSpace, Waiting, WaitTarget} from './lock-parts.ts';
import {LockWaiting} from './lock-wait.ts';

/** Row locks of one owner between two looks at how many they are. */
const LOCKS_PER_LOOK = 4096;

/** Holders of one row when there is more than one. */
class RowHolds {
  holds: RowHold[];

  constructor(holds: RowHold[]) {
    this.holds = holds;
  }
}

/** Row locks of one table by rid, in PostgreSQL's four modes; those who must wait go in the order in which they came. */
export class RowLocks implements RowSpace {
  readonly table: number;
  readonly #held = new Map<number, RowHold | RowHolds>();
  readonly #queues = new Map<number, RowQueue>();
  /** Locks of large transactions; what one of them holds beside in `#held` is more. */
  #folds: readonly RowFold[] = [];

  constructor(table: number) {
    this.table = table;
  }

  /** Takes a lock, or returns whether it must wait ('wait' enters the queue). */
  acquire(rid: number, owner: LockHolder, mode: number): boolean {
    if (this.#folds.length > 0) {
      if (this.#foldedMode(rid, owner) >= mode) return true;
      if (this.#isFoldedAgainst(rid, owner, mode)) return false;
    }
    const held = this.#held.get(rid);
    if (held === undefined) {
      this.#held.set(rid, owner.hold(mode));
      this.#note(owner, rid, 0);
      return true;
    }
    const own = ownMode(held, owner);
    if (own >= mode) return true;
    // As in PostgreSQL, who fits with the holders does not wait behind those who do not.
    if (conflicts(held, owner, mode)) return false;
    this.#grant(rid, held, owner, mode, own);
    return true;
  }

  /** Queues up for a lock that `acquire` refused; once it resolves the lock is held. */
  wait(rid: number, owner: LockHolder, mode: number): Promise<void> {
    owner.cancelWait(null);
    let queue = this.#queues.get(rid);
    if (queue === undefined) {
      queue = new RowQueue(this, rid);
      this.#queues.set(rid, queue);
    }
    const wait = new LockWaiting(owner, mode, queue);
    // A holder that wants more goes before those who wait for it.
    const held = this.#held.get(rid);
    const isHolder =
      (held !== undefined && ownMode(held, owner) > 0) || this.#foldedMode(rid, owner) > 0;
    if (isHolder) queue.waits.unshift(wait);
    else queue.waits.push(wait);
    return wait.promise;
  }

  /** Gives back a lock, or weakens it to the mode held before. */
  release(rid: number, owner: LockHolder, before: number): void {
    const held = this.#held.get(rid);
    if (held === undefined) return;
    if (held instanceof RowHolds) {
      const rest = held.holds.filter(hold => hold.owner !== owner);
      if (before > 0 && rest.length < held.holds.length) rest.push(owner.hold(before));
      if (rest.length === 0) this.#held.delete(rid);
      else if (rest.length === 1) this.#held.set(rid, rest[0]!);
      else held.holds = rest;
    } else if (held.owner === owner) {
      if (before > 0) this.#held.set(rid, owner.hold(before));
      else this.#held.delete(rid);
    }
    if (this.#queues.size > 0) this.wakeQueue(rid);
  }

  /** Gives back all locks of an owner that holds many of them. */
  releaseOwner(owner: LockHolder): void {
    let isAlone = true;
    for (const held of this.#held.values()) {
      if (held instanceof RowHolds || held.owner !== owner) {
        isAlone = false;
        break;
      }
    }
    if (isAlone) this.#held.clear();
    for (const [rid, held] of this.#held) {
      if (held instanceof RowHolds) this.release(rid, owner, 0);
      else if (held.owner === owner) this.#held.delete(rid);
    }
    for (const rid of [...this.#queues.keys()]) this.wakeQueue(rid);
  }

  /** Grants to waiters from the head of a queue as long as they fit. */
  wakeQueue(rid: number): void {
    const queue = this.#queues.get(rid);
    if (queue === undefined) return;
    while (queue.waits.length > 0) {
      const wait = queue.waits[0]!;
      const held = this.#held.get(rid);
      if (held !== undefined && conflicts(held, wait.owner, wait.mode)) break;
      if (this.#isFoldedAgainst(rid, wait.owner, wait.mode)) break;
      queue.waits.shift();
      if (held === undefined) {
        this.#held.set(rid, wait.owner.hold(wait.mode));
        this.#note(wait.owner, rid, 0);
      } else {
        const own = ownMode(held, wait.owner);
        if (own < wait.mode) this.#grant(rid, held, wait.owner, wait.mode, own);
      }
      wait.wake();
    }
    if (queue.waits.length === 0) this.#queues.delete(rid);
  }

  /** Owners whose lock on a row conflicts with a mode. */
  conflicting(rid: number, owner: LockHolder, mode: number): LockHolder[] {
    const held = this.#held.get(rid);
    const holds: readonly RowHold[] =
      held === undefined ? [] : held instanceof RowHolds ? held.holds : [held];
    return [...holds, ...this.#folds.filter(({rids}) => rids.has(rid))]
      .filter(hold => hold.owner !== owner && rowModesConflict(hold.mode, mode))
      .map(hold => hold.owner);
  }

  /** Whether anybody holds the row in a mode that changes it. */
  isLockedForChange(rid: number): boolean {
    for (const {mode, rids} of this.#folds) if (mode >= 3 && rids.has(rid)) return true;
    const held = this.#held.get(rid);
    if (held === undefined) return false;
    if (held instanceof RowHolds) return held.holds.some(hold => hold.mode >= 3);
    return held.mode >= 3;
  }

  /** Rids of rows that somebody holds in a mode that changes them. */
  *changing(): Iterable<number> {
    for (const rid of this.#held.keys()) if (this.isLockedForChange(rid)) yield rid;
    for (const {mode, rids} of this.#folds) if (mode >= 3) yield* rids.values();
  }

  get hasWaiters(): boolean {
    return this.#queues.size > 0;
  }

  get size(): number {
    return this.#held.size + this.#folds.length;
  }

  /** Waits in all queues, for pg_locks. */
  *waits(): Iterable<Waiting> {
    for (const queue of this.#queues.values()) yield* queue.waits;
  }

  fold(rid: number, owner: LockHolder, from: number): boolean {
    const held = this.#held.get(rid);
    if (held === undefined || held instanceof RowHolds || held.owner !== owner) return false;
    const {mode} = held;
    let fold = owner.rowFolds.find(
      (each, at) => at >= from && each.space === this && each.mode === mode,
    );
    if (fold === undefined) {
      fold = {owner, space: this, mode, rids: new IntSet()};
      owner.rowFolds.push(fold);
      this.#folds = [...this.#folds, fold];
    }
    fold.rids.add(rid);
    this.#held.delete(rid);
    return true;
  }

  isFolded(rid: number, owner: LockHolder, from: number): boolean {
    return owner.rowFolds.some(
      (each, at) => at >= from && each.space === this && each.rids.has(rid),
    );
  }

  releaseFold(fold: RowFold): void {
    this.#folds = this.#folds.filter(other => other !== fold);
    for (const rid of [...this.#queues.keys()]) if (fold.rids.has(rid)) this.wakeQueue(rid);
  }

  /** The strongest mode in which folds of an owner have a row; 0 = none. */
  #foldedMode(rid: number, owner: LockHolder): number {
    let strongest = 0;
    const folds = this.#folds;
    for (let i = 0; i < folds.length; i++) {
      const {mode, owner: holder, rids} = folds[i]!;
      if (holder === owner && mode > strongest && rids.has(rid)) strongest = mode;
    }
    return strongest;
  }

  #isFoldedAgainst(rid: number, owner: LockHolder, mode: number): boolean {
    const folds = this.#folds;
    for (let i = 0; i < folds.length; i++) {
      const fold = folds[i]!;
      if (fold.owner !== owner && rowModesConflict(fold.mode, mode) && fold.rids.has(rid))
        return true;
    }
    return false;
  }

  #grant(
    rid: number,
    held: RowHold | RowHolds,
    owner: LockHolder,
    mode: number,
    own: number,
  ): void {
    const hold = owner.hold(mode);
    if (held instanceof RowHolds) {
      held.holds = held.holds.filter(other => other.owner !== owner);
      held.holds.push(hold);
    } else if (held.owner === owner) {
      this.#held.set(rid, hold);
    } else {
      this.#held.set(rid, new RowHolds([held, hold]));
    }
    this.#note(owner, rid, own);
  }

  #note(owner: LockHolder, rid: number, before: number): void {
    owner.rowSpaces.push(this);
    owner.rowBefore.push(before);
    if (owner.rowRids.push(rid) % LOCKS_PER_LOOK === 0) owner.foldRows();
  }
}

class RowQueue implements WaitTarget {
  readonly kind = 'row';
  readonly waits: Waiting[] = [];
  readonly #locks: RowLocks;
  readonly #rid: number;

  constructor(locks: RowLocks, rid: number) {
    this.#locks = locks;
    this.#rid = rid;
  }

  describe(wait: Waiting): string {
    const holder = this.#locks.conflicting(this.#rid, wait.owner, wait.mode)[0];
    return `ShareLock on transaction ${holder === undefined ? 0 : holder.id}`;
  }

  /** The first in the queue waits for the holder's transaction, those behind it for the row's lock. */
  awaited(wait: Waiting): LockHolder | null {
    for (const earlier of this.waits) {
      if (earlier === wait) break;
      if (rowModesConflict(earlier.mode, wait.mode)) return null;
    }
    return this.#locks.conflicting(this.#rid, wait.owner, wait.mode)[0] ?? null;
  }

  holding(wait: Waiting): LockHolder[] {
    return this.#locks.conflicting(this.#rid, wait.owner, wait.mode);
  }

  reordered(): void {
    this.#locks.wakeQueue(this.#rid);
  }

  blockers(wait: Waiting): readonly LockHolder[] {
    const blockers = this.holding(wait);
    for (const earlier of this.waits) {
      if (earlier === wait) break;
      if (rowModesConflict(earlier.mode, wait.mode)) blockers.push(earlier.owner);
    }
    return blockers;
  }

  abandon(wait: Waiting): void {
    const at = this.waits.indexOf(wait);
    if (at !== -1) this.waits.splice(at, 1);
    this.#locks.wakeQueue(this.#rid);
  }
}

function ownMode(held: RowHold | RowHolds, owner: LockHolder): number {
  if (held instanceof RowHolds) return held.holds.find(hold => hold.owner === owner)?.mode ?? 0;
  return held.owner === owner ? held.mode : 0;
}

function conflicts(held: RowHold | RowHolds, owner: LockHolder, mode: number): boolean {
  if (held instanceof RowHolds)
    return held.holds.some(hold => hold.owner !== owner && rowModesConflict(hold.mode, mode));
  return held.owner !== owner && rowModesConflict(held.mode, mode);
}
