// Hot path: every change that goes to a live WebSocket.
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Session} from '../../session/contract.ts';
import type {LiveHandle, LiveReceiver} from '../../session/live-contract.ts';
import {errorObject} from './answer-sink.ts';
import type {FrameOutput} from './frame-output.ts';
import type {RequestId, SubscribeMessage} from './live-message.ts';

/** Rows that a subscription takes at once while the client reads. */
const rowsAtOnce = 1024;
const frameSize = 64 * 1024;
const maxTimerMs = 0x7fff_ffff;

/** The live queries of one WebSocket. What one commit changes in all of them goes out in one frame. */
export class LiveSubscriptions {
  readonly frames: FrameOutput;
  readonly #maxCount: number;
  readonly #byId = new Map<RequestId, SocketSubscription>();
  /** Changes of the commit `#txSeq` that were not sent yet: members of `changes`. */
  #tx = '';
  #txSeq = 0n as Seq;

  constructor(frames: FrameOutput, maxCount: number) {
    this.frames = frames;
    this.#maxCount = maxCount;
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * Opens a live query and answers what to say of it; its rows come later. It is closed at `expiresAt`, unless that is null.
   * Rejects with PgError.
   */
  async open(
    session: Session,
    message: SubscribeMessage & {readonly id: RequestId},
    expiresAt: number | null,
  ): Promise<object> {
    const {id} = message;
    if (this.#byId.has(id)) throw new PgError(SqlState.duplicateObject, 'this id is in use');
    if (this.#byId.size >= this.#maxCount) {
      throw new PgError(
        SqlState.configurationLimitExceeded,
        `more than ${this.#maxCount} live queries of one connection`,
      );
    }
    if (session.subscribe === undefined)
      throw featureNotSupported('live queries are not supported');
    const subscription = new SocketSubscription(this, id);
    const {sql, query, args, snapshot, lastRows, resume, from, storage} = message;
    const request = {sql, name: query, args, snapshot, lastRows, resume, from, storage};
    const handle = await session.subscribe(request, subscription);
    if (subscription.failure !== null) throw subscription.failure;
    subscription.handle = handle;
    this.#byId.set(id, subscription);
    if (expiresAt !== null) subscription.endAt(expiresAt);
    const columns = handle.columns.map(({name, typeName, typeOid}) => ({
      ...{name, type: typeName, oid: typeOid},
    }));
    // What was given while it was opened waits until the answer is out.
    queueMicrotask(() => setImmediate(() => handle.wake()));
    return {type: 'subscribed', id, class: handle.class, columns, order: handle.order};
  }

  /** Closes one; nothing when it is not open. */
  close(id: RequestId): void {
    this.#byId.get(id)?.close();
    this.#byId.delete(id);
  }

  closeAll(): void {
    for (const subscription of this.#byId.values()) subscription.close();
    this.#byId.clear();
    this.#tx = '';
  }

  /** It ended by itself. */
  ended(id: RequestId): void {
    this.#byId.delete(id);
  }

  /** The client reads again. */
  wake(): void {
    for (const subscription of [...this.#byId.values()]) {
      if (this.frames.isFull) return;
      subscription.handle?.wake();
    }
  }

  /** Adds what a commit changes in one live query to the frame of the commit. */
  change(seq: Seq, member: string): void {
    if (this.#txSeq !== seq) this.flush();
    this.#txSeq = seq;
    this.#tx += `${this.#tx === '' ? '' : ','}${member}`;
  }

  /** Sends the frame that is being made. */
  flush(): void {
    if (this.#tx === '') return;
    const text = `{"type":"tx","seq":"${this.#txSeq}","changes":[${this.#tx}]}`;
    this.#tx = '';
    this.frames.data(text);
  }
}

/** One live query: makes frames of what it is given. */
class SocketSubscription implements LiveReceiver {
  handle: LiveHandle | null = null;
  /** It ended while it was opened. */
  failure: PgError | null = null;
  readonly #owner: LiveSubscriptions;
  readonly #id: RequestId;
  readonly #idText: string;
  #timer: NodeJS.Timeout | null = null;

  constructor(owner: LiveSubscriptions, id: RequestId) {
    this.#owner = owner;
    this.#id = id;
    this.#idText = JSON.stringify(id);
  }

  /** Closes it at a time, in milliseconds since 1970. */
  endAt(time: number): void {
    const ms = Math.min(Math.max(0, time - Date.now()), maxTimerMs);
    this.#timer = setTimeout(() => {
      this.close();
      this.closed(
        new PgError(SqlState.invalidAuthorizationSpecification, 'the sealed query has expired'),
      );
    }, ms).unref();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.handle?.close();
  }

  get wanted(): number {
    return this.handle === null || this.#owner.frames.isFull ? 0 : rowsAtOnce;
  }

  rows(seq: Seq, rows: readonly string[]): void {
    let text = '';
    for (let i = 0; i < rows.length; i++) {
      text += `${text === '' ? '' : ','}${rows[i]!}`;
      if (text.length < frameSize && i < rows.length - 1) continue;
      this.#data('rows', seq, `"rows":[${text}]`);
      text = '';
    }
  }

  mark(seq: Seq, token: string): void {
    this.#data('live', seq, `"token":${JSON.stringify(token)}`);
  }

  changes(seq: Seq, operations: readonly string[], token: string, isLag: boolean): void {
    const body = `"ops":[${operations.join(',')}],"token":${JSON.stringify(token)}`;
    if (isLag) this.#data('lag', seq, body);
    else this.#owner.change(seq, `{"id":${this.#idText},${body}}`);
  }

  reset(seq: Seq, reason: string): void {
    const {handle} = this;
    const isPlannedAnew = reason === 'policy' || reason === 'schema';
    const about =
      handle === null || !isPlannedAnew
        ? ''
        : `,"class":"${handle.class}","order":${JSON.stringify(handle.order)}`;
    this.#data('reset', seq, `"reason":${JSON.stringify(reason)}${about}`);
  }

  #data(type: string, seq: Seq, body: string): void {
    this.#owner.flush();
    this.#owner.frames.data(`{"type":"${type}","id":${this.#idText},"seq":"${seq}",${body}}`);
  }

  closed(error: PgError): void {
    if (this.handle === null) {
      this.failure = error;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#owner.flush();
    this.#owner.ended(this.#id);
    const message = {type: 'closed', id: this.#id, error: errorObject(error)};
    this.#owner.frames.control(JSON.stringify(message));
  }

  flush(): void {
    this.#owner.flush();
  }
}
