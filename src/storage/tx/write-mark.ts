/** State of a table's write-set at a savepoint. */
export interface WriteMark {
  /** The newest insert; -1 = there was none. */
  readonly lastRid: number;
  readonly changes: number;
  readonly truncations: number;
  readonly keys: number;
}

/** The mark of a table that was not written yet. */
export const NO_WRITES: WriteMark = {lastRid: -1, changes: 0, truncations: 0, keys: 0};
