import type {LockInfo} from '../infos.ts';
import {oid} from '../../common/ids.ts';
import {HEAVY_CONFLICTS, HEAVY_MODE_NAMES} from './lock-modes.ts';
import type {LockHolder, Releasable, Waiting, WaitTarget} from './lock-parts.ts';
import {LockWaiting} from './lock-wait.ts';

/**
 * A lock on a table, an advisory key or a new name in PostgreSQL's eight modes; locks of one session never
 * conflict with each other. Who waits for a name waits, as PostgreSQL says it, for the transaction that gives it.
 */
export class HeavyLock implements Releasable, WaitTarget {
  readonly kind: 'relation' | 'advisory' | 'name';
  readonly key: number | bigint | string;
  readonly #database: number;
  /** Times a mode is held, by owner. */
  readonly #holders = new Map<LockHolder, number[]>();
  readonly #counts = new Int32Array(9);
  waits: Waiting[] = [];

  constructor(kind: HeavyLock['kind'], key: HeavyLock['key'], database: number) {
    this.kind = kind;
    this.key = key;
    this.#database = database;
  }

  get database(): number {
    return this.#database;
  }

  get isIdle(): boolean {
    return this.#holders.size === 0 && this.waits.length === 0;
  }

  /**
   * Takes the lock when nobody is in the way. Each take is journaled and needs its own release, unless
   * the owner's transaction already has the mode.
   */
  acquire(owner: LockHolder, mode: number, isCounted: boolean): boolean {
    const own = this.#holders.get(owner);
    if (own !== undefined && own[mode]! > 0) {
      if (isCounted) this.#add(owner, mode);
      return true;
    }
    if (this.#isBlocked(owner, mode)) return false;
    if (this.waits.length > 0 && !this.#mayPass(owner, mode)) return false;
    this.#add(owner, mode);
    return true;
  }

  /** Whether nobody who waits is in the way: a holder goes before those who must wait for him anyway. */
  #mayPass(owner: LockHolder, mode: number): boolean {
    const at = this.#placeOf(owner);
    for (let i = 0; i < at; i++) {
      const {owner: other, mode: wanted} = this.waits[i]!;
      if (other.waiter !== owner.waiter && hasBit(HEAVY_CONFLICTS[mode]!, wanted)) return false;
    }
    return true;
  }

  /** Place of a newcomer in the queue: before the first who must wait for what he holds. */
  #placeOf(owner: LockHolder): number {
    const own = this.#holders.get(owner);
    if (own === undefined) return this.waits.length;
    const at = this.waits.findIndex(
      wait => wait.owner.waiter !== owner.waiter && holdsAny(own, HEAVY_CONFLICTS[wait.mode]!),
    );
    return at === -1 ? this.waits.length : at;
  }

  wait(owner: LockHolder, mode: number): Promise<void> {
    owner.cancelWait(null);
    const wait = new LockWaiting(owner, mode, this);
    const at = this.#placeOf(owner);
    const behind = this.waits[at];
    this.waits.splice(at, 0, wait);
    // Two holders that want more of one lock: there is nothing to wait for.
    const held = behind === undefined ? undefined : this.#holders.get(behind.owner);
    if (held !== undefined && holdsAny(held, HEAVY_CONFLICTS[mode]!)) wait.checkDeadlock();
    return wait.promise;
  }

  /** Gives back one take of a mode; false when the owner does not hold it. */
  release(owner: LockHolder, mode: number): boolean {
    const own = this.#holders.get(owner);
    if (own === undefined || own[mode] === 0) return false;
    own[mode]!--;
    this.#counts[mode]!--;
    if (own.every(count => count === 0)) this.#holders.delete(owner);
    this.#wake();
    return true;
  }

  describe(wait: Waiting): string {
    const mode = HEAVY_MODE_NAMES[wait.mode]!;
    if (this.kind === 'relation')
      return `${mode} on relation ${this.key} of database ${this.#database}`;
    if (this.kind === 'name') return `ShareLock on transaction ${this.blockers(wait)[0]?.id ?? 0}`;
    const key = BigInt.asUintN(64, this.advisoryKey);
    const form = this.advisoryKey >> 64n === 1n ? 2 : 1;
    return `${mode} on advisory lock [${this.#database},${key >> 32n},${key & 0xffffffffn},${form}]`;
  }

