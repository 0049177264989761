import type {ClientSocket} from './client-socket.ts';
import {PgError, stackDepthError, internalError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {SingleByteEncoding} from '../common/client-encoding.ts';
import type {Session} from '../session/contract.ts';
import {writeError} from '../wire/error-message.ts';
import {Frame, FrameReader} from '../wire/frame-reader.ts';
import {MessageCursor} from '../wire/message-cursor.ts';
import {
  FIRST_LIMITS,
  FrontendType,
  MAX_STATEMENT_LENGTH,
  SESSION_LIMITS,
} from '../wire/protocol.ts';
import {ConnectionOutput} from './connection-output.ts';
import {CopyInput} from './copy-input.ts';
import {answersReady, dispatchMessage} from './message-dispatch.ts';
import {recodeRequest} from './recode.ts';
import type {ResultEncoders} from './result-encoders.ts';
import {ResultWriter, type SinkOwner} from './result-writer.ts';
import type {ServerLogger} from './server-options.ts';
import {StartUp, type StartUpOwner, type StartUpServer} from './start-up.ts';

/** What a connection needs of its listener. */
export interface ConnectionServer extends StartUpServer {
  readonly logger: ServerLogger;
  readonly encoders: ResultEncoders;
  /** Gives a process id and a cancel key. */
  register(connection: PostgresConnection): {readonly pid: number; readonly key: Buffer};
  /** The connection needs nothing of the server any more. */
  forget(connection: PostgresConnection): void;
  /** Goes on with the socket over TLS in a new connection. */
  startTls(connection: PostgresConnection, socket: ClientSocket): void;
}

/** Bytes of unread messages at which reading stops while a statement runs. */
const maxReadAhead = 1024 * 1024;
/** A Sync message. */
const syncBytes = 5;
/** How long a statement goes on after the client has closed its side. */
const halfCloseGraceMs = 1000;
/** How long a canceled statement may take to stop before its session is ended all the same. */
const cancelLimitMs = 5000;
/** How long a client that has closed its side may read nothing. */
const idleHalfOpenMs = 60_000;
/** How long a client may take to read the last bytes. */
const lingerMs = 10_000;

/** One client: cuts frames, logs in, gives messages to the session, and is the one place where errors become bytes. */
export class PostgresConnection implements SinkOwner, StartUpOwner {
  readonly #socket: ClientSocket;
  readonly #server: ConnectionServer;
  readonly isTls: boolean;
  readonly #reader = new FrameReader();
  readonly #cursor = new MessageCursor();
  readonly #output: ConnectionOutput;
  readonly #sink: ResultWriter;
  readonly #startUp: StartUp;
  #phase: 'start' | 'ready' | 'closed' = 'start';
  #session: Session | null = null;
  #isPumping = false;
  #isPaused = false;
  #isSkipping = false;
  #inputEnded = false;
  #limits = SESSION_LIMITS;
  /** Type of the message whose promise is pending, 0 if none. */
  #pendingType = 0;
  #pending: Promise<void> | null = null;
  readonly #copy = new CopyInput(() => this.#pump());
  #timer: NodeJS.Timeout | null = null;
  #ended: Promise<void> = Promise.resolve();
  readonly #onDone = (): void => this.#settled();
  readonly #onFailed = (error: unknown): void => this.#settled({error});

  constructor(socket: ClientSocket, server: ConnectionServer, isTls: boolean) {
    this.#socket = socket;
    this.#server = server;
    this.isTls = isTls;
    const onDurable = server.database.onDurable.bind(server.database);
    this.#output = new ConnectionOutput(socket, onDurable, () => this.#pump());
    this.#sink = new ResultWriter(this.#output, server.encoders, this);
    this.#startUp = new StartUp(server, this, this.#output.writer, this.#sink);
    this.#timer = setTimeout(
      () => this.disconnect(),
      server.options.authenticationTimeoutMs,
    ).unref();
    socket.on('data', chunk => {
      if (this.#phase === 'closed') return;
      this.#reader.push(chunk as Buffer);
      this.#pump();
    });
    socket.on('end', () => this.#onEnd());
    socket.on('error', error => {
      server.logger.debug({err: error}, 'connection lost');
    });
    socket.on('close', () => this.#onClose());
  }

  /** The connection was admitted as this process, or null before. */
  get session(): Session | null {
    return this.#session;
  }

  /** Resolves when the session has released all; meaningful once closed. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  get clientEncoding(): SingleByteEncoding | null {
    return this.#session?.clientEncoding ?? null;
  }

  flushRequested(): void {
    if (!this.#isPumping) this.#output.flush();
  }

  get hasInput(): boolean {
    return this.#reader.buffered > syncBytes;
  }

  copyInStarted(): void {
    this.#copy.start();
    queueMicrotask(() => this.#pump());
  }

  overflowed(): void {
    this.#server.logger.warn({pid: this.#session?.pid}, 'client does not read: disconnected');
    this.disconnect();
  }

  /** Writes the FATAL error and ends the connection. */
  fatal(error: PgError): void {
    if (this.#phase === 'closed') return;
    writeError(this.#output.writer, asFatal(error));
    this.finish();
  }

  /** Ends a session from outside (57P01), or a connection that has not logged in. */
  shutDown(): void {
    if (this.#phase === 'ready') {
      this.fatal(
        new PgError(SqlState.adminShutdown, 'terminating connection due to administrator command'),
      );
      return;
    }
    this.disconnect();
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#phase !== 'closed' && !this.#isBlocked()) {
        const isMore =
          this.#phase === 'ready' ? this.#readyStep() : this.#startUp.step(this.#reader);
        if (!isMore) break;
      }
    } catch (error) {
      this.fatal(this.#known(error));
    }
    this.#isPumping = false;
    this.#output.endTurn();
    if (this.#output.isHeld) this.#server.database.hurry?.();
    this.#adjustReading();
    if (this.#inputEnded) this.#finishAfterEnd();
  }

  #isBlocked(): boolean {
    if (this.#output.isFull) return true;
    return this.#pendingType !== 0 && this.#copy.receiver(this.#session) === null;
  }

  #adjustReading(): void {
    if (this.#phase === 'closed' || this.#inputEnded) return;
    const mustPause =
      this.#output.isFull || (this.#reader.buffered >= maxReadAhead && this.#isBlocked());
    if (mustPause === this.#isPaused) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#socket.pause();
    else this.#socket.resume();
  }

  // --- start-up

  resumed(): void {
    this.#pump();
  }

  failed(error: unknown): void {
    this.fatal(this.#known(error));
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? '';
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress?.replace(/^::ffff:/, '');
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  register(): {readonly pid: number; readonly key: Buffer} {
    return this.#server.register(this);
  }

  opened(session: Session): void {
    this.#session = session;
    this.#phase = 'ready';
    if (this.#socket.sendsPasswordUnasked === true) this.#limits = FIRST_LIMITS;
    this.#stopTimer();
  }

  startTls(): void {
    this.#output.flush();
    this.#phase = 'closed';
    this.#stopTimer();
    for (const event of ['data', 'drain', 'error', 'close']) {
      this.#socket.removeAllListeners(event);
    }
    this.#server.startTls(this, this.#socket);
  }

  // --- messages

  /** Handles one message; false when there is none. */
  #readyStep(): boolean {
    const reader = this.#reader;
    const frame = reader.next(this.#limits);
    if (frame === Frame.incomplete) return false;
    if (frame === Frame.badLength) {
      this.disconnect();
      return false;
    }
    const {type} = reader;
    const receiver = this.#pendingType === 0 ? null : this.#copy.receiver(this.#session);
    if (frame === Frame.message) {
      this.#limits = SESSION_LIMITS;
      this.#cursor.reset(reader.buffer, reader.bodyStart, reader.bodyEnd);
      if (receiver !== null) this.#copy.message(receiver, type, this.#cursor);
      else this.#message(type);
      return true;
    }
    if (receiver !== null) {
      this.#copy.loseSync(receiver, type);
      return false;
    }
    if (frame === Frame.tooLarge) {
      if (!this.#isSkipping) this.#report(type, statementTooLarge());
      return true;
    }
    this.fatal(new PgError(SqlState.protocolViolation, `invalid frontend message type ${type}`));
    return false;
  }

  #message(type: number): void {
    if (this.#isSkipping) {
      if (type === FrontendType.sync) this.#isSkipping = false;
      else if (type !== FrontendType.terminate) return;
    }
    if (type === FrontendType.terminate) {
      this.finish();
      return;
    }
    let pending: Promise<void> | undefined;
    try {
      const encoding = this.#session!.clientEncoding ?? null;
      if (encoding !== null) this.#recode(type, encoding);
      pending = dispatchMessage(this.#session!, type, this.#cursor);
    } catch (error) {
      this.#report(type, error);
      return;
    }
    if (pending === undefined) return;
    this.#pendingType = type;
    this.#pending = pending;
    pending.then(this.#onDone, this.#onFailed);
  }

  #recode(type: number, encoding: SingleByteEncoding): void {
    const {buffer, at, end} = this.#cursor;
    const body = recodeRequest(type, buffer.subarray(at, end), encoding);
    this.#cursor.reset(body, 0, body.length);
  }

  #settled(failure: {readonly error: unknown} | null = null): void {
    const type = this.#pendingType;
    this.#pendingType = 0;
    this.#pending = null;
    this.#copy.reset();
    if (this.#phase === 'closed') return;
    if (failure !== null) this.#report(type, failure.error);
    this.#pump();
  }

  /** Makes bytes of an error; after it, the extended protocol skips to Sync, the other messages answer ReadyForQuery. */
  #report(type: number, thrown: unknown): void {
    if (this.#phase === 'closed') return;
    const session = this.#session!;
    try {
      const error = session.failed(this.#known(thrown));
      if (error.severity !== 'ERROR') {
        this.fatal(error);
        return;
      }
      this.#sink.error(error);
      if (this.#copy.hasLostSync) {
        this.fatal(
          new PgError(
            SqlState.protocolViolation,
            'terminating connection because protocol synchronization was lost',
          ),
        );
        return;
      }
      if (answersReady(type)) session.readyAfterError();
      else this.#isSkipping = true;
    } catch (error) {
      this.fatal(this.#known(error));
    }
  }

  // --- the end

  #onEnd(): void {
    this.#inputEnded = true;
    this.#pump();
    if (this.#phase === 'closed') return;
    const receiver = this.#copy.receiver(this.#session);
    if (receiver !== null) this.#copy.loseClient(receiver);
    this.#socket.setTimeout(idleHalfOpenMs, () => this.disconnect());
    this.#timer = setInterval(() => {
      if (!this.#output.isFull) this.disconnect();
    }, halfCloseGraceMs).unref();
  }

  #finishAfterEnd(): void {
    if (this.#phase !== 'closed' && !this.#isBlocked()) this.finish();
  }

  /** Sends what is written and closes. */
  finish(): void {
    if (this.#phase === 'closed') return;
    this.#release();
    this.#output.end();
    this.#socket.resume();
    this.#timer = setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }

  /** Closes without a word. */
  disconnect(): void {
    this.#release();
    this.#socket.destroy();
  }

  #onClose(): void {
    this.#release();
    this.#output.close();
    this.#stopTimer();
  }

  #release(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#stopTimer();
    const session = this.#session;
    if (session !== null) {
      this.#ended = this.#endSession(session).catch((error: unknown) => {
        this.#server.logger.error({err: error, pid: session.pid}, 'session did not end well');
      });
    }
    this.#server.forget(this);
  }

  async #endSession(session: Session): Promise<void> {
    if (this.#pending !== null) {
      const receiver = this.#copy.receiver(session);
      if (receiver !== null) this.#copy.loseClient(receiver);
      else session.cancel();
      await settledWithin(this.#pending, cancelLimitMs);
    }
    await session.end();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer); // also ends an interval
    this.#timer = null;
  }

  /** What a client may see of a thrown value; bugs are logged with their stack. */
  #known(error: unknown): PgError {
    if (error instanceof PgError && error.code !== SqlState.internalError) return error;
    const tooDeep = stackDepthError(error);
    if (tooDeep !== null) return tooDeep;
    this.#server.logger.error({err: error, pid: this.#session?.pid}, 'internal error');
    if (error instanceof PgError) return error;
    return internalError(error instanceof Error ? error.message : String(error), error);
  }
}

function asFatal(error: PgError): PgError {
  if (error.severity !== 'ERROR') return error;
  return new PgError(error.code, error.message, {...error.fields, severity: 'FATAL'});
}

function settledWithin(pending: Promise<void>, ms: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    const settled = (): void => {
      clearTimeout(timer);
      resolve();
    };
    pending.then(settled, settled);
  });
}

function statementTooLarge(): PgError {
  return new PgError(
    SqlState.programLimitExceeded,
    `statement is too large: the limit is ${MAX_STATEMENT_LENGTH} bytes`,
  );
}
