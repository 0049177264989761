import type {Node, TransactionStmt} from '@pgsql/types';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {IsolationLevel} from '../../storage/contract.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import {holdCommit, TransactionWarnings} from '../simple-query.ts';
import type {CommitOutcome, TransactionModes} from '../transaction-state.ts';
import type {SessionContext} from '../session-context.ts';
import {applyModes} from '../transaction-settings.ts';
import type {CommandInput} from './command-types.ts';
import {constantText} from './ast-values.ts';

/** BEGIN, COMMIT, ROLLBACK, SAVEPOINT and their kin. */
export function transactionCommand({session, node}: CommandInput<TransactionStmt>): Execution {
  return new CommandExecution(() => perform(session, node));
}

function perform(session: SessionContext, node: TransactionStmt): string | Promise<string> {
  const {transaction} = session;
  switch (node.kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START': {
      if (transaction.isInBlock) session.warn(...TransactionWarnings.inProgress);
      else transaction.beginBlock(NO_MODES);
      const modes = transactionModes(node.options ?? []);
      applyModes(session, modes);
      return node.kind === 'TRANS_STMT_BEGIN' ? 'BEGIN' : 'START TRANSACTION';
    }
    case 'TRANS_STMT_COMMIT':
      return commit(session, node.chain === true);
    case 'TRANS_STMT_ROLLBACK':
      return rollback(session, node.chain === true);
    case 'TRANS_STMT_SAVEPOINT':
      requireBlock(session, 'SAVEPOINT');
      transaction.savepoint(node.savepoint_name ?? '');
      return 'SAVEPOINT';
    case 'TRANS_STMT_RELEASE':
      requireBlock(session, 'RELEASE SAVEPOINT');
      transaction.release(node.savepoint_name ?? '');
      return 'RELEASE';
    case 'TRANS_STMT_ROLLBACK_TO':
      requireBlock(session, 'ROLLBACK TO SAVEPOINT');
      transaction.rollbackTo(node.savepoint_name ?? '');
      return 'ROLLBACK';
    default:
      throw featureNotSupported('prepared transactions are not supported', {
        hint: 'Two-phase commit is switched off (max_prepared_transactions = 0).',
      });
  }
}

const NO_MODES: TransactionModes = {};

function requireBlock(session: SessionContext, what: string): void {
  if (session.transaction.isInBlock) return;
  throw new PgError(
    SqlState.noActiveSqlTransaction,
    `${what} can only be used in transaction blocks`,
  );
}

function currentModes(session: SessionContext): TransactionModes {
  const {isolation, isReadOnly, isDeferrable} = session.transaction;
  return {isolation, readOnly: isReadOnly, deferrable: isDeferrable};
}

function commit(session: SessionContext, chain: boolean): string | Promise<string> {
  const {transaction} = session;
  if (chain) requireBlock(session, 'COMMIT AND CHAIN');
  const modes = currentModes(session);
  // Between the statements of one query string it ends their implicit transaction.
  if (!transaction.isInBlock) session.warn(...TransactionWarnings.none);
  if (transaction.status === 'failed') {
    transaction.rollback();
    if (chain) restart(session, modes);
    return 'ROLLBACK';
  }
  const outcome = transaction.commit();
  const finish = (done: CommitOutcome): string => {
    holdCommit(session, done);
    if (chain) restart(session, modes);
    return 'COMMIT';
  };
  return outcome instanceof Promise ? outcome.then(finish) : finish(outcome);
}

function rollback(session: SessionContext, chain: boolean): string {
  const {transaction} = session;
  if (chain) requireBlock(session, 'ROLLBACK AND CHAIN');
  const modes = currentModes(session);
  if (!transaction.isInBlock) session.warn(...TransactionWarnings.none);
  transaction.rollback();
  if (chain) restart(session, modes);
  return 'ROLLBACK';
}

function restart(session: SessionContext, modes: TransactionModes): void {
  session.transaction.ensure(session.evalContext.clock.clockTimestamp());
  session.transaction.beginBlock(modes);
}

/** Modes from BEGIN's or SET TRANSACTION's option list. */
export function transactionModes(options: readonly Node[]): TransactionModes {
  let modes: TransactionModes = {};
  for (const option of options) {
    if (!('DefElem' in option)) continue;
    const {defname, arg} = option.DefElem;
    const value = constantText(arg);
    if (defname === 'transaction_isolation')
      modes = {...modes, isolation: value.toLowerCase() as IsolationLevel};
    else if (defname === 'transaction_read_only')
      modes = {...modes, readOnly: value === '1' || value === 'true'};
    else if (defname === 'transaction_deferrable')
      modes = {...modes, deferrable: value === '1' || value === 'true'};
  }
  return modes;
}
