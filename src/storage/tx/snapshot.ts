import type {Seq} from '../../common/ids.ts';
import type {Snapshot} from '../contract.ts';
import {Manifest} from '../manifest.ts';

/** What a statement or transaction sees: everything committed up to a seq. One object per seq, counted. */
export class SnapshotValue implements Snapshot {
  readonly number: number;
  readonly seq: Seq;
  readonly manifest: Manifest;
  references = 0;

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
}

/** The snapshots in use, oldest first; the newest one and the durable one are always kept. */
export class SnapshotRegistry {
  #live: SnapshotValue[] = [];
  #head = 0;
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
    while (this.#head < live.length - 1 && live[this.#head]!.references === 0) this.#head++;
    if (this.#head > 1024) {
      this.#live = live.slice(this.#head);
      this.#head = 0;
    }
    return this.#live[this.#head]!.number;
  }
}