  /** Advisory keys are kept behind the database that they belong to. */
  get advisoryKey(): bigint {
    return BigInt(String(this.key).split('/')[1] ?? 0);
  }

  awaited(wait: Waiting): LockHolder | null {
    return this.kind === 'name' ? (this.blockers(wait)[0] ?? null) : null;
  }

  holding(wait: Waiting): LockHolder[] {
    const holding: LockHolder[] = [];
    for (const [owner, modes] of this.#holders) {
      if (owner.waiter === wait.owner.waiter) continue;
      if (holdsAny(modes, HEAVY_CONFLICTS[wait.mode]!)) holding.push(owner);
    }
    return holding;
  }

  reordered(): void {
    this.#wake();
  }

  blockers(wait: Waiting): readonly LockHolder[] {
    const blockers = this.holding(wait);
    for (const earlier of this.waits) {
      if (earlier === wait) break;
      if (hasBit(HEAVY_CONFLICTS[wait.mode]!, earlier.mode)) blockers.push(earlier.owner);
    }
    return blockers;
  }

  abandon(wait: Waiting): void {
    this.waits = this.waits.filter(other => other !== wait);
    this.#wake();
  }

  infos(): LockInfo[] {
    const relation = oid(this.kind === 'relation' ? Number(this.key) : 0);
    const infos: LockInfo[] = [];
    const info = (owner: LockHolder, mode: number, wait: Waiting | null) =>
      infos.push({
        pid: owner.waiter.pid,
        type: this.kind === 'name' ? 'transactionid' : this.kind,
        database: oid(this.kind === 'name' ? 0 : this.#database),
        relation,
        key: this.kind === 'advisory' ? this.advisoryKey : null,
        transaction: wait === null ? null : (this.awaited(wait)?.id ?? null),
        holder: owner.id,
        mode: this.kind === 'name' ? 'ShareLock' : HEAVY_MODE_NAMES[mode]!,
        granted: wait === null,
        waitingSince: wait?.since ?? null,
      });
    for (const [owner, modes] of this.#holders)
      modes.forEach((count, mode) => count > 0 && info(owner, mode, null));
    for (const wait of this.waits) info(wait.owner, wait.mode, wait);
    return infos;
  }

  #isBlocked(owner: LockHolder, mode: number): boolean {
    const mask = HEAVY_CONFLICTS[mode]!;
    let isHeld = false;
    for (let other = 1; other <= 8; other++) {
      if (this.#counts[other]! > 0 && hasBit(mask, other)) isHeld = true;
    }
    if (!isHeld) return false;
    for (const [holder, modes] of this.#holders) {
      if (holder.waiter === owner.waiter) continue;
      for (let other = 1; other <= 8; other++)
        if (modes[other]! > 0 && hasBit(mask, other)) return true;
    }
    return false;
  }

  #add(owner: LockHolder, mode: number): void {
    let own = this.#holders.get(owner);
    if (own === undefined) {
      own = [0, 0, 0, 0, 0, 0, 0, 0, 0];
      this.#holders.set(owner, own);
    }
    own[mode]!++;
    this.#counts[mode]!++;
    owner.heavy.push({lock: this, mode});
  }

  #wake(): void {
    // Those who still wait hold up only whoever conflicts with them.
    let ahead = 0;
    for (let i = 0; i < this.waits.length; ) {
      const wait = this.waits[i]!;
      if ((HEAVY_CONFLICTS[wait.mode]! & ahead) !== 0 || this.#isBlocked(wait.owner, wait.mode)) {
        ahead |= 1 << wait.mode;
        i++;
        continue;
      }
      this.waits.splice(i, 1);
      if ((this.#holders.get(wait.owner)?.[wait.mode] ?? 0) === 0) this.#add(wait.owner, wait.mode);
      wait.wake();
    }
  }
}

/** Whether one of the modes in a mask is held. */
function holdsAny(held: readonly number[], mask: number): boolean {
  for (let mode = 1; mode <= 8; mode++) if (held[mode]! > 0 && hasBit(mask, mode)) return true;
  return false;
}

function hasBit(mask: number, bit: number): boolean {
  return (mask & (1 << bit)) !== 0;
}
