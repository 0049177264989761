import type {CreateExtensionStmt} from '@pgsql/types';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Execution} from '../execution.ts';
import type {CommandInput} from './command-types.ts';
import {ddlExecution, notice} from './ddl.ts';

/** CREATE EXTENSION: plpgsql is there; PostgreSQL's others are not. */
export function createExtensionCommand({
  session,
  node,
}: CommandInput<CreateExtensionStmt>): Execution {
  return ddlExecution(session, 'CREATE EXTENSION', async () => {
    const name = node.extname ?? '';
    if (session.transaction.catalog.builtin.data.table('pg_extension').byName(name).length > 0) {
      if (node.if_not_exists !== true)
        throw new PgError(SqlState.duplicateObject, `extension "${name}" already exists`);
      notice(session, `extension "${name}" already exists, skipping`, {}, SqlState.duplicateObject);
      return;
    }
    throw featureNotSupported(`extension "${name}" is not available`, {
      detail: `Could not open extension control file "${name}.control": No such file or directory.`,
      hint: 'The extension must first be installed on the system where PostgreSQL is running.',
    });
  });
}
