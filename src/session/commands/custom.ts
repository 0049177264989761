import {assertNever} from '../../common/errors.ts';
import type {CustomStatement} from '../../sql/contract.ts';
import type {Execution} from '../execution.ts';
import type {CommandInput} from './command-types.ts';
import {backupCommand, restoreCommand} from './backup.ts';
import {describeCommand, showStatsCommand, showTablesCommand} from './describe.ts';
import {ExecuteAs} from './execute-as.ts';
import {killJobCommand} from './job.ts';
import {createLiveQueryCommand, dropLiveQueryCommand, killLiveQueryCommand} from './live-query.ts';
import {compactCommand, flushCommand} from './storage.ts';
import {storageCheckCommand} from './storage-check.ts';
import {tableCheckCommand} from './table-check.ts';
import {
  alterStorageCommand,
  createStorageCommand,
  dropStorageCommand,
} from './storage-definition.ts';
import {
  alterLiveQueryCommand,
  commentLiveQueryCommand,
  showLiveQueriesCommand,
} from './alter-live-query.ts';
import {SubscribeExecution} from './subscribe.ts';
import {
  copySubscribeCommand,
  declareSubscribeCommand,
  fetchSubscribeCommand,
} from './subscribe-surfaces.ts';
import {dropUserDataCommand, exportUserDataCommand, importUserDataCommand} from './user-data.ts';

/**
 * The execution of one of our own statements; null when its body is an ordinary statement (CREATE USER TABLE is CREATE
 * TABLE with more options).
 */
export function customCommand({
  session,
  node,
  statement,
  params,
}: CommandInput<CustomStatement>): Execution | null {
  switch (node.kind) {
    case 'createTable':
    case 'namespace':
    case 'argon2idPassword':
      return null;
    case 'storageFlush':
      return flushCommand(session, statement, node.all);
    case 'storageCompact':
      return compactCommand(session, statement, node.all);
    case 'createStorage':
      return createStorageCommand(session, node);
    case 'alterStorage':
      return alterStorageCommand(session, node);
    case 'dropStorage':
      return dropStorageCommand(session, node);
    case 'storageCheck':
      return storageCheckCommand(session, node.name, node.extended);
    case 'tableCheck':
      return tableCheckCommand(session, statement);
    case 'describe':
      return describeCommand(session, statement);
    case 'showStats':
      return showStatsCommand(session, statement);
    case 'showTables':
      return showTablesCommand(session, node.schema);
    case 'subscribe':
      return new SubscribeExecution(session, statement, node.options, params);
    case 'copySubscribe':
      return copySubscribeCommand(session, statement, node.options);
    case 'declareSubscribe':
      return declareSubscribeCommand(session, statement, node.options, params);
    case 'fetchSubscribe':
      return fetchSubscribeCommand(session, statement, node.options);
    case 'createLiveQuery':
      return createLiveQueryCommand(session, node, statement);
    case 'dropLiveQuery':
      return dropLiveQueryCommand(session, statement);
    case 'alterLiveQuery':
      return alterLiveQueryCommand(session, statement);
    case 'commentLiveQuery':
      return commentLiveQueryCommand(session, statement);
    case 'showLiveQueries':
      return showLiveQueriesCommand(session);
    case 'killLiveQuery':
      return killLiveQueryCommand(session, node.id);
    case 'killJob':
      return killJobCommand(session, node.id);
    case 'backup':
      return backupCommand(session, node.path);
    case 'restore':
      return restoreCommand();
    case 'exportUserData':
      return exportUserDataCommand(session, node.user, node.path);
    case 'importUserData':
      return importUserDataCommand(session, node.user, node.path ?? '');
    case 'dropUserData':
      return dropUserDataCommand(session, node.user ?? '');
    case 'executeAs':
      return new ExecuteAs(session, statement, node.user, params);
    default:
      return assertNever(node);
  }
}
