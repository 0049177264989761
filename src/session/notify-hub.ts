/** A session as the hub sees it. */
export interface Listener {
  /** Called after the notifying transaction was applied; the listener queues it until it is idle. */
  notified(pid: number, channel: string, payload: string): void;
}

/** One NOTIFY waiting for its transaction's commit. */
export interface PendingNotify {
  readonly channel: string;
  readonly payload: string;
}

/** LISTEN and NOTIFY (PostgreSQL's async.c by contract): channel -> sessions, so that a NOTIFY costs O(listeners of its channel). */
export class NotifyHub {
  readonly #channels = new Map<string, Set<Listener>>();

  listen(channel: string, listener: Listener): void {
    let listeners = this.#channels.get(channel);
    if (listeners === undefined) {
      listeners = new Set();
      this.#channels.set(channel, listeners);
    }
    listeners.add(listener);
  }

  unlisten(channel: string, listener: Listener): void {
    const listeners = this.#channels.get(channel);
    if (listeners === undefined) return;
    listeners.delete(listener);
    if (listeners.size === 0) this.#channels.delete(channel);
  }

  /** Delivers a committed transaction's notifications in order. */
  publish(pid: number, notifications: readonly PendingNotify[]): void {
    for (const {channel, payload} of notifications) {
      const listeners = this.#channels.get(channel);
      if (listeners === undefined) continue;
      for (const listener of listeners) listener.notified(pid, channel, payload);
    }
  }
}
