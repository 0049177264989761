// Hot path: one partition of a window, row after row.
import type {WindowPartition} from '../../functions/window.ts';
import type {SortKey, WindowFrame} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import type {ColumnStore} from '../column-store.ts';

/** Rows of the current partition in window order, the current row's peers, and its frame as row numbers with a hole for EXCLUDE. */
export class Partition implements WindowPartition {
  readonly store: ColumnStore;
  readonly #orderBy: readonly SortKey[];
  readonly #orderColumns: readonly number[];
  readonly #exclude: WindowFrame['exclude'];
  readonly #needsPeers: boolean;
  /** First row of each peer group, and one past the last row at the end. */
  groupStarts = new Int32Array(16);
  groupCount = 0;
  rowCount = 0;
  row = 0;
  peerStart = 0;
  peerEnd = 0;
  peerGroup = 0;
  frameStart = 0;
  frameEnd = 0;
  /** Rows of the frame that EXCLUDE removes: [holeStart, holeEnd) but for `kept` (EXCLUDE TIES keeps the row itself), -1 = none. */
  holeStart = 0;
  holeEnd = 0;
  kept = -1;
  /** Argument columns of the call that is being computed. */
  args: readonly number[] = [];
  #prepared = 0;

  constructor(
    store: ColumnStore,
    orderBy: readonly SortKey[],
    orderColumns: readonly number[],
    exclude: WindowFrame['exclude'],
    needsPeers: boolean,
  ) {
    this.store = store;
    this.#orderBy = orderBy;
    this.#orderColumns = orderColumns;
    this.#exclude = exclude;
    this.#needsPeers = needsPeers && orderBy.length > 0;
  }

  /** Begins with the rows that the store holds now. */
  begin(): void {
    this.rowCount = this.store.size;
    this.groupCount = 0;
    this.#prepared = 0;
    this.row = -1;
  }

  /** Finds the peer groups; false = not finished, call again. */
  prepare(shouldPause: () => boolean): boolean {
    if (!this.#needsPeers) {
      this.groupStarts[0] = 0;
      this.groupStarts[1] = this.rowCount;
      this.groupCount = 1;
    } else {
      while (this.#prepared < this.rowCount) {
        const row = this.#prepared++;
        if (row === 0 || !this.#isPeer(row - 1, row)) this.#addGroup(row);
        if ((row & 4095) === 4095 && shouldPause()) return false;
      }
      this.#addGroup(this.rowCount);
      this.groupCount--;
    }
    this.peerGroup = 0;
    this.peerStart = 0;
    this.peerEnd = this.groupStarts[1]!;
    return true;
  }

  #addGroup(row: number): void {
    if (this.groupCount === this.groupStarts.length) {
      const grown = new Int32Array(this.groupStarts.length * 2);
      grown.set(this.groupStarts);
      this.groupStarts = grown;
    }
    this.groupStarts[this.groupCount++] = row;
  }

  #isPeer(a: number, b: number): boolean {
    const columns = this.#orderColumns;
    for (let k = 0; k < columns.length; k++) {
      const left = this.store.at(a, columns[k]!);
      const right = this.store.at(b, columns[k]!);
      if (left === right) continue;
      if (left === null || right === null || !this.#orderBy[k]!.expr.type.equals(left, right))
        return false;
    }
    return true;
  }

  /** Moves on to a row; rows are visited in order. */
  moveTo(row: number): void {
    this.row = row;
    while (row >= this.peerEnd) {
      this.peerGroup++;
      this.peerStart = this.peerEnd;
      this.peerEnd = this.groupStarts[this.peerGroup + 1]!;
    }
  }

  /** Sets the frame of the current row; the bounds may lie outside of the partition or cross. */
  setFrame(start: number, end: number): void {
    const from = start < 0 ? 0 : start > this.rowCount ? this.rowCount : start;
    const to = end > this.rowCount ? this.rowCount : end < from ? from : end;
    this.frameStart = from;
    this.frameEnd = to;
    this.holeStart = from;
    this.holeEnd = from;
    this.kept = -1;
    if (this.#exclude === 'noOthers') return;
    const isRow = this.#exclude === 'currentRow';
    const holeStart = Math.max(from, isRow ? this.row : this.peerStart);
    const holeEnd = Math.min(to, isRow ? this.row + 1 : this.peerEnd);
    if (holeStart >= holeEnd) return;
    this.holeStart = holeStart;
    this.holeEnd = holeEnd;
    if (this.#exclude === 'ties' && this.row >= holeStart && this.row < holeEnd)
      this.kept = this.row;
  }

  get hasHole(): boolean {
    return this.holeEnd > this.holeStart;
  }

  get frameSize(): number {
    return (
      this.frameEnd - this.frameStart - (this.holeEnd - this.holeStart) + (this.kept === -1 ? 0 : 1)
    );
  }

  frameRow(index: number): number {
    const before = this.holeStart - this.frameStart;
    if (index < before || this.holeEnd === this.holeStart) return this.frameStart + index;
    if (this.kept === -1) return this.holeEnd + (index - before);
    return index === before ? this.kept : this.holeEnd + (index - before - 1);
  }

  arg(index: number, row: number): Datum {
    return this.store.at(row, this.args[index]!);
  }
}
