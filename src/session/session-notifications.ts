import {SessionChannelListener} from './live-listener.ts';
import type {Listener, PendingNotify} from './notify-hub.ts';
import {checkNotify} from './ports/extern-port.ts';
import type {SessionContext} from './session-context.ts';

/** LISTEN and NOTIFY of one session: what it listens to, and what waits until it is idle (PostgreSQL's chapter NOTIFY). */
export class SessionNotifications {
  readonly #session: SessionContext & Listener;
  readonly #channels = new Set<string>();
  readonly #liveListener: SessionChannelListener;
  #queued: {readonly pid: number; readonly channel: string; readonly payload: string}[] = [];

  constructor(session: SessionContext & Listener) {
    this.#session = session;
    this.#liveListener = new SessionChannelListener(session);
  }

  get channels(): ReadonlySet<string> {
    return this.#channels;
  }

  /** NOTIFY: sent when the transaction commits, equal ones once. */
  notify(channel: string, payload: string): void {
    checkNotify(channel, payload);
    const {engine, transaction} = this.#session;
    engine.live.channels.checkNotify(channel);
    const {notifies} = transaction;
    if (notifies.some(each => each.channel === channel && each.payload === payload)) return;
    notifies.push({channel, payload});
  }

  queue(pid: number, channel: string, payload: string): void {
    this.#queued.push({pid, channel, payload});
  }

  /** Writes what is queued; it leaves when the commits that sent it are durable. */
  deliver(): void {
    if (this.#queued.length === 0) return;
    const {engine, sink} = this.#session;
    const {storage} = engine;
    if (storage.lastSeq > storage.durableSeq) sink.holdUntil(storage.lastSeq);
    const queued = this.#queued;
    this.#queued = [];
    for (const {pid, channel, payload} of queued) sink.notification(pid, channel, payload);
  }

  /** The transaction has committed: its LISTENs take effect, its NOTIFYs are published. */
  committed(): void {
    const {transaction, engine, pid} = this.#session;
    if (transaction.listens.length > 0) {
      for (const {kind, channel} of transaction.listens) {
        if (kind === 'listen') this.#listen(channel);
        else this.#unlisten(channel);
      }
      transaction.listens = [];
    }
    if (transaction.notifies.length > 0) {
      const notifies: readonly PendingNotify[] = transaction.notifies;
      transaction.notifies = [];
      engine.notifications.publish(pid, notifies);
    }
  }

  #listen(channel: string): void {
    if (this.#channels.has(channel)) return;
    this.#channels.add(channel);
    const {engine} = this.#session;
    engine.notifications.listen(channel, this.#session);
    engine.live.channels.listen(channel, this.#liveListener);
  }

  #unlisten(channel: string): void {
    const channels = channel === '*' ? [...this.#channels] : [channel];
    const {engine} = this.#session;
    for (const each of channels) {
      this.#channels.delete(each);
      // What came for it while the transaction ran is not told any more.
      this.#queued = this.#queued.filter(({channel: queued}) => queued !== each);
      engine.notifications.unlisten(each, this.#session);
      engine.live.channels.unlisten(each, this.#liveListener);
    }
  }

  /** The session ends. */
  close(): void {
    this.#unlisten('*');
  }
}
