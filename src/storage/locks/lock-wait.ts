import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {LockHolder, Waiting, WaitTarget} from './lock-parts.ts';

/** One transaction waiting in one queue; its promise resolves when it should ask again. */
export class LockWaiting implements Waiting {
  readonly owner: LockHolder;
  readonly mode: number;
  readonly target: WaitTarget;
  readonly promise: Promise<void>;
  readonly since = Date.now();
  #resolve!: () => void;
  #reject!: (error: Error) => void;
  #lockTimer: NodeJS.Timeout | null = null;
  #deadlockTimer: NodeJS.Timeout | null = null;
  #isDone = false;

  constructor(owner: LockHolder, mode: number, target: WaitTarget) {
    this.owner = owner;
    this.mode = mode;
    this.target = target;
    this.promise = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.promise.catch(ignore);
    owner.waiting = this;
    const lockTimeoutMs = owner.waiter.lockTimeoutMs();
    if (lockTimeoutMs > 0) {
      this.#lockTimer = setTimeout(() => {
        this.fail(
          new PgError(SqlState.lockNotAvailable, 'canceling statement due to lock timeout'),
        );
      }, lockTimeoutMs);
    }
    this.#deadlockTimer = setTimeout(() => this.checkDeadlock(), owner.waiter.deadlockTimeoutMs());
  }

  /** The lock is granted or worth asking for again. */
  wake(): void {
    if (this.#finish()) this.#resolve();
  }

  /** Ends the wait with an error: timeout, deadlock, cancel. */
  fail(error: Error): void {
    if (!this.#finish()) return;
    this.target.abandon(this);
    this.#reject(error);
  }

  /** Raises 40P01 here when this wait is part of a cycle that no other order of waiters ends. */
  checkDeadlock(): void {
    const cycle = findCycle(this);
    if (cycle === null) return;
    const reordered = new Set<WaitTarget>();
    if (untangle(this, MOVES, reordered)) {
      for (const target of reordered) target.reordered();
      return;
    }
    const lines = cycle.map((wait, i) => {
      const next = cycle[(i + 1) % cycle.length]!;
      return `Process ${wait.owner.waiter.pid} waits for ${wait.target.describe(wait)}; blocked by process ${next.owner.waiter.pid}.`;
    });
    this.fail(
      new PgError(SqlState.deadlockDetected, 'deadlock detected', {
        detail: lines.join('\n'),
        hint: 'See server log for query details.',
      }),
    );
  }

  #finish(): boolean {
    if (this.#isDone) return false;
    this.#isDone = true;
    if (this.#lockTimer !== null) clearTimeout(this.#lockTimer);
    if (this.#deadlockTimer !== null) clearTimeout(this.#deadlockTimer);
    if (this.owner.waiting === this) this.owner.waiting = null;
    return true;
  }
}

function ignore(): void {}

/** How many waiters may change places to end a deadlock. */
const MOVES = 3;

/**
 * Ends a cycle in which somebody only waits for an earlier waiter, by moving him ahead (a soft deadlock, as PostgreSQL calls it).
 * False: the order is as it was.
 */
function untangle(start: Waiting, moves: number, reordered: Set<WaitTarget>): boolean {
  const cycle = findCycle(start);
  if (cycle === null) return true;
  if (moves === 0) return false;
  // The last edge first, as PostgreSQL tries them.
  for (let i = cycle.length - 1; i >= 0; i--) {
    const wait = cycle[i]!;
    const next = cycle[(i + 1) % cycle.length]!;
    const {target} = wait;
    const {waits} = target;
    if (waits === null || next.target !== target || target.holding(wait).includes(next.owner))
      continue;
    const from = waits.indexOf(wait);
    const to = waits.indexOf(next);
    if (to === -1 || to > from) continue;
    waits.splice(from, 1);
    waits.splice(to, 0, wait);
    if (findCycle(next) === null && untangle(start, moves - 1, reordered)) {
      reordered.add(target);
      return true;
    }
    waits.splice(to, 1);
    waits.splice(from, 0, wait);
  }
  return false;
}

/** The waits of a cycle through `start`, in order, or null. */
function findCycle(start: Waiting): readonly Waiting[] | null {
  const path: Waiting[] = [];
  const seen = new Set<Waiting>();
  const visit = (wait: Waiting): boolean => {
    seen.add(wait);
    path.push(wait);
    for (const blocker of wait.target.blockers(wait)) {
      // Session locks are held beside a transaction of the same session, which is the one that waits.
      for (const next of waitsOf(blocker)) {
        if (next === start) return true;
        if (!seen.has(next) && visit(next)) return true;
      }
    }
    path.pop();
    return false;
  };
  return visit(start) ? path : null;
}

function waitsOf(owner: LockHolder): readonly Waiting[] {
  if (owner.waiting !== null) return [owner.waiting];
  const sibling = owner.sibling?.() ?? null;
  return sibling !== null && sibling.waiting !== null ? [sibling.waiting] : [];
}
