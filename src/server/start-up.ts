import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import type {ResultSink, Session} from '../session/contract.ts';
import {
  writeBackendKeyData,
  writeNegotiateProtocolVersion,
  writeParameterStatus,
  writeReadyForQuery,
} from '../wire/backend-messages.ts';
import {writeOldProtocolError} from '../wire/error-message.ts';
import {Frame, type FrameReader} from '../wire/frame-reader.ts';
import {MessageCursor} from '../wire/message-cursor.ts';
import {PASSWORD_LIMITS, PROTOCOL_3_0, SASL_LIMITS} from '../wire/protocol.ts';
import {OldProtocolError, parseStartupPacket, type StartupRequest} from '../wire/startup-packet.ts';
import type {Credentials} from './auth/credentials.ts';
import {isLoopback} from './auth/role-login.ts';
import {Login, type LoginMethod, passwordFailed} from './login.ts';
import type {ServedDatabase, ServerOptions} from './server-options.ts';

/** What the start of a connection needs of the server. */
export interface StartUpServer {
  readonly database: ServedDatabase;
  readonly options: ServerOptions;
  readonly mockSecret: Buffer;
  readonly credentials: Credentials;
  /** Raises 53300 when no slot is left; null before the role is known. */
  requireSlot(isSuperuser: boolean | null): void;
  cancel(pid: number, key: Buffer): void;
}

/** The connection that starts. */
export interface StartUpOwner {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly isTls: boolean;
  /** A process id and a cancel key for it. */
  register(): {readonly pid: number; readonly key: Buffer};
  /** The answer is written: goes on over TLS. */
  startTls(): void;
  /** From now on the session is the owner's to end. */
  opened(session: Session): void;
  /** Sends what is written and closes. */
  finish(): void;
  /** Closes without a word. */
  disconnect(): void;
  /** A step that waited is done. */
  resumed(): void;
  /** A step that waited failed: writes the error and closes. */
  failed(error: unknown): void;
  readonly isClosed: boolean;
}

/** From the first packet to ReadyForQuery (PostgreSQL 55.2.1). */
export class StartUp {
  readonly #server: StartUpServer;
  readonly #owner: StartUpOwner;
  readonly #out: ByteWriter;
  readonly #sink: ResultSink;
  #login: Login | null = null;
  /** A password is checked: the next message waits. */
  #isChecking = false;
  #sawSslRequest = false;
  #sawGssRequest = false;

  constructor(server: StartUpServer, owner: StartUpOwner, out: ByteWriter, sink: ResultSink) {
    this.#server = server;
    this.#owner = owner;
    this.#out = out;
    this.#sink = sink;
  }

