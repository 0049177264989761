import type {Seq} from '../common/ids.ts';
import type {SessionHost} from '../session/contract.ts';

/** What the server needs of a logger; pino fits. */
export interface ServerLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The database as the listener uses it. */
export interface ServedDatabase extends SessionHost {
  /** Calls back once everything up to `seq` is durable; at once, in the call, when it is already. */
  onDurable(seq: Seq, callback: () => void): void;
  /** A connection's answers wait for durability and it has nothing else to do. */
  hurry?(): void;
  /** Secret of this data directory; makes the salts of unknown users. Absent: a random one for the life of the process. */
  readonly authSecret?: Buffer;
}

/**
 * Who must prove himself, and how: `trust-loopback` lets loopback connections in as any existing role, others by SCRAM;
 * `password` asks for the password, or a token in its place, in clear text, over TLS or on this machine only.
 */
export type AuthMode = 'trust-loopback' | 'scram' | 'password';

/** How the PostgreSQL listener runs. */
export interface ServerOptions {
  readonly listen: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly auth: AuthMode;
  readonly maxConnections: number;
  /** Slots of `maxConnections` that only superusers get. */
  readonly superuserReservedConnections: number;
  readonly authenticationTimeoutMs: number;
  /** Connections that have not logged in yet, at most. */
  readonly maxUnauthenticated: number;
  readonly tls: TlsOptions | null;
}

/** Certificate chain and key, PEM. */
export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
}

/** PostgreSQL's defaults where PostgreSQL has them. */
export const DEFAULT_SERVER_OPTIONS: ServerOptions = {
  listen: '127.0.0.1',
  port: 5433,
  auth: 'trust-loopback',
  maxConnections: 100,
  superuserReservedConnections: 3,
  authenticationTimeoutMs: 60_000,
  maxUnauthenticated: 200,
  tls: null,
};

/** What `openDatabase` is given by the command. */
export interface OpenDatabaseOptions {
  readonly dataDir: string;
  readonly logger: ServerLogger;
}

/** The database as the command opens and closes it. */
export interface OpenedDatabase extends ServedDatabase {
  /** Ends background work, checkpoints, and releases the data directory; sessions have ended before. */
  close(): Promise<void>;
}
