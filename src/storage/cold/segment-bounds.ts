import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ScanPredicate} from '../contract.ts';
import type {SegmentMeta} from './contract.ts';
import {keyBytes} from './segment-meta.ts';
import {ZoneMap} from './zone-map.ts';

/** int2, int4, int8, text, varchar, uuid: their bounds in the manifest decide before anything is read. */
const BOUNDED: ReadonlySet<number> = new Set([20, 21, 23, 25, 1043, 2950]);

/** What the manifest says of a segment's values: decides without the file. */
export class SegmentBounds {
  readonly #meta: SegmentMeta;
  readonly #types: ReadonlyMap<number, TypeInstance>;
  #zones: ZoneMap | null = null;

  /** `types`: of the columns as they were written. */
  constructor(meta: SegmentMeta, types: ReadonlyMap<number, TypeInstance>) {
    this.#meta = meta;
    this.#types = types;
  }

  /** Whether rows can pass a predicate; true where nothing is known. */
  mayMatch(
    attnum: number,
    type: TypeInstance,
    op: ScanPredicate['op'],
    values: readonly Datum[],
  ): boolean {
    if (!BOUNDED.has(type.oid) || this.#types.get(attnum)?.oid !== type.oid) return true;
    const keys: Uint8Array[] = [];
    for (const value of values) if (value !== null) keys.push(keyBytes(type, value));
    this.#zones ??= new ZoneMap(this.#meta);
    return this.#zones.mayMatch(attnum, op, keys);
  }
}
