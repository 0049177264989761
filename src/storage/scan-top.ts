import type {Datum} from '../types/contract.ts';

/** Only the best rows by a column are wanted: others may be left out, those that are likely the best come first. Not beside an order. */
export interface ScanTop {
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  /** No better value than the last one that may still be among the best, by what was read; undefined while all rows may. */
  bound(): NonNullable<Datum> | undefined;
}
