// Hot path: batches of hot rows are put together here.
import {BATCH_CAPACITY, type Vector} from '../../columns/vector.ts';
import type {Datum} from '../../types/contract.ts';
import type {ScanColumn, TableStorage} from '../contract.ts';
import {constantVector, newVector, readCell, writeCell} from '../hot/cells.ts';
import type {HotImage} from '../hot/hot-image.ts';
import type {ImageChunk} from '../hot/image-chunk.ts';

const ZEROS = new Float64Array(BATCH_CAPACITY);

/** A row that is not in the image: own, or read from a segment by position. */
export interface LooseRow {
  readonly rid: number;
  readonly owner: number;
  readonly row: readonly Datum[];
  /** Null for own versions, which have no seq yet. */
  readonly seq: bigint | null;
  readonly location: number;
}

/**
 * The columns of one scan: makes vectors from chunks without copying, from scattered positions, and
 * from loose rows.
 */
export class ScanColumns {
  readonly table: TableStorage;
  readonly columns: readonly ScanColumn[];
  readonly #image: HotImage;
  /** Image column per scan column; -1 = missing there, or a pseudo column. */
  readonly #at: readonly number[];
  readonly #missing: (Vector | null)[];
  #seqs: BigInt64Array | null = null;
  #owners: Float64Array | null = null;
  #ownersOf = -1;

  constructor(table: TableStorage, columns: readonly ScanColumn[], image: HotImage) {
    this.table = table;
    this.columns = columns;
    this.#image = image;
    const mapping = image.mappingFor(table);
    this.#at = columns.map(column =>
      typeof column !== 'number' ? -1 : mapping === null ? column : mapping[column]!,
    );
    this.#missing = columns.map(() => null);
  }

  /** Vectors over a whole chunk; `selection` and `count` say which rows will be read. */
  ofChunk(chunk: ImageChunk, selection: Int32Array | null, count: number): Vector[] {
    const {columns} = this;
    const vectors: Vector[] = [];
    for (let i = 0; i < columns.length; i++) {
      const at = this.#at[i]!;
      vectors.push(at === -1 ? this.#other(i, chunk, selection, count) : chunk.vectors[at]!);
    }
    return vectors;
  }

  /** Fresh vectors with the rows at scattered positions. */
  ofPositions(positions: readonly number[]): Vector[] {
    const {columns, table} = this;
    const count = positions.length;
    const image = this.#image;
    return columns.map((column, i) => {
      if (typeof column !== 'number') return this.#pseudoOfPositions(column, positions);
      const {type, missingValue} = table.columns[column]!;
      const at = this.#at[i]!;
      if (at === -1) return constantVector(type, missingValue, count);
      const vector = newVector(type, count, null);
      for (let row = 0; row < count; row++) {
        const position = positions[row]!;
        writeCell(
          vector,
          row,
          readCell(image.chunks[position >> 10]!.vectors[at]!, position & 1023),
          count,
        );
      }
      return vector;
    });
  }

  /** Fresh vectors with loose rows (in table order). */
  ofRows(rows: readonly LooseRow[]): Vector[] {
    const count = rows.length;
    return this.columns.map(column => {
      if (typeof column === 'number') {
        const vector = newVector(this.table.columns[column]!.type, count, null);
        for (let i = 0; i < count; i++) writeCell(vector, i, rows[i]!.row[column]!, count);
        return vector;
      }
      if (column === 'owner') return floats(rows.map(row => row.owner));
      if (column === 'location') return floats(rows.map(row => row.location));
      const vector: Vector = {kind: 'int64', values: new BigInt64Array(count), nulls: null};
      for (let i = 0; i < count; i++)
        writeCell(vector, i, column === 'rid' ? BigInt(rows[i]!.rid) : rows[i]!.seq, count);
      return vector;
    });
  }

  #other(i: number, chunk: ImageChunk, selection: Int32Array | null, count: number): Vector {
    const column = this.columns[i]!;
    switch (column) {
      case 'rid':
        return {kind: 'int64', values: chunk.rids, nulls: null};
      case 'location':
        return {kind: 'float64', values: ZEROS, nulls: null};
      case 'owner':
        return this.#ownerVector(chunk.owner);
      case 'seq': {
        const values = (this.#seqs ??= new BigInt64Array(BATCH_CAPACITY));
        for (let row = 0; row < count; row++) {
          const at = selection === null ? row : selection[row]!;
          values[at] = BigInt(chunk.begin[at]!);
        }
        return {kind: 'int64', values, nulls: null};
      }
      default: {
        const {type, missingValue} = this.table.columns[column]!;
        return (this.#missing[i] ??= constantVector(type, missingValue, BATCH_CAPACITY));
      }
    }
  }

  #ownerVector(owner: number): Vector {
    if (this.#owners === null || this.#ownersOf !== owner) {
      this.#owners = new Float64Array(BATCH_CAPACITY).fill(owner);
      this.#ownersOf = owner;
    }
    return {kind: 'float64', values: this.#owners, nulls: null};
  }

  #pseudoOfPositions(column: Exclude<ScanColumn, number>, positions: readonly number[]): Vector {
    const {chunks} = this.#image;
    if (column === 'location')
      return {kind: 'float64', values: new Float64Array(positions.length), nulls: null};
    if (column === 'owner') return floats(positions.map(position => chunks[position >> 10]!.owner));
    const values = new BigInt64Array(positions.length);
    for (let i = 0; i < positions.length; i++) {
      const position = positions[i]!;
      const chunk = chunks[position >> 10]!;
      values[i] =
        column === 'rid' ? chunk.rids[position & 1023]! : BigInt(chunk.begin[position & 1023]!);
    }
    return {kind: 'int64', values, nulls: null};
  }
}

function floats(values: readonly number[]): Vector {
  return {kind: 'float64', values: Float64Array.from(values), nulls: null};
}
