// A process of clients: started by `client-process.ts`, told by messages what to do.
import {Listeners, notify, type NotifyCommand} from '../live/listeners.ts';
import {type Received, type SubscribeCommand, Subscriber} from '../live/subscriber.ts';
import {type PointReads, pointReads, type ReadCommand} from './point-reads.ts';
import {write, type WriteCommand, type Written} from '../live/writer.ts';

/** What a process of clients is asked, and what it answers. */
export interface ClientCommands {
  /** Opens sockets, without any subscription yet. */
  open: {readonly ask: {readonly port: number; readonly sockets: number}; readonly answer: null};
  subscribe: {readonly ask: SubscribeCommand; readonly answer: null};
  received: {readonly ask: null; readonly answer: number};
  take: {readonly ask: null; readonly answer: Received};
  write: {readonly ask: WriteCommand; readonly answer: Written};
  listen: {readonly ask: {readonly port: number; readonly count: number}; readonly answer: null};
  heard: {
    readonly ask: null;
    readonly answer: {readonly total: number; readonly wrong: number; readonly lastAt: number};
  };
  notify: {
    readonly ask: NotifyCommand;
    readonly answer: {readonly sent: number; readonly begunAt: number};
  };
  reads: {readonly ask: ReadCommand; readonly answer: PointReads};
}

/** One command on its way to the process. */
export interface Ask {
  readonly name: keyof ClientCommands;
  readonly ask: unknown;
}

const subscriber = new Subscriber();
const listeners = new Listeners();
const stop = new AbortController();

const handlers: {
  readonly [Name in keyof ClientCommands]: (
    ask: ClientCommands[Name]['ask'],
  ) => Promise<ClientCommands[Name]['answer']> | ClientCommands[Name]['answer'];
} = {
  open: ({port, sockets}) => subscriber.open(port, sockets).then(() => null),
  subscribe: ask => subscriber.subscribe(ask).then(() => null),
  received: () => subscriber.received,
  take: () => subscriber.take(),
  write,
  listen: ({port, count}) => listeners.open(port, count).then(() => null),
  heard: () => listeners.state,
  notify,
  reads: ask => pointReads(ask, () => stop.signal.aborted),
};

process.on('message', (message: Ask | 'stop') => {
  if (message === 'stop') {
    stop.abort();
    return;
  }
  const handler = handlers[message.name] as (ask: unknown) => unknown;
  Promise.resolve()
    .then(() => handler(message.ask))
    .then(
      answer => process.send!({answer}),
      (error: unknown) => process.send!({error: String(error)}),
    );
});
process.on('disconnect', () => process.exit(0));
