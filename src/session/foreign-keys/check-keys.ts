import {policiesBind} from '../../catalog/row-security.ts';
import {PgError} from '../../common/errors.ts';
import type {OwnerId, Rid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {readRow} from '../../exec/column-store.ts';
import {concurrentUpdate, uniqueViolation} from '../../exec/row-errors.ts';
import {END, PAUSE, type ScanRequest, type TableStorage} from '../../storage/contract.ts';
import type {Datum} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {
  type DeferrableKey,
  convertKey,
  inIndexOrder,
  keyText,
  type Reference,
  type ReferencedKey,
  type ReferencingKey,
  typesAt,
} from './references.ts';

/**
 * 23503 unless the referenced row exists; locks it FOR KEY SHARE. It is looked for in the newest state; with a snapshot of the whole
 * transaction in that, and 40001 when it is gone since. `isNewest`: in the newest state in any case.
 */
export function checkReferencingKey(
  session: SessionContext,
  checked: ReferencingKey,
  isNewest: boolean = !hasOneSnapshot(session),
): Promise<void> | undefined {
  const {reference, key} = checked;
  if (key.includes(null)) throw mixedNulls(reference);
  const converted = parentKey(session, checked);
  if (converted === null) throw notPresent(session, checked);
  const {parent, parentIndex, parentColumns} = reference;
  const loading = session.engine.storage.load(parent);
  if (loading !== null) return checkAgain(session, checked, isNewest, loading);
  const {tx} = session.transaction;
  const owner = ownerIn(parent, checked.owner);
  const values = inIndexOrder(converted, parentColumns, parentIndex);
  const found = isNewest
    ? tx.findNewest(parent, parentIndex, owner, values)
    : tx.getByKey(parent, parentIndex, owner, values);
  if (found === null) throw notPresent(session, checked);
  if (found === undefined) return lockByScan(session, checked, converted, isNewest);
  const lock = tx.lockRow(parent, found.rid, 'keyShare', 'wait');
  if (lock instanceof Promise) return checkAgain(session, checked, isNewest, lock);
  const kept = isNewest ? undefined : checkKept(session, checked, found.rid, converted);
  return kept === undefined ? undefined : checkAgain(session, checked, isNewest, kept);
}

/** Whether the statements of a transaction read one snapshot. */
function hasOneSnapshot({transaction}: SessionContext): boolean {
  const {isolation} = transaction.tx;
  return isolation === 'repeatable read' || isolation === 'serializable';
}

/** 40001 when the row of an older snapshot is gone, or has another key; a promise = wait and ask again. */
function checkKept(
  session: SessionContext,
  {reference}: ReferencingKey,
  rid: Rid,
  key: readonly Datum[],
): Promise<void> | undefined {
  const {parent, parentColumns} = reference;
  const newest = session.transaction.tx.newestVersion(parent, rid);
  if (newest instanceof Promise) return newest;
  const isSame = (column: number, i: number): boolean => {
    const value = newest!.row[column]!;
    return value !== null && parent.columns[column]!.type.compare(value, key[i]!) === 0;
  };
  if (newest === null || !parentColumns.every(isSame)) throw concurrentUpdate();
  return undefined;
}

async function checkAgain(
  session: SessionContext,
  checked: ReferencingKey,
  isNewest: boolean,
  awaited: Promise<void>,
): Promise<void> {
  await session.wait(awaited);
  await checkReferencingKey(session, checked, isNewest);
}

async function lockByScan(
  session: SessionContext,
  checked: ReferencingKey,
  key: readonly Datum[],
  isNewest: boolean,
): Promise<void> {
  for (;;) {
    const rid = await findParent(session, checked, key, isNewest);
    if (rid === null) throw notPresent(session, checked);
    const lock = session.transaction.tx.lockRow(checked.reference.parent, rid, 'keyShare', 'wait');
    const kept =
      lock instanceof Promise || isNewest ? undefined : checkKept(session, checked, rid, key);
    if (!(lock instanceof Promise) && kept === undefined) return;
    await session.wait(lock instanceof Promise ? lock : kept!);
  }
}

async function findParent(
  session: SessionContext,
  checked: ReferencingKey,
  key: readonly Datum[],
  isNewest: boolean,
): Promise<Rid | null> {
  const {parent, parentColumns, parentIndex} = checked.reference;
  let rid: Rid | null = null;
  await eachRow(
    session,
    {
      ...newestOf(parent, checked.owner),
      isNewest,
      columns: ['rid'],
      lookup: {index: parentIndex, keys: [inIndexOrder(key, parentColumns, parentIndex)]},
    },
    row => {
      rid = row[0] as Rid;
    },
  );
  return rid;
}

/** 23503 while rows reference a key that is gone. `mayBeThereAgain` (NO ACTION): another row may have taken the key. */
export async function checkReferencedKey(
  session: SessionContext,
  lost: ReferencedKey,
  mayBeThereAgain: boolean,
): Promise<void> {
  const {tx} = session.transaction;
  const {child} = lost.reference;
  if (mayBeThereAgain && (await findParent(session, lost, lost.key, true)) !== null) return;
  for (;;) {
    const rids: Rid[] = [];
    await eachReferencing(session, lost, row => rids.push(row[0] as Rid));
    if (rids.length === 0) return;
    const lock = tx.lockRow(child, rids[0]!, 'keyShare', 'wait');
    if (!(lock instanceof Promise)) throw stillReferenced(session, lost);
    await session.wait(lock);
  }
}

/** 23505 when two rows have one key of a deferrable constraint. */
export function checkUniqueKey(
  session: SessionContext,
  key: DeferrableKey,
): Promise<void> | undefined {
  const result = session.transaction.tx.checkUnique(key.table, key.index);
  if (result === 'done') return undefined;
  if (result instanceof Promise)
    return session.wait(result).then(() => checkUniqueKey(session, key));
  throw uniqueViolation({context: session.evalContext}, key.table, result);
}

/** A deferred check of a new key: the row may have gone meanwhile. */
export async function checkDeferredKey(
  session: SessionContext,
  checked: ReferencingKey,
): Promise<void> {
  try {
    await checkReferencingKey(session, checked);
  } catch (error) {
    if (!(error instanceof PgError) || error.code !== SqlState.foreignKeyViolation) throw error;
    const {childColumns, child} = checked.reference;
    let isThere = false;
    await eachWithKey(
      session,
      checked.reference,
      {owner: ownerIn(child, checked.owner), key: checked.key},
      () => (isThere = true),
    );
    if (isThere && childColumns.length > 0) throw error;
  }
}

/** Calls back with (rid, seq) of each row of the newest state that references a key. */
export async function eachReferencing(
  session: SessionContext,
  lost: ReferencedKey,
  callback: (row: readonly Datum[]) => void,
): Promise<void> {
  const {child, childColumns, parent, parentColumns} = lost.reference;
  const key = convertKey(
    lost.key,
    typesAt(parent, parentColumns),
    typesAt(child, childColumns),
    session.evalContext.format,
  );
  if (key === null) return;
  const owner = parent.kind === 'user' ? ownerIn(child, lost.owner) : null;
  await eachWithKey(session, lost.reference, {owner, key}, callback);
}

async function eachWithKey(
  session: SessionContext,
  reference: Reference,
  wanted: {readonly owner: OwnerId | null; readonly key: readonly Datum[]},
  callback: (row: readonly Datum[]) => void,
): Promise<void> {
  const {child, childColumns, childIndex} = reference;
  const {owner, key} = wanted;
  const types = typesAt(child, childColumns);
  const text = keyText(key, types, 0 as OwnerId);
  const canLookUp = childIndex !== null && (owner !== null || child.kind === 'shared');
  await eachRow(
    session,
    {
      ...{table: child, owner, order: null, isNewest: true},
      columns: ['rid', 'seq', ...childColumns],
      predicates: childColumns.map((column, i) => ({column, op: '=' as const, values: [key[i]!]})),
      lookup: canLookUp
        ? {index: childIndex, keys: [inIndexOrder(key, childColumns, childIndex)]}
        : null,
    },
    row => {
      if (keyText(row.slice(2), types, 0 as OwnerId) === text) callback(row);
    },
  );
}

/** Calls back with each row of a scan; the row is valid during the call. */
export async function eachRow(
  session: SessionContext,
  request: ScanRequest,
  callback: (row: readonly Datum[]) => void,
): Promise<void> {
  for (;;) {
    const loading = session.engine.storage.load(request.table);
    if (loading === null) break;
    await session.wait(loading);
  }
  const cursor = session.transaction.tx.scan(request);
  const row: Datum[] = [];
  try {
    for (;;) {
      const batch = cursor.next(1024);
      if (batch === END) return;
      if (batch === PAUSE) await session.wait(cursor.pause);
      else {
        for (let i = 0; i < batch.count; i++) {
          readRow(batch, i, row);
          callback(row);
        }
      }
    }
  } finally {
    cursor.close();
  }
}

function newestOf(table: TableStorage, owner: OwnerId): Omit<ScanRequest, 'columns' | 'lookup'> {
  return {table, owner: ownerIn(table, owner), predicates: [], order: null, isNewest: true};
}

function ownerIn(table: TableStorage, owner: OwnerId): OwnerId | null {
  return table.kind === 'shared' ? null : owner;
}

function parentKey(
  session: SessionContext,
  {reference, key}: ReferencingKey,
): readonly Datum[] | null {
  const {child, childColumns, parent, parentColumns} = reference;
  return convertKey(
    key,
    typesAt(child, childColumns),
    typesAt(parent, parentColumns),
    session.evalContext.format,
  );
}

function violation(reference: Reference, message: string, detail: string): PgError {
  const {child, constraint} = reference;
  return new PgError(SqlState.foreignKeyViolation, message, {
    ...{detail, schema: child.namespace, table: child.name, constraint: constraint.name},
  });
}

function insertOrUpdate({child, constraint}: Reference): string {
  return `insert or update on table "${child.name}" violates foreign key constraint "${constraint.name}"`;
}

function mixedNulls(reference: Reference): PgError {
  return violation(
    reference,
    insertOrUpdate(reference),
    'MATCH FULL does not allow mixing of null and nonnull key values.',
  );
}

function notPresent(session: SessionContext, {reference, key}: ReferencingKey): PgError {
  const {child, childColumns, parent} = reference;
  const detail = `${keyDetail(session, child, childColumns, key)} is not present in table "${parent.name}".`;
  return violation(reference, insertOrUpdate(reference), detail);
}

function stillReferenced(session: SessionContext, {reference, key}: ReferencedKey): PgError {
  const {child, constraint, parent, parentColumns} = reference;
  const message =
    `update or delete on table "${parent.name}" violates foreign key constraint ` +
    `"${constraint.name}" on table "${child.name}"`;
  return violation(
    reference,
    message,
    `${keyDetail(session, parent, parentColumns, key)} is still referenced from table "${child.name}".`,
  );
}

function keyDetail(
  session: SessionContext,
  table: TableStorage,
  columns: readonly number[],
  key: readonly Datum[],
): string {
  const {catalog} = session.transaction;
  const found = catalog.tableByOid(table.oid);
  // A key of rows that policies may hide is not shown.
  if (found !== undefined && policiesBind(catalog, found, session.currentRole, 'on')) return 'Key';
  const names = columns.map(column => table.columns[column]!.name);
  const values = columns.map((column, i) => {
    const value = key[i]!;
    return value === null
      ? 'null'
      : table.columns[column]!.type.output(value, session.evalContext.format);
  });
  return `Key (${names.join(', ')})=(${values.join(', ')})`;
}
