import type {CatalogChange} from '../../catalog/contract.ts';
import type {TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid, OwnerId, Rid, Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {readRow} from '../../exec/column-store.ts';
import {duplicatedKey} from '../../exec/row-errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {ExprCompiler} from '../../expr/compiler.ts';
import type {ExprRun} from '../../expr/run.ts';
import {
  END,
  PAUSE,
  type RowVersion,
  type ScanColumn,
  type TableStorage,
} from '../../storage/contract.ts';
import {KeyCodec, type MapKey} from '../../storage/hot/key-codec.ts';
import {Pace} from '../../storage/slices.ts';
import {computeKey} from '../../storage/tx/computed-keys.ts';
import {NewIndexKeys, newUniqueIndexes} from '../../storage/tx/new-index.ts';
import type {Datum} from '../../types/contract.ts';
import {checkReachesAllRows} from '../all-rows.ts';
import type {SessionContext} from '../session-context.ts';

/** Expressions over stored rows of a table, compiled for the current catalog. */
export function rowCode(
  session: SessionContext,
  exprs: readonly BoundExpr[],
): (row: readonly Datum[]) => Datum[] {
  const {engine, transaction, evalContext} = session;
  const code = new ExprCompiler(engine.library, transaction.catalog, engine.factories).row(exprs);
  const run: ExprRun = {params: [], slots: [], outer: [], context: evalContext};
  return row => code(run, row);
}

/** Milliseconds of work between turns for others, in which a cancel is heard. */
const SLICE_MS = 5;

/** Calls back with every newest row of a table, of all owners; the table is locked. */
export async function eachRow(
  session: SessionContext,
  table: TableStorage,
  visit: (version: RowVersion) => void,
): Promise<void> {
  checkReachesAllRows(session, table.oid);
  session.beginStatement(false);
  const width = table.columns.length;
  const columns: ScanColumn[] = [...table.columns.keys(), 'rid', 'owner', 'location', 'seq'];
  const cursor = session.transaction.tx.scan({
    table,
    owner: null,
    columns,
    predicates: [],
    lookup: null,
    order: null,
    isNewest: true,
  });
  const turn = new Pace(SLICE_MS);
  turn.begin();
  try {
    for (;;) {
      const batch = cursor.next(256);
      if (batch === END) break;
      if (batch === PAUSE) {
        await session.wait(cursor.pause);
        continue;
      }
      if (turn.isOver) {
        await session.wait(null);
        turn.begin();
      }
      for (let i = 0; i < batch.count; i++) {
        const values: Datum[] = [];
        readRow(batch, i, values);
        visit({
          row: values.slice(0, width),
          rid: values[width] as Rid,
          owner: values[width + 1] as OwnerId,
          location: values[width + 2] as number,
          seq: values[width + 3] as Seq,
        });
      }
    }
  } finally {
    cursor.close();
    session.endStatement();
  }
}

/** Whether a table has a row. */
export async function hasRows(session: SessionContext, table: TableStorage): Promise<boolean> {
  let found = false;
  await eachRow(session, table, () => (found = true));
  return found;
}

/** Place of a column in stored rows by its attnum. */
export function positionOf(storage: TableStorage, attnum: number): number {
  return storage.columns.findIndex(column => (column.catalogAttnum ?? column.attnum) === attnum);
}

/** The storage shape of a table now. */
export function storageOf(session: SessionContext, table: Oid): TableStorage {
  return session.storages.get(session.transaction.catalog, table);
}

/** Raises when a column of a row is NULL. */
export async function checkNotNull(
  session: SessionContext,
  table: TableDescriptor,
  attnums: readonly number[],
): Promise<void> {
  const storage = storageOf(session, table.oid);
  const positions = attnums.map(attnum => positionOf(storage, attnum));
  await eachRow(session, storage, ({row}) => {
    const at = positions.find(position => row[position] === null);
    if (at === undefined) return;
    const column = storage.columns[at]!.name;
    throw new PgError(
      SqlState.notNullViolation,
      `column "${column}" of relation "${table.name}" contains null values`,
      {
        schema: storage.namespace,
        table: table.name,
        column,
      },
    );
  });
}

/** Raises when a row does not satisfy a condition. */
export async function checkRows(
  session: SessionContext,
  table: TableDescriptor,
  constraint: string,
  condition: BoundExpr,
): Promise<void> {
  const storage = storageOf(session, table.oid);
  const test = rowCode(session, [condition]);
  await eachRow(session, storage, ({row}) => {
    if (test(row)[0] !== false) return;
    throw new PgError(
      SqlState.checkViolation,
      `check constraint "${constraint}" of relation "${table.name}" is violated by some row`,
      {
        schema: storage.namespace,
        table: table.name,
        constraint,
      },
    );
  });
}

/** Applies changes that may add unique indexes, whose keys are compared before (23505). The table is locked. */
export async function alterKeys(
  session: SessionContext,
  table: TableDescriptor,
  changes: readonly CatalogChange[],
): Promise<TableDescriptor> {
  const {transaction, storages} = session;
  const before = storages.of(transaction.catalog, table);
  transaction.ddl(changes, []);
  const altered = transaction.catalog.tableByOid(table.oid)!;
  const after = storages.of(transaction.catalog, altered);
  const keys = newUniqueIndexes(before, after).map(index => new NewIndexKeys(after, index));
  const known = new Set(before.indexes.map(index => index.oid));
  const computed = after.indexes.filter(
    index => index.keyOf !== null && !index.isUnique && !known.has(index.oid),
  );
  if (keys.length > 0 || computed.length > 0) {
    // The rows as they are stored: the new indexes are nobody's before the commit.
    await eachRow(session, before, ({owner, row}) => {
      for (const each of keys) each.add(owner, row);
      for (const each of computed) computeKey(each, row);
    });
  }
  transaction.tx.ddl({kind: 'alterTable', before, after, isChecked: true});
  return altered;
}

/** Gives every row new values: `change` makes the new row of an old one. The table is locked; older snapshots cannot read it any more. */
export async function rewriteRows(
  session: SessionContext,
  table: TableDescriptor,
  change: (version: RowVersion) => readonly Datum[],
): Promise<void> {
  const storage = storageOf(session, table.oid);
  const versions: RowVersion[] = [];
  await eachRow(session, storage, version => versions.push(version));
  const {tx} = session.transaction;
  session.beginStatement(false);
  const turn = new Pace(SLICE_MS);
  turn.begin();
  for (const version of versions) {
    if (turn.isOver) {
      await session.wait(null);
      turn.begin();
    }
    const row = change(version);
    for (;;) {
      const result = tx.update(storage, version, row);
      if (result === 'done') break;
      if (!(result instanceof Promise))
        throw duplicatedKey({context: session.evalContext}, storage, result);
      await session.wait(result);
    }
  }
  if (versions.length > 0) tx.ddl({kind: 'rewriteTable', table: storage});
  session.endStatement();
}

/** 23505 when two rows of one owner have the same key of an index. */
export async function checkDistinct(
  session: SessionContext,
  table: TableDescriptor,
  index: Oid,
): Promise<void> {
  const storage = storageOf(session, table.oid);
  const found = storage.indexes.find(each => each.oid === index)!;
  const codec = new KeyCodec(found);
  const seen = new Map<OwnerId, Set<MapKey>>();
  await eachRow(session, storage, ({row, rid, owner}) => {
    const key = codec.ofRow(row);
    if (key === null) return;
    let keys = seen.get(owner);
    if (keys === undefined) seen.set(owner, (keys = new Set()));
    if (keys.has(key)) {
      const conflict = {kind: 'conflict', index: found, key: codec.values(row)!, rid} as const;
      throw duplicatedKey({context: session.evalContext}, storage, conflict);
    }
    keys.add(key);
  });
}
