import {PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Snapshot} from '../contract.ts';
import {Manifest} from '../manifest.ts';

/** What a statement or transaction sees: everything committed up to a seq. One object per seq, counted. */
export class SnapshotValue implements Snapshot {
  readonly number: number;
  readonly seq: Seq;
  readonly manifest: Manifest;
  references = 0;
  /** It kept too much: what it alone could see is gone, or about to go. Readers look at it whenever their turn comes. */
  isGivenUp = false;
  /** Who reads with it over several turns without looking: it is not given up. */
  pins = 0;

  constructor(number: number, manifest: Manifest) {
    this.number = number;
    this.seq = BigInt(number) as Seq;
    this.manifest = manifest;
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    this.references--;
  }

  /** 72000 when it was given up. */
  check(): void {
    if (this.isGivenUp) throw snapshotTooOld();
  }
}

/** The snapshot that a transaction reads with. */
export class SnapshotHold {
  value: SnapshotValue | null = null;
  readonly #pins: boolean;

  constructor(pins: boolean) {
    this.#pins = pins;
  }

  take(snapshot: SnapshotValue): void {
    snapshot.retain();
    if (this.#pins) snapshot.pins++;
    this.release();
    this.value = snapshot;
  }

  release(): void {
    const {value} = this;
    if (value === null) return;
    if (this.#pins) value.pins--;
    value.release();
    this.value = null;
  }
}

/** Snapshots that nobody uses are dropped from the list once it is so much longer than what was left the last time. */
const SWEEP_AT = 4096;

/** The snapshots in use, oldest first; the newest one and the durable one are always kept. */
export class SnapshotRegistry {
  #live: SnapshotValue[] = [];
  #head = 0;
  #sweepAt = SWEEP_AT;
  /** Before the first commit: sees no committed row. */
  readonly none = new SnapshotValue(0, Manifest.empty);
  current: SnapshotValue;
  durable: SnapshotValue;

  constructor(seq: number, manifest: Manifest) {
    this.current = new SnapshotValue(seq, manifest);
    this.durable = this.current;
    this.#live.push(this.current);
    this.durable.retain();
  }

  /** Swaps in the state after a commit. */
  advance(seq: number, manifest: Manifest): SnapshotValue {
    this.current = new SnapshotValue(seq, manifest);
    this.#live.push(this.current);
    if (this.#live.length - this.#head > this.#sweepAt) this.#sweep();
    return this.current;
  }

  /**
   * Notes that everything a snapshot sees is durable. The caller retained it when the sync began; the
   * registry keeps that count.
   */
  setDurable(snapshot: SnapshotValue): void {
    if (snapshot.number < this.durable.number) {
      snapshot.release();
      return;
    }
    this.durable.release();
    this.durable = snapshot;
  }

  /** Seq of the oldest snapshot that somebody still reads. */
  oldest(): number {
    const live = this.#live;
    while (this.#head < live.length - 1 && isFree(live[this.#head]!)) this.#head++;
    if (this.#head > 1024) {
      this.#live = live.slice(this.#head);
      this.#head = 0;
    }
    return this.#live[this.#head]!.number;
  }

  /** The oldest snapshot in use, but for the durable one, newer ones, and those before a pinned one. */
  oldestHeld(): SnapshotValue | null {
    this.oldest();
    const oldest = this.#live[this.#head]!;
    return oldest.number < this.durable.number && oldest.pins === 0 ? oldest : null;
  }

  /** An old snapshot in use keeps those behind it in the list, in use or not. */
  #sweep(): void {
    const {current} = this;
    this.#live = this.#live
      .slice(this.#head)
      .filter(snapshot => snapshot === current || !isFree(snapshot));
    this.#head = 0;
    this.#sweepAt = 2 * this.#live.length + SWEEP_AT;
  }
}

function isFree({references, isGivenUp}: SnapshotValue): boolean {
  return references === 0 || isGivenUp;
}

/** 72000 as PostgreSQL's, whose old_snapshot_threshold has the same effect. */
function snapshotTooOld(): PgError {
  return new PgError(SqlState.snapshotTooOld, 'snapshot too old', {
    detail: 'It was given up because it kept too many row versions that others have replaced.',
    hint: 'Begin the transaction, or open the cursor, anew, and end it sooner.',
  });
}
