import type {Node} from '@pgsql/types';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import type {Batch} from '../../columns/batch.ts';
import {assert} from '../../common/errors.ts';
import type {Oid, OwnerId} from '../../common/ids.ts';
import {readRow} from '../../exec/column-store.ts';
import {duplicatedKey} from '../../exec/row-errors.ts';
import {planStatement} from '../../sql/plan/plan-statement.ts';
import type {QueryPlan} from '../../sql/plan/plan.ts';
import type {Datum} from '../../types/contract.ts';
import type {RowReceiver} from '../execution.ts';
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
): Promise<QueryPlan> {
  for (;;) {
    const {plan} = planStatement(query, session.planner.context(parameterTypes));
    const waiting = session.lockTables(plan);
    if (waiting === undefined) return plan;
    await waiting;
  }
}

/** Runs a query and calls back with each row of its result. */
export async function eachResultRow(
  session: SessionContext,
  entry: PlanEntry,
  params: readonly Datum[],
  take: (rows: Datum[][]) => void,
): Promise<void> {
  const width = entry.plan.columns.length;
  const receiver: RowReceiver = {
    rows(batch: Batch): void {
      const rows: Datum[][] = [];
      for (let i = 0; i < batch.count; i++) {
        const row: Datum[] = [];
        readRow(batch, i, row);
        rows.push(row.slice(0, width));
      }
      take(rows);
    },
    isFull: false,
    drained: () => Promise.resolve(),
  };
  const execution = session.executePlan(entry, params, []);
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
): Promise<number> {
  const {transaction, storages} = session;
  const storage = storages.get(transaction.catalog, table.oid);
  const owner: OwnerId = table.tableKind === 'shared' ? (0 as OwnerId) : session.effectiveOwner;
  let count = 0;
  await eachResultRow(session, entry, params, rows => {
    const {taken, result} = transaction.tx.insertMany(storage, rows, owner, 0);
    count += taken;
    if (result === 'done') return;
    assert(!(result instanceof Promise), 'nobody else writes into a table that is filled');
    throw duplicatedKey({context: session.evalContext}, storage, result);
  });
  return count;
}
