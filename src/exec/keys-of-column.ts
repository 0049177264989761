import type {Vector} from '../columns/vector.ts';
import type {Datum} from '../types/contract.ts';
import type {ColumnStore} from './column-store.ts';

/** Numbers distinct values of one column 0, 1, 2 ... in order of first appearance; NULL is one of them. */
export interface KeysOfColumn {
  /** The values in order of their numbers. */
  readonly store: ColumnStore;
  /** Rough bytes held, for work_mem. */
  readonly bytes: number;
  reset(): void;
  /** As reset, but keeps the room for as many keys again where a good part of it was used. */
  clear(): void;
  /** Writes the number of each of the `count` live rows; unknown values are added, or ABSENT when `inserts` is false. */
  assign(
    vector: Vector,
    selection: Int32Array | null,
    count: number,
    groups: Int32Array,
    inserts: boolean,
  ): void;
  /** The number of a value; added when new and `inserts`, else ABSENT. */
  datum(value: Datum, inserts: boolean): number;
}
