import type {ColumnDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {errorType} from '../../sql/bind/display-type.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {SessionContext} from '../session-context.ts';

// Marks of a column that steer PostgreSQL's own storage: kept, and shown by the catalogs; nothing here goes by them.

const STORAGES: Readonly<Record<string, NonNullable<ColumnDescriptor['storage']>>> = {
  plain: 'p',
  external: 'e',
  extended: 'x',
  main: 'm',
};

/** The letter of a storage that a column of the type may have. */
export function columnStorage(
  session: SessionContext,
  type: TypeInstance,
  name: string,
): NonNullable<ColumnDescriptor['storage']> {
  const storage = STORAGES[name.toLowerCase()];
  if (storage === undefined)
    throw new PgError(SqlState.invalidParameterValue, `invalid storage type "${name}"`);
  if (storage !== 'p' && !isLong(session, type))
    throw featureNotSupported(`column data type ${errorType(type)} can only have storage PLAIN`);
  return storage;
}

/** The letter of a compression that a column of the type may have; '' is the default. */
export function columnCompression(
  session: SessionContext,
  type: TypeInstance,
  name: string,
): NonNullable<ColumnDescriptor['compression']> {
  if (name === 'default') return '';
  if (!isLong(session, type))
    throw featureNotSupported(`column data type ${errorType(type)} does not support compression`);
  if (name === 'pglz') return 'p';
  if (name === 'lz4') return 'l';
  throw new PgError(SqlState.invalidParameterValue, `invalid compression method "${name}"`);
}

/** Whether values may be long: PostgreSQL would keep them outside of the row. */
function isLong(session: SessionContext, type: TypeInstance): boolean {
  if (type.base !== null) return isLong(session, type.base);
  const table = session.transaction.catalog.builtin.data.table('pg_type');
  const at = table.byKey(type.oid)[0];
  return at === undefined ? type.kind !== 'e' : table.row(at)[23] !== 'p';
}
