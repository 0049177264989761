import type {Datum} from './contract.ts';

/** A range (canonical for discrete types) or, with `ranges` set, a multirange. Immutable. A NULL bound is infinite. */
export class RangeValue {
  readonly isEmpty: boolean;
  readonly lower: Datum;
  readonly upper: Datum;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly ranges: readonly RangeValue[] | null;

  constructor(
    isEmpty: boolean,
    lower: Datum,
    upper: Datum,
    flags: {readonly lowerInclusive: boolean; readonly upperInclusive: boolean; readonly ranges?: readonly RangeValue[] | null},
  ) {
    this.isEmpty = isEmpty;
    this.lower = lower;
    this.upper = upper;
    this.lowerInclusive = flags.lowerInclusive;
    this.upperInclusive = flags.upperInclusive;
    this.ranges = flags.ranges ?? null;
  }
}
