// Hot path: new rows that came as columns stay columns on their way to a segment.
import type {Vector} from '../../columns/vector.ts';
import {copySelected} from '../../columns/vector-copy.ts';
import {datumAt} from '../../columns/vector-builder.ts';
import type {Datum} from '../../types/contract.ts';
import {dictToStrings} from '../hot/cells.ts';
import {rowBytes} from './write-room.ts';

/** New rows of one table and owner as columns, of which nothing changes; their identities follow each other. */
export class RowBlock {
  readonly vectors: readonly Vector[];
  readonly count: number;
  /** Bytes of a row in memory as rows are counted, on average. */
  readonly rowBytes: number;
  /** Identity of row 0; set when the rows are inserted. */
  firstRid = -1;
  /** The row that is being inserted: what an error is about. */
  at = 0;
  /** By OID of a unique index the ends of keys that ascend from row to row; absent where they may not. */
  readonly ranges = new Map<number, KeyRange>();

  constructor(vectors: readonly Vector[], count: number) {
    this.vectors = vectors;
    this.count = count;
    this.rowBytes = count === 0 ? 0 : Math.ceil(bytesOf(vectors, count) / count);
  }

  /** The same rows, to be inserted from another identity on. */
  again(): RowBlock {
    return new RowBlock(this.vectors, this.count);
  }

  row(slot: number): Datum[] {
    const {vectors} = this;
    const row: Datum[] = new Array<Datum>(vectors.length);
    for (let i = 0; i < row.length; i++) row[i] = datumAt(vectors[i]!, slot);
    return row;
  }

  value(slot: number, column: number): Datum {
    return datumAt(this.vectors[column]!, slot);
  }
}

/** Ends of ascending keys. */
export interface KeyRange {
  readonly low: number;
  readonly high: number;
}

/** A new row by its identity: itself, or the block that it lies in. */
export type NewRow = readonly Datum[] | RowBlock;

/** The values of a new row. */
export function rowOf(data: NewRow, rid: number): readonly Datum[] {
  return data instanceof RowBlock ? data.row(rid - data.firstRid) : data;
}

/** One value of a new row. */
export function valueOf(data: NewRow, rid: number, column: number): Datum {
  return data instanceof RowBlock ? data.value(rid - data.firstRid, column) : data[column]!;
}

/** Bytes of a new row in memory, roughly. */
export function bytesOfRow(data: NewRow): number {
  return data instanceof RowBlock ? data.rowBytes : rowBytes(data);
}

/** A copy of the live rows of a column, for a block; dictionaries, which may be much larger than what is used of them, go. */
export function ownColumn(vector: Vector, selection: Int32Array | null, count: number): Vector {
  return dictToStrings(copySelected(vector, selection, count), count);
}

function bytesOf(vectors: readonly Vector[], count: number): number {
  let bytes = count * (96 + vectors.length * 8);
  for (const vector of vectors) {
    switch (vector.kind) {
      case 'int64':
        bytes += 24 * count;
        break;
      case 'utf8':
        bytes += 24 * count + vector.offsets[count]! - vector.offsets[0]!;
        break;
      case 'string':
      case 'boxed':
        // What a row of this one value takes beside the row itself.
        for (let i = 0; i < count; i++) bytes += rowBytes([vector.values[i]!]) - 104;
        break;
      default:
    }
  }
  return bytes;
}
