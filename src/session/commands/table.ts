import type {CommandMaker} from './command-types.ts';
import {listenCommand, notifyCommand, unlistenCommand} from './notify.ts';
import {transactionCommand} from './transaction.ts';
import {discardCommand, setCommand, showCommand} from './variable.ts';

/** Utility statements by the name of their tree node: one line each. What is not here is 0A000. */
export const commandTable = {
  TransactionStmt: transactionCommand,
  VariableSetStmt: setCommand,
  VariableShowStmt: showCommand,
  DiscardStmt: discardCommand,
  ListenStmt: listenCommand,
  UnlistenStmt: unlistenCommand,
  NotifyStmt: notifyCommand,
} satisfies Readonly<Record<string, CommandMaker<never>>>;
