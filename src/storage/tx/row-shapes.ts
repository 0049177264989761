import type {Datum} from '../../types/contract.ts';
import type {StorageColumn, TableStorage} from '../contract.ts';
import {hasSameShape} from '../hot/image-chunk.ts';

type Row = readonly Datum[];

/** Own rows taken from one shape of their table to another; a row whose columns went comes back whole when that is undone. */
export class RowShapes {
  readonly #before = new WeakMap<
    Row,
    {readonly columns: readonly StorageColumn[]; readonly row: Row}
  >();

  /** Converts rows of the shape `before` to the shape `after`. */
  between(before: TableStorage, after: TableStorage): (row: Row) => Row {
    const from = after.columns.map(column =>
      before.columns.findIndex(each => each.attnum === column.attnum),
    );
    const isLossy = before.columns.some((_, at) => !from.includes(at));
    return row => {
      const kept = this.#before.get(row);
      if (kept !== undefined && hasSameShape(kept.columns, after.columns)) return kept.row;
      const made = from.map((at, i) => (at === -1 ? after.columns[i]!.missingValue : row[at]!));
      if (isLossy) this.#before.set(made, {columns: before.columns, row});
      return made;
    };
  }
}
