/** State of a table's write-set at a savepoint. */
export interface WriteMark {
  /** The command after which the savepoint was set: what later ones wrote came after it. */
  readonly command: number;
  readonly truncations: number;
  readonly keys: number;
}

/** The mark of a table that was not written yet. */
export const NO_WRITES: WriteMark = {command: -1, truncations: 0, keys: 0};
