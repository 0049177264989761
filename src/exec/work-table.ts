import type {ColumnStore} from './column-store.ts';

/** Rows of the last round, read by WorkTableScan. */
export class WorkTable {
  rows: ColumnStore;

  constructor(rows: ColumnStore) {
    this.rows = rows;
  }
}
