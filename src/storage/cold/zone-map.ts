import type {ScanPredicate} from '../contract.ts';
import type {SegmentMeta} from './contract.ts';

interface Zone {
  readonly nullCount: number;
  readonly min: Buffer | null;
  readonly max: Buffer | null;
}

/** A segment's smallest and largest keys, ready to be compared: the first and cheapest pruning, without the file. */
export class ZoneMap {
  readonly #rows: number;
  readonly #zones = new Map<number, Zone>();

  constructor(meta: SegmentMeta) {
    this.#rows = meta.rows;
    for (const {attnum, nullCount, minKey, maxKey} of meta.columns) {
      this.#zones.set(attnum, {
        nullCount,
        min: minKey === null ? null : Buffer.from(minKey, 'base64'),
        max: maxKey === null ? null : Buffer.from(maxKey, 'base64'),
      });
    }
  }

  /**
   * Whether rows can pass. `keys` are the predicate's values without NULLs as canonical key bytes (`keyBytes` of
   * segment-meta.ts), made once per scan.
   * Only for columns that still have the type they were written with.
   */
  mayMatch(attnum: number, op: ScanPredicate['op'], keys: readonly Uint8Array[]): boolean {
    const zone = this.#zones.get(attnum);
    if (zone === undefined) return true;
    if (op === 'isNull') return zone.nullCount > 0;
    if (zone.nullCount === this.#rows) return false;
    if (op === 'isNotNull') return true;
    const {min, max} = zone;
    for (const key of keys) {
      if (op !== '>' && op !== '>=' && min !== null) {
        const order = Buffer.compare(key, min);
        if (order < 0 || (op === '<' && order === 0)) continue;
      }
      if (op !== '<' && op !== '<=' && max !== null) {
        const order = Buffer.compare(key, max);
        if (order > 0 || (op === '>' && order === 0)) continue;
      }
      return true;
    }
    return false;
  }
}
