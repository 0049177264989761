// Hot path: the frame of each row.
import type {SortKey, WindowFrame} from '../../sql/plan/plan.ts';
import type {Value} from '../../types/contract.ts';
import type {CompiledScalar} from '../compiler.ts';
import type {ExecEnv} from '../environment.ts';
import type {RunContext} from '../operator.ts';
import {checkOffset, inRangeOf, type InRange} from './in-range.ts';
import type {Partition} from './partition.ts';

/** Computes frames (PostgreSQL 4.2.8) row after row; bounds of RANGE with an offset move forward as pointers. */
export class FrameBounds {
  readonly #frame: WindowFrame;
  readonly #key: SortKey | null;
  readonly #column: number;
  readonly #startExpr: CompiledScalar | null;
  readonly #endExpr: CompiledScalar | null;
  #inRange: InRange | null = null;
  #startOffset: Value | null = null;
  #endOffset: Value | null = null;
  #startRows = 0;
  #endRows = 0;
  #head = 0;
  #tail = 0;

  constructor(
    frame: WindowFrame,
    orderBy: readonly SortKey[],
    orderColumns: readonly number[],
    env: ExecEnv,
  ) {
    this.#frame = frame;
    this.#key = orderBy[0] ?? null;
    this.#column = orderColumns[0] ?? -1;
    this.#startExpr = frame.start.offset === null ? null : env.compiler.scalar(frame.start.offset);
    this.#endExpr = frame.end.offset === null ? null : env.compiler.scalar(frame.end.offset);
  }

  /** Evaluates the offsets, once per execution. */
  start(run: RunContext): void {
    const isCount = this.#frame.mode !== 'range';
    if (this.#startExpr !== null)
      this.#startOffset = checkOffset(this.#startExpr(run), 'starting', isCount);
    if (this.#endExpr !== null)
      this.#endOffset = checkOffset(this.#endExpr(run), 'ending', isCount);
    if (isCount) {
      this.#startRows = Number(this.#startOffset ?? 0);
      this.#endRows = Number(this.#endOffset ?? 0);
    } else if (this.#startExpr !== null || this.#endExpr !== null) {
      this.#inRange = inRangeOf(this.#key!.expr.type, run.context);
    }
  }

  begin(): void {
    this.#head = 0;
    this.#tail = 0;
  }

  /** Sets the frame of the partition's current row. */
  apply(partition: Partition): void {
    partition.setFrame(this.#start(partition), this.#end(partition));
  }

  #start(partition: Partition): number {
    const {kind} = this.#frame.start;
    if (kind === 'unboundedPreceding') return 0;
    const {mode} = this.#frame;
    if (kind === 'currentRow') return mode === 'rows' ? partition.row : partition.peerStart;
    const isPreceding = kind === 'preceding';
    if (mode === 'rows') return partition.row + (isPreceding ? -this.#startRows : this.#startRows);
    if (mode === 'groups')
      return groupStart(
        partition,
        partition.peerGroup + (isPreceding ? -this.#startRows : this.#startRows),
      );
    return this.#rangeHead(partition, isPreceding);
  }

  /** One past the last row. */
  #end(partition: Partition): number {
    const {kind} = this.#frame.end;
    if (kind === 'unboundedFollowing') return partition.rowCount;
    const {mode} = this.#frame;
    if (kind === 'currentRow') return mode === 'rows' ? partition.row + 1 : partition.peerEnd;
    const isPreceding = kind === 'preceding';
    if (mode === 'rows') return partition.row + 1 + (isPreceding ? -this.#endRows : this.#endRows);
    if (mode === 'groups')
      return groupStart(
        partition,
        partition.peerGroup + 1 + (isPreceding ? -this.#endRows : this.#endRows),
      );
    return this.#rangeTail(partition, isPreceding);
  }

  /** First row that is in range: PostgreSQL's update_frameheadpos. */
  #rangeHead(partition: Partition, isPreceding: boolean): number {
    const {descending, nullsFirst} = this.#key!;
    const {store, rowCount} = partition;
    const current = store.at(partition.row, this.#column);
    const subtracts = descending ? !isPreceding : isPreceding;
    for (; this.#head < rowCount; this.#head++) {
      const head = store.at(this.#head, this.#column);
      if (head === null || current === null) {
        if (nullsFirst ? head !== null || current === null : head === null || current !== null)
          break;
      } else if (this.#inRange!(head, current, this.#startOffset!, subtracts, descending)) break;
    }
    return this.#head;
  }

  /** One past the last row that is in range: PostgreSQL's update_frametailpos. */
  #rangeTail(partition: Partition, isPreceding: boolean): number {
    const {descending, nullsFirst} = this.#key!;
    const {store, rowCount} = partition;
    const current = store.at(partition.row, this.#column);
    const subtracts = descending ? !isPreceding : isPreceding;
    for (; this.#tail < rowCount; this.#tail++) {
      const tail = store.at(this.#tail, this.#column);
      if (tail === null || current === null) {
        if (nullsFirst ? tail !== null && current === null : tail === null && current !== null)
          break;
      } else if (!this.#inRange!(tail, current, this.#endOffset!, subtracts, !descending)) break;
    }
    return this.#tail;
  }
}

function groupStart(partition: Partition, group: number): number {
  if (group <= 0) return 0;
  return group >= partition.groupCount ? partition.rowCount : partition.groupStarts[group]!;
}
