import type {Change} from './change-stream.ts';
import {comparator} from './order.ts';
import type {Column, Key, Operation, OrderKey, RawRow} from './protocol.ts';
import {type Parsers, type RowMaker, rowMaker} from './values.ts';

interface Entry<T> {
  readonly key: Key;
  readonly raw: RawRow;
  readonly row: T;
}

/** Rows of a live query with the token that they belong to: what JSON can hold, to be kept over a reload of the page. */
export interface SavedRows {
  readonly token: string;
  readonly seq: string;
  readonly columns: readonly Column[];
  readonly order: readonly OrderKey[] | null;
  readonly rows: readonly (readonly [Key, RawRow])[];
}

/** The rows of one live query by key, and as a list in the order of the query. */
export class RowSet<T> {
  columns: readonly Column[] = [];
  order: readonly OrderKey[] | null = null;
  readonly #parsers: Parsers;
  readonly #compare: ((a: T, b: T) => number) | null;
  #toRow: RowMaker = rowMaker([], {});
  #compareRaw: ((a: RawRow, b: RawRow) => number) | null = null;
  #entries = new Map<string, Entry<T>>();
  #list: readonly T[] | null = null;

  constructor(parsers: Parsers, compare: ((a: T, b: T) => number) | null) {
    this.#parsers = parsers;
    this.#compare = compare;
  }

  describe(columns: readonly Column[], order: readonly OrderKey[] | null): void {
    const isKnown = JSON.stringify([columns, order]) === JSON.stringify([this.columns, this.order]);
    if (isKnown) return;
    this.columns = columns;
    this.order = order;
    this.#toRow = rowMaker(columns, this.#parsers);
    this.#compareRaw = comparator(order, columns);
    this.#list = null;
  }

  /** A new array whenever a row has changed, the same one otherwise. */
  get list(): readonly T[] {
    this.#list ??= this.#sorted();
    return this.#list;
  }

  #sorted(): readonly T[] {
    const entries = [...this.#entries.values()];
    const [compare, compareRaw] = [this.#compare, this.#compareRaw];
    // Sorting is stable: rows that are equal in the order stay as they came.
    if (compare !== null) entries.sort((a, b) => compare(a.row, b.row));
    else if (compareRaw !== null) entries.sort((a, b) => compareRaw(a.raw, b.raw));
    return entries.map(entry => entry.row);
  }

  /** Forgets all rows for others. A row that is as it was stays the same object. */
  replace(rows: readonly (readonly [Key, RawRow])[]): readonly Change<T>[] {
    const former = this.#entries;
    this.#entries = new Map();
    this.#list = null;
    return rows.map(([key, raw]) => {
      const text = JSON.stringify(key);
      const known = former.get(text);
      const isSame = known !== undefined && JSON.stringify(known.raw) === JSON.stringify(raw);
      const entry = isSame ? known : {key, raw, row: this.#toRow(raw) as T};
      this.#entries.set(text, entry);
      return {op: 'insert', key, row: entry.row};
    });
  }

  apply(operations: readonly Operation[]): readonly Change<T>[] {
    this.#list = null;
    return operations.map(operation => {
      const key = operation[1];
      const text = JSON.stringify(key);
      if (operation[0] === '-') {
        const row = this.#entries.get(text)?.row;
        this.#entries.delete(text);
        return {op: 'delete', key, row};
      }
      const raw = operation[2];
      const row = this.#toRow(raw) as T;
      this.#entries.set(text, {key, raw, row});
      if (operation[0] === '+') return {op: 'insert', key, row};
      return {op: 'update', key, row, old: this.#oldValues(operation[3])};
    });
  }

  #oldValues(values: Readonly<Record<string, unknown>>): Partial<T> {
    const raw = this.columns.map(column => values[column.name] ?? null);
    const all = this.#toRow(raw);
    return Object.fromEntries(Object.keys(values).map(name => [name, all[name]])) as Partial<T>;
  }

  /** Every row as if it came now. */
  inserts(): readonly Change<T>[] {
    return [...this.#entries.values()].map(({key, row}) => ({op: 'insert', key, row}));
  }

  /** Every row as it came. */
  raw(): (readonly [Key, RawRow])[] {
    return [...this.#entries.values()].map(({key, raw}) => [key, raw]);
  }
}
