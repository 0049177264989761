import type {MapKey} from '../hot/key-codec.ts';
import type {SegmentEntry} from '../manifest.ts';
import type {KeyFilter} from './key-filter.ts';

/** Ascending row identities as ranges: those of one load follow each other. */
export class RidRanges {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  constructor(rids: readonly number[]) {
    for (const rid of rids) {
      if (this.#ends[this.#ends.length - 1] === rid - 1) this.#ends[this.#ends.length - 1] = rid;
      else {
        this.#starts.push(rid);
        this.#ends.push(rid);
      }
    }
  }

  get first(): number {
    return this.#starts[0] ?? Infinity;
  }

  get last(): number {
    return this.#ends[this.#ends.length - 1] ?? -1;
  }

  has(rid: number): boolean {
    const starts = this.#starts;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= rid) low = middle + 1;
      else high = middle;
    }
    return low > 0 && rid <= this.#ends[low - 1]!;
  }
}

/**
 * New rows of an open transaction that were written to a segment. No statement sees some of them and others not: savepoints, TRUNCATEs
 * and the command that runs never lie between two of its rows.
 */
export interface PendingSegment {
  readonly entry: SegmentEntry;
  readonly rids: RidRanges;
  /** The newest command among those that wrote its rows. */
  readonly cmin: number;
  /** By OID of the unique index; indexes made later are not among them. */
  readonly filters: ReadonlyMap<number, KeyFilter>;
}

/** Whether a pending segment may hold a key. */
export function mayHoldKey({filters}: PendingSegment, index: number, key: MapKey): boolean {
  const filter = filters.get(index);
  return filter === undefined || filter.mayContain(key);
}
