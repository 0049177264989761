import type {Node} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import type {Batch} from '../../columns/batch.ts';
import type {Oid, OwnerId} from '../../common/ids.ts';
import {readRow} from '../../exec/column-store.ts';
import {duplicatedKey} from '../../exec/row-errors.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import type {QueryPlan} from '../../sql/plan/plan.ts';
import type {TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {Execution, RowReceiver} from '../execution.ts';
import type {PlanEntry, SessionContext} from '../session-context.ts';

/** A statement that is planned by itself. */
export interface PlannedText {
  readonly ast: Node;
  readonly text: string;
}

/** The query's plan with its tables locked: planned again as long as others held them, who may have changed them. */
export async function lockedPlan(
  session: SessionContext,
  query: PlannedText,
  parameterTypes: readonly Oid[] = [],
  isUnrun = false,
): Promise<QueryPlan> {
  for (;;) {
    const {plan} = planStatement(query, session.planner.context(parameterTypes), {isUnrun});
    const waiting = session.lockTables(plan);
    if (waiting === undefined) return plan;
    await waiting;
  }
}

/** Makes the execution of a plan that fills a table: EXPLAIN ANALYZE counts what it does. */
export type MakeExecution = (entry: PlanEntry, params: readonly Datum[]) => Execution;

/** Runs a query and calls back with each row of its result. */
export async function eachResultRow(
  session: SessionContext,
  entry: PlanEntry,
  params: readonly Datum[],
  take: (rows: Datum[][]) => void,
): Promise<void> {
  const width = entry.plan.columns.length;
  await runInto(session.executePlan(entry, params, []), {
    rows: batch => take(rowsOf(batch, width)),
    isFull: false,
    drained: () => Promise.resolve(),
  });
}

function rowsOf(batch: Batch, width: number): Datum[][] {
  const rows: Datum[][] = [];
  for (let i = 0; i < batch.count; i++) {
    const row: Datum[] = [];
    readRow(batch, i, row);
    rows.push(row.slice(0, width));
  }
  return rows;
}

async function runInto(execution: Execution, receiver: RowReceiver): Promise<void> {
  try {
    await execution.run(Infinity, receiver);
  } finally {
    execution.close();
  }
}

/** Runs the query into a table that nobody else sees; returns the number of rows. 23505 when a unique index refuses one. */
export async function fillTable(
  session: SessionContext,
  table: TableDescriptor,
  entry: PlanEntry,
  params: readonly Datum[],
  execution: Execution = session.executePlan(entry, params, []),
): Promise<number> {
  const {transaction, storages} = session;
  const storage = storages.get(transaction.catalog, table.oid);
  const owner: OwnerId = table.tableKind === 'shared' ? (0 as OwnerId) : session.effectiveOwner;
  const width = entry.plan.columns.length;
  const filler = new TableFiller(session, storage, owner, width);
  try {
    await runInto(execution, filler);
  } finally {
    filler.close();
  }
  await filler.finish();
  return filler.count;
}

/** Takes rows into a table; it is full while storage writes earlier ones out. */
class TableFiller implements RowReceiver {
  readonly #session: SessionContext;
  readonly #storage: TableStorage;
  readonly #owner: OwnerId;
  readonly #width: number;
  #rest: Datum[][] = [];
  #written: Promise<void> | null = null;
  #isOpen = true;
  count = 0;

  constructor(session: SessionContext, storage: TableStorage, owner: OwnerId, width: number) {
    this.#session = session;
    this.#storage = storage;
    this.#owner = owner;
    this.#width = width;
  }

  get isFull(): boolean {
    return this.#written !== null;
  }

  rows(batch: Batch): void {
    this.#rest = rowsOf(batch, this.#width);
    this.#insert();
  }

  async drained(): Promise<void> {
    while (this.#written !== null) {
      await this.#written;
      // A statement that was ended meanwhile writes no more.
      if (!this.#isOpen) return;
      this.#insert();
    }
  }

  /** The statement has ended; what the last batch left is for `finish`. */
  close(): void {
    this.#isOpen = false;
  }

  async finish(): Promise<void> {
    while (this.#written !== null) {
      await this.#session.wait(this.#written);
      this.#insert();
    }
  }

  #insert(): void {
    const {tx} = this.#session.transaction;
    const {taken, result} = tx.insertMany(this.#storage, this.#rest, this.#owner, 0);
    this.count += taken;
    this.#written = null;
    if (result === 'done') return;
    if (!(result instanceof Promise))
      throw duplicatedKey({context: this.#session.evalContext}, this.#storage, result);
    this.#rest = this.#rest.slice(taken);
    this.#written = result;
  }
}
