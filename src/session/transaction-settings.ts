import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TransactionModes} from './transaction-state.ts';
import type {SessionContext} from './session-context.ts';

/** The settings that belong to the transaction, as SHOW and current_setting() tell them; undefined for any other name. */
export function transactionSetting(
  {transaction}: Pick<SessionContext, 'transaction'>,
  name: string,
): string | undefined {
  switch (name.toLowerCase()) {
    case 'transaction_isolation':
      return transaction.isolation;
    case 'transaction_read_only':
      return transaction.isReadOnly ? 'on' : 'off';
    case 'transaction_deferrable':
      return transaction.isDeferrable ? 'on' : 'off';
    default:
      return undefined;
  }
}

/** Applies modes to the running transaction with PostgreSQL's order rules (25001). */
export function applyModes(session: SessionContext, modes: TransactionModes): void {
  const {transaction} = session;
  if (
    modes.isolation !== undefined &&
    modes.isolation !== transaction.isolation &&
    transaction.hasRun
  ) {
    throw new PgError(
      SqlState.activeSqlTransaction,
      'SET TRANSACTION ISOLATION LEVEL must be called before any query',
    );
  }
  if (modes.readOnly === false && transaction.isReadOnly && transaction.hasRun) {
    throw new PgError(
      SqlState.activeSqlTransaction,
      'transaction read-write mode must be set before any query',
    );
  }
  transaction.setModes(modes);
}
