import type {DiscardStmt, VariableSetStmt, VariableShowStmt} from '@pgsql/types';
import {featureNotSupported, PgError} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {CommandExecution, RowsExecution, type Execution} from '../execution.ts';
import {computedShape} from '../result-shape.ts';
import {displaySetting} from '../setting-values.ts';
import {assignSetting, setRole, setSessionAuthorization} from '../assign-setting.ts';
import type {SessionContext} from '../session-context.ts';
import {constantText} from './ast-values.ts';
import {showTablesCommand} from './describe.ts';
import {showStoragesCommand} from './storage-check.ts';
import {applyModes, transactionSetting} from '../transaction-settings.ts';
import type {CommandInput} from './command-types.ts';
import {transactionModes} from './transaction.ts';

const TEXT = oid(25);

/** SET, SET LOCAL, RESET, SET TRANSACTION, SET ROLE, SET SESSION AUTHORIZATION. */
export function setCommand({session, node}: CommandInput<VariableSetStmt>): Execution {
  return new CommandExecution(() => perform(session, node));
}

function perform(session: SessionContext, node: VariableSetStmt): string {
  const name = node.name ?? '';
  const isLocal = node.is_local === true;
  if (isLocal && !session.transaction.isInBlock && !session.isInMultiStatement) {
    session.warn(
      SqlState.noActiveSqlTransaction,
      'SET LOCAL can only be used in transaction blocks',
    );
  }
  switch (node.kind) {
    case 'VAR_SET_MULTI':
      return setMulti(session, name, node);
    case 'VAR_RESET_ALL':
      session.settings.resetAll();
      return 'RESET';
    case 'VAR_RESET':
      reset(session, name);
      return 'RESET';
    case 'VAR_SET_DEFAULT':
      reset(session, name);
      return 'SET';
    case 'VAR_SET_CURRENT':
      session.settings.set(name, session.settings.raw(name) ?? '', isLocal);
      return 'SET';
    default:
      assignSetting(session, name, valueText(node), isLocal);
      return 'SET';
  }
}

/** List settings (search_path, DateStyle) join their quoted members. */
export function valueText(node: VariableSetStmt): string {
  const values = (node.args ?? []).map(constantText);
  if (values.length === 1 && node.name !== 'search_path') return values[0]!;
  const quotes = node.name === 'search_path';
  return values.map(value => (quotes ? quoteIdentifier(value) : value)).join(', ');
}

function setMulti(session: SessionContext, name: string, node: VariableSetStmt): string {
  const modes = transactionModes(node.args ?? []);
  if (name === 'SESSION CHARACTERISTICS') {
    if (modes.isolation !== undefined)
      session.settings.set('default_transaction_isolation', modes.isolation, false);
    if (modes.readOnly !== undefined)
      session.settings.set('default_transaction_read_only', modes.readOnly ? 'on' : 'off', false);
    if (modes.deferrable !== undefined)
      session.settings.set(
        'default_transaction_deferrable',
        modes.deferrable ? 'on' : 'off',
        false,
      );
    return 'SET';
  }
  if (name === 'TRANSACTION SNAPSHOT')
    throw featureNotSupported('SET TRANSACTION SNAPSHOT is not supported');
  if (!session.transaction.isInBlock) {
    session.warn(
      SqlState.noActiveSqlTransaction,
      'SET TRANSACTION can only be used in transaction blocks',
    );
  }
  applyModes(session, modes);
  return 'SET';
}

function reset(session: SessionContext, name: string): void {
  switch (name.toLowerCase()) {
    case 'role':
      return setRole(session, 'none', false);
    case 'session_authorization':
      return setSessionAuthorization(session, session.options.user, false);
    case 'transaction_isolation':
    case 'transaction_read_only':
    case 'transaction_deferrable':
      throw featureNotSupported(`parameter "${name}" cannot be reset`);
    default:
      session.settings.reset(name);
  }
}

/** SHOW name, SHOW ALL. */
export function showCommand({session, node}: CommandInput<VariableShowStmt>): Execution {
  const name = node.name ?? '';
  const text = session.transaction.catalog.typeByOid(TEXT)!;
  if (name.toLowerCase() === 'tables') return showTablesCommand(session, null);
  if (name.toLowerCase() === 'storages') return showStoragesCommand(session);
  if (name.toLowerCase() === 'all') {
    const shape = computedShape([
      ['name', text],
      ['setting', text],
      ['description', text],
    ]);
    return new RowsExecution(shape, () => showAll(session), 'SHOW');
  }
  const definition = session.settings.definition(name);
  const shape = computedShape([[definition?.name ?? name, text]]);
  return new RowsExecution(shape, () => [[showValue(session, name)]], 'SHOW');
}

function showAll(session: SessionContext): string[][] {
  return [...session.settings.definitions()]
    .sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1))
    .map(definition => [
      definition.name,
      displaySetting(definition, session.settings.raw(definition.name) ?? ''),
      definition.shortDescription,
    ]);
}

/** The value of a setting as SHOW prints it; those of the transaction are read from it. */
export function showValue(session: SessionContext, name: string): string {
  const value = transactionSetting(session, name) ?? session.settings.show(name);
  if (value !== undefined) return value;
  throw new PgError(SqlState.undefinedObject, `unrecognized configuration parameter "${name}"`);
}

/** DISCARD ALL | PLANS | SEQUENCES | TEMP. */
export function discardCommand({session, node}: CommandInput<DiscardStmt>): Execution {
  return new CommandExecution(async () => {
    switch (node.target) {
      case 'DISCARD_PLANS':
        return 'DISCARD PLANS';
      case 'DISCARD_SEQUENCES':
        session.evalContext.sequences.discard();
        return 'DISCARD SEQUENCES';
      case 'DISCARD_TEMP':
        await session.dropTemporary();
        return 'DISCARD TEMP';
      default:
        return discardAll(session);
    }
  });
}

async function discardAll(session: SessionContext): Promise<string> {
  if (session.transaction.isInBlock) {
    throw new PgError(
      SqlState.activeSqlTransaction,
      'DISCARD ALL cannot run inside a transaction block',
    );
  }
  session.extended.closeCursors();
  setSessionAuthorization(session, session.options.user, false);
  session.settings.resetAll();
  session.extended.deallocateAll();
  session.transaction.listens.push({kind: 'unlisten', channel: '*'});
  session.evalContext.sequences.discard();
  session.transaction.tx.unlockAllAdvisory();
  await session.dropTemporary();
  return 'DISCARD ALL';
}
