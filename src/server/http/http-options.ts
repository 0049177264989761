import type {Credentials} from '../auth/credentials.ts';
import type {ClientSocket} from '../client-socket.ts';
import type {AuthMode, ServedDatabase, ServerLogger, TlsOptions} from '../server-options.ts';

/** What the operator says of HTTP. */
export interface HttpSettings {
  /** Origins of web pages that may call, exactly: `https://app.example`. Pages of this server itself always may. */
  readonly origins: readonly string[];
  /** Whether who names nobody is `wadi_anonymous`; else he is turned away. */
  readonly allowsAnonymous: boolean;
  /** A proxy in front speaks TLS with clients: passwords are taken in clear text, and nobody is trusted for his address. */
  readonly isBehindProxy: boolean;
  /** Serves HTTPS with the certificate of the PostgreSQL listener. */
  readonly usesTls: boolean;
  readonly maxBodyBytes: number;
  /** Requests of POST /sql that run at once. */
  readonly maxRequests: number;
  readonly maxWebSockets: number;
  readonly maxSubscriptions: number;
  /** How long a WebSocket may be silent about who it is. */
  readonly helloTimeoutMs: number;
  readonly pingIntervalMs: number;
}

/** Closed to web pages of others, and to who does not say who he is. */
export const DEFAULT_HTTP_SETTINGS: HttpSettings = {
  origins: [],
  allowsAnonymous: false,
  isBehindProxy: false,
  usesTls: false,
  maxBodyBytes: 4 * 1024 * 1024,
  maxRequests: 100,
  maxWebSockets: 20_000,
  maxSubscriptions: 1000,
  helloTimeoutMs: 5000,
  pingIntervalMs: 15_000,
};

/** The PostgreSQL listener as HTTP needs it: process ids, and raw connections. */
export interface ProcessIds {
  reservePid(): number;
  releasePid(pid: number): void;
  /** Serves the PostgreSQL protocol over a stream. */
  adopt(stream: ClientSocket, isTls: boolean): void;
  readonly sessionCount: number;
}

/** How the HTTP listener runs. */
export interface HttpOptions {
  readonly listen: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly auth: AuthMode;
  readonly tls: TlsOptions | null;
  readonly settings: HttpSettings;
  /** Whether PostgreSQL connections are taken. */
  readonly isReady: () => boolean;
  /** Absent: only whether the process lives can be asked. */
  readonly engine: HttpEngine | null;
}

/** What answers statements. */
export interface HttpEngine {
  readonly database: ServedDatabase;
  readonly credentials: Credentials;
  readonly processes: ProcessIds;
  readonly logger: ServerLogger;
}
