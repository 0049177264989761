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
