import {randomBytes, timingSafeEqual} from 'node:crypto';
import {createServer, type AddressInfo, type Server, type Socket} from 'node:net';
import type {SecureContext} from 'node:tls';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {Credentials, DEFAULT_TOKEN_SETTINGS, type TokenSettings} from './auth/credentials.ts';
import {FULL_SIZE} from './connection-output.ts';
import type {ClientSocket} from './client-socket.ts';
import {PostgresConnection, type ConnectionServer} from './connection.ts';
import {ResultEncoders} from './result-encoders.ts';
import type {ServedDatabase, ServerLogger, ServerOptions} from './server-options.ts';

const keepAliveMs = 60_000;
const cancelKeyLength = 4;
const firstPid = 1000;
const maxPid = 0x7fff_fffe;

interface Registered {
  readonly connection: PostgresConnection;
  readonly key: Buffer;
}

/** The PostgreSQL listener: accepts clients, counts them, cancels their statements, ends them. */
export class PostgresServer implements ConnectionServer {
  readonly database: ServedDatabase;
  readonly options: ServerOptions;
  readonly logger: ServerLogger;
  readonly encoders = new ResultEncoders();
  readonly mockSecret: Buffer;
  readonly credentials: Credentials;
  readonly #listener: Server;
  readonly #connections = new Set<PostgresConnection>();
  readonly #unauthenticated = new Set<PostgresConnection>();
  readonly #registered = new Map<number, Registered>();
  /** Process ids of sessions over HTTP. */
  readonly #reserved = new Set<number>();
  readonly #pids = new Map<PostgresConnection, number>();
  readonly #ending = new Set<Promise<void>>();
  #nextPid = firstPid;
  #secureContext: SecureContext | null = null;
  #TLSSocket: typeof import('node:tls').TLSSocket | null = null;
  #isClosing = false;

  constructor(
    database: ServedDatabase,
    options: ServerOptions,
    logger: ServerLogger,
    tokens: TokenSettings = DEFAULT_TOKEN_SETTINGS,
  ) {
    this.database = database;
    this.options = options;
    this.logger = logger;
    this.mockSecret = database.authSecret ?? randomBytes(32);
    this.credentials = new Credentials(database, this.mockSecret, tokens);
    this.#listener = createServer(
      {
        ...{allowHalfOpen: true, noDelay: true, highWaterMark: FULL_SIZE},
        ...{keepAlive: true, keepAliveInitialDelay: keepAliveMs},
      },
      socket => this.#accept(socket, false),
    );
  }

  /** The port that clients connect to; valid after `listen`. */
  get port(): number {
    return (this.#listener.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Whether connections are taken. */
  get isReady(): boolean {
    return this.#listener.listening && !this.#isClosing;
  }

  /** Logged-in clients. */
  get sessionCount(): number {
    return this.#registered.size;
  }

  /** Starts to take connections; rejects when the port cannot be had. */
  async listen(): Promise<void> {
    const {tls} = this.options;
    if (tls !== null) {
      const {createSecureContext, TLSSocket} = await import('node:tls');
      this.#secureContext = createSecureContext({...tls, minVersion: 'TLSv1.2'});
      this.#TLSSocket = TLSSocket;
    }
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen({host: this.options.listen, port: this.options.port}, () => {
        this.#listener.off('error', reject);
        resolve();
      });
    });
    this.#listener.on('error', error => this.logger.error({err: error}, 'listener failed'));
  }

  /** Takes no more connections, ends all sessions with 57P01, and resolves when they have released everything. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>(resolve => this.#listener.close(() => resolve()));
    for (const connection of [...this.#connections]) connection.shutDown();
    await Promise.all(this.#ending);
    if (this.#listener.listening) await closed;
  }

  requireSlot(isSuperuser: boolean | null): void {
    const {maxConnections, superuserReservedConnections} = this.options;
    const used = this.#registered.size;
    if (used >= maxConnections) {
      throw new PgError(SqlState.tooManyConnections, 'sorry, too many clients already');
    }
    if (isSuperuser === false && used >= maxConnections - superuserReservedConnections) {
      throw new PgError(
        SqlState.tooManyConnections,
        'remaining connection slots are reserved for non-replication superuser connections',
      );
    }
  }

  #freePid(): number {
    do {
      this.#nextPid = this.#nextPid >= maxPid ? firstPid : this.#nextPid + 1;
    } while (this.#registered.has(this.#nextPid) || this.#reserved.has(this.#nextPid));
    return this.#nextPid;
  }

  register(connection: PostgresConnection): {readonly pid: number; readonly key: Buffer} {
    const pid = this.#freePid();
    const key = randomBytes(cancelKeyLength);
    this.#registered.set(pid, {connection, key});
    this.#pids.set(connection, pid);
    this.#unauthenticated.delete(connection);
    return {pid, key};
  }

  /** A process id for a session that comes another way than by this listener. */
  reservePid(): number {
    const pid = this.#freePid();
    this.#reserved.add(pid);
    return pid;
  }

  releasePid(pid: number): void {
    this.#reserved.delete(pid);
  }

  /** Serves a client over a stream that is no socket of this listener. */
  adopt(stream: ClientSocket, isTls: boolean): void {
    this.#accept(stream, isTls);
  }

  cancel(pid: number, key: Buffer): void {
    const target = this.#registered.get(pid);
    if (target === undefined || target.key.length !== key.length) return;
    if (timingSafeEqual(target.key, key)) target.connection.session?.cancel();
  }

  forget(connection: PostgresConnection): void {
    this.#connections.delete(connection);
    this.#unauthenticated.delete(connection);
    const pid = this.#pids.get(connection);
    this.#pids.delete(connection);
    const ended = connection.ended.finally(() => {
      this.#ending.delete(ended);
      if (pid !== undefined) this.#registered.delete(pid);
    });
    this.#ending.add(ended);
  }

  startTls(connection: PostgresConnection, socket: Socket): void {
    this.#connections.delete(connection);
    this.#unauthenticated.delete(connection);
    const secure = new this.#TLSSocket!(socket, {
      isServer: true,
      secureContext: this.#secureContext!,
      ALPNProtocols: ['postgresql'],
    });
    socket.on('error', () => secure.destroy());
    this.#accept(secure, true);
  }

  #accept(socket: ClientSocket, isTls: boolean): void {
    if (this.#isClosing) {
      socket.destroy();
      return;
    }
    const connection = new PostgresConnection(socket, this, isTls);
    this.#connections.add(connection);
    this.#unauthenticated.add(connection);
    if (this.#unauthenticated.size > this.options.maxUnauthenticated) {
      // The oldest goes, so that idle sockets cannot keep others out.
      const [oldest] = this.#unauthenticated;
      oldest?.shutDown();
    }
  }
}
