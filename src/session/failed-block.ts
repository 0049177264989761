import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {ParsedStatement} from '../sql/contract.ts';

/** 25P02. */
export function inFailedTransaction(): PgError {
  return new PgError(
    SqlState.inFailedSqlTransaction,
    'current transaction is aborted, commands ignored until end of transaction block',
  );
}

/** COMMIT, ROLLBACK, ROLLBACK TO and PREPARE TRANSACTION are allowed in a failed block. */
export function endsTransaction(statement: ParsedStatement): boolean {
  const {ast} = statement;
  if (ast === null || !('TransactionStmt' in ast)) return false;
  const kind = ast.TransactionStmt.kind;
  return (
    kind === 'TRANS_STMT_COMMIT' ||
    kind === 'TRANS_STMT_ROLLBACK' ||
    kind === 'TRANS_STMT_ROLLBACK_TO' ||
    kind === 'TRANS_STMT_PREPARE'
  );
}
