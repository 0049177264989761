import type {CommandMaker} from './command-types.ts';
import {callCommand} from './call.ts';
import {copyCommand} from './copy.ts';
import {closeCommand, declareCommand, fetchCommand} from './cursor.ts';
import {
  alterDatabaseCommand,
  alterDatabaseSetCommand,
  createDatabaseCommand,
  dropDatabaseCommand,
} from './database.ts';
import {ddlCommands} from './ddl-commands.ts';
import {explainCommand} from './explain.ts';
import {listenCommand, notifyCommand, unlistenCommand} from './notify.ts';
import {deallocateCommand, executeCommand, prepareCommand} from './prepared.ts';
import {setConstraintsCommand} from './set-constraints.ts';
import {clusterCommand, reindexCommand, vacuumCommand} from './maintenance.ts';
import {transactionCommand} from './transaction.ts';
import {discardCommand, setCommand, showCommand} from './variable.ts';

/** Utility statements by the name of their tree node: one line each. What is not here is 0A000. */
export const commandTable = {
  ...ddlCommands,
  AlterDatabaseSetStmt: alterDatabaseSetCommand,
  AlterDatabaseStmt: alterDatabaseCommand,
  CallStmt: callCommand,
  CopyStmt: copyCommand,
  ConstraintsSetStmt: setConstraintsCommand,
  CreatedbStmt: createDatabaseCommand,
  DropdbStmt: dropDatabaseCommand,
  ClosePortalStmt: closeCommand,
  DeallocateStmt: deallocateCommand,
  DeclareCursorStmt: declareCommand,
  ExecuteStmt: executeCommand,
  ExplainStmt: explainCommand,
  FetchStmt: fetchCommand,
  PrepareStmt: prepareCommand,
  ClusterStmt: clusterCommand,
  ReindexStmt: reindexCommand,
  VacuumStmt: vacuumCommand,
  TransactionStmt: transactionCommand,
  VariableSetStmt: setCommand,
  VariableShowStmt: showCommand,
  DiscardStmt: discardCommand,
  ListenStmt: listenCommand,
  UnlistenStmt: unlistenCommand,
  NotifyStmt: notifyCommand,
} satisfies Readonly<Record<string, CommandMaker<never>>>;
