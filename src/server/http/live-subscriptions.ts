// Hot path: every change that goes to a live WebSocket.
import {featureNotSupported, PgError} from '../../common/errors.ts';
import type {Seq} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Session} from '../../session/contract.ts';
import type {
  LiveForm,
  LiveHandle,
  LiveHandles,
  LiveReceiver,
  LiveTag,
} from '../../session/live-contract.ts';
import {errorObject} from './answer-sink.ts';
import type {FrameOutput} from './frame-output.ts';
import type {RequestId, SubscribeMessage} from './live-message.ts';

/** Rows that a subscription takes at once while the client reads. */
const rowsAtOnce = 1024;
const frameSize = 64 * 1024;
const maxTimerMs = 0x7fff_ffff;

/** The live queries of one WebSocket: it keeps the ids of their handles. What one commit changes in all of them goes out in one frame. */
export class LiveSubscriptions implements LiveReceiver {
  readonly frames: FrameOutput;
  readonly #maxCount: number;
  /** Handles by their id, under what the client calls them. */
  readonly #handles = new Map<RequestId, number>();
  /** Of sealed queries: when they end. */
  readonly #timers = new Map<RequestId, NodeJS.Timeout>();
  #live: LiveHandles | null = null;
  /** Changes of the commit `#txSeq` that were not sent yet: members of `changes`. */
  #tx = '';
  #txSeq = 0n as Seq;

  constructor(frames: FrameOutput, maxCount: number) {
    this.frames = frames;
    this.#maxCount = maxCount;
  }

  get size(): number {
    return this.#handles.size;
  }

  /**
   * Opens a live query and answers what to say of it; its rows come in later turns. It is closed at `expiresAt`, unless that is null.
   * Rejects with PgError.
   */
  async open(
    session: Session,
    message: SubscribeMessage & {readonly id: RequestId},
    expiresAt: number | null,
  ): Promise<object> {
    const {id} = message;
    if (this.#handles.has(id)) throw new PgError(SqlState.duplicateObject, 'this id is in use');
    if (this.#handles.size >= this.#maxCount) {
      throw new PgError(
        SqlState.configurationLimitExceeded,
        `more than ${this.#maxCount} live queries of one connection`,
      );
    }
    if (session.subscribe === undefined)
      throw featureNotSupported('live queries are not supported');
    this.#live = session.live ?? null;
    const {sql, query, args, snapshot, lastRows, resume, from, storage} = message;
    const request = {sql, name: query, args, snapshot, lastRows, resume, from, storage, tag: id};
    const handle = await session.subscribe(request, this);
    this.#handles.set(id, handle.id);
    if (expiresAt !== null) this.#endAt(id, expiresAt);
    const columns = handle.columns.map(({name, typeName, typeOid}) => ({
      ...{name, type: typeName, oid: typeOid},
    }));
    return {type: 'subscribed', id, class: handle.class, columns, order: handle.order};
  }

  /** Closes it at a time, in milliseconds since 1970. */
  #endAt(id: RequestId, time: number): void {
    const ms = Math.min(Math.max(0, time - Date.now()), maxTimerMs);
    const end = (): void => {
      this.#handle(id)?.close();
      this.closed(
        new PgError(SqlState.invalidAuthorizationSpecification, 'the sealed query has expired'),
        id,
      );
    };
    this.#timers.set(id, setTimeout(end, ms).unref());
  }

  #handle(id: RequestId): LiveHandle | undefined {
    const number = this.#handles.get(id);
    return number === undefined ? undefined : this.#live?.find(number);
  }

  /** Closes one; nothing when it is not open. */
  close(id: RequestId): void {
    this.#handle(id)?.close();
    this.#forget(id);
  }

  #forget(id: RequestId): void {
    this.#handles.delete(id);
    if (this.#timers.size === 0) return;
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  closeAll(): void {
    for (const id of [...this.#handles.keys()]) this.close(id);
    this.#tx = '';
  }

  /** The client reads again. */
  wake(): void {
    for (const id of [...this.#handles.keys()]) {
      if (this.frames.isFull) return;
      this.#handle(id)?.wake();
    }
  }

  // --- what they are told

  get wanted(): number {
    return this.frames.isFull ? 0 : rowsAtOnce;
  }

  rows(seq: Seq, rows: readonly string[], id: LiveTag): void {
    let text = '';
    for (let i = 0; i < rows.length; i++) {
      text += `${text === '' ? '' : ','}${rows[i]!}`;
      if (text.length < frameSize && i < rows.length - 1) continue;
      this.#data('rows', id, seq, `"rows":[${text}]`);
      text = '';
    }
  }

  mark(seq: Seq, token: string, id: LiveTag): void {
    this.#data('live', id, seq, `"token":${JSON.stringify(token)}`);
  }

  changes(
    seq: Seq,
    operations: readonly string[],
    token: string,
    isLag: boolean,
    id: LiveTag,
  ): void {
    const body = `"ops":[${operations.join(',')}],"token":${JSON.stringify(token)}`;
    if (isLag) this.#data('lag', id, seq, body);
    else this.#change(seq, `{"id":${JSON.stringify(id)},${body}}`);
  }

  /** Adds what a commit changes in one live query to the frame of the commit. */
  #change(seq: Seq, member: string): void {
    if (this.#txSeq !== seq) this.flush();
    this.#txSeq = seq;
    this.#tx += `${this.#tx === '' ? '' : ','}${member}`;
  }

  reset(seq: Seq, reason: string, form: LiveForm, id: LiveTag): void {
    const isPlannedAnew = reason === 'policy' || reason === 'schema';
    const about = isPlannedAnew
      ? `,"class":"${form.class}","order":${JSON.stringify(form.order)}`
      : '';
    this.#data('reset', id, seq, `"reason":${JSON.stringify(reason)}${about}`);
  }

  #data(type: string, id: LiveTag, seq: Seq, body: string): void {
    this.flush();
    this.frames.data(`{"type":"${type}","id":${JSON.stringify(id)},"seq":"${seq}",${body}}`);
  }

  closed(error: PgError, id: LiveTag): void {
    if (id === null || !this.#handles.has(id)) return;
    this.#forget(id);
    this.flush();
    this.frames.control(JSON.stringify({type: 'closed', id, error: errorObject(error)}));
  }

  /** Sends the frame that is being made. */
  flush(): void {
    if (this.#tx === '') return;
    const text = `{"type":"tx","seq":"${this.#txSeq}","changes":[${this.#tx}]}`;
    this.#tx = '';
    this.frames.data(text);
  }
}
