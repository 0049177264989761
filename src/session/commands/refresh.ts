import {rejectInUse} from '../foreign-keys/table-in-use.ts';
import type {RefreshMatViewStmt} from '@pgsql/types';
import {qualifiedName} from '../../catalog/names.ts';
import type {MaterializedView} from '../../catalog/descriptors.ts';
import {isMaterialized, queryTextOf} from '../../catalog/stored-queries.ts';
import {assert, featureNotSupported, PgError} from '../../common/errors.ts';
import type {OwnerId} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {uniqueViolation} from '../../exec/row-errors.ts';
import type {RowVersion, TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {Execution} from '../execution.ts';
import {StoredPlan} from '../plan-store.ts';
import {checkOwner} from '../privileges.ts';
import type {PlanEntry, SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';
import {change, currentTable, ddlExecution, lockFound, puts} from './ddl.ts';
import {relationNamed} from './object-names.ts';
import {eachResultRow, fillTable, lockedPlan} from './query-rows.ts';
import {eachRow} from './table-rows.ts';

/** REFRESH MATERIALIZED VIEW [CONCURRENTLY] name [WITH [NO] DATA]. */
export function refreshCommand({session, node}: CommandInput<RefreshMatViewStmt>): Execution {
  return ddlExecution(session, 'REFRESH MATERIALIZED VIEW', async () => {
    const isConcurrent = node.concurrent === true;
    const view = await lockFound(session, isConcurrent ? 'exclusive' : 'accessExclusive', () =>
      refreshed(session, node),
    );
    if (isConcurrent && !view.materialized.isPopulated)
      throw featureNotSupported(
        'CONCURRENTLY cannot be used when the materialized view is not populated',
      );
    if (isConcurrent && node.skipData === true)
      throw new PgError(
        SqlState.syntaxError,
        'CONCURRENTLY and WITH NO DATA options cannot be used together',
      );
    if (isConcurrent) checkUniqueIndex(session, view);
    rejectInUse(session, view, 'REFRESH MATERIALIZED VIEW');
    if (node.skipData === true) return replaceRows(session, view, null);
    await asOwner(session, view, async () => {
      const entry = await plannedQuery(session, view);
      if (isConcurrent) await mergeRows(session, view, entry);
      else await replaceRows(session, view, entry);
    });
  });
}

function refreshed(session: SessionContext, node: RefreshMatViewStmt): MaterializedView {
  const relation = relationNamed(session, node.relation);
  if (relation.kind === 'systemRelation' && !relation.isView)
    throw featureNotSupported(`"${relation.name}" is not a materialized view`);
  if (relation.kind !== 'table')
    throw new PgError(
      SqlState.wrongObjectType,
      `"${relation.name}" is not a table or materialized view`,
    );
  const word = isMaterialized(relation) ? 'materialized view' : 'table';
  checkOwner(session.transaction.catalog, session.currentRole, relation, word);
  if (!isMaterialized(relation))
    throw featureNotSupported(`"${relation.name}" is not a materialized view`);
  return relation;
}

/** The query runs with the rights of the view's owner. */
async function asOwner(
  session: SessionContext,
  view: MaterializedView,
  work: () => Promise<void>,
): Promise<void> {
  const before = session.currentRole;
  session.currentRole = view.owner;
  try {
    await work();
  } finally {
    session.currentRole = before;
  }
}

async function plannedQuery(session: SessionContext, view: MaterializedView): Promise<PlanEntry> {
  const [query] = session.engine.parser.parse(queryTextOf(view));
  assert(query?.ast != null, 'the stored query of a materialized view is one statement');
  const plan = await lockedPlan(session, {ast: query.ast, text: query.text});
  return new StoredPlan(plan, session.transaction.catalog, session.planner.roleKey);
}

/** All rows anew; null: none. */
async function replaceRows(
  session: SessionContext,
  view: MaterializedView,
  entry: PlanEntry | null,
): Promise<void> {
  const {transaction, storages} = session;
  session.beginStatement(false);
  transaction.tx.truncate(storages.of(transaction.catalog, view));
  session.endStatement();
  const table = currentTable(transaction.catalog, view.oid);
  if (entry !== null) await fillTable(session, table, entry, []);
  const isPopulated = entry !== null;
  if (isPopulated !== view.materialized.isPopulated)
    change(session, puts({...view, materialized: {...view.materialized, isPopulated}}));
}

/** CONCURRENTLY tells rows apart by a unique index on columns. */
function checkUniqueIndex(session: SessionContext, view: MaterializedView): void {
  const {catalog} = session.transaction;
  const isUsable = catalog
    .indexesOf(view.oid)
    .some(
      each =>
        each.isUnique && each.predicateText === null && each.keys.every(key => key.attnum !== 0),
    );
  if (isUsable) return;
  const name = qualifiedName(catalog, view.schema, view.name);
  throw new PgError(
    SqlState.objectNotInPrerequisiteState,
    `cannot refresh materialized view "${name}" concurrently`,
    {
      hint: 'Create a unique index with no WHERE clause on one or more columns of the materialized view.',
    },
  );
}

/** CONCURRENTLY: rows that are no longer in the result go, new ones come, the others stay untouched. */
async function mergeRows(
  session: SessionContext,
  view: MaterializedView,
  entry: PlanEntry,
): Promise<void> {
  const {transaction, storages} = session;
  const storage = storages.get(transaction.catalog, view.oid);
  const wanted = new Map<string, Datum[][]>();
  await eachResultRow(session, entry, [], rows => {
    for (const row of rows) {
      const key = rowText(session, storage, row);
      const same = wanted.get(key);
      if (same === undefined) wanted.set(key, [row]);
      else if (row.includes(null)) same.push(row);
      else throw duplicateRow(session, storage, row);
    }
  });
  const stale: RowVersion[] = [];
  await eachRow(session, storage, version => {
    const same = wanted.get(rowText(session, storage, version.row));
    if (same === undefined || same.length === 0) stale.push(version);
    else same.pop();
  });
  session.beginStatement(false);
  for (const version of stale)
    await written(session, storage, () => transaction.tx.delete(storage, version));
  for (const rows of wanted.values()) {
    for (const row of rows)
      await written(
        session,
        storage,
        () => transaction.tx.insertMany(storage, [row], 0 as OwnerId, 0).result,
      );
  }
  session.endStatement();
}

/** Repeats a write that waited; 23505 when a unique index refuses it. */
async function written(
  session: SessionContext,
  storage: TableStorage,
  write: () => ReturnType<SessionContext['transaction']['tx']['delete']>,
): Promise<void> {
  for (;;) {
    const result = write();
    if (result === 'done') return;
    if (!(result instanceof Promise))
      throw uniqueViolation({context: session.evalContext}, storage, result);
    await session.wait(result);
  }
}

/** A text that is the same for rows that print the same, NULL apart from every text. */
function rowText(session: SessionContext, storage: TableStorage, row: readonly Datum[]): string {
  const {format} = session.evalContext;
  return JSON.stringify(
    row.map((value, at) =>
      value === null ? null : storage.columns[at]!.type.output(value, format),
    ),
  );
}

function duplicateRow(
  session: SessionContext,
  storage: TableStorage,
  row: readonly Datum[],
): PgError {
  const {format} = session.evalContext;
  const values = row.map((value, at) =>
    value === null ? '' : storage.columns[at]!.type.output(value, format),
  );
  return new PgError(
    SqlState.cardinalityViolation,
    `new data for materialized view "${storage.name}" contains duplicate rows without any null columns`,
    {detail: `Row: (${values.join(',')})`},
  );
}