  /** Handles one packet; false when it is not complete. What it throws is FATAL. */
  step(reader: FrameReader): boolean {
    if (this.#isChecking) return false;
    if (this.#login?.method === 'password') return this.#passwordStep(this.#login, reader);
    if (this.#login !== null) return this.#loginStep(this.#login, reader);
    const frame = reader.nextStartup();
    if (frame === Frame.incomplete) return false;
    if (frame === Frame.message) this.#packet(reader);
    else this.#owner.disconnect();
    return true;
  }

  #packet(reader: FrameReader): void {
    const {buffer, bodyStart, bodyEnd} = reader;
    try {
      const packet = parseStartupPacket(buffer, bodyStart, bodyEnd);
      switch (packet.kind) {
        case 'ssl':
          this.#answerSsl(reader.buffered > 0);
          return;
        case 'gssenc':
          if (this.#sawGssRequest) throw repeated(5680);
          this.#sawGssRequest = true;
          this.#out.byte(0x4e);
          return;
        case 'cancel':
          this.#server.cancel(packet.pid, packet.key);
          this.#owner.disconnect();
          return;
        case 'startup':
          this.#begin(packet.request);
      }
    } catch (error) {
      if (!(error instanceof OldProtocolError)) throw error;
      writeOldProtocolError(this.#out, error.message);
      this.#owner.finish();
    }
  }

  #answerSsl(isFollowed: boolean): void {
    if (this.#sawSslRequest) throw repeated(5679);
    this.#sawSslRequest = true;
    // What follows the request in clear text must never be taken for encrypted (CVE-2021-23214).
    if (isFollowed) {
      this.#owner.disconnect();
      return;
    }
    const canTls = this.#server.options.tls !== null && !this.#owner.isTls;
    this.#out.byte(canTls ? 0x53 : 0x4e);
    if (canTls) this.#owner.startTls();
  }

  #begin(request: StartupRequest): void {
    const {minorVersion, protocolOptions} = request;
    const {database, mockSecret, credentials} = this.#server;
    if (minorVersion > 0 || protocolOptions.length > 0) {
      writeNegotiateProtocolVersion(this.#out, PROTOCOL_3_0, protocolOptions);
    }
    this.#server.requireSlot(null);
    const method = this.#method();
    const {remoteAddress} = this.#owner;
    const context = {database, method, mockSecret, credentials, remoteAddress};
    const login = new Login(request, context, this.#out);
    this.#login = login;
    if (login.begin()) this.#open(login);
  }

  /** Passwords in clear text are taken over TLS or on this machine only. */
  #method(): LoginMethod {
    const {auth} = this.#server.options;
    const {remoteAddress, isTls} = this.#owner;
    const isLocal = isLoopback(remoteAddress);
    if (auth === 'trust-loopback' && isLocal) return 'trust';
    if (auth !== 'password') return 'scram';
    if (isTls || isLocal) return 'password';
    throw new PgError(
      SqlState.invalidAuthorizationSpecification,
      'password authentication requires an encrypted connection',
    );
  }

  #passwordStep(login: Login, reader: FrameReader): boolean {
    const frame = reader.next(PASSWORD_LIMITS);
    if (frame === Frame.incomplete) return false;
    if (frame === Frame.unknownType) {
      throw new PgError(
        SqlState.protocolViolation,
        `expected password response, got message type ${reader.type}`,
      );
    }
    if (frame !== Frame.message) throw passwordFailed(login.request.user);
    const cursor = new MessageCursor();
    cursor.reset(reader.buffer, reader.bodyStart, reader.bodyEnd);
    this.#openAfter(login.password(cursor), login);
    return false;
  }

  #openAfter(checked: Promise<void>, login: Login): void {
    this.#isChecking = true;
    const opened = checked.then(() => {
      this.#isChecking = false;
      if (this.#owner.isClosed) return;
      this.#open(login);
      this.#owner.resumed();
    });
    opened.catch((error: unknown) => this.#owner.failed(error));
  }

  #loginStep(login: Login, reader: FrameReader): boolean {
    const frame = reader.next(SASL_LIMITS);
    if (frame === Frame.incomplete) return false;
    if (frame === Frame.unknownType) {
      throw new PgError(
        SqlState.protocolViolation,
        `expected SASL response, got message type ${reader.type}`,
      );
    }
    if (frame !== Frame.message) throw passwordFailed(login.request.user);
    const cursor = new MessageCursor();
    cursor.reset(reader.buffer, reader.bodyStart, reader.bodyEnd);
    const checked = login.answer(cursor);
    if (checked === null) return true;
    this.#openAfter(checked, login);
    return false;
  }

  #open(login: Login): void {
    const role = login.admit();
    this.#server.requireSlot(role.isSuperuser);
    const {user, database, settings} = login.request;
    const {remoteAddress, remotePort, localAddress, localPort} = this.#owner;
    const {pid, key} = this.#owner.register();
    const address = {remoteAddress, remotePort, isLoopback: isLoopback(remoteAddress)};
    const options = {user, database, settings, pid, ...address, localAddress, localPort};
    const session = this.#server.database.openSession(options, this.#sink);
    this.#owner.opened(session);
    for (const [name, value] of this.#server.database.reportedSettings(session)) {
      writeParameterStatus(this.#out, name, value);
    }
    writeBackendKeyData(this.#out, pid, key);
    writeReadyForQuery(this.#out, 'I');
  }
}

/** Each request for encryption may come once; again, its code is taken for a version. */
function repeated(minor: number): PgError {
  return new PgError(
    SqlState.featureNotSupported,
    `unsupported frontend protocol 1234.${minor}: server supports 3.0 to 3.0`,
  );
}
