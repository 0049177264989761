import type {CatalogChange, CatalogSnapshot} from '../../catalog/contract.ts';
import type {Descriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError, type PgErrorFields} from '../../common/errors.ts';
import {oid, type Oid} from '../../common/ids.ts';
import {SqlState, type SqlStateCode} from '../../common/sqlstate.ts';
import {characterPosition} from '../../sql/parse/positions.ts';
import type {LockWait} from '../../storage/contract.ts';
import type {TableLockMode} from '../../storage/locks/table-lock-mode.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import type {SessionContext} from '../session-context.ts';
import {loadLocked} from '../table-loading.ts';

/** Branded 0: no object. */
export const NO_OID: Oid = oid(0);

/**
 * A DDL command: refused in a read-only transaction (25006), then its work; the tag is the command's name unless the
 * work returns another.
 */
export function ddlExecution(
  session: SessionContext,
  tag: string,
  work: () => Promise<string | void>,
): Execution {
  return new CommandExecution(async () => {
    session.assertWritable(tag);
    session.transaction.hasRun = true;
    return (await work()) ?? tag;
  });
}

/** Changes that put descriptors. */
export function puts(...descriptors: readonly Descriptor[]): CatalogChange[] {
  return descriptors.map(descriptor => ({op: 'put', descriptor}));
}

/** The change that deletes an object. */
export function deletion(object: {
  readonly kind: Descriptor['kind'];
  readonly oid: Oid;
}): CatalogChange {
  return {op: 'delete', kind: object.kind, oid: object.oid};
}

/** A new OID. */
export function newOid(session: SessionContext): Oid {
  return session.engine.storage.allocateOid();
}

/** Two consecutive OIDs: a row type and its array. Returns the first. */
export function newTypePair(session: SessionContext): Oid {
  const first = session.engine.storage.allocateOid();
  let next = session.engine.storage.allocateOid();
  let at = first;
  while (next !== at + 1) {
    at = next;
    next = session.engine.storage.allocateOid();
  }
  return at;
}

/** Applies catalog changes, with nothing physical. */
export function change(session: SessionContext, changes: readonly CatalogChange[]): void {
  session.transaction.ddl(changes, []);
}

/** Applies changes of one table's descriptor or indexes, and tells storage of its new shape. */
export function alterStored(
  session: SessionContext,
  table: TableDescriptor,
  changes: readonly CatalogChange[],
): TableDescriptor {
  const {transaction, storages} = session;
  const before = storages.of(transaction.catalog, table);
  transaction.ddl(changes, []);
  const after = transaction.catalog.tableByOid(table.oid)!;
  transaction.tx.ddl({kind: 'alterTable', before, after: storages.of(transaction.catalog, after)});
  return after;
}

/** Takes a table lock, waiting for others. 55P03 when `wait` is nowait and it is not free. */
export async function lockTable(
  session: SessionContext,
  table: {readonly oid: Oid; readonly name: string},
  mode: TableLockMode,
  wait: LockWait = 'wait',
): Promise<void> {
  for (;;) {
    const result = session.transaction.tx.lockTable(table.oid, mode, wait);
    if (result === 'granted') return;
    if (result === 'unavailable') throw lockNotAvailable(table.name);
    await session.wait(result);
  }
}

function lockNotAvailable(name: string): PgError {
  return new PgError(SqlState.lockNotAvailable, `could not obtain lock on relation "${name}"`);
}

/** Locks what `find` finds and finds it again, until the name means the locked object. */
export async function lockFound<T extends {readonly oid: Oid; readonly name: string}>(
  session: SessionContext,
  mode: TableLockMode,
  find: () => T,
): Promise<T> {
  let found = find();
  for (;;) {
    await lockTable(session, found, mode);
    await loadLocked(session, found.oid);
    const again = find();
    if (again.oid === found.oid) return again;
    found = again;
  }
}

/** A NOTICE. */
export function notice(
  session: SessionContext,
  message: string,
  fields: PgErrorFields = {},
  code: string = SqlState.successfulCompletion,
): void {
  session.notice('NOTICE', code, message, fields);
}

/** An error with the position of a byte offset in the statement's text. */
export function errorAt(
  text: string,
  location: number | undefined,
  code: SqlStateCode,
  message: string,
  fields: PgErrorFields = {},
): PgError {
  if (location === undefined || location < 0) return new PgError(code, message, fields);
  return new PgError(code, message, {...fields, position: characterPosition(text, location)});
}

/** The newest form of a table after the changes so far. */
export function currentTable(catalog: CatalogSnapshot, table: Oid): TableDescriptor {
  const found = catalog.tableByOid(table);
  if (found === undefined)
    throw new PgError(SqlState.undefinedTable, `relation with OID ${table} does not exist`);
  return found;
}
