import type {RangeVar} from '@pgsql/types';
import type {RelationDescriptor, TableDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {tempSchemaName} from '../search-path.ts';
import type {SessionContext} from '../session-context.ts';

/** The relation that a name in a command means; 42P01 or 3F000 as PostgreSQL words them. */
export function findRelation(session: SessionContext, range: RangeVar): RelationDescriptor {
  const found = lookupRelation(session, range);
  if (found !== undefined) return found;
  const name = range.relname ?? '';
  const shown = range.schemaname === undefined ? name : `${range.schemaname}.${name}`;
  throw new PgError(SqlState.undefinedTable, `relation "${shown}" does not exist`);
}

/** The relation of a name, or undefined. */
export function lookupRelation(
  session: SessionContext,
  range: RangeVar,
): RelationDescriptor | undefined {
  const {catalog} = session.transaction;
  const name = range.relname ?? '';
  if (range.schemaname !== undefined) {
    const wanted = range.schemaname === 'pg_temp' ? tempSchemaName(session.pid) : range.schemaname;
    const schema = catalog.schemaByName(wanted);
    return schema === undefined ? undefined : catalog.relationByName(schema.oid, name);
  }
  for (const schema of session.searchPath()) {
    const found = catalog.relationByName(schema, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The table that a name means; 42809 for another kind of relation. */
export function findTable(session: SessionContext, range: RangeVar): TableDescriptor {
  const relation = findRelation(session, range);
  if (relation.kind !== 'table')
    throw new PgError(SqlState.wrongObjectType, `"${relation.name}" is not a table`);
  return relation;
}
