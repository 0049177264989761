import type {Batch} from '../columns/batch.ts';
import {BATCH_CAPACITY} from '../columns/vector.ts';
import type {OwnerId, Rid} from '../common/ids.ts';
import type {BoundExpr} from '../expr/bound.ts';
import type {PlanColumn} from '../sql/plan/plan.ts';
import type {Datum} from '../types/contract.ts';
import {ColumnStore} from './column-store.ts';
import type {CompiledRow} from './compiler.ts';
import type {ExecEnv} from './environment.ts';
import type {RunContext} from './operator.ts';
import {END} from './operator.ts';

/** RETURNING rows: kept until the statement has run to its end, then read in batches. */
export class Returning {
  readonly #exprs: CompiledRow | null;
  readonly #store: ColumnStore;
  readonly #out: Batch = {count: 0, selection: null, vectors: []};
  #position = 0;

  constructor(exprs: readonly BoundExpr[] | null, columns: readonly PlanColumn[], env: ExecEnv) {
    this.#exprs = exprs === null ? null : env.compiler.row(exprs);
    this.#store = new ColumnStore(columns.map(column => column.type));
  }

  get isWanted(): boolean {
    return this.#exprs !== null;
  }

  reset(): void {
    this.#store.reset();
    this.#position = 0;
  }

  /**
   * Adds a row made of the table's columns, its hidden columns, and `extra` (the join's other columns). `_seq` reads
   * NULL before commit.
   */
  add(
    run: RunContext,
    row: readonly Datum[],
    rid: Rid | null,
    owner: OwnerId,
    extra: readonly Datum[],
  ): void {
    if (this.#exprs === null) return;
    const userId = owner === 0 ? null : run.ownerName(owner);
    this.#store.appendRow(this.#exprs(run, [...row, rid, null, owner, userId, ...extra]));
  }

  next(wanted: number): Batch | typeof END {
    const to = Math.min(this.#store.size, this.#position + Math.min(wanted, BATCH_CAPACITY));
    if (to === this.#position) return END;
    this.#store.fill(this.#out, null, this.#position, to);
    this.#out.count = to - this.#position;
    this.#position = to;
    return this.#out;
  }
}
