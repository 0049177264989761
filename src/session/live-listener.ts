import type {ChannelListener} from '../live/channels.ts';
import type {SessionContext} from './session-context.ts';

/** A session as live channels see it: it takes notifications between transactions, while its client reads. */
export class SessionChannelListener implements ChannelListener {
  readonly #session: SessionContext;

  constructor(session: SessionContext) {
    this.#session = session;
  }

  get pid(): number {
    return this.#session.pid;
  }

  get isReady(): boolean {
    return this.#session.isIdle && !this.#session.sink.isFull;
  }

  notification(channel: string, payload: string): void {
    this.#session.sink.notification(this.#session.pid, channel, payload);
  }

  flush(): void {
    if (this.#session.isIdle) this.#session.sink.flush();
  }

  whenReady(callback: () => void): void {
    if (this.#session.isIdle) void this.#session.sink.drained().then(callback);
    else this.#session.onceIdle(callback);
  }
}
