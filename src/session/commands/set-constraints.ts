import type {ConstraintsSetStmt, RangeVar} from '@pgsql/types';
import type {ConstraintDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import {runDeferred} from '../foreign-keys/run-deferred.ts';
import type {SessionContext} from '../session-context.ts';
import type {CommandInput} from './command-types.ts';

/** SET CONSTRAINTS {ALL | names} {DEFERRED | IMMEDIATE}: what becomes immediate is checked at once. */
export function setConstraintsCommand({
  session,
  node,
}: CommandInput<ConstraintsSetStmt>): Execution {
  return new CommandExecution(async () => {
    const {transaction} = session;
    const {deferred} = transaction;
    if (!transaction.isInBlock && !session.isInMultiStatement) {
      session.warn(
        SqlState.noActiveSqlTransaction,
        'SET CONSTRAINTS can only be used in transaction blocks',
      );
    }
    const isDeferred = node.deferred === true;
    if (node.constraints === undefined) deferred.setAll(isDeferred);
    for (const item of node.constraints ?? []) {
      if (!('RangeVar' in item)) continue;
      for (const constraint of constraintsNamed(session, item.RangeVar))
        deferred.set(constraint.oid, isDeferred);
    }
    if (!isDeferred) await runDeferred(session, false);
    return 'SET CONSTRAINTS';
  });
}

/** All constraints of that name in the first schema of the search path that has one. */
function constraintsNamed(
  session: SessionContext,
  {schemaname, relname = ''}: RangeVar,
): readonly ConstraintDescriptor[] {
  const {catalog} = session.transaction;
  const schemas =
    schemaname === undefined ? session.searchPath() : [catalog.schemaByName(schemaname)?.oid];
  for (const schema of schemas) {
    const found: ConstraintDescriptor[] = [];
    for (const table of catalog.tables()) {
      if (table.schema === schema)
        found.push(...catalog.constraintsOf(table.oid).filter(each => each.name === relname));
    }
    if (found.length === 0) continue;
    const deferrable = found.filter(each => each.isDeferrable);
    if (deferrable.length > 0) return deferrable;
    throw new PgError(SqlState.wrongObjectType, `constraint "${relname}" is not deferrable`);
  }
  throw new PgError(SqlState.undefinedObject, `constraint "${relname}" does not exist`);
}
