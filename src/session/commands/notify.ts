import type {ListenStmt, NotifyStmt, UnlistenStmt} from '@pgsql/types';
import {CommandExecution, type Execution} from '../execution.ts';
import type {CommandInput} from './command-types.ts';

/** LISTEN takes effect when its transaction commits. */
export function listenCommand({session, node}: CommandInput<ListenStmt>): Execution {
  return new CommandExecution(() => {
    const channel = node.conditionname ?? '';
    session.engine.extensions.checkListen(session, channel);
    session.transaction.listens.push({kind: 'listen', channel});
    return 'LISTEN';
  });
}

/** UNLISTEN channel | *. */
export function unlistenCommand({session, node}: CommandInput<UnlistenStmt>): Execution {
  return new CommandExecution(() => {
    session.transaction.listens.push({kind: 'unlisten', channel: node.conditionname ?? '*'});
    return 'UNLISTEN';
  });
}

/** NOTIFY channel [, payload]. */
export function notifyCommand({session, node}: CommandInput<NotifyStmt>): Execution {
  return new CommandExecution(() => {
    session.notify(node.conditionname ?? '', node.payload ?? '');
    return 'NOTIFY';
  });
}
