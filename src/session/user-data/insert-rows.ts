import type {Batch} from '../../columns/batch.ts';
import {BATCH_CAPACITY} from '../../columns/vector.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {assert} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {buildOperator} from '../../exec/build.ts';
import {RowBatchBuilder} from '../../exec/column-store.ts';
import {END, type Operator} from '../../exec/operator.ts';
import {PickColumns} from '../../exec/operators/pick-columns.ts';
import type {SegmentColumn} from '../../storage/cold/contract.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import {parameterOrder} from '../commands/copy-in.ts';
import {discardRows} from '../execution.ts';
import {PlanExecution} from '../plan-execution.ts';
import {ExecutionRun} from '../run-context.ts';
import type {SessionContext} from '../session-context.ts';
import type {UserTable} from './user-tables.ts';

const TEXT = oid(25);

/** A column of the rows that is inserted, and where it stands in them. */
export interface InsertedColumn {
  readonly at: number;
  readonly column: SegmentColumn;
}

/** Inserts rows of a user as COPY does: an INSERT whose VALUES are these rows. How many. */
export async function insertRows(
  session: SessionContext,
  {storage}: UserTable,
  user: string,
  columns: readonly InsertedColumn[],
  rows: readonly (readonly Datum[])[],
): Promise<number> {
  const {catalog} = session.transaction;
  const names = ['_user_id', ...columns.map(({column}) => quoteIdentifier(column.name))];
  const text =
    `INSERT INTO ${quoteIdentifier(storage.namespace)}.${quoteIdentifier(storage.name)} (${names.join(', ')})` +
    ` OVERRIDING SYSTEM VALUE VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')})`;
  const types = [catalog.typeByOid(TEXT)!, ...columns.map(({column}) => column.type)];
  const {entry} = session.planner.plan(
    session.engine.parser.parse(text)[0]!,
    types.map(type => type.oid),
  );
  const {root} = entry.plan;
  assert(root.kind === 'insert', 'an INSERT is planned as one');
  session.checkPrivileges(entry.plan);
  const source = new RowSource(
    types,
    rows,
    columns.map(({at}) => at),
    user,
  );
  const operator = buildOperator(root, {
    library: session.engine.library,
    types: catalog,
    factories: session.engine.factories,
    isInstrumented: false,
    injectsPauses: false,
    replaced: new Map([[root.input, new PickColumns(source, parameterOrder(root))]]),
  });
  const execution = new PlanExecution(session, entry, [], []);
  execution.useInstance({operator, run: new ExecutionRun(entry.plan.outerCount)});
  try {
    await execution.run(Infinity, discardRows);
  } finally {
    execution.close();
  }
  return rows.length;
}

/** Rows of memory as an operator: the user's name, then their columns. */
class RowSource implements Operator {
  readonly #builder: RowBatchBuilder;
  readonly #rows: readonly (readonly Datum[])[];
  readonly #order: readonly number[];
  readonly #row: Datum[];
  #at = 0;

  constructor(
    types: readonly TypeInstance[],
    rows: readonly (readonly Datum[])[],
    order: readonly number[],
    user: string,
  ) {
    this.#builder = new RowBatchBuilder(types);
    this.#rows = rows;
    this.#order = order;
    this.#row = [user, ...order.map(() => null)];
  }

  open(): void {
    this.#at = 0;
  }

  next(wanted: number): Batch | typeof END {
    if (this.#at >= this.#rows.length) return END;
    const limit = Math.min(wanted, BATCH_CAPACITY, this.#rows.length - this.#at);
    this.#builder.reset();
    for (let i = 0; i < limit; i++) {
      const row = this.#rows[this.#at++]!;
      for (let column = 0; column < this.#order.length; column++)
        this.#row[column + 1] = row[this.#order[column]!]!;
      this.#builder.push(this.#row);
    }
    const batch = this.#builder.finish();
    batch.count = limit;
    return batch;
  }

  close(): void {}
}
