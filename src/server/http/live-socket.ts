import type {IncomingMessage} from 'node:http';
import type {Duplex} from 'node:stream';
import type {WebSocket} from 'ws';
import {internalError, PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {LoginRole} from '../../session/contract.ts';
import type {Access, Identity} from './access.ts';
import {claimOf} from './access.ts';
import {errorObject} from './answer-sink.ts';
import {FrameOutput} from './frame-output.ts';
import {HeldOutput} from './held-output.ts';
import {HttpError} from './http-error.ts';
import type {HttpEngine, HttpOptions} from './http-options.ts';
import {HttpSession} from './http-session.ts';
import {type LiveMessage, readLiveMessage, type RequestId} from './live-message.ts';
import {LiveSubscriptions} from './live-subscriptions.ts';
import {runStatements} from './run-statements.ts';
import {SocketSink} from './socket-sink.ts';

/** What a live WebSocket needs of its server. */
export interface LiveSocketHost {
  readonly options: HttpOptions;
  readonly engine: HttpEngine;
  readonly access: Access;
  /** The socket is closed; the promise resolves when its sessions have ended. */
  onEnd(ended: Promise<void>): void;
}

/** Close codes of our own (RFC 6455 7.4.2). */
export const CloseCode = {
  protocolError: 1002,
  unsupportedData: 1003,
  unauthenticated: 4001,
  expired: 4003,
  ended: 4004,
} as const;

const protocolVersion = 1;
/** Requests that wait for their turn, and their bytes, beyond which further ones are refused. */
const maxQueued = 2048;
const maxQueuedBytes = 16 * 1024 * 1024;
const maxSealedSessions = 8;
const maxRenewing = 8;
const maxTimerMs = 0x7fff_ffff;

type Hello = Extract<LiveMessage, {type: 'hello'}>;

/** One client of `/ws`: who it is, its session, its requests one after another, its live queries. */
export class LiveSocket {
  readonly webSocket: WebSocket;
  readonly #request: IncomingMessage;
  readonly #host: LiveSocketHost;
  readonly #frames: FrameOutput;
  readonly #output: HeldOutput;
  readonly #sink: SocketSink;
  readonly #subscriptions: LiveSubscriptions;
  #identity: Identity | null = null;
  #opened: HttpSession | null = null;
  /** Sessions of those who sealed queries, by role and database. */
  readonly #sealed = new Map<string, HttpSession>();
  #timer: NodeJS.Timeout;
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #queuedBytes = 0;
  #renewing = 0;
  #isHelloing = false;
  #isClosed = false;

  constructor(
    webSocket: WebSocket,
    request: IncomingMessage,
    socket: Duplex,
    host: LiveSocketHost,
  ) {
    this.webSocket = webSocket;
    this.#request = request;
    this.#host = host;
    const {database} = host.engine;
    this.#frames = new FrameOutput(webSocket, socket, () => this.#onRoom());
    const frames = this.#frames;
    const target = {
      write: (chunk: string | Uint8Array) => frames.data(chunk as string),
      get isFull() {
        return frames.isFull;
      },
      stalled: () => webSocket.terminate(),
    };
    this.#output = new HeldOutput(target, (seq, callback) => {
      database.onDurable(seq, callback);
      database.hurry?.();
    });
    this.#sink = new SocketSink(this.#output, error => this.#sessionEnded(error));
    this.#subscriptions = new LiveSubscriptions(frames, host.options.settings.maxSubscriptions);
    this.#timer = setTimeout(
      () => this.end('no hello in time', CloseCode.unauthenticated),
      host.options.settings.helloTimeoutMs,
    ).unref();
    webSocket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    webSocket.on('close', () => this.#onClose());
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  /** Says goodbye and closes. */
  end(reason: string, code: number): void {
    this.#subscriptions.flush();
    this.#send({type: 'bye', reason});
    this.webSocket.close(code, reason);
    // Who does not answer the closing frame is not waited for.
    setTimeout(() => this.webSocket.terminate(), 2000).unref();
    this.#onClose();
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return;
    if (isBinary) {
      this.end('text frames only', CloseCode.unsupportedData);
      return;
    }
    let message: LiveMessage;
    try {
      message = readLiveMessage(data.toString());
      this.#dispatch(message, data.length);
    } catch (error) {
      this.#fail(null, error);
      this.end('protocol error', CloseCode.protocolError);
    }
  }

  #dispatch(message: LiveMessage, bytes: number): void {
    if (message.type === 'hello') {
      if (this.#isHelloing) throw protocolError('hello was said');
      this.#isHelloing = true;
      void this.#hello(message);
      return;
    }
    if (message.type === 'ping') {
      this.#send({type: 'pong'});
      return;
    }
    if (!this.#isHelloing) throw protocolError('the first message must be hello');
    switch (message.type) {
      case 'ack':
        if (!this.#frames.acknowledge(message.bytes))
          throw protocolError('more bytes acknowledged than were sent');
        return;
      case 'cancel':
        this.#opened?.session.cancel();
        return;
      case 'auth':
        if (this.#renewing >= maxRenewing) throw protocolError('too many tokens at once');
        void this.#renew(message.token);
        return;
      case 'sql':
        this.#inTurn(message, bytes, () => this.#sql(message));
        return;
      case 'sub':
        this.#inTurn(message, bytes, async () => {
          const answer = await this.#subscribe(message);
          // It may be gone while the query was planned.
          if (this.#isClosed) this.#subscriptions.closeAll();
          else this.#send(answer);
        });
        return;
      case 'unsub':
        this.#inTurn(message, bytes, async () => {
          this.#subscriptions.close(message.id);
          this.#send({type: 'unsubscribed', id: message.id});
        });
    }
  }

  // --- who it is

  async #hello(hello: Hello): Promise<void> {
    try {
      const {user, password, token} = hello;
      const isNamed = user !== null || token !== null;
      const claim = isNamed ? {user, password, token} : claimOf(this.#request);
      const identity = await this.#host.access.identify(claim, this.#request);
      if (this.#isClosed) return;
      this.#frames.window = hello.window;
      this.#opened = new HttpSession(
        ...([this.#host.engine, identity, hello.database, this.#request, this.#sink] as const),
      );
      this.#welcome(identity, hello);
    } catch (error) {
      this.#fail(null, error);
      this.end('authentication failed', CloseCode.unauthenticated);
    }
  }

  #welcome(identity: Identity, hello: Hello): void {
    const {settings} = this.#host.options;
    this.#accept(identity);
    this.#send({
      ...{type: 'welcome', version: protocolVersion, session: this.#opened!.session.pid},
      ...{user: identity.role.name, database: hello.database, window: hello.window},
      expires: expiryText(identity),
      limits: {subscriptions: settings.maxSubscriptions, message_bytes: 1024 * 1024},
    });
  }

  /** From now on it is this role, until its token ends. */
  #accept(identity: Identity): void {
    this.#identity = identity;
    clearTimeout(this.#timer);
    if (identity.expiresAt === null) return;
    const ms = Math.min(Math.max(0, identity.expiresAt - Date.now()), maxTimerMs);
    this.#timer = setTimeout(
      () => this.end('the token has expired', CloseCode.expired),
      ms,
    ).unref();
  }

  /** Another token of the same role: nothing that is open is touched. */
  async #renew(token: string): Promise<void> {
    this.#renewing++;
    try {
      const claim = {user: null, password: null, token};
      const identity = await this.#host.access.identify(claim, this.#request);
      if (this.#isClosed) return;
      if (this.#identity === null || identity.role.oid !== this.#identity.role.oid) {
        throw new PgError(
          SqlState.invalidAuthorizationSpecification,
          'the token is not of the role of this connection',
        );
      }
      this.#accept(identity);
      this.#send({type: 'auth', user: identity.role.name, expires: expiryText(identity)});
    } catch (error) {
      this.#fail(null, error);
    } finally {
      this.#renewing--;
    }
  }

  // --- requests

  /**
   * The session does one thing at a time: requests wait for each other. The socket is read meanwhile, because `ack` and `cancel` may be
   * what the statement that runs is waiting for.
   */
  #inTurn(
    {id, type}: {readonly id: RequestId; readonly type: LiveMessage['type']},
    bytes: number,
    work: () => Promise<void>,
  ): void {
    if (this.#queued >= maxQueued || this.#queuedBytes + bytes > maxQueuedBytes) {
      // Refused it would leave a live query open that the client has forgotten.
      if (type === 'unsub') throw tooManyRequests();
      this.#fail(id, tooManyRequests());
      return;
    }
    this.#queued++;
    this.#queuedBytes += bytes;
    this.#tail = this.#tail.then(async () => {
      try {
        if (this.#isClosed) return;
        if (this.#opened === null) throw protocolError('wait for welcome first');
        await work();
      } catch (error) {
        this.#fail(id, error);
      } finally {
        this.#queued--;
        this.#queuedBytes -= bytes;
      }
    });
  }

  async #sql({id, sql, params}: Extract<LiveMessage, {type: 'sql'}>): Promise<void> {
    const startedAt = performance.now();
    this.#sink.begin(JSON.stringify(id));
    try {
      await runStatements(this.#opened!.session, sql, params);
    } finally {
      await this.#output.settled();
    }
    const ms = Number((performance.now() - startedAt).toFixed(3));
    const seq = this.#sink.committedSeq;
    this.#send({type: 'done', id, ms, ...(seq === null ? {} : {seq: String(seq)})});
  }

  async #subscribe(message: Extract<LiveMessage, {type: 'sub'}>): Promise<object> {
    if (message.sealed === null)
      return this.#subscriptions.open(this.#opened!.session, message, null);
    const seal = await this.#host.engine.credentials.tokens.unseal(message.sealed);
    if (seal === null) {
      throw new PgError(
        SqlState.invalidAuthorizationSpecification,
        'the sealed query is not valid, or has expired',
      );
    }
    const {query, role, expiresAt} = seal;
    const {session} = this.#sealedSession(role, query.database);
    const {sql, args} = query;
    const plain = {...message, sealed: null, sql, query: query.query, args};
    return this.#subscriptions.open(session, plain, expiresAt);
  }

  /** A session with the rights of who sealed; the client runs nothing in it but sealed queries. */
  #sealedSession(role: LoginRole, database: string): HttpSession {
    const key = `${role.oid} ${database}`;
    const known = this.#sealed.get(key);
    if (known !== undefined) return known;
    if (this.#sealed.size >= maxSealedSessions) {
      throw new PgError(
        SqlState.configurationLimitExceeded,
        `sealed queries of more than ${maxSealedSessions} roles`,
      );
    }
    const identity = {role, expiresAt: null, isAnonymous: false};
    const sink = new SocketSink(this.#output, error => this.#sessionEnded(error));
    const opened = new HttpSession(this.#host.engine, identity, database, this.#request, sink);
    this.#sealed.set(key, opened);
    return opened;
  }

  #onRoom(): void {
    this.#output.wake();
    this.#subscriptions.wake();
  }

  // --- the end

  #sessionEnded(error: PgError): void {
    if (this.#isClosed) return;
    this.#fail(null, error);
    this.end('the session has ended', CloseCode.ended);
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#subscriptions.closeAll();
    this.#output.close();
    this.#host.onEnd(this.#endSession());
  }

  async #endSession(): Promise<void> {
    this.#opened?.session.cancel();
    await this.#tail;
    await this.#opened?.end();
    for (const sealed of this.#sealed.values()) await sealed.end();
  }

  #fail(id: RequestId | null, thrown: unknown): void {
    const error = this.#known(thrown);
    const object = {type: 'error', ...(id === null ? {} : {id}), error: errorObject(error)};
    this.#send(object);
  }

  #known(thrown: unknown): PgError {
    if (thrown instanceof HttpError) return thrown.error;
    if (thrown instanceof PgError) return thrown;
    this.#host.engine.logger.error({err: thrown}, 'internal error of a WebSocket');
    return internalError(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }

  #send(message: object): void {
    this.#subscriptions.flush();
    this.#frames.control(JSON.stringify(message));
  }
}

function expiryText({expiresAt}: Identity): string | null {
  return expiresAt === null ? null : new Date(expiresAt).toISOString();
}

function protocolError(message: string): PgError {
  return new PgError(SqlState.protocolViolation, message);
}

function tooManyRequests(): PgError {
  return new PgError(SqlState.configurationLimitExceeded, 'too many requests wait for their turn', {
    hint: `At most ${maxQueued} requests of together ${maxQueuedBytes / 1024 / 1024} MiB wait. Wait for answers.`,
  });
}
