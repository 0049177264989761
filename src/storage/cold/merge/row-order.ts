// Hot path: segments are merged by these comparisons, several for each row.
import {ByteWriter} from '../../../common/byte-writer.ts';
import type {Datum, TypeInstance} from '../../../types/contract.ts';
import {StoredRows} from './stored-rows.ts';

/** How a key column compares. `bytes`: as they are stored, or as canonical keys. */
export type KeyKind = 'int32' | 'int64' | 'float' | 'bytes';

/** Canonical key bytes of a column's values: byte order is the type's order. */
export class KeyRows extends StoredRows {
  readonly #rows: StoredRows;
  readonly #type: TypeInstance;
  readonly #key = new ByteWriter(4096);

  constructor(rows: StoredRows, type: TypeInstance) {
    super();
    this.#rows = rows;
    this.#type = type;
    if (rows.to > 0) this.#take();
  }

  load(position: number): void {
    const rows = this.#rows;
    if (position < rows.from || position >= rows.to) rows.load(position);
    this.#take();
  }

  datum(row: number): Datum {
    return this.#rows.datum(row);
  }

  #take(): void {
    const rows = this.#rows;
    const key = this.#key;
    const count = rows.to - rows.from;
    const offsets = new Int32Array(count + 1);
    key.reset();
    for (let row = 0; row < count; row++) {
      const value = rows.datum(row);
      if (value !== null) this.#type.writeKey(value, key);
      offsets[row + 1] = key.length;
    }
    this.from = rows.from;
    this.to = rows.to;
    this.nulls = rows.nulls;
    this.offsets = offsets;
    this.bytes = key.buffer;
  }
}

/** Compares a row of one list of key columns with a row of another: NULLs last, NaN after every number. Both must be at hand. */
export function compareRows(
  kinds: readonly KeyKind[],
  left: readonly StoredRows[],
  a: number,
  right: readonly StoredRows[],
  b: number,
): number {
  for (let i = 0; i < kinds.length; i++) {
    const x = left[i]!;
    const y = right[i]!;
    const row = a - x.from;
    const other = b - y.from;
    if (x.nulls !== null && x.nulls[row] === 1) {
      if (y.nulls !== null && y.nulls[other] === 1) continue;
      return 1;
    }
    if (y.nulls !== null && y.nulls[other] === 1) return -1;
    const order = compareValues(kinds[i]!, x, row, y, other);
    if (order !== 0) return order;
  }
  return 0;
}

function compareValues(
  kind: KeyKind,
  x: StoredRows,
  row: number,
  y: StoredRows,
  other: number,
): number {
  switch (kind) {
    case 'int32':
      return (x.values as Int32Array)[row]! - (y.values as Int32Array)[other]!;
    case 'int64': {
      const a = x.words!;
      const b = y.words!;
      const high = a[row * 2 + 1]! - b[other * 2 + 1]!;
      return high !== 0 ? high : (a[row * 2]! >>> 0) - (b[other * 2]! >>> 0);
    }
    case 'float': {
      const a = (x.values as Float64Array)[row]!;
      const b = (y.values as Float64Array)[other]!;
      if (a < b) return -1;
      if (a > b) return 1;
      if (a === b) return 0;
      return Number(a !== a) - Number(b !== b);
    }
    case 'bytes':
      return compareBytes(x, row, y, other);
  }
}

function compareBytes(x: StoredRows, row: number, y: StoredRows, other: number): number {
  const left = x.bytes;
  const right = y.bytes;
  const from = x.startOf(row);
  const size = x.endOf(row) - from;
  const start = y.startOf(other);
  const length = y.endOf(other) - start;
  const shared = size < length ? size : length;
  for (let i = 0; i < shared; i++) {
    const difference = left[from + i]! - right[start + i]!;
    if (difference !== 0) return difference;
  }
  return size - length;
}
